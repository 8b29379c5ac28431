// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::sys;
use std::ffi::CStr;
use std::{error, fmt, io};

/// Why [`Semaphore::acquire`](crate::Semaphore::acquire) and its like got nothing.
///
/// A semaphore without limits of its own, as [`Semaphore::new`](crate::Semaphore::new) makes it,
/// fails only by being closed. The name is tokio's; [`kind`](Self::kind) tells what tokio's cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquireError {
    kind: AcquireErrorKind,
}

/// What kind of [`AcquireError`] it is.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcquireErrorKind {
    /// The semaphore, or the tenant, has been closed.
    Closed,
    /// The time ran out: the request's own, or the semaphore's
    /// [`waiter_timeout`](crate::Builder::waiter_timeout).
    TimedOut,
    /// A queue limit refused or dropped the request ([`Overflow`](crate::Overflow)), or it was shed
    /// ([`Builder::shed`](crate::Builder::shed)).
    Rejected,
    /// More permits than the limit, or than the tenant's cap, at once or because of a shrink meanwhile.
    TooLarge,
    /// The library's timer thread could not be started; the operating system's error.
    Os(i32),
    /// Any other status of the C library.
    Other(i32),
}

impl AcquireError {
    pub(crate) fn of(status: sys::afflux_status) -> Self {
        let kind = match status {
            sys::AFFLUX_ECLOSED => AcquireErrorKind::Closed,
            // EAGAIN: a time of 0.
            sys::AFFLUX_ETIMEDOUT | sys::AFFLUX_EAGAIN => AcquireErrorKind::TimedOut,
            sys::AFFLUX_EREJECTED => AcquireErrorKind::Rejected,
            sys::AFFLUX_E2BIG => AcquireErrorKind::TooLarge,
            sys::AFFLUX_EOS => AcquireErrorKind::Os(unsafe { sys::afflux_last_os_error() }),
            other => AcquireErrorKind::Other(other),
        };
        AcquireError { kind }
    }

    pub(crate) const CLOSED: Self = AcquireError { kind: AcquireErrorKind::Closed };

    /// What went wrong.
    pub fn kind(&self) -> AcquireErrorKind {
        self.kind
    }

    /// Whether the semaphore, or the tenant, has been closed.
    pub fn is_closed(&self) -> bool {
        self.kind == AcquireErrorKind::Closed
    }

    /// Whether the time ran out.
    pub fn is_timed_out(&self) -> bool {
        self.kind == AcquireErrorKind::TimedOut
    }

    /// Whether a queue limit refused or dropped the request, or it was shed.
    pub fn is_rejected(&self) -> bool {
        self.kind == AcquireErrorKind::Rejected
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            AcquireErrorKind::Closed => f.write_str("semaphore closed"),
            AcquireErrorKind::TimedOut => f.write_str("no permits within the time limit"),
            AcquireErrorKind::Rejected => {
                f.write_str("refused or dropped by a queue limit, or shed")
            }
            AcquireErrorKind::TooLarge => f.write_str("more permits than the limit, or the cap"),
            AcquireErrorKind::Os(code) => {
                write!(f, "timer thread: {}", io::Error::from_raw_os_error(code))
            }
            AcquireErrorKind::Other(status) => f.write_str(text(status)),
        }
    }
}

impl error::Error for AcquireError {}

/// Why [`Semaphore::try_acquire`](crate::Semaphore::try_acquire) and its like got nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore, or the tenant, has been closed.
    Closed,
    /// Too few permits are free, or others wait for them; a tenant may have no more.
    NoPermits,
}

impl TryAcquireError {
    pub(crate) fn of(status: sys::afflux_status) -> Self {
        match status {
            sys::AFFLUX_ECLOSED => TryAcquireError::Closed,
            _ => TryAcquireError::NoPermits,
        }
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Closed => "semaphore closed",
            TryAcquireError::NoPermits => "no permits available",
        })
    }
}

impl error::Error for TryAcquireError {}

/// A status of the C library, from calls that do not acquire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error {
    status: sys::afflux_status,
}

impl Error {
    pub(crate) fn of(status: sys::afflux_status) -> Self {
        Error { status }
    }

    pub(crate) fn check(status: sys::afflux_status) -> Result<(), Self> {
        if status == sys::AFFLUX_OK {
            Ok(())
        } else {
            Err(Error { status })
        }
    }

    /// The status: one of `afflux_sys::AFFLUX_E…`.
    pub fn status(&self) -> i32 {
        self.status
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({}: {})", self.status, text(self.status))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text(self.status))
    }
}

impl error::Error for Error {}

fn text(status: sys::afflux_status) -> &'static str {
    unsafe { CStr::from_ptr(sys::afflux_strerror(status)) }.to_str().unwrap_or("unknown status")
}
