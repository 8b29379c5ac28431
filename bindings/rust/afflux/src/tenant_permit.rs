// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::error::Error;
use crate::permit::Permits;
use crate::source::Sealed;
use crate::sys;
use crate::tenant::Tenant;
use crate::token::PermitToken;
use std::sync::Arc;
use std::{fmt, mem};

/// Permits of a [`Tenant`], which is borrowed. Dropping it gives them back to the tenant.
///
/// A permit cannot outlive its tenant:
///
/// ```compile_fail,E0505
/// let limit = afflux::Semaphore::new(1);
/// let tenant = afflux::Tenant::new(&limit, afflux::Share::new()).unwrap();
/// let permit = tenant.try_acquire().unwrap();
/// drop(tenant);
/// drop(permit);
/// ```
#[must_use = "the permits are given back when this is dropped"]
#[clippy::has_significant_drop]
pub struct TenantPermit<'a> {
    tenant: &'a Tenant,
    permits: u64,
}

impl<'a> TenantPermit<'a> {
    pub(crate) fn new(tenant: &'a Tenant, permits: u64) -> Self {
        TenantPermit { tenant, permits }
    }

    /// The tenant that they are of.
    pub fn tenant(&self) -> &'a Tenant {
        self.tenant
    }

    /// Takes the permits of another over.
    ///
    /// # Panics
    /// If it is of another tenant.
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            std::ptr::eq(self.tenant, other.tenant),
            "merging permits from different tenant instances"
        );
        self.permits += mem::take(&mut other.permits);
    }

    /// Splits `n` permits off; `None` if there are fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n as u64)?;
        Some(TenantPermit { tenant: self.tenant, permits: n as u64 })
    }

    /// How many permits it holds.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }

    /// Makes a token of it, as [`SemaphorePermit::into_token`](crate::SemaphorePermit::into_token). The
    /// token keeps the tenant.
    ///
    /// # Errors
    /// If it holds no permits, or the tag has a zero byte.
    pub fn into_token(mut self, tag: Option<&str>) -> Result<PermitToken, Error> {
        let token = PermitToken::adopt(self.tenant, self.permits, tag)?;
        self.permits = 0;
        Ok(token)
    }
}

impl Drop for TenantPermit<'_> {
    fn drop(&mut self) {
        self.tenant.release(self.permits);
    }
}

impl Sealed for TenantPermit<'_> {}

impl Permits for TenantPermit<'_> {
    fn sem(&self) -> *mut sys::afflux_sem {
        self.tenant.sem_ptr()
    }

    fn count(&self) -> usize {
        self.num_permits()
    }

    fn with_tag(self, tag: Option<&str>) -> Result<PermitToken, Error> {
        self.into_token(tag)
    }
}

impl fmt::Debug for TenantPermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TenantPermit");
        shown.field("tenant", &self.tenant.name()).field("permits", &self.permits).finish()
    }
}

/// Permits that keep their [`Tenant`] alive. Dropping it gives them back to the tenant.
#[must_use = "the permits are given back when this is dropped"]
#[clippy::has_significant_drop]
pub struct OwnedTenantPermit {
    tenant: Arc<Tenant>,
    permits: u64,
}

impl OwnedTenantPermit {
    pub(crate) fn new(tenant: Arc<Tenant>, permits: u64) -> Self {
        OwnedTenantPermit { tenant, permits }
    }

    /// The tenant that they are of.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// Takes the permits of another over.
    ///
    /// # Panics
    /// If it is of another tenant.
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.tenant, &other.tenant),
            "merging permits from different tenant instances"
        );
        self.permits += mem::take(&mut other.permits);
    }

    /// Splits `n` permits off; `None` if there are fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n as u64)?;
        Some(OwnedTenantPermit { tenant: Arc::clone(&self.tenant), permits: n as u64 })
    }

    /// How many permits it holds.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }

    /// As [`TenantPermit::into_token`].
    ///
    /// # Errors
    /// If it holds no permits, or the tag has a zero byte.
    pub fn into_token(mut self, tag: Option<&str>) -> Result<PermitToken, Error> {
        let token = PermitToken::adopt(&*self.tenant, self.permits, tag)?;
        self.permits = 0;
        Ok(token)
    }
}

impl Drop for OwnedTenantPermit {
    fn drop(&mut self) {
        self.tenant.release(self.permits);
    }
}

impl Sealed for OwnedTenantPermit {}

impl Permits for OwnedTenantPermit {
    fn sem(&self) -> *mut sys::afflux_sem {
        self.tenant.sem_ptr()
    }

    fn count(&self) -> usize {
        self.num_permits()
    }

    fn with_tag(self, tag: Option<&str>) -> Result<PermitToken, Error> {
        self.into_token(tag)
    }
}

impl fmt::Debug for OwnedTenantPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("OwnedTenantPermit");
        shown.field("tenant", &self.tenant.name()).field("permits", &self.permits).finish()
    }
}
