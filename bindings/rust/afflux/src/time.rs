// SPDX-License-Identifier: MIT OR Apache-2.0
use std::time::Duration;

/// As the C API has times; one of more than 292 years is cut there.
pub(crate) fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

pub(crate) fn duration(ns: i64) -> Duration {
    Duration::from_nanos(u64::try_from(ns).unwrap_or(0))
}
