// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::error::Error;
use crate::semaphore::Semaphore;
use crate::shedding::Shedding;
use crate::{sys, time};
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::time::Duration;

/// Where a newcomer is left while another thread is at the line. All else is the same with each.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Queue {
    /// What measurement recommends.
    #[default]
    Auto,
    /// A lock bit and a lock-free inbox of the requests themselves.
    Intrusive,
    /// A lock-free queue of pointers, which may allocate. Not in every build of the library.
    LockFree,
    /// An inbox for one newcomer; more wait for the lock.
    Hybrid,
    /// Everybody waits for the lock: the yardstick.
    Mutex,
}

/// Who may go first.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fairness {
    /// First come, first served; no request overtakes.
    #[default]
    Fair,
    /// A newcomer may take free permits past those that wait, which spares a switch of threads for
    /// each hand-over. At most 256 newcomers pass the first.
    Throughput,
}

/// What happens at a queue limit.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// The limits refuse no request: they are marks for [`Semaphore::health`].
    #[default]
    Suspend,
    /// The newcomer is refused.
    DropNewest,
    /// The oldest request of the lowest priority present is dropped, and the newcomer waits.
    DropOldest,
    /// The newcomer is refused, as with `DropNewest`.
    Fail,
}

/// What a semaphore counts.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Statistics {
    /// Nothing.
    Off,
    /// Totals, and how long the oldest request has waited.
    #[default]
    Counters,
    /// Histograms of wait and hold times, too: the clock is read for each request that waits.
    Full,
}

/// Options of a semaphore: [`Semaphore::builder`] begins with the defaults.
#[must_use = "options make no semaphore before `build`"]
#[derive(Clone, Debug)]
pub struct Builder {
    permits: usize,
    queue: Queue,
    fairness: Fairness,
    overflow: Overflow,
    max_waiters: u64,
    max_queue_bytes: u64,
    waiter_timeout: Option<Duration>,
    name: Option<String>,
    statistics: Statistics,
    ledger: u32,
    shed: Option<Shedding>,
}

impl Builder {
    pub(crate) fn new(permits: usize) -> Self {
        Builder {
            permits,
            queue: Queue::Auto,
            fairness: Fairness::Fair,
            overflow: Overflow::Suspend,
            max_waiters: 0,
            max_queue_bytes: 0,
            waiter_timeout: None,
            name: None,
            statistics: Statistics::Counters,
            ledger: 0,
            shed: None,
        }
    }

    /// Where newcomers are left.
    pub fn queue(mut self, queue: Queue) -> Self {
        self.queue = queue;
        self
    }

    /// Who may go first.
    pub fn fairness(mut self, fairness: Fairness) -> Self {
        self.fairness = fairness;
        self
    }

    /// What happens at a queue limit.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// The most requests that wait; 0, the default: no limit.
    pub fn max_waiters(mut self, n: usize) -> Self {
        self.max_waiters = n as u64;
        self
    }

    /// The largest sum of the waiting requests' [`cost_bytes`](crate::Request::cost_bytes); 0, the
    /// default: no limit.
    pub fn max_queue_bytes(mut self, bytes: u64) -> Self {
        self.max_queue_bytes = bytes;
        self
    }

    /// The longest wait of a request that names no time of its own; at least a nanosecond. By
    /// default none.
    pub fn waiter_timeout(mut self, timeout: Duration) -> Self {
        self.waiter_timeout = Some(timeout);
        self
    }

    /// The name in statistics and exports.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// What is counted.
    pub fn statistics(mut self, statistics: Statistics) -> Self {
        self.statistics = statistics;
        self
    }

    /// How many holders of [`PermitToken`](crate::PermitToken)s are remembered for
    /// [`Semaphore::holders`], 0 to 65,536; 0 by default: no ledger.
    pub fn ledger(mut self, holders: u32) -> Self {
        self.ledger = holders;
        self
    }

    /// Requests that have waited too long fail. By default none does. A semaphore that sheds its queue has
    /// no [`Tenant`](crate::Tenant)s.
    pub fn shed(mut self, shedding: Shedding) -> Self {
        self.shed = Some(shedding);
        self
    }

    /// Makes the semaphore.
    ///
    /// # Errors
    /// If an option is out of its range, a name has a zero byte, the library lacks the queue, or
    /// there is no memory.
    pub fn build(&self) -> Result<Semaphore, Error> {
        let name = self.name.as_deref().map(CString::new).transpose();
        let name = name.map_err(|_| Error::of(sys::AFFLUX_EINVAL))?;
        let mut options = MaybeUninit::<sys::afflux_sem_options>::zeroed();
        let mut options = unsafe {
            Error::check(sys::afflux_sem_options_init(options.as_mut_ptr()))?;
            options.assume_init()
        };
        options.permits = self.permits as u64;
        options.queue = match self.queue {
            Queue::Auto => sys::AFFLUX_QUEUE_AUTO,
            Queue::Intrusive => sys::AFFLUX_QUEUE_INTRUSIVE,
            Queue::LockFree => sys::AFFLUX_QUEUE_LOCKFREE,
            Queue::Hybrid => sys::AFFLUX_QUEUE_HYBRID,
            Queue::Mutex => sys::AFFLUX_QUEUE_MUTEX,
        };
        options.fairness = match self.fairness {
            Fairness::Fair => sys::AFFLUX_FAIR,
            Fairness::Throughput => sys::AFFLUX_THROUGHPUT,
        };
        options.overflow = match self.overflow {
            Overflow::Suspend => sys::AFFLUX_OVERFLOW_SUSPEND,
            Overflow::DropNewest => sys::AFFLUX_OVERFLOW_DROP_NEWEST,
            Overflow::DropOldest => sys::AFFLUX_OVERFLOW_DROP_OLDEST,
            Overflow::Fail => sys::AFFLUX_OVERFLOW_FAIL,
        };
        options.max_waiters = self.max_waiters;
        options.max_queue_bytes = self.max_queue_bytes;
        options.waiter_timeout_ns =
            self.waiter_timeout.map_or(sys::AFFLUX_FOREVER, time::nanoseconds);
        options.name = name.as_ref().map_or(ptr::null(), |name| name.as_ptr());
        options.statistics = match self.statistics {
            Statistics::Off => sys::AFFLUX_STATS_OFF,
            Statistics::Counters => sys::AFFLUX_STATS_COUNTERS,
            Statistics::Full => sys::AFFLUX_STATS_FULL,
        };
        options.ledger = self.ledger;
        if let Some(shedding) = &self.shed {
            shedding.set(&mut options);
        }
        let mut raw = ptr::null_mut();
        Error::check(unsafe { sys::afflux_sem_create(&options, &mut raw) })?;
        let raw = NonNull::new(raw).ok_or_else(|| Error::of(sys::AFFLUX_ENOMEM))?;
        Ok(unsafe { Semaphore::adopt(raw, self.waiter_timeout.is_some()) })
    }
}
