// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::error::Error;
use crate::semaphore::Semaphore;
use crate::{rewake, sys, time};
use std::ffi::{c_void, CStr};
use std::mem::{size_of, MaybeUninit};
use std::time::Duration;
use std::{fmt, ptr};

/// What a semaphore has done since it was created. Exact when no call is under way, permits that
/// were taken inline included:
///
/// - `acquired_fast + acquired_after_wait == released + held`
/// - `queued == waiters + granted + canceled + timed_out + dropped + closed_out + impossible`
///
/// With [`Statistics::Off`](crate::Statistics::Off) the totals are 0.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Permits that may be held.
    pub limit: u64,
    /// Permits free now.
    pub available: u64,
    /// Permits held now.
    pub held: u64,
    /// Requests that wait now.
    pub waiters: u64,
    /// Sum of the waiting requests' cost.
    pub queue_bytes: u64,
    /// How long the request that has waited longest has waited.
    pub oldest_wait: Duration,
    /// Permits got without waiting.
    pub acquired_fast: u64,
    /// Permits got after a wait.
    pub acquired_after_wait: u64,
    /// Requests that were not to wait and found no permits.
    pub try_failed: u64,
    /// Permits given back.
    pub released: u64,
    /// Requests that waited and were taken back: futures dropped.
    pub canceled: u64,
    /// Requests that waited until their time ran out.
    pub timed_out: u64,
    /// Newcomers that a queue limit refused.
    pub rejected: u64,
    /// Waiting requests that a queue limit dropped, or that were shed.
    pub dropped: u64,
    /// Waiting requests that a close ended.
    pub closed_out: u64,
    /// Changes of the limit.
    pub resizes: u64,
    /// Requests behind `acquired_fast`.
    pub requests_fast: u64,
    /// Requests behind `acquired_after_wait`.
    pub granted: u64,
    /// Waiting requests for more than the limit, after a shrink.
    pub impossible: u64,
    /// Requests that have waited.
    pub queued: u64,
    /// The most permits held at once.
    pub peak_held: u64,
    /// The most requests that waited at once.
    pub peak_waiters: u64,
    /// Of those dropped: for a wait too long ([`Builder::shed`](crate::Builder::shed)).
    pub shed: u64,
    /// Since the semaphore was created.
    pub age: Duration,
}

/// A distribution of times, in 624 buckets: off by at most 3.1 %.
pub struct Histogram {
    inner: Box<sys::afflux_histogram>,
}

impl Histogram {
    /// Times recorded.
    pub fn count(&self) -> u64 {
        self.inner.count
    }

    /// Their sum.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.inner.sum_ns)
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.inner.max_ns)
    }

    /// About the time that a share of those recorded did not exceed: 0.99 for the 99th percentile.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(unsafe { sys::afflux_histogram_quantile(&*self.inner, share) })
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max())
            .finish()
    }
}

/// What is too much, for [`Semaphore::health`]. `None`: no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthLimits {
    /// More requests that wait are too many.
    pub max_waiters: Option<u64>,
    /// A larger sum of their cost is too much.
    pub max_queue_bytes: Option<u64>,
    /// A longer wait is too long.
    pub max_wait: Option<Duration>,
    /// A longer standstill is an outage: requests want permits, and none comes back. 5 s by
    /// default; choose it longer than regular work holds permits.
    pub max_still: Option<Duration>,
}

impl Default for HealthLimits {
    fn default() -> Self {
        HealthLimits {
            max_waiters: None,
            max_queue_bytes: None,
            max_wait: None,
            max_still: Some(Duration::from_secs(5)),
        }
    }
}

/// How a semaphore is.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// None of the reasons but a debt.
    pub is_healthy: bool,
    /// Too many requests wait.
    pub too_many_waiters: bool,
    /// They cost too much.
    pub too_many_bytes: bool,
    /// One has waited too long.
    pub too_long_a_wait: bool,
    /// The semaphore is closed.
    pub is_closed: bool,
    /// More is held than the limit, after a shrink.
    pub is_in_debt: bool,
    /// Permits are lost, or their holders hang.
    pub stands_still: bool,
    /// Requests that wait.
    pub waiters: u64,
    /// The sum of their cost.
    pub queue_bytes: u64,
    /// The longest wait.
    pub oldest_wait: Duration,
    /// For how long the semaphore has been found to stand still.
    pub still_for: Duration,
}

/// One line of the ledger: permits that a [`PermitToken`](crate::PermitToken) holds.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// [`PermitToken::id`](crate::PermitToken::id).
    pub id: u64,
    /// How many it holds.
    pub permits: u64,
    /// For how long.
    pub held_for: Duration,
    /// The request's tag, cut after 47 bytes; "" without one.
    pub tag: String,
}

impl Semaphore {
    /// What the semaphore has done. Never waits and slows no other thread.
    ///
    /// ```
    /// let limit = afflux::Semaphore::new(2);
    /// drop(limit.try_acquire().unwrap());
    /// let stats = limit.stats();
    /// assert_eq!((stats.acquired_fast, stats.released, stats.held), (1, 1, 0));
    /// ```
    pub fn stats(&self) -> Stats {
        let mut c = MaybeUninit::<sys::afflux_sem_stats>::zeroed();
        let c = unsafe {
            sys::afflux_sem_stats_init(c.as_mut_ptr());
            sys::afflux_sem_get_stats(self.ptr(), c.as_mut_ptr());
            c.assume_init()
        };
        Stats {
            limit: c.limit,
            available: c.available,
            held: c.held,
            waiters: c.waiters,
            queue_bytes: c.queue_bytes,
            oldest_wait: time::duration(c.oldest_wait_ns),
            acquired_fast: c.acquired_fast,
            acquired_after_wait: c.acquired_after_wait,
            try_failed: c.try_failed,
            released: c.released,
            canceled: c.canceled,
            timed_out: c.timed_out,
            rejected: c.rejected,
            dropped: c.dropped,
            closed_out: c.closed_out,
            resizes: c.resizes,
            requests_fast: c.requests_fast,
            granted: c.granted,
            impossible: c.impossible,
            queued: c.queued,
            peak_held: c.peak_held,
            peak_waiters: c.peak_waiters,
            shed: c.shed,
            age: time::duration(c.age_ns),
        }
    }

    /// How long the requests waited that got their permits after a wait. Allocates.
    ///
    /// # Errors
    /// Unless the semaphore has [`Statistics::Full`](crate::Statistics::Full).
    pub fn wait_times(&self) -> Result<Histogram, Error> {
        self.histogram(sys::afflux_sem_wait_times)
    }

    /// How long [`PermitToken`](crate::PermitToken)s were held. Allocates.
    ///
    /// # Errors
    /// As [`wait_times`](Self::wait_times).
    pub fn hold_times(&self) -> Result<Histogram, Error> {
        self.histogram(sys::afflux_sem_hold_times)
    }

    fn histogram(
        &self,
        read: unsafe extern "C" fn(
            *const sys::afflux_sem,
            *mut sys::afflux_histogram,
        ) -> sys::afflux_status,
    ) -> Result<Histogram, Error> {
        let mut inner = Box::new(sys::afflux_histogram {
            struct_size: size_of::<sys::afflux_histogram>() as u32,
            reserved: 0,
            count: 0,
            sum_ns: 0,
            max_ns: 0,
            buckets: [0; sys::AFFLUX_HISTOGRAM_BUCKETS],
        });
        Error::check(unsafe { read(self.ptr(), &mut *inner) })?;
        Ok(Histogram { inner })
    }

    /// Compares queue, memory, age and movement with limits; `None`: those that the semaphore was
    /// built with, and 5 s of standstill. A standstill is found by regular calls: each compares with
    /// what the call before saw.
    ///
    /// ```
    /// let limit = afflux::Semaphore::new(2);
    /// assert!(limit.health(None).is_healthy);
    /// limit.close();
    /// assert!(limit.health(None).is_closed);
    /// ```
    pub fn health(&self, limits: Option<&HealthLimits>) -> Health {
        let limits = limits.map(|l| {
            let time = |t: Option<Duration>| t.map_or(sys::AFFLUX_FOREVER, time::nanoseconds);
            sys::afflux_health_limits {
                struct_size: size_of::<sys::afflux_health_limits>() as u32,
                reserved: 0,
                max_waiters: l.max_waiters.unwrap_or(u64::MAX),
                max_queue_bytes: l.max_queue_bytes.unwrap_or(u64::MAX),
                max_wait_ns: time(l.max_wait),
                max_still_ns: time(l.max_still),
            }
        });
        let mut c = MaybeUninit::<sys::afflux_health>::zeroed();
        let c = unsafe {
            (*c.as_mut_ptr()).struct_size = size_of::<sys::afflux_health>() as u32;
            let limits = limits.as_ref().map_or(ptr::null(), |l| l as *const _);
            sys::afflux_sem_health(self.ptr(), limits, c.as_mut_ptr());
            c.assume_init()
        };
        let has = |reason: u32| c.reasons & reason != 0;
        Health {
            is_healthy: c.healthy != 0,
            too_many_waiters: has(sys::AFFLUX_HEALTH_WAITERS),
            too_many_bytes: has(sys::AFFLUX_HEALTH_QUEUE_BYTES),
            too_long_a_wait: has(sys::AFFLUX_HEALTH_WAIT),
            is_closed: has(sys::AFFLUX_HEALTH_CLOSED),
            is_in_debt: has(sys::AFFLUX_HEALTH_DEBT),
            stands_still: has(sys::AFFLUX_HEALTH_STANDSTILL),
            waiters: c.waiters,
            queue_bytes: c.queue_bytes,
            oldest_wait: time::duration(c.oldest_wait_ns),
            still_for: time::duration(c.still_ns),
        }
    }

    /// Who holds permits by tokens. Allocates.
    ///
    /// # Errors
    /// Unless the semaphore has a ledger ([`Builder::ledger`](crate::Builder::ledger)).
    pub fn holders(&self) -> Result<Vec<Holder>, Error> {
        unsafe extern "C" fn visit(ctx: *mut c_void, holder: *const sys::afflux_holder) -> i32 {
            rewake::quietly(|| {
                let (all, holder) = (&mut *(ctx as *mut Vec<Holder>), &*holder);
                all.push(Holder {
                    id: holder.id,
                    permits: holder.permits,
                    held_for: time::duration(holder.held_ns),
                    tag: CStr::from_ptr(holder.tag).to_string_lossy().into_owned(),
                });
            });
            0
        }
        let mut all: Vec<Holder> = Vec::new();
        let ctx = &mut all as *mut Vec<Holder> as *mut c_void;
        Error::check(unsafe {
            sys::afflux_sem_visit_holders(self.ptr(), Some(visit), ctx, ptr::null_mut())
        })?;
        Ok(all)
    }
}
