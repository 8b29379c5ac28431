// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a semaphore is and has done, in the structs of stats.h.
#pragma once

#include "afflux/afflux.h"
#include "core/strategies.h"

namespace afflux::exporting {

// `now` is all zeros.
void read_stats(const core::native_semaphore& sem, afflux_sem_stats& now);

// All but struct_size; nothing is lost or told twice, but `to.sum_ns` and `to.max_ns` may be ahead
// of the buckets.
void read_times(const stats::histogram<native_policy>& from, afflux_histogram& to);

// What afflux_histogram_quantile() promises; `of` has something.
std::uint64_t quantile(const afflux_histogram& of, double share);

}  // namespace afflux::exporting
