// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include "glue.h"
import "C"

import (
	"fmt"
	"math"
	"runtime"
	"time"
	"unsafe"
)

// Stats is what a semaphore has done since it was created. At rest, for a semaphore that counts:
//
//	AcquiredFast + AcquiredAfterWait = Released + Held
//	Queued = Waiters + Granted + Canceled + TimedOut + Dropped + ClosedOut + Impossible
//
// While calls are under way the numbers may be of different moments.
type Stats struct {
	Statistics Statistics

	// Now.
	Limit, Available, Held, Waiters, QueueBytes uint64
	OldestWait                                  time.Duration // of the request that has waited longest

	// Totals of permits.
	AcquiredFast, AcquiredAfterWait, Released uint64
	// Totals of requests.
	RequestsFast, Queued, Granted, Canceled, TimedOut, Rejected, Dropped, ClosedOut, Impossible,
	TryFailed uint64
	Shed    uint64 // of Dropped: those that had waited too long (Options.ShedTarget)
	Resizes uint64

	// The histograms in short: 0 without StatisticsFull.
	WaitCount, HoldCount               uint64
	WaitSum, WaitMax, HoldSum, HoldMax time.Duration

	Age                   time.Duration
	PeakHeld, PeakWaiters uint64
}

func toStats(c *C.afflux_sem_stats) Stats {
	return Stats{
		Statistics: Statistics(c.statistics),

		Limit: uint64(c.limit), Available: uint64(c.available), Held: uint64(c.held),
		Waiters: uint64(c.waiters), QueueBytes: uint64(c.queue_bytes),
		OldestWait: time.Duration(c.oldest_wait_ns),

		AcquiredFast: uint64(c.acquired_fast), AcquiredAfterWait: uint64(c.acquired_after_wait),
		Released:     uint64(c.released),
		RequestsFast: uint64(c.requests_fast), Queued: uint64(c.queued), Granted: uint64(c.granted),
		Canceled: uint64(c.canceled), TimedOut: uint64(c.timed_out), Rejected: uint64(c.rejected),
		Dropped: uint64(c.dropped), ClosedOut: uint64(c.closed_out),
		Impossible: uint64(c.impossible), TryFailed: uint64(c.try_failed),
		Shed: uint64(c.shed), Resizes: uint64(c.resizes),

		WaitCount: uint64(c.wait_count), HoldCount: uint64(c.hold_count),
		WaitSum: time.Duration(c.wait_sum_ns), WaitMax: time.Duration(c.wait_max_ns),
		HoldSum: time.Duration(c.hold_sum_ns), HoldMax: time.Duration(c.hold_max_ns),

		Age:      time.Duration(c.age_ns),
		PeakHeld: uint64(c.peak_held), PeakWaiters: uint64(c.peak_waiters),
	}
}

// Stats reads the statistics. It never waits and slows nothing down.
func (s *Semaphore) Stats() Stats {
	var c C.afflux_sem_stats
	C.afflux_sem_stats_init(&c)
	C.afflux_sem_get_stats(s.handle(), &c)
	runtime.KeepAlive(s)
	return toStats(&c)
}

// Histogram is a distribution of times: log-linear, each bucket at most 1/16 wide of its time.
type Histogram struct{ c C.afflux_histogram }

// Count is how many times were recorded.
func (h *Histogram) Count() uint64 { return uint64(h.c.count) }

// Sum is that of all times.
func (h *Histogram) Sum() time.Duration { return time.Duration(h.c.sum_ns) }

// Max is the longest time.
func (h *Histogram) Max() time.Duration { return time.Duration(h.c.max_ns) }

// Quantile is about the time that a share q, 0 … 1, of those recorded did not exceed; 0 where
// nothing was recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	return time.Duration(C.afflux_histogram_quantile(&h.c, C.double(q)))
}

// Buckets calls yield for each bucket that has times, with its longest time and how many there are,
// until yield answers false.
func (h *Histogram) Buckets(yield func(upTo time.Duration, count uint64) bool) {
	for i, n := range h.c.buckets {
		if n == 0 {
			continue
		}
		upTo := uint64(C.afflux_histogram_bound(C.uint32_t(i)))
		if upTo > math.MaxInt64 {
			upTo = math.MaxInt64
		}
		if !yield(time.Duration(upTo), uint64(n)) {
			return
		}
	}
}

// WaitTimes is how long those waited that were granted after they had queued. Error:
// [ErrNotSupported] without [StatisticsFull].
func (s *Semaphore) WaitTimes() (*Histogram, error) {
	h := new(Histogram)
	h.c.struct_size = C.uint32_t(unsafe.Sizeof(h.c))
	status := C.afflux_sem_wait_times(s.handle(), &h.c)
	runtime.KeepAlive(s)
	return h, toError(int64(status))
}

// HoldTimes is how long a [Permit] was held until it was released; plain permits have no identity
// and are not in it. Error: [ErrNotSupported] without [StatisticsFull].
func (s *Semaphore) HoldTimes() (*Histogram, error) {
	h := new(Histogram)
	h.c.struct_size = C.uint32_t(unsafe.Sizeof(h.c))
	status := C.afflux_sem_hold_times(s.handle(), &h.c)
	runtime.KeepAlive(s)
	return h, toError(int64(status))
}

// HealthLimits tell [Semaphore.HealthAgainst] what is too much. In each field 0 means no limit,
// but MaxStill, where it means 5 s.
type HealthLimits struct {
	MaxWaiters    uint64
	MaxQueueBytes uint64
	MaxWait       time.Duration // of the request that waits longest; needs statistics
	MaxStill      time.Duration // a longer standstill is an outage; needs statistics
}

// HealthReasons is a set of reasons.
type HealthReasons uint32

// Which limits are passed.
const (
	HealthWaiters    HealthReasons = C.AFFLUX_HEALTH_WAITERS
	HealthQueueBytes HealthReasons = C.AFFLUX_HEALTH_QUEUE_BYTES
	HealthWait       HealthReasons = C.AFFLUX_HEALTH_WAIT
	HealthClosed     HealthReasons = C.AFFLUX_HEALTH_CLOSED
	// HealthDebt: more is held than the limit, after a shrink. No reason to be unhealthy.
	HealthDebt HealthReasons = C.AFFLUX_HEALTH_DEBT
	// HealthStandstill: requests want permits and none comes back. Permits are lost, or their
	// holders hang.
	HealthStandstill HealthReasons = C.AFFLUX_HEALTH_STANDSTILL
)

// Health is how a semaphore is.
type Health struct {
	Healthy    bool
	Reasons    HealthReasons
	Waiters    uint64
	QueueBytes uint64
	OldestWait time.Duration
	Still      time.Duration // how long it has been found to stand still; 0: it moves
	Unserved   uint64        // requests that came meanwhile
}

// Health compares the semaphore with what it was created with: Options.MaxWaiters, MaxQueueBytes
// and WaiterTimeout. Call it at regular intervals of less than 5 s: a standstill is seen by
// comparison with the call before.
func (s *Semaphore) Health() Health {
	h, _ := s.health(nil)
	return h
}

// HealthAgainst compares the semaphore with limits. Error: [ErrInvalid] for a negative time.
func (s *Semaphore) HealthAgainst(limits HealthLimits) (Health, error) {
	if limits.MaxWait < 0 || limits.MaxStill < 0 {
		return Health{}, fmt.Errorf("%w: %+v", ErrInvalid, limits)
	}
	var c C.afflux_health_limits
	C.afflux_health_limits_init_sized(&c, C.uint32_t(unsafe.Sizeof(c)))
	if limits.MaxWaiters != 0 {
		c.max_waiters = C.uint64_t(limits.MaxWaiters)
	}
	if limits.MaxQueueBytes != 0 {
		c.max_queue_bytes = C.uint64_t(limits.MaxQueueBytes)
	}
	if limits.MaxWait != 0 {
		c.max_wait_ns = C.int64_t(limits.MaxWait)
	}
	if limits.MaxStill != 0 {
		c.max_still_ns = C.int64_t(limits.MaxStill)
	}
	return s.health(&c)
}

func (s *Semaphore) health(limits *C.afflux_health_limits) (Health, error) {
	var c C.afflux_health
	c.struct_size = C.uint32_t(unsafe.Sizeof(c))
	status := C.afflux_sem_health(s.handle(), limits, &c)
	runtime.KeepAlive(s)
	return Health{
		Healthy:    c.healthy != 0,
		Reasons:    HealthReasons(c.reasons),
		Waiters:    uint64(c.waiters),
		QueueBytes: uint64(c.queue_bytes),
		OldestWait: time.Duration(c.oldest_wait_ns),
		Still:      time.Duration(c.still_ns),
		Unserved:   uint64(c.unserved),
	}, toError(int64(status))
}
