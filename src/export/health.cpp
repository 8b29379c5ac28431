// SPDX-License-Identifier: MIT OR Apache-2.0
#include "export/health.h"

#include <cstdint>
#include <limits>

#include "export/sem_reading.h"

namespace afflux::exporting {
namespace {

constexpr std::int64_t kMaxStill = 5'000'000'000;

using standstill = stats::standstill<native_policy>;

standstill::told look(const core::native_semaphore& sem, const afflux_sem_stats& now,
                      std::int64_t before) {
  const auto* const stats = sem.stats();
  if (stats == nullptr) return {};
  return stats->looks().look({.held = now.held != 0,
                              .waiting = now.waiters != 0,
                              .moved = now.acquired_fast + now.acquired_after_wait + now.released,
                              .asked = now.queued + now.rejected + now.try_failed},
                             before, native_policy::now());
}

}  // namespace

afflux_health_limits default_limits() {
  afflux_health_limits limits = {};
  limits.struct_size = sizeof limits;
  limits.max_waiters = std::numeric_limits<std::uint64_t>::max();
  limits.max_queue_bytes = std::numeric_limits<std::uint64_t>::max();
  limits.max_wait_ns = AFFLUX_FOREVER;
  limits.max_still_ns = kMaxStill;
  return limits;
}

afflux_health_limits own_limits(const core::native_semaphore& sem) {
  afflux_health_limits limits = default_limits();
  limits.max_waiters = sem.settings().max_waiters;
  limits.max_queue_bytes = sem.settings().max_bytes;
  limits.max_wait_ns = sem.settings().default_timeout;
  return limits;
}

afflux_health health_of(const core::native_semaphore& sem, const afflux_health_limits& limits) {
  const std::int64_t before = native_policy::now();
  afflux_sem_stats now = {};
  read_stats(sem, now);
  const standstill::told still = look(sem, now, before);
  afflux_health told = {};
  told.struct_size = sizeof told;
  told.waiters = now.waiters;
  told.queue_bytes = now.queue_bytes;
  told.oldest_wait_ns = now.oldest_wait_ns;
  told.still_ns = still.ns;
  told.unserved = still.unserved;
  const auto is = [&told](bool so, std::uint32_t reason) { told.reasons |= so ? reason : 0; };
  is(now.waiters > limits.max_waiters, AFFLUX_HEALTH_WAITERS);
  is(now.queue_bytes > limits.max_queue_bytes, AFFLUX_HEALTH_QUEUE_BYTES);
  is(limits.max_wait_ns >= 0 && now.oldest_wait_ns > limits.max_wait_ns, AFFLUX_HEALTH_WAIT);
  is(sem.closed(), AFFLUX_HEALTH_CLOSED);
  is(now.held > now.limit, AFFLUX_HEALTH_DEBT);
  is(limits.max_still_ns >= 0 && still.ns > limits.max_still_ns, AFFLUX_HEALTH_STANDSTILL);
  told.healthy = (told.reasons & ~std::uint32_t{AFFLUX_HEALTH_DEBT}) == 0 ? 1 : 0;
  return told;
}

}  // namespace afflux::exporting
