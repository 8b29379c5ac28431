// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::control::{changed, Change, Control};
use crate::error::Error;
use crate::semaphore::Semaphore;
use crate::{sys, time};
use std::ffi::{c_void, CStr, CString};
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// By which rule a [`Control`] finds the limit. As text, for a configuration file: `"default"`,
/// `"aimd"`, `"vegas"`, `"gradient2"`, `"gradient"`.
///
/// ```
/// use afflux::Algorithm;
///
/// let algorithm: Algorithm = "vegas".parse()?;
/// assert_eq!((algorithm, algorithm.name()), (Algorithm::Vegas, "vegas"));
/// assert!("reno".parse::<Algorithm>().is_err());
/// # Ok::<(), afflux::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// By what a little more in flight brings, which it tries all the time: the limit goes a few per
    /// cent up and down. 1 to 1,000 permits.
    #[default]
    Default,
    /// One more after a good request, a tenth less after a drop, as in Netflix concurrency-limits.
    /// 20 to 200 permits.
    Aimd,
    /// By the queue that the least latency seen does not explain, as in Netflix concurrency-limits.
    /// 1 to 1,000 permits.
    Vegas,
    /// By a long average of latencies over the latest, as in Netflix concurrency-limits. 20 to 200
    /// permits.
    Gradient2,
    /// By the latency of probes at a low limit, which is the least one, as Envoy's adaptive
    /// concurrency filter. 3 to 1,000 permits.
    Gradient,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 5] = [
        Algorithm::Default,
        Algorithm::Aimd,
        Algorithm::Vegas,
        Algorithm::Gradient2,
        Algorithm::Gradient,
    ];

    fn to_c(self) -> u32 {
        match self {
            Algorithm::Default => sys::AFFLUX_CONTROL_DEFAULT,
            Algorithm::Aimd => sys::AFFLUX_CONTROL_AIMD,
            Algorithm::Vegas => sys::AFFLUX_CONTROL_VEGAS,
            Algorithm::Gradient2 => sys::AFFLUX_CONTROL_GRADIENT2,
            Algorithm::Gradient => sys::AFFLUX_CONTROL_GRADIENT,
        }
    }

    pub(crate) fn of(c: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.to_c() == c)
    }

    /// Its name, in small letters.
    pub fn name(self) -> &'static str {
        let name = unsafe { CStr::from_ptr(sys::afflux_control_algorithm_name(self.to_c())) };
        name.to_str().unwrap_or("")
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let name = CString::new(name).map_err(|_| Error::of(sys::AFFLUX_EINVAL))?;
        let mut found = 0;
        Error::check(unsafe { sys::afflux_control_find_algorithm(name.as_ptr(), &mut found) })?;
        Algorithm::of(found).ok_or_else(|| Error::of(sys::AFFLUX_ENOTSUP))
    }
}

/// What is told of changes.
pub(crate) type OnChange = Box<dyn Fn(Change) + Send + Sync>;

/// Options of a [`Control`]: [`Control::builder`] begins with the defaults.
#[must_use = "options make no control before `build`"]
#[derive(Clone)]
pub struct ControlBuilder {
    algorithm: Algorithm,
    min: usize,
    max: usize,
    initial: usize,
    seed: u64,
    window: Duration,
    timeout: Duration,
    probe_interval: Duration,
    on_change: Option<Arc<OnChange>>,
}

impl ControlBuilder {
    pub(crate) fn new() -> Self {
        ControlBuilder {
            algorithm: Algorithm::Default,
            min: 0,
            max: 0,
            initial: 0,
            seed: 1,
            window: Duration::ZERO,
            timeout: Duration::ZERO,
            probe_interval: Duration::ZERO,
            on_change: None,
        }
    }

    /// By which rule.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// The least limit, 1 to `max` permits; 0, the default: the algorithm's, or `max` if that is
    /// less. It has to be at least what the largest request asks for: a shrink below that ends such
    /// requests with [`TooLarge`](crate::AcquireErrorKind::TooLarge), unless they
    /// [wait for the limit to grow](crate::Request::wait_for_resize).
    pub fn min(mut self, permits: usize) -> Self {
        self.min = permits;
        self
    }

    /// The largest limit, `min` to [`Semaphore::MAX_PERMITS`]: what the program survives. 0, the
    /// default: the algorithm's, or `min` if that is more.
    pub fn max(mut self, permits: usize) -> Self {
        self.max = permits;
        self
    }

    /// The limit to begin with, `min` to `max`; 0, the default: the semaphore's, brought within them.
    /// [`Algorithm::Gradient`] begins with a probe, at `min`, whatever it is.
    pub fn initial(mut self, permits: usize) -> Self {
        self.initial = permits;
        self
    }

    /// Of the jitter of [`Algorithm::Default`], [`Vegas`](Algorithm::Vegas) and
    /// [`Gradient`](Algorithm::Gradient); 1 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How long a window lasts. Zero, the default: with [`Algorithm::Vegas`] and
    /// [`Gradient2`](Algorithm::Gradient2) each request is one; 100 ms with
    /// [`Gradient`](Algorithm::Gradient). With [`Aimd`](Algorithm::Aimd) each request is one,
    /// whatever it is; [`Default`](Algorithm::Default) finds out by itself.
    pub fn window(mut self, time: Duration) -> Self {
        self.window = time;
        self
    }

    /// [`Algorithm::Aimd`]: what took longer counts as dropped. Zero, the default: 5 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// [`Algorithm::Gradient`]: from probe to probe. Zero, the default: 60 s.
    pub fn probe_interval(mut self, time: Duration) -> Self {
        self.probe_interval = time;
        self
    }

    /// A function that is told of each change of the limit, in order, one call at a time.
    ///
    /// It runs on the thread whose call ends a window, before that call returns:
    /// [`sample`](Control::sample), [`release`](Control::release), the end of a
    /// [`Work`](crate::Work), or [`build`](Self::build). It may call everything in this crate, on the
    /// control too. Until it returns no other window of the control ends, and no call waits for that:
    /// so it should be short, and not block. Its panics end where it is called, after the panic hook;
    /// the limit stays changed. With `panic = "abort"` they abort.
    ///
    /// The function lives as long as the control, and must not own it: of a control that owns itself
    /// no reference is ever the last.
    ///
    /// ```
    /// use afflux::{Algorithm, Control, Outcome, Semaphore};
    /// use std::time::Duration;
    ///
    /// let limit = Semaphore::new(10);
    /// let control = Control::builder()
    ///     .algorithm(Algorithm::Aimd)
    ///     .min(1)
    ///     .on_change(|change| {
    ///         println!("{} -> {}: {}", change.before, change.after, change.reason);
    ///     })
    ///     .build(&limit)?;
    /// control.sample(Duration::from_millis(3), Outcome::Dropped); // prints "10 -> 9: requests ..."
    /// # Ok::<(), afflux::Error>(())
    /// ```
    pub fn on_change(mut self, tell: impl Fn(Change) + Send + Sync + 'static) -> Self {
        self.on_change = Some(Arc::new(Box::new(tell)));
        self
    }

    /// Makes a control that steers `sem` from now on. The limit is the algorithm's first, which
    /// [`on_change`](Self::on_change) is told if it is another one.
    ///
    /// # Errors
    /// By [`Error::status`]: `AFFLUX_EINVAL` if `min` is above `max`, `max` above
    /// [`MAX_PERMITS`](Semaphore::MAX_PERMITS), or `initial` not within them; `AFFLUX_EBUSY` if
    /// another control steers the semaphore; `AFFLUX_ECLOSED` if that is closed; `AFFLUX_ENOMEM`.
    pub fn build(&self, sem: &Semaphore) -> Result<Control, Error> {
        let mut options = MaybeUninit::<sys::afflux_control_options>::zeroed();
        let mut options = unsafe {
            Error::check(sys::afflux_control_options_init(options.as_mut_ptr()))?;
            options.assume_init()
        };
        options.algorithm = self.algorithm.to_c();
        options.min = self.min as u64;
        options.max = self.max as u64;
        options.initial = self.initial as u64;
        options.seed = self.seed;
        options.window_ns = time::nanoseconds(self.window);
        options.timeout_ns = time::nanoseconds(self.timeout);
        options.probe_interval_ns = time::nanoseconds(self.probe_interval);
        if let Some(tell) = &self.on_change {
            options.on_change = Some(changed);
            options.ctx = Arc::as_ptr(tell) as *mut c_void;
        }
        let mut raw = ptr::null_mut();
        Error::check(unsafe { sys::afflux_control_create(sem.ptr(), &options, &mut raw) })?;
        let raw = NonNull::new(raw).ok_or_else(|| Error::of(sys::AFFLUX_ENOMEM))?;
        Ok(unsafe { Control::adopt(raw, sem, self.on_change.clone()) })
    }
}

impl fmt::Debug for ControlBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlBuilder")
            .field("algorithm", &self.algorithm)
            .field("min", &self.min)
            .field("max", &self.max)
            .field("initial", &self.initial)
            .field("seed", &self.seed)
            .field("window", &self.window)
            .field("timeout", &self.timeout)
            .field("probe_interval", &self.probe_interval)
            .field("on_change", &self.on_change.is_some())
            .finish()
    }
}
