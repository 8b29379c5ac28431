// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::client::Client;
use crate::error::Error;
use crate::semaphore::Semaphore;
use crate::{rewake, sys};
use std::ffi::c_void;
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

/// What [`Registry::render`] makes.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text exposition format 0.0.4.
    #[default]
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    fn to_c(self) -> u32 {
        match self {
            Format::Prometheus => sys::AFFLUX_EXPORT_PROMETHEUS,
            Format::OpenMetrics => sys::AFFLUX_EXPORT_OPENMETRICS,
        }
    }

    /// The HTTP header Content-Type.
    pub fn content_type(self) -> &'static str {
        let text = unsafe { sys::afflux_export_content_type(self.to_c()) };
        unsafe { std::ffi::CStr::from_ptr(text) }.to_str().unwrap_or("")
    }
}

/// Adds semaphores and clients up and renders them for Prometheus. It has a reference to each: what
/// is in it lives until it is removed. Adding, removing and reading take no lock.
///
/// ```
/// use afflux::{Format, Registry, Semaphore};
///
/// let limit = Semaphore::builder(3).name("db").build()?;
/// let registry = Registry::new()?;
/// registry.add(&limit)?;
/// let text = registry.render(Format::Prometheus, false)?;
/// assert!(text.contains("afflux_semaphore_permits_limit{semaphore=\"db\""));
/// # Ok::<(), afflux::Error>(())
/// ```
pub struct Registry {
    raw: NonNull<sys::afflux_registry>,
}

unsafe impl Send for Registry {}
unsafe impl Sync for Registry {}

impl Registry {
    /// An empty registry.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new() -> Result<Self, Error> {
        let mut raw = ptr::null_mut();
        Error::check(unsafe { sys::afflux_registry_create(&mut raw) })?;
        let raw = NonNull::new(raw).ok_or_else(|| Error::of(sys::AFFLUX_ENOMEM))?;
        Ok(Registry { raw })
    }

    fn ptr(&self) -> *mut sys::afflux_registry {
        self.raw.as_ptr()
    }

    /// Adds a semaphore, with all that it has done so far.
    ///
    /// # Errors
    /// If it is in a registry already, or there is no memory.
    pub fn add(&self, sem: &Semaphore) -> Result<(), Error> {
        Error::check(unsafe { sys::afflux_registry_add_sem(self.ptr(), sem.ptr()) })
    }

    /// Removes a semaphore; what it has done stays in the totals.
    ///
    /// # Errors
    /// If it is not in this registry.
    pub fn remove(&self, sem: &Semaphore) -> Result<(), Error> {
        Error::check(unsafe { sys::afflux_registry_remove_sem(self.ptr(), sem.ptr()) })
    }

    /// Adds a client.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn add_client(&self, client: &Client) -> Result<(), Error> {
        Error::check(unsafe { sys::afflux_registry_add_client(self.ptr(), client.ptr()) })
    }

    /// Removes a client; what it has done stays in the totals.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub fn remove_client(&self, client: &Client) -> Result<(), Error> {
        Error::check(unsafe { sys::afflux_registry_remove_client(self.ptr(), client.ptr()) })
    }

    /// All of it as text. With `each_client` every client has series of its own, too: the number of
    /// series is what Prometheus can bear least.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn render(&self, format: Format, each_client: bool) -> Result<String, Error> {
        unsafe extern "C" fn sink(
            ctx: *mut c_void,
            text: *const std::os::raw::c_char,
            n: usize,
        ) -> i32 {
            rewake::quietly(|| {
                let piece = std::slice::from_raw_parts(text as *const u8, n);
                (*(ctx as *mut Vec<u8>)).extend_from_slice(piece);
            });
            0
        }
        let mut options = MaybeUninit::<sys::afflux_export_options>::zeroed();
        let mut options = unsafe {
            Error::check(sys::afflux_export_options_init(options.as_mut_ptr()))?;
            options.assume_init()
        };
        options.format = format.to_c();
        options.flags = if each_client { sys::AFFLUX_EXPORT_CLIENTS } else { 0 };
        let mut text: Vec<u8> = Vec::new();
        let ctx = &mut text as *mut Vec<u8> as *mut c_void;
        Error::check(unsafe { sys::afflux_registry_write(self.ptr(), &options, Some(sink), ctx) })?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        unsafe { sys::afflux_registry_unref(self.ptr()) };
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}
