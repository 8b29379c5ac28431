// SPDX-License-Identifier: MIT OR Apache-2.0
#include "export/sem_reading.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace afflux::exporting {

void read_stats(const core::native_semaphore& sem, afflux_sem_stats& now) {
  const auto* const stats = sem.stats();
  now.struct_size = sizeof now;
  now.statistics = stats == nullptr     ? AFFLUX_STATS_OFF
                   : stats->has_times() ? AFFLUX_STATS_FULL
                                        : AFFLUX_STATS_COUNTERS;
  now.limit = sem.limit();
  now.available = core::available(sem);
  now.held = core::held(sem);
  now.waiters = sem.waiting();
  now.queue_bytes = sem.waiting_bytes();
  now.age_ns = std::max<std::int64_t>(native_policy::rough_now() - sem.created_at, 0);
  if (stats == nullptr) return;
  stats->read(now, sem.block(), [&sem] { return core::held(sem); });
  now.oldest_wait_ns = stats->oldest_wait();
}

void read_times(const stats::histogram<native_policy>& from, afflux_histogram& to) {
  to.reserved = 0;
  to.count = 0;
  to.sum_ns = from.sum();
  to.max_ns = from.max();
  for (std::size_t i = 0; i < stats::kBuckets; ++i) {
    to.buckets[i] = from.bucket(i);
    to.count += to.buckets[i];  // so that both always agree
  }
}

std::uint64_t quantile(const afflux_histogram& of, double share) {
  // The rank of the last that belongs to the share, from 1.
  const double rank = std::max(std::ceil(share * static_cast<double>(of.count)), 1.0);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < stats::kBuckets; ++i) {
    seen += of.buckets[i];
    if (static_cast<double>(seen) < rank) continue;
    if (i == stats::kBuckets - 1) return of.max_ns;
    const std::uint64_t low = i == 0 ? 0 : stats::bound_of(i - 1);
    return std::min(low + (stats::bound_of(i) - low + 1) / 2, of.max_ns);
  }
  return of.max_ns;
}

}  // namespace afflux::exporting
