// SPDX-License-Identifier: MIT OR Apache-2.0
//! Free permits by a compare-and-swap of our own: afflux.h, "Inline fast path", layouts 2 and 3.

use crate::sys;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

const PLAIN: u32 = 2;
const COUNTING: u32 = 3;
const FLAGS: u64 = 0x3ff;
const SHIFT: u32 = 20;
/// The largest limit: 2^42 − 1.
pub(crate) const MAX: u64 = (1 << 42) - 1;

// Layout 3: the acquires that the word counts.
const ONE: u64 = 1 << 14;
const COUNT: u64 = 0x3f << 14;
const FULL: u64 = 1 << 19;

/// Stands in where there is no block, or one of an unknown layout: its flag says "make the call",
/// so that the fast path needs no test of its own. Never written.
static CALL: sys::afflux_fastpath = sys::afflux_fastpath {
    layout: 0,
    reserved: 0,
    word: AtomicU64::new(FLAGS),
    limit: AtomicU64::new(0),
    taken: AtomicU64::new(0),
    beyond: AtomicU64::new(0),
    peak: AtomicU64::new(0),
};

/// The fast-path block of a semaphore, or the one that stands in.
pub(crate) fn block_of(sem: NonNull<sys::afflux_sem>) -> NonNull<sys::afflux_fastpath> {
    let block = unsafe { sys::afflux_sem_fastpath(sem.as_ptr()) };
    match NonNull::new(block as *mut sys::afflux_fastpath) {
        Some(block) if is_known(unsafe { block.as_ref() }) => block,
        _ => NonNull::from(&CALL),
    }
}

fn is_known(block: &sys::afflux_fastpath) -> bool {
    match block.layout {
        // An older library's, with statistics: counting is for the calls to do.
        PLAIN => block.reserved & sys::AFFLUX_FASTPATH_COUNTED == 0,
        COUNTING => true,
        _ => false,
    }
}

#[inline(always)]
fn available(word: u64) -> i64 {
    word as i64 >> SHIFT
}

/// Takes `n` permits by one exchange. False: nothing has changed, make the call.
///
/// # Safety
/// `block` is that of `sem`, by `block_of`, and `sem` lives.
#[inline(always)]
pub(crate) unsafe fn acquire(
    sem: NonNull<sys::afflux_sem>,
    block: NonNull<sys::afflux_fastpath>,
    n: u64,
) -> bool {
    let block = block.as_ref();
    if n.wrapping_sub(1) >= MAX {
        return false; // 0 wraps round: refused as well
    }
    let counts = block.layout == COUNTING;
    // acquire: takes over what the releases before published.
    let mut seen = block.word.load(Acquire);
    while seen & FLAGS == 0 {
        if available(seen) < n as i64 {
            return false;
        }
        let mut wanted = seen.wrapping_sub(n << SHIFT);
        if counts {
            wanted = if seen & FULL == 0 { wanted + ONE } else { wanted & !COUNT };
        }
        match block.word.compare_exchange_weak(seen, wanted, Acquire, Acquire) {
            Ok(_) => {
                if counts && (n != 1 || seen & FULL != 0 || is_peak(block, wanted)) {
                    add_to_block(sem, block, n, seen, wanted);
                }
                return true;
            }
            Err(now) => seen = now,
        }
    }
    false
}

/// relaxed, both: an observation, which the library confirms.
#[inline(always)]
fn is_peak(block: &sys::afflux_fastpath, word: u64) -> bool {
    let held = block.limit.load(Relaxed).wrapping_sub(available(word) as u64);
    held > block.peak.load(Relaxed)
}

/// What the word has no room for: one acquire in 33, and the rare ones.
#[cold]
#[inline(never)]
unsafe fn add_to_block(
    sem: NonNull<sys::afflux_sem>,
    block: &sys::afflux_fastpath,
    n: u64,
    before: u64,
    after: u64,
) {
    if before & FULL != 0 {
        // release: a reader that finds it finds the exchange before it.
        block.taken.fetch_add(((before & COUNT) >> 14) + 1, Release);
    }
    if n != 1 {
        // relaxed: only the sum matters.
        block.beyond.fetch_add(n - 1, Relaxed);
    }
    if is_peak(block, after) {
        sys::afflux_sem_note_peak(sem.as_ptr(), after);
    }
}

/// Gives `n` permits back by one exchange. False: nothing has changed, make the call. After true
/// the semaphore may be gone.
///
/// # Safety
/// `block` is that of a semaphore that lives.
#[inline(always)]
pub(crate) unsafe fn release(block: NonNull<sys::afflux_fastpath>, n: u64) -> bool {
    let block = block.as_ref();
    // acquire: orders the load of the limit.
    let mut seen = block.word.load(Acquire);
    while seen & FLAGS == 0 {
        // relaxed: it stays behind the acquire above it; a resize changes the word, too, and fails
        // the exchange.
        let held = block.limit.load(Relaxed).wrapping_sub(available(seen) as u64);
        if n.wrapping_sub(1) >= held {
            return false; // 0 wraps round: refused as well
        }
        // release: pairs with the acquire that gets these permits. acquire comes along only because
        // Rust 1.63 takes no weaker success than failure.
        let wanted = seen.wrapping_add(n << SHIFT);
        match block.word.compare_exchange_weak(seen, wanted, AcqRel, Acquire) {
            Ok(_) => return true,
            Err(now) => seen = now,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(layout: u32, reserved: u32, free: u64) -> sys::afflux_fastpath {
        sys::afflux_fastpath {
            layout,
            reserved,
            word: AtomicU64::new(free << SHIFT),
            limit: AtomicU64::new(5),
            taken: AtomicU64::new(0),
            beyond: AtomicU64::new(0),
            peak: AtomicU64::new(5),
        }
    }

    #[test]
    fn only_known_layouts_are_used() {
        assert!(is_known(&block(2, 0, 5)));
        assert!(!is_known(&block(2, sys::AFFLUX_FASTPATH_COUNTED, 5)), "an older library's");
        assert!(is_known(&block(3, 0, 5)) && is_known(&block(3, 1, 5)));
        for layout in [0, 1, 4, u32::MAX] {
            assert!(!is_known(&block(layout, 0, 5)));
        }
    }

    #[test]
    fn the_stand_in_refuses_everything() {
        let (call, no_sem) = (NonNull::from(&CALL), NonNull::dangling());
        for n in [0, 1, MAX, u64::MAX] {
            assert!(!unsafe { acquire(no_sem, call, n) });
            assert!(!unsafe { release(call, n) });
        }
    }

    /// Each step of afflux.h's text, on a block of our own.
    #[test]
    fn exchanges_are_those_of_the_header() {
        let b = block(3, 1, 5);
        let (at, no_sem) = (NonNull::from(&b), NonNull::dangling());
        // An opaque bit below the count is left as it was found.
        b.word.fetch_or(1 << 10, Relaxed);
        for taken in 1..=32 {
            assert!(unsafe { acquire(no_sem, at, 1) });
            assert_eq!(b.word.load(Relaxed), 4 << SHIFT | taken << 14 | 1 << 10);
            assert!(unsafe { release(at, 1) });
        }
        // Bit 19 is set now: the next acquire empties the count into `taken`.
        assert_eq!(b.word.load(Relaxed) & FULL, FULL);
        assert!(unsafe { acquire(no_sem, at, 3) });
        assert_eq!((b.taken.load(Relaxed), b.beyond.load(Relaxed)), (33, 2));
        assert_eq!(b.word.load(Relaxed), 2 << SHIFT | 1 << 10);
        assert!(!unsafe { acquire(no_sem, at, 3) }, "two are free");
        assert!(!unsafe { acquire(no_sem, at, 0) });
        assert!(!unsafe { release(at, 4) }, "three are held");
        assert!(!unsafe { release(at, 0) });
        b.word.fetch_or(1, Relaxed); // a flag
        assert!(!unsafe { acquire(no_sem, at, 1) } && !unsafe { release(at, 1) });
        // In debt nothing is free.
        b.word.store((-1i64 as u64) << SHIFT, Relaxed);
        assert!(!unsafe { acquire(no_sem, at, 1) });
        assert!(unsafe { release(at, 6) }, "six are held of five");
    }

    #[test]
    fn without_statistics_nothing_is_counted() {
        let b = block(2, 0, 5);
        let (at, no_sem) = (NonNull::from(&b), NonNull::dangling());
        assert!(unsafe { acquire(no_sem, at, 2) });
        assert_eq!(b.word.load(Relaxed), 3 << SHIFT);
        assert!(unsafe { release(at, 2) });
        assert_eq!((b.word.load(Relaxed), b.beyond.load(Relaxed)), (5 << SHIFT, 0));
    }
}
