// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::acquire::{TenantAcquire, TenantAcquireOwned};
use crate::error::{AcquireError, Error, TryAcquireError};
use crate::request::Request;
use crate::semaphore::Semaphore;
use crate::tenant_permit::{OwnedTenantPermit, TenantPermit};
use crate::tenant_stats::{Share, TenantStats};
use crate::{sys, time};
use std::ffi::{CStr, CString};
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

/// One of those who share a [`Semaphore`], a customer or a kind of request say: tenants cannot starve
/// each other.
///
/// The requests of a tenant stand in a line of their own. Among tenants that wait, permits are shared
/// by [weight](Share::weight); within a tenant they are granted by priority and in order, as without
/// tenants. What is shared are permit-seconds: a tenant that holds its permits ten times as long gets
/// a tenth as many of them.
///
/// Nothing lies idle: what a tenant does not use is lent to the others. Its
/// [guaranteed](Share::guaranteed) permits come back first. Its [cap](Share::cap) is the most that it
/// ever holds; what waits because of it keeps no other tenant from a free permit.
///
/// Requests that are made of the semaphore itself are, together, those of one more tenant, of
/// [weight](Semaphore::set_default_weight) 1. Of these the free permits cost one compare-and-swap, as
/// ever; each acquire and release of a tenant is a call, which locks the semaphore for a few
/// instructions.
///
/// A tenant keeps its semaphore alive. Dropping it [closes](Self::close) it; permits of it that were
/// leaked then count as held by those who name no tenant.
///
/// All methods may be called from any thread at any time, also within a waker, with the exception of
/// the `blocking_…` ones. Share it by an [`Arc`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use afflux::{Semaphore, Share, Tenant};
///
/// let limit = Semaphore::new(100);
/// let paying = Tenant::named(&limit, "paying", Share::new().weight(4).guaranteed(20))?;
/// let free = Tenant::named(&limit, "free", Share::new().cap(50))?;
///
/// let permit = paying.acquire().await?;
/// assert!(free.try_acquire_many(51).is_err(), "its cap is 50");
/// assert_eq!((paying.stats().held, free.stats().held), (1, 0));
/// drop(permit); // to its tenant
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct Tenant {
    raw: NonNull<sys::afflux_tenant>,
    // The tenant keeps it alive.
    sem: NonNull<sys::afflux_sem>,
    pub(crate) may_time: bool,
}

// The C library's calls may be made from any thread at once.
unsafe impl Send for Tenant {}
unsafe impl Sync for Tenant {}

impl Tenant {
    /// A tenant of `sem`, without a name.
    ///
    /// # Errors
    /// If the share is out of its range, the semaphore is closed or has
    /// [`Fairness::Throughput`](crate::Fairness::Throughput) or sheds its queue, or there is no memory.
    pub fn new(sem: &Semaphore, share: Share) -> Result<Self, Error> {
        Self::create(sem, share, ptr::null())
    }

    /// A tenant with a name, for exports.
    ///
    /// # Errors
    /// As [`new`](Self::new); also if the name has a zero byte.
    pub fn named(sem: &Semaphore, name: &str, share: Share) -> Result<Self, Error> {
        let name = CString::new(name).map_err(|_| Error::of(sys::AFFLUX_EINVAL))?;
        Self::create(sem, share, name.as_ptr())
    }

    fn create(
        sem: &Semaphore,
        share: Share,
        name: *const std::os::raw::c_char,
    ) -> Result<Self, Error> {
        let mut options = share.to_c()?;
        options.name = name;
        let mut raw = ptr::null_mut();
        Error::check(unsafe { sys::afflux_tenant_create(sem.ptr(), &options, &mut raw) })?;
        let raw = NonNull::new(raw).ok_or_else(|| Error::of(sys::AFFLUX_ENOMEM))?;
        Ok(unsafe { Self::from_raw(raw, sem) })
    }

    /// Takes over a reference to a tenant of the C API: one that another language in the process has
    /// made, say.
    ///
    /// # Safety
    /// `raw` is a valid handle, made by the very copy of the C library that this crate is linked with,
    /// and the caller gives one reference away. `sem` is the semaphore that it is a tenant of.
    pub unsafe fn from_raw(raw: NonNull<sys::afflux_tenant>, sem: &Semaphore) -> Self {
        Tenant { raw, sem: sem.as_raw(), may_time: sem.may_time }
    }

    /// The handle, for the C API. Borrowed: valid while the tenant is. `afflux_tenant_ref()` makes a
    /// reference that lasts.
    pub fn as_raw(&self) -> NonNull<sys::afflux_tenant> {
        self.raw
    }

    pub(crate) fn ptr(&self) -> *mut sys::afflux_tenant {
        self.raw.as_ptr()
    }

    pub(crate) fn sem_ptr(&self) -> *mut sys::afflux_sem {
        self.sem.as_ptr()
    }

    /// Gives permits back that the caller holds for the tenant.
    pub(crate) fn release(&self, n: u64) {
        if n != 0 {
            // EOVERFLOW: the C API has given back more than it took. Nothing is left to do here.
            unsafe { sys::afflux_tenant_release(self.ptr(), n) };
        }
    }

    /// The name, "" without one.
    pub fn name(&self) -> &str {
        let name = unsafe { CStr::from_ptr(sys::afflux_tenant_name(self.ptr())) };
        name.to_str().unwrap_or("")
    }

    /// A permit, once the tenant's turn has come. See [`Acquire`](crate::Acquire) for what the future
    /// promises.
    ///
    /// # Errors
    /// [`AcquireError`] when the tenant or the semaphore is or gets closed, and when its
    /// [`max_waiters`](Share::max_waiters) or one of the semaphore's own limits ends the wait.
    pub fn acquire(&self) -> TenantAcquire<'_> {
        TenantAcquire::new(self, 1)
    }

    /// `n` permits at once. A request for more than the limit, or than the [cap](Share::cap), fails;
    /// with [`Request::wait_for_resize`] it waits for these to grow.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire); also if `n` is too large.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn acquire_many(&self, n: u32) -> TenantAcquire<'_> {
        TenantAcquire::new(self, at_least_one(n))
    }

    /// As [`acquire`](Self::acquire), with a permit that keeps the tenant alive.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use afflux::{Semaphore, Share, Tenant};
    /// use std::sync::Arc;
    ///
    /// let limit = Semaphore::new(1);
    /// let tenant = Arc::new(Tenant::new(&limit, Share::new())?);
    /// let permit = tenant.clone().acquire_owned().await?;
    /// tokio::spawn(async move { drop(permit) }).await?;
    /// assert_eq!(tenant.stats().held, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn acquire_owned(self: Arc<Self>) -> TenantAcquireOwned {
        TenantAcquireOwned::new(self, 1)
    }

    /// As [`acquire_many`](Self::acquire_many), with permits that keep the tenant alive.
    ///
    /// # Errors
    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn acquire_many_owned(self: Arc<Self>, n: u32) -> TenantAcquireOwned {
        TenantAcquireOwned::new(self, at_least_one(n))
    }

    /// A permit, if one is free for the tenant: it holds less than its cap, and no request waits that
    /// would be granted before.
    ///
    /// # Errors
    /// [`TryAcquireError::Closed`], of the tenant too, or [`TryAcquireError::NoPermits`].
    pub fn try_acquire(&self) -> Result<TenantPermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// `n` permits, as [`try_acquire`](Self::try_acquire).
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn try_acquire_many(&self, n: u32) -> Result<TenantPermit<'_>, TryAcquireError> {
        self.try_take(n)?;
        Ok(TenantPermit::new(self, n.into()))
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that keeps the tenant alive.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedTenantPermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with permits that keep the tenant alive.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedTenantPermit, TryAcquireError> {
        self.try_take(n)?;
        Ok(OwnedTenantPermit::new(self, n.into()))
    }

    fn try_take(&self, n: u32) -> Result<(), TryAcquireError> {
        let n = at_least_one(n).into();
        match unsafe { sys::afflux_tenant_try_acquire(self.ptr(), n) } {
            sys::AFFLUX_OK => Ok(()),
            status => Err(TryAcquireError::of(status)),
        }
    }

    /// A permit, blocking this thread until the tenant's turn has come. Not for a thread that runs an
    /// executor, and not within a waker.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn blocking_acquire(&self) -> Result<TenantPermit<'_>, AcquireError> {
        self.block(1, sys::AFFLUX_FOREVER)
    }

    /// As [`acquire_many`](Self::acquire_many), blocking this thread.
    ///
    /// # Errors
    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn blocking_acquire_many(&self, n: u32) -> Result<TenantPermit<'_>, AcquireError> {
        self.block(n, sys::AFFLUX_FOREVER)
    }

    /// `n` permits, blocking this thread for at most `timeout`.
    ///
    /// # Errors
    /// As [`acquire_many`](Self::acquire_many); also if the time runs out.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn blocking_acquire_timeout(
        &self,
        n: u32,
        timeout: Duration,
    ) -> Result<TenantPermit<'_>, AcquireError> {
        self.block(n, time::nanoseconds(timeout))
    }

    fn block(&self, n: u32, timeout_ns: i64) -> Result<TenantPermit<'_>, AcquireError> {
        let n = at_least_one(n).into();
        match unsafe { sys::afflux_tenant_acquire(self.ptr(), n, timeout_ns) } {
            sys::AFFLUX_OK => Ok(TenantPermit::new(self, n)),
            status => Err(AcquireError::of(status)),
        }
    }

    /// A request of the tenant with more to say: priority, time limit, cost, tag.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use afflux::{Priority, Semaphore, Share, Tenant};
    ///
    /// let limit = Semaphore::new(4);
    /// let tenant = Tenant::new(&limit, Share::new())?;
    /// let permit = tenant.request().permits(2).priority(Priority::High).acquire().await?;
    /// # drop(permit);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn request(&self) -> Request<'_, Tenant> {
        Request::new(self)
    }

    /// Its share. While another thread [sets](Self::set) it, parts may be of before and of after.
    pub fn share(&self) -> Share {
        self.stats().share
    }

    /// Changes its share, from now on. What it holds beyond a lower cap it keeps; requests that wait
    /// for more than that get an error, unless they [wait](Request::wait_for_resize) for it to grow.
    ///
    /// ```
    /// use afflux::{Semaphore, Share, Tenant};
    ///
    /// let limit = Semaphore::new(4);
    /// let tenant = Tenant::new(&limit, Share::new().weight(3))?;
    /// tenant.set(tenant.share().cap(2))?;
    /// assert_eq!(tenant.share(), Share::new().weight(3).cap(2));
    /// # Ok::<(), afflux::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the share is out of its range, or the tenant or the semaphore is closed. Nothing has changed
    /// then.
    pub fn set(&self, share: Share) -> Result<(), Error> {
        let options = share.to_c()?;
        Error::check(unsafe { sys::afflux_tenant_set(self.ptr(), &options) })
    }

    /// Closes the tenant for good: its requests that wait, and new ones, get an error. What it holds it
    /// goes on holding until that is given back. The semaphore is open as before.
    pub fn close(&self) {
        unsafe { sys::afflux_tenant_close(self.ptr()) };
    }

    /// What it has, and has had. Never waits. While requests come and go, numbers may be of different
    /// moments.
    pub fn stats(&self) -> TenantStats {
        let mut c = MaybeUninit::<sys::afflux_tenant_stats>::zeroed();
        TenantStats::of(&unsafe {
            sys::afflux_tenant_stats_init(c.as_mut_ptr());
            sys::afflux_tenant_get_stats(self.ptr(), c.as_mut_ptr());
            c.assume_init()
        })
    }
}

fn at_least_one(n: u32) -> u32 {
    assert!(n != 0, "a tenant's request asks for one permit at least");
    n
}

impl Drop for Tenant {
    fn drop(&mut self) {
        unsafe { sys::afflux_tenant_unref(self.ptr()) };
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        let mut shown = f.debug_struct("Tenant");
        if !self.name().is_empty() {
            shown.field("name", &self.name());
        }
        shown
            .field("share", &stats.share)
            .field("held", &stats.held)
            .field("waiting", &stats.waiting)
            .finish()
    }
}
