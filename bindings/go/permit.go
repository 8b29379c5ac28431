// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include <stdlib.h>
// #include "glue.h"
import "C"

import (
	"context"
	"runtime"
	"time"
	"unsafe"
)

// Permit is permits with an owner: given back at most once, however often Release is called. Its
// hold time is counted (StatisticsFull), and it stands in the ledger (Options.Ledger). Its methods
// may be called by any number of goroutines at once. It must not be copied. One that a [Tenant] has
// acquired gives back to that.
//
// A Permit that is dropped without Release stays counted as held, and keeps its semaphore's memory:
// Semaphore.Holders and Semaphore.Health show such a leak.
type Permit struct {
	_     noCopy
	token C.afflux_permit_token
	sem   *Semaphore
}

// AcquirePermit is [Semaphore.AcquireWith] with a Permit for the result.
//
//	permit, err := sem.AcquirePermit(ctx, afflux.Request{Tag: "upload"})
//	if err != nil {
//		return err
//	}
//	defer permit.Release()
func (s *Semaphore) AcquirePermit(ctx context.Context, request Request) (*Permit, error) {
	tag, err := cString(request.Tag)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(tag))
	if err := s.AcquireWith(ctx, request); err != nil {
		return nil, err
	}
	return s.own(request, tag)
}

// TryAcquirePermit is [Semaphore.TryAcquireWith] with a Permit for the result.
func (s *Semaphore) TryAcquirePermit(request Request) (*Permit, error) {
	tag, err := cString(request.Tag)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(tag))
	if err := s.TryAcquireWith(request); err != nil {
		return nil, err
	}
	return s.own(request, tag)
}

// own makes a Permit of what request has acquired, and gives it back where that fails.
func (s *Semaphore) own(request Request, tag *C.char) (*Permit, error) {
	n, _ := request.permits()
	p, err := s.adopt(n, tag)
	if err != nil {
		call(C.afflux_go_release(s.at(), C.uint64_t(n)))
		runtime.KeepAlive(s)
	}
	return p, err
}

// Adopt makes a Permit of n permits that the caller holds already: the Permit gives them back from
// now on. Errors: [ErrInvalid] (n is below 1), [ErrOverflow] (fewer than n are held in all).
func (s *Semaphore) Adopt(n int64, tag string) (*Permit, error) {
	if n < 1 {
		return nil, ErrInvalid
	}
	c, err := cString(tag)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(c))
	return s.adopt(n, c)
}

func (s *Semaphore) adopt(n int64, tag *C.char) (*Permit, error) {
	p := &Permit{sem: s}
	status := C.afflux_permit_adopt_tagged(s.handle(), C.uint64_t(n), tag, &p.token)
	if status != statusOK {
		return nil, Error(status)
	}
	return p, nil
}

// Release gives back what the Permit holds. A second call, or one after Forget, answers
// [ErrAlready] and does nothing. [ErrOverflow]: fewer were held, for some had been given to
// Semaphore.Release by mistake.
func (p *Permit) Release() error {
	raceRelease(p.sem.object())
	status := call(C.afflux_go_permit_release(&p.token))
	runtime.KeepAlive(p)
	return toError(status)
}

// Forget empties the Permit without giving anything back: its permits stay counted as held until as
// many are given to Semaphore.Release, or to Tenant.Release if they are a tenant's. Error:
// [ErrAlready].
func (p *Permit) Forget() error {
	return toError(int64(C.afflux_permit_forget(&p.token)))
}

// Split moves n permits, 1 … Count − 1, into a Permit of its own, with the same time of
// acquisition. Errors: [ErrAlready] (it is empty), [ErrInvalid].
func (p *Permit) Split(n int64) (*Permit, error) {
	if n < 1 {
		return nil, ErrInvalid
	}
	other := &Permit{sem: p.sem}
	status := C.afflux_permit_split(&p.token, C.uint64_t(n), &other.token)
	if status != statusOK {
		return nil, Error(status)
	}
	return other, nil
}

// Merge moves all permits of other, which is then empty, into p. Errors: [ErrAlready] (one of them
// is empty), [ErrInvalid] (both are the same, or of different semaphores or tenants).
func (p *Permit) Merge(other *Permit) error {
	return toError(int64(C.afflux_permit_merge(&p.token, &other.token)))
}

// Count is the number of permits that it holds, 0 when it is empty.
func (p *Permit) Count() int64 { return int64(C.afflux_permit_count(&p.token)) }

// ID is unique in the process, never 0; 0 when it is empty.
func (p *Permit) ID() uint64 { return uint64(C.afflux_permit_id(&p.token)) }

// HeldFor is the time since its permits were acquired; 0 when it is empty.
func (p *Permit) HeldFor() time.Duration {
	return time.Duration(C.afflux_permit_held_ns(&p.token))
}

// Holder is a line of the ledger: a [Permit], or another language's token.
type Holder struct {
	ID      uint64
	Permits int64
	HeldFor time.Duration
	Tag     string
}

// Holders tells who holds permits, in no particular order, and how many permits are held without a
// line in the ledger: by plain acquires, or because it was full. Errors: [ErrNotSupported] (without
// Options.Ledger), [ErrNoMemory].
func (s *Semaphore) Holders() (holders []Holder, untold int64, err error) {
	var c C.afflux_go_holders
	C.afflux_go_holders_read(s.at(), &c)
	defer C.free(unsafe.Pointer(c.lines))
	runtime.KeepAlive(s)
	if c.status != statusOK {
		return nil, 0, Error(c.status)
	}
	for _, line := range unsafe.Slice(c.lines, int(c.count)) {
		holders = append(holders, Holder{
			ID:      uint64(line.id),
			Permits: int64(line.permits),
			HeldFor: time.Duration(line.held_ns),
			Tag:     C.GoString(&line.tag[0]),
		})
	}
	return holders, int64(c.untold), nil
}
