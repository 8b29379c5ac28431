// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::{sys, time};
use std::time::Duration;

/// Shedding of the queue ([`Builder::shed`](crate::Builder::shed)): a request that has waited too long
/// fails ([`Rejected`](crate::AcquireErrorKind::Rejected)) instead of getting its permits, for its caller
/// has most likely given up.
///
/// Too long is longer than the interval; and longer than the target while the queue *stands*, which is
/// once it has not been empty for an interval. So a burst is served, and a queue that does not go away is
/// kept short. No timer sheds, but calls that release or queue.
///
/// Each part is there as a value and as a method that sets it.
///
/// ```
/// use afflux::{Semaphore, Shedding};
///
/// let limit = Semaphore::builder(32).shed(Shedding::new().adaptive_lifo(true)).build()?;
/// assert_eq!(limit.stats().shed, 0);
/// # Ok::<(), afflux::Error>(())
/// ```
#[non_exhaustive]
#[must_use = "it is nothing before a builder has it"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shedding {
    /// The longest wait while the queue stands.
    pub target: Duration,
    /// The longest wait otherwise, and after how long a line that has not been empty is a queue that
    /// stands.
    pub interval: Duration,
    /// Whether the newest request of a priority goes first while the queue stands.
    pub adaptive_lifo: bool,
}

impl Shedding {
    /// The published values: a target of 5 ms, an interval of 100 ms, and the oldest goes first.
    pub const fn new() -> Self {
        Shedding {
            target: Duration::from_nanos(sys::AFFLUX_SHED_TARGET_NS as u64),
            interval: Duration::from_nanos(sys::AFFLUX_SHED_INTERVAL_NS as u64),
            adaptive_lifo: false,
        }
    }

    /// The longest wait while the queue stands; at least a nanosecond.
    pub const fn target(mut self, target: Duration) -> Self {
        self.target = target;
        self
    }

    /// The longest wait otherwise, and after how long a line that has not been empty is a queue that
    /// stands; not below the target.
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Whether the newest request of a priority goes first while the queue stands, so that those who are
    /// served have hardly waited. Not with [`Fairness::Throughput`](crate::Fairness::Throughput).
    pub const fn adaptive_lifo(mut self, newest_first: bool) -> Self {
        self.adaptive_lifo = newest_first;
        self
    }

    pub(crate) fn set(&self, options: &mut sys::afflux_sem_options) {
        // A target of zero would come to mean "none is shed"; a negative one is refused.
        options.shed_target_ns =
            if self.target.is_zero() { -1 } else { time::nanoseconds(self.target) };
        options.shed_interval_ns = time::nanoseconds(self.interval);
        options.adaptive_lifo = u32::from(self.adaptive_lifo);
    }
}

impl Default for Shedding {
    fn default() -> Self {
        Self::new()
    }
}
