// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::error::Error;
use crate::slot::{Slot, UNTIMED};
use crate::{request, sys, time};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};
use std::time::Duration;

/// A signal that is waited for, and remembered where nothing waits.
///
/// Two kinds: [`auto_reset`](Self::auto_reset), of which a notification ends one wait, and
/// [`manual_reset`](Self::manual_reset), which lets every wait pass from a notification until
/// [`clear`](Self::clear). What was written before a notification is seen after the wait that it
/// ends. A wait that is dropped never takes a notification with it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use afflux::Event;
/// use std::sync::Arc;
///
/// let ready = Arc::new(Event::manual_reset());
/// let waiting = tokio::spawn({
///     let ready = Arc::clone(&ready);
///     async move { ready.wait().await }
/// });
/// ready.notify_all();
/// waiting.await.unwrap();
/// assert!(ready.is_set());
/// # });
/// ```
pub struct Event {
    raw: NonNull<sys::afflux_event>,
    is_manual: bool,
}

unsafe impl Send for Event {}
unsafe impl Sync for Event {}

impl Event {
    /// An event that is not set; each wait takes a notification with it.
    ///
    /// # Panics
    /// If there is no memory.
    pub fn auto_reset() -> Self {
        Self::create(false)
    }

    /// An event that is not set; once it is, every wait passes until [`clear`](Self::clear).
    ///
    /// # Panics
    /// If there is no memory.
    pub fn manual_reset() -> Self {
        Self::create(true)
    }

    fn create(is_manual: bool) -> Self {
        let mut raw = std::ptr::null_mut();
        let status =
            unsafe { sys::afflux_event_create(is_manual.into(), sys::AFFLUX_QUEUE_AUTO, &mut raw) };
        Error::check(status).expect("an event");
        Event { raw: NonNull::new(raw).expect("an event"), is_manual }
    }

    pub(crate) fn is_manual(&self) -> bool {
        self.is_manual
    }

    /// The handle, for the C API; borrowed.
    pub fn as_raw(&self) -> NonNull<sys::afflux_event> {
        self.raw
    }

    pub(crate) fn ptr(&self) -> *mut sys::afflux_event {
        self.raw.as_ptr()
    }

    /// Ends the first wait; without any the event is set. Manual reset: sets the event and ends all
    /// waits.
    pub fn notify_one(&self) {
        unsafe { sys::afflux_event_notify_one(self.ptr()) };
    }

    /// Ends all waits; without any the event is set.
    pub fn notify_all(&self) {
        unsafe { sys::afflux_event_notify_all(self.ptr()) };
    }

    /// Ends all waits and remembers nothing. (Auto reset: a wait that is dropped just then passes the
    /// notification on, to the next wait or to be remembered.)
    pub fn pulse(&self) {
        unsafe { sys::afflux_event_pulse(self.ptr()) };
    }

    /// The event is not set any more. Those who wait go on waiting.
    pub fn clear(&self) {
        unsafe { sys::afflux_event_clear(self.ptr()) };
    }

    /// Whether it is set now.
    pub fn is_set(&self) -> bool {
        unsafe { sys::afflux_event_is_set(self.ptr()) != 0 }
    }

    /// How many wait now: exact when nothing is moving.
    pub fn waiters(&self) -> usize {
        unsafe { sys::afflux_event_waiters(self.ptr()) as usize }
    }

    /// Waits until the event is set. The future has 128 bytes at most and allocates nothing; it
    /// queues at the first poll. Dropped just when it was notified it passes the notification on.
    pub fn wait(&self) -> EventWait<'_> {
        EventWait { slot: Slot::new(), event: self }
    }

    /// Waits for at most `timeout`, blocking this thread; false: the time ran out. Not within a
    /// waker.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let event = afflux::Event::auto_reset();
    /// event.notify_one();
    /// assert!(event.blocking_wait(Duration::from_secs(1)));
    /// assert!(!event.blocking_wait(Duration::from_millis(1)));
    /// ```
    pub fn blocking_wait(&self, timeout: Duration) -> bool {
        let ns = time::nanoseconds(timeout);
        unsafe { sys::afflux_event_wait(self.ptr(), ns) == sys::AFFLUX_OK }
    }

    /// A wait that ended by a notification, and then was not wanted.
    pub(crate) fn pass_on(&self) {
        if !self.is_manual {
            self.notify_one();
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        unsafe { sys::afflux_event_unref(self.ptr()) };
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Event");
        shown.field("set", &self.is_set()).field("waiters", &self.waiters()).finish()
    }
}

/// The future of [`Event::wait`].
#[must_use = "futures do nothing unless polled"]
pub struct EventWait<'a> {
    slot: Slot<UNTIMED>,
    event: &'a Event,
}

impl Future for EventWait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = unsafe { self.get_unchecked_mut() };
        let event = this.event.ptr();
        let status = if this.slot.is_pending() {
            unsafe { this.slot.look(cx) }
        } else {
            assert!(this.slot.is_idle(), "a future is not polled after it has completed");
            unsafe {
                this.slot.start(cx, false, |note, waiter| {
                    let mut asked = request::defaults();
                    note.fill(&mut asked);
                    sys::afflux_event_wait_async(event, &asked, waiter)
                })
            }
        };
        // Nothing else than OK can come: the event is borrowed, and there is no time limit.
        status.map(drop)
    }
}

impl Drop for EventWait<'_> {
    fn drop(&mut self) {
        if self.slot.cancel() {
            self.event.pass_on();
        }
    }
}

impl fmt::Debug for EventWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWait").field("event", &self.event).finish()
    }
}
