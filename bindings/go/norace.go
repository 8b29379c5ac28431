// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !race

package afflux

import "unsafe"

func raceAcquire(unsafe.Pointer) {}
func raceRelease(unsafe.Pointer) {}
