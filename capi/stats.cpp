// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Statistics of a semaphore: validate, convert, call.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "export/health.h"
#include "export/sem_reading.h"
#include "handles.h"
#include "sized.h"

using namespace afflux;
using namespace afflux::capi;
using exporting::read_stats;

namespace {

constexpr std::initializer_list<std::size_t> kLimitFields = {
    offsetof(afflux_health_limits, max_waiters), offsetof(afflux_health_limits, max_queue_bytes),
    offsetof(afflux_health_limits, max_wait_ns), offsetof(afflux_health_limits, max_still_ns)};

// In version 0.1.
constexpr std::size_t kFirstLimits = offsetof(afflux_health_limits, max_still_ns);
constexpr std::size_t kFirstHealth = offsetof(afflux_health, still_ns);

status read_times(const semaphore* sem, afflux_histogram* to,
                  const stats::histogram<policy>& (semaphore::stats_type::*which)() const) {
  if (sem == nullptr || to == nullptr || !valid_out(*to)) return status::invalid;
  const auto* const stats = sem->stats();
  if (stats == nullptr || !stats->has_times()) return status::unsupported;
  to->struct_size = sizeof *to;
  exporting::read_times((stats->*which)(), *to);
  return status::ok;
}

}  // namespace

extern "C" {

afflux_status afflux_sem_stats_init(afflux_sem_stats* stats) {
  if (stats == nullptr) return AFFLUX_EINVAL;
  *stats = {};
  stats->struct_size = sizeof *stats;
  return AFFLUX_OK;
}

afflux_status afflux_sem_get_stats(const afflux_sem* sem, afflux_sem_stats* ret_stats) {
  if (sem == nullptr || ret_stats == nullptr || !valid_out(*ret_stats)) return AFFLUX_EINVAL;
  afflux_sem_stats now = {};
  read_stats(*from(sem), now);
  *ret_stats = now;
  return AFFLUX_OK;
}

afflux_status afflux_sem_wait_times(const afflux_sem* sem, afflux_histogram* ret_times) {
  return to_c(read_times(from(sem), ret_times, &semaphore::stats_type::waits));
}

afflux_status afflux_sem_hold_times(const afflux_sem* sem, afflux_histogram* ret_times) {
  return to_c(read_times(from(sem), ret_times, &semaphore::stats_type::holds));
}

uint64_t afflux_histogram_quantile(const afflux_histogram* histogram, double quantile) {
  if (histogram == nullptr || histogram->count == 0) return 0;
  const double share = quantile >= 1 || std::isnan(quantile) ? 1 : std::max(quantile, 0.0);
  return exporting::quantile(*histogram, share);
}

uint64_t afflux_histogram_bound(uint32_t index) { return stats::bound_of(index); }

afflux_status afflux_health_limits_init(afflux_health_limits* limits) {
  return afflux_health_limits_init_sized(limits, kFirstLimits);
}

afflux_status afflux_health_limits_init_sized(afflux_health_limits* limits, uint32_t size) {
  if (limits == nullptr || size < kFirstLimits) return AFFLUX_EINVAL;
  afflux_health_limits defaults = exporting::default_limits();
  defaults.struct_size = size;
  std::memset(static_cast<void*>(limits), 0, size);
  std::memcpy(static_cast<void*>(limits), &defaults, std::min<std::size_t>(size, sizeof defaults));
  return AFFLUX_OK;
}

afflux_status afflux_sem_health(const afflux_sem* sem, const afflux_health_limits* limits,
                                afflux_health* ret_health) {
  if (sem == nullptr || ret_health == nullptr) return AFFLUX_EINVAL;
  const std::size_t size = writable(*ret_health, kFirstHealth);
  if (size == 0) return AFFLUX_EINVAL;
  afflux_health_limits known = exporting::default_limits();
  if (limits == nullptr) {
    known = exporting::own_limits(*from(sem));
  } else {
    if (const status s = read_sized(limits, known, kLimitFields); s != status::ok) return to_c(s);
    if (known.reserved != 0 || known.max_wait_ns < AFFLUX_FOREVER ||
        known.max_still_ns < AFFLUX_FOREVER) {
      return AFFLUX_EINVAL;
    }
  }
  afflux_health told = exporting::health_of(*from(sem), known);
  told.struct_size = static_cast<std::uint32_t>(size);
  std::memcpy(static_cast<void*>(ret_health), &told, size);
  return AFFLUX_OK;
}

}  // extern "C"
