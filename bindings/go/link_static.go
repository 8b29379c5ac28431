// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build afflux_static

package afflux

// #cgo pkg-config: --static afflux
import "C"
