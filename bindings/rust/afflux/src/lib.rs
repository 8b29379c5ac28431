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
//! | priorities, time limits, costs, tags, tenants | [`Semaphore::request`] |
//! | queue limits, fairness, names, statistics | [`Semaphore::builder`] |
//! | a limit that changes | [`Semaphore::resize`] |
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
//! # The C library
//!
//! It is found by pkg-config, or built by the feature `vendored`; see the crate `afflux-sys`.

use afflux_sys as sys;

mod acquire;
mod builder;
mod client;
mod error;
mod event;
mod fast;
mod permit;
mod registry;
mod request;
mod rewake;
mod semaphore;
mod several;
mod slot;
mod stats;
mod time;
mod token;

pub use acquire::{Acquire, AcquireOwned, Idle};
pub use builder::{Builder, Fairness, Overflow, Queue, Statistics};
pub use client::{Client, ClientSummary};
pub use error::{AcquireError, AcquireErrorKind, Error, TryAcquireError};
pub use event::{Event, EventWait};
pub use permit::{OwnedSemaphorePermit, SemaphorePermit};
pub use registry::{Format, Registry};
pub use request::{AcquireRequest, Priority, Request};
pub use semaphore::Semaphore;
pub use several::{all, any, blocking_all, blocking_any, All, Any, Item, Taken};
pub use stats::{Health, HealthLimits, Histogram, Holder, Stats};
pub use token::PermitToken;
