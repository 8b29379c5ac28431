// SPDX-License-Identifier: MIT OR Apache-2.0
//! One job under tokio (both kinds), smol, compio, monoio and a hand-made executor: tasks share few permits, and no
//! more are held at once than there are.

use afflux::{Priority, Semaphore};
use afflux_tests::{assert_at_rest, Local};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TASKS: usize = 50;
const EACH: usize = 40;
const PERMITS: usize = 3;

/// Runs `EACH` times with a permit.
async fn job(sem: Arc<Semaphore>, inside: Arc<AtomicUsize>, done: Arc<AtomicUsize>) {
    for i in 0..EACH {
        let permit = if i % 2 == 0 {
            sem.clone().acquire_owned().await.unwrap()
        } else {
            sem.clone().acquire_many_owned(2).await.unwrap()
        };
        let n = permit.num_permits();
        assert!(inside.fetch_add(n, Ordering::SeqCst) + n <= PERMITS);
        futures::pending_once().await;
        inside.fetch_sub(n, Ordering::SeqCst);
        drop(permit);
        done.fetch_add(1, Ordering::SeqCst);
    }
}

mod futures {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// Yields once to the executor, whichever it is.
    pub fn pending_once() -> impl Future<Output = ()> {
        struct Once(bool);
        impl Future for Once {
            type Output = ();
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                if std::mem::replace(&mut self.0, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
        Once(false)
    }
}

fn shared() -> (Arc<Semaphore>, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    (Arc::new(Semaphore::new(PERMITS)), Arc::default(), Arc::default())
}

fn tokio_job(runtime: tokio::runtime::Runtime) {
    let (sem, inside, done) = shared();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| tokio::spawn(job(sem.clone(), inside.clone(), done.clone())))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(done.load(Ordering::SeqCst), TASKS * EACH);
    assert!(sem.stats().granted > 0, "some had to wait");
    assert_at_rest(&sem);
}

/// What a thread-per-core runtime does: two of them, each on a thread of its own, share the permits.
#[cfg(target_os = "linux")]
fn on_two_threads(run: fn(Arc<Semaphore>, Arc<AtomicUsize>, Arc<AtomicUsize>)) {
    let (sem, inside, done) = shared();
    let all = sem.clone().try_acquire_many_owned(PERMITS as u32).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| run(sem.clone(), inside.clone(), done.clone()));
        }
        while sem.waiters() < 2 * TASKS {
            std::thread::yield_now(); // nothing tells when all have queued
        }
        drop(all); // from a thread that runs neither of them
    });
    assert_eq!(done.load(Ordering::SeqCst), 2 * TASKS * EACH);
    assert_at_rest(&sem);
}

#[cfg(target_os = "linux")]
#[test]
fn compio_runtimes() {
    on_two_threads(|sem, inside, done| {
        compio::runtime::Runtime::new().unwrap().block_on(async {
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| compio::runtime::spawn(job(sem.clone(), inside.clone(), done.clone())))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

/// Its wakers cross threads only with the feature `sync`.
#[cfg(target_os = "linux")]
#[test]
fn monoio_runtimes() {
    on_two_threads(|sem, inside, done| {
        let mut runtime = monoio::RuntimeBuilder::<monoio::FusionDriver>::new().build().unwrap();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| monoio::spawn(job(sem.clone(), inside.clone(), done.clone())))
                .collect();
            for task in tasks {
                task.await;
            }
        });
    });
}

#[test]
fn tokio_current_thread() {
    tokio_job(tokio::runtime::Builder::new_current_thread().build().unwrap());
}

#[test]
fn tokio_multi_thread() {
    tokio_job(tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap());
}

#[test]
fn smol_executor() {
    let (sem, inside, done) = shared();
    let executor = Arc::new(smol::Executor::new());
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| executor.spawn(job(sem.clone(), inside.clone(), done.clone())))
        .collect();
    let second = std::thread::spawn({
        let executor = Arc::clone(&executor);
        move || {
            smol::block_on(executor.run(async {
                smol::future::yield_now().await;
            }))
        }
    });
    smol::block_on(executor.run(async {
        for task in tasks {
            task.await;
        }
    }));
    second.join().unwrap();
    assert_eq!(done.load(Ordering::SeqCst), TASKS * EACH);
    assert_at_rest(&sem);
}

#[test]
fn hand_made_single_threaded() {
    let (sem, inside, done) = shared();
    let local = Local::new();
    for _ in 0..TASKS {
        local.spawn(job(sem.clone(), inside.clone(), done.clone()));
    }
    assert_eq!(local.run(), 0);
    assert_eq!(done.load(Ordering::SeqCst), TASKS * EACH);
    assert_at_rest(&sem);
}

/// Tasks that are not `Send`, in the order in which they came.
#[test]
fn first_come_first_served() {
    let sem = Arc::new(Semaphore::new(1));
    let order = Rc::new(RefCell::new(Vec::new()));
    let held = sem.try_acquire().unwrap();
    let local = Local::new();
    for i in 0..20 {
        let (sem, order) = (sem.clone(), Rc::clone(&order));
        local.spawn(async move {
            let _permit = sem.acquire().await.unwrap();
            order.borrow_mut().push(i);
        });
    }
    assert_eq!(local.run(), 20);
    drop(held);
    assert_eq!(local.run(), 0);
    assert_eq!(*order.borrow(), (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn select_drops_the_loser() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.acquire().await.unwrap();
    tokio::select! {
        biased;
        _ = sem.acquire() => panic!("none is free"),
        () = std::future::ready(()) => {}
    }
    assert_eq!((sem.waiters(), sem.stats().canceled), (0, 1));
    drop(held);
    assert_at_rest(&sem);
}

#[tokio::test]
async fn aborted_tasks_lose_no_permits() {
    let sem = Arc::new(Semaphore::new(2));
    for round in 0..200 {
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let sem = sem.clone();
                tokio::spawn(async move {
                    let _permit = sem.acquire().await.unwrap();
                    tokio::task::yield_now().await;
                })
            })
            .collect();
        tokio::task::yield_now().await;
        for (i, task) in tasks.iter().enumerate() {
            if (i + round) % 2 == 0 {
                task.abort();
            }
        }
        for task in tasks {
            let _ = task.await;
        }
    }
    assert_at_rest(&sem);
}

/// A future that begins under one executor and ends under another.
#[test]
fn a_future_moves_between_executors() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.clone().try_acquire_owned().unwrap();
    let mut future = Box::pin(sem.clone().acquire_owned());
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tokio.block_on(async {
        tokio::select! {
            biased;
            _ = &mut future => panic!("none is free"),
            () = std::future::ready(()) => {}
        }
    });
    let releaser = std::thread::spawn(move || drop(held));
    let permit = smol::block_on(future).unwrap();
    releaser.join().unwrap();
    drop(permit);
    assert_at_rest(&sem);
}

/// Threads that block and tasks share one line.
#[test]
fn threads_and_tasks_together() {
    let sem = Arc::new(Semaphore::new(2));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let sem = sem.clone();
            std::thread::spawn(move || {
                for _ in 0..2_000 {
                    drop(sem.blocking_acquire().unwrap());
                }
            })
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let sem = sem.clone();
                tokio::spawn(async move {
                    for _ in 0..500 {
                        let permit = sem.acquire().await.unwrap();
                        tokio::task::yield_now().await;
                        drop(permit);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    for thread in threads {
        thread.join().unwrap();
    }
    let s = sem.stats();
    assert_eq!(s.requests_fast + s.granted, 2 * 2_000 + 8 * 500);
    assert_at_rest(&sem);
}

#[test]
fn priorities_across_tasks() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire().unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let local = Local::new();
    for priority in [Priority::Low, Priority::Normal, Priority::High, Priority::Critical] {
        let (sem, order) = (sem.clone(), order.clone());
        local.spawn(async move {
            let permit = sem.request().priority(priority).acquire().await.unwrap();
            order.lock().unwrap().push(priority);
            drop(permit);
        });
    }
    assert_eq!(local.run(), 4);
    drop(held);
    assert_eq!(local.run(), 0);
    let expected = [Priority::Critical, Priority::High, Priority::Normal, Priority::Low];
    assert_eq!(*order.lock().unwrap(), expected);
}

/// The library's own timer, under an executor that has none.
#[test]
fn a_time_limit_needs_no_runtime() {
    let sem = Semaphore::new(1);
    let held = sem.try_acquire().unwrap();
    let late = smol::block_on(sem.request().timeout(Duration::from_millis(2)).acquire());
    assert!(late.unwrap_err().is_timed_out());
    drop(held);
    assert_eq!(sem.stats().timed_out, 1);
    assert_at_rest(&sem);
}
