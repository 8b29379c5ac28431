// SPDX-License-Identifier: MIT OR Apache-2.0

module afflux/peers

go 1.19
