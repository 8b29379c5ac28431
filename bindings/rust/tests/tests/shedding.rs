// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shedding of the queue: who has waited too long fails. Futures are polled by hand.

use afflux::{Acquire, AcquireErrorKind, Fairness, Semaphore, Shedding};
use afflux_tests::{assert_at_rest, now, poll, Count};
use std::pin::Pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

fn sheds_after(time: Duration) -> Semaphore {
    Semaphore::builder(1).shed(Shedding::new().target(time).interval(time)).build().unwrap()
}

/// Comes back when all who wait have waited for longer.
fn grow_old(sem: &Semaphore, time: Duration) {
    let enough = sem.stats().oldest_wait + time + SHORT;
    while sem.stats().oldest_wait <= enough {
        thread::yield_now();
    }
}

/// A future that waits in the queue.
fn queued(sem: &Semaphore) -> Pin<Box<Acquire<'_>>> {
    let mut future = Box::pin(sem.acquire());
    assert!(poll(future.as_mut(), &Count::new().1).is_pending());
    future
}

/// How it has ended, if it has: whether it got its permit.
fn end(future: &mut Pin<Box<Acquire<'_>>>) -> Option<bool> {
    match poll(future.as_mut(), &Count::new().1) {
        Poll::Pending => None,
        Poll::Ready(Ok(_permit)) => Some(true),
        Poll::Ready(Err(error)) => {
            assert_eq!(error.kind(), AcquireErrorKind::Rejected);
            Some(false)
        }
    }
}

#[test]
fn who_has_waited_too_long_is_shed() {
    let sem = sheds_after(SHORT);
    let held = sem.try_acquire().unwrap();
    let mut futures: Vec<_> = (0..3).map(|_| queued(&sem)).collect();
    grow_old(&sem, SHORT);
    drop(held); // sheds before it grants
    for future in &mut futures {
        assert_eq!(end(future), Some(false));
    }
    let stats = sem.stats();
    assert_eq!((stats.shed, stats.dropped, stats.granted, stats.rejected), (3, 3, 0, 0));
    assert_at_rest(&sem);
    drop(now(sem.acquire()).unwrap()); // what is free is free
}

#[test]
fn a_thread_is_shed() {
    let sem = sheds_after(SHORT);
    let held = sem.try_acquire().unwrap();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| sem.blocking_acquire().map(drop).unwrap_err());
        while sem.waiters() == 0 {
            thread::yield_now();
        }
        grow_old(&sem, SHORT);
        drop(held);
        let error = waiter.join().unwrap();
        assert!(error.is_rejected());
        assert!(error.to_string().contains("shed"));
    });
    assert_eq!(sem.stats().shed, 1);
    assert_at_rest(&sem);
}

#[test]
fn a_burst_is_served() {
    // A queue that does not stand yet has the interval, not the target.
    let target = Duration::from_nanos(1);
    let shedding = Shedding::new().target(target).interval(LONG);
    let sem = Semaphore::builder(1).shed(shedding).build().unwrap();
    let held = sem.try_acquire().unwrap();
    let mut futures: Vec<_> = (0..3).map(|_| queued(&sem)).collect();
    grow_old(&sem, SHORT);
    drop(held);
    for future in &mut futures {
        assert_eq!(end(future), Some(true));
    }
    assert_eq!((sem.stats().shed, sem.stats().granted), (0, 3));
    assert_at_rest(&sem);
}

#[test]
fn the_newest_goes_first_while_the_queue_stands() {
    let patience = Duration::from_millis(50);
    let shedding = Shedding::new().target(patience).interval(patience).adaptive_lifo(true);
    loop {
        let sem = Semaphore::builder(1).shed(shedding).build().unwrap();
        let held = sem.try_acquire().unwrap();
        let mut old = queued(&sem);
        grow_old(&sem, patience);
        let (mut middle, mut newest) = (queued(&sem), queued(&sem));
        assert_eq!(end(&mut old), Some(false));
        drop(held);
        let before = end(&mut middle);
        if end(&mut newest) == Some(true) {
            // It was first; the other waits, or has grown old.
            assert_ne!(before, Some(true));
            break;
        }
        // The machine was so busy that even the newest grew old.
    }
}

#[test]
fn options_that_say_nothing_are_refused() {
    let published = Shedding::new();
    assert_eq!(published.target, Duration::from_millis(5));
    assert_eq!(published.interval, Duration::from_millis(100));
    assert_eq!(published, Shedding::default());
    for shedding in [
        published.target(Duration::ZERO),
        published.target(Duration::from_millis(101)),
        published.interval(Duration::ZERO),
    ] {
        let error = Semaphore::builder(1).shed(shedding).build().unwrap_err();
        assert_eq!(error.status(), afflux_sys::AFFLUX_EINVAL, "{shedding:?}");
    }
    let barging = Semaphore::builder(1).fairness(Fairness::Throughput);
    assert!(barging.clone().shed(published).build().is_ok());
    let error = barging.shed(published.adaptive_lifo(true)).build().unwrap_err();
    assert_eq!(error.status(), afflux_sys::AFFLUX_EINVAL);
    assert!(Semaphore::builder(1)
        .shed(published.target(Duration::MAX).interval(Duration::MAX))
        .build()
        .is_ok());
}
