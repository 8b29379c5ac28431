// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tokio's semaphore lacks.

use afflux::{
    all, any, blocking_all, blocking_any, AcquireErrorKind, Client, Event, Fairness, Format,
    HealthLimits, Item, Overflow, Priority, Queue, Registry, Semaphore, Statistics,
};
use afflux_tests::{assert_at_rest, now, poll, Act, Count};
use std::pin::{pin, Pin};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);

#[test]
fn every_queue_and_fairness_works() {
    for queue in [Queue::Auto, Queue::Intrusive, Queue::Hybrid, Queue::Mutex] {
        for fairness in [Fairness::Fair, Fairness::Throughput] {
            let sem = Semaphore::builder(1).queue(queue).fairness(fairness).build().unwrap();
            let held = sem.try_acquire().unwrap();
            let (count, waker) = Count::new();
            let mut waits = pin!(sem.acquire());
            assert!(poll(waits.as_mut(), &waker).is_pending());
            drop(held);
            assert_eq!(count.wakes(), 1);
            assert!(poll(waits.as_mut(), &waker).is_ready());
            assert_at_rest(&sem);
        }
    }
}

#[test]
fn options_out_of_range_are_errors() {
    assert!(Semaphore::builder(Semaphore::MAX_PERMITS + 1).build().is_err());
    assert!(Semaphore::builder(1).waiter_timeout(Duration::ZERO).build().is_err());
    assert!(Semaphore::builder(1).ledger(65_537).build().is_err());
    let error = Semaphore::builder(1).name("a\0b").build().unwrap_err();
    assert_eq!(error.status(), afflux_sys::AFFLUX_EINVAL);
    assert!(format!("{error:?} {error}").contains("invalid argument"), "{error:?} {error}");
}

#[test]
fn names() {
    let sem = Semaphore::builder(2).name("Größe").build().unwrap();
    assert_eq!(sem.name(), "Größe");
    assert!(format!("{sem:?}").contains("Größe"));
    assert_eq!(Semaphore::new(1).name(), "");
}

#[test]
fn a_queue_limit_refuses_the_newcomer() {
    let sem = Semaphore::builder(1).max_waiters(1).overflow(Overflow::Fail).build().unwrap();
    let held = sem.try_acquire().unwrap();
    let (_, waker) = Count::new();
    let mut waits = pin!(sem.acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    assert!(now(sem.acquire()).unwrap_err().is_rejected());
    drop(held);
    assert_eq!(sem.stats().rejected, 1);
}

#[test]
fn a_queue_limit_drops_the_oldest() {
    let sem = Semaphore::builder(1).max_waiters(1).overflow(Overflow::DropOldest).build().unwrap();
    let held = sem.try_acquire().unwrap();
    let ((first, waker1), (_, waker2)) = (Count::new(), Count::new());
    let (mut old, mut new) = (pin!(sem.acquire()), pin!(sem.acquire()));
    assert!(poll(old.as_mut(), &waker1).is_pending());
    assert!(poll(new.as_mut(), &waker2).is_pending());
    assert_eq!(first.wakes(), 1);
    match poll(old.as_mut(), &waker1) {
        Poll::Ready(Err(error)) => assert_eq!(error.kind(), AcquireErrorKind::Rejected),
        _ => panic!("dropped"),
    }
    drop(held);
    assert!(poll(new.as_mut(), &waker2).is_ready());
}

#[test]
fn a_limit_of_bytes() {
    let sem = Semaphore::builder(1).max_queue_bytes(100).overflow(Overflow::Fail).build().unwrap();
    let held = sem.try_acquire().unwrap();
    let (_, waker) = Count::new();
    let mut waits = pin!(sem.request().cost_bytes(80).acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    assert_eq!(sem.stats().queue_bytes, 80);
    assert!(now(sem.request().cost_bytes(30).acquire()).unwrap_err().is_rejected());
    drop(held);
}

#[test]
fn time_limits() {
    let sem = Semaphore::new(1);
    let held = sem.try_acquire().unwrap();
    assert!(now(sem.request().timeout(Duration::ZERO).acquire()).unwrap_err().is_timed_out());
    let soon = Duration::from_millis(1);
    assert!(sem.blocking_acquire_timeout(1, soon).unwrap_err().is_timed_out());
    assert!(sem.request().timeout(soon).blocking_acquire().unwrap_err().is_timed_out());
    assert!(sem.request().timeout(soon).blocking_acquire_token().unwrap_err().is_timed_out());
    assert!(!sem.blocking_idle(soon));
    let (_, waker) = Count::new();
    let mut long = Box::pin(sem.request().timeout(LONG).acquire());
    assert!(poll(long.as_mut(), &waker).is_pending());
    drop(held);
    assert!(poll(long.as_mut(), &waker).is_ready());
    assert!(sem.blocking_idle(LONG));
    assert_at_rest(&sem);
}

/// A waker that tells a thread.
fn telling() -> (std::sync::mpsc::Receiver<()>, std::task::Waker) {
    let (tell, told) = std::sync::mpsc::channel();
    (told, Act::on_wake(move || tell.send(()).unwrap()))
}

#[test]
fn a_semaphores_own_time_limit() {
    let sem = Semaphore::builder(1).waiter_timeout(Duration::from_millis(1)).build().unwrap();
    let held = sem.try_acquire().unwrap();
    assert!(sem.blocking_acquire().unwrap_err().is_timed_out());
    let (told, waker) = telling();
    let mut late = pin!(sem.acquire());
    assert!(poll(late.as_mut(), &waker).is_pending());
    told.recv().unwrap();
    match poll(late.as_mut(), &waker) {
        Poll::Ready(Err(error)) => assert!(error.is_timed_out()),
        _ => panic!("timed out"),
    }
    drop(held);
    assert_at_rest(&sem);
}

#[test]
fn too_large_is_an_error_of_its_own() {
    let sem = Semaphore::new(2);
    let error = now(sem.request().permits(3).acquire()).unwrap_err();
    assert_eq!(error.kind(), AcquireErrorKind::TooLarge);
    assert_eq!(sem.blocking_acquire_many(3).unwrap_err().kind(), AcquireErrorKind::TooLarge);
    let (_, waker) = Count::new();
    let mut patient = pin!(sem.request().permits(3).wait_for_resize(true).acquire());
    assert!(poll(patient.as_mut(), &waker).is_pending());
    sem.resize(3).unwrap();
    assert!(poll(patient.as_mut(), &waker).is_ready());
}

#[test]
fn resize_leaves_a_debt() {
    let sem = Semaphore::new(4);
    let mut held = sem.try_acquire_many(4).unwrap();
    sem.resize(2).unwrap();
    assert_eq!((sem.limit(), sem.held(), sem.available_permits()), (2, 4, 0));
    assert!(sem.health(None).is_in_debt);
    drop(held.split(2));
    assert!(sem.try_acquire().is_err());
    drop(held);
    assert_eq!(sem.available_permits(), 2);
    assert!(sem.resize(Semaphore::MAX_PERMITS + 1).is_err());
    assert_at_rest(&sem);
}

#[test]
fn up_to_takes_what_is_there() {
    let sem = Semaphore::new(5);
    let some = sem.try_acquire_up_to(1, 3).unwrap();
    let rest = sem.try_acquire_up_to(1, 10).unwrap();
    assert_eq!((some.num_permits(), rest.num_permits()), (3, 2));
    assert!(sem.try_acquire_up_to(1, 10).is_err());
    assert_eq!(sem.try_acquire_up_to(0, 10).unwrap().num_permits(), 0);
    drop((some, rest));
    assert_at_rest(&sem);
}

#[test]
fn idle_after_the_last_release() {
    let sem = Semaphore::new(2);
    now(sem.idle());
    let held = sem.try_acquire().unwrap();
    let (count, waker) = Count::new();
    let mut idle = pin!(sem.idle());
    assert!(poll(idle.as_mut(), &waker).is_pending());
    {
        let mut given_up = pin!(sem.idle());
        assert!(poll(given_up.as_mut(), &waker).is_pending());
    }
    sem.close();
    drop(held);
    assert_eq!(count.wakes(), 1);
    assert!(poll(idle.as_mut(), &waker).is_ready());
}

#[test]
fn tokens_and_the_ledger() {
    let sem =
        Arc::new(Semaphore::builder(8).ledger(4).statistics(Statistics::Full).build().unwrap());
    let a = now(sem.request().permits(3).tag("index").acquire_token()).unwrap();
    let b = sem.try_acquire_many(2).unwrap().into_token(Some("backup")).unwrap();
    let c = sem.clone().try_acquire_owned().unwrap().into_token(None).unwrap();
    let mut holders = sem.holders().unwrap();
    holders.sort_by_key(|h| h.permits);
    let seen: Vec<_> = holders.iter().map(|h| (h.permits, h.tag.as_str(), h.id)).collect();
    assert_eq!(seen, [(1, "", c.id()), (2, "backup", b.id()), (3, "index", a.id())]);
    let part = a.split(1).unwrap();
    assert!(part.id() != a.id() && part.count() == 1 && a.count() == 2);
    assert!(a.split(2).is_err());
    a.merge(part).unwrap();
    assert_eq!(a.count(), 3);
    b.release().unwrap();
    assert!(b.release().is_err(), "once");
    assert_eq!((b.count(), b.id()), (0, 0));
    assert!(a.held_for() > Duration::ZERO);
    let weak = Arc::downgrade(&sem);
    drop((a, b, c));
    assert_eq!(sem.hold_times().unwrap().count(), 3);
    assert_eq!(sem.available_permits(), 8);
    assert!(sem.try_acquire_many(0).unwrap().into_token(None).is_err());
    assert!(sem.try_acquire().unwrap().into_token(Some("a\0b")).is_err());
    let all = sem.try_acquire_many(8).unwrap();
    assert!(now(sem.request().tag("a\0b").acquire_token()).is_err(), "before it waits");
    drop(all);
    assert_at_rest(&sem);
    drop(sem);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_token_outlives_the_semaphore() {
    let token = {
        let sem = Semaphore::new(1);
        let token = sem.request().blocking_acquire_token().unwrap();
        token
    };
    assert_eq!(token.count(), 1);
    token.release().unwrap();
}

#[test]
fn without_a_ledger_and_histograms() {
    let sem = Semaphore::new(1);
    assert_eq!(sem.holders().unwrap_err().status(), afflux_sys::AFFLUX_ENOTSUP);
    assert!(sem.wait_times().is_err());
}

#[test]
fn wait_times_are_recorded() {
    let sem = Semaphore::builder(1).statistics(Statistics::Full).build().unwrap();
    let held = sem.try_acquire().unwrap();
    let (_, waker) = Count::new();
    let mut waits = pin!(sem.acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    drop(held);
    let times = sem.wait_times().unwrap();
    assert_eq!(times.count(), 1);
    assert!(times.quantile(0.99) <= times.max() && times.sum() >= times.max());
    assert!(format!("{times:?}").contains("p99"));
}

#[test]
fn health_tells_what_is_too_much() {
    let sem = Semaphore::new(1);
    let held = sem.try_acquire().unwrap();
    let (_, waker) = Count::new();
    let mut waits = Box::pin(sem.request().cost_bytes(10).acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    let limits = HealthLimits { max_waiters: Some(0), ..HealthLimits::default() };
    let health = sem.health(Some(&limits));
    assert!(!health.is_healthy && health.too_many_waiters && !health.too_many_bytes);
    assert_eq!((health.waiters, health.queue_bytes), (1, 10));
    let bytes = HealthLimits { max_queue_bytes: Some(9), ..HealthLimits::default() };
    assert!(sem.health(Some(&bytes)).too_many_bytes);
    assert!(sem.health(Some(&HealthLimits::default())).is_healthy);
    drop(held);
    drop(waits);
    assert!(sem.health(Some(&limits)).is_healthy);
}

#[test]
fn clients_are_accounted_to() {
    let sem = Semaphore::new(2);
    let tenant = Client::new("acme").unwrap();
    let permit = now(sem.request().permits(2).client(&tenant).acquire()).unwrap();
    let (_, waker) = Count::new();
    let mut waits = Box::pin(sem.request().client(&tenant).acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    drop(waits);
    drop(permit);
    tenant.count_requests(3, 7);
    tenant.count_response(404);
    tenant.count_response(503);
    tenant.count_response(200);
    tenant.count_reconnection();
    tenant.count_timeout();
    let s = tenant.clone().summary();
    assert_eq!((s.acquired, s.waits, s.canceled), (2, 1, 1));
    assert_eq!((s.requests[3], s.responses_4xx, s.responses_5xx, s.responses_other), (7, 1, 1, 1));
    assert_eq!((s.reconnections, s.timeouts), (1, 1));
    assert_eq!(tenant.name(), "acme");
    assert!(Client::new("a\0").is_err());
    assert_at_rest(&sem);
}

/// A future that is leaked keeps its client, which the library tells of the end.
#[test]
fn a_leaked_request_keeps_its_client() {
    let sem = Semaphore::new(1);
    let held = sem.try_acquire().unwrap();
    let (count, waker) = Count::new();
    let tenant = Client::new("gone").unwrap();
    let mut leaked = Box::pin(sem.request().client(&tenant).acquire());
    assert!(poll(leaked.as_mut(), &waker).is_pending());
    std::mem::forget(leaked);
    drop(tenant);
    drop(held);
    assert_eq!(count.wakes(), 1);
}

#[test]
fn a_registry_exports() {
    let sem = Semaphore::builder(3).name("db").build().unwrap();
    let tenant = Client::new("acme").unwrap();
    let registry = Registry::new().unwrap();
    registry.add(&sem).unwrap();
    assert!(registry.add(&sem).is_err(), "it is in it");
    registry.add_client(&tenant).unwrap();
    drop(sem.try_acquire_many(2).unwrap());
    let text = registry.render(Format::Prometheus, true).unwrap();
    assert!(text.contains("path=\"fast\"} 2"), "inline permits are in it:\n{text}");
    assert!(text.contains("client=\"acme\""));
    assert!(!registry.render(Format::OpenMetrics, false).unwrap().contains("client=\"acme\""));
    assert!(Format::OpenMetrics.content_type().contains("openmetrics"));
    registry.remove(&sem).unwrap();
    assert!(registry.remove(&sem).is_err());
    registry.remove_client(&tenant).unwrap();
    assert!(!registry.render(Format::Prometheus, false).unwrap().contains("semaphore=\"db\""));
}

#[test]
fn events() {
    let auto = Event::auto_reset();
    auto.notify_one();
    auto.notify_one();
    assert!(auto.is_set());
    now(auto.wait());
    assert!(!auto.is_set(), "two count as one");
    let (count, waker) = Count::new();
    let (mut a, mut b) = (Box::pin(auto.wait()), Box::pin(auto.wait()));
    assert!(poll(a.as_mut(), &waker).is_pending());
    assert!(poll(b.as_mut(), &waker).is_pending());
    assert_eq!(auto.waiters(), 2);
    auto.notify_one();
    assert_eq!(count.wakes(), 1);
    auto.pulse();
    assert_eq!(count.wakes(), 2);
    assert!(poll(a.as_mut(), &waker).is_ready() && poll(b.as_mut(), &waker).is_ready());
    assert!(!auto.blocking_wait(Duration::ZERO));

    let manual = Event::manual_reset();
    let mut waits = pin!(manual.wait());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    manual.notify_all();
    assert!(poll(waits.as_mut(), &waker).is_ready());
    now(manual.wait());
    assert!(manual.blocking_wait(LONG));
    manual.clear();
    assert!(!manual.is_set());
}

#[test]
fn any_takes_exactly_one() {
    let (a, b, event) = (Semaphore::new(1), Semaphore::new(2), Event::auto_reset());
    let items = [Item::from(&a), Item::Permits(&b, 2), Item::from(&event)];
    let taken = now(any(&items)).unwrap();
    assert_eq!((taken.index, taken.permit.as_ref().unwrap().num_permits()), (0, 1));
    let second = now(any(&items)).unwrap();
    assert_eq!((second.index, second.permit.as_ref().unwrap().num_permits()), (1, 2));
    let (count, waker) = Count::new();
    let (_, other) = Count::new();
    let mut waits = pin!(any(&items));
    assert!(poll(waits.as_mut(), &other).is_pending());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    event.notify_one();
    assert_eq!(count.wakes(), 1);
    match poll(waits.as_mut(), &waker) {
        Poll::Ready(Ok(taken)) => assert!(taken.index == 2 && taken.permit.is_none()),
        _ => panic!("the event"),
    }
    assert_eq!(
        blocking_any(&items, Some(Duration::ZERO)).unwrap_err().kind(),
        AcquireErrorKind::TimedOut
    );
    drop(taken);
    assert_eq!(blocking_any(&items, None).unwrap().index, 0);
    drop(second);
    assert_at_rest(&a);
    assert_at_rest(&b);
}

#[test]
fn a_dropped_any_takes_nothing() {
    let (a, b) = (Semaphore::new(1), Semaphore::new(1));
    let (held_a, held_b) = (a.try_acquire().unwrap(), b.try_acquire().unwrap());
    let (_, waker) = Count::new();
    let mut waits = Box::pin(any(&[(&a).into(), (&b).into()]));
    assert!(poll(waits.as_mut(), &waker).is_pending());
    drop(waits);
    assert_eq!((a.waiters(), b.waiters()), (0, 0));
    // Granted, and not looked at.
    let mut late = Box::pin(any(&[(&a).into(), (&b).into()]));
    assert!(poll(late.as_mut(), &waker).is_pending());
    drop(held_b);
    drop(late);
    assert_eq!(b.available_permits(), 1);
    drop(held_a);
    let mut timed = Box::pin(any(&[(&a).into()]).timeout(LONG));
    assert!(poll(timed.as_mut(), &waker).is_ready());
    drop(timed);
    assert_at_rest(&a);
    assert_at_rest(&b);
}

/// A wait is dropped when its permit has been granted and its completion is still to come, which
/// a wake function brings about: what it lets in is completed when it has returned.
#[test]
fn what_comes_after_the_drop_is_given_back() {
    type Waits = Mutex<Option<Pin<Box<afflux::Any<'static>>>>>;
    static A: OnceLock<Semaphore> = OnceLock::new();
    static B: OnceLock<Semaphore> = OnceLock::new();
    static EVENT: OnceLock<Event> = OnceLock::new();
    static SECOND: Waits = Mutex::new(None);
    static THIRD: Waits = Mutex::new(None);
    let (a, b) = (A.get_or_init(|| Semaphore::new(1)), B.get_or_init(|| Semaphore::new(1)));
    let event = EVENT.get_or_init(Event::auto_reset);
    let (held_a, held_b) = (a.try_acquire().unwrap(), b.try_acquire().unwrap());
    let (count, plain) = Count::new();
    for (slot, item) in [(&SECOND, b.into()), (&THIRD, event.into())] {
        let mut wait = Box::pin(any(&[item]));
        assert!(poll(wait.as_mut(), &plain).is_pending());
        *slot.lock().unwrap() = Some(wait);
    }
    let (told, tells) = std::sync::mpsc::channel();
    let waker = Act::on_wake(move || {
        drop(held_b); // granted to the second
        event.notify_one(); // to the third
        let both = (SECOND.lock().unwrap().take(), THIRD.lock().unwrap().take());
        drop(both);
        told.send((B.get().unwrap().held(), EVENT.get().unwrap().is_set())).unwrap();
    });
    let mut first = Box::pin(any(&[a.into()]));
    assert!(poll(first.as_mut(), &waker).is_pending());
    drop(held_a);
    assert_eq!(tells.recv(), Ok((1, false)), "both completions were still to come");
    assert_eq!((b.held(), event.is_set(), count.wakes()), (0, true, 0));
    drop(first);
    assert_at_rest(a);
    assert_at_rest(b);
}

#[test]
fn all_holds_all_or_none() {
    let (a, b) = (Semaphore::new(2), Semaphore::new(1));
    let items = [Item::Permits(&a, 2), Item::from(&b)];
    let held = b.try_acquire().unwrap();
    let (count, waker) = Count::new();
    let mut waits = Box::pin(all(&items));
    assert!(poll(waits.as_mut(), &waker).is_pending());
    let mut dropped = Box::pin(all(&items));
    assert!(poll(dropped.as_mut(), &waker).is_pending());
    drop(dropped);
    drop(held);
    assert_eq!(count.wakes(), 1);
    match poll(waits.as_mut(), &waker) {
        Poll::Ready(Ok(permits)) => {
            assert_eq!((a.available_permits(), b.available_permits()), (0, 0));
            assert_eq!(permits.len(), 2);
        }
        _ => panic!("both are free"),
    }
    assert_eq!(blocking_all(&items, None).unwrap().len(), 2);
    b.close();
    assert!(now(all(&items)).unwrap_err().is_closed());
    drop(waits);
    assert_at_rest(&a);
}

#[test]
#[should_panic(expected = "1 to 64 items")]
fn no_items_are_a_mistake() {
    drop(any(&[]));
}

/// Waits for several that are dropped while another thread releases: nothing is lost.
#[test]
fn drops_of_several_race_releases() {
    let (a, b) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)));
    let threads: Vec<_> = (0..3)
        .map(|i| {
            let (a, b) = (a.clone(), b.clone());
            std::thread::spawn(move || {
                let (_, waker) = Count::new();
                for round in 0..3_000 {
                    let items = [Item::from(&*a), Item::from(&*b)];
                    if (round + i) % 2 == 0 {
                        let _ = poll(pin!(any(&items)), &waker).is_ready();
                    } else {
                        let _ = poll(pin!(all(&items)), &waker).is_ready();
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_at_rest(&a);
    assert_at_rest(&b);
}

/// A handle of the C API, as another language would give it.
#[test]
fn a_foreign_semaphore() {
    let ours = Semaphore::new(2);
    let theirs = unsafe {
        let raw = afflux_sys::afflux_sem_ref(ours.as_raw().as_ptr());
        Semaphore::from_raw(std::ptr::NonNull::new(raw).unwrap())
    };
    let held = ours.try_acquire_many(2).unwrap();
    let (count, waker) = Count::new();
    let mut waits = Box::pin(theirs.acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    drop(held);
    assert_eq!(count.wakes(), 1);
    drop(waits);
    drop(ours);
    assert_at_rest(&theirs);
}

#[test]
fn priorities_go_first() {
    let sem = Semaphore::new(1);
    let held = sem.try_acquire().unwrap();
    let ((low, waker1), (high, waker2)) = (Count::new(), Count::new());
    let mut first = pin!(sem.request().priority(Priority::Low).acquire());
    let mut second = pin!(sem.request().priority(Priority::Critical).acquire());
    assert!(poll(first.as_mut(), &waker1).is_pending());
    assert!(poll(second.as_mut(), &waker2).is_pending());
    drop(held);
    assert_eq!((low.wakes(), high.wakes()), (0, 1));
    assert!(poll(second.as_mut(), &waker2).is_ready());
    assert!(Priority::Low < Priority::Normal && Priority::default() == Priority::Normal);
}
