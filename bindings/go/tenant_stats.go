// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include "glue.h"
import "C"

import (
	"runtime"
	"time"
)

// TenantStats is what a tenant has, and has had. While calls are under way the numbers may be of
// different moments.
type TenantStats struct {
	// Its share; a Cap or MaxWaiters of 0 is none.
	Weight                      int
	Guaranteed, Cap, MaxWaiters uint64

	// Now.
	Held    uint64 // permits
	Waiting uint64 // requests
	// Hold is how long a permit of it has been held lately, by which the next requests are charged; 0
	// before the first has been given back.
	Hold time.Duration

	// Totals.
	Acquired    uint64 // permits
	Requests    uint64 // that got their permits
	Waits       uint64 // of these, after a wait
	ByGuarantee uint64 // of these waits, ended by its guaranteed share
	// WaitSum is of these waits; each is off by a tick of the system's clock, 1 … 16 ms, without
	// StatisticsFull.
	WaitSum   time.Duration
	WaitMax   time.Duration // the longest
	TryFailed uint64        // requests that were not to wait and found no permits
	Rejected  uint64        // by a queue limit
	TimedOut  uint64
	Canceled  uint64
	Ended     uint64 // by a close, or as too big after a change
	// UsedPermitSeconds is what it has held, permits times seconds, until its last acquire or release.
	UsedPermitSeconds float64
}

// Stats reads the tenant's share and its counters. It never waits and slows nothing down.
func (t *Tenant) Stats() TenantStats {
	var s C.afflux_tenant_stats
	C.afflux_tenant_stats_init(&s)
	C.afflux_tenant_get_stats(t.handle(), &s)
	runtime.KeepAlive(t)
	return TenantStats{
		Weight: int(s.weight), Guaranteed: uint64(s.guaranteed), Cap: uint64(s.cap),
		MaxWaiters: uint64(s.max_waiters),

		Held: uint64(s.held), Waiting: uint64(s.waiting), Hold: time.Duration(s.hold_ns),

		Acquired: uint64(s.acquired), Requests: uint64(s.requests), Waits: uint64(s.waits),
		ByGuarantee: uint64(s.by_guarantee),
		WaitSum:     time.Duration(s.wait_sum_ns), WaitMax: time.Duration(s.wait_max_ns),
		TryFailed: uint64(s.try_failed), Rejected: uint64(s.rejected),
		TimedOut: uint64(s.timed_out), Canceled: uint64(s.canceled), Ended: uint64(s.ended),
		UsedPermitSeconds: float64(s.used_permit_seconds),
	}
}
