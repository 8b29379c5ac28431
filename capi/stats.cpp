// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Statistics of a semaphore: validate, convert, call.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "export/sem_reading.h"
#include "handles.h"
#include "sized.h"

using namespace afflux;
using namespace afflux::capi;
using exporting::read_stats;

namespace {

constexpr std::initializer_list<std::size_t> kLimitFields = {
    offsetof(afflux_health_limits, max_waiters), offsetof(afflux_health_limits, max_queue_bytes),
    offsetof(afflux_health_limits, max_wait_ns)};

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
  if (limits == nullptr) return AFFLUX_EINVAL;
  *limits = {};
  limits->struct_size = sizeof *limits;
  limits->max_waiters = std::numeric_limits<std::uint64_t>::max();
  limits->max_queue_bytes = std::numeric_limits<std::uint64_t>::max();
  limits->max_wait_ns = AFFLUX_FOREVER;
  return AFFLUX_OK;
}

afflux_status afflux_sem_health(const afflux_sem* sem, const afflux_health_limits* limits,
                                afflux_health* ret_health) {
  if (sem == nullptr || ret_health == nullptr || !valid_out(*ret_health)) return AFFLUX_EINVAL;
  afflux_health_limits known;
  afflux_health_limits_init(&known);
  if (limits != nullptr) {
    if (const status s = read_sized(limits, known, kLimitFields); s != status::ok) return to_c(s);
    if (known.reserved != 0 || known.max_wait_ns < AFFLUX_FOREVER) return AFFLUX_EINVAL;
  } else {
    const queue::settings& own = from(sem)->settings();
    known.max_waiters = own.max_waiters;
    known.max_queue_bytes = own.max_bytes;
    known.max_wait_ns = own.default_timeout;
  }
  afflux_sem_stats now = {};
  read_stats(*from(sem), now);
  afflux_health told = {};
  told.struct_size = sizeof told;
  told.waiters = now.waiters;
  told.queue_bytes = now.queue_bytes;
  told.oldest_wait_ns = now.oldest_wait_ns;
  const auto is = [&told](bool so, std::uint32_t reason) { told.reasons |= so ? reason : 0; };
  is(now.waiters > known.max_waiters, AFFLUX_HEALTH_WAITERS);
  is(now.queue_bytes > known.max_queue_bytes, AFFLUX_HEALTH_QUEUE_BYTES);
  is(known.max_wait_ns >= 0 && now.oldest_wait_ns > known.max_wait_ns, AFFLUX_HEALTH_WAIT);
  is(from(sem)->closed(), AFFLUX_HEALTH_CLOSED);
  is(now.held > now.limit, AFFLUX_HEALTH_DEBT);
  told.healthy = (told.reasons & ~std::uint32_t{AFFLUX_HEALTH_DEBT}) == 0 ? 1 : 0;
  *ret_health = told;
  return AFFLUX_OK;
}

}  // extern "C"
