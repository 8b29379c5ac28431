// SPDX-License-Identifier: MIT OR Apache-2.0
use crate::control::{Control, Outcome};
use crate::permit::{OwnedSemaphorePermit, Permits, SemaphorePermit};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A request that is being worked on, of which a [`Control`] is to learn: [`Control::begin`] makes
/// one of a permit.
///
/// Dropped without [`end`](Self::end) it tells of an [`Outcome::Ignored`]: the request was cancelled,
/// left by `?`, or panicked, and its latency says nothing. Either way the permits are given back. `P` is
/// what holds them: a tenant's permit, too.
#[must_use = "the request ends when this is dropped"]
#[clippy::has_significant_drop]
pub struct Work<'a, P: Permits = SemaphorePermit<'a>> {
    control: &'a Control,
    began: Instant,
    outcome: Outcome,
    // Given back after the sample, when the fields are dropped.
    permit: P,
}

impl<'a, P: Permits> Work<'a, P> {
    pub(crate) fn new(control: &'a Control, permit: P) -> Self {
        Work { control, began: Instant::now(), outcome: Outcome::Ignored, permit }
    }

    /// The request has ended: tells the control, and gives the permits back.
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl<P: Permits> Drop for Work<'_, P> {
    fn drop(&mut self) {
        self.control.sample(self.began.elapsed(), self.outcome);
    }
}

impl<P: Permits> fmt::Debug for Work<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("permits", &self.permit.count()).finish()
    }
}

/// As [`Work`], but keeps the control alive: [`Control::begin_owned`].
#[must_use = "the request ends when this is dropped"]
#[clippy::has_significant_drop]
pub struct OwnedWork<P: Permits = OwnedSemaphorePermit> {
    control: Arc<Control>,
    began: Instant,
    outcome: Outcome,
    // As in Work.
    permit: P,
}

impl<P: Permits> OwnedWork<P> {
    pub(crate) fn new(control: Arc<Control>, permit: P) -> Self {
        OwnedWork { control, began: Instant::now(), outcome: Outcome::Ignored, permit }
    }

    /// As [`Work::end`].
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl<P: Permits> Drop for OwnedWork<P> {
    fn drop(&mut self) {
        self.control.sample(self.began.elapsed(), self.outcome);
    }
}

impl<P: Permits> fmt::Debug for OwnedWork<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedWork").field("permits", &self.permit.count()).finish()
    }
}
