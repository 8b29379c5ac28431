// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <array>
#include <iterator>

#include "export/exposition.h"
#include "stats/sem_counters.h"

namespace afflux::exporting {
namespace {

constexpr std::string_view kPrefix = "afflux_semaphore_";

using stats::counter_family;
using stats::kSemCounters;
using stats::sem_counter;

// ---- samples of one semaphore

// Every second power of two, from 1.024 microseconds to 18 minutes: they are bounds of our
// buckets, too. Written as OpenMetrics wants a number to be.
struct bound {
  std::uint64_t ns;
  const char* seconds;
};
constexpr bound kBounds[] = {
    {std::uint64_t{1} << 10, "1.024e-06"},     {std::uint64_t{1} << 12, "4.096e-06"},
    {std::uint64_t{1} << 14, "1.6384e-05"},    {std::uint64_t{1} << 16, "6.5536e-05"},
    {std::uint64_t{1} << 18, "0.000262144"},   {std::uint64_t{1} << 20, "0.001048576"},
    {std::uint64_t{1} << 22, "0.004194304"},   {std::uint64_t{1} << 24, "0.016777216"},
    {std::uint64_t{1} << 26, "0.067108864"},   {std::uint64_t{1} << 28, "0.268435456"},
    {std::uint64_t{1} << 30, "1.073741824"},   {std::uint64_t{1} << 32, "4.294967296"},
    {std::uint64_t{1} << 34, "17.179869184"},  {std::uint64_t{1} << 36, "68.719476736"},
    {std::uint64_t{1} << 38, "274.877906944"}, {std::uint64_t{1} << 40, "1099.511627776"},
};

void begin(exposition& to, const shown_sem& sem, std::string_view suffix) {
  to.begin(suffix);
  to.label("semaphore", sem.name);
  to.label("id", sem.id);
}

void show_histogram(exposition& to, const shown_sem& sem,
                    const stats::histogram<native_policy>& times) {
  // Before the buckets: what comes meanwhile is in neither, or only in these.
  const std::uint64_t sum = times.sum();
  std::uint64_t seen = 0;
  std::size_t next = 0;
  for (const bound& b : kBounds) {
    for (; next < stats::kBuckets && stats::bound_of(next) <= b.ns; ++next)
      seen += times.bucket(next);
    begin(to, sem, "_bucket");
    to.label("le", b.seconds);
    to.value(seen);
  }
  for (; next < stats::kBuckets; ++next) seen += times.bucket(next);
  begin(to, sem, "_bucket");
  to.label("le", "+Inf");
  to.value(seen);
  begin(to, sem, "_sum");
  to.value_in_seconds(static_cast<std::int64_t>(sum));
  begin(to, sem, "_count");
  to.value(seen);
  if (!to.tells_creation()) return;
  begin(to, sem, "_created");
  to.creation(sem.created);
}

template <stats::sem_field From>
void show_gauge(exposition& to, const shown_sem& sem, std::size_t) {
  begin(to, sem, {});
  to.value(sem.now.*From);
}

void show_oldest_wait(exposition& to, const shown_sem& sem, std::size_t) {
  if (sem.now.statistics == AFFLUX_STATS_OFF) return;
  begin(to, sem, {});
  to.value_in_seconds(sem.now.oldest_wait_ns);
}

void show_counter(exposition& to, const shown_sem& sem, const sem_counter& one) {
  const auto begin_with = [&](std::string_view suffix) {
    begin(to, sem, suffix);
    if (one.family->label != nullptr) to.label(one.family->label, one.label_value);
  };
  begin_with("_total");
  to.value(sem.now.*one.field);
  if (!to.tells_creation()) return;
  begin_with("_created");
  to.creation(sem.created);
}

// The family that begins at that row of the table.
void show_counters(exposition& to, const shown_sem& sem, std::size_t row) {
  if (sem.now.statistics == AFFLUX_STATS_OFF) return;
  const counter_family* const family = kSemCounters[row].family;
  for (; row < stats::kSemCounterCount && kSemCounters[row].family == family; ++row) {
    show_counter(to, sem, kSemCounters[row]);
  }
}

using histogram = stats::histogram<native_policy>;
template <const histogram* shown_sem::*From>
void show_times(exposition& to, const shown_sem& sem, std::size_t) {
  if (sem.*From != nullptr) show_histogram(to, sem, *(sem.*From));
}

// ---- samples of its control

using control_numbers = stats::control_numbers<native_policy>;
template <auto From>
void show_of_control(exposition& to, const shown_sem& sem, const char* label = nullptr,
                     const char* label_value = nullptr) {
  const auto begin_with = [&](std::string_view suffix) {
    begin(to, sem, suffix);
    if (label != nullptr) to.label(label, label_value);
  };
  begin_with("_total");
  to.value((sem.control->*From).get());
  if (!to.tells_creation()) return;
  begin_with("_created");
  to.creation(sem.created);
}

void show_samples(exposition& to, const shown_sem& sem, std::size_t) {
  if (sem.control == nullptr) return;
  show_of_control<&control_numbers::served>(to, sem, "result", "served");
  show_of_control<&control_numbers::dropped>(to, sem, "result", "dropped");
  show_of_control<&control_numbers::ignored>(to, sem, "result", "ignored");
}
void show_changes(exposition& to, const shown_sem& sem, std::size_t) {
  if (sem.control == nullptr) return;
  show_of_control<&control_numbers::raised>(to, sem, "direction", "up");
  show_of_control<&control_numbers::lowered>(to, sem, "direction", "down");
}
void show_windows(exposition& to, const shown_sem& sem, std::size_t) {
  if (sem.control != nullptr) show_of_control<&control_numbers::windows>(to, sem);
}
void show_latency(exposition& to, const shown_sem& sem, std::size_t) {
  if (sem.control == nullptr) return;
  begin(to, sem, {});
  to.value_in_seconds(static_cast<std::int64_t>(sem.control->latency.get()));
}

// ---- the families: what is now, what has been counted, how long things took

struct family {
  metric what;
  void (*show)(exposition&, const shown_sem&, std::size_t row);
  std::size_t row = 0;  // of kSemCounters, where a family of counters begins
};

constexpr family kBeforeCounters[] = {
    {{"permits_limit", kind::gauge, "", "Permits that may be held at once."},
     show_gauge<&afflux_sem_stats::limit>},
    {{"permits_held", kind::gauge, "", "Permits that are held."},
     show_gauge<&afflux_sem_stats::held>},
    {{"permits_available", kind::gauge, "", "Permits that a newcomer could take."},
     show_gauge<&afflux_sem_stats::available>},
    {{"waiters", kind::gauge, "", "Requests that are queued."},
     show_gauge<&afflux_sem_stats::waiters>},
    {{"queue_bytes", kind::gauge, "bytes", "Cost of the requests that are queued."},
     show_gauge<&afflux_sem_stats::queue_bytes>},
    {{"oldest_wait_seconds", kind::gauge, "seconds",
      "How long the request that has queued longest has waited."},
     show_oldest_wait},
};

constexpr metric metric_of(const stats::sem_times& times) {
  return {times.name, kind::histogram, "seconds", times.help};
}
constexpr family kAfterCounters[] = {
    {metric_of(stats::kWaitTimes), show_times<&shown_sem::waits>},
    {metric_of(stats::kHoldTimes), show_times<&shown_sem::holds>},
    {{"control_samples", kind::counter, "", "Requests that its control was told of."},
     show_samples},
    {{"control_windows", kind::counter, "", "Windows that its control has closed."}, show_windows},
    {{"control_changes", kind::counter, "", "Changes of the limit by its control."}, show_changes},
    {{"control_latency_seconds", kind::gauge, "seconds",
      "Mean latency of the last window of its control."},
     show_latency},
};

constexpr bool begins_family(std::size_t row) {
  // By name: g++ 12 cannot compare the addresses in a constant when it checks for undefined
  // behaviour.
  return row == 0 ||
         std::string_view(kSemCounters[row].family->name) != kSemCounters[row - 1].family->name;
}
constexpr std::size_t count_counter_families() {
  std::size_t count = 0;
  for (std::size_t i = 0; i < stats::kSemCounterCount; ++i) count += begins_family(i) ? 1u : 0u;
  return count;
}

constexpr auto kFamilies = [] {
  std::array<family,
             std::size(kBeforeCounters) + count_counter_families() + std::size(kAfterCounters)>
      all{};
  auto* next = std::copy(std::begin(kBeforeCounters), std::end(kBeforeCounters), all.begin());
  for (std::size_t i = 0; i < stats::kSemCounterCount; ++i) {
    const counter_family& of = *kSemCounters[i].family;
    if (begins_family(i)) *next++ = {{of.name, kind::counter, "", of.help}, show_counters, i};
  }
  std::copy(std::begin(kAfterCounters), std::end(kAfterCounters), next);
  return all;
}();

}  // namespace

bool begin_sem_family(exposition& to, std::size_t number) {
  if (number >= kFamilies.size()) return false;
  to.family(kPrefix, kFamilies[number].what);
  return true;
}

void show(exposition& to, std::size_t number, const shown_sem& sem) {
  const family& f = kFamilies[number];
  f.show(to, sem, f.row);
}

}  // namespace afflux::exporting
