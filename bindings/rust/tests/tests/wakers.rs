// SPDX-License-Identifier: MIT OR Apache-2.0
//! Wakers that change, panic, drop futures, release permits; futures that end in odd places.

use afflux::{Event, Semaphore};
use afflux_tests::{assert_at_rest, poll, Act, Count};
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, RawWaker, RawWakerVTable, Waker};

type Owned = Pin<Box<afflux::AcquireOwned>>;

fn waiting(sem: &Arc<Semaphore>, waker: &Waker) -> Owned {
    let mut future = Box::pin(Arc::clone(sem).acquire_owned());
    assert!(poll(future.as_mut(), waker).is_pending());
    future
}

#[test]
fn the_newest_waker_is_woken() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let ((_, first), (second, waker2), (third, waker3)) =
        (Count::new(), Count::new(), Count::new());
    let mut future = waiting(&sem, &first);
    assert!(poll(future.as_mut(), &waker2).is_pending());
    assert!(poll(future.as_mut(), &waker2).is_pending());
    assert!(poll(future.as_mut(), &waker3).is_pending());
    assert_eq!(sem.waiters(), 1, "the place in the queue is kept");
    drop(held);
    assert_eq!((second.wakes(), third.wakes()), (0, 1));
    assert!(poll(future.as_mut(), &waker3).is_ready());
    assert_at_rest(&sem);
}

#[test]
fn the_first_waker_again() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let ((first, waker1), (second, waker2)) = (Count::new(), Count::new());
    let mut future = waiting(&sem, &waker1);
    assert!(poll(future.as_mut(), &waker2).is_pending());
    assert!(poll(future.as_mut(), &waker1).is_pending());
    drop(held);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert!(poll(future.as_mut(), &waker1).is_ready());
}

#[test]
fn no_waker_is_kept_after_the_end() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let ((first, waker1), (second, waker2)) = (Count::new(), Count::new());
    let mut dropped = waiting(&sem, &waker1);
    let mut granted = waiting(&sem, &waker1);
    assert!(poll(dropped.as_mut(), &waker2).is_pending());
    assert!(poll(granted.as_mut(), &waker2).is_pending());
    drop(dropped);
    drop(held);
    assert!(poll(granted.as_mut(), &waker2).is_ready());
    drop(granted);
    // One here and one in the waker.
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (2, 2));
}

/// Many futures of one task move together to another: each wakes that one, and each once.
#[test]
fn futures_that_share_a_waker_move_together() {
    let sem = Arc::new(Semaphore::new(3));
    let held = sem.try_acquire_many(3).unwrap();
    let ((_, old), (new, waker)) = (Count::new(), Count::new());
    let mut futures: Vec<Owned> = (0..3).map(|_| waiting(&sem, &old)).collect();
    for future in &mut futures {
        assert!(poll(future.as_mut(), &waker).is_pending());
    }
    drop(held);
    assert_eq!(new.wakes(), 3);
    for future in &mut futures {
        assert!(poll(future.as_mut(), &waker).is_ready());
    }
}

/// Likewise to two other tasks by turns: each of the two is woken once for each that ends.
#[test]
fn futures_that_move_apart_wake_each_task_once() {
    const EACH: usize = 4;
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let ((_, old), (left, to_left), (right, to_right)) = (Count::new(), Count::new(), Count::new());
    // Side by side, so that their order in memory is that of the turns.
    let queued: Vec<_> = (0..2 * EACH).map(|_| Arc::clone(&sem).acquire_owned()).collect();
    let mut queued = Pin::from(queued.into_boxed_slice());
    for moves in [false, true] {
        for i in 0..2 * EACH {
            let future = unsafe { queued.as_mut().map_unchecked_mut(|all| &mut all[i]) };
            let waker = if i % 2 == 0 { &to_left } else { &to_right };
            assert!(poll(future, if moves { waker } else { &old }).is_pending());
        }
    }
    drop(held);
    assert_eq!((left.wakes(), right.wakes()), (1, 1));
    drop(queued);
    // One here and one in the waker.
    assert_eq!((Arc::strong_count(&left), Arc::strong_count(&right)), (2, 2));
    assert_at_rest(&sem);
}

/// The waker changes at the very moment of the release: one of both is woken, or the poll has seen
/// the permit.
#[test]
fn no_wake_is_lost_when_the_waker_changes() {
    let sem = Arc::new(Semaphore::new(1));
    for _ in 0..3_000 {
        let held = Arc::clone(&sem).try_acquire_owned().unwrap();
        let ((_, waker1), (second, waker2)) = (Count::new(), Count::new());
        let mut future = waiting(&sem, &waker1);
        let go = Arc::new(AtomicBool::new(false));
        let releaser = std::thread::spawn({
            let go = Arc::clone(&go);
            move || {
                while !go.load(Ordering::Acquire) {
                    std::hint::spin_loop();
                }
                drop(held);
            }
        });
        go.store(true, Ordering::Release);
        let seen = poll(future.as_mut(), &waker2).is_ready();
        releaser.join().unwrap();
        assert!(seen || second.wakes() == 1);
        if !seen {
            assert!(poll(future.as_mut(), &waker2).is_ready());
        }
    }
    assert_at_rest(&sem);
}

#[test]
fn a_waker_that_panics_harms_no_other() {
    let sem = Arc::new(Semaphore::new(2));
    let held = sem.try_acquire_many(2).unwrap();
    let panics = Act::on_wake(|| panic!("a waker's own"));
    let (count, waker) = Count::new();
    let mut first = waiting(&sem, &panics);
    let mut second = waiting(&sem, &waker);
    drop(held); // no panic comes out of this
    assert_eq!(count.wakes(), 1);
    assert!(poll(first.as_mut(), &waker).is_ready());
    assert!(poll(second.as_mut(), &waker).is_ready());
    assert_at_rest(&sem);
}

#[test]
fn a_moved_waker_that_panics_harms_no_other() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let (count, waker) = Count::new();
    let mut future = waiting(&sem, &waker);
    assert!(poll(future.as_mut(), &Act::on_wake(|| panic!("a waker's own"))).is_pending());
    drop(held);
    assert_eq!(count.wakes(), 1);
    assert!(poll(future.as_mut(), &waker).is_ready());
    assert_at_rest(&sem);
}

/// A payload whose drop panics, too.
#[test]
fn a_panic_within_a_panic_stays_inside() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a payload's own");
        }
    }
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let future = waiting(&sem, &Act::on_wake(|| std::panic::panic_any(Bomb)));
    drop(held);
    drop(future);
    assert_at_rest(&sem);
}

/// A waker whose drop panics: what the poll has got, or the drop gives back, is not lost by that.
#[test]
fn a_drop_that_panics_loses_no_permit() {
    fn clone(number: *const ()) -> RawWaker {
        RawWaker::new(number, &TABLE)
    }
    fn nothing(_: *const ()) {}
    fn drop_it(_: *const ()) {
        panic!("a drop's own");
    }
    static TABLE: RawWakerVTable = RawWakerVTable::new(clone, nothing, nothing, drop_it);
    let numbers = [0_u8; 3];
    let [waker, second, third] = [0, 1, 2].map(|i: usize| {
        std::mem::ManuallyDrop::new(unsafe {
            Waker::from_raw(clone(&numbers[i] as *const u8 as _))
        })
    });
    let sem = Semaphore::new(1);
    for is_granted in [true, false] {
        let held = sem.try_acquire().unwrap();
        let mut one = Box::pin(sem.acquire());
        let mut several = Box::pin(afflux::any(&[(&sem).into()]));
        assert!(poll(one.as_mut(), &waker).is_pending());
        assert!(poll(several.as_mut(), &waker).is_pending());
        assert!(poll(several.as_mut(), &waker).is_pending(), "replaces the waker");
        let mut another = Box::pin(sem.acquire());
        assert!(poll(another.as_mut(), &waker).is_pending());
        assert!(poll(another.as_mut(), &second).is_pending());
        assert!(poll(one.as_mut(), &third).is_pending());
        assert!(poll(another.as_mut(), &third).is_pending(), "drops two");
        drop(another);
        if is_granted {
            drop(held);
            assert!(poll(one.as_mut(), &waker).is_ready());
            assert!(poll(several.as_mut(), &waker).is_ready());
        }
    }
    let mut at_once = Box::pin(afflux::all(&[(&sem).into()]));
    assert!(poll(at_once.as_mut(), &waker).is_ready());
    assert_at_rest(&sem);
}

#[test]
fn a_panics_payload_is_dropped() {
    let payload = Arc::new(());
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let future = waiting(&sem, &{
        let payload = Arc::clone(&payload);
        Act::on_wake(move || std::panic::panic_any(payload))
    });
    drop(held);
    drop(future);
    assert_eq!(Arc::strong_count(&payload), 1);
}

#[test]
fn a_clone_that_panics_leaves_nothing_queued() {
    fn clone(_: *const ()) -> RawWaker {
        panic!("a clone's own");
    }
    fn nothing(_: *const ()) {}
    static TABLE: RawWakerVTable = RawWakerVTable::new(clone, nothing, nothing, nothing);
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let mut future = Box::pin(Arc::clone(&sem).acquire_owned());
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = poll(future.as_mut(), &waker);
    }));
    assert!(outcome.is_err());
    assert_eq!(sem.waiters(), 0);
    // The future may be polled again.
    let (_, other) = Count::new();
    assert!(poll(future.as_mut(), &other).is_pending());
    drop(held);
    assert!(poll(future.as_mut(), &other).is_ready());
    assert_at_rest(&sem);
}

#[test]
fn a_future_is_dropped_inside_its_own_waker() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let slot: Arc<Mutex<Option<Owned>>> = Arc::default();
    let waker = Act::on_wake({
        let slot = Arc::clone(&slot);
        move || drop(slot.lock().unwrap().take())
    });
    *slot.lock().unwrap() = Some(waiting(&sem, &waker));
    drop(held);
    assert!(slot.lock().unwrap().is_none());
    assert_at_rest(&sem);
}

#[test]
fn a_waker_drops_others_that_wait_and_that_are_granted() {
    let sem = Arc::new(Semaphore::new(2));
    let held = sem.try_acquire_many(2).unwrap();
    let others: Arc<Mutex<Vec<Owned>>> = Arc::default();
    let (count, plain) = Count::new();
    let waker = Act::on_wake({
        let others = Arc::clone(&others);
        move || {
            let all = std::mem::take(&mut *others.lock().unwrap());
            drop(all);
        }
    });
    let first = waiting(&sem, &waker);
    for _ in 0..5 {
        others.lock().unwrap().push(waiting(&sem, &plain));
    }
    drop(held); // the first and one of the others are granted
    assert!(count.wakes() <= 5);
    drop(first);
    assert_at_rest(&sem);
}

#[test]
fn a_waker_releases_acquires_and_polls() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let slot: Arc<Mutex<Option<Owned>>> = Arc::default();
    let (count, plain) = Count::new();
    let done = Arc::new(AtomicBool::new(false));
    let waker = Act::on_wake({
        let (slot, sem, plain) = (Arc::clone(&slot), Arc::clone(&sem), plain.clone());
        let done = Arc::clone(&done);
        move || {
            let mut future = slot.lock().unwrap().take().unwrap();
            let permit = match poll(future.as_mut(), &plain) {
                Poll::Ready(permit) => permit.unwrap(),
                Poll::Pending => panic!("a wake without a permit"),
            };
            let next = waiting(&sem, &plain);
            drop(permit); // grants to the next one, which is told when this waker has returned
            *slot.lock().unwrap() = Some(next);
            done.store(true, Ordering::SeqCst);
        }
    });
    *slot.lock().unwrap() = Some(waiting(&sem, &waker));
    drop(held);
    assert!(done.load(Ordering::SeqCst), "no assertion failed within the waker");
    assert_eq!(count.wakes(), 1);
    let mut next = slot.lock().unwrap().take().unwrap();
    assert!(poll(next.as_mut(), &plain).is_ready());
    assert_at_rest(&sem);
}

/// The waker that is dropped with a cancelled future owns a permit, whose release completes another
/// future of the same semaphore.
#[test]
fn a_waker_whose_drop_releases() {
    let sem = Arc::new(Semaphore::new(1));
    let held = Arc::clone(&sem).try_acquire_owned().unwrap();
    let (count, plain) = Count::new();
    let waker = Act::on_drop(move || drop(held));
    let first = waiting(&sem, &waker);
    drop(waker); // the future has the last one
    let mut second = waiting(&sem, &plain);
    drop(first);
    assert_eq!(count.wakes(), 1);
    assert!(poll(second.as_mut(), &plain).is_ready());
    assert_at_rest(&sem);
}

/// Likewise, where the drop of a replaced waker completes the very future that replaces it.
#[test]
fn a_replaced_waker_whose_drop_completes_this_future() {
    let sem = Arc::new(Semaphore::new(1));
    let held = Arc::clone(&sem).try_acquire_owned().unwrap();
    let (_, plain) = Count::new();
    let (last, waker) = Count::new();
    let mut future = waiting(&sem, &plain);
    {
        let releasing = Act::on_drop(move || drop(held));
        assert!(poll(future.as_mut(), &releasing).is_pending());
    }
    let seen = poll(future.as_mut(), &waker).is_ready();
    assert!(seen || last.wakes() == 1);
    assert!(seen || poll(future.as_mut(), &waker).is_ready());
    assert_at_rest(&sem);
}

#[test]
fn a_future_ends_in_a_tls_destructor() {
    thread_local!(static LATE: RefCell<Vec<Owned>> = const { RefCell::new(Vec::new()) });
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let thread_sem = Arc::clone(&sem);
    std::thread::spawn(move || {
        let (_, waker) = Count::new();
        LATE.with(|late| {
            for _ in 0..3 {
                late.borrow_mut().push(waiting(&thread_sem, &waker));
            }
        });
    })
    .join()
    .unwrap();
    assert_eq!((sem.waiters(), sem.stats().canceled), (0, 3));
    drop(held);
    assert_at_rest(&sem);
}

#[test]
fn a_permit_ends_in_a_tls_destructor_and_wakes() {
    thread_local!(static LATE: RefCell<Option<afflux::OwnedSemaphorePermit>> =
        const { RefCell::new(None) });
    let sem = Arc::new(Semaphore::new(1));
    let held = Arc::clone(&sem).try_acquire_owned().unwrap();
    let (count, waker) = Count::new();
    let mut future = waiting(&sem, &waker);
    std::thread::spawn(move || LATE.with(|late| *late.borrow_mut() = Some(held))).join().unwrap();
    assert_eq!(count.wakes(), 1);
    assert!(poll(future.as_mut(), &waker).is_ready());
}

#[test]
fn a_leaked_future_harms_no_other() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let (count, waker) = Count::new();
    std::mem::forget(waiting(&sem, &waker));
    let mut second = waiting(&sem, &waker);
    drop(held); // the leaked one has it for ever
    assert_eq!(count.wakes(), 1);
    assert!(poll(second.as_mut(), &waker).is_pending());
    sem.add_permits(1);
    assert!(poll(second.as_mut(), &waker).is_ready());
}

#[test]
fn an_event_passes_on_what_a_dropped_wait_was_notified_of() {
    let event = Event::auto_reset();
    let ((_, waker1), (second, waker2)) = (Count::new(), Count::new());
    let mut first = Box::pin(event.wait());
    let mut other = Box::pin(event.wait());
    assert!(poll(first.as_mut(), &waker1).is_pending());
    assert!(poll(other.as_mut(), &waker2).is_pending());
    event.notify_one(); // to the first, which has not looked
    drop(first);
    assert_eq!(second.wakes(), 1);
    assert!(poll(other.as_mut(), &waker2).is_ready());
    assert!(!event.is_set());
}

/// Futures that are dropped at the very moment of the release: no permit is lost, and none is
/// doubled, whoever wins.
#[test]
fn drops_race_releases() {
    const ROUNDS: usize = 30_000;
    let sem = Arc::new(Semaphore::new(2));
    let granted = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|i| {
            let (sem, granted) = (Arc::clone(&sem), Arc::clone(&granted));
            std::thread::spawn(move || {
                let ((_, waker1), (_, waker2)) = (Count::new(), Count::new());
                for round in 0..ROUNDS {
                    let mut future = std::pin::pin!(sem.acquire_many(1 + (round % 2) as u32));
                    if let Poll::Ready(permit) = poll(future.as_mut(), &waker1) {
                        granted.fetch_add(1, Ordering::Relaxed);
                        drop(permit);
                    } else if (round + i) % 3 == 0 {
                        let _ = poll(future.as_mut(), &waker2).is_ready();
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(granted.load(Ordering::Relaxed) > 0);
    assert_at_rest(&sem);
}

#[test]
fn closes_race_drops() {
    for _ in 0..300 {
        let sem = Arc::new(Semaphore::new(1));
        let held = sem.try_acquire().unwrap();
        let (_, waker) = Count::new();
        let mut futures: Vec<Owned> = (0..8).map(|_| waiting(&sem, &waker)).collect();
        let closer = std::thread::spawn({
            let sem = Arc::clone(&sem);
            move || sem.close()
        });
        futures.drain(..4);
        closer.join().unwrap();
        for mut future in futures {
            match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
                Poll::Ready(Err(error)) => assert!(error.is_closed()),
                _ => panic!("closed"),
            }
        }
        drop(held);
        assert_at_rest(&sem);
    }
}
