// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What semaphores and clients have done, added up: which fields of the public structs are totals,
// and which are the largest of all. What the objects are now is not in it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "afflux/afflux.h"
#include "stats/sem_counters.h"

namespace afflux::exporting {

inline constexpr std::uint64_t afflux_client_summary_t::*kClientTotals[] = {
    &afflux_client_summary_t::bytes,           &afflux_client_summary_t::runs,
    &afflux_client_summary_t::responses_4xx,   &afflux_client_summary_t::responses_5xx,
    &afflux_client_summary_t::responses_other, &afflux_client_summary_t::reconnections,
    &afflux_client_summary_t::timeouts,        &afflux_client_summary_t::acquired,
    &afflux_client_summary_t::waits,           &afflux_client_summary_t::wait_sum_ns,
    &afflux_client_summary_t::rejected,        &afflux_client_summary_t::timed_out,
    &afflux_client_summary_t::canceled,
};

// change(total, other) for each total of both.
template <class Change>
void each_total(afflux_sem_stats& a, const afflux_sem_stats& b, Change change) {
  stats::each_total_field([&](stats::sem_field field) { change(a.*field, b.*field); });
}
template <class Change>
void each_total(afflux_client_summary_t& a, const afflux_client_summary_t& b, Change change) {
  for (const auto field : kClientTotals) change(a.*field, b.*field);
  for (std::size_t i = 0; i < AFFLUX_CLIENT_CLASSES; ++i) change(a.requests[i], b.requests[i]);
  for (std::size_t i = 0; i < AFFLUX_CLIENT_PIPELINES; ++i) {
    change(a.lines_read[i], b.lines_read[i]);
    change(a.lines_dropped[i], b.lines_dropped[i]);
  }
}

inline void keep_largest(afflux_sem_stats& sum, const afflux_sem_stats& one) {
  for (const auto max : {stats::kWaitTimes.max, stats::kHoldTimes.max}) {
    sum.*max = std::max(sum.*max, one.*max);
  }
}
inline void keep_largest(afflux_client_summary_t& sum, const afflux_client_summary_t& one) {
  sum.wait_max_ns = std::max(sum.wait_max_ns, one.wait_max_ns);
  sum.peak_drop_rate = std::max(sum.peak_drop_rate, one.peak_drop_rate);
}

template <class Record>
void add_totals(Record& sum, const Record& one) {
  each_total(sum, one, [](std::uint64_t& a, std::uint64_t b) { a += b; });
  keep_largest(sum, one);
}

// The largest stay: there is no telling how large they would be without what was before.
template <class Record>
void subtract_totals(Record& one, const Record& before) {
  each_total(one, before, [](std::uint64_t& a, std::uint64_t b) { a -= b; });
}

}  // namespace afflux::exporting
