// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::error::AcquireError;
use crate::permit::{OwnedSemaphorePermit, SemaphorePermit};
use crate::semaphore::Semaphore;
use crate::slot::{Slot, UNTIMED};
use crate::source::Source;
use crate::tenant::Tenant;
use crate::tenant_permit::{OwnedTenantPermit, TenantPermit};
use crate::{request, sys};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What the futures have in common; `S` leads to the semaphore, or the tenant.
struct Wait<S>
where
    S: Deref,
    S::Target: Source,
{
    slot: Slot<UNTIMED>,
    /// Moved out when the slot is done, and only then.
    source: ManuallyDrop<S>,
    permits: u32,
}

impl<S> Wait<S>
where
    S: Deref,
    S::Target: Source,
{
    #[inline(always)]
    fn new(source: S, permits: u32) -> Self {
        Wait { slot: Slot::new(), source: ManuallyDrop::new(source), permits }
    }

    /// The source, and that the permits are held.
    ///
    /// # Safety
    /// Pinned.
    #[inline(always)]
    unsafe fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<S, AcquireError>> {
        if self.slot.is_idle() && self.source.take(self.permits.into()) {
            self.slot.finish();
            return Poll::Ready(Ok(ManuallyDrop::take(&mut self.source)));
        }
        match self.poll_slowly(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => Poll::Ready(Ok(ManuallyDrop::take(&mut self.source))),
            Poll::Ready(Err(error)) => {
                ManuallyDrop::drop(&mut self.source);
                Poll::Ready(Err(error))
            }
        }
    }

    /// `Ready`: the slot is done.
    #[inline(never)]
    unsafe fn poll_slowly(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        let status = if self.slot.is_pending() {
            self.slot.look(cx)
        } else {
            assert!(self.slot.is_idle(), "a future is not polled after it has completed");
            let source: &S::Target = &self.source;
            let permits = self.permits.into();
            if permits == 0 {
                self.slot.finish();
                Poll::Ready(source.none())
            } else {
                self.slot.start(cx, source.may_time(), |note, waiter| {
                    let mut asked = request::defaults();
                    asked.flags = <S::Target as Source>::FLAGS;
                    asked.permits = permits;
                    asked.tenant = source.tenant();
                    note.fill(&mut asked);
                    sys::afflux_sem_acquire_async(source.sem(), &asked, waiter)
                })
            }
        };
        status.map(|status| match status {
            sys::AFFLUX_OK => Ok(()),
            status => Err(AcquireError::of(status)),
        })
    }

    #[inline(never)]
    fn end(&mut self) {
        // The source goes last, also where dropping a waker panics.
        struct Last<'a, S>(&'a mut ManuallyDrop<S>);
        impl<S> Drop for Last<'_, S> {
            fn drop(&mut self) {
                unsafe { ManuallyDrop::drop(self.0) };
            }
        }
        let last = Last(&mut self.source);
        if self.slot.cancel() {
            last.0.give(self.permits.into());
        }
    }
}

impl<S> Drop for Wait<S>
where
    S: Deref,
    S::Target: Source,
{
    #[inline(always)]
    fn drop(&mut self) {
        if !self.slot.is_done() {
            self.end();
        }
    }
}

/// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
///
/// It has 128 bytes and allocates nothing: the request's place in the queue lies inside. (Two rare
/// cases allocate: a semaphore with a [`waiter_timeout`](crate::Builder::waiter_timeout), once for
/// each future that waits; and a poll with another waker than that of the first, once for the change.)
/// The request queues at the first poll; its place is kept until the future ends.
///
/// Dropping it takes the request back, at any time and on any thread, without waiting for a wake
/// function: those behind it that now fit are let in, and permits that came at the same moment are
/// given back. So it may be used in `select!` and with time limits.
///
/// A waker that panics harms no other: the panic ends where the waker is called, after the panic
/// hook has told of it.
///
/// # Panics
/// `poll` panics after it has answered `Ready`.
#[must_use = "futures do nothing unless polled"]
pub struct Acquire<'a> {
    wait: Wait<&'a Semaphore>,
}

impl<'a> Acquire<'a> {
    #[inline(always)]
    pub(crate) fn new(sem: &'a Semaphore, permits: u32) -> Self {
        Acquire { wait: Wait::new(sem, permits) }
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<SemaphorePermit<'a>, AcquireError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Nothing is moved out of it but the reference.
        let wait = unsafe { &mut self.get_unchecked_mut().wait };
        let permits = wait.permits;
        match unsafe { wait.poll(cx) } {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(sem)) => Poll::Ready(Ok(SemaphorePermit::new(sem, permits.into()))),
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
        }
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("permits", &self.wait.permits).finish()
    }
}

/// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`]: as
/// [`Acquire`], and it keeps the semaphore alive.
#[must_use = "futures do nothing unless polled"]
pub struct AcquireOwned {
    wait: Wait<Arc<Semaphore>>,
}

impl AcquireOwned {
    #[inline(always)]
    pub(crate) fn new(sem: Arc<Semaphore>, permits: u32) -> Self {
        AcquireOwned { wait: Wait::new(sem, permits) }
    }
}

impl Future for AcquireOwned {
    type Output = Result<OwnedSemaphorePermit, AcquireError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = unsafe { &mut self.get_unchecked_mut().wait };
        let permits = wait.permits;
        match unsafe { wait.poll(cx) } {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(sem)) => Poll::Ready(Ok(OwnedSemaphorePermit::new(sem, permits.into()))),
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
        }
    }
}

impl fmt::Debug for AcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireOwned").field("permits", &self.wait.permits).finish()
    }
}

/// The future of [`Tenant::acquire`] and [`Tenant::acquire_many`]: as [`Acquire`], with its promises.
#[must_use = "futures do nothing unless polled"]
pub struct TenantAcquire<'a> {
    wait: Wait<&'a Tenant>,
}

impl<'a> TenantAcquire<'a> {
    pub(crate) fn new(tenant: &'a Tenant, permits: u32) -> Self {
        TenantAcquire { wait: Wait::new(tenant, permits) }
    }
}

impl<'a> Future for TenantAcquire<'a> {
    type Output = Result<TenantPermit<'a>, AcquireError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = unsafe { &mut self.get_unchecked_mut().wait };
        let permits = wait.permits.into();
        unsafe { wait.poll(cx) }.map(|got| got.map(|tenant| TenantPermit::new(tenant, permits)))
    }
}

impl fmt::Debug for TenantAcquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantAcquire").field("permits", &self.wait.permits).finish()
    }
}

/// The future of [`Tenant::acquire_owned`] and [`Tenant::acquire_many_owned`]: as [`Acquire`], and it
/// keeps the tenant alive.
#[must_use = "futures do nothing unless polled"]
pub struct TenantAcquireOwned {
    wait: Wait<Arc<Tenant>>,
}

impl TenantAcquireOwned {
    pub(crate) fn new(tenant: Arc<Tenant>, permits: u32) -> Self {
        TenantAcquireOwned { wait: Wait::new(tenant, permits) }
    }
}

impl Future for TenantAcquireOwned {
    type Output = Result<OwnedTenantPermit, AcquireError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = unsafe { &mut self.get_unchecked_mut().wait };
        let permits = wait.permits.into();
        unsafe { wait.poll(cx) }
            .map(|got| got.map(|tenant| OwnedTenantPermit::new(tenant, permits)))
    }
}

impl fmt::Debug for TenantAcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantAcquireOwned").field("permits", &self.wait.permits).finish()
    }
}

/// The future of [`Semaphore::idle`]. Dropping it ends the wait.
#[must_use = "futures do nothing unless polled"]
pub struct Idle<'a> {
    slot: Slot<UNTIMED>,
    sem: *const sys::afflux_sem,
    _borrowed: PhantomData<&'a Semaphore>,
}

// As `&Semaphore`.
unsafe impl Send for Idle<'_> {}
unsafe impl Sync for Idle<'_> {}

impl<'a> Idle<'a> {
    pub(crate) fn new(sem: &'a Semaphore) -> Self {
        // waiter_timeout is for requests for permits alone.
        Idle { slot: Slot::new(), sem: sem.ptr(), _borrowed: PhantomData }
    }
}

impl Future for Idle<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = unsafe { self.get_unchecked_mut() };
        let sem = this.sem as *mut sys::afflux_sem;
        let status = if this.slot.is_pending() {
            unsafe { this.slot.look(cx) }
        } else {
            assert!(this.slot.is_idle(), "a future is not polled after it has completed");
            unsafe {
                this.slot.start(cx, false, |note, waiter| {
                    let mut asked = request::defaults();
                    note.fill(&mut asked);
                    sys::afflux_sem_wait_idle_async(sem, &asked, waiter)
                })
            }
        };
        status.map(drop)
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.slot.cancel();
    }
}

impl fmt::Debug for Idle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idle").finish_non_exhaustive()
    }
}
