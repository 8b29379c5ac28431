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

fn key(first: Words, future: usize) -> Key {
    (first[0] as usize, first[1] as usize, future)
}

/// All futures whose notes have these words.
fn all(first: Words) -> RangeInclusive<Key> {
    key(first, 0)..=key(first, usize::MAX)
}

static ENTRIES: Mutex<Option<BTreeMap<Key, Arc<Waker>>>> = Mutex::new(None);
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn lock() -> MutexGuard<'static, Option<BTreeMap<Key, Arc<Waker>>>> {
    // No foreign code runs under the lock (W2), so that poison means nothing.
    ENTRIES.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// From now on the note with the words `first` wakes `now`, too. Afterwards the caller looks at
/// its status once more.
pub(crate) fn set(first: Words, future: usize, now: &Waker) {
    let mut fresh = Some(Arc::new(now.clone()));
    let old = {
        let mut guard = lock();
        let entries = guard.get_or_insert_with(BTreeMap::new);
        // Futures that moved together share their waker, so that a note wakes it once.
        let shared = entries.range(all(first)).next().map(|(_, waker)| waker);
        let shared = shared.filter(|waker| waker.will_wake(now)).map(Arc::clone);
        let waker = shared.or_else(|| fresh.take()).expect("one of both");
        let old = entries.insert(key(first, future), waker);
        if old.is_none() {
            COUNT.fetch_add(1, Ordering::Relaxed); // W1's fence orders it
        }
        old
    };
    quietly(|| drop((old, fresh)));
    fence(Ordering::SeqCst); // W1
}

/// Whether `set` has left `now` with this future.
pub(crate) fn is_set(first: Words, future: usize, now: &Waker) -> bool {
    let guard = lock();
    let entries = guard.as_ref();
    entries
        .and_then(|entries| entries.get(&key(first, future)))
        .map_or(false, |waker| waker.will_wake(now))
}

/// The future has ended, or its first waker is the right one again.
pub(crate) fn clear(first: Words, future: usize) {
    let old = {
        let mut guard = lock();
        guard.as_mut().and_then(|entries| entries.remove(&key(first, future)))
    };
    if old.is_some() {
        COUNT.fetch_sub(1, Ordering::Relaxed);
        quietly(|| drop(old));
    }
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
    let mut found: Vec<Arc<Waker>> = Vec::new();
    {
        let guard = lock();
        if let Some(entries) = guard.as_ref() {
            for (_, waker) in entries.range(all(first)) {
                if found.last().map_or(true, |last| !Arc::ptr_eq(last, waker)) {
                    found.push(Arc::clone(waker));
                }
            }
        }
    }
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
