// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The table of a semaphore's counters, and all that is made from it.
#include "stats/sem_counters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "export/exposition.h"
#include "export/sums.h"
#include "policy.h"
#include "queue/word.h"
#include "stats/semaphore_stats.h"

namespace afflux::stats {
namespace {

using counts = semaphore_stats<native_policy>;

std::size_t offset_of(sem_field field) {
  const afflux_sem_stats one = {};
  const auto* const at = reinterpret_cast<const char*>(&(one.*field));
  return static_cast<std::size_t>(at - reinterpret_cast<const char*>(&one));
}

// A number of its own for each row of the table.
constexpr std::uint64_t number_of(std::size_t row) { return 1000 + 7 * row; }

TEST(SemCounters, HaveEachTotalOfThePublicStructOnce) {
  std::multiset<std::size_t> known;
  for (const sem_counter& each : kSemCounters) known.insert(offset_of(each.field));
  for (const sem_times& each : {kWaitTimes, kHoldTimes}) {
    for (const sem_field field : {each.count, each.sum, each.max}) known.insert(offset_of(field));
  }
  // What is no total: the age, and high-water marks.
  known.insert({offsetof(afflux_sem_stats, age_ns), offsetof(afflux_sem_stats, peak_held),
                offsetof(afflux_sem_stats, peak_waiters)});
  for (std::size_t at = offsetof(afflux_sem_stats, acquired_fast);
       at < offsetof(afflux_sem_stats, later); at += sizeof(std::uint64_t)) {
    EXPECT_EQ(known.count(at), 1u) << "the field of afflux_sem_stats at offset " << at;
  }
}

TEST(SemCounters, StandTogetherByFamilyAndDifferByLabel) {
  std::vector<const counter_family*> families;
  std::set<std::pair<std::string, std::string>> names;
  for (const sem_counter& each : kSemCounters) {
    if (families.empty() || families.back() != each.family) {
      EXPECT_EQ(std::count(families.begin(), families.end(), each.family), 0)
          << each.family->name << " is in two places";
      families.push_back(each.family);
    }
    ASSERT_EQ(each.family->label == nullptr, each.label_value == nullptr) << each.family->name;
    const char* const value = each.label_value == nullptr ? "" : each.label_value;
    EXPECT_TRUE(names.emplace(each.family->name, value).second) << each.family->name << value;
  }
}

template <std::size_t Row>
void count_one_alone() {
  constexpr sem_counter kCounter = kSemCounters[Row];
  if constexpr (kCounter.where != counted_in::nothing) {
    const counts::pointer all = counts::make(false);
    ASSERT_NE(all, nullptr);
    all->template count<kCounter.field>(number_of(Row));
    afflux_sem_stats now = {};
    all->read(now, queue::fastpath<native_policy>{}, [] { return std::uint64_t{0}; });
    for (const sem_counter& each : kSemCounters) {
      // By definition these follow from what was counted.
      if (each.field == &afflux_sem_stats::released) continue;
      const bool follows = kCounter.field == &afflux_sem_stats::requests_fast &&
                           each.field == &afflux_sem_stats::acquired_fast;
      EXPECT_EQ(now.*each.field, each.field == kCounter.field || follows ? number_of(Row) : 0)
          << each.family->name << ", counted: row " << Row;
    }
  }
}

TEST(SemCounters, AreEachCountedAlone) {
  [&]<std::size_t... Row>(std::index_sequence<Row...>) { (count_one_alone<Row>(), ...); }
  (std::make_index_sequence<kSemCounterCount>{});
}

afflux_sem_stats all_different() {
  afflux_sem_stats now = {};
  now.statistics = AFFLUX_STATS_COUNTERS;
  for (std::size_t i = 0; i < kSemCounterCount; ++i) now.*kSemCounters[i].field = number_of(i);
  return now;
}

TEST(SemCounters, AreEachExported) {
  exporting::shown_sem sem = {};
  sem.name = "s";
  sem.id = 1;
  sem.now = all_different();
  std::string text;
  exporting::text_writer to(
      [](void* ctx, const char* piece, std::size_t size) {
        static_cast<std::string*>(ctx)->append(piece, size);
        return std::int32_t{0};
      },
      &text);
  exporting::exposition out(to, false);
  exporting::show_sems(out, [&](auto see) { see(sem); });
  out.end();
  for (std::size_t i = 0; i < kSemCounterCount; ++i) {
    const sem_counter& each = kSemCounters[i];
    std::string sample =
        std::string("\nafflux_semaphore_") + each.family->name + R"(_total{semaphore="s",id="1")";
    if (each.family->label != nullptr) {
      sample += std::string(",") + each.family->label + "=\"" + each.label_value + "\"";
    }
    sample += "} " + std::to_string(number_of(i)) + "\n";
    EXPECT_NE(text.find(sample), std::string::npos) << sample << "is not in\n" << text;
  }
}

TEST(SemCounters, AreEachInTheSumsOfARegistry) {
  const afflux_sem_stats one = all_different();
  afflux_sem_stats sum = {};
  exporting::add_totals(sum, one);
  exporting::add_totals(sum, one);
  for (std::size_t i = 0; i < kSemCounterCount; ++i) {
    EXPECT_EQ(sum.*kSemCounters[i].field, 2 * number_of(i)) << "row " << i;
  }
  exporting::subtract_totals(sum, one);
  for (std::size_t i = 0; i < kSemCounterCount; ++i) {
    EXPECT_EQ(sum.*kSemCounters[i].field, number_of(i)) << "row " << i;
  }
}

// K2, by the header: queued = waiters + granted + canceled + timed_out + dropped + closed_out +
// impossible.
TEST(SemCounters, KnowHowAQueuedRequestEnds) {
  const afflux_sem_stats now = all_different();
  EXPECT_EQ(ended_in(now), now.granted + now.canceled + now.timed_out + now.dropped +
                               now.closed_out + now.impossible);
  // Whatever ends is read before `queued`.
  for (std::size_t i = index_of(&afflux_sem_stats::queued); i < kSemCounterCount; ++i) {
    EXPECT_FALSE(kSemCounters[i].ends_wait) << "row " << i;
  }
}

}  // namespace
}  // namespace afflux::stats
