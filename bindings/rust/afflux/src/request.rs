// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::client::Client;
use crate::error::AcquireError;
use crate::permit::Permits;
use crate::semaphore::Semaphore;
use crate::slot::{Slot, WHOLE};
use crate::source::{Grants, Source};
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
        tenant: ptr::null_mut(),
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

/// A request that says more than a number of permits: [`Semaphore::request`] begins one, or
/// [`Tenant::request`](crate::Tenant::request).
#[must_use = "a request does nothing before it acquires"]
pub struct Request<'a, S = Semaphore> {
    source: &'a S,
    terms: Terms,
}

#[derive(Clone, Debug)]
struct Terms {
    permits: u32,
    priority: Priority,
    cost_bytes: u64,
    timeout_ns: i64,
    waits_for_resize: bool,
    client: Option<Client>,
    tag: Option<String>,
}

impl<'a, S: Source> Request<'a, S> {
    pub(crate) fn new(source: &'a S) -> Self {
        let terms = Terms {
            permits: 1,
            priority: Priority::Normal,
            cost_bytes: 0,
            timeout_ns: sys::AFFLUX_FOREVER,
            waits_for_resize: false,
            client: None,
            tag: None,
        };
        Request { source, terms }
    }

    /// How many permits; 1 by default, at least 1.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn permits(mut self, n: u32) -> Self {
        assert!(n != 0, "a request asks for one permit at least");
        self.terms.permits = n;
        self
    }

    /// Who goes first; [`Priority::Normal`] by default.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.terms.priority = priority;
        self
    }

    /// Bytes that the request stands for while it waits, counted against
    /// [`Builder::max_queue_bytes`](crate::Builder::max_queue_bytes); 0 by default.
    pub fn cost_bytes(mut self, bytes: u64) -> Self {
        self.terms.cost_bytes = bytes;
        self
    }

    /// The longest wait; 0 never waits. Never early; a future's is late by at most a millisecond
    /// plus scheduling. By default the semaphore's
    /// [`waiter_timeout`](crate::Builder::waiter_timeout), without one for ever. A thread of the
    /// library's keeps the times: no runtime's timer is needed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.terms.timeout_ns = time::nanoseconds(timeout);
        self
    }

    /// Whether a request for more than the limit waits for the limit to grow, and holds back those
    /// behind it meanwhile; a tenant's request for more than its [`cap`](crate::Share::cap) waits for that
    /// to grow, and holds back those of the tenant. By default it fails
    /// ([`TooLarge`](crate::AcquireErrorKind::TooLarge)).
    pub fn wait_for_resize(mut self, waits: bool) -> Self {
        self.terms.waits_for_resize = waits;
        self
    }

    /// Under which name the holder stands in the ledger; for [`acquire_token`](Self::acquire_token)
    /// and [`blocking_acquire_token`](Self::blocking_acquire_token) alone. Cut after 47 bytes; one
    /// with a zero byte is an error there.
    pub fn tag(mut self, tag: &str) -> Self {
        self.terms.tag = Some(tag.to_owned());
        self
    }

    fn to_c(&self) -> sys::afflux_request {
        let terms = &self.terms;
        let mut asked = defaults();
        asked.permits = terms.permits.into();
        asked.priority = terms.priority.to_c();
        asked.cost_bytes = terms.cost_bytes;
        asked.timeout_ns = terms.timeout_ns;
        asked.client = terms.client.as_ref().map_or(ptr::null_mut(), Client::ptr);
        asked.tenant = self.source.tenant();
        if terms.waits_for_resize {
            asked.flags = sys::AFFLUX_WAIT_FOR_RESIZE;
        }
        asked
    }

    /// The permits, once they are free. Owns its place in the queue and allocates nothing, as
    /// [`Acquire`](crate::Acquire), but is larger: it has room for a time limit.
    ///
    /// # Errors
    /// [`AcquireError`], of any kind.
    pub fn acquire(self) -> AcquireRequest<'a, S> {
        AcquireRequest { slot: Slot::new(), asked: self.to_c(), request: self }
    }

    /// A token with the permits, once they are free: it has an id, a hold time, and this request's
    /// [`tag`](Self::tag) in the ledger.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_token(self) -> Result<PermitToken, AcquireError>
    where
        S: Grants<'a>,
    {
        let tag = self.terms.tag.clone();
        if tag.as_deref().map_or(false, |tag| tag.contains('\0')) {
            return Err(AcquireError::of(sys::AFFLUX_EINVAL)); // before the wait
        }
        let permit = self.acquire().await?;
        permit.with_tag(tag.as_deref()).map_err(|e| AcquireError::of(e.status()))
    }

    /// As [`acquire`](Self::acquire), blocking this thread.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn blocking_acquire(self) -> Result<S::Permit, AcquireError>
    where
        S: Grants<'a>,
    {
        let permits = self.terms.permits;
        let source = self.source;
        let token = self.blocking_acquire_token()?;
        token.let_go();
        Ok(source.own(permits.into()))
    }

    /// As [`acquire_token`](Self::acquire_token), blocking this thread.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn blocking_acquire_token(self) -> Result<PermitToken, AcquireError> {
        let mut asked = self.to_c();
        let tag = self.terms.tag.as_deref().map(CString::new).transpose();
        let tag = tag.map_err(|_| AcquireError::of(sys::AFFLUX_EINVAL))?;
        asked.tag = tag.as_ref().map_or(ptr::null(), |tag| tag.as_ptr());
        PermitToken::acquire(self.source.sem(), &asked, self.terms.timeout_ns)
    }
}

impl Request<'_> {
    /// The client that the request is accounted to.
    pub fn client(mut self, client: &Client) -> Self {
        self.terms.client = Some(client.clone());
        self
    }
}

// Not derived: the source need not be copied.
impl<S> Clone for Request<'_, S> {
    fn clone(&self) -> Self {
        Request { source: self.source, terms: self.terms.clone() }
    }
}

impl<S: fmt::Debug> fmt::Debug for Request<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Request");
        shown.field("source", &self.source).field("terms", &self.terms).finish()
    }
}

/// The future of [`Request::acquire`].
#[must_use = "futures do nothing unless polled"]
pub struct AcquireRequest<'a, S: Source = Semaphore> {
    slot: Slot<WHOLE>,
    asked: sys::afflux_request,
    // Keeps the client, whose handle `asked` has.
    request: Request<'a, S>,
}

// What the pointers in `asked` lead to is a client or a tenant, which any thread may use.
unsafe impl<S: Source + Sync> Send for AcquireRequest<'_, S> {}
unsafe impl<S: Source + Sync> Sync for AcquireRequest<'_, S> {}

impl<S: Source> AcquireRequest<'_, S> {
    fn let_client_go(&self) {
        unsafe { sys::afflux_client_unref(self.asked.client) };
    }
}

impl<'a, S: Grants<'a>> Future for AcquireRequest<'a, S> {
    type Output = Result<S::Permit, AcquireError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = unsafe { self.get_unchecked_mut() };
        let source = this.request.source;
        let permits = this.asked.permits;
        let status = if this.slot.is_pending() {
            unsafe { this.slot.look(cx) }
        } else {
            assert!(this.slot.is_idle(), "a future is not polled after it has completed");
            if this.asked.client.is_null() && source.take(permits) {
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
                        sys::afflux_sem_acquire_async(source.sem(), &asked, waiter)
                    })
                }
            }
        };
        match status {
            Poll::Pending => Poll::Pending,
            Poll::Ready(status) => {
                this.let_client_go(); // null: nothing happens
                Poll::Ready(if status == sys::AFFLUX_OK {
                    Ok(source.own(permits))
                } else {
                    Err(AcquireError::of(status))
                })
            }
        }
    }
}

impl<S: Source> Drop for AcquireRequest<'_, S> {
    fn drop(&mut self) {
        if self.slot.is_pending() {
            if self.slot.cancel() {
                self.request.source.give(self.asked.permits);
            }
            self.let_client_go();
        }
    }
}

impl<S: Source + fmt::Debug> fmt::Debug for AcquireRequest<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireRequest").field("request", &self.request).finish()
    }
}
