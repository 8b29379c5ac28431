// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include "glue.h"
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// Event is set by a notification and waited for by goroutines, and by threads and requests of other
// languages. An auto-reset event lets one wait pass for each notification; a manual-reset one lets
// all pass until Clear. A notification that finds no waiter is remembered. Create one by [NewEvent].
// All methods may be called by any number of goroutines at once. An event that is not reachable any
// more is freed.
type Event struct {
	_     noCopy
	event *C.afflux_event
}

// NewEvent creates an event that is not set. Error: [ErrNoMemory].
func NewEvent(manualReset bool) (*Event, error) {
	manual := C.int32_t(0)
	if manualReset {
		manual = 1
	}
	var handle *C.afflux_event
	if status := C.afflux_event_create(manual, C.AFFLUX_QUEUE_AUTO, &handle); status != statusOK {
		return nil, Error(status)
	}
	return adoptEvent(handle), nil
}

func adoptEvent(handle *C.afflux_event) *Event {
	e := &Event{event: handle}
	runtime.SetFinalizer(e, func(e *Event) {
		call(C.afflux_go_event(e.at(), C.AFFLUX_GO_UNREF))
	})
	return e
}

// EventFromHandle makes an Event of an afflux_event*, to share it with another language in the
// process. It adds a reference of its own; handle is borrowed for the call.
func EventFromHandle(handle unsafe.Pointer) *Event {
	if handle == nil {
		panic("afflux: EventFromHandle of nil")
	}
	return adoptEvent(C.afflux_event_ref((*C.afflux_event)(handle)))
}

// Handle is the afflux_event*, borrowed: valid while e is reachable.
func (e *Event) Handle() unsafe.Pointer { return unsafe.Pointer(e.event) }

func (e *Event) at() C.uintptr_t {
	if e.event == nil {
		panic("afflux: use of an Event that was not made by NewEvent")
	}
	return address(unsafe.Pointer(e.event))
}

// Wait waits until the event is set, or until ctx is done: then it answers ctx.Err(), and no
// notification is lost. An event that is set wins over a context that is done meanwhile, but not over
// one that was done before the call.
func (e *Event) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := getWaiter()
	status := call(C.afflux_go_event_wait(e.at(), w.at))
	cancelled := false
	if status == statusPending {
		status, cancelled = w.wait(ctx.Done())
	}
	putWaiter(w)
	if cancelled {
		return ctx.Err()
	}
	if status == statusOK {
		raceAcquire(unsafe.Pointer(e.event))
	}
	runtime.KeepAlive(e)
	return toError(status)
}

func (e *Event) notify(what C.int32_t) {
	at := e.at()
	raceRelease(unsafe.Pointer(e.event))
	call(C.afflux_go_event(at, what))
	runtime.KeepAlive(e)
}

// NotifyOne lets the first waiter pass; without any the event is set. Manual-reset: the event is
// set, and all who wait pass.
func (e *Event) NotifyOne() { e.notify(C.AFFLUX_GO_NOTIFY_ONE) }

// NotifyAll lets all pass who wait now; without any the event is set.
func (e *Event) NotifyAll() { e.notify(C.AFFLUX_GO_NOTIFY_ALL) }

// Pulse lets all pass who wait now, and remembers nothing.
func (e *Event) Pulse() { e.notify(C.AFFLUX_GO_PULSE) }

// Clear makes the event not set. Who waits goes on waiting.
func (e *Event) Clear() {
	e.at()
	C.afflux_event_clear(e.event)
	runtime.KeepAlive(e)
}

// IsSet reports whether the event is set at this moment.
func (e *Event) IsSet() bool {
	set := C.afflux_event_is_set(e.event) != 0
	runtime.KeepAlive(e)
	return set
}

// Waiters is the number of those who wait now.
func (e *Event) Waiters() int64 {
	n := C.afflux_event_waiters(e.event)
	runtime.KeepAlive(e)
	return int64(n)
}
