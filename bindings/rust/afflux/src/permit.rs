// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::error::Error;
use crate::semaphore::Semaphore;
use crate::source::Sealed;
use crate::sys;
use crate::token::PermitToken;
use std::sync::Arc;
use std::{fmt, mem};

/// Permits of a semaphore or of a tenant, borrowed or owned: what [`Control::begin`](crate::Control::begin)
/// takes. There are no others.
pub trait Permits: Sealed {
    /// The semaphore that they are of.
    #[doc(hidden)]
    fn sem(&self) -> *mut sys::afflux_sem;

    /// How many there are.
    #[doc(hidden)]
    fn count(&self) -> usize;

    /// Makes a token of them.
    #[doc(hidden)]
    fn with_tag(self, tag: Option<&str>) -> Result<PermitToken, Error>;
}

/// Permits of a semaphore, which is borrowed. Dropping it gives them back.
///
/// A permit cannot outlive its semaphore:
///
/// ```compile_fail,E0505
/// let limit = afflux::Semaphore::new(1);
/// let permit = limit.try_acquire().unwrap();
/// drop(limit);
/// drop(permit);
/// ```
#[must_use = "the permits are given back when this is dropped"]
#[clippy::has_significant_drop]
pub struct SemaphorePermit<'a> {
    sem: &'a Semaphore,
    permits: u64,
}

impl<'a> SemaphorePermit<'a> {
    #[inline(always)]
    pub(crate) fn new(sem: &'a Semaphore, permits: u64) -> Self {
        SemaphorePermit { sem, permits }
    }

    /// Gives the permits up without giving them back: so many less are there, until
    /// [`Semaphore::add_permits`] makes up for them.
    pub fn forget(mut self) {
        self.sem.forget(mem::take(&mut self.permits));
    }

    /// Takes the permits of another over.
    ///
    /// # Panics
    /// If it is of another semaphore.
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            std::ptr::eq(self.sem, other.sem),
            "merging permits from different semaphore instances"
        );
        self.permits += mem::take(&mut other.permits);
    }

    /// Splits `n` permits off; `None` if there are fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n as u64)?;
        Some(SemaphorePermit { sem: self.sem, permits: n as u64 })
    }

    /// How many permits it holds.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }

    /// Makes a token of it: with an id, a hold time, and a line in the ledger of holders
    /// ([`Builder::ledger`](crate::Builder::ledger)) under this tag.
    ///
    /// # Errors
    /// If it holds no permits, or the tag has a zero byte.
    pub fn into_token(mut self, tag: Option<&str>) -> Result<PermitToken, Error> {
        let token = PermitToken::adopt(self.sem, self.permits, tag)?;
        self.permits = 0;
        Ok(token)
    }
}

impl Drop for SemaphorePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.sem.release(self.permits);
    }
}

impl Sealed for SemaphorePermit<'_> {}

impl Permits for SemaphorePermit<'_> {
    fn sem(&self) -> *mut sys::afflux_sem {
        self.sem.ptr()
    }

    fn count(&self) -> usize {
        self.num_permits()
    }

    fn with_tag(self, tag: Option<&str>) -> Result<PermitToken, Error> {
        self.into_token(tag)
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit").field("permits", &self.permits).finish()
    }
}

/// Permits that keep their semaphore alive. Dropping it gives them back.
#[must_use = "the permits are given back when this is dropped"]
#[clippy::has_significant_drop]
pub struct OwnedSemaphorePermit {
    sem: Arc<Semaphore>,
    permits: u64,
}

impl OwnedSemaphorePermit {
    #[inline(always)]
    pub(crate) fn new(sem: Arc<Semaphore>, permits: u64) -> Self {
        OwnedSemaphorePermit { sem, permits }
    }

    /// As [`SemaphorePermit::forget`].
    pub fn forget(mut self) {
        self.sem.forget(mem::take(&mut self.permits));
    }

    /// Takes the permits of another over.
    ///
    /// # Panics
    /// If it is of another semaphore.
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.sem, &other.sem),
            "merging permits from different semaphore instances"
        );
        self.permits += mem::take(&mut other.permits);
    }

    /// Splits `n` permits off; `None` if there are fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n as u64)?;
        Some(OwnedSemaphorePermit { sem: Arc::clone(&self.sem), permits: n as u64 })
    }

    /// The semaphore that they are of.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.sem
    }

    /// How many permits it holds.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }

    /// As [`SemaphorePermit::into_token`].
    ///
    /// # Errors
    /// If it holds no permits, or the tag has a zero byte.
    pub fn into_token(mut self, tag: Option<&str>) -> Result<PermitToken, Error> {
        let token = PermitToken::adopt(&*self.sem, self.permits, tag)?;
        self.permits = 0;
        Ok(token)
    }
}

impl Drop for OwnedSemaphorePermit {
    #[inline]
    fn drop(&mut self) {
        self.sem.release(self.permits);
    }
}

impl Sealed for OwnedSemaphorePermit {}

impl Permits for OwnedSemaphorePermit {
    fn sem(&self) -> *mut sys::afflux_sem {
        self.sem.ptr()
    }

    fn count(&self) -> usize {
        self.num_permits()
    }

    fn with_tag(self, tag: Option<&str>) -> Result<PermitToken, Error> {
        self.into_token(tag)
    }
}

impl fmt::Debug for OwnedSemaphorePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedSemaphorePermit").field("permits", &self.permits).finish()
    }
}
