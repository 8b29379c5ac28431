// SPDX-License-Identifier: MIT OR Apache-2.0
//! Futures that were polled with another waker while they wait.
//!
//! A note carries the waker of the poll that queued the request, by value, and cannot be changed.
//! So a later waker is kept here, under the two words of the first one, and a note that finds
//! entries under its words wakes those, too. Several futures may have queued with one waker: then a
//! note wakes more than its own, which costs them a poll.
//!
//! W1  A future adds its entry, and then looks at its status, with a fence between them; the status
//!     becomes final, by a sequentially consistent operation (afflux_notify_fn), and then the note
//!     looks here, by a load of that kind. One of them sees the other: no wake is lost.
//! W2  No waker is cloned, woken or dropped under the lock: that may run any code.

use std::collections::BTreeMap;
use std::mem;
use std::ops::RangeInclusive;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{fence, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

/// A waker as two words.
pub(crate) type Words = [*const (); 2];

const _: () = assert!(mem::size_of::<Waker>() == mem::size_of::<Words>());

pub(crate) fn into_words(waker: Waker) -> Words {
    // A waker is two pointers, in one order or the other. They travel through the C library and
    // become a waker again, by the same way back.
    unsafe { mem::transmute::<Waker, Words>(waker) }
}

/// # Safety
/// The words are of `into_words`, and become a waker once.
pub(crate) unsafe fn from_words(words: Words) -> Waker {
    mem::transmute::<Words, Waker>(words)
}

/// The words of a waker that stays another's.
#[inline(always)]
pub(crate) fn words_of(waker: &Waker) -> Words {
    unsafe { mem::transmute_copy::<Waker, Words>(waker) }
}

/// The words that the note has, and which future.
type Key = (usize, usize, usize);
/// The words that the note has, and those of a waker that has taken its place.
type Place = [usize; 4];

fn key(first: Words, future: usize) -> Key {
    (first[0] as usize, first[1] as usize, future)
}

fn place(first: Words, now: &Waker) -> Place {
    let now = words_of(now);
    [first[0] as usize, first[1] as usize, now[0] as usize, now[1] as usize]
}

/// All wakers for the notes that have these words.
fn all(first: Words) -> RangeInclusive<Place> {
    let [a, b] = [first[0] as usize, first[1] as usize];
    [a, b, 0, 0]..=[a, b, usize::MAX, usize::MAX]
}

#[derive(Default)]
struct Entries {
    futures: BTreeMap<Key, Arc<Waker>>,
    /// Futures that moved together share their waker, so that a note wakes it once, however many
    /// they are. With how many futures have it.
    wakers: BTreeMap<Place, (Arc<Waker>, usize)>,
}

impl Entries {
    /// Gives back what is to be dropped when the lock is free: the waker, where there is an equal one.
    fn add(&mut self, first: Words, future: usize, now: Arc<Waker>) -> Option<Arc<Waker>> {
        let shared = self.wakers.entry(place(first, &now)).or_insert_with(|| (Arc::clone(&now), 0));
        shared.1 += 1;
        self.futures.insert(key(first, future), Arc::clone(&shared.0));
        COUNT.fetch_add(1, Ordering::Relaxed); // W1's fence orders it
        Some(now)
    }

    /// Likewise.
    fn remove(&mut self, first: Words, future: usize) -> Option<Arc<Waker>> {
        let old = self.futures.remove(&key(first, future))?;
        COUNT.fetch_sub(1, Ordering::Relaxed);
        let at = place(first, &old);
        if let Some(shared) = self.wakers.get_mut(&at) {
            shared.1 -= 1;
            if shared.1 == 0 {
                self.wakers.remove(&at);
            }
        }
        Some(old)
    }
}

static ENTRIES: Mutex<Option<Entries>> = Mutex::new(None);
/// Futures among them.
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn lock() -> MutexGuard<'static, Option<Entries>> {
    // No foreign code runs under the lock (W2), so that poison means nothing.
    ENTRIES.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// From now on the note with the words `first` wakes `now`, too. Afterwards the caller looks at
/// its status once more.
pub(crate) fn set(first: Words, future: usize, now: &Waker) {
    let fresh = Arc::new(now.clone());
    let (old, unused) = {
        let mut guard = lock();
        let entries = guard.get_or_insert_with(Entries::default);
        (entries.remove(first, future), entries.add(first, future, fresh))
    };
    quietly(|| drop(old));
    quietly(|| drop(unused));
    fence(Ordering::SeqCst); // W1
}

/// Whether `set` has left `now` with this future.
pub(crate) fn is_set(first: Words, future: usize, now: &Waker) -> bool {
    let guard = lock();
    let entries = guard.as_ref();
    entries
        .and_then(|entries| entries.futures.get(&key(first, future)))
        .map_or(false, |waker| waker.will_wake(now))
}

/// The future has ended, or its first waker is the right one again.
pub(crate) fn clear(first: Words, future: usize) {
    let old = {
        let mut guard = lock();
        guard.as_mut().and_then(|entries| entries.remove(first, future))
    };
    quietly(|| drop(old));
}

/// A note: wakes the waker that it carries, and those that have taken its place. No panic leaves.
///
/// # Safety
/// `words` are of `into_words`, and this note's.
#[inline]
pub(crate) unsafe fn note(words: Words) {
    if COUNT.load(Ordering::SeqCst) != 0 {
        // W1
        wake_others(words);
    }
    quietly(|| from_words(words).wake());
}

#[cold]
#[inline(never)]
fn wake_others(first: Words) {
    let found: Vec<Arc<Waker>> = {
        let guard = lock();
        let wakers = guard.as_ref().map(|entries| entries.wakers.range(all(first)));
        wakers.into_iter().flatten().map(|(_, (waker, _))| Arc::clone(waker)).collect()
    };
    for waker in found {
        quietly(|| waker.wake_by_ref());
        quietly(move || drop(waker));
    }
}

/// Runs foreign code on a thread that is inside a call of the C library: a panic ends here. The
/// panic hook has told of it. Dropping its payload may panic again: the payload of that is leaked.
pub(crate) fn quietly(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(another);
        }
    }
}
