// SPDX-License-Identifier: MIT OR Apache-2.0
//
// AFFLUX_THROUGHPUT wakes the first sleeper early and lets it compete; here it
// goes another way at that very moment: its time runs out, or a shrink refuses
// it. No request behind it may be forgotten (L1), and it may not sleep on (L3).
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "stress.h"

namespace afflux_test {
namespace {

class StressWakeup : public stress {};

// The sleeper is woken, loses the permit, is no longer the first and times out, within some
// microseconds. A request before it in rank is served by the next release all the same.
TEST_P(StressWakeup, ASleeperTimesOutAsItIsWokenWhileAHigherRequestArrives) {
  constexpr std::int64_t kTime = 100 * 1000;
  random_engine random = engine(0);
  while (time_left()) {
    const sem_guard sem(options(1));
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    std::atomic<std::int64_t> began{0};
    afflux_status outcome = kNotCompleted;
    std::thread sleeper([&] {
      began.store(now_ns());
      outcome = afflux_sem_acquire(sem, 1, kTime);
    });
    await([&] { return began.load() != 0; });
    // Around the end of its time: a little before, or up to the delay of a wakeup later.
    const std::int64_t aim =
        began.load() + kTime - 10000 + static_cast<std::int64_t>(below(random, 100000));
    while (now_ns() < aim) {
    }
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    const bool again = afflux_sem_try_acquire(sem, 1) == AFFLUX_OK;
    pending high;
    high.request.priority = AFFLUX_PRIORITY_HIGH;
    // Without the permit the sleeper has it, and the request waits for its release.
    const afflux_status status = high.start(sem);
    sleeper.join();
    if (outcome == AFFLUX_OK) {
      ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    } else {
      ASSERT_EQ(outcome, AFFLUX_ETIMEDOUT);
    }
    if (again) {
      ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
    if (status == AFFLUX_PENDING) {
      await([&] { return high.completions() != 0; });
      ASSERT_TRUE(high.completed_once_with(AFFLUX_OK));
    } else {
      ASSERT_EQ(status, AFFLUX_OK);
    }
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    expect_all_free(sem, 1);
  }
}

// L1: a shrink that refuses a thread which a release has just woken, and wakes the next instead.
// Every thread sleeps without a limit of time, so a wakeup that is lost is not made up for.
TEST_P(StressWakeup, ShrinksRefuseThreadsThatWereJustWoken) {
  const sem_guard sem(options(2));
  constexpr int kSleepers = 4;
  std::atomic<int> running{kSleepers};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kSleepers; ++t) {
    threads.emplace_back([&, t] {
      random_engine random = engine(t);
      while (time_left()) {
        const std::uint64_t n = 1 + below(random, 2);
        const afflux_status status = afflux_sem_acquire(sem, n, AFFLUX_FOREVER);
        if (status == AFFLUX_OK) {
          EXPECT_EQ(afflux_sem_release(sem, n), AFFLUX_OK);
        } else {
          EXPECT_EQ(status, AFFLUX_E2BIG);
          EXPECT_EQ(n, 2u);
        }
      }
      running.fetch_sub(1);
    });
  }
  for (std::uint64_t limit = 1; running.load() != 0; limit = 3 - limit) {
    EXPECT_EQ(afflux_sem_resize(sem, limit), AFFLUX_OK);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  expect_all_free(sem, 2);
}

INSTANTIATE_TEST_SUITE_P(Each, StressWakeup, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
