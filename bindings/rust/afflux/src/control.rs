// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::control_builder::{ControlBuilder, OnChange};
use crate::control_stats::{ControlStats, Reason};
use crate::error::Error;
use crate::permit::Permits;
use crate::semaphore::Semaphore;
use crate::token::PermitToken;
use crate::work::{OwnedWork, Work};
use crate::{rewake, sys, time};
use std::ffi::c_void;
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

/// Steers the limit of a [`Semaphore`]: told how long each request took and how it ended, it finds
/// the number of permits while the program runs.
///
/// Samples add up to windows; at the end of a window the control's [`Algorithm`](crate::Algorithm)
/// says what the limit is to be. There is no thread and no timer: the call whose sample ends a window
/// sets the limit, lets in those who then fit, and calls [`on_change`](ControlBuilder::on_change).
/// All other calls add their sample and return. Without samples the limit stays as it is.
///
/// A sample is of the work that the permits protect: from the acquire to the end of the work, without
/// the wait for the permit. Three ways to tell:
///
/// | the request has | |
/// |---|---|
/// | a plain permit | [`begin`](Self::begin), then [`Work::end`] |
/// | a [`PermitToken`], which knows since when it is held | [`release`](Self::release) |
/// | a time of its own | [`sample`](Self::sample), before its permits go back |
///
/// One control at a time steers a semaphore, and keeps it alive. When it is dropped, the limit stays
/// as it is. A limit that [`Semaphore::resize`] or [`add_permits`](Semaphore::add_permits) sets holds
/// until the next window ends, or while the control is [paused](Self::pause).
///
/// All methods may be called from any thread at any time, also within a waker. Share it by an
/// [`Arc`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use afflux::{Control, Outcome, Semaphore};
///
/// let limit = Semaphore::new(20);
/// let control = Control::builder().min(4).max(500).build(&limit)?;
///
/// let work = control.begin(limit.acquire().await?);
/// // ... the request ...
/// work.end(Outcome::Served);
///
/// assert_eq!(control.stats().served, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct Control {
    raw: NonNull<sys::afflux_control>,
    // The semaphore's handle, to be compared: the control keeps it alive.
    sem: NonNull<sys::afflux_sem>,
    // What the C library calls; it goes after the reference.
    on_change: Option<Arc<OnChange>>,
}

// The C library's calls may be made from any thread at once, and what it calls is Send and Sync.
unsafe impl Send for Control {}
unsafe impl Sync for Control {}

/// How a request has ended.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done. An error of its own ("not found") counts as well, if it took the usual way.
    Served,
    /// Overload ended it: its time ran out, or the server refused it.
    Dropped,
    /// Its latency says nothing: it failed before it began, came from a cache, was cancelled.
    Ignored,
}

impl Outcome {
    fn to_c(self) -> u32 {
        match self {
            Outcome::Served => sys::AFFLUX_CONTROL_SERVED,
            Outcome::Dropped => sys::AFFLUX_CONTROL_DROPPED,
            Outcome::Ignored => sys::AFFLUX_CONTROL_IGNORED,
        }
    }
}

/// A change of the limit, as [`ControlBuilder::on_change`] is told.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The limit as it was, in permits.
    pub before: u64,
    /// The limit as it is, in permits.
    pub after: u64,
    /// Why.
    pub reason: Reason,
}

/// For the C library: `ctx` is an `OnChange`.
pub(crate) unsafe extern "C" fn changed(ctx: *mut c_void, before: u64, after: u64, reason: u32) {
    rewake::quietly(|| {
        let tell = &*(ctx as *const OnChange);
        tell(Change { before, after, reason: Reason::of(reason) });
    });
}

impl Control {
    /// Steers `sem` by the default algorithm, between 1 and 1,000 permits.
    ///
    /// # Errors
    /// As [`ControlBuilder::build`].
    pub fn new(sem: &Semaphore) -> Result<Self, Error> {
        Self::builder().build(sem)
    }

    /// Options: algorithm, bounds, times, and a function that is told of changes.
    pub fn builder() -> ControlBuilder {
        ControlBuilder::new()
    }

    /// # Safety
    /// `raw` is a control's handle, whose reference goes over to the result. Its on_change, if it
    /// has one, is [`changed`] with `on_change` for the context.
    pub(crate) unsafe fn adopt(
        raw: NonNull<sys::afflux_control>,
        sem: &Semaphore,
        on_change: Option<Arc<OnChange>>,
    ) -> Self {
        Control { raw, sem: sem.as_raw(), on_change }
    }

    /// Takes over a reference to a control of the C API: one that another language in the process
    /// has made, say.
    ///
    /// # Safety
    /// `raw` is a valid handle, made by the very copy of the C library that this crate is linked with,
    /// and the caller gives one reference away. `sem` is the semaphore that it steers.
    pub unsafe fn from_raw(raw: NonNull<sys::afflux_control>, sem: &Semaphore) -> Self {
        Self::adopt(raw, sem, None)
    }

    /// The handle, for the C API. Borrowed: valid while the control is. `afflux_control_ref()` makes
    /// a reference that lasts; where the control has [`on_change`](ControlBuilder::on_change),
    /// nothing may be told by that reference once this object is dropped, for the function is gone.
    pub fn as_raw(&self) -> NonNull<sys::afflux_control> {
        self.raw
    }

    fn ptr(&self) -> *mut sys::afflux_control {
        self.raw.as_ptr()
    }

    /// A request that holds `permit`, a tenant's or not, begins now: its latency counts from here, so call it as soon as
    /// the permit is there. [`Work::end`] tells of the request and gives the permits back.
    ///
    /// # Panics
    /// If the permit is of another semaphore; it is given back.
    pub fn begin<P: Permits>(&self, permit: P) -> Work<'_, P> {
        self.must_steer(&permit);
        Work::new(self, permit)
    }

    /// As [`begin`](Self::begin), with a result that keeps the control alive; with an owned permit the
    /// semaphore, too.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use afflux::{Control, Outcome, Semaphore};
    /// use std::sync::Arc;
    ///
    /// let limit = Arc::new(Semaphore::new(20));
    /// let control = Arc::new(Control::new(&limit)?);
    /// let work = control.clone().begin_owned(limit.clone().acquire_owned().await?);
    /// tokio::spawn(async move {
    ///     // ... the request ...
    ///     work.end(Outcome::Served);
    /// })
    /// .await?;
    /// assert_eq!(control.stats().served, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Panics
    /// As [`begin`](Self::begin).
    pub fn begin_owned<P: Permits>(self: Arc<Self>, permit: P) -> OwnedWork<P> {
        self.must_steer(&permit);
        OwnedWork::new(self, permit)
    }

    fn must_steer(&self, permit: &impl Permits) {
        assert!(
            permit.sem() == self.sem.as_ptr(),
            "a permit of another semaphore than the control's"
        );
    }

    /// Tells of a request that has ended; its work took `latency`. To be called before its permits
    /// are given back, for the control looks at how many are held. Counts on a closed semaphore, too.
    ///
    /// ```
    /// use afflux::{Algorithm, Control, Outcome, Semaphore};
    /// use std::time::Duration;
    ///
    /// let limit = Semaphore::new(10);
    /// let control = Control::builder().algorithm(Algorithm::Aimd).min(1).build(&limit)?;
    /// let permits = limit.try_acquire_many(10).unwrap();
    /// control.sample(Duration::from_millis(3), Outcome::Served);
    /// assert_eq!(limit.limit(), 11);
    /// control.sample(Duration::from_millis(3), Outcome::Dropped);
    /// assert_eq!(limit.limit(), 9);
    /// drop(permits);
    /// # Ok::<(), afflux::Error>(())
    /// ```
    pub fn sample(&self, latency: Duration, outcome: Outcome) {
        // The status is OK: a Duration is not negative, and the outcome is known.
        unsafe {
            sys::afflux_control_sample(self.ptr(), time::nanoseconds(latency), outcome.to_c())
        };
    }

    /// Gives back the permits of a token, as [`PermitToken::release`] does, and tells of them: their
    /// hold time is the latency. Any number of threads may try at once; one of them does it.
    ///
    /// ```
    /// use afflux::{Control, Outcome, Semaphore};
    ///
    /// let limit = Semaphore::new(10);
    /// let control = Control::new(&limit)?;
    /// let token = limit.request().permits(2).blocking_acquire_token().unwrap();
    /// control.release(&token, Outcome::Served)?;
    /// assert!(control.release(&token, Outcome::Served).is_err(), "once");
    /// assert_eq!((control.stats().served, limit.held()), (1, 0));
    /// # Ok::<(), afflux::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the token is empty already, or is of another semaphore: then it keeps its permits, and
    /// nothing is counted.
    pub fn release(&self, token: &PermitToken, outcome: Outcome) -> Result<(), Error> {
        Error::check(unsafe {
            sys::afflux_control_release(self.ptr(), token.ptr(), outcome.to_c())
        })
    }

    /// Leaves the limit alone until [`resume`](Self::resume): for a deployment, a test, a known
    /// outage. Samples go on being counted in the totals, and in no window. A window that another
    /// thread is just closing may still change the limit.
    ///
    /// # Errors
    /// If it is paused already.
    pub fn pause(&self) -> Result<(), Error> {
        Error::check(unsafe { sys::afflux_control_pause(self.ptr()) })
    }

    /// Goes on: a window begins now. The algorithm knows what it knew before the pause.
    ///
    /// # Errors
    /// If it is not paused.
    pub fn resume(&self) -> Result<(), Error> {
        Error::check(unsafe { sys::afflux_control_resume(self.ptr()) })
    }

    /// What it knows, and what it has done. Never waits. While a window is being closed on another
    /// thread, numbers may be of before and of after.
    pub fn stats(&self) -> ControlStats {
        let mut c = MaybeUninit::<sys::afflux_control_stats>::zeroed();
        ControlStats::of(&unsafe {
            sys::afflux_control_stats_init(c.as_mut_ptr());
            sys::afflux_control_get_stats(self.ptr(), c.as_mut_ptr());
            c.assume_init()
        })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        unsafe { sys::afflux_control_unref(self.ptr()) };
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        f.debug_struct("Control")
            .field("algorithm", &stats.algorithm)
            .field("limit", &stats.limit)
            .field("reason", &stats.reason)
            .field("paused", &stats.is_paused)
            .field("on_change", &self.on_change.is_some())
            .finish()
    }
}
