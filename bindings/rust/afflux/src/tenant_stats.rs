// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::error::Error;
use crate::{sys, time};
use std::mem::MaybeUninit;
use std::time::Duration;

/// A [`Tenant`](crate::Tenant)'s share of a semaphore. Each part is there as a value and as a method that
/// sets it.
///
/// ```
/// let share = afflux::Share::new().weight(3).guaranteed(2);
/// assert_eq!((share.weight, share.guaranteed, share.cap), (3, 2, None));
/// ```
#[non_exhaustive]
#[must_use = "a share is nothing before a tenant has it"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Share {
    /// Of permit-seconds, relative to the other tenants that wait.
    pub weight: u32,
    /// Permits that come before all weights.
    pub guaranteed: usize,
    /// Permits that it holds at most.
    pub cap: Option<usize>,
    /// Requests that wait at most.
    pub max_waiters: Option<usize>,
}

impl Share {
    /// The largest weight.
    pub const MAX_WEIGHT: u32 = sys::AFFLUX_TENANT_MAX_WEIGHT;

    /// Weight 1, no guaranteed permits, no cap, no limit on those that wait but the semaphore's.
    pub const fn new() -> Self {
        Share { weight: 1, guaranteed: 0, cap: None, max_waiters: None }
    }

    /// Its weight, 1 … [`MAX_WEIGHT`](Self::MAX_WEIGHT), relative to the other tenants that wait.
    pub const fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Permits that come before all weights, 0 … the cap: while it waits, and would not hold more than
    /// these, its requests are granted before all others, by turns with other such tenants. All tenants'
    /// together should be no more than the limit.
    pub const fn guaranteed(mut self, permits: usize) -> Self {
        self.guaranteed = permits;
        self
    }

    /// Permits that it holds at most; at least 1. A request for more fails
    /// ([`TooLarge`](crate::AcquireErrorKind::TooLarge)).
    pub const fn cap(mut self, permits: usize) -> Self {
        self.cap = Some(permits);
        self
    }

    /// Requests of it that wait at most; at least 1. One more is refused
    /// ([`Rejected`](crate::AcquireErrorKind::Rejected)), whatever the semaphore's
    /// [`Overflow`](crate::Overflow).
    pub const fn max_waiters(mut self, n: usize) -> Self {
        self.max_waiters = Some(n);
        self
    }

    pub(crate) fn to_c(self) -> Result<sys::afflux_tenant_options, Error> {
        let most = |most: Option<usize>| match most {
            None => Ok(0),
            Some(0) => Err(Error::of(sys::AFFLUX_EINVAL)), // which C takes for none
            Some(n) => Ok(n as u64),
        };
        let mut c = MaybeUninit::<sys::afflux_tenant_options>::zeroed();
        let mut c = unsafe {
            Error::check(sys::afflux_tenant_options_init(c.as_mut_ptr()))?;
            c.assume_init()
        };
        c.weight = self.weight;
        c.guaranteed = self.guaranteed as u64;
        c.cap = most(self.cap)?;
        c.max_waiters = most(self.max_waiters)?;
        Ok(c)
    }
}

impl Default for Share {
    fn default() -> Self {
        Self::new()
    }
}

/// What a [`Tenant`](crate::Tenant) has, and has had: [`Tenant::stats`](crate::Tenant::stats).
///
/// What a semaphore with [`Statistics::Off`](crate::Statistics::Off) does not count, its tenants do.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct TenantStats {
    /// Its share.
    pub share: Share,
    /// Permits held now.
    pub held: u64,
    /// Requests that wait now.
    pub waiting: u64,
    /// How long a permit of it has been held lately, by which the next requests are charged; `None`
    /// before the first has been given back.
    pub hold: Option<Duration>,
    /// Permits got.
    pub acquired: u64,
    /// Requests that got their permits.
    pub requests: u64,
    /// Of these, after a wait.
    pub waits: u64,
    /// Of these waits, ended by its guaranteed share.
    pub by_guarantee: u64,
    /// Of these waits together; each is off by a tick of the system's clock, 1 to 16 ms, without
    /// [`Statistics::Full`](crate::Statistics::Full).
    pub wait_sum: Duration,
    /// The longest.
    pub wait_max: Duration,
    /// Requests that were not to wait and found no permits.
    pub try_failed: u64,
    /// Requests that a queue limit refused or dropped.
    pub rejected: u64,
    /// Requests whose time ran out.
    pub timed_out: u64,
    /// Requests that were taken back: futures dropped.
    pub canceled: u64,
    /// Requests that waited until a close, or a change that made them too large.
    pub ended: u64,
    /// What it has held, permits times seconds, until its last acquire or release.
    pub used_permit_seconds: f64,
}

impl TenantStats {
    pub(crate) fn of(c: &sys::afflux_tenant_stats) -> Self {
        let most = |n: u64| if n == 0 { None } else { Some(n as usize) };
        let ns = |ns: u64| time::duration(i64::try_from(ns).unwrap_or(i64::MAX));
        TenantStats {
            share: Share {
                weight: c.weight,
                guaranteed: c.guaranteed as usize,
                cap: most(c.cap),
                max_waiters: most(c.max_waiters),
            },
            held: c.held,
            waiting: c.waiting,
            hold: if c.hold_ns == 0.0 {
                None
            } else {
                Some(Duration::from_nanos(c.hold_ns as u64))
            },
            acquired: c.acquired,
            requests: c.requests,
            waits: c.waits,
            by_guarantee: c.by_guarantee,
            wait_sum: ns(c.wait_sum_ns),
            wait_max: ns(c.wait_max_ns),
            try_failed: c.try_failed,
            rejected: c.rejected,
            timed_out: c.timed_out,
            canceled: c.canceled,
            ended: c.ended,
            used_permit_seconds: c.used_permit_seconds,
        }
    }
}
