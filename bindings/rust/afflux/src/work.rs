// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::control::{Control, Outcome};
use crate::permit::{OwnedSemaphorePermit, SemaphorePermit};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A request that is being worked on, of which a [`Control`] is to learn: [`Control::begin`] makes
/// one of a permit.
///
/// Dropped without [`end`](Self::end) it tells of an [`Outcome::Ignored`]: the request was cancelled,
/// left by `?`, or panicked, and its latency says nothing. Either way the permits are given back.
#[must_use = "the request ends when this is dropped"]
#[clippy::has_significant_drop]
pub struct Work<'a> {
    control: &'a Control,
    began: Instant,
    outcome: Outcome,
    // Given back after the sample, when the fields are dropped.
    permit: SemaphorePermit<'a>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(control: &'a Control, permit: SemaphorePermit<'a>) -> Self {
        Work { control, began: Instant::now(), outcome: Outcome::Ignored, permit }
    }

    /// The request has ended: tells the control, and gives the permits back.
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.control.sample(self.began.elapsed(), self.outcome);
    }
}

impl fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("permits", &self.permit.num_permits()).finish()
    }
}

/// As [`Work`], but keeps the control and the semaphore alive: [`Control::begin_owned`].
#[must_use = "the request ends when this is dropped"]
#[clippy::has_significant_drop]
pub struct OwnedWork {
    control: Arc<Control>,
    began: Instant,
    outcome: Outcome,
    // As in Work.
    permit: OwnedSemaphorePermit,
}

impl OwnedWork {
    pub(crate) fn new(control: Arc<Control>, permit: OwnedSemaphorePermit) -> Self {
        OwnedWork { control, began: Instant::now(), outcome: Outcome::Ignored, permit }
    }

    /// As [`Work::end`].
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for OwnedWork {
    fn drop(&mut self) {
        self.control.sample(self.began.elapsed(), self.outcome);
    }
}

impl fmt::Debug for OwnedWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedWork").field("permits", &self.permit.num_permits()).finish()
    }
}
