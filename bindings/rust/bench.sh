#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The benchmark beside tokio's semaphore: JSON lines, nanoseconds, medians. PKG_CONFIG_PATH and
# LD_LIBRARY_PATH lead to the C library.
set -eu
cd "$(dirname "$0")"
exec cargo run -q --profile bench -j "${AFFLUX_TEST_JOBS:-2}" -p afflux-bench
