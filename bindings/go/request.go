// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include "glue.h"
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// Priority orders the requests that wait: a higher one goes first, and ageing keeps lower ones
// alive. The zero value is PriorityNormal.
type Priority int8

// The priorities.
const (
	PriorityLow      Priority = -1
	PriorityNormal   Priority = 0
	PriorityHigh     Priority = 1
	PriorityCritical Priority = 2
)

// Request tells [Semaphore.AcquireWith] what is asked for. The zero value asks for one permit.
type Request struct {
	// Permits is how many; 0 means 1.
	Permits int64
	// Priority orders the request among those that wait.
	Priority Priority
	// Timeout is the longest wait; 0: Options.WaiterTimeout. It is at most a millisecond late, and
	// cheaper than a context with a deadline.
	Timeout time.Duration
	// CostBytes counts against Options.MaxQueueBytes while the request waits.
	CostBytes uint64
	// WaitForResize: wait although more is asked for than the limit, for a Resize is expected. Such
	// a request holds back those behind it. With a Tenant: although more than its Cap, for a Set is
	// expected; then it holds back those of the tenant.
	WaitForResize bool
	// Client is what the request is accounted to; nil: nothing. Not for a request of a Tenant.
	Client *Client
	// Tag is what the ledger tells of a Permit; cut after 47 bytes. Only for AcquirePermit.
	Tag string
}

// permits validates the request.
func (r *Request) permits() (int64, error) {
	n := r.Permits
	if n == 0 {
		n = 1
	}
	if n < 0 {
		return 0, fmt.Errorf("%w: Request.Permits is %d", ErrInvalid, r.Permits)
	}
	if r.Timeout < 0 {
		return 0, fmt.Errorf("%w: Request.Timeout is %v", ErrInvalid, r.Timeout)
	}
	if r.Priority < PriorityLow || r.Priority > PriorityCritical {
		return 0, fmt.Errorf("%w: Request.Priority is %d", ErrInvalid, r.Priority)
	}
	return n, nil
}

// toC is a request for n permits, without a client.
func (r *Request) toC(n int64, timeout C.int64_t) C.afflux_go_request {
	c := C.afflux_go_request{
		permits:    C.uint64_t(n),
		cost_bytes: C.uint64_t(r.CostBytes),
		timeout_ns: timeout,
		priority:   C.uint32_t(r.Priority + 1),
	}
	if r.WaitForResize {
		c.flags = C.AFFLUX_WAIT_FOR_RESIZE
	}
	return c
}

// AcquireWith takes permits as request tells, and waits for them until ctx is done. Without an error
// the caller owes them to [Semaphore.Release]. Errors: ctx.Err(), [ErrClosed], [ErrRejected],
// [ErrTimeout], [ErrTooBig] (more than the limit), [ErrInvalid] (a field is out of its range) and
// [ErrSystem] (no thread for the timers); with any of them nothing is taken.
func (s *Semaphore) AcquireWith(ctx context.Context, request Request) error {
	return s.acquireWith(ctx, &request, toTimeout(request.Timeout))
}

// TryAcquireWith is AcquireWith that does not wait: where it would have to it answers
// [ErrWouldWait]. Request.Timeout is ignored.
func (s *Semaphore) TryAcquireWith(request Request) error {
	request.Timeout = 0
	return s.acquireWith(context.Background(), &request, 0)
}

func (s *Semaphore) acquireWith(ctx context.Context, request *Request, timeout C.int64_t) error {
	n, err := request.permits()
	if err != nil {
		return err
	}
	if isDone(ctx.Done()) {
		return ctx.Err()
	}
	c := request.toC(n, timeout)
	if request.Client != nil {
		c.client = address(unsafe.Pointer(request.Client.handle()))
	} else if s.take(n) {
		return nil
	}
	w := getWaiter()
	status := call(C.afflux_go_acquire_request(s.at(), c, w.at))
	err = s.finish(ctx, w, n, status)
	runtime.KeepAlive(request.Client)
	return err
}

// SlowWait is a request that was granted after a long wait: [Options].OnSlowWait.
type SlowWait struct {
	Permits  int64
	Priority Priority
	Wait     time.Duration // in steps of 1.024 µs
}

// The functions that are told of slow waits, by their numbers: C keeps the number only, and may use it
// after Go has dropped the semaphore.
var slowWaits struct {
	sync.Mutex
	last uint64
	tell map[uint64]func(SlowWait)
}

func addSlowWaits(tell func(SlowWait)) uint64 {
	if tell == nil {
		return 0
	}
	slowWaits.Lock()
	defer slowWaits.Unlock()
	if slowWaits.tell == nil {
		slowWaits.tell = map[uint64]func(SlowWait){}
	}
	slowWaits.last++
	slowWaits.tell[slowWaits.last] = tell
	return slowWaits.last
}

func removeSlowWaits(id uint64) {
	if id == 0 {
		return
	}
	slowWaits.Lock()
	delete(slowWaits.tell, id)
	slowWaits.Unlock()
}

// affluxGoSlowWait starts a goroutine, as it runs within a call of the library: a panic must not
// unwind that, and the function may block.
//
//export affluxGoSlowWait
func affluxGoSlowWait(id C.uint64_t, priority C.uint32_t, permits C.uint64_t, wait C.int64_t) {
	slowWaits.Lock()
	tell := slowWaits.tell[uint64(id)]
	slowWaits.Unlock()
	if tell != nil {
		go tell(SlowWait{int64(permits), Priority(priority) - 1, time.Duration(wait)})
	}
}
