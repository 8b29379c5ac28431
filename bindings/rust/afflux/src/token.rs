// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::error::{AcquireError, Error};
use crate::source::Source;
use crate::{sys, time};
use std::cell::UnsafeCell;
use std::ffi::CString;
use std::time::Duration;
use std::{fmt, ptr};

/// Permits with an id and a hold time, and a line in the ledger of holders where the semaphore has
/// one. Dropping it gives the permits back, to their [tenant](crate::Tenant) if they have one. It keeps
/// semaphore and tenant alive, and lies on the heap.
///
/// ```
/// let limit = afflux::Semaphore::builder(4).ledger(16).build()?;
/// let token = limit.request().permits(2).tag("backup").blocking_acquire_token().unwrap();
/// let holders = limit.holders()?;
/// assert_eq!((holders[0].permits, holders[0].tag.as_str()), (2, "backup"));
/// token.release()?;
/// assert!(limit.holders()?.is_empty());
/// # Ok::<(), afflux::Error>(())
/// ```
#[must_use = "the permits are given back when this is dropped"]
#[clippy::has_significant_drop]
pub struct PermitToken {
    inner: Box<UnsafeCell<sys::afflux_permit_token>>,
}

// Every call on a token may be made from any thread at once.
unsafe impl Send for PermitToken {}
unsafe impl Sync for PermitToken {}

impl PermitToken {
    fn empty() -> Self {
        PermitToken {
            inner: Box::new(UnsafeCell::new(sys::afflux_permit_token { opaque: [0; 8] })),
        }
    }

    pub(crate) fn ptr(&self) -> *mut sys::afflux_permit_token {
        self.inner.get()
    }

    /// A token of permits that are held.
    pub(crate) fn adopt(
        source: &impl Source,
        permits: u64,
        tag: Option<&str>,
    ) -> Result<Self, Error> {
        let tag = tag.map(CString::new).transpose();
        let tag = tag.map_err(|_| Error::of(sys::AFFLUX_EINVAL))?;
        let tag = tag.as_ref().map_or(ptr::null(), |tag| tag.as_ptr());
        let token = Self::empty();
        let tenant = source.tenant();
        let answer = unsafe {
            if tenant.is_null() {
                sys::afflux_permit_adopt_tagged(source.sem(), permits, tag, token.ptr())
            } else {
                sys::afflux_tenant_adopt(tenant, permits, tag, token.ptr())
            }
        };
        Error::check(answer)?;
        Ok(token)
    }

    pub(crate) fn acquire(
        sem: *mut sys::afflux_sem,
        asked: &sys::afflux_request,
        timeout_ns: i64,
    ) -> Result<Self, AcquireError> {
        let token = Self::empty();
        match unsafe { sys::afflux_sem_acquire_permit(sem, asked, timeout_ns, token.ptr()) } {
            sys::AFFLUX_OK => Ok(token),
            status => Err(AcquireError::of(status)),
        }
    }

    /// The permits are the caller's, without a token.
    pub(crate) fn let_go(self) {
        unsafe { sys::afflux_permit_forget(self.ptr()) };
    }

    /// Gives the permits back now. Any number of threads may try at once; one of them does it.
    ///
    /// # Errors
    /// If the token is empty already.
    pub fn release(&self) -> Result<(), Error> {
        Error::check(unsafe { sys::afflux_permit_release(self.ptr()) })
    }

    /// Moves `n` permits into a new token, with an id of its own and the same time of acquisition.
    ///
    /// # Errors
    /// If `n` is 0, or not below [`count`](Self::count), or the token is empty.
    pub fn split(&self, n: usize) -> Result<PermitToken, Error> {
        let other = Self::empty();
        Error::check(unsafe { sys::afflux_permit_split(self.ptr(), n as u64, other.ptr()) })?;
        Ok(other)
    }

    /// Takes the permits of another over; this one's id and time of acquisition stay.
    ///
    /// # Errors
    /// If one of them is empty, or their semaphores or tenants differ. Then `other`'s permits are given back.
    pub fn merge(&self, other: PermitToken) -> Result<(), Error> {
        Error::check(unsafe { sys::afflux_permit_merge(self.ptr(), other.ptr()) })
    }

    /// How many permits it holds; 0 after a release.
    pub fn count(&self) -> usize {
        unsafe { sys::afflux_permit_count(self.ptr()) as usize }
    }

    /// Its number, unique in the process; 0 after a release.
    pub fn id(&self) -> u64 {
        unsafe { sys::afflux_permit_id(self.ptr()) }
    }

    /// For how long the permits have been held; 0 after a release.
    pub fn held_for(&self) -> Duration {
        time::duration(unsafe { sys::afflux_permit_held_ns(self.ptr()) })
    }
}

impl Drop for PermitToken {
    fn drop(&mut self) {
        // Of an empty one nothing happens.
        unsafe { sys::afflux_permit_release(self.ptr()) };
    }
}

impl fmt::Debug for PermitToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PermitToken");
        shown.field("id", &self.id()).field("permits", &self.count()).finish()
    }
}
