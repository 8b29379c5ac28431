// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include <afflux/afflux.h>
import "C"

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// block is afflux_fastpath: free permits are taken and given back by a compare-and-swap on it,
// without a call. afflux.h, "Inline fast path", has the rules.
type block struct {
	layout, reserved uint32
	word             uint64
	limit            uint64
	taken            uint64
	beyond           uint64
	peak             uint64
}

// The build fails here if the header's struct is another one.
var _ [unsafe.Sizeof(C.afflux_fastpath{})]byte = [unsafe.Sizeof(block{})]byte{}

const (
	flagBits    = 0x3ff   // any of them set: make the call
	permitShift = 20      // permits available, signed, from here up
	countOne    = 1 << 14 // layout 3: one acquire
	countBits   = 0x3f << 14
	countTop    = 1 << 19 // layout 3: the next acquire moves the count to `taken`
)

// inline has what the fast path needs; without a block every acquire and release makes the call.
type inline struct {
	block *block
	one   uint64 // what an acquire adds to the word for the count: countOne, or 0 for layout 2
	top   uint64 // countTop, or 0 for layout 2
}

func (i *inline) init(sem *C.afflux_sem) {
	b := (*block)(unsafe.Pointer(C.afflux_sem_fastpath(sem)))
	switch {
	case b.layout == 2 && b.reserved&C.AFFLUX_FASTPATH_COUNTED == 0:
		i.block = b
	case b.layout == 3:
		i.block = b
		i.one, i.top = countOne, countTop
	}
}

// take takes n permits if they are free and no request queues; false: make the call. n is 1 or more.
func (s *Semaphore) take(n int64) bool {
	b := s.block
	if b == nil {
		return false
	}
	for {
		w := atomic.LoadUint64(&b.word)
		if w&flagBits != 0 || int64(w)>>permitShift < n {
			return false
		}
		v := w - uint64(n)<<permitShift + s.one
		if w&s.top != 0 {
			v = (w - uint64(n)<<permitShift) &^ countBits
		}
		if !atomic.CompareAndSwapUint64(&b.word, w, v) {
			continue
		}
		if s.one != 0 && (w&s.top != 0 || n > 1 ||
			atomic.LoadUint64(&b.limit)-uint64(int64(v)>>permitShift) > atomic.LoadUint64(&b.peak)) {
			s.count(b, w, v, n)
		}
		raceAcquire(s.object())
		runtime.KeepAlive(s)
		return true
	}
}

// count does what remains to be counted of an acquire that exchanged w for v.
func (s *Semaphore) count(b *block, w, v uint64, n int64) {
	if w&countTop != 0 {
		atomic.AddUint64(&b.taken, (w&countBits)>>14+1)
	}
	if n > 1 {
		atomic.AddUint64(&b.beyond, uint64(n-1))
	}
	if atomic.LoadUint64(&b.limit)-uint64(int64(v)>>permitShift) > atomic.LoadUint64(&b.peak) {
		C.afflux_sem_note_peak(s.sem, C.uint64_t(v))
	}
}

// give gives n permits back while no request queues; false: make the call. n is 1 or more.
func (s *Semaphore) give(n int64) bool {
	b := s.block
	if b == nil {
		return false
	}
	for {
		w := atomic.LoadUint64(&b.word)
		if w&flagBits != 0 {
			return false
		}
		if uint64(n) > atomic.LoadUint64(&b.limit)-uint64(int64(w)>>permitShift) {
			return false
		}
		raceRelease(s.object())
		if atomic.CompareAndSwapUint64(&b.word, w, w+uint64(n)<<permitShift) {
			runtime.KeepAlive(s)
			return true
		}
	}
}
