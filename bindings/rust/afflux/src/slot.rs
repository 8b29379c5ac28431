// SPDX-License-Identifier: MIT OR Apache-2.0
//! A request's place inside its future: the waiter's memory and the waker's words.
//!
//! The request completes by a note (afflux.h, AFFLUX_WAIT_FOR_NOTE). The note carries a clone of
//! the waker, by value, and never touches the future: once the status is final, or a cancel has
//! returned, the future may be freed, whether the note has run or not.
//!
//! S1  The clone is the note's from an answer of AFFLUX_PENDING on. It is the future's again only
//!     where a cancel has answered AFFLUX_OK.
//! S2  Wakers are cloned before the request queues and dropped after the call has returned: either
//!     may run any code, also such that completes this very request.

use crate::rewake::{self, Words};
use crate::sys;
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::task::{Context, Poll};

/// Words of a waiter that a request without a time limit uses.
pub(crate) const UNTIMED: usize = sys::AFFLUX_WAITER_UNTIMED_SIZE / 8;
/// All of a waiter's words.
pub(crate) const WHOLE: usize = 16;

const _: () = assert!(std::mem::size_of::<sys::afflux_waiter>() == WHOLE * 8);

#[derive(Clone, Copy, PartialEq)]
enum State {
    Idle,
    Pending,
    Done,
}

/// What the library needs to know of the waker, for afflux_request.
pub(crate) struct Note {
    ctx: *mut c_void,
    user_data: u64,
}

impl Note {
    /// Fills what a request by a note needs.
    pub(crate) fn fill(&self, request: &mut sys::afflux_request) {
        request.flags |= sys::AFFLUX_WAIT_FOR_NOTE;
        request.notify = Some(tell);
        request.ctx = self.ctx;
        request.user_data = self.user_data;
    }
}

unsafe extern "C" fn tell(ctx: *mut c_void, user_data: u64) {
    rewake::note([ctx as *const (), user_data as usize as *const ()]);
}

/// `N` words of a waiter: `UNTIMED` for a request that can have no time limit, else `WHOLE`. With
/// `on_heap` the whole waiter lies on the heap, for the rare request that may have one after all.
pub(crate) struct Slot<const N: usize> {
    waiter: UnsafeCell<MaybeUninit<[u64; N]>>,
    /// The words of the clone that the note has; from `start` on.
    words: MaybeUninit<Words>,
    state: State,
    has_moved: bool,
    on_heap: bool,
    _pinned: PhantomPinned,
}

impl<const N: usize> Slot<N> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Slot {
            waiter: UnsafeCell::new(MaybeUninit::uninit()),
            words: MaybeUninit::uninit(),
            state: State::Idle,
            has_moved: false,
            on_heap: false,
            _pinned: PhantomPinned,
        }
    }

    #[inline(always)]
    pub(crate) fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    #[inline(always)]
    pub(crate) fn is_pending(&self) -> bool {
        self.state == State::Pending
    }

    #[inline(always)]
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The future has its answer without a request.
    #[inline(always)]
    pub(crate) fn finish(&mut self) {
        self.state = State::Done;
    }

    /// Only from `start` on.
    fn words(&self) -> Words {
        unsafe { self.words.assume_init() }
    }

    fn waiter(&self) -> *mut sys::afflux_waiter {
        let inside = self.waiter.get() as *mut sys::afflux_waiter;
        if self.on_heap {
            unsafe { *(inside as *mut *mut sys::afflux_waiter) }
        } else {
            inside
        }
    }

    fn make_waiter(&mut self) -> *mut sys::afflux_waiter {
        if self.on_heap {
            let whole = Box::new(sys::afflux_waiter { opaque: [0; WHOLE] });
            let inside = self.waiter.get() as *mut *mut sys::afflux_waiter;
            unsafe { *inside = Box::into_raw(whole) };
        }
        self.waiter()
    }

    /// The waiter's memory is ours again.
    fn end(&mut self) {
        self.state = State::Done;
        if self.on_heap {
            drop(unsafe { Box::from_raw(self.waiter()) });
        }
        if self.has_moved {
            self.has_moved = false;
            rewake::clear(self.words(), self.address());
        }
    }

    fn address(&self) -> usize {
        self as *const Self as usize
    }

    /// Queues the request by `start`, which makes the C call and tells its answer; with `on_heap` in
    /// a whole waiter there.
    ///
    /// # Safety
    /// The slot is pinned, and `drop` or `cancel` runs before its memory goes. `start` queues at
    /// most one request in the waiter, as `note` has it; with a time limit only if the waiter is
    /// whole.
    #[inline]
    pub(crate) unsafe fn start(
        &mut self,
        cx: &mut Context<'_>,
        on_heap: bool,
        start: impl FnOnce(Note, *mut sys::afflux_waiter) -> sys::afflux_status,
    ) -> Poll<sys::afflux_status> {
        debug_assert!(self.is_idle());
        let words = rewake::into_words(cx.waker().clone()); // S2
        self.words = MaybeUninit::new(words);
        self.on_heap = on_heap;
        let waiter = self.make_waiter();
        let note = Note { ctx: words[0] as *mut c_void, user_data: words[1] as usize as u64 };
        let status = start(note, waiter);
        if status == sys::AFFLUX_PENDING {
            self.state = State::Pending; // S1
            return Poll::Pending;
        }
        self.end();
        rewake::quietly(|| drop(rewake::from_words(words))); // S2; permits may be held: no panic
        Poll::Ready(status)
    }

    /// Looks at a request that has queued.
    ///
    /// # Safety
    /// `start` has answered `Pending`, and nothing has ended the request since.
    #[inline]
    pub(crate) unsafe fn look(&mut self, cx: &mut Context<'_>) -> Poll<sys::afflux_status> {
        debug_assert!(self.is_pending());
        let status = sys::afflux_waiter_status(self.waiter());
        if status != sys::AFFLUX_PENDING {
            self.end();
            return Poll::Ready(status);
        }
        if !self.has_moved && rewake::words_of(cx.waker()) == self.words() {
            return Poll::Pending;
        }
        self.move_to(cx)
    }

    #[cold]
    #[inline(never)]
    unsafe fn move_to(&mut self, cx: &mut Context<'_>) -> Poll<sys::afflux_status> {
        if rewake::words_of(cx.waker()) == self.words() {
            self.has_moved = false;
            rewake::clear(self.words(), self.address());
            return Poll::Pending; // the note's own waker is the right one, and was all along
        }
        if !self.has_moved || !rewake::is_set(self.words(), self.address(), cx.waker()) {
            rewake::set(self.words(), self.address(), cx.waker());
            self.has_moved = true;
            let status = sys::afflux_waiter_status(self.waiter());
            if status != sys::AFFLUX_PENDING {
                self.end();
                return Poll::Ready(status);
            }
        }
        Poll::Pending
    }

    /// Takes the request back. True: too late, it has what it asked for, and the caller gives that
    /// back. Waits for no wake function.
    pub(crate) fn cancel(&mut self) -> bool {
        if !self.is_pending() {
            return false;
        }
        let waiter = self.waiter();
        let words = self.words();
        let answer = unsafe { sys::afflux_waiter_cancel(waiter) };
        let is_ours = answer != sys::AFFLUX_OK
            && unsafe { sys::afflux_waiter_status(waiter) } == sys::AFFLUX_OK;
        self.end();
        if answer == sys::AFFLUX_OK {
            rewake::quietly(|| drop(unsafe { rewake::from_words(words) })); // S1, S2
        }
        is_ours
    }
}

// The waker is Send and Sync; the waiter's memory may be owned by any thread, and a shared
// reference to the slot gives access to nothing.
unsafe impl<const N: usize> Send for Slot<N> {}
unsafe impl<const N: usize> Sync for Slot<N> {}
