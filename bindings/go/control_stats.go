// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include "glue.h"
import "C"

import (
	"fmt"
	"runtime"
	"time"
)

// Decision is what the end of a window did to the limit.
type Decision uint32

// What the end of a window did to the limit.
const (
	Kept    Decision = C.AFFLUX_CONTROL_KEPT
	Raised  Decision = C.AFFLUX_CONTROL_RAISED
	Lowered Decision = C.AFFLUX_CONTROL_LOWERED
)

// String is "kept", "raised" or "lowered".
func (d Decision) String() string {
	switch d {
	case Kept:
		return "kept"
	case Raised:
		return "raised"
	case Lowered:
		return "lowered"
	}
	return fmt.Sprintf("Decision(%d)", uint32(d))
}

// Reason is why a limit is what it is. Later versions of the library may have more.
type Reason uint32

// The reasons; Reason.String has them in words.
const (
	BecauseNone   Reason = C.AFFLUX_CONTROL_BECAUSE_NONE    // no window has ended
	BecauseSteady Reason = C.AFFLUX_CONTROL_BECAUSE_STEADY  // nothing calls for another limit
	BecauseRoom   Reason = C.AFFLUX_CONTROL_BECAUSE_ROOM    // latency shows no queue
	BecauseQueue  Reason = C.AFFLUX_CONTROL_BECAUSE_QUEUE   // latency shows a queue
	BecauseDrops  Reason = C.AFFLUX_CONTROL_BECAUSE_DROPS   // requests were dropped, or took too long
	BecauseUnused Reason = C.AFFLUX_CONTROL_BECAUSE_UNUSED  // too little of the limit was in use
	BecauseTooFew Reason = C.AFFLUX_CONTROL_BECAUSE_TOO_FEW // too few samples
	BecauseProbe  Reason = C.AFFLUX_CONTROL_BECAUSE_PROBE   // a probe began or ended
	BecauseMax    Reason = C.AFFLUX_CONTROL_BECAUSE_MAX     // Max keeps it from growing
	BecauseMin    Reason = C.AFFLUX_CONTROL_BECAUSE_MIN     // Min keeps it from shrinking
)

// String is the reason in English, for example "latency shows a queue".
func (r Reason) String() string {
	return C.GoString(C.afflux_control_reason_text(C.uint32_t(r)))
}

// ControlStats is what a control knows, and what it has done. While a window is being closed by
// another goroutine, numbers may be of before and of after.
type ControlStats struct {
	Algorithm Algorithm
	Paused    bool
	Decision  Decision // of the last window
	Reason    Reason   // for that

	Limit    uint64 // the semaphore's, now
	Min, Max uint64 // as in force
	// Center is the limit as the algorithm sees it: without rounding, without bounds, and without what
	// it tries for one window.
	Center float64

	// Totals of samples, those of pauses included.
	Served, Dropped, Ignored uint64
	// Missed is how many of these are in no window, for many threads stood still inside a sample.
	Missed uint64
	// Windows is how many have ended.
	Windows uint64
	// Raised and Lowered are the changes of the limit by this control, that of its creation included.
	Raised, Lowered uint64

	// Of the last window; 0 before one has ended.
	Window                      time.Duration // how long it lasted
	WindowServed, WindowDropped uint64        // samples
	WindowLatency               time.Duration // their mean
	WindowInFlight              float64       // mean of the permits held when a request of it ended
	WindowThroughput            float64       // requests served in a second
}

// Stats reads what the control knows. It never waits and slows nothing down.
func (c *Control) Stats() ControlStats {
	var s C.afflux_control_stats
	C.afflux_control_stats_init(&s)
	C.afflux_control_get_stats(c.handle(), &s)
	runtime.KeepAlive(c)
	return ControlStats{
		Algorithm: Algorithm(s.algorithm), Paused: s.paused != 0,
		Decision: Decision(s.decision), Reason: Reason(s.reason),

		Limit: uint64(s.limit), Min: uint64(s.min), Max: uint64(s.max), Center: float64(s.center),

		Served: uint64(s.served), Dropped: uint64(s.dropped), Ignored: uint64(s.ignored),
		Missed: uint64(s.missed), Windows: uint64(s.windows),
		Raised: uint64(s.raised), Lowered: uint64(s.lowered),

		Window:       time.Duration(s.window_ns),
		WindowServed: uint64(s.window_served), WindowDropped: uint64(s.window_dropped),
		WindowLatency:    time.Duration(s.window_latency_ns),
		WindowInFlight:   float64(s.window_in_flight),
		WindowThroughput: float64(s.window_throughput),
	}
}
