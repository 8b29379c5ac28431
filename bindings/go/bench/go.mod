// SPDX-License-Identifier: MIT OR Apache-2.0

module github.com/afflux/afflux/bindings/go/bench

go 1.26.0

require (
	github.com/afflux/afflux/bindings/go v0.0.0
	golang.org/x/sync v0.25.0
)

replace github.com/afflux/afflux/bindings/go => ../
