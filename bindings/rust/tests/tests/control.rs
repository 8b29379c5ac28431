// SPDX-License-Identifier: MIT OR Apache-2.0
//! A limit that finds itself. AIMD, of which each sample ends a window, makes it exact: one more
//! where half of the limit is in use, a tenth less after a drop.

use afflux::{
    Algorithm, Change, Control, ControlBuilder, Decision, Outcome, Reason, Registry, Semaphore,
};
use afflux_sys as sys;
use afflux_tests::{assert_at_rest, now, poll, Act, Count};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

const TIME: Duration = Duration::from_millis(1);

fn aimd(min: usize, max: usize) -> ControlBuilder {
    Control::builder().algorithm(Algorithm::Aimd).min(min).max(max)
}

#[test]
fn good_requests_raise_the_limit_and_drops_lower_it() {
    let sem = Semaphore::new(10);
    let told = Arc::new(Mutex::new(Vec::new()));
    let control = aimd(5, 12)
        .on_change({
            let told = Arc::clone(&told);
            move |change: Change| {
                told.lock().unwrap().push((change.before, change.after, change.reason));
            }
        })
        .build(&sem)
        .unwrap();
    let held = sem.try_acquire_many(10).unwrap();
    for _ in 0..4 {
        control.sample(TIME, Outcome::Served);
    }
    assert_eq!((sem.limit(), control.stats().reason), (12, Reason::Max));
    for _ in 0..12 {
        control.sample(TIME, Outcome::Dropped);
    }
    assert_eq!((sem.limit(), control.stats().reason), (5, Reason::Min));
    let down = Reason::Drops;
    let wanted = [
        (10, 11, Reason::Room),
        (11, 12, Reason::Room),
        (12, 10, down),
        (10, 9, down),
        (9, 8, down),
        (8, 7, down),
        (7, 6, down),
        (6, 5, down),
    ];
    assert_eq!(*told.lock().unwrap(), wanted);
    assert_eq!(sem.held(), 10, "none is revoked");
    drop(held);
    assert_at_rest(&sem);
}

#[test]
fn growth_lets_in_those_that_wait() {
    let sem = Semaphore::new(2);
    let control = aimd(1, 4).build(&sem).unwrap();
    let held = sem.try_acquire_many(2).unwrap();
    let ((first, waker1), (second, waker2)) = (Count::new(), Count::new());
    let mut waits = pin!(sem.acquire());
    assert!(poll(waits.as_mut(), &waker1).is_pending());
    // As in tokio, a request for more than the limit waits for it to grow.
    let mut large = pin!(sem.acquire_many(4));
    assert!(poll(large.as_mut(), &waker2).is_pending());
    control.sample(TIME, Outcome::Served);
    assert_eq!((sem.limit(), first.wakes(), second.wakes()), (3, 1, 0));
    assert!(poll(waits.as_mut(), &waker1).is_ready());
    control.sample(TIME, Outcome::Served);
    drop(held);
    assert_eq!((sem.limit(), second.wakes()), (4, 1));
    assert!(poll(large.as_mut(), &waker2).is_ready());
    assert_at_rest(&sem);
}

#[test]
fn the_statistics_tell_what_happened_and_why() {
    let sem = Semaphore::new(10);
    let control = aimd(1, 20).build(&sem).unwrap();
    let before = control.stats();
    assert_eq!((before.algorithm, before.windows), (Some(Algorithm::Aimd), 0));
    assert_eq!((before.decision, before.reason), (Decision::Kept, Reason::None));
    assert_eq!((before.limit, before.min, before.max), (10, 1, 20));
    let held = sem.try_acquire_many(6).unwrap();
    control.sample(Duration::from_millis(3), Outcome::Served);
    let s = control.stats();
    assert_eq!(
        (s.decision, s.reason, s.limit, s.center),
        (Decision::Raised, Reason::Room, 11, 11.0)
    );
    assert_eq!((s.windows, s.window_served, s.window_dropped), (1, 1, 0));
    assert_eq!((s.window_latency, s.window_in_flight), (Duration::from_millis(3), 6.0));
    assert!(s.window > Duration::ZERO && s.window_throughput > 0.0);
    control.sample(TIME, Outcome::Dropped);
    control.sample(TIME, Outcome::Ignored);
    let s = control.stats();
    assert_eq!((s.decision, s.reason, s.limit), (Decision::Lowered, Reason::Drops, 9));
    assert_eq!((s.served, s.dropped, s.ignored, s.missed), (1, 1, 1, 0));
    assert_eq!((s.raised, s.lowered, s.window_dropped), (1, 1, 1));
    assert_eq!(s.reason.to_string(), "requests were dropped, or took too long");
    assert!(format!("{control:?}").contains("Drops"), "{control:?}");
    drop(held);
    control.sample(TIME, Outcome::Served);
    assert_eq!(control.stats().reason, Reason::Unused);
}

#[test]
fn options_reach_the_library() {
    let sem = Semaphore::new(50);
    let slow = aimd(1, 10).initial(8).timeout(Duration::from_nanos(5)).build(&sem).unwrap();
    assert_eq!(sem.limit(), 8);
    slow.sample(Duration::from_nanos(6), Outcome::Served);
    assert_eq!((sem.limit(), slow.stats().reason), (7, Reason::Drops));
    drop(slow);
    assert_eq!(sem.limit(), 7, "it stays as it is");
    // Each algorithm begins within the bounds, and says which one it is.
    for algorithm in Algorithm::ALL {
        let sem = Semaphore::new(3_000);
        let control = Control::builder().algorithm(algorithm).min(4).max(60).build(&sem).unwrap();
        let wanted = if algorithm == Algorithm::Gradient { 4 } else { 60 };
        assert_eq!((sem.limit(), control.stats().algorithm), (wanted, Some(algorithm)));
    }
    // A window of time is not over with each sample: the first one ends with its first.
    let long = Control::builder()
        .algorithm(Algorithm::Gradient2)
        .window(Duration::from_secs(3_600))
        .build(&sem)
        .unwrap();
    for _ in 0..20 {
        long.sample(TIME, Outcome::Served);
    }
    assert_eq!((long.stats().windows, long.stats().served), (1, 20));
    let default = Control::new(&Semaphore::new(30)).unwrap().stats();
    assert_eq!((default.algorithm, default.limit), (Some(Algorithm::Default), 30));
    assert_eq!((default.min, default.max), (1, 1_000));
    // These two have no effect that a test could see at once, but have to be accepted.
    let probing = Control::builder()
        .algorithm("gradient".parse().unwrap())
        .seed(0)
        .probe_interval(Duration::from_secs(1));
    assert_eq!(probing.build(&Semaphore::new(30)).unwrap().stats().reason, Reason::Probe);
    assert!(format!("{probing:?}").contains("Gradient"));
}

#[test]
fn algorithms_have_names() {
    let names = Algorithm::ALL.map(Algorithm::name);
    assert_eq!(names, ["default", "aimd", "vegas", "gradient2", "gradient"]);
    for name in names {
        assert_eq!(name.parse::<Algorithm>().unwrap().to_string(), name);
    }
    for name in ["", "AIMD", "aimd ", "aimd\0", "reno"] {
        let error = name.parse::<Algorithm>().unwrap_err();
        assert_eq!(error.status(), sys::AFFLUX_EINVAL, "{name:?}");
    }
    assert_eq!(Algorithm::default(), Algorithm::Default);
}

#[test]
fn bad_options_are_errors_and_change_nothing() {
    let sem = Semaphore::new(10);
    let bad = [
        aimd(6, 5),
        aimd(1, Semaphore::MAX_PERMITS + 1),
        aimd(5, 9).initial(4),
        aimd(5, 9).initial(10),
    ];
    for builder in bad {
        assert_eq!(builder.build(&sem).unwrap_err().status(), sys::AFFLUX_EINVAL, "{builder:?}");
    }
    assert_eq!(sem.limit(), 10);
    assert!(aimd(5, 9).build(&sem).is_ok(), "none of them steers it");
}

#[test]
fn one_control_steers_a_semaphore() {
    let sem = Semaphore::new(10);
    let first = aimd(1, 10).build(&sem).unwrap();
    assert_eq!(Control::new(&sem).unwrap_err().status(), sys::AFFLUX_EBUSY);
    drop(first);
    let second = Control::new(&sem).unwrap();
    drop(second);
    sem.close();
    assert_eq!(Control::new(&sem).unwrap_err().status(), sys::AFFLUX_ECLOSED);
}

#[test]
fn on_a_closed_semaphore_it_goes_on() {
    let sem = Semaphore::new(10);
    let control = aimd(1, 10).build(&sem).unwrap();
    let work = control.begin(sem.try_acquire().unwrap());
    sem.close();
    work.end(Outcome::Dropped);
    assert_eq!((control.stats().dropped, sem.limit(), sem.held()), (1, 9, 0));
}

#[test]
fn a_paused_control_leaves_the_limit_to_the_program() {
    let sem = Semaphore::new(10);
    let control = aimd(1, 10).build(&sem).unwrap();
    assert_eq!(control.resume().unwrap_err().status(), sys::AFFLUX_EALREADY);
    control.pause().unwrap();
    assert_eq!(control.pause().unwrap_err().status(), sys::AFFLUX_EALREADY);
    assert!(control.stats().is_paused);
    sem.resize(55).unwrap();
    control.sample(TIME, Outcome::Dropped);
    assert_eq!((sem.limit(), control.stats().dropped, control.stats().windows), (55, 1, 0));
    control.resume().unwrap();
    assert_eq!((sem.limit(), control.stats().is_paused), (55, false));
    control.sample(TIME, Outcome::Dropped);
    assert_eq!(sem.limit(), 9, "as the algorithm knew it, and one drop");
}

#[test]
fn it_keeps_the_semaphore_alive() {
    let sem = Semaphore::new(10);
    let raw = sem.as_raw().as_ptr();
    let control = aimd(1, 10).build(&sem).unwrap();
    drop(sem);
    control.sample(TIME, Outcome::Dropped);
    assert_eq!(unsafe { sys::afflux_sem_limit(raw) }, 9);
}

// ---- requests

#[test]
fn work_gives_its_permits_back_after_its_sample() {
    let sem = Arc::new(Semaphore::new(10));
    let control = Arc::new(aimd(1, 20).build(&sem).unwrap());
    let work = control.begin(sem.try_acquire_many(5).unwrap());
    assert!(format!("{work:?}").contains('5'));
    work.end(Outcome::Served);
    let s = control.stats();
    assert_eq!((s.served, s.window_in_flight, s.limit), (1, 5.0, 11));
    assert!(s.window_latency > Duration::ZERO);
    let owned = control.clone().begin_owned(now(sem.clone().acquire_owned()).unwrap());
    assert!(format!("{owned:?}").contains('1'));
    std::thread::spawn(move || owned.end(Outcome::Dropped)).join().unwrap();
    assert_eq!((control.stats().dropped, sem.limit()), (1, 9));
    assert_at_rest(&sem);
}

#[test]
fn work_without_an_end_is_ignored() {
    let sem = Arc::new(Semaphore::new(10));
    let control = Arc::new(aimd(1, 20).build(&sem).unwrap());
    let cancelled = async {
        let _work = control.begin(sem.acquire().await.unwrap());
        std::future::pending::<()>().await;
    };
    {
        let mut cancelled = pin!(cancelled);
        assert!(poll(cancelled.as_mut(), &Count::new().1).is_pending());
        assert_eq!((sem.held(), control.stats().ignored), (1, 0));
    }
    assert_eq!((sem.held(), control.stats().ignored), (0, 1));
    let owned = control.clone().begin_owned(sem.clone().try_acquire_owned().unwrap());
    let panics = std::thread::spawn(move || {
        let _work = owned;
        std::panic::resume_unwind(Box::new(1));
    });
    assert!(panics.join().is_err());
    assert_eq!((control.stats().ignored, control.stats().windows), (2, 0));
    assert_at_rest(&sem);
}

#[test]
fn a_permit_of_another_semaphore_is_refused() {
    let (sem, other) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)));
    let control = Arc::new(Control::new(&sem).unwrap());
    let panics = |f: &dyn Fn()| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).unwrap_err();
        assert!(caught.downcast_ref::<&str>().unwrap().contains("another semaphore"));
    };
    panics(&|| drop(control.begin(other.try_acquire().unwrap())));
    panics(&|| {
        drop(control.clone().begin_owned(other.clone().try_acquire_owned().unwrap()));
    });
    assert_eq!(control.stats().ignored, 0);
    assert_at_rest(&other);
    let token = other.request().blocking_acquire_token().unwrap();
    let error = control.release(&token, Outcome::Served).unwrap_err();
    assert_eq!((error.status(), token.count()), (sys::AFFLUX_EINVAL, 1));
    assert_eq!(control.stats().served, 0);
}

#[test]
fn a_tokens_hold_time_is_its_sample() {
    let sem = Semaphore::new(10);
    let control = aimd(1, 20).build(&sem).unwrap();
    let token = sem.request().permits(6).blocking_acquire_token().unwrap();
    let held_for = token.held_for();
    control.release(&token, Outcome::Served).unwrap();
    let s = control.stats();
    assert_eq!((s.served, s.window_in_flight, s.limit), (1, 6.0, 11));
    assert!(s.window_latency >= held_for);
    assert_eq!(token.count(), 0);
    let again = control.release(&token, Outcome::Served).unwrap_err();
    assert_eq!(again.status(), sys::AFFLUX_EALREADY);
    assert_eq!(control.stats().served, 1);
    // However many try, one does.
    let token = sem.request().blocking_acquire_token().unwrap();
    let released = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                if control.release(&token, Outcome::Ignored).is_ok() {
                    released.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!((released.into_inner(), control.stats().ignored), (1, 1));
    assert_at_rest(&sem);
}

// ---- what is told of changes

/// The limit has changed, and the next change is told: the panic has ended where it was called.
#[test]
fn a_panic_of_what_is_told_goes_nowhere() {
    let sem = Semaphore::new(10);
    let told = Arc::new(AtomicUsize::new(0));
    let control = aimd(1, 10)
        .on_change({
            let told = Arc::clone(&told);
            move |_| {
                told.fetch_add(1, Ordering::Relaxed);
                std::panic::resume_unwind(Box::new("told"));
            }
        })
        .build(&sem)
        .unwrap();
    control.sample(TIME, Outcome::Dropped);
    control.begin(sem.try_acquire().unwrap()).end(Outcome::Dropped);
    assert_eq!((sem.limit(), told.load(Ordering::Relaxed)), (8, 2));
    assert_at_rest(&sem);
}

#[test]
fn what_is_told_may_call_everything() {
    let sem = Arc::new(Semaphore::new(10));
    let all: Arc<Mutex<Weak<Control>>> = Arc::default();
    let calls = Arc::new(AtomicUsize::new(0));
    let control = aimd(1, 10).on_change({
        let (sem, all, calls) = (Arc::clone(&sem), Arc::clone(&all), Arc::clone(&calls));
        move |change| {
            calls.fetch_add(1, Ordering::Relaxed);
            assert_eq!(sem.limit() as u64, change.after);
            drop(sem.try_acquire().unwrap());
            let control = all.lock().unwrap().upgrade().unwrap();
            control.sample(TIME, Outcome::Dropped); // ends no window
            control.pause().unwrap();
            control.resume().unwrap();
            assert_eq!(control.stats().limit, change.after);
        }
    });
    let control = Arc::new(control.build(&sem).unwrap());
    *all.lock().unwrap() = Arc::downgrade(&control);
    control.sample(TIME, Outcome::Dropped);
    assert_eq!((calls.load(Ordering::Relaxed), sem.limit()), (1, 9));
    assert_eq!(control.stats().dropped, 2);
}

#[test]
fn the_first_limit_is_told() {
    let sem = Semaphore::new(100);
    let told = Arc::new(Mutex::new(Vec::new()));
    let builder = aimd(1, 40).on_change({
        let told = Arc::clone(&told);
        move |change| told.lock().unwrap().push((change.before, change.after))
    });
    let control = builder.build(&sem).unwrap();
    assert_eq!((told.lock().unwrap().as_slice(), control.stats().lowered), (&[(100, 40)][..], 1));
    // A builder makes any number of controls, and they share the function.
    let other = Semaphore::new(50);
    let second = builder.build(&other).unwrap();
    assert_eq!(*told.lock().unwrap(), [(100, 40), (50, 40)]);
    drop((builder, control));
    second.sample(TIME, Outcome::Dropped);
    assert_eq!(told.lock().unwrap()[2..], [(40, 36)]);
    drop(second);
    assert_eq!(Arc::strong_count(&told), 1, "the function has gone with the last control");
}

/// A waker within the growth of the limit tells of a request, and drops another one.
#[test]
fn a_waker_may_tell() {
    let sem = Arc::new(Semaphore::new(1));
    let control = Arc::new(aimd(1, 2).build(&sem).unwrap());
    let held = sem.try_acquire().unwrap();
    let waker = Act::on_wake({
        let control = Arc::clone(&control);
        move || control.sample(TIME, Outcome::Served)
    });
    let mut waits = pin!(sem.acquire());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    control.sample(TIME, Outcome::Served);
    assert!(poll(waits.as_mut(), &waker).is_ready());
    assert_eq!((control.stats().served, sem.limit()), (2, 2));
    drop(held);
    assert_at_rest(&sem);
}

// ---- many threads

#[test]
fn threads_lose_no_sample_and_changes_come_in_order() {
    const THREADS: u64 = 4;
    const EACH: u64 = 2_000;
    let sem = Semaphore::new(20);
    let last = Arc::new(Mutex::new(20));
    let in_order = Arc::new(AtomicBool::new(true));
    let control = aimd(1, 40)
        .on_change({
            let (last, in_order) = (Arc::clone(&last), Arc::clone(&in_order));
            move |change| {
                let alone = last.try_lock();
                match alone {
                    Ok(mut last) if *last == change.before => *last = change.after,
                    _ => in_order.store(false, Ordering::Relaxed),
                }
            }
        })
        .build(&sem)
        .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (sem, control) = (&sem, &control);
            scope.spawn(move || {
                for i in 0..EACH {
                    if i == EACH / 2 && thread == 0 {
                        control.pause().unwrap();
                        control.resume().unwrap();
                    }
                    let outcome = if i % 9 == 0 { Outcome::Dropped } else { Outcome::Served };
                    control.begin(sem.blocking_acquire().unwrap()).end(outcome);
                }
            });
        }
    });
    let s = control.stats();
    assert_eq!(s.served + s.dropped, THREADS * EACH);
    assert!(s.windows > 0 && (1..=40).contains(&s.limit), "{s:?}");
    assert!(in_order.load(Ordering::Relaxed));
    assert_eq!(*last.lock().unwrap(), s.limit);
    assert_at_rest(&sem);
}

// ---- with others

#[test]
fn a_foreign_control() {
    let sem = Semaphore::new(10);
    let ours = aimd(1, 10).build(&sem).unwrap();
    let theirs = unsafe {
        let raw = sys::afflux_control_ref(ours.as_raw().as_ptr());
        Control::from_raw(std::ptr::NonNull::new(raw).unwrap(), &sem)
    };
    theirs.begin(sem.try_acquire().unwrap()).end(Outcome::Dropped);
    assert_eq!((ours.stats().dropped, sem.limit()), (1, 9));
    drop(ours);
    assert_eq!(Control::new(&sem).unwrap_err().status(), sys::AFFLUX_EBUSY, "it steers still");
    theirs.sample(TIME, Outcome::Dropped);
    assert_eq!(sem.limit(), 8);
    drop(theirs);
    assert!(Control::new(&sem).is_ok());
}

#[test]
fn what_it_has_counted_is_exported() {
    let sem = Semaphore::builder(10).name("db").build().unwrap();
    let registry = Registry::new().unwrap();
    registry.add(&sem).unwrap();
    let control = aimd(1, 10).build(&sem).unwrap();
    control.sample(TIME, Outcome::Dropped);
    assert_eq!(control.stats().windows, 1);
    let text = registry.render(afflux::Format::Prometheus, false).unwrap();
    let line =
        "afflux_semaphore_control_samples_total{semaphore=\"db\",id=\"1\",result=\"dropped\"} 1";
    assert!(text.lines().any(|l| l == line), "{text}");
}
