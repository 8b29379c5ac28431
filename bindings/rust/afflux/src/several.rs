// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waits for any one, or for all, of several semaphores and events.
//!
//! A group completes by a wake function, which has the group's memory until it begins. So the state
//! lies on the heap and is shared: the C library owns one reference from AFFLUX_PENDING until the
//! wake function has run or a cancel has answered AFFLUX_OK.

use crate::error::AcquireError;
use crate::event::Event;
use crate::permit::SemaphorePermit;
use crate::semaphore::Semaphore;
use crate::{request, rewake, sys, time};
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use std::{fmt, ptr};

/// What to wait for: permits of a semaphore, or an event's signal.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// So many permits, at least 1.
    Permits(&'a Semaphore, u32),
    /// A notification.
    Event(&'a Event),
}

impl<'a> From<&'a Semaphore> for Item<'a> {
    fn from(sem: &'a Semaphore) -> Self {
        Item::Permits(sem, 1)
    }
}

impl<'a> From<&'a Event> for Item<'a> {
    fn from(event: &'a Event) -> Self {
        Item::Event(event)
    }
}

impl<'a> Item<'a> {
    fn to_c(self) -> sys::afflux_wait_item {
        let (sem, event, permits) = match self {
            Item::Permits(sem, n) => {
                assert!(n != 0, "an item asks for one permit at least");
                (sem.ptr(), ptr::null_mut(), n)
            }
            Item::Event(event) => (ptr::null_mut(), event.ptr(), 1),
        };
        sys::afflux_wait_item { sem, event, permits: permits.into(), opaque: [0; 21] }
    }

    fn permit(self) -> Option<SemaphorePermit<'a>> {
        match self {
            Item::Permits(sem, n) => Some(SemaphorePermit::new(sem, n.into())),
            Item::Event(_) => None,
        }
    }
}

fn to_c(items: &[Item<'_>]) -> Vec<sys::afflux_wait_item> {
    assert!(
        !items.is_empty() && items.len() <= sys::AFFLUX_WAIT_ITEMS_MAX,
        "a wait for several takes 1 to {} items",
        sys::AFFLUX_WAIT_ITEMS_MAX
    );
    items.iter().map(|item| item.to_c()).collect()
}

/// The one of several that [`any`] has taken.
#[derive(Debug)]
pub struct Taken<'a> {
    /// Its place among the items.
    pub index: usize,
    /// Its permits; `None` for an event.
    pub permit: Option<SemaphorePermit<'a>>,
}

/// Waits for any one of several: exactly one is taken. Of those that are free at once it is the
/// first; later, the one that comes first. Allocates.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use afflux::{any, Event, Semaphore};
///
/// let (limit, stop) = (Semaphore::new(1), Event::manual_reset());
/// let held = limit.acquire().await?;
/// stop.notify_all();
/// let taken = any(&[(&limit).into(), (&stop).into()]).await?;
/// assert_eq!(taken.index, 1);
/// # drop(held);
/// # Ok::<(), afflux::AcquireError>(()) }).unwrap();
/// ```
///
/// # Errors
/// [`AcquireError`] if a semaphore is closed, or one of its limits ends the wait, before any item
/// came.
///
/// # Panics
/// If there are no items or more than 64, or one asks for 0 permits.
pub fn any<'a>(items: &[Item<'a>]) -> Any<'a> {
    Any { wait: Wait::new(items, false) }
}

/// Waits for all of several: all of them are held in the end, or none. They are acquired one after
/// the other in an order that is the same for all such calls, so that these never wait for each other
/// in a circle. Allocates. The permits are those of the semaphores among the items, in their order; a
/// semaphore may be named several times.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use afflux::{all, Item, Semaphore};
///
/// let (cpu, memory) = (Semaphore::new(4), Semaphore::new(1024));
/// let permits = all(&[Item::Permits(&memory, 512), Item::Permits(&cpu, 1)]).await?;
/// assert_eq!(permits[0].num_permits(), 512);
/// # Ok::<(), afflux::AcquireError>(()) }).unwrap();
/// ```
///
/// # Errors
/// [`AcquireError`] if a semaphore is or gets closed, or one of its limits ends the wait.
///
/// # Panics
/// As [`any`].
pub fn all<'a>(items: &[Item<'a>]) -> All<'a> {
    All { wait: Wait::new(items, true) }
}

/// As [`any`], blocking this thread for at most `timeout`; `None`: as the semaphores allow. Not
/// within a waker.
///
/// # Errors
/// As [`any`]; also if the time runs out.
///
/// # Panics
/// As [`any`].
pub fn blocking_any<'a>(
    items: &[Item<'a>],
    timeout: Option<Duration>,
) -> Result<Taken<'a>, AcquireError> {
    let mut c = to_c(items);
    let ns = timeout.map_or(sys::AFFLUX_FOREVER, time::nanoseconds);
    let mut index = 0;
    match unsafe { sys::afflux_acquire_any(c.as_mut_ptr(), c.len(), ns, &mut index) } {
        sys::AFFLUX_OK => Ok(Taken { index, permit: items[index].permit() }),
        status => Err(AcquireError::of(status)),
    }
}

/// As [`all`], blocking this thread for at most `timeout`; `None`: as the semaphores allow. Not
/// within a waker.
///
/// # Errors
/// As [`all`]; also if the time runs out.
///
/// # Panics
/// As [`any`].
pub fn blocking_all<'a>(
    items: &[Item<'a>],
    timeout: Option<Duration>,
) -> Result<Vec<SemaphorePermit<'a>>, AcquireError> {
    let mut c = to_c(items);
    let ns = timeout.map_or(sys::AFFLUX_FOREVER, time::nanoseconds);
    match unsafe { sys::afflux_acquire_all(c.as_mut_ptr(), c.len(), ns) } {
        sys::AFFLUX_OK => Ok(items.iter().filter_map(|item| item.permit()).collect()),
        status => Err(AcquireError::of(status)),
    }
}

/// What the future and the wake function share.
struct Shared {
    group: UnsafeCell<sys::afflux_wait_group>,
    items: UnsafeCell<Vec<sys::afflux_wait_item>>,
    /// What the items are, for the library may write into its own: given back where the future has
    /// gone. Each is a reference.
    owned: Vec<Owned>,
    is_all: bool,
    state: Mutex<State>,
}

enum Owned {
    Permits(*mut sys::afflux_sem, u64),
    Event(*mut sys::afflux_event, bool),
}

#[derive(Default)]
struct State {
    status: Option<sys::afflux_status>,
    waker: Option<Waker>,
    /// The future has gone: what comes is to be given back.
    is_abandoned: bool,
}

// The C library's objects may be used by any thread; group and items are the library's while the
// request waits.
unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

impl Shared {
    fn new(items: &[Item<'_>], is_all: bool) -> Self {
        let c = to_c(items);
        let owned = items.iter().map(|item| match *item {
            Item::Permits(sem, n) => {
                Owned::Permits(unsafe { sys::afflux_sem_ref(sem.ptr()) }, n.into())
            }
            Item::Event(event) => {
                Owned::Event(unsafe { sys::afflux_event_ref(event.ptr()) }, event.is_manual())
            }
        });
        Shared {
            group: UnsafeCell::new(sys::afflux_wait_group { opaque: [0; 16] }),
            items: UnsafeCell::new(c),
            owned: owned.collect(),
            is_all,
            state: Mutex::new(State::default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under the lock.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn index(&self) -> usize {
        unsafe { sys::afflux_wait_group_index(self.group.get()) }
    }

    /// It came, and is not wanted any more.
    fn give_back(&self) {
        let taken = if self.is_all {
            &self.owned[..]
        } else {
            std::slice::from_ref(&self.owned[self.index()])
        };
        for item in taken {
            unsafe {
                match *item {
                    Owned::Permits(sem, n) => sys::afflux_sem_release(sem, n),
                    Owned::Event(event, false) => sys::afflux_event_notify_one(event),
                    Owned::Event(_, true) => sys::AFFLUX_OK,
                };
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for item in &self.owned {
            unsafe {
                match *item {
                    Owned::Permits(sem, _) => sys::afflux_sem_unref(sem),
                    Owned::Event(event, _) => sys::afflux_event_unref(event),
                }
            }
        }
    }
}

unsafe extern "C" fn completed(ctx: *mut c_void, status: sys::afflux_status) {
    rewake::quietly(|| {
        let shared = Arc::from_raw(ctx as *const Shared);
        let (waker, is_abandoned) = {
            let mut state = shared.lock();
            state.status = Some(status);
            (state.waker.take(), state.is_abandoned)
        };
        if is_abandoned && status == sys::AFFLUX_OK {
            shared.give_back();
        }
        if let Some(waker) = waker {
            rewake::quietly(|| waker.wake());
        }
    });
}

struct Wait<'a> {
    items: Vec<Item<'a>>,
    timeout_ns: i64,
    is_all: bool,
    shared: Option<Arc<Shared>>,
    is_done: bool,
}

impl<'a> Wait<'a> {
    fn new(items: &[Item<'a>], is_all: bool) -> Self {
        drop(to_c(items)); // panics early
        Wait {
            items: items.to_vec(),
            timeout_ns: sys::AFFLUX_FOREVER,
            is_all,
            shared: None,
            is_done: false,
        }
    }

    /// The place of the one that was taken, or 0 for all.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, AcquireError>> {
        assert!(!self.is_done, "a future is not polled after it has completed");
        let (status, index) = match &self.shared {
            None => match self.start(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(answer) => answer,
            },
            Some(shared) => {
                let fresh = cx.waker().clone();
                let mut state = shared.lock();
                match state.status {
                    None => {
                        let old = state.waker.replace(fresh);
                        drop(state);
                        rewake::quietly(|| drop(old));
                        return Poll::Pending;
                    }
                    Some(status) => {
                        drop(state);
                        let index = if self.is_all { 0 } else { shared.index() };
                        self.shared = None;
                        rewake::quietly(|| drop(fresh)); // permits may be held: no panic
                        (status, index)
                    }
                }
            }
        };
        self.is_done = true;
        Poll::Ready(if status == sys::AFFLUX_OK {
            Ok(index)
        } else {
            Err(AcquireError::of(status))
        })
    }

    fn start(&mut self, cx: &mut Context<'_>) -> Poll<(sys::afflux_status, usize)> {
        let shared = Arc::new(Shared::new(&self.items, self.is_all));
        shared.lock().waker = Some(cx.waker().clone());
        let mut asked = request::defaults();
        asked.timeout_ns = self.timeout_ns;
        asked.wake = Some(completed);
        let theirs = Arc::into_raw(Arc::clone(&shared));
        asked.ctx = theirs as *mut c_void;
        let mut index = 0;
        let status = unsafe {
            // A slice's address, not a reference: from here on the items are the library's.
            let items = (*shared.items.get()).as_mut_ptr();
            let count = self.items.len();
            if self.is_all {
                sys::afflux_acquire_all_async(shared.group.get(), items, count, &asked)
            } else {
                sys::afflux_acquire_any_async(shared.group.get(), items, count, &asked, &mut index)
            }
        };
        if status == sys::AFFLUX_PENDING {
            self.shared = Some(shared);
            return Poll::Pending;
        }
        drop(unsafe { Arc::from_raw(theirs) });
        let waker = shared.lock().waker.take();
        rewake::quietly(|| drop(waker)); // likewise
        Poll::Ready((status, index))
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let shared = match self.shared.take() {
            Some(shared) => shared,
            None => return,
        };
        let (status, waker) = {
            let mut state = shared.lock();
            state.is_abandoned = true;
            (state.status, state.waker.take())
        };
        if status == Some(sys::AFFLUX_OK) {
            shared.give_back();
        } else if status.is_none() {
            let answer = unsafe { sys::afflux_wait_group_cancel(shared.group.get()) };
            if answer == sys::AFFLUX_OK {
                // No completion comes: the library's reference is ours to drop.
                unsafe { Arc::decrement_strong_count(Arc::as_ptr(&shared)) };
            }
        }
        rewake::quietly(|| drop(waker));
    }
}

/// The future of [`any`]. Dropping it leaves all queues, without waiting for a wake function.
#[must_use = "futures do nothing unless polled"]
pub struct Any<'a> {
    wait: Wait<'a>,
}

impl Any<'_> {
    /// The longest wait, for a future that has not been polled yet.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.wait.timeout_ns = time::nanoseconds(timeout);
        self
    }
}

impl<'a> Future for Any<'a> {
    type Output = Result<Taken<'a>, AcquireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = &mut self.wait;
        wait.poll(cx)
            .map(|result| result.map(|index| Taken { index, permit: wait.items[index].permit() }))
    }
}

impl fmt::Debug for Any<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Any").field("items", &self.wait.items).finish()
    }
}

/// The future of [`all`]. Dropping it gives back what it has and leaves the queues, without waiting
/// for a wake function.
#[must_use = "futures do nothing unless polled"]
pub struct All<'a> {
    wait: Wait<'a>,
}

impl All<'_> {
    /// The longest wait for the whole, for a future that has not been polled yet.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.wait.timeout_ns = time::nanoseconds(timeout);
        self
    }
}

impl<'a> Future for All<'a> {
    type Output = Result<Vec<SemaphorePermit<'a>>, AcquireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = &mut self.wait;
        wait.poll(cx).map(|result| {
            result.map(|_| wait.items.iter().filter_map(|item| item.permit()).collect())
        })
    }
}

impl fmt::Debug for All<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("All").field("items", &self.wait.items).finish()
    }
}
