// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where permits come from and go back to: a semaphore, or a tenant of one.

use crate::permit::{Permits, SemaphorePermit};
use crate::semaphore::Semaphore;
use crate::sys;
use crate::tenant::Tenant;
use crate::tenant_permit::TenantPermit;
use std::ptr;

/// Only this crate has such types.
pub trait Sealed {}

impl Sealed for Semaphore {}
impl Sealed for Tenant {}

/// What a [`Request`](crate::Request) is made of: a [`Semaphore`], or a [`Tenant`]. There are no others.
pub trait Source: Sealed {
    /// Flags of a request that says no more than a number of permits.
    #[doc(hidden)]
    const FLAGS: u32;

    /// The semaphore.
    #[doc(hidden)]
    fn sem(&self) -> *mut sys::afflux_sem;

    /// The tenant; null: none.
    #[doc(hidden)]
    fn tenant(&self) -> *mut sys::afflux_tenant;

    /// Whether a request that names no time may have a limit all the same.
    #[doc(hidden)]
    fn may_time(&self) -> bool;

    /// True: taken, without a call. False: make the call.
    #[doc(hidden)]
    fn take(&self, n: u64) -> bool;

    /// Gives permits back that the caller holds.
    #[doc(hidden)]
    fn give(&self, n: u64);

    /// The answer to a request for no permits.
    #[doc(hidden)]
    fn none(&self) -> sys::afflux_status;
}

/// A [`Source`] and the permits that it gives to those who borrow it.
pub trait Grants<'a>: Source {
    /// What holds them.
    type Permit: Permits;

    /// Owns `n` permits that are held.
    #[doc(hidden)]
    fn own(&'a self, n: u64) -> Self::Permit;
}

impl Source for Semaphore {
    // As in tokio, a request for more than the limit waits for it to grow.
    const FLAGS: u32 = sys::AFFLUX_WAIT_FOR_RESIZE;

    fn sem(&self) -> *mut sys::afflux_sem {
        self.ptr()
    }

    fn tenant(&self) -> *mut sys::afflux_tenant {
        ptr::null_mut()
    }

    fn may_time(&self) -> bool {
        self.may_time
    }

    #[inline(always)]
    fn take(&self, n: u64) -> bool {
        self.take(n)
    }

    #[inline(always)]
    fn give(&self, n: u64) {
        self.release(n);
    }

    fn none(&self) -> sys::afflux_status {
        if self.is_closed() {
            sys::AFFLUX_ECLOSED
        } else {
            sys::AFFLUX_OK
        }
    }
}

impl<'a> Grants<'a> for Semaphore {
    type Permit = SemaphorePermit<'a>;

    fn own(&'a self, n: u64) -> SemaphorePermit<'a> {
        SemaphorePermit::new(self, n)
    }
}

impl Source for Tenant {
    const FLAGS: u32 = 0;

    fn sem(&self) -> *mut sys::afflux_sem {
        self.sem_ptr()
    }

    fn tenant(&self) -> *mut sys::afflux_tenant {
        self.ptr()
    }

    fn may_time(&self) -> bool {
        self.may_time
    }

    #[inline(always)]
    fn take(&self, _: u64) -> bool {
        false
    }

    fn give(&self, n: u64) {
        self.release(n);
    }

    fn none(&self) -> sys::afflux_status {
        sys::AFFLUX_EINVAL
    }
}

impl<'a> Grants<'a> for Tenant {
    type Permit = TenantPermit<'a>;

    fn own(&'a self, n: u64) -> TenantPermit<'a> {
        TenantPermit::new(self, n)
    }
}
