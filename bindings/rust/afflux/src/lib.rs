// SPDX-License-Identifier: MIT OR Apache-2.0
//! A semaphore that limits work in flight, for tasks and threads alike: fair, cancellable,
//! observable, and shared with the other languages of a process.
//!
//! [`Semaphore`] has the names and the behaviour of `tokio::sync::Semaphore`, and no need of tokio:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use afflux::Semaphore;
//!
//! let limit = Semaphore::new(2);
//! let permit = limit.acquire().await?;
//! assert_eq!(limit.available_permits(), 1);
//! drop(permit);
//! # Ok::<(), afflux::AcquireError>(()) }).unwrap();
//! ```
//!
//! | more than tokio has | |
//! |---|---|
//! | priorities, time limits, costs, tags, clients | [`Semaphore::request`] |
//! | callers that cannot starve each other | [`Tenant`] |
//! | queue limits, fairness, names, statistics | [`Semaphore::builder`] |
//! | a limit that changes, or that finds itself | [`Semaphore::resize`], [`Control`] |
//! | threads that block | [`Semaphore::blocking_acquire`] |
//! | totals, histograms, health, who holds what | [`Semaphore::stats`], [`health`](Semaphore::health), [`holders`](Semaphore::holders) |
//! | Prometheus | [`Registry`] |
//! | events; any or all of several | [`Event`], [`any`], [`all`] |
//! | shutting down | [`Semaphore::close`], [`Semaphore::idle`] |
//!
//! | tokio has more | |
//! |---|---|
//! | `const_new` | a semaphore is made by the C library; use a `OnceLock` |
//! | a limit of `usize::MAX >> 3` | [`Semaphore::MAX_PERMITS`] is 2^42 − 1 |
//!
//! # Wakers
//!
//! A release wakes those that it lets in, on its own thread, before it returns. A waker may call
//! everything here, drop and poll futures too; it must not block in a `blocking_…` method. Panics of
//! wakers end where they are called. With `panic = "abort"` they abort.
//!
//! So a waker is called on the thread that releases, and on a thread of the library's where a time
//! limit ends. An executor whose wakers work on its own thread alone loses such wakes: monoio needs
//! its feature `sync`.
//!
//! # The C library
//!
//! It is found by pkg-config, or built by the feature `vendored`; see the crate `afflux-sys`.

use afflux_sys as sys;

mod acquire;
mod builder;
mod client;
mod control;
mod control_builder;
mod control_stats;
mod error;
mod event;
mod fast;
mod permit;
mod registry;
mod request;
mod rewake;
mod semaphore;
mod several;
mod shedding;
mod slot;
mod source;
mod stats;
mod tenant;
mod tenant_permit;
mod tenant_stats;
mod time;
mod token;
mod work;

pub use acquire::{Acquire, AcquireOwned, Idle, TenantAcquire, TenantAcquireOwned};
pub use builder::{Builder, Fairness, Overflow, Queue, Statistics};
pub use client::{Client, ClientSummary};
pub use control::{Change, Control, Outcome};
pub use control_builder::{Algorithm, ControlBuilder};
pub use control_stats::{ControlStats, Decision, Reason};
pub use error::{AcquireError, AcquireErrorKind, Error, TryAcquireError};
pub use event::{Event, EventWait};
pub use permit::{OwnedSemaphorePermit, Permits, SemaphorePermit};
pub use registry::{Format, Registry};
pub use request::{AcquireRequest, Priority, Request};
pub use semaphore::Semaphore;
pub use several::{all, any, blocking_all, blocking_any, All, Any, Item, Taken};
pub use shedding::Shedding;
pub use source::{Grants, Source};
pub use stats::{Health, HealthLimits, Histogram, Holder, Stats};
pub use tenant::Tenant;
pub use tenant_permit::{OwnedTenantPermit, TenantPermit};
pub use tenant_stats::{Share, TenantStats};
pub use token::PermitToken;
pub use work::{OwnedWork, Work};

/// The examples of the README.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
pub struct Readme;

/// What must not compile.
///
/// A future that waits must not be moved: it is not `Unpin`.
///
/// ```compile_fail,E0277
/// fn unpin<T: Unpin>(_: T) {}
/// let limit = afflux::Semaphore::new(1);
/// unpin(limit.acquire());
/// ```
/// ```compile_fail,E0277
/// fn unpin<T: Unpin>(_: T) {}
/// unpin(std::sync::Arc::new(afflux::Semaphore::new(1)).acquire_owned());
/// ```
/// ```compile_fail,E0277
/// fn unpin<T: Unpin>(_: T) {}
/// let limit = afflux::Semaphore::new(1);
/// unpin(limit.request().acquire());
/// ```
/// ```compile_fail,E0277
/// fn unpin<T: Unpin>(_: T) {}
/// let event = afflux::Event::auto_reset();
/// unpin(event.wait());
/// ```
///
/// A borrowing future, permit or wait cannot leave for another thread that may outlive the semaphore.
///
/// ```compile_fail,E0597
/// let limit = afflux::Semaphore::new(1);
/// let future = limit.acquire();
/// std::thread::spawn(move || drop(future));
/// ```
/// ```compile_fail,E0597
/// let limit = afflux::Semaphore::new(1);
/// let permit = limit.try_acquire().unwrap();
/// std::thread::spawn(move || drop(permit));
/// ```
/// ```compile_fail,E0597
/// let wait = {
///     let limit = afflux::Semaphore::new(1);
///     afflux::any(&[(&limit).into()])
/// };
/// drop(wait);
/// ```
///
/// A task's future that holds a permit is `Send` only if all else in it is.
///
/// ```compile_fail
/// fn send<T: Send>(_: T) {}
/// let limit = std::sync::Arc::new(afflux::Semaphore::new(1));
/// send(async move {
///     let local = std::rc::Rc::new(1);
///     let _permit = limit.acquire().await;
///     drop(local);
/// });
/// ```
///
/// A request that a control learns of ends once, and neither outlives the control nor its semaphore.
///
/// ```compile_fail,E0382
/// let limit = afflux::Semaphore::new(1);
/// let control = afflux::Control::new(&limit).unwrap();
/// let work = control.begin(limit.try_acquire().unwrap());
/// work.end(afflux::Outcome::Served);
/// work.end(afflux::Outcome::Served);
/// ```
/// ```compile_fail,E0505
/// let limit = afflux::Semaphore::new(1);
/// let control = afflux::Control::new(&limit).unwrap();
/// let work = control.begin(limit.try_acquire().unwrap());
/// drop(control);
/// drop(work);
/// ```
/// ```compile_fail,E0505
/// let limit = afflux::Semaphore::new(1);
/// let control = afflux::Control::new(&limit).unwrap();
/// let work = control.begin(limit.try_acquire().unwrap());
/// drop(limit);
/// drop(work);
/// ```
///
/// A tenant's waits and permits stay where they are, and do not outlive it; it has no clients.
///
/// ```compile_fail,E0277
/// fn unpin<T: Unpin>(_: T) {}
/// let limit = afflux::Semaphore::new(1);
/// let tenant = afflux::Tenant::new(&limit, afflux::Share::new()).unwrap();
/// unpin(tenant.acquire());
/// ```
/// ```compile_fail,E0597
/// let limit = afflux::Semaphore::new(1);
/// let tenant = afflux::Tenant::new(&limit, afflux::Share::new()).unwrap();
/// let future = tenant.request().acquire();
/// std::thread::spawn(move || drop(future));
/// ```
/// ```compile_fail,E0599
/// let limit = afflux::Semaphore::new(1);
/// let tenant = afflux::Tenant::new(&limit, afflux::Share::new()).unwrap();
/// let client = afflux::Client::new("").unwrap();
/// let _ = tenant.request().client(&client);
/// ```
///
/// What is told of changes runs on any thread, and outlives the function that gives it.
///
/// ```compile_fail,E0277
/// let told = std::rc::Rc::new(std::cell::Cell::new(0));
/// let _ = afflux::Control::builder().on_change(move |_| told.set(told.get() + 1));
/// ```
/// ```compile_fail,E0597
/// let builder = {
///     let told = std::sync::atomic::AtomicU64::new(0);
///     afflux::Control::builder().on_change(|change| {
///         told.store(change.after, std::sync::atomic::Ordering::Relaxed);
///     })
/// };
/// ```
///
/// Permits are given back once: neither permits nor tokens are copied.
///
/// ```compile_fail,E0599
/// let limit = afflux::Semaphore::new(1);
/// let _ = limit.try_acquire().unwrap().clone();
/// ```
/// ```compile_fail,E0599
/// let limit = afflux::Semaphore::new(1);
/// let _ = limit.request().blocking_acquire_token().unwrap().clone();
/// ```
/// ```compile_fail,E0382
/// let limit = afflux::Semaphore::new(1);
/// let permit = limit.try_acquire().unwrap();
/// permit.forget();
/// drop(permit);
/// ```
#[cfg(doctest)]
pub struct MustNotCompile;
