// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::control_builder::Algorithm;
use crate::{sys, time};
use std::ffi::CStr;
use std::fmt;
use std::time::Duration;

/// What the end of a window did to the limit.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It stayed.
    Kept,
    /// It grew.
    Raised,
    /// It shrank.
    Lowered,
}

/// Why a limit is what it is. Its text is that of the C library.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No window has ended.
    None,
    /// Nothing calls for another limit.
    Steady,
    /// Latency shows no queue.
    Room,
    /// Latency shows a queue.
    Queue,
    /// Requests were dropped, or took too long.
    Drops,
    /// Too little of the limit was in use to judge it.
    Unused,
    /// Too few samples.
    TooFew,
    /// A probe began or ended.
    Probe,
    /// The largest limit keeps it from growing.
    Max,
    /// The least limit keeps it from shrinking.
    Min,
    /// A reason that a newer C library has.
    Other(u32),
}

impl Reason {
    pub(crate) fn of(c: u32) -> Self {
        match c {
            sys::AFFLUX_CONTROL_BECAUSE_NONE => Reason::None,
            sys::AFFLUX_CONTROL_BECAUSE_STEADY => Reason::Steady,
            sys::AFFLUX_CONTROL_BECAUSE_ROOM => Reason::Room,
            sys::AFFLUX_CONTROL_BECAUSE_QUEUE => Reason::Queue,
            sys::AFFLUX_CONTROL_BECAUSE_DROPS => Reason::Drops,
            sys::AFFLUX_CONTROL_BECAUSE_UNUSED => Reason::Unused,
            sys::AFFLUX_CONTROL_BECAUSE_TOO_FEW => Reason::TooFew,
            sys::AFFLUX_CONTROL_BECAUSE_PROBE => Reason::Probe,
            sys::AFFLUX_CONTROL_BECAUSE_MAX => Reason::Max,
            sys::AFFLUX_CONTROL_BECAUSE_MIN => Reason::Min,
            other => Reason::Other(other),
        }
    }

    fn to_c(self) -> u32 {
        match self {
            Reason::None => sys::AFFLUX_CONTROL_BECAUSE_NONE,
            Reason::Steady => sys::AFFLUX_CONTROL_BECAUSE_STEADY,
            Reason::Room => sys::AFFLUX_CONTROL_BECAUSE_ROOM,
            Reason::Queue => sys::AFFLUX_CONTROL_BECAUSE_QUEUE,
            Reason::Drops => sys::AFFLUX_CONTROL_BECAUSE_DROPS,
            Reason::Unused => sys::AFFLUX_CONTROL_BECAUSE_UNUSED,
            Reason::TooFew => sys::AFFLUX_CONTROL_BECAUSE_TOO_FEW,
            Reason::Probe => sys::AFFLUX_CONTROL_BECAUSE_PROBE,
            Reason::Max => sys::AFFLUX_CONTROL_BECAUSE_MAX,
            Reason::Min => sys::AFFLUX_CONTROL_BECAUSE_MIN,
            Reason::Other(other) => other,
        }
    }

    /// The reason in English, for example "latency shows a queue".
    pub fn text(self) -> &'static str {
        let text = unsafe { CStr::from_ptr(sys::afflux_control_reason_text(self.to_c())) };
        text.to_str().unwrap_or("")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// What a [`Control`](crate::Control) knows, and what it has done.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct ControlStats {
    /// By which rule; `None`: one that a newer C library has.
    pub algorithm: Option<Algorithm>,
    /// Whether it leaves the limit alone.
    pub is_paused: bool,
    /// What the last window did to the limit.
    pub decision: Decision,
    /// And why.
    pub reason: Reason,
    /// The semaphore's limit now.
    pub limit: u64,
    /// The least limit, as in force.
    pub min: u64,
    /// The largest limit, as in force.
    pub max: u64,
    /// The limit as the algorithm sees it: without rounding, without bounds, and without what it
    /// tries for one window.
    pub center: f64,
    /// Requests told as [`Served`](crate::Outcome::Served), those of pauses included, as in all
    /// totals.
    pub served: u64,
    /// Requests told as [`Dropped`](crate::Outcome::Dropped).
    pub dropped: u64,
    /// Requests told as [`Ignored`](crate::Outcome::Ignored).
    pub ignored: u64,
    /// Requests of these that are in no window, for many threads stood still inside a sample.
    pub missed: u64,
    /// Windows that have ended.
    pub windows: u64,
    /// How often it has raised the limit, the change at its creation included.
    pub raised: u64,
    /// How often it has lowered the limit, likewise.
    pub lowered: u64,
    /// How long the last window lasted; 0 before one has ended, as all of the last window.
    pub window: Duration,
    /// Requests served in it.
    pub window_served: u64,
    /// Requests dropped in it.
    pub window_dropped: u64,
    /// Their mean latency.
    pub window_latency: Duration,
    /// The mean of the permits held when a request of it ended.
    pub window_in_flight: f64,
    /// Requests served in a second.
    pub window_throughput: f64,
}

impl ControlStats {
    pub(crate) fn of(c: &sys::afflux_control_stats) -> Self {
        ControlStats {
            algorithm: Algorithm::of(c.algorithm),
            is_paused: c.paused != 0,
            decision: match c.decision {
                sys::AFFLUX_CONTROL_RAISED => Decision::Raised,
                sys::AFFLUX_CONTROL_LOWERED => Decision::Lowered,
                _ => Decision::Kept,
            },
            reason: Reason::of(c.reason),
            limit: c.limit,
            min: c.min,
            max: c.max,
            center: c.center,
            served: c.served,
            dropped: c.dropped,
            ignored: c.ignored,
            missed: c.missed,
            windows: c.windows,
            raised: c.raised,
            lowered: c.lowered,
            window: time::duration(c.window_ns),
            window_served: c.window_served,
            window_dropped: c.window_dropped,
            window_latency: Duration::from_nanos(c.window_latency_ns as u64),
            window_in_flight: c.window_in_flight,
            window_throughput: c.window_throughput,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_those_of_the_library() {
        for c in 0..20 {
            assert_eq!(Reason::of(c).to_c(), c);
            let is_known = !matches!(Reason::of(c), Reason::Other(_));
            assert_eq!(is_known, Reason::of(c).text() != "unknown reason", "{c}");
        }
    }

    #[test]
    fn algorithms_are_those_of_the_library() {
        for (c, algorithm) in (0..sys::AFFLUX_CONTROL_ALGORITHMS).zip(Algorithm::ALL) {
            assert_eq!(Algorithm::of(c), Some(algorithm));
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
        }
        assert_eq!(Algorithm::ALL.len(), sys::AFFLUX_CONTROL_ALGORITHMS as usize);
        assert_eq!(Algorithm::of(sys::AFFLUX_CONTROL_ALGORITHMS), None);
    }
}
