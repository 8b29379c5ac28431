// SPDX-License-Identifier: MIT OR Apache-2.0
//! The semaphore beside tokio's, each pair of figures measured in turn within one run: medians of
//! seven rounds (or as many as AFFLUX_BENCH_ROUNDS says), a JSON line each.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Instant;

/// A waker that does nothing.
fn idle_waker() -> Waker {
    fn clone(_: *const ()) -> RawWaker {
        RawWaker::new(std::ptr::null(), &TABLE)
    }
    fn nothing(_: *const ()) {}
    static TABLE: RawWakerVTable = RawWakerVTable::new(clone, nothing, nothing, nothing);
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) }
}

fn ready<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> F::Output {
    match future.poll(cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a free permit"),
    }
}

/// Nanoseconds for each of `n` operations.
fn time(n: u64, mut operations: impl FnMut()) -> f64 {
    let begin = Instant::now();
    operations();
    begin.elapsed().as_nanos() as f64 / n as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Measures both in turn, the first round for warmth alone, and prints a line.
fn row(name: &str, mut ours: impl FnMut() -> f64, mut rival: impl FnMut() -> f64) {
    let rounds: usize =
        std::env::var("AFFLUX_BENCH_ROUNDS").ok().and_then(|v| v.parse().ok()).unwrap_or(7).max(1);
    ours();
    rival();
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        a.push(ours());
        b.push(rival());
    }
    println!("{{\"name\":\"{name}\", \"ns\":{:.2}, \"rival\":{:.2}}}", median(a), median(b));
}

const N: u64 = 2_000_000;

fn try_pair() {
    let (a, t) = (afflux::Semaphore::new(8), tokio::sync::Semaphore::new(8));
    let ours = || time(N, || (0..N).for_each(|_| drop(black_box(&a).try_acquire().unwrap())));
    row("rust try pair / tokio", ours, || {
        time(N, || (0..N).for_each(|_| drop(black_box(&t).try_acquire().unwrap())))
    });
    // What two exchanges of one word cost here, without any semaphore.
    let word = AtomicU64::new(8);
    let exchange = |word: &AtomicU64, by: u64| {
        let mut seen = word.load(Ordering::Acquire);
        while let Err(now) = word.compare_exchange_weak(
            seen,
            seen.wrapping_add(by),
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            seen = now;
        }
    };
    row("rust try pair / compare-and-swap pair", ours, || {
        time(N, || {
            (0..N).for_each(|_| {
                exchange(black_box(&word), 1u64.wrapping_neg());
                exchange(black_box(&word), 1);
            })
        })
    });
    assert_eq!(a.stats().held, 0);
}

fn await_pair() {
    let (a, t) = (afflux::Semaphore::new(8), tokio::sync::Semaphore::new(8));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    row(
        "rust acquire().await pair, free / tokio",
        || {
            time(N, || {
                runtime.block_on(async {
                    for _ in 0..N {
                        drop(black_box(&a).acquire().await.unwrap());
                    }
                })
            })
        },
        || {
            time(N, || {
                runtime.block_on(async {
                    for _ in 0..N {
                        drop(black_box(&t).acquire().await.unwrap());
                    }
                })
            })
        },
    );
}

fn pending_and_drop() {
    const N: u64 = 500_000;
    let (a, t) = (afflux::Semaphore::new(0), tokio::sync::Semaphore::new(0));
    let waker = idle_waker();
    let mut cx = Context::from_waker(&waker);
    let cx = &mut cx;
    let cx_cell = std::cell::RefCell::new(cx);
    row(
        "rust pending + drop / tokio",
        || {
            let mut cx = cx_cell.borrow_mut();
            time(N, || {
                for _ in 0..N {
                    let future = std::pin::pin!(a.acquire());
                    assert!(black_box(future).poll(&mut cx).is_pending());
                }
            })
        },
        || {
            let mut cx = cx_cell.borrow_mut();
            time(N, || {
                for _ in 0..N {
                    let future = std::pin::pin!(t.acquire());
                    assert!(black_box(future).poll(&mut cx).is_pending());
                }
            })
        },
    );
}

/// One release that lets 1,000 futures in: the time of the release alone, each.
fn burst() {
    const BURST: usize = 1000;
    const TIMES: usize = 300;
    fn rounds<F: Future>(
        make: impl Fn() -> F,
        release: impl Fn(),
        give_up: impl Fn(F::Output),
    ) -> f64 {
        let waker = idle_waker();
        let mut cx = Context::from_waker(&waker);
        let mut spent = 0.0;
        for _ in 0..TIMES {
            let mut futures: Vec<Pin<Box<F>>> = (0..BURST).map(|_| Box::pin(make())).collect();
            for future in &mut futures {
                assert!(future.as_mut().poll(&mut cx).is_pending());
            }
            spent += time(BURST as u64, &release);
            for mut future in futures {
                give_up(ready(future.as_mut(), &mut cx));
            }
        }
        spent / TIMES as f64
    }
    let (a, t) = (afflux::Semaphore::new(BURST), tokio::sync::Semaphore::new(BURST));
    let (all_a, all_t) = (std::cell::Cell::new(None), std::cell::Cell::new(None));
    all_a.set(Some(a.try_acquire_many(BURST as u32).unwrap()));
    all_t.set(Some(t.try_acquire_many(BURST as u32).unwrap()));
    row(
        "rust one release for 1,000 futures, each / tokio",
        || {
            rounds(
                || a.acquire(),
                || drop(all_a.take()),
                |permit| {
                    let permit = permit.unwrap();
                    match all_a.take() {
                        None => all_a.set(Some(permit)),
                        Some(mut all) => {
                            all.merge(permit);
                            all_a.set(Some(all));
                        }
                    }
                },
            )
        },
        || {
            rounds(
                || t.acquire(),
                || drop(all_t.take()),
                |permit| {
                    let permit = permit.unwrap();
                    match all_t.take() {
                        None => all_t.set(Some(permit)),
                        Some(mut all) => {
                            all.merge(permit);
                            all_t.set(Some(all));
                        }
                    }
                },
            )
        },
    );
}

/// `tasks` tasks that each take a permit, yield once while holding it, and give it back.
macro_rules! contended {
    ($runtime:expr, $semaphore:expr, $tasks:expr, $each:expr) => {{
        let sem = Arc::new($semaphore);
        let (tasks, each): (u64, u64) = ($tasks, $each);
        time(tasks * each, || {
            $runtime.block_on(async {
                let handles: Vec<_> = (0..tasks)
                    .map(|_| {
                        let sem = Arc::clone(&sem);
                        tokio::spawn(async move {
                            for _ in 0..each {
                                let permit = sem.acquire().await.unwrap();
                                tokio::task::yield_now().await;
                                drop(permit);
                            }
                        })
                    })
                    .collect();
                for handle in handles {
                    handle.await.unwrap();
                }
            })
        })
    }};
}

fn tasks() {
    let one = tokio::runtime::Builder::new_current_thread().build().unwrap();
    row(
        "rust 8 tasks, 1 permit, current_thread / tokio",
        || contended!(one, afflux::Semaphore::new(1), 8, 20_000),
        || contended!(one, tokio::sync::Semaphore::new(1), 8, 20_000),
    );
    let two = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    row(
        "rust 64 tasks, 4 permits, 2 threads / tokio",
        || contended!(two, afflux::Semaphore::new(4), 64, 3_000),
        || contended!(two, tokio::sync::Semaphore::new(4), 64, 3_000),
    );
}

fn main() {
    try_pair();
    await_pair();
    pending_and_drop();
    burst();
    tasks();
}
