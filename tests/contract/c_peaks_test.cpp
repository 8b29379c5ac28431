// SPDX-License-Identifier: MIT OR Apache-2.0
//
// High-water marks: afflux_sem_stats.peak_held, peak_waiters.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

class Peaks : public per_variant {
 protected:
  static afflux_sem_stats stats_of(const afflux_sem* sem) {
    afflux_sem_stats now;
    afflux_sem_stats_init(&now);
    EXPECT_EQ(afflux_sem_get_stats(sem, &now), AFFLUX_OK);
    return now;
  }
  static std::uint64_t held(const afflux_sem* sem) { return stats_of(sem).peak_held; }
  static std::uint64_t waiters(const afflux_sem* sem) { return stats_of(sem).peak_waiters; }
};

TEST_P(Peaks, StartAtZeroAndStayWhereTheyWereHighest) {
  const sem_guard sem(options(5));
  EXPECT_EQ(held(sem), 0u);
  EXPECT_EQ(waiters(sem), 0u);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  EXPECT_EQ(held(sem), 2u);
  ASSERT_EQ(afflux_sem_acquire(sem, 2, AFFLUX_FOREVER), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(sem, 4), AFFLUX_OK);
  EXPECT_EQ(held(sem), 4u);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_EQ(held(sem), 4u);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(waiters(sem), 0u);
}

TEST_P(Peaks, KnowEveryWayToTakePermits) {
  const sem_guard sem(options(20));
  std::uint64_t n = 0;
  ASSERT_EQ(afflux_sem_try_acquire_up_to(sem, 1, 3, &n), AFFLUX_OK);
  EXPECT_EQ(held(sem), 3u);
  pending p(2);
  ASSERT_EQ(p.start(sem), AFFLUX_OK);
  EXPECT_EQ(held(sem), 5u);
  afflux_permit_token token{};
  ASSERT_EQ(afflux_sem_acquire_permit(sem, nullptr, 0, &token), AFFLUX_OK);
  EXPECT_EQ(held(sem), 6u);
  afflux_wait_item item{};
  item.sem = sem;
  item.permits = 4;
  ASSERT_EQ(afflux_acquire_all(&item, 1, 0), AFFLUX_OK);
  EXPECT_EQ(held(sem), 10u);
  ASSERT_EQ(afflux_sem_drain(sem, &n), AFFLUX_OK);
  EXPECT_EQ(held(sem), 20u);
  // A token of permits that are held takes none.
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  ASSERT_EQ(afflux_permit_adopt(sem, 1, &token), AFFLUX_OK);
  EXPECT_EQ(held(sem), 20u);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
}

TEST_P(Peaks, KnowWhatAGrantTakes) {
  const sem_guard sem(options(4));
  pending p(3);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(held(sem), 2u);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  ASSERT_TRUE(p.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(held(sem), 4u);
}

TEST_P(Peaks, AShrinkRaisesNothingAndADebtCounts) {
  const sem_guard sem(options(4));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
  EXPECT_EQ(held(sem), 3u);
  ASSERT_EQ(afflux_sem_resize(sem, 9), AFFLUX_OK);
  EXPECT_EQ(held(sem), 3u);
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  EXPECT_EQ(held(sem), 3u);
}

TEST_P(Peaks, TellTheLongestLine) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  std::deque<pending> all(5);
  for (std::size_t i = 0; i < 3; ++i) ASSERT_EQ(all[i].start(sem), AFFLUX_PENDING);
  EXPECT_EQ(waiters(sem), 3u);
  EXPECT_EQ(all[0].cancel(), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(waiters(sem), 3u);
  for (std::size_t i = 3; i < 5; ++i) ASSERT_EQ(all[i].start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_waiters(sem), 3u);
  EXPECT_EQ(waiters(sem), 3u);
  ASSERT_EQ(all[0].start(sem), AFFLUX_PENDING);
  EXPECT_EQ(waiters(sem), 4u);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(waiters(sem), 4u);
}

// Who waits for it to be idle does not queue.
TEST_P(Peaks, WhoWaitsForIdlenessIsNotInLine) {
  const sem_guard sem(options(1));
  pending p;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_wait_idle_async(sem, &p.request, &p.waiter), AFFLUX_PENDING);
  EXPECT_EQ(waiters(sem), 0u);
  EXPECT_EQ(p.cancel(), AFFLUX_OK);
}

TEST_P(Peaks, AreZeroWithoutStatistics) {
  afflux_sem_options o = options(1);
  o.statistics = AFFLUX_STATS_OFF;
  const sem_guard sem(o);
  pending p;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(held(sem), 0u);
  EXPECT_EQ(waiters(sem), 0u);
  EXPECT_EQ(p.cancel(), AFFLUX_OK);
}

// A caller of an earlier header has no room for them.
TEST_P(Peaks, LieBeyondAnOlderStruct) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  afflux_sem_stats now;
  afflux_sem_stats_init(&now);
  now.struct_size = sizeof now;
  ASSERT_EQ(afflux_sem_get_stats(sem, &now), AFFLUX_OK);
  EXPECT_EQ(now.peak_held, 1u);
  for (const std::uint64_t zero : now.later) EXPECT_EQ(zero, 0u);
}

TEST_P(Peaks, NeverExceedTheLimitNorWhoCouldQueue) {
  constexpr std::uint64_t kThreads = 4;
  const sem_guard sem(options(2));
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, n = t % 2 + 1] {
      for (int i = 0; i < 2000; ++i) {
        EXPECT_EQ(afflux_sem_acquire(sem, n, AFFLUX_FOREVER), AFFLUX_OK);
        EXPECT_EQ(afflux_sem_release(sem, n), AFFLUX_OK);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(held(sem), 1u);
  EXPECT_LE(held(sem), 2u);
  // All may queue at once: what one has given back is not taken yet when it comes again.
  EXPECT_LE(waiters(sem), kThreads);
}

INSTANTIATE_TEST_SUITE_P(Each, Peaks, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
