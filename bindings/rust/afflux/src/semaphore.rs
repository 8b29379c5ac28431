// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::acquire::{Acquire, AcquireOwned, Idle};
use crate::builder::Builder;
use crate::error::{AcquireError, Error, TryAcquireError};
use crate::permit::{OwnedSemaphorePermit, SemaphorePermit};
use crate::request::Request;
use crate::{fast, sys, time};
use std::ffi::CStr;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// A limit on work in flight: permits that are acquired before the work, and given back after it.
///
/// Methods with the names of `tokio::sync::Semaphore`'s do what those do; the rest is what tokio
/// lacks. It needs no runtime: futures run under any executor, and threads may block.
///
/// Waiting requests are served first come, first served, and no request overtakes: a request that
/// does not fit holds back those behind it. [`Builder::fairness`] allows more throughput instead,
/// [`Request::priority`] an order of importance.
///
/// Free permits are acquired and released by one compare-and-swap in this crate's own code, without
/// a call of the C library, and are counted all the same.
///
/// All methods may be called from any thread at any time, also within a waker, with one exception:
/// a waker must not block in a `blocking_…` method.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use afflux::Semaphore;
/// use std::sync::Arc;
///
/// let limit = Arc::new(Semaphore::new(3));
/// let mut tasks = Vec::new();
/// for i in 0..10 {
///     let limit = Arc::clone(&limit);
///     tasks.push(tokio::spawn(async move {
///         let _permit = limit.acquire().await.unwrap();
///         i * 2 // at most three at once are here
///     }));
/// }
/// for task in tasks {
///     task.await.unwrap();
/// }
/// assert_eq!(limit.available_permits(), 3);
/// # });
/// ```
pub struct Semaphore {
    raw: NonNull<sys::afflux_sem>,
    fast: NonNull<sys::afflux_fastpath>,
    // Permits that were forgotten: the C library counts them as held until they are added again.
    forgotten: AtomicU64,
    // A request that names no time may have a limit all the same: the semaphore's.
    pub(crate) may_time: bool,
}

// The C library's calls may be made from any thread at once.
unsafe impl Send for Semaphore {}
unsafe impl Sync for Semaphore {}

impl Semaphore {
    /// The most permits that a semaphore can have: 2^42 − 1 (`usize::MAX` where that is less).
    pub const MAX_PERMITS: usize = {
        // By halves, for `as` would wrap round where usize has 32 bits.
        if (usize::MAX as u64) < fast::MAX {
            usize::MAX
        } else {
            fast::MAX as usize
        }
    };

    /// A semaphore with that many permits, all of them free.
    ///
    /// # Panics
    /// If `permits` is above [`MAX_PERMITS`](Self::MAX_PERMITS), or there is no memory.
    pub fn new(permits: usize) -> Self {
        assert!(
            permits <= Self::MAX_PERMITS,
            "a semaphore may not have more than MAX_PERMITS permits ({})",
            Self::MAX_PERMITS
        );
        Self::builder(permits).build().expect("a semaphore of default options")
    }

    /// Options: queue limits, fairness, statistics, a name and more.
    ///
    /// ```
    /// use afflux::{Overflow, Semaphore};
    ///
    /// let limit = Semaphore::builder(8)
    ///     .name("downloads")
    ///     .max_waiters(100)
    ///     .overflow(Overflow::Fail)
    ///     .build()?;
    /// assert_eq!(limit.name(), "downloads");
    /// # Ok::<(), afflux::Error>(())
    /// ```
    pub fn builder(permits: usize) -> Builder {
        Builder::new(permits)
    }

    /// # Safety
    /// `raw` is a semaphore's handle, whose reference goes over to the result. `may_time` is true
    /// unless the semaphore has no waiter_timeout_ns.
    pub(crate) unsafe fn adopt(raw: NonNull<sys::afflux_sem>, may_time: bool) -> Self {
        let fast = fast::block_of(raw);
        Semaphore { raw, fast, forgotten: AtomicU64::new(0), may_time }
    }

    /// Takes over a reference to a semaphore of the C API: one that another language in the process
    /// has made, say. [`acquire`](Self::acquire) then allocates where it has to wait, for this
    /// crate cannot know whether the semaphore has a time limit. Forgotten permits are known to this
    /// object alone: only its own [`add_permits`](Self::add_permits) makes up for them.
    ///
    /// # Safety
    /// `raw` is a valid handle, made by the very copy of the C library that this crate is linked with,
    /// and the caller gives one reference away.
    pub unsafe fn from_raw(raw: NonNull<sys::afflux_sem>) -> Self {
        Self::adopt(raw, true)
    }

    /// The handle, for the C API. Borrowed: valid while the semaphore is. `afflux_sem_ref()` makes
    /// a reference that lasts.
    pub fn as_raw(&self) -> NonNull<sys::afflux_sem> {
        self.raw
    }

    pub(crate) fn ptr(&self) -> *mut sys::afflux_sem {
        self.raw.as_ptr()
    }

    /// True: taken.
    #[inline(always)]
    pub(crate) fn take(&self, n: u64) -> bool {
        unsafe { fast::acquire(self.raw, self.fast, n) }
    }

    /// Gives permits back that the caller holds.
    #[inline(always)]
    pub(crate) fn release(&self, n: u64) {
        if !unsafe { fast::release(self.fast, n) } {
            self.release_by_call(n);
        }
    }

    #[cold]
    #[inline(never)]
    fn release_by_call(&self, n: u64) {
        if n != 0 {
            // EOVERFLOW: the C API has given back more than it took. Nothing is left to do here.
            unsafe { sys::afflux_sem_release(self.ptr(), n) };
        }
    }

    /// The permits are held for good, until [`add_permits`](Self::add_permits) makes up for them.
    pub(crate) fn forget(&self, n: u64) {
        // release: the thread that makes up for them must find them held.
        self.forgotten.fetch_add(n, Ordering::Release);
    }

    /// Takes over up to `n` forgotten permits, which are held, and tells how many.
    fn recall(&self, n: u64) -> u64 {
        let mut forgotten = self.forgotten.load(Ordering::Relaxed);
        loop {
            let back = forgotten.min(n);
            if back == 0 {
                return 0;
            }
            // acquire: pairs with `forget`.
            match self.forgotten.compare_exchange_weak(
                forgotten,
                forgotten - back,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return back,
                Err(now) => forgotten = now,
            }
        }
    }

    /// Permits free now; 0 while requests wait, and while more are held than the limit allows.
    pub fn available_permits(&self) -> usize {
        unsafe { sys::afflux_sem_available(self.ptr()) as usize }
    }

    /// Adds permits, for those who wait and for good: the limit grows, unless permits were
    /// forgotten, which are made up for first.
    ///
    /// # Panics
    /// If the limit would be above [`MAX_PERMITS`](Self::MAX_PERMITS); then nothing has changed, but
    /// that forgotten permits have been made up for.
    pub fn add_permits(&self, n: usize) {
        let n = n as u64;
        let back = self.recall(n);
        self.release(back);
        self.grow(n - back);
    }

    fn grow(&self, n: u64) {
        if n == 0 {
            return;
        }
        let delta = i64::try_from(n).unwrap_or(i64::MAX);
        let status = unsafe { sys::afflux_sem_resize_by(self.ptr(), delta, std::ptr::null_mut()) };
        assert!(
            status == sys::AFFLUX_OK,
            "number of added permits ({n}) would overflow MAX_PERMITS ({})",
            Self::MAX_PERMITS
        );
    }

    /// Takes up to `n` free permits away for good, in one step; tells how many.
    /// [`add_permits`](Self::add_permits) brings them back. 0 once the semaphore is closed.
    pub fn forget_permits(&self, n: usize) -> usize {
        if n == 0 {
            return 0;
        }
        let mut taken = 0;
        let status =
            unsafe { sys::afflux_sem_try_acquire_up_to(self.ptr(), 0, n as u64, &mut taken) };
        if status != sys::AFFLUX_OK {
            return 0;
        }
        self.forget(taken);
        taken as usize
    }

    /// A permit, once one is free. See [`Acquire`] for what the future promises.
    ///
    /// # Errors
    /// [`AcquireError`] when the semaphore is or gets closed, and for a semaphore with limits of its
    /// own ([`Builder`]) when one of those ends the wait.
    #[inline]
    pub fn acquire(&self) -> Acquire<'_> {
        Acquire::new(self, 1)
    }

    /// `n` permits at once. A request for more than the limit waits for
    /// [`add_permits`](Self::add_permits) or [`resize`](Self::resize), and holds back those behind it.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    #[inline]
    pub fn acquire_many(&self, n: u32) -> Acquire<'_> {
        Acquire::new(self, n)
    }

    /// As [`acquire`](Self::acquire), with a permit that keeps the semaphore alive.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use std::sync::Arc;
    ///
    /// let limit = Arc::new(afflux::Semaphore::new(1));
    /// let permit = limit.clone().acquire_owned().await?;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(limit.available_permits(), 1);
    /// # Ok::<(), afflux::AcquireError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    #[inline]
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwned {
        AcquireOwned::new(self, 1)
    }

    /// As [`acquire_many`](Self::acquire_many), with permits that keep the semaphore alive.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    #[inline]
    pub fn acquire_many_owned(self: Arc<Self>, n: u32) -> AcquireOwned {
        AcquireOwned::new(self, n)
    }

    /// A permit, if one is free and no request waits.
    ///
    /// # Errors
    /// [`TryAcquireError::Closed`] or [`TryAcquireError::NoPermits`].
    #[inline]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_take(1)?;
        Ok(SemaphorePermit::new(self, 1))
    }

    /// `n` permits, if so many are free and no request waits.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_take(n.into())?;
        Ok(SemaphorePermit::new(self, n.into()))
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_take(1)?;
        Ok(OwnedSemaphorePermit::new(self, 1))
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with permits that keep the semaphore alive.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_take(n.into())?;
        Ok(OwnedSemaphorePermit::new(self, n.into()))
    }

    #[inline(always)]
    fn try_take(&self, n: u64) -> Result<(), TryAcquireError> {
        if self.take(n) {
            return Ok(());
        }
        self.try_by_call(n)
    }

    #[cold]
    #[inline(never)]
    fn try_by_call(&self, n: u64) -> Result<(), TryAcquireError> {
        if n == 0 {
            return if self.is_closed() { Err(TryAcquireError::Closed) } else { Ok(()) };
        }
        match unsafe { sys::afflux_sem_try_acquire(self.ptr(), n) } {
            sys::AFFLUX_OK => Ok(()),
            status => Err(TryAcquireError::of(status)),
        }
    }

    /// As many permits as are free, from `min` to `max`, in one step. Overtakes no request that
    /// waits. With `min` 0 the result may hold no permits.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// If `max` is 0 or below `min`.
    pub fn try_acquire_up_to(
        &self,
        min: usize,
        max: usize,
    ) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        assert!(max != 0 && max >= min, "max must be at least 1, and min");
        let mut n = 0;
        let status = unsafe {
            sys::afflux_sem_try_acquire_up_to(self.ptr(), min as u64, max as u64, &mut n)
        };
        match status {
            sys::AFFLUX_OK => Ok(SemaphorePermit::new(self, n)),
            status => Err(TryAcquireError::of(status)),
        }
    }

    /// A permit, blocking this thread until one is free. Not for a thread that runs an executor, and
    /// not within a waker.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.block(1, sys::AFFLUX_FOREVER)
    }

    /// `n` permits, blocking this thread until they are free. Unlike
    /// [`acquire_many`](Self::acquire_many) it does not wait for the limit to grow.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire); also if `n` is above the limit.
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.block(n.into(), sys::AFFLUX_FOREVER)
    }

    /// `n` permits, blocking this thread for at most `timeout`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let limit = afflux::Semaphore::new(1);
    /// let held = limit.blocking_acquire_timeout(1, Duration::from_secs(1))?;
    /// let late = limit.blocking_acquire_timeout(1, Duration::from_millis(1));
    /// assert!(late.unwrap_err().is_timed_out());
    /// # drop(held);
    /// # Ok::<(), afflux::AcquireError>(())
    /// ```
    ///
    /// # Errors
    /// As [`blocking_acquire_many`](Self::blocking_acquire_many); also if the time runs out.
    pub fn blocking_acquire_timeout(
        &self,
        n: u32,
        timeout: Duration,
    ) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.block(n.into(), time::nanoseconds(timeout))
    }

    fn block(&self, n: u64, timeout_ns: i64) -> Result<SemaphorePermit<'_>, AcquireError> {
        if !self.take(n) {
            if n == 0 {
                if self.is_closed() {
                    return Err(AcquireError::CLOSED);
                }
            } else {
                let status = unsafe { sys::afflux_sem_acquire(self.ptr(), n, timeout_ns) };
                if status != sys::AFFLUX_OK {
                    return Err(AcquireError::of(status));
                }
            }
        }
        Ok(SemaphorePermit::new(self, n))
    }

    /// A request with more to say: priority, time limit, cost, client, tag.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use afflux::{Priority, Semaphore};
    /// use std::time::Duration;
    ///
    /// let limit = Semaphore::new(4);
    /// let permit = limit
    ///     .request()
    ///     .permits(2)
    ///     .priority(Priority::High)
    ///     .timeout(Duration::from_secs(5))
    ///     .acquire()
    ///     .await?;
    /// # drop(permit);
    /// # Ok::<(), afflux::AcquireError>(()) }).unwrap();
    /// ```
    pub fn request(&self) -> Request<'_> {
        Request::new(self)
    }

    /// Closes for good: requests that wait, and new ones, get an error. Permits that are held may
    /// still be given back, and are counted.
    pub fn close(&self) {
        unsafe { sys::afflux_sem_close(self.ptr()) };
    }

    /// Whether [`close`](Self::close) has been called.
    pub fn is_closed(&self) -> bool {
        unsafe { sys::afflux_sem_is_closed(self.ptr()) != 0 }
    }

    /// Sets the limit. Growth lets requests in at once; after a shrink below what is held, permits
    /// that come back pay the debt. Forgotten permits count as held.
    ///
    /// # Errors
    /// If `permits` is above [`MAX_PERMITS`](Self::MAX_PERMITS); nothing has changed then.
    pub fn resize(&self, permits: usize) -> Result<(), Error> {
        Error::check(unsafe { sys::afflux_sem_resize(self.ptr(), permits as u64) })
    }

    /// The weight of the requests that name no [`Tenant`](crate::Tenant), 1 …
    /// [`Share::MAX_WEIGHT`](crate::Share::MAX_WEIGHT); 1 at first.
    ///
    /// # Errors
    /// If the weight is out of its range, the semaphore is closed or has
    /// [`Fairness::Throughput`](crate::Fairness::Throughput) or sheds its queue, or there is no memory.
    pub fn set_default_weight(&self, weight: u32) -> Result<(), Error> {
        Error::check(unsafe { sys::afflux_tenant_set_default_weight(self.ptr(), weight) })
    }

    /// The limit: permits that may be held at once.
    pub fn limit(&self) -> usize {
        unsafe { sys::afflux_sem_limit(self.ptr()) as usize }
    }

    /// Permits held now, forgotten ones included.
    pub fn held(&self) -> usize {
        unsafe { sys::afflux_sem_held(self.ptr()) as usize }
    }

    /// Requests that wait now: exact when nothing is moving.
    pub fn waiters(&self) -> usize {
        unsafe { sys::afflux_sem_waiters(self.ptr()) as usize }
    }

    /// The name given by [`Builder::name`], "" without one.
    pub fn name(&self) -> &str {
        let name = unsafe { CStr::from_ptr(sys::afflux_sem_name(self.ptr())) };
        name.to_str().unwrap_or("")
    }

    /// Waits until nothing is held and no request waits. To shut down: close, wait, drop. Permits
    /// that were forgotten count as held.
    pub fn idle(&self) -> Idle<'_> {
        Idle::new(self)
    }

    /// As [`idle`](Self::idle), blocking this thread for at most `timeout`; false: the time ran out.
    pub fn blocking_idle(&self, timeout: Duration) -> bool {
        let ns = time::nanoseconds(timeout);
        unsafe { sys::afflux_sem_wait_idle(self.ptr(), ns) == sys::AFFLUX_OK }
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        unsafe { sys::afflux_sem_unref(self.ptr()) };
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Semaphore");
        if !self.name().is_empty() {
            shown.field("name", &self.name());
        }
        shown
            .field("limit", &self.limit())
            .field("available", &self.available_permits())
            .field("waiters", &self.waiters())
            .field("closed", &self.is_closed())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::ManuallyDrop;

    /// A thread forgets a permit, and another one makes up for it: its release finds the permit held.
    /// What the processor may reorder here Miri shows (`cargo +nightly miri test -p afflux --lib`).
    #[test]
    fn a_forgotten_permit_is_found_held() {
        const PERMIT: u64 = 1 << 20;
        let block = sys::afflux_fastpath {
            layout: 2,
            reserved: 0,
            word: AtomicU64::new(PERMIT),
            limit: AtomicU64::new(1),
            taken: AtomicU64::new(0),
            beyond: AtomicU64::new(0),
            peak: AtomicU64::new(1),
        };
        // No handle: neither of the two makes a call.
        let sem = ManuallyDrop::new(Semaphore {
            raw: NonNull::dangling(),
            fast: NonNull::from(&block),
            forgotten: AtomicU64::new(0),
            may_time: false,
        });
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert!(sem.take(1));
                sem.forget(1);
            });
            scope.spawn(|| {
                while sem.recall(1) == 0 {
                    std::thread::yield_now();
                }
                assert!(unsafe { fast::release(sem.fast, 1) });
            });
        });
        assert_eq!(block.word.load(Ordering::Relaxed), PERMIT);
    }
}
