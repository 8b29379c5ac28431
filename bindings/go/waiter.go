// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include "glue.h"
import "C"

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// waiter is what a goroutine waits by: a request's memory, which the library borrows, and a channel
// for the outcome. A goroutine has it from getWaiter to putWaiter.
type waiter struct {
	slot  *C.afflux_go_slot
	at    C.uintptr_t // the address of slot
	index uint64      // of its outcome in the table
	outcome
}

// outcome is where the status of a request comes to.
type outcome struct {
	done chan int32 // of capacity 1: the one who completes a request never waits
}

var waiters = sync.Pool{New: newWaiter}

func getWaiter() *waiter  { return waiters.Get().(*waiter) }
func putWaiter(w *waiter) { waiters.Put(w) }

// table leads from a slot's index to its outcome, as C must not keep Go's pointers. It does not lead
// to the waiter, so that one which the pool drops is collected, and its slot freed.
var table struct {
	sync.Mutex
	chunks atomic.Pointer[[]*tableChunk]
	size   uint64   // indexes given out
	free   []uint64 // indexes given back
}

type tableChunk [chunkSize]atomic.Pointer[outcome]

const chunkSize = 256

func tableEntry(index uint64) *atomic.Pointer[outcome] {
	chunks := *table.chunks.Load()
	return &chunks[index/chunkSize][index%chunkSize]
}

func newIndex() uint64 {
	table.Lock()
	defer table.Unlock()
	if n := len(table.free); n > 0 {
		index := table.free[n-1]
		table.free = table.free[:n-1]
		return index
	}
	if table.size%chunkSize == 0 {
		var chunks []*tableChunk
		if old := table.chunks.Load(); old != nil {
			chunks = *old
		}
		// In a copy, for others read the old slice.
		chunks = append(chunks[:len(chunks):len(chunks)], new(tableChunk))
		table.chunks.Store(&chunks)
	}
	table.size++
	return table.size - 1
}

func newWaiter() any {
	index := newIndex()
	slot := C.afflux_go_slot_new(C.uint64_t(index))
	if slot == nil {
		panic("afflux: no memory for a waiter")
	}
	w := &waiter{slot, address(unsafe.Pointer(slot)), index, outcome{make(chan int32, 1)}}
	tableEntry(index).Store(&outcome{w.done})
	runtime.SetFinalizer(w, freeWaiter)
	return w
}

func freeWaiter(w *waiter) {
	C.afflux_go_slot_free(w.at)
	tableEntry(w.index).Store(nil)
	table.Lock()
	table.free = append(table.free, w.index)
	table.Unlock()
}

// deliver wakes the goroutines whose requests have completed during a call.
func deliver(slot *C.afflux_go_slot) {
	for slot != nil {
		next := slot.next // the goroutine may use the slot again at once
		tableEntry(uint64(slot.index)).Load().done <- int32(slot.status)
		slot = next
	}
}

// affluxGoComplete is told of a completion on a thread that is not inside a call of glue.h: a timer's,
// a helper's, or another language's.
//
//export affluxGoComplete
func affluxGoComplete(slot *C.afflux_go_slot) {
	tableEntry(uint64(slot.index)).Load().done <- int32(slot.status)
}

// call ends a call of glue.h: it wakes whom the call has completed, and answers its status.
func call(result C.afflux_go_result) int64 {
	if result.done != nil {
		deliver(result.done)
	}
	return int64(result.status)
}

// wait waits for the outcome of a request that is queued in w, or for done. cancelled: the request was
// taken back, and there is no outcome. An outcome may come although done is closed.
func (w *waiter) wait(done <-chan struct{}) (status int64, cancelled bool) {
	if done == nil {
		return int64(<-w.done), false
	}
	select {
	case status := <-w.done:
		return int64(status), false
	case <-done:
	}
	return w.cancel()
}

// finish waits for a request for permits in w, if its call has answered with status that it is queued,
// and is done with w. object stands for the semaphore before the race detector. unwanted: the permits
// are held, and ctx is done, which wins over them.
func (w *waiter) finish(ctx context.Context, status int64,
	object unsafe.Pointer) (unwanted bool, err error) {
	done := ctx.Done()
	if status == statusPending {
		var cancelled bool
		if status, cancelled = w.wait(done); cancelled {
			putWaiter(w)
			return false, ctx.Err()
		}
	}
	putWaiter(w)
	raceAcquire(object) // for an error, too: ErrClosed happens after the close
	if status != statusOK {
		return false, toError(status)
	}
	if isDone(done) {
		return true, ctx.Err()
	}
	return false, nil
}

// cancel takes back a request that is queued in w. Where that is too late, it waits for the outcome,
// which is there or on its way.
func (w *waiter) cancel() (status int64, cancelled bool) {
	C.afflux_go_cancel(w.at)
	if call(w.slot.result) == statusOK {
		return 0, true
	}
	return int64(<-w.done), false
}

// isDone reports whether done, of a context, is closed.
func isDone(done <-chan struct{}) bool {
	if done == nil {
		return false
	}
	select {
	case <-done:
		return true
	default:
		return false
	}
}
