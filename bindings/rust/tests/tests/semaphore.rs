// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tokio's semaphore promises, one test for each promise; futures are polled by hand.

use afflux::{Semaphore, TryAcquireError};
use afflux_tests::{assert_at_rest, now, poll, Count};
use std::pin::pin;
use std::sync::Arc;

#[test]
fn a_free_permit_is_ready_at_once() {
    let sem = Semaphore::new(1);
    let permit = now(sem.acquire()).unwrap();
    assert_eq!(sem.available_permits(), 0);
    drop(permit);
    assert_eq!(sem.available_permits(), 1);
    assert_at_rest(&sem);
}

#[test]
fn a_future_that_is_not_polled_takes_nothing() {
    let sem = Semaphore::new(1);
    let future = sem.acquire();
    assert_eq!(sem.available_permits(), 1);
    drop(future);
    assert_at_rest(&sem);
}

#[test]
fn a_release_lets_the_first_in() {
    let sem = Semaphore::new(1);
    let held = sem.try_acquire().unwrap();
    let ((a, wake_a), (b, wake_b)) = (Count::new(), Count::new());
    let (mut first, mut second) = (pin!(sem.acquire()), pin!(sem.acquire()));
    assert!(poll(first.as_mut(), &wake_a).is_pending());
    assert!(poll(second.as_mut(), &wake_b).is_pending());
    assert_eq!(sem.waiters(), 2);
    drop(held);
    assert_eq!((a.wakes(), b.wakes()), (1, 0));
    assert!(poll(second.as_mut(), &wake_b).is_pending());
    let std::task::Poll::Ready(Ok(permit)) = poll(first.as_mut(), &wake_a) else { panic!() };
    drop(permit);
    assert_eq!(b.wakes(), 1);
    assert!(poll(second.as_mut(), &wake_b).is_ready());
    assert_at_rest(&sem);
}

#[test]
fn one_release_lets_as_many_in_as_fit() {
    let sem = Semaphore::new(8);
    let held = sem.try_acquire_many(8).unwrap();
    let (count, waker) = Count::new();
    let mut futures: Vec<_> = (0..10).map(|_| Box::pin(sem.acquire())).collect();
    for future in &mut futures {
        assert!(poll(future.as_mut(), &waker).is_pending());
    }
    drop(held);
    assert_eq!(count.wakes(), 8);
    drop(futures);
    assert_at_rest(&sem);
}

#[test]
fn a_large_request_is_not_starved() {
    let sem = Semaphore::new(10);
    let mut held = sem.try_acquire_many(8).unwrap();
    let (_, waker) = Count::new();
    let (mut large, mut small) = (pin!(sem.acquire_many(5)), pin!(sem.acquire()));
    assert!(poll(large.as_mut(), &waker).is_pending());
    assert!(poll(small.as_mut(), &waker).is_pending(), "it would fit, but came later");
    assert_eq!(sem.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    drop(held.split(3));
    let permit = match poll(large.as_mut(), &waker) {
        std::task::Poll::Ready(permit) => permit.unwrap(),
        std::task::Poll::Pending => panic!("five are free"),
    };
    assert_eq!(permit.num_permits(), 5);
    drop(held);
    assert!(poll(small.as_mut(), &waker).is_ready());
}

#[test]
fn dropping_the_first_lets_those_behind_in() {
    let sem = Semaphore::new(2);
    let held = sem.try_acquire().unwrap();
    let (count, waker) = Count::new();
    let mut large = Box::pin(sem.acquire_many(2));
    let mut small = pin!(sem.acquire());
    assert!(poll(large.as_mut(), &waker).is_pending());
    assert!(poll(small.as_mut(), &waker).is_pending());
    drop(large);
    assert_eq!(count.wakes(), 1);
    assert!(poll(small.as_mut(), &waker).is_ready());
    drop(held);
    assert_eq!(sem.stats().canceled, 1);
    assert_at_rest(&sem);
}

#[test]
fn dropping_a_granted_future_gives_its_permits_back() {
    let sem = Semaphore::new(1);
    let held = sem.try_acquire().unwrap();
    let (_, waker) = Count::new();
    let mut first = Box::pin(sem.acquire());
    let mut second = pin!(sem.acquire());
    assert!(poll(first.as_mut(), &waker).is_pending());
    assert!(poll(second.as_mut(), &waker).is_pending());
    drop(held); // granted to the first, which has not looked
    drop(first);
    assert!(poll(second.as_mut(), &waker).is_ready());
    assert_at_rest(&sem);
}

#[test]
fn try_acquire_tells_why_not() {
    let sem = Semaphore::new(1);
    let held = sem.try_acquire().unwrap();
    assert_eq!(sem.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!(sem.try_acquire_many(5).unwrap_err(), TryAcquireError::NoPermits);
    sem.close();
    assert_eq!(sem.try_acquire().unwrap_err(), TryAcquireError::Closed);
    drop(held);
    assert_eq!(sem.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert_eq!(sem.available_permits(), 1, "counts on after a close");
}

#[test]
fn zero_permits_are_ready_even_where_others_wait() {
    let sem = Semaphore::new(1);
    let held = sem.try_acquire().unwrap();
    let (_, waker) = Count::new();
    let mut waits = pin!(sem.acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    assert_eq!(now(sem.acquire_many(0)).unwrap().num_permits(), 0);
    assert_eq!(sem.try_acquire_many(0).unwrap().num_permits(), 0);
    assert_eq!(sem.blocking_acquire_many(0).unwrap().num_permits(), 0);
    sem.close();
    assert!(now(sem.acquire_many(0)).unwrap_err().is_closed());
    assert_eq!(sem.try_acquire_many(0).unwrap_err(), TryAcquireError::Closed);
    drop(held);
}

#[test]
fn close_ends_those_who_wait_and_newcomers() {
    let sem = Semaphore::new(1);
    let held = sem.try_acquire().unwrap();
    let (count, waker) = Count::new();
    let mut waits = pin!(sem.acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    assert!(!sem.is_closed());
    sem.close();
    sem.close();
    assert!(sem.is_closed());
    assert_eq!(count.wakes(), 1);
    match poll(waits.as_mut(), &waker) {
        std::task::Poll::Ready(Err(error)) => {
            assert!(error.is_closed());
            assert_eq!(error.to_string(), "semaphore closed");
        }
        _ => panic!("closed"),
    }
    assert!(now(sem.acquire()).unwrap_err().is_closed());
    assert!(sem.blocking_acquire().unwrap_err().is_closed());
    drop(held);
    assert_eq!(sem.stats().released, 1);
}

#[test]
fn add_permits_lets_in_and_stays() {
    let sem = Semaphore::new(0);
    let (count, waker) = Count::new();
    let mut waits = Box::pin(sem.acquire_many(3));
    assert!(poll(waits.as_mut(), &waker).is_pending(), "more than the limit waits");
    sem.add_permits(2);
    assert_eq!(count.wakes(), 0);
    sem.add_permits(0);
    sem.add_permits(1);
    assert_eq!(count.wakes(), 1);
    drop(waits);
    assert_eq!((sem.available_permits(), sem.limit()), (3, 3));
}

#[test]
fn forget_takes_permits_away_until_they_are_added() {
    let sem = Arc::new(Semaphore::new(4));
    sem.try_acquire_many(2).unwrap().forget();
    Arc::clone(&sem).try_acquire_owned().unwrap().forget();
    assert_eq!(sem.available_permits(), 1);
    // What tokio's users do at each tick of a token bucket: the limit must not grow by it.
    for _ in 0..10 {
        sem.add_permits(1);
        assert_eq!((sem.available_permits(), sem.limit()), (2, 4));
        sem.try_acquire().unwrap().forget();
    }
    sem.add_permits(5);
    assert_eq!((sem.available_permits(), sem.limit()), (6, 6));
    assert_at_rest(&sem);
}

#[test]
fn forget_permits_takes_what_is_free() {
    let sem = Semaphore::new(5);
    assert_eq!(sem.forget_permits(0), 0);
    assert_eq!(sem.forget_permits(3), 3);
    assert_eq!(sem.available_permits(), 2);
    let held = sem.try_acquire().unwrap();
    assert_eq!(sem.forget_permits(10), 1);
    assert_eq!(sem.forget_permits(10), 0);
    drop(held);
    assert_eq!(sem.available_permits(), 1);
    sem.add_permits(4);
    assert_eq!((sem.available_permits(), sem.limit()), (5, 5));
}

#[test]
fn merge_and_split() {
    let sem = Arc::new(Semaphore::new(5));
    let mut permit = sem.try_acquire_many(2).unwrap();
    permit.merge(sem.try_acquire().unwrap());
    assert_eq!(permit.num_permits(), 3);
    let two = permit.split(2).unwrap();
    assert!(permit.split(2).is_none());
    assert_eq!((permit.num_permits(), two.num_permits()), (1, 2));
    assert_eq!(permit.split(0).unwrap().num_permits(), 0);
    drop(two);
    assert_eq!(sem.available_permits(), 4);
    drop(permit);

    let mut owned = Arc::clone(&sem).try_acquire_many_owned(3).unwrap();
    owned.merge(Arc::clone(&sem).try_acquire_owned().unwrap());
    let one = owned.split(1).unwrap();
    assert!(Arc::ptr_eq(one.semaphore(), &sem));
    assert_eq!((one.num_permits(), owned.num_permits()), (1, 3));
    assert!(owned.split(4).is_none());
    drop((one, owned));
    assert_at_rest(&sem);
}

#[test]
#[should_panic(expected = "merging permits from different semaphore instances")]
fn permits_of_two_semaphores_do_not_merge() {
    let (a, b) = (Semaphore::new(1), Semaphore::new(1));
    a.try_acquire().unwrap().merge(b.try_acquire().unwrap());
}

#[test]
#[should_panic(expected = "merging permits from different semaphore instances")]
fn owned_permits_of_two_semaphores_do_not_merge() {
    let (a, b) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)));
    a.try_acquire_owned().unwrap().merge(b.try_acquire_owned().unwrap());
}

#[test]
fn owned_permits_keep_the_semaphore() {
    let sem = Arc::new(Semaphore::new(1));
    let weak = Arc::downgrade(&sem);
    let permit = now(Arc::clone(&sem).acquire_owned()).unwrap();
    let (_, waker) = Count::new();
    let mut waits = Box::pin(sem.acquire_many_owned(1));
    assert!(poll(waits.as_mut(), &waker).is_pending());
    drop(permit);
    let permit = match poll(waits.as_mut(), &waker) {
        std::task::Poll::Ready(permit) => permit.unwrap(),
        std::task::Poll::Pending => panic!("granted"),
    };
    drop(waits);
    assert!(weak.upgrade().is_some());
    drop(permit);
    assert!(weak.upgrade().is_none());
}

#[test]
fn the_largest_number_of_permits() {
    let sem = Semaphore::new(Semaphore::MAX_PERMITS);
    assert_eq!(sem.available_permits(), Semaphore::MAX_PERMITS);
    let permit = sem.try_acquire_many(u32::MAX).unwrap();
    assert_eq!(sem.available_permits(), Semaphore::MAX_PERMITS - u32::MAX as usize);
    drop(permit);
    assert_at_rest(&sem);
}

#[test]
#[should_panic(expected = "MAX_PERMITS")]
fn more_than_the_largest_number_panics() {
    let _ = Semaphore::new(Semaphore::MAX_PERMITS + 1);
}

#[test]
#[should_panic(expected = "MAX_PERMITS")]
fn adding_more_than_the_largest_number_panics() {
    Semaphore::new(1).add_permits(Semaphore::MAX_PERMITS);
}

#[test]
#[should_panic(expected = "not polled after it has completed")]
fn a_completed_future_is_not_polled() {
    let sem = Semaphore::new(2);
    let mut future = pin!(sem.acquire());
    let (_, waker) = Count::new();
    assert!(poll(future.as_mut(), &waker).is_ready());
    let _ = poll(future.as_mut(), &waker);
}

/// Layout 3: what is taken inline is in the totals, single and several, in every phase of the
/// word's own count of 63.
#[test]
fn totals_are_exact_at_rest() {
    let sem = Semaphore::new(1000);
    let (mut requests, mut permits) = (0, 0);
    for i in 0..500u64 {
        let n = if i % 7 == 0 { 1 + (i % 11) as u32 } else { 1 };
        drop(sem.try_acquire_many(n).unwrap());
        requests += 1;
        permits += u64::from(n);
        let s = sem.stats();
        assert_eq!((s.requests_fast, s.acquired_fast, s.released), (requests, permits, permits));
    }
    let held = sem.try_acquire_many(900).unwrap();
    assert_eq!(sem.stats().peak_held, 900);
    assert!(sem.try_acquire_many(101).is_err());
    assert_eq!(sem.stats().try_failed, 1);
    drop(held);
    assert_at_rest(&sem);
}

#[test]
fn totals_are_exact_after_many_threads() {
    const EACH: u64 = 20_000;
    let sem = Semaphore::new(3);
    std::thread::scope(|scope| {
        for i in 0..4 {
            let sem = &sem;
            scope.spawn(move || {
                for j in 0..EACH {
                    let n = 1 + ((i + j) % 3) as u32;
                    drop(sem.blocking_acquire_many(n).unwrap());
                }
            });
        }
    });
    let s = sem.stats();
    assert_eq!(s.requests_fast + s.granted, 4 * EACH);
    let permits: u64 = (0..4).map(|i| (0..EACH).map(|j| 1 + (i + j) % 3).sum::<u64>()).sum();
    assert_eq!(s.acquired_fast + s.acquired_after_wait, permits);
    assert!(s.peak_held <= 3);
    assert_at_rest(&sem);
}

#[test]
fn without_statistics_everything_works() {
    let sem = Semaphore::builder(2).statistics(afflux::Statistics::Off).build().unwrap();
    let held = sem.try_acquire_many(2).unwrap();
    let (count, waker) = Count::new();
    let mut waits = Box::pin(sem.acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    drop(held);
    assert_eq!(count.wakes(), 1);
    drop(waits);
    assert_eq!((sem.available_permits(), sem.stats().acquired_fast), (2, 0));
}
