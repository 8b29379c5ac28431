// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include <stdlib.h>
// #include "glue.h"
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"unsafe"
)

// MaxItems is how many items [AcquireAny] and [AcquireAll] take at most.
const MaxItems = C.AFFLUX_WAIT_ITEMS_MAX

// Item is one of several to wait for: permits of a semaphore, or the signal of an event.
type Item struct {
	Semaphore *Semaphore
	Event     *Event
	// Permits of Semaphore; 0 means 1.
	Permits int64
}

func (i *Item) permits() int64 {
	if i.Permits == 0 {
		return 1
	}
	return i.Permits
}

func (i *Item) acquired() {
	if i.Semaphore != nil {
		raceAcquire(i.Semaphore.object())
	} else {
		raceAcquire(unsafe.Pointer(i.Event.event))
	}
}

// AcquireAny waits for any one of items, and answers its index. Of those that are free at once it is
// the first, later the one that comes first; the others are untouched. The caller owes its permits
// to Semaphore.Release; nothing for an event. Errors: ctx.Err(), [ErrClosed], [ErrRejected],
// [ErrTimeout], [ErrTooBig], and [ErrInvalid] for no items, more than [MaxItems], or an Item that
// is not exactly one of semaphore and event. An item that comes while ctx is done wins over ctx.
func AcquireAny(ctx context.Context, items ...Item) (int, error) {
	index, err := acquireSeveral(ctx, items, false)
	if err == nil {
		items[index].acquired()
	}
	return index, err
}

// AcquireAll waits for all of items: in the end all are held, or none. They are acquired one after
// the other in one order for all calls of this kind in the process, so that these never wait for
// each other in a circle. Errors as for [AcquireAny].
func AcquireAll(ctx context.Context, items ...Item) error {
	_, err := acquireSeveral(ctx, items, true)
	if err == nil {
		for i := range items {
			items[i].acquired()
		}
	}
	return err
}

func acquireSeveral(ctx context.Context, items []Item, all bool) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if len(items) == 0 || len(items) > MaxItems {
		return 0, fmt.Errorf("%w: %d items", ErrInvalid, len(items))
	}
	several := C.afflux_go_several_new()
	if several == nil {
		return 0, ErrNoMemory
	}
	defer C.free(unsafe.Pointer(several))
	for i := range items {
		item := &items[i]
		if (item.Semaphore == nil) == (item.Event == nil) || item.Permits < 0 {
			return 0, fmt.Errorf("%w: item %d is %+v", ErrInvalid, i, *item)
		}
		var s, e C.uintptr_t
		if item.Semaphore != nil {
			s = item.Semaphore.at()
		} else {
			e = item.Event.at()
		}
		C.afflux_go_several_add(several, s, e, C.uint64_t(item.permits()))
	}
	whole := C.int32_t(0)
	if all {
		whole = 1
	}
	w := getWaiter()
	result := C.afflux_go_several_begin(several, whole, w.at)
	status, index := call(result), int(result.number)
	cancelled := false
	if status == statusPending {
		status, cancelled = w.wait(ctx.Done())
		index = int(C.afflux_wait_group_index(&several.group))
	}
	putWaiter(w)
	runtime.KeepAlive(items)
	if cancelled || status == C.AFFLUX_ECANCELED { // the latter: taken back in the midst of its end
		return 0, ctx.Err()
	}
	if status != statusOK {
		return 0, Error(status)
	}
	return index, nil
}
