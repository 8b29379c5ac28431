// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::error::Error;
use crate::{sys, time};
use std::ffi::{CStr, CString};
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::time::Duration;

/// A customer, a connection, a worker: counters for all whose requests are accounted for. A clone is
/// the same client. Counting is one relaxed addition, from any thread.
///
/// ```
/// use afflux::{Client, Semaphore};
///
/// let limit = Semaphore::new(4);
/// let client = Client::new("acme")?;
/// let permit = limit.request().permits(3).client(&client).blocking_acquire().unwrap();
/// client.count_bytes(1_500);
/// drop(permit);
/// let summary = client.summary();
/// assert_eq!((summary.acquired, summary.bytes), (3, 1_500));
/// # Ok::<(), afflux::Error>(())
/// ```
pub struct Client {
    raw: NonNull<sys::afflux_client>,
}

unsafe impl Send for Client {}
unsafe impl Sync for Client {}

/// What a client has done.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct ClientSummary {
    /// Requests of each class.
    pub requests: [u64; sys::AFFLUX_CLIENT_CLASSES],
    /// Bytes.
    pub bytes: u64,
    /// Responses 400 to 499.
    pub responses_4xx: u64,
    /// Responses 500 to 599.
    pub responses_5xx: u64,
    /// All other responses.
    pub responses_other: u64,
    /// Reconnections.
    pub reconnections: u64,
    /// Timeouts.
    pub timeouts: u64,
    /// Permits that its requests got.
    pub acquired: u64,
    /// Its requests that waited and have ended, however.
    pub waits: u64,
    /// Their waits together.
    pub wait_sum: Duration,
    /// The longest.
    pub wait_max: Duration,
    /// Its requests that a queue limit refused or dropped.
    pub rejected: u64,
    /// Its requests whose time ran out.
    pub timed_out: u64,
    /// Its requests that were taken back.
    pub canceled: u64,
}

impl Client {
    /// A client with everything at 0.
    ///
    /// # Errors
    /// If the name has a zero byte, or there is no memory.
    pub fn new(name: &str) -> Result<Self, Error> {
        let name = CString::new(name).map_err(|_| Error::of(sys::AFFLUX_EINVAL))?;
        let mut options = MaybeUninit::<sys::afflux_client_options>::zeroed();
        let mut options = unsafe {
            Error::check(sys::afflux_client_options_init(options.as_mut_ptr()))?;
            options.assume_init()
        };
        options.name = name.as_ptr();
        let mut raw = ptr::null_mut();
        Error::check(unsafe { sys::afflux_client_create(&options, &mut raw) })?;
        NonNull::new(raw).map(|raw| Client { raw }).ok_or_else(|| Error::of(sys::AFFLUX_ENOMEM))
    }

    pub(crate) fn ptr(&self) -> *mut sys::afflux_client {
        self.raw.as_ptr()
    }

    /// The handle, for the C API; borrowed.
    pub fn as_raw(&self) -> NonNull<sys::afflux_client> {
        self.raw
    }

    /// Its name.
    pub fn name(&self) -> &str {
        unsafe { CStr::from_ptr(sys::afflux_client_name(self.ptr())) }.to_str().unwrap_or("")
    }

    /// Counts `n` requests of a class.
    ///
    /// # Panics
    /// If `class` is above 3.
    pub fn count_requests(&self, class: u32, n: u64) {
        assert!((class as usize) < sys::AFFLUX_CLIENT_CLASSES, "there are four classes");
        unsafe { sys::afflux_client_count_requests(self.ptr(), class, n) };
    }

    /// Counts bytes.
    pub fn count_bytes(&self, n: u64) {
        unsafe { sys::afflux_client_count_bytes(self.ptr(), n) };
    }

    /// Counts a response by its status code.
    pub fn count_response(&self, code: u32) {
        unsafe { sys::afflux_client_count_response(self.ptr(), code) };
    }

    /// Counts a reconnection.
    pub fn count_reconnection(&self) {
        unsafe { sys::afflux_client_count_reconnection(self.ptr()) };
    }

    /// Counts a timeout.
    pub fn count_timeout(&self) {
        unsafe { sys::afflux_client_count_timeout(self.ptr()) };
    }

    /// Its counters. Never waits.
    pub fn summary(&self) -> ClientSummary {
        let mut c = MaybeUninit::<sys::afflux_client_summary_t>::zeroed();
        let c = unsafe {
            sys::afflux_client_summary_init(c.as_mut_ptr());
            sys::afflux_client_summary(self.ptr(), c.as_mut_ptr());
            c.assume_init()
        };
        ClientSummary {
            requests: c.requests,
            bytes: c.bytes,
            responses_4xx: c.responses_4xx,
            responses_5xx: c.responses_5xx,
            responses_other: c.responses_other,
            reconnections: c.reconnections,
            timeouts: c.timeouts,
            acquired: c.acquired,
            waits: c.waits,
            wait_sum: time::duration(i64::try_from(c.wait_sum_ns).unwrap_or(i64::MAX)),
            wait_max: time::duration(i64::try_from(c.wait_max_ns).unwrap_or(i64::MAX)),
            rejected: c.rejected,
            timed_out: c.timed_out,
            canceled: c.canceled,
        }
    }
}

impl Clone for Client {
    fn clone(&self) -> Self {
        unsafe { sys::afflux_client_ref(self.ptr()) };
        Client { raw: self.raw }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        unsafe { sys::afflux_client_unref(self.ptr()) };
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("name", &self.name()).finish()
    }
}
