// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::client::Client;
use crate::error::AcquireError;
use crate::permit::SemaphorePermit;
use crate::semaphore::Semaphore;
use crate::slot::{Slot, WHOLE};
use crate::token::PermitToken;
use crate::{sys, time};
use std::ffi::CString;
use std::future::Future;
use std::mem::size_of;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, ptr};

/// What afflux_request_init() writes, without the call.
#[inline(always)]
pub(crate) fn defaults() -> sys::afflux_request {
    sys::afflux_request {
        struct_size: size_of::<sys::afflux_request>() as u32,
        flags: 0,
        permits: 1,
        priority: sys::AFFLUX_PRIORITY_NORMAL,
        reserved: 0,
        cost_bytes: 0,
        timeout_ns: sys::AFFLUX_FOREVER,
        wake: None,
        ctx: ptr::null_mut(),
        port: ptr::null_mut(),
        user_data: 0,
        client: ptr::null_mut(),
        tag: ptr::null(),
        notify: None,
    }
}

/// How important a request is. A higher priority goes first; ageing keeps lower ones alive: at most
/// 64 grants pass the first of a priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// After all others.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Before the default.
    High,
    /// Before all others.
    Critical,
}

impl Priority {
    fn to_c(self) -> u32 {
        match self {
            Priority::Low => sys::AFFLUX_PRIORITY_LOW,
            Priority::Normal => sys::AFFLUX_PRIORITY_NORMAL,
            Priority::High => sys::AFFLUX_PRIORITY_HIGH,
            Priority::Critical => sys::AFFLUX_PRIORITY_CRITICAL,
        }
    }
}

/// A request that says more than a number of permits: [`Semaphore::request`] begins one.
#[must_use = "a request does nothing before it acquires"]
#[derive(Clone, Debug)]
pub struct Request<'a> {
    sem: &'a Semaphore,
    permits: u32,
    priority: Priority,
    cost_bytes: u64,
    timeout_ns: i64,
    waits_for_resize: bool,
    client: Option<Client>,
    tag: Option<String>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(sem: &'a Semaphore) -> Self {
        Request {
            sem,
            permits: 1,
            priority: Priority::Normal,
            cost_bytes: 0,
            timeout_ns: sys::AFFLUX_FOREVER,
            waits_for_resize: false,
            client: None,
            tag: None,
        }
    }

    /// How many permits; 1 by default, at least 1.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn permits(mut self, n: u32) -> Self {
        assert!(n != 0, "a request asks for one permit at least");
        self.permits = n;
        self
    }

    /// Who goes first; [`Priority::Normal`] by default.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Bytes that the request stands for while it waits, counted against
    /// [`Builder::max_queue_bytes`](crate::Builder::max_queue_bytes); 0 by default.
    pub fn cost_bytes(mut self, bytes: u64) -> Self {
        self.cost_bytes = bytes;
        self
    }

    /// The longest wait; 0 never waits. Never early; a future's is late by at most a millisecond
    /// plus scheduling. By default the semaphore's
    /// [`waiter_timeout`](crate::Builder::waiter_timeout), without one for ever. A thread of the
    /// library's keeps the times: no runtime's timer is needed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ns = time::nanoseconds(timeout);
        self
    }

    /// Whether a request for more than the limit waits for the limit to grow, and holds back those
    /// behind it meanwhile. By default it fails
    /// ([`TooLarge`](crate::AcquireErrorKind::TooLarge)).
    pub fn wait_for_resize(mut self, waits: bool) -> Self {
        self.waits_for_resize = waits;
        self
    }

    /// The tenant that the request is accounted to.
    pub fn client(mut self, client: &Client) -> Self {
        self.client = Some(client.clone());
        self
    }

    /// Under which name the holder stands in the ledger; for [`acquire_token`](Self::acquire_token)
    /// and [`blocking_acquire_token`](Self::blocking_acquire_token) alone. Cut after 47 bytes; one
    /// with a zero byte is an error there.
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = Some(tag.to_owned());
        self
    }

    fn to_c(&self) -> sys::afflux_request {
        let mut asked = defaults();
        asked.permits = self.permits.into();
        asked.priority = self.priority.to_c();
        asked.cost_bytes = self.cost_bytes;
        asked.timeout_ns = self.timeout_ns;
        asked.client = self.client.as_ref().map_or(ptr::null_mut(), Client::ptr);
        if self.waits_for_resize {
            asked.flags = sys::AFFLUX_WAIT_FOR_RESIZE;
        }
        asked
    }

    /// The permits, once they are free. Owns its place in the queue and allocates nothing, as
    /// [`Acquire`](crate::Acquire), but is larger: it has room for a time limit.
    ///
    /// # Errors
    /// [`AcquireError`], of any kind.
    pub fn acquire(self) -> AcquireRequest<'a> {
        AcquireRequest { slot: Slot::new(), asked: self.to_c(), request: self }
    }

    /// A token with the permits, once they are free: it has an id, a hold time, and this request's
    /// [`tag`](Self::tag) in the ledger.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_token(self) -> Result<PermitToken, AcquireError> {
        let tag = self.tag.clone();
        if tag.as_deref().map_or(false, |tag| tag.contains('\0')) {
            return Err(AcquireError::of(sys::AFFLUX_EINVAL)); // before the wait
        }
        let permit = self.acquire().await?;
        permit.into_token(tag.as_deref()).map_err(|e| AcquireError::of(e.status()))
    }

    /// As [`acquire`](Self::acquire), blocking this thread.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn blocking_acquire(self) -> Result<SemaphorePermit<'a>, AcquireError> {
        let permits = self.permits;
        let sem = self.sem;
        let token = self.blocking_acquire_token()?;
        token.let_go();
        Ok(SemaphorePermit::new(sem, permits.into()))
    }

    /// As [`acquire_token`](Self::acquire_token), blocking this thread.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn blocking_acquire_token(self) -> Result<PermitToken, AcquireError> {
        let mut asked = self.to_c();
        let tag = self.tag.as_deref().map(CString::new).transpose();
        let tag = tag.map_err(|_| AcquireError::of(sys::AFFLUX_EINVAL))?;
        asked.tag = tag.as_ref().map_or(ptr::null(), |tag| tag.as_ptr());
        PermitToken::acquire(self.sem, &asked, self.timeout_ns)
    }
}

/// The future of [`Request::acquire`].
#[must_use = "futures do nothing unless polled"]
pub struct AcquireRequest<'a> {
    slot: Slot<WHOLE>,
    asked: sys::afflux_request,
    // Keeps the client, whose handle `asked` has.
    request: Request<'a>,
}

// Everything that the pointers in `asked` lead to is a client, which any thread may use.
unsafe impl Send for AcquireRequest<'_> {}
unsafe impl Sync for AcquireRequest<'_> {}

impl AcquireRequest<'_> {
    fn let_client_go(&self) {
        unsafe { sys::afflux_client_unref(self.asked.client) };
    }
}

impl<'a> Future for AcquireRequest<'a> {
    type Output = Result<SemaphorePermit<'a>, AcquireError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = unsafe { self.get_unchecked_mut() };
        let sem = this.request.sem;
        let permits = this.asked.permits;
        let status = if this.slot.is_pending() {
            unsafe { this.slot.look(cx) }
        } else {
            assert!(this.slot.is_idle(), "a future is not polled after it has completed");
            if this.asked.client.is_null() && sem.take(permits) {
                this.slot.finish();
                Poll::Ready(sys::AFFLUX_OK)
            } else {
                let mut asked = this.asked;
                unsafe {
                    this.slot.start(cx, false, |note, waiter| {
                        // A request that waits counts as an owner of its client: the future may be
                        // leaked, and the client be dropped.
                        sys::afflux_client_ref(asked.client);
                        note.fill(&mut asked);
                        sys::afflux_sem_acquire_async(sem.ptr(), &asked, waiter)
                    })
                }
            }
        };
        match status {
            Poll::Pending => Poll::Pending,
            Poll::Ready(status) => {
                this.let_client_go(); // null: nothing happens
                Poll::Ready(if status == sys::AFFLUX_OK {
                    Ok(SemaphorePermit::new(sem, permits))
                } else {
                    Err(AcquireError::of(status))
                })
            }
        }
    }
}

impl Drop for AcquireRequest<'_> {
    fn drop(&mut self) {
        if self.slot.is_pending() {
            if self.slot.cancel() {
                self.request.sem.release(self.asked.permits);
            }
            self.let_client_go();
        }
    }
}

impl fmt::Debug for AcquireRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireRequest").field("request", &self.request).finish()
    }
}
