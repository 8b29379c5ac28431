// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build afflux_static

package foreign

// #cgo pkg-config: --static afflux
import "C"
