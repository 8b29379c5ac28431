// SPDX-License-Identifier: MIT OR Apache-2.0
//! How large futures are, what they allocate, and which bytes of a waiter the library touches.

use afflux::{Event, Semaphore, Share, Tenant};
use afflux_sys as sys;
use afflux_tests::{assert_at_rest, poll, Count};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::mem::size_of_val;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

struct Counting;

thread_local!(static ALLOCATIONS: Cell<usize> = const { Cell::new(0) });

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        System.alloc(layout)
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        System.dealloc(at, layout)
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread in Rust; the C library's own are counted by the C++ tests.
fn allocations(f: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    f();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn futures_have_128_bytes_at_most() {
    let sem = Arc::new(Semaphore::new(1));
    let event = Event::auto_reset();
    assert!(size_of_val(&sem.acquire()) <= 128, "{}", size_of_val(&sem.acquire()));
    assert!(size_of_val(&sem.acquire_many(2)) <= 128);
    assert!(size_of_val(&sem.clone().acquire_owned()) <= 128);
    assert!(size_of_val(&event.wait()) <= 128);
    assert!(size_of_val(&sem.idle()) <= 128);
    assert!(size_of_val(&sem.try_acquire().unwrap()) <= 16);
    let tenant = Arc::new(Tenant::new(&sem, Share::new()).unwrap());
    assert!(size_of_val(&tenant.acquire()) <= 128);
    assert!(size_of_val(&tenant.clone().acquire_owned()) <= 128);
    assert!(size_of_val(&tenant.try_acquire().unwrap()) <= 16);
}

/// The other half of what `afflux` shows by examples that must not compile.
#[test]
fn everything_is_send_and_sync() {
    fn both<T: Send + Sync>() {}
    both::<Semaphore>();
    both::<afflux::Acquire<'_>>();
    both::<afflux::AcquireOwned>();
    both::<afflux::AcquireRequest<'_>>();
    both::<afflux::Request<'_>>();
    both::<afflux::Idle<'_>>();
    both::<afflux::SemaphorePermit<'_>>();
    both::<afflux::OwnedSemaphorePermit>();
    both::<afflux::PermitToken>();
    both::<Event>();
    both::<afflux::EventWait<'_>>();
    both::<afflux::Any<'_>>();
    both::<afflux::All<'_>>();
    both::<afflux::Client>();
    both::<afflux::Registry>();
    both::<afflux::Control>();
    both::<afflux::ControlBuilder>();
    both::<afflux::Work<'_>>();
    both::<afflux::OwnedWork>();
    both::<Tenant>();
    both::<afflux::TenantAcquire<'_>>();
    both::<afflux::TenantAcquireOwned>();
    both::<afflux::TenantPermit<'_>>();
    both::<afflux::OwnedTenantPermit>();
    both::<afflux::Request<'_, Tenant>>();
    both::<afflux::AcquireRequest<'_, Tenant>>();
    both::<afflux::Work<'_, afflux::TenantPermit<'_>>>();
    both::<afflux::Histogram>();
    both::<afflux::AcquireError>();
    both::<afflux::Error>();
    fn send<T: Send>(_: T) {}
    let sem = Arc::new(Semaphore::new(1));
    let tenant = Tenant::new(&sem, Share::new()).unwrap();
    send(async move { sem.request().tag("a").acquire_token().await });
    send(async move { tenant.request().tag("a").acquire_token().await });
}

#[test]
fn a_wait_allocates_nothing() {
    let sem = Arc::new(Semaphore::new(1));
    let tenant = Arc::new(Tenant::new(&sem, Share::new()).unwrap());
    let event = Event::auto_reset();
    let (_, waker) = Count::new();
    let spent = allocations(|| {
        for _ in 0..100 {
            let held = sem.try_acquire().unwrap();
            let mut dropped = pin!(sem.acquire());
            assert!(poll(dropped.as_mut(), &waker).is_pending());
            let mut granted = pin!(sem.clone().acquire_owned());
            assert!(poll(granted.as_mut(), &waker).is_pending());
            let mut idle = pin!(sem.idle());
            assert!(poll(idle.as_mut(), &waker).is_pending());
            let mut of_tenant = pin!(tenant.acquire());
            assert!(poll(of_tenant.as_mut(), &waker).is_pending());
            let mut owned = pin!(tenant.clone().acquire_owned());
            assert!(poll(owned.as_mut(), &waker).is_pending());
            let mut requested = pin!(sem.request().timeout(Duration::from_secs(600)).acquire());
            assert!(poll(requested.as_mut(), &waker).is_pending());
            let mut signalled = pin!(event.wait());
            assert!(poll(signalled.as_mut(), &waker).is_pending());
            drop(held);
            event.notify_one();
            assert!(poll(signalled.as_mut(), &waker).is_ready());
        }
    });
    assert_eq!(spent, 0);
    assert_at_rest(&sem);
}

/// A semaphore that has a time limit of its own: the waiter lies on the heap, and is freed.
#[test]
fn a_semaphores_own_time_limit_costs_one_allocation() {
    let sem = Semaphore::builder(1).waiter_timeout(Duration::from_secs(600)).build().unwrap();
    let (_, waker) = Count::new();
    let spent = allocations(|| {
        let held = sem.try_acquire().unwrap();
        let mut dropped = Box::pin(sem.acquire());
        assert!(poll(dropped.as_mut(), &waker).is_pending());
        drop(held);
        assert!(poll(dropped.as_mut(), &waker).is_ready());
    });
    assert_eq!(spent, 2, "the test's own box, and one");
    assert_at_rest(&sem);
}

/// What the futures' size depends on: a request by a note without a time limit touches the first
/// 88 bytes of its waiter only, whatever becomes of it.
#[test]
fn a_note_without_a_time_limit_leaves_the_timers_bytes_alone() {
    const WORDS: usize = 11;
    const CANARY: u64 = 0x5afe_5afe_5afe_5afe;
    unsafe extern "C" fn note(_: *mut std::ffi::c_void, _: u64) {}
    type End = fn(&Semaphore, *mut sys::afflux_waiter);
    let ends: [End; 5] = [
        |sem, _| sem.release_one(),
        |_, waiter| assert_eq!(unsafe { sys::afflux_waiter_cancel(waiter) }, sys::AFFLUX_OK),
        |sem, _| sem.close(),
        |sem, _| sem.resize(9).unwrap(),
        |sem, _| sem.resize(0).unwrap(),
    ];
    for queue in [afflux::Queue::Intrusive, afflux::Queue::Hybrid, afflux::Queue::Mutex] {
        for statistics in [afflux::Statistics::Off, afflux::Statistics::Full] {
            for (end, with_tenant) in ends.iter().flat_map(|&end| [(end, false), (end, true)]) {
                let sem =
                    Semaphore::builder(1).queue(queue).statistics(statistics).build().unwrap();
                let raw = sem.as_raw().as_ptr();
                let tenant = with_tenant.then(|| Tenant::new(&sem, Share::new()).unwrap());
                unsafe {
                    assert_eq!(sys::afflux_sem_try_acquire(raw, 1), sys::AFFLUX_OK);
                    let mut request = std::mem::zeroed();
                    sys::afflux_request_init(&mut request);
                    request.flags = sys::AFFLUX_WAIT_FOR_NOTE;
                    request.notify = Some(note);
                    request.tenant =
                        tenant.as_ref().map_or(std::ptr::null_mut(), |t| t.as_raw().as_ptr());
                    let mut waiter = sys::afflux_waiter { opaque: [CANARY; 16] };
                    let answer = sys::afflux_sem_acquire_async(raw, &request, &mut waiter);
                    assert_eq!(answer, sys::AFFLUX_PENDING);
                    end(&sem, &mut waiter);
                    assert_ne!(sys::afflux_waiter_status(&mut waiter), sys::AFFLUX_PENDING);
                    assert_ne!(waiter.opaque[..WORDS], [CANARY; WORDS]);
                    assert_eq!(waiter.opaque[WORDS..], [CANARY; 16 - WORDS]);
                }
            }
        }
    }
}

trait ReleaseOne {
    fn release_one(&self);
}

impl ReleaseOne for Semaphore {
    fn release_one(&self) {
        let answer = unsafe { sys::afflux_sem_release(self.as_raw().as_ptr(), 1) };
        assert_eq!(answer, sys::AFFLUX_OK);
    }
}
