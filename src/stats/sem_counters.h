// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The table of a semaphore's counters: for each total of afflux_sem_stats where it is counted, and
// under which name it is exported. The storage, the filling of the struct, the sums of a registry,
// the exposition and the tests are made from it. So a new counter is a field of the public struct,
// a row here, and a call of semaphore_stats::count() at the place where it happens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <type_traits>
#include <utility>

#include "afflux/afflux.h"

namespace afflux::stats {

using sem_field = std::uint64_t afflux_sem_stats::*;

enum class counted_in : std::uint8_t {
  shards,  // by any thread, in its own shard: what it takes without queueing
  line,    // by the holder of the lock: how requests queue and end
  nothing  // computed when it is read
};

// Counters that are exported under one name, and told apart by a label.
struct counter_family {
  const char* name;   // without the prefix afflux_semaphore_ and without _total
  const char* label;  // nullptr: one counter
  const char* help;
};

inline constexpr counter_family kPermitsAcquired = {"permits_acquired", "path",
                                                    "Permits acquired, at once or after queueing."};
inline constexpr counter_family kPermitsReleased = {"permits_released", nullptr,
                                                    "Permits given back."};
inline constexpr counter_family kRequests = {"requests", "outcome",
                                             "Requests that have ended, by how they did."};
inline constexpr counter_family kQueued = {"queued", nullptr, "Requests that have queued."};
inline constexpr counter_family kShed = {
    "shed", nullptr, "Queued requests dropped because they had waited too long."};
inline constexpr counter_family kResizes = {"resizes", nullptr, "Changes of the limit."};

struct sem_counter {
  sem_field field;
  const counter_family* family;
  const char* label_value;  // nullptr: the family has no label
  counted_in where;
  bool ends_wait = false;  // one way in which a queued request ends
};

// In the order in which they are read and exported. Rows of one family stand together. Whatever
// ends a wait is read before `queued`, so that no reader finds more ended than had queued; what was
// shed before what was dropped, which it is a part of.
//
// In the shards acquired_fast counts the permits beyond each request's first; those are one for
// each of requests_fast, which semaphore_stats::read() adds.
inline constexpr sem_counter kSemCounters[] = {
    {&afflux_sem_stats::acquired_fast, &kPermitsAcquired, "fast", counted_in::shards},
    {&afflux_sem_stats::acquired_after_wait, &kPermitsAcquired, "queued", counted_in::line},
    {&afflux_sem_stats::released, &kPermitsReleased, nullptr, counted_in::nothing},
    {&afflux_sem_stats::shed, &kShed, nullptr, counted_in::line},
    {&afflux_sem_stats::requests_fast, &kRequests, "fast", counted_in::shards},
    {&afflux_sem_stats::granted, &kRequests, "granted", counted_in::line, true},
    {&afflux_sem_stats::canceled, &kRequests, "canceled", counted_in::line, true},
    {&afflux_sem_stats::timed_out, &kRequests, "timed_out", counted_in::line, true},
    {&afflux_sem_stats::rejected, &kRequests, "rejected", counted_in::line},
    {&afflux_sem_stats::dropped, &kRequests, "dropped", counted_in::line, true},
    {&afflux_sem_stats::closed_out, &kRequests, "closed", counted_in::line, true},
    {&afflux_sem_stats::impossible, &kRequests, "impossible", counted_in::line, true},
    {&afflux_sem_stats::try_failed, &kRequests, "try_failed", counted_in::shards},
    {&afflux_sem_stats::queued, &kQueued, nullptr, counted_in::line},
    {&afflux_sem_stats::resizes, &kResizes, nullptr, counted_in::line},
};

// A histogram of times, in short.
struct sem_times {
  sem_field count, sum, max;
  const char* name;  // of its family, without the prefix
  const char* help;
};
inline constexpr sem_times kWaitTimes = {
    &afflux_sem_stats::wait_count, &afflux_sem_stats::wait_sum_ns, &afflux_sem_stats::wait_max_ns,
    "wait_seconds", "How long those requests waited that were granted after queueing."};
inline constexpr sem_times kHoldTimes = {
    &afflux_sem_stats::hold_count, &afflux_sem_stats::hold_sum_ns, &afflux_sem_stats::hold_max_ns,
    "hold_seconds", "How long permit tokens were held."};

// ---- made from the table

inline constexpr std::size_t kSemCounterCount = std::size(kSemCounters);

// How many rows before the `index`-th are counted there, too: its place in an array of those.
constexpr unsigned position_at(std::size_t index, counted_in where) {
  unsigned before = 0;
  for (std::size_t i = 0; i < index; ++i) before += kSemCounters[i].where == where ? 1u : 0u;
  return before;
}
constexpr unsigned how_many(counted_in where) { return position_at(kSemCounterCount, where); }

// kSemCounterCount: it is not in the table.
constexpr std::size_t index_of(sem_field field) {
  std::size_t index = 0;
  while (index < kSemCounterCount && kSemCounters[index].field != field) ++index;
  return index;
}

template <sem_field Field>
struct sem_counter_of {
  static constexpr std::size_t kIndex = index_of(Field);
  static_assert(kIndex < kSemCounterCount, "kSemCounters has no row for it");
  static constexpr counted_in kWhere = kSemCounters[kIndex].where;
  static constexpr unsigned kPosition = position_at(kIndex, kWhere);
};

// see(field, position) for each that is counted there. Unrolled, so that each is a constant.
template <counted_in Where, class See>
constexpr void each_counted(See&& see) {
  [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    const auto look = [&see]<std::size_t I>(std::integral_constant<std::size_t, I>) {
      if constexpr (kSemCounters[I].where == Where) {
        see(kSemCounters[I].field, position_at(I, Where));
      }
    };
    (look(std::integral_constant<std::size_t, Index>{}), ...);
  }
  (std::make_index_sequence<kSemCounterCount>{});
}

// change(field) for each total: what has been counted, and counts and sums of times.
template <class Change>
constexpr void each_total_field(Change&& change) {
  [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    (change(kSemCounters[Index].field), ...);
  }
  (std::make_index_sequence<kSemCounterCount>{});
  for (const sem_times& times : {kWaitTimes, kHoldTimes}) {
    change(times.count);
    change(times.sum);
  }
}

// K2: how many queued requests have ended.
constexpr std::uint64_t ended_in(const afflux_sem_stats& of) {
  std::uint64_t sum = 0;
  for (const sem_counter& each : kSemCounters) {
    if (each.ends_wait) sum += of.*each.field;
  }
  return sum;
}

}  // namespace afflux::stats
