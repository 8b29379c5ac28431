// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build race

package afflux

import (
	"runtime"
	"unsafe"
)

// The race detector does not see atomics on C memory, nor what C does. So a release and an acquire
// tell it what they order. It knows Go's memory only: a byte there stands for a semaphore or an
// event. The byte is found by the address of the C object, which several Go objects may share. Two
// objects on one byte only hide races between them.
var raceBytes [1024]byte

func raceByte(object unsafe.Pointer) unsafe.Pointer {
	return unsafe.Pointer(&raceBytes[uintptr(object)>>6%uintptr(len(raceBytes))])
}

func raceAcquire(object unsafe.Pointer) { runtime.RaceAcquire(raceByte(object)) }
func raceRelease(object unsafe.Pointer) { runtime.RaceReleaseMerge(raceByte(object)) }
