// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rust: tasks of tokio on two threads.
#![warn(unsafe_op_in_unsafe_fn)]

use afflux::{PermitToken, Semaphore};
use afflux_sys as sys;
use std::collections::HashMap;
use std::ffi::CString;
use std::os::raw::c_char;
use std::ptr::NonNull;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const SIDE: u32 = 1; // ONE_QUEUE_RUST

/// As one_queue.h has it, and so below.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Host {
    sem: NonNull<sys::afflux_sem>,
    granted: extern "C" fn(u32),
    enter: extern "C" fn(u32, u32),
    leave: extern "C" fn(u32, u32),
    gave_up: extern "C" fn(u32),
    is_over: extern "C" fn() -> i32,
    fail: extern "C" fn(*const c_char),
}

#[repr(C)]
pub struct SideTable {
    version: *const c_char,
    arrive: extern "C" fn(u32, i32),
    cancel: extern "C" fn(u32),
    finish: extern "C" fn(u32),
    load: extern "C" fn(u32),
    join: extern "C" fn(),
    stop: extern "C" fn(),
}

struct Side {
    host: Host,
    limit: Semaphore,
    runtime: Mutex<Option<Runtime>>,
    waiting: Mutex<HashMap<u32, JoinHandle<()>>>,
    tokens: Mutex<HashMap<u32, PermitToken>>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

// The host's functions may be called on any thread, and so may those of a semaphore.
unsafe impl Send for Host {}
unsafe impl Sync for Host {}

static THE_SIDE: OnceLock<Side> = OnceLock::new();

fn the() -> &'static Side {
    THE_SIDE.get().expect("one_queue_rust comes first")
}

fn fail(what: &str) {
    let text = CString::new(format!("rust: {what}")).expect("without NUL");
    (the().host.fail)(text.as_ptr());
}

/// # Safety
/// Both pointers are valid, and the host lives as long as the process.
#[no_mangle]
pub unsafe extern "C" fn one_queue_rust(host: *const Host, ret_side: *mut SideTable) {
    let host = unsafe { *host };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("threads");
    let side = Side {
        host,
        // The reference goes over.
        limit: unsafe {
            sys::afflux_sem_ref(host.sem.as_ptr());
            Semaphore::from_raw(host.sem)
        },
        runtime: Mutex::new(Some(runtime)),
        waiting: Mutex::default(),
        tokens: Mutex::default(),
        workers: Mutex::default(),
    };
    assert!(THE_SIDE.set(side).is_ok(), "called once");
    unsafe {
        ret_side.write(SideTable {
            version: sys::afflux_version_string(),
            arrive,
            cancel,
            finish,
            load,
            join,
            stop,
        });
    }
}

fn spawn(task: impl std::future::Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    the()
        .runtime
        .lock()
        .unwrap()
        .as_ref()
        .expect("before stop()")
        .spawn(task)
}

extern "C" fn arrive(ticket: u32, _may_be_cancelled: i32) {
    let task = spawn(async move {
        match the().limit.request().tag("rust").acquire_token().await {
            Ok(token) => {
                the().tokens.lock().unwrap().insert(ticket, token);
                (the().host.granted)(ticket);
            }
            Err(e) => fail(&format!("a ticket was refused: {e}")),
        }
    });
    the().waiting.lock().unwrap().insert(ticket, task);
}

/// Drops the future that waits.
extern "C" fn cancel(ticket: u32) {
    if let Some(task) = the().waiting.lock().unwrap().remove(&ticket) {
        task.abort();
    }
}

extern "C" fn finish(ticket: u32) {
    the().waiting.lock().unwrap().remove(&ticket);
    // The lock is gone when the token is dropped: that lets others in.
    let token = the().tokens.lock().unwrap().remove(&ticket);
    drop(token);
}

extern "C" fn load(workers: u32) {
    let tasks = (0..workers).map(|i| spawn(work(i))).collect();
    *the().workers.lock().unwrap() = tasks;
}

async fn work(seed: u32) {
    let Side { host, limit, .. } = the();
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut below = move |n: u32| {
        state ^= state << 13; // xorshift
        state ^= state >> 17;
        state ^= state << 5;
        state % n
    };
    while (host.is_over)() == 0 {
        let n = 1 + below(3);
        let asked = limit.request().permits(n).tag("rust").acquire_token();
        let token = if below(8) == 0 {
            let patience = Duration::from_micros(below(2000).into());
            match tokio::time::timeout(patience, asked).await {
                Ok(token) => token,
                Err(_) => {
                    (host.gave_up)(SIDE); // the future has been dropped
                    continue;
                }
            }
        } else {
            asked.await
        };
        let _held = match token {
            Ok(token) => token,
            Err(e) => return fail(&format!("under load: {e}")),
        };
        (host.enter)(SIDE, n);
        if below(4) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        } else {
            tokio::task::yield_now().await;
        }
        (host.leave)(SIDE, n);
    }
}

extern "C" fn join() {
    let tasks = std::mem::take(&mut *the().workers.lock().unwrap());
    let runtime = the().runtime.lock().unwrap();
    for task in tasks {
        if runtime
            .as_ref()
            .expect("before stop()")
            .block_on(task)
            .is_err()
        {
            fail("a task panicked");
        }
    }
}

extern "C" fn stop() {
    let runtime = the().runtime.lock().unwrap().take();
    drop(runtime); // ends its threads
}
