// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include <stdlib.h>
// #include "glue.h"
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"time"
	"unsafe"
)

// MaxPermits is the largest limit of a semaphore.
const MaxPermits = 1<<42 - 1

// Version is that of the library at run time, for example "0.1.0".
func Version() string { return C.GoString(C.afflux_version_string()) }

// Semaphore limits work in flight to a number of permits. Create one by [New] or [NewWeighted]. It
// must not be copied. All methods but [Semaphore.Unref] may be called by any number of goroutines
// at once.
//
// A semaphore that is not reachable any more is freed. So neither Close nor Unref has to be called.
type Semaphore struct {
	_ noCopy
	inline
	sem     *C.afflux_sem // one reference; nil: dropped by Unref
	changes changes
}

// noCopy has go vet tell of copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Weighted is [Semaphore], by the name that golang.org/x/sync/semaphore gives it.
type Weighted = Semaphore

// NewWeighted creates a semaphore of n permits with the default options, as the function of that
// name in golang.org/x/sync/semaphore. It panics where n is negative or above [MaxPermits].
func NewWeighted(n int64) *Weighted {
	if n < 0 {
		panic("semaphore: size < 0")
	}
	s, err := New(Options{Permits: n})
	if err != nil {
		panic(err)
	}
	return s
}

// New creates a semaphore, with all permits free. The error is [ErrInvalid], wrapped, where an
// option is out of its range, and [ErrNoMemory].
func New(options Options) (*Semaphore, error) {
	var c C.afflux_sem_options
	C.afflux_sem_options_init(&c)
	switch {
	case options.Permits < 0 || options.Permits > MaxPermits:
		return nil, fmt.Errorf("%w: Options.Permits is %d", ErrInvalid, options.Permits)
	case options.WaiterTimeout < 0:
		return nil, fmt.Errorf("%w: Options.WaiterTimeout is %v", ErrInvalid, options.WaiterTimeout)
	case options.SlowWait < 0:
		return nil, fmt.Errorf("%w: Options.SlowWait is %v", ErrInvalid, options.SlowWait)
	}
	if err := options.shedding(&c); err != nil {
		return nil, err
	}
	c.permits = C.uint64_t(options.Permits)
	c.queue = C.uint32_t(options.Queue)
	c.fairness = C.uint32_t(options.Fairness)
	c.overflow = C.uint32_t(options.Overflow)
	c.max_waiters = C.uint64_t(options.MaxWaiters)
	c.max_queue_bytes = C.uint64_t(options.MaxQueueBytes)
	c.statistics = C.uint32_t(options.Statistics)
	c.ledger = C.uint32_t(options.Ledger)
	if options.WaiterTimeout > 0 {
		c.waiter_timeout_ns = C.int64_t(options.WaiterTimeout)
	}
	name, err := cString(options.Name)
	if err != nil {
		return nil, fmt.Errorf("%w: Options.Name", err)
	}
	defer C.free(unsafe.Pointer(name))
	c.name = name
	slowWaits := addSlowWaits(options.OnSlowWait)
	if options.OnSlowWait != nil {
		C.afflux_go_tell_slow_waits(&c, C.int64_t(options.SlowWait), C.uint64_t(slowWaits))
	}
	var handle *C.afflux_sem
	if status := C.afflux_sem_create(&c, &handle); status != statusOK {
		removeSlowWaits(slowWaits)
		return nil, fmt.Errorf("%w: %+v", Error(status), options)
	}
	return adopt(handle, slowWaits), nil
}

// adopt makes a Semaphore of a reference that is the caller's.
func adopt(handle *C.afflux_sem, slowWaits uint64) *Semaphore {
	s := new(Semaphore)
	s.init(handle)
	s.sem = handle
	runtime.SetFinalizer(s, func(s *Semaphore) {
		s.Unref()
		removeSlowWaits(slowWaits)
	})
	return s
}

// FromHandle makes a Semaphore of an afflux_sem*, to share a semaphore with another language in the
// process, which must use the same copy of the library. It adds a reference of its own; handle is
// borrowed for the call.
func FromHandle(handle unsafe.Pointer) *Semaphore {
	if handle == nil {
		panic("afflux: FromHandle of nil")
	}
	return adopt(C.afflux_sem_ref((*C.afflux_sem)(handle)), 0)
}

// Handle is the afflux_sem* of the semaphore, for another language in the process. It is borrowed:
// valid while s is reachable and Unref has not been called; who keeps it longer adds a reference by
// afflux_sem_ref().
func (s *Semaphore) Handle() unsafe.Pointer { return unsafe.Pointer(s.handle()) }

// Unref drops the semaphore at once instead of at some garbage collection: if no other language has a
// reference, its memory is freed. No other method may be under way: Close before, to end the waits.
// Later ones panic. A second Unref does nothing.
func (s *Semaphore) Unref() {
	handle := s.sem
	if handle == nil {
		return
	}
	s.sem, s.inline = nil, inline{}
	call(C.afflux_go_unref(address(unsafe.Pointer(handle))))
}

// handle is the C handle. A caller of handle or at must keep s alive (runtime.KeepAlive) until the
// call that uses it is over.
func (s *Semaphore) handle() *C.afflux_sem {
	if s.sem == nil {
		panic("afflux: use of a Semaphore that was not made by New, or after its Unref")
	}
	return s.sem
}

// object stands for the semaphore before the race detector.
func (s *Semaphore) object() unsafe.Pointer { return unsafe.Pointer(s.sem) }

func (s *Semaphore) at() C.uintptr_t { return address(unsafe.Pointer(s.handle())) }

func address(object unsafe.Pointer) C.uintptr_t { return C.uintptr_t(uintptr(object)) }

// Acquire takes n permits, and waits for them until ctx is done. On success it answers nil; else
// ctx.Err(), and nothing is taken. Where ctx is done already, or is done when the permits come, it
// answers ctx.Err() although permits are free.
//
// A semaphore with more than the defaults may also answer [ErrClosed], [ErrRejected], [ErrTimeout]
// (Options.WaiterTimeout), and [ErrTooBig] where a Resize has made a waiting request impossible. As
// in golang.org/x/sync/semaphore, a call that asks for more than the limit waits for ctx to be done,
// and holds back no other call. It joins the queue once Resize or ResizeBy of this Semaphore lets the
// limit grow, and ends by its Close; it does not notice when another language does so, or another
// Semaphore of the same handle. [Semaphore.AcquireWith] answers ErrTooBig instead.
//
// It panics where n is negative. With 0 nothing is taken, and it does not wait.
func (s *Semaphore) Acquire(ctx context.Context, n int64) error {
	if n <= 0 {
		return s.acquireNone(ctx, n)
	}
	done := ctx.Done()
	if isDone(done) {
		return ctx.Err()
	}
	if s.take(n) {
		return nil
	}
	w, status := s.begin(n)
	if status == C.AFFLUX_E2BIG {
		putWaiter(w)
		return s.acquireTooBig(ctx, n)
	}
	if status == statusPending {
		// Here, and not in a function of its own: after a switch of goroutines the processor
		// predicts no return right.
		if done == nil {
			status = int64(<-w.done)
		} else {
			select {
			case outcome := <-w.done:
				status = int64(outcome)
			case <-done:
				var cancelled bool
				if status, cancelled = w.cancel(); cancelled {
					putWaiter(w)
					return ctx.Err()
				}
			}
		}
	}
	putWaiter(w)
	raceAcquire(s.object()) // for an error, too: ErrClosed happens after the close
	if status != statusOK {
		return toError(status)
	}
	if isDone(done) { // it wins over the permits
		s.Release(n)
		return ctx.Err()
	}
	runtime.KeepAlive(s)
	return nil
}

func (s *Semaphore) acquireNone(ctx context.Context, n int64) error {
	if n < 0 {
		panic("semaphore: n < 0")
	}
	if isDone(ctx.Done()) {
		return ctx.Err()
	}
	if s.IsClosed() {
		return ErrClosed
	}
	return nil
}

// begin takes n permits, or queues a request for them in w.
func (s *Semaphore) begin(n int64) (w *waiter, status int64) {
	w = getWaiter()
	C.afflux_go_acquire(s.at(), C.uint64_t(n), w.at)
	return w, call(w.slot.result)
}

// finish waits for a request for n permits in w, if its call has answered that it is queued.
func (s *Semaphore) finish(ctx context.Context, w *waiter, n, status int64) error {
	unwanted, err := w.finish(ctx, status, s.object())
	if unwanted {
		s.Release(n)
	}
	runtime.KeepAlive(s)
	return err
}

// TryAcquire takes n permits if they are free and no request waits, and reports whether it did. It
// panics where n is negative. TryAcquire(0) reports whether no request waits.
func (s *Semaphore) TryAcquire(n int64) bool {
	if n > 0 && s.take(n) {
		return true
	}
	return s.tryAcquire(n)
}

func (s *Semaphore) tryAcquire(n int64) bool {
	if n <= 0 {
		if n < 0 {
			panic("semaphore: n < 0")
		}
		return !s.IsClosed() && s.Waiters() == 0
	}
	ok := call(C.afflux_go_try_acquire(s.at(), C.uint64_t(n))) == statusOK
	if ok {
		raceAcquire(s.object())
	}
	runtime.KeepAlive(s)
	return ok
}

// Release gives n permits back, and wakes the goroutines whose requests now fit. Any goroutine may
// release what another acquired. It panics where n is negative or more than what is held.
func (s *Semaphore) Release(n int64) {
	if n > 0 && s.give(n) {
		return
	}
	s.release(n)
}

func (s *Semaphore) release(n int64) {
	if n <= 0 {
		if n < 0 {
			panic("semaphore: n < 0")
		}
		return
	}
	handle := s.handle()
	raceRelease(unsafe.Pointer(handle))
	status := call(C.afflux_go_release(address(unsafe.Pointer(handle)), C.uint64_t(n)))
	if status != statusOK {
		panic("semaphore: released more than held")
	}
	runtime.KeepAlive(s)
}

// TryAcquireUpTo takes as many permits as are free, between min and max, in one step, and answers
// how many. Errors: [ErrWouldWait] (fewer than min are free, or others wait), [ErrClosed],
// [ErrTooBig] (min is above the limit), [ErrInvalid] (not 0 ≤ min ≤ max, or max is 0).
func (s *Semaphore) TryAcquireUpTo(min, max int64) (int64, error) {
	if min < 0 || max <= 0 || min > max {
		return 0, fmt.Errorf("%w: TryAcquireUpTo(%d, %d)", ErrInvalid, min, max)
	}
	result := C.afflux_go_try_acquire_up_to(s.at(), C.uint64_t(min), C.uint64_t(max))
	return s.taken(result)
}

// Drain takes all permits that are free, 0 while a request waits, and answers how many. Error:
// [ErrClosed].
func (s *Semaphore) Drain() (int64, error) {
	return s.taken(C.afflux_go_drain(s.at()))
}

func (s *Semaphore) taken(result C.afflux_go_result) (int64, error) {
	status := call(result)
	if status == statusOK {
		raceAcquire(s.object())
	}
	runtime.KeepAlive(s)
	return int64(result.number), toError(status)
}

// Resize sets the limit, 0 … [MaxPermits]. Growth lets waiting requests in at once. After a shrink
// below what is held nothing is let in until enough has been released; waiting requests for more
// than the new limit end with [ErrTooBig], unless Request.WaitForResize is set. Error: [ErrInvalid].
func (s *Semaphore) Resize(permits int64) error {
	if permits < 0 || permits > MaxPermits {
		return fmt.Errorf("%w: Resize(%d)", ErrInvalid, permits)
	}
	status := call(C.afflux_go_resize(s.at(), C.uint64_t(permits)))
	s.changes.tell()
	runtime.KeepAlive(s)
	return toError(status)
}

// ResizeBy changes the limit by delta, in one step beside others who do so, and answers the new
// one. Error: [ErrOverflow] where it would leave 0 … [MaxPermits].
func (s *Semaphore) ResizeBy(delta int64) (int64, error) {
	result := C.afflux_go_resize_by(s.at(), C.int64_t(delta))
	status := call(result)
	s.changes.tell()
	runtime.KeepAlive(s)
	return int64(result.number), toError(status)
}

// Close closes the semaphore for good: requests that wait, and later ones, get [ErrClosed]. Permits
// that are held may still be released, and the observers go on. A second Close answers
// [ErrAlready].
func (s *Semaphore) Close() error {
	handle := s.handle()
	raceRelease(unsafe.Pointer(handle))
	status := call(C.afflux_go_close(address(unsafe.Pointer(handle))))
	s.changes.tell()
	runtime.KeepAlive(s)
	return toError(status)
}

// WaitIdle waits until nothing is held and no request waits, at some moment, or until ctx is done.
// A shutdown closes first: Close, then WaitIdle.
func (s *Semaphore) WaitIdle(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := getWaiter()
	status := call(C.afflux_go_wait_idle(s.at(), w.at))
	cancelled := false
	if status == statusPending {
		status, cancelled = w.wait(ctx.Done())
	}
	putWaiter(w)
	if cancelled {
		return ctx.Err()
	}
	if status == statusOK {
		raceAcquire(s.object())
	}
	runtime.KeepAlive(s)
	return toError(status)
}

// cString is a copy for C, nil for "". The caller frees it.
func cString(text string) (*C.char, error) {
	if text == "" {
		return nil, nil
	}
	for i := 0; i < len(text); i++ {
		if text[i] == 0 {
			return nil, fmt.Errorf("%w: a NUL in %q", ErrInvalid, text)
		}
	}
	return C.CString(text), nil
}

// toTimeout is a time limit for C: 0 is none.
func toTimeout(limit time.Duration) C.int64_t {
	if limit == 0 {
		return C.AFFLUX_FOREVER
	}
	return C.int64_t(limit)
}
