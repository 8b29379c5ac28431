// SPDX-License-Identifier: MIT OR Apache-2.0

module github.com/afflux/afflux/bindings/go

go 1.21
