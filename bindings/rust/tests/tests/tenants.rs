// SPDX-License-Identifier: MIT OR Apache-2.0
//! Those who share a semaphore. How the weights share it, the C++ tests show.

use afflux::{
    AcquireErrorKind, Control, Fairness, Outcome, Priority, Queue, Semaphore, Share, Shedding,
    Statistics, Tenant, TryAcquireError,
};
use afflux_sys as sys;
use afflux_tests::{assert_at_rest, now, poll, Act, Count};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc};
use std::task::Poll;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);

fn tenant(sem: &Semaphore) -> Tenant {
    Tenant::new(sem, Share::new()).unwrap()
}

/// What kind of error a future that is ready has.
macro_rules! kind {
    ($future:expr, $waker:expr) => {
        match poll($future.as_mut(), $waker) {
            Poll::Ready(Err(error)) => error.kind(),
            Poll::Ready(Ok(_)) => panic!("it has permits"),
            Poll::Pending => panic!("it waits"),
        }
    };
}

#[test]
fn permits_go_back_to_their_tenant() {
    for queue in [Queue::Auto, Queue::Intrusive, Queue::Hybrid, Queue::Mutex] {
        let sem = Semaphore::builder(10).queue(queue).build().unwrap();
        let (a, b) = (Arc::new(tenant(&sem)), tenant(&sem));
        let mut permits = now(a.acquire_many(3)).unwrap();
        permits.merge(a.try_acquire().unwrap());
        let two = permits.split(2).unwrap();
        assert!(permits.split(3).is_none());
        assert_eq!((permits.num_permits(), two.num_permits()), (2, 2));
        assert_eq!(two.tenant().name(), "");
        let other = b.blocking_acquire().unwrap();
        let mut owned = now(a.clone().acquire_many_owned(2)).unwrap();
        owned.merge(a.clone().try_acquire_owned().unwrap());
        let one = owned.split(1).unwrap();
        assert!(Arc::ptr_eq(one.tenant(), &a) && owned.num_permits() == 2);
        let plain = sem.try_acquire().unwrap();
        assert_eq!((a.stats().held, b.stats().held, sem.held()), (7, 1, 9));
        drop(permits);
        std::thread::spawn(move || drop((owned, one))).join().unwrap();
        assert_eq!((a.stats().held, b.stats().held, sem.held()), (2, 1, 4));
        drop((two, other, plain));
        let s = a.stats();
        assert_eq!((s.held, s.acquired, s.requests, s.waits, s.waiting), (0, 7, 4, 0, 0));
        assert!(s.hold.is_some() && s.used_permit_seconds > 0.0);
        assert_eq!(b.stats().acquired, 1);
        assert_at_rest(&sem);
    }
}

#[test]
#[should_panic(expected = "different tenant")]
fn permits_of_different_tenants_do_not_merge() {
    let sem = Semaphore::new(2);
    let (a, b) = (tenant(&sem), tenant(&sem));
    let mut permit = a.try_acquire().unwrap();
    permit.merge(b.try_acquire().unwrap());
}

#[test]
#[should_panic(expected = "at least")]
fn a_request_for_none_is_a_mistake() {
    let sem = Semaphore::new(2);
    drop(tenant(&sem).acquire_many(0));
}

#[test]
fn a_share_is_read_as_it_was_set() {
    let sem = Semaphore::new(10);
    let share = Share::new().weight(Share::MAX_WEIGHT).guaranteed(2).cap(4).max_waiters(7);
    let named = Tenant::named(&sem, "Größe", share).unwrap();
    assert_eq!((named.name(), named.share()), ("Größe", share));
    assert!(format!("{named:?}").contains("Größe"), "{named:?}");
    named.set(Share::new().weight(3)).unwrap();
    assert_eq!(named.share(), Share::default().weight(3));
    let plain = tenant(&sem);
    assert_eq!((plain.name(), plain.share()), ("", Share::new()));
    let s = plain.stats();
    assert_eq!(
        (s.hold, s.acquired, s.wait_sum, s.wait_max),
        (None, 0, Duration::ZERO, Duration::ZERO)
    );
}

#[test]
fn shares_out_of_range_are_errors() {
    let sem = Semaphore::new(10);
    let set = tenant(&sem);
    for share in [
        Share::new().weight(0),
        Share::new().weight(Share::MAX_WEIGHT + 1),
        Share::new().guaranteed(Semaphore::MAX_PERMITS + 1),
        Share::new().guaranteed(3).cap(2),
        Share::new().cap(0),
        Share::new().max_waiters(0),
    ] {
        let error = Tenant::new(&sem, share).unwrap_err();
        assert_eq!(error.status(), sys::AFFLUX_EINVAL, "{share:?}");
        assert_eq!(set.set(share).unwrap_err().status(), sys::AFFLUX_EINVAL, "{share:?}");
        assert_eq!(set.share(), Share::new(), "nothing has changed");
    }
    assert!(Tenant::new(&sem, Share::new().guaranteed(2).cap(2)).is_ok());
    let error = Tenant::named(&sem, "a\0b", Share::new()).unwrap_err();
    assert_eq!(error.status(), sys::AFFLUX_EINVAL);
    let barging = Semaphore::builder(1).fairness(Fairness::Throughput).build().unwrap();
    let shedding = Semaphore::builder(1).shed(Shedding::new()).build().unwrap();
    for unfit in [barging, shedding] {
        let error = Tenant::new(&unfit, Share::new()).unwrap_err();
        assert_eq!(error.status(), sys::AFFLUX_ENOTSUP);
        assert_eq!(unfit.set_default_weight(2).unwrap_err().status(), sys::AFFLUX_ENOTSUP);
    }
    for weight in [0, Share::MAX_WEIGHT + 1] {
        assert_eq!(sem.set_default_weight(weight).unwrap_err().status(), sys::AFFLUX_EINVAL);
    }
    sem.set_default_weight(Share::MAX_WEIGHT).unwrap();
    sem.close();
    assert_eq!(Tenant::new(&sem, Share::new()).unwrap_err().status(), sys::AFFLUX_ECLOSED);
    assert_eq!(set.set(Share::new().weight(2)).unwrap_err().status(), sys::AFFLUX_ECLOSED);
    assert_eq!(sem.set_default_weight(2).unwrap_err().status(), sys::AFFLUX_ECLOSED);
    assert_eq!(set.try_acquire().unwrap_err(), TryAcquireError::Closed);
}

#[test]
fn a_capped_tenant_leaves_free_permits_to_others() {
    let sem = Semaphore::new(4);
    let capped = Tenant::new(&sem, Share::new().weight(100).cap(2)).unwrap();
    let held = now(capped.acquire_many(2)).unwrap();
    assert_eq!(capped.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!(capped.stats().try_failed, 1);
    let (count, waker) = Count::new();
    let mut waits = pin!(capped.acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    let other = tenant(&sem);
    drop((other.try_acquire().unwrap(), now(other.acquire()).unwrap()));
    drop((sem.try_acquire().unwrap(), now(sem.acquire()).unwrap()));
    assert_eq!((count.wakes(), capped.stats().waiting), (0, 1));
    drop(held);
    assert_eq!(count.wakes(), 1);
    drop(poll(waits.as_mut(), &waker));
    let s = capped.stats();
    assert_eq!((s.held, s.waiting, s.waits, s.requests), (0, 0, 1, 2));
    assert_at_rest(&sem);
}

#[test]
fn too_many_permits_are_an_error_at_once_or_after_a_change() {
    let sem = Semaphore::new(4);
    let capped = Tenant::new(&sem, Share::new().cap(2)).unwrap();
    let (count, waker) = Count::new();
    assert_eq!(now(capped.acquire_many(3)).unwrap_err().kind(), AcquireErrorKind::TooLarge);
    assert_eq!(capped.try_acquire_many(3).unwrap_err(), TryAcquireError::NoPermits);
    let error = capped.blocking_acquire_many(3).unwrap_err();
    assert_eq!(error.kind(), AcquireErrorKind::TooLarge);
    // It waits for the cap to grow, and holds back no other tenant.
    let mut large = Box::pin(capped.request().permits(3).wait_for_resize(true).acquire());
    assert!(poll(large.as_mut(), &waker).is_pending());
    drop(sem.try_acquire_many(4).unwrap());
    capped.set(Share::new().cap(3)).unwrap();
    assert_eq!(count.wakes(), 1);
    let permits = match poll(large.as_mut(), &waker) {
        Poll::Ready(Ok(permits)) => permits,
        _ => panic!("the cap has grown"),
    };
    let mut late = pin!(capped.acquire_many(2));
    assert!(poll(late.as_mut(), &waker).is_pending());
    capped.set(Share::new().cap(1)).unwrap();
    assert_eq!(kind!(late, &waker), AcquireErrorKind::TooLarge);
    let s = capped.stats();
    assert_eq!((s.held, s.ended, permits.num_permits()), (3, 1, 3), "what it has it keeps");
    drop(permits);
    assert_at_rest(&sem);
}

#[test]
fn guaranteed_permits_come_first() {
    let sem = Semaphore::new(1);
    let heavy = Tenant::new(&sem, Share::new().weight(Share::MAX_WEIGHT)).unwrap();
    let sure = Tenant::new(&sem, Share::new().guaranteed(1)).unwrap();
    let held = sem.try_acquire().unwrap();
    let ((first, waker1), (second, waker2)) = (Count::new(), Count::new());
    let (mut before, mut after) = (pin!(heavy.acquire()), pin!(sure.acquire()));
    assert!(poll(before.as_mut(), &waker1).is_pending());
    assert!(poll(after.as_mut(), &waker2).is_pending());
    drop(held);
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    drop(poll(after.as_mut(), &waker2));
    assert_eq!(first.wakes(), 1, "what is not used is lent");
    drop(poll(before.as_mut(), &waker1));
    assert_eq!((sure.stats().by_guarantee, heavy.stats().by_guarantee), (1, 0));
    assert_at_rest(&sem);
}

#[test]
fn within_a_tenant_priority_goes_first() {
    let sem = Semaphore::new(1);
    let one = tenant(&sem);
    let held = one.try_acquire().unwrap();
    let ((first, waker1), (second, waker2)) = (Count::new(), Count::new());
    let mut low = pin!(one.acquire());
    let mut high = pin!(one.request().priority(Priority::High).acquire());
    assert!(poll(low.as_mut(), &waker1).is_pending());
    assert!(poll(high.as_mut(), &waker2).is_pending());
    drop(held);
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    drop(poll(high.as_mut(), &waker2));
    drop(poll(low.as_mut(), &waker1));
    assert_at_rest(&sem);
}

#[test]
fn a_future_that_is_dropped_takes_its_request_back() {
    let sem = Semaphore::new(1);
    let one = Arc::new(tenant(&sem));
    let held = one.try_acquire().unwrap();
    let ((_, waker1), (second, waker2)) = (Count::new(), Count::new());
    let mut goes = Box::pin(one.acquire());
    let mut owned = Box::pin(one.clone().acquire_owned());
    let mut asked = Box::pin(one.request().acquire());
    assert!(poll(goes.as_mut(), &waker1).is_pending());
    assert!(poll(owned.as_mut(), &waker2).is_pending());
    assert!(poll(asked.as_mut(), &waker1).is_pending());
    drop((goes, asked));
    assert_eq!((one.stats().canceled, one.stats().waiting), (2, 1));
    drop(held);
    // It has the permit, and is dropped without knowing.
    assert_eq!((second.wakes(), one.stats().held), (1, 1));
    drop(owned);
    let s = one.stats();
    assert_eq!((s.held, s.waiting, s.requests, s.canceled), (0, 0, 2, 2));
    assert_eq!(Arc::strong_count(&one), 1);
    assert_at_rest(&sem);
}

#[test]
fn another_waker_at_a_later_poll() {
    let sem = Semaphore::new(1);
    let one = tenant(&sem);
    let held = one.try_acquire().unwrap();
    let ((_, waker1), (second, waker2)) = (Count::new(), Count::new());
    let mut waits = pin!(one.acquire());
    assert!(poll(waits.as_mut(), &waker1).is_pending());
    assert!(poll(waits.as_mut(), &waker2).is_pending());
    drop(held);
    assert_eq!(second.wakes(), 1);
    assert!(poll(waits.as_mut(), &waker2).is_ready());
    assert_at_rest(&sem);
}

#[test]
fn wakers_may_do_as_they_please() {
    let sem = Semaphore::new(1);
    let one = Arc::new(tenant(&sem));
    let held = one.try_acquire().unwrap();
    // The first closes its own tenant, and panics.
    let mut first = Box::pin(one.clone().acquire_owned());
    let waker = Act::on_wake({
        let one = Arc::clone(&one);
        move || {
            one.close();
            panic!("of a waker");
        }
    });
    assert!(poll(first.as_mut(), &waker).is_pending());
    let (count, waker) = Count::new();
    let mut second = pin!(one.acquire());
    assert!(poll(second.as_mut(), &waker).is_pending());
    drop(held);
    assert_eq!((one.stats().held, count.wakes()), (1, 1));
    assert_eq!(kind!(second, &waker), AcquireErrorKind::Closed);
    drop(first);
    assert!(sem.try_acquire().is_ok(), "it is open");
    assert_at_rest(&sem);
}

#[test]
fn a_close_ends_those_that_wait() {
    let sem = Semaphore::new(2);
    let one = Arc::new(tenant(&sem));
    let held = one.try_acquire_many(2).unwrap();
    let ((count, waker), (_, plain)) = (Count::new(), Count::new());
    let mut waits = pin!(one.acquire());
    let mut owned = pin!(one.clone().acquire_owned());
    let mut asked = pin!(one.request().timeout(LONG).acquire());
    let mut other = pin!(sem.acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    assert!(poll(owned.as_mut(), &waker).is_pending());
    assert!(poll(asked.as_mut(), &waker).is_pending());
    assert!(poll(other.as_mut(), &plain).is_pending());
    one.close();
    one.close(); // nothing
    assert_eq!(count.wakes(), 3);
    assert_eq!(kind!(waits, &waker), AcquireErrorKind::Closed);
    assert_eq!(kind!(owned, &waker), AcquireErrorKind::Closed);
    assert_eq!(kind!(asked, &waker), AcquireErrorKind::Closed);
    assert!(now(one.acquire()).unwrap_err().is_closed());
    assert!(one.blocking_acquire().unwrap_err().is_closed());
    assert_eq!(one.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert_eq!(one.set(Share::new()).unwrap_err().status(), sys::AFFLUX_ECLOSED);
    let s = one.stats();
    assert_eq!((s.held, s.waiting, s.ended), (2, 0, 3));
    assert!(!sem.is_closed() && poll(other.as_mut(), &plain).is_pending());
    drop(held);
    assert!(poll(other.as_mut(), &plain).is_ready());
    assert_at_rest(&sem);
}

#[test]
fn a_close_of_the_semaphore_ends_them_too() {
    let sem = Semaphore::new(1);
    let one = tenant(&sem);
    let held = one.try_acquire().unwrap();
    let (_, waker) = Count::new();
    let mut waits = pin!(one.acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    sem.close();
    assert_eq!(kind!(waits, &waker), AcquireErrorKind::Closed);
    drop(held);
    assert_eq!(one.stats().held, 0);
    assert_at_rest(&sem);
}

#[test]
fn owned_permits_and_futures_keep_their_tenant() {
    let sem = Semaphore::new(1);
    let one = Arc::new(tenant(&sem));
    let permit = one.clone().try_acquire_owned().unwrap();
    let (_, waker) = Count::new();
    let mut waits = Box::pin(one.acquire_owned());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    let one = Arc::downgrade(permit.tenant());
    drop(permit);
    let permit = match poll(waits.as_mut(), &waker) {
        Poll::Ready(Ok(permit)) => permit,
        _ => panic!("granted"),
    };
    drop(waits);
    assert_eq!(one.upgrade().unwrap().stats().held, 1);
    drop(permit);
    assert!(one.upgrade().is_none());
    assert_at_rest(&sem);
}

#[test]
fn a_tenant_keeps_its_semaphore() {
    let sem = Semaphore::builder(1).build().unwrap();
    let one = tenant(&sem);
    drop(sem);
    let permit = one.try_acquire().unwrap();
    assert_eq!(one.stats().held, 1);
    drop(permit);
    drop(one);
}

#[test]
fn what_was_leaked_ends_with_the_tenant() {
    let sem = Semaphore::new(1);
    let one = tenant(&sem);
    std::mem::forget(one.try_acquire().unwrap());
    let (count, waker) = Count::new();
    let mut waits = Box::pin(one.acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    std::mem::forget(waits);
    assert_eq!((one.stats().waiting, count.wakes()), (1, 0));
    drop(one);
    assert_eq!((count.wakes(), sem.waiters(), sem.held()), (1, 0, 1));
    // It is held by those who name no tenant.
    assert_eq!(unsafe { sys::afflux_sem_release(sem.as_raw().as_ptr(), 1) }, sys::AFFLUX_OK);
    assert_at_rest(&sem);
}

#[test]
fn requests_beyond_its_limit_are_refused() {
    let sem = Semaphore::new(1);
    let one = Tenant::new(&sem, Share::new().max_waiters(1)).unwrap();
    let held = sem.try_acquire().unwrap();
    let (_, waker) = Count::new();
    let (mut waits, mut other) = (pin!(one.acquire()), pin!(sem.acquire()));
    assert!(poll(waits.as_mut(), &waker).is_pending());
    assert!(now(one.acquire()).unwrap_err().is_rejected());
    assert!(one.blocking_acquire().unwrap_err().is_rejected());
    assert!(poll(other.as_mut(), &waker).is_pending(), "of another");
    assert_eq!(one.stats().rejected, 2);
    drop(held);
    assert!(poll(waits.as_mut(), &waker).is_ready());
    assert!(poll(other.as_mut(), &waker).is_ready());
    assert_at_rest(&sem);
}

#[test]
fn time_limits() {
    let sem = Semaphore::new(1);
    let one = tenant(&sem);
    let held = sem.try_acquire().unwrap();
    let soon = Duration::from_millis(1);
    assert!(now(one.request().timeout(Duration::ZERO).acquire()).unwrap_err().is_timed_out());
    assert!(one.blocking_acquire_timeout(1, soon).unwrap_err().is_timed_out());
    assert!(one.request().timeout(soon).blocking_acquire().unwrap_err().is_timed_out());
    let (tell, told) = mpsc::channel();
    let waker = Act::on_wake(move || tell.send(()).unwrap());
    let mut late = pin!(one.request().timeout(soon).acquire());
    assert!(poll(late.as_mut(), &waker).is_pending());
    told.recv().unwrap();
    assert_eq!(kind!(late, &waker), AcquireErrorKind::TimedOut);
    let s = one.stats();
    assert_eq!((s.try_failed, s.timed_out), (1, 3));
    drop(held);
    assert_at_rest(&sem);
}

#[test]
fn the_semaphores_own_time_limit() {
    let sem = Semaphore::builder(1).waiter_timeout(Duration::from_millis(1)).build().unwrap();
    let one = tenant(&sem);
    let held = sem.try_acquire().unwrap();
    assert!(one.blocking_acquire().unwrap_err().is_timed_out());
    let (tell, told) = mpsc::channel();
    let waker = Act::on_wake(move || tell.send(()).unwrap());
    let mut late = pin!(one.acquire());
    assert!(poll(late.as_mut(), &waker).is_pending());
    told.recv().unwrap();
    assert_eq!(kind!(late, &waker), AcquireErrorKind::TimedOut);
    drop(held);
    assert_at_rest(&sem);
}

#[test]
fn threads_that_block() {
    let sem = Semaphore::new(1);
    let one = tenant(&sem);
    let held = sem.try_acquire().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| drop(one.blocking_acquire().unwrap()));
            scope.spawn(|| drop(one.request().blocking_acquire().unwrap()));
            scope.spawn(|| drop(one.blocking_acquire_timeout(1, LONG).unwrap()));
        }
        while sem.waiters() < 6 {
            std::thread::yield_now();
        }
        drop(held);
    });
    let s = one.stats();
    assert_eq!((s.held, s.waiting, s.waits, s.requests), (0, 0, 6, 6));
    assert_at_rest(&sem);
}

#[test]
fn tokens_know_their_tenant() {
    let sem = Semaphore::builder(4).ledger(8).build().unwrap();
    let (a, b) = (tenant(&sem), tenant(&sem));
    let token = a.request().permits(2).tag("backup").blocking_acquire_token().unwrap();
    assert_eq!(sem.holders().unwrap()[0].tag, "backup");
    let half = token.split(1).unwrap();
    let other = b.request().blocking_acquire_token().unwrap();
    assert!(half.merge(other).is_err(), "of another tenant");
    assert_eq!((a.stats().held, b.stats().held), (2, 0));
    half.release().unwrap();
    assert_eq!(a.stats().held, 1);
    let adopted = b.try_acquire().unwrap().into_token(Some("b")).unwrap();
    assert_eq!((adopted.count(), b.stats().held), (1, 1));
    adopted.release().unwrap();
    let b = Arc::new(b);
    let owned = b.clone().try_acquire_owned().unwrap();
    let owned = owned.into_token(None).unwrap();
    let waited = now(b.request().permits(2).tag("c").acquire_token()).unwrap();
    assert_eq!((b.stats().held, waited.count()), (3, 2));
    drop((owned, waited));
    assert_eq!(b.stats().held, 0);
    let mut permit = b.try_acquire().unwrap();
    assert!(permit.split(1).is_some() && permit.into_token(None).is_err(), "none left");
    assert!(b.try_acquire().unwrap().into_token(Some("a\0b")).is_err());
    assert_eq!(b.stats().held, 0, "given back");
    // The token keeps its tenant.
    drop(a);
    drop(token);
    assert_eq!(sem.held(), 0);
    assert_at_rest(&sem);
}

#[test]
fn a_control_takes_them() {
    let sem = Semaphore::new(10);
    let control = Arc::new(Control::new(&sem).unwrap());
    let one = Arc::new(tenant(&sem));
    let work = control.begin(one.try_acquire_many(2).unwrap());
    assert_eq!((one.stats().held, format!("{work:?}").contains('2')), (2, true));
    work.end(Outcome::Served);
    drop(control.begin(one.clone().try_acquire_owned().unwrap()));
    let owned = control.clone().begin_owned(one.clone().try_acquire_owned().unwrap());
    std::thread::spawn(move || owned.end(Outcome::Dropped)).join().unwrap();
    let token = one.request().blocking_acquire_token().unwrap();
    control.release(&token, Outcome::Served).unwrap();
    let s = control.stats();
    assert_eq!((s.served, s.dropped, s.ignored), (2, 1, 1));
    assert_eq!((one.stats().held, one.stats().acquired), (0, 5));
    let other = Semaphore::new(1);
    let stranger = tenant(&other);
    let wrong = std::panic::AssertUnwindSafe(|| {
        drop(control.begin(stranger.try_acquire().unwrap()));
    });
    assert!(std::panic::catch_unwind(wrong).is_err());
    assert_eq!(stranger.stats().held, 0, "given back");
    assert_at_rest(&sem);
}

#[test]
fn a_handle_of_another_language() {
    let sem = Semaphore::new(2);
    let one = Tenant::named(&sem, "shared", Share::new()).unwrap();
    let again = unsafe {
        sys::afflux_tenant_ref(one.as_raw().as_ptr());
        Tenant::from_raw(one.as_raw(), &sem)
    };
    let permit = one.try_acquire().unwrap();
    assert_eq!((again.name(), again.stats().held), ("shared", 1));
    drop(permit);
    drop(one);
    assert!(again.try_acquire().is_ok(), "not the last reference");
    // The C API has given back what a permit holds: its drop does no harm.
    let permit = again.try_acquire().unwrap();
    unsafe { sys::afflux_tenant_release(again.as_raw().as_ptr(), 1) };
    drop(permit);
    assert_at_rest(&sem);
}

#[test]
fn without_statistics_a_tenant_counts() {
    let sem = Semaphore::builder(1).statistics(Statistics::Off).build().unwrap();
    let one = tenant(&sem);
    drop(now(one.acquire()).unwrap());
    assert_eq!((one.stats().acquired, sem.stats().acquired_fast), (1, 0));
}

#[test]
fn no_permit_is_lost_where_tasks_come_and_go() {
    const TASKS: usize = 16;
    const ROUNDS: usize = 200;
    let sem = Arc::new(Semaphore::new(3));
    let shares = [Share::new().weight(3), Share::new().cap(1), Share::new().guaranteed(1)];
    let tenants: Vec<_> =
        shares.iter().map(|share| Arc::new(Tenant::new(&sem, *share).unwrap())).collect();
    let inside = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|i| {
                let tenant = tenants.get(i % 4).cloned(); // each fourth names none
                let (sem, inside) = (sem.clone(), inside.clone());
                tokio::spawn(async move {
                    for round in 0..ROUNDS {
                        let mut wait: std::pin::Pin<
                            Box<dyn std::future::Future<Output = _> + Send>,
                        > = match &tenant {
                            Some(tenant) => {
                                let wait = tenant.clone().acquire_owned();
                                Box::pin(async { any_permit(wait.await.unwrap()) })
                            }
                            None => {
                                let wait = sem.clone().acquire_owned();
                                Box::pin(async { any_permit(wait.await.unwrap()) })
                            }
                        };
                        if (i + round) % 3 == 0 {
                            // Taken back, or too late for that.
                            tokio::select! {
                                biased;
                                permit = &mut wait => drop(permit),
                                () = tokio::task::yield_now() => {}
                            }
                            continue;
                        }
                        let permit = wait.await;
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                        tokio::task::yield_now().await;
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    for tenant in &tenants {
        let s = tenant.stats();
        assert_eq!((s.held, s.waiting), (0, 0), "{s:?}");
        assert!(s.requests >= (TASKS / 4 * ROUNDS / 2) as u64, "{s:?}");
    }
    assert_at_rest(&sem);
}

/// One type for permits of both kinds.
fn any_permit(permit: impl Send + 'static) -> Box<dyn std::any::Any + Send> {
    Box::new(permit)
}
