// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Timers by the caller's own loop (afflux_timers_manual, afflux_timers_advance),
// and a million of them.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "support/build_kind.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

constexpr std::int64_t kHour = 3600 * 1000 * kMillisecond;

class ManualTimers : public per_variant {
 protected:
  void SetUp() override { ASSERT_EQ(afflux_timers_manual(1), AFFLUX_OK); }
  void TearDown() override { EXPECT_EQ(afflux_timers_manual(0), AFFLUX_OK); }
};

TEST_P(ManualTimers, NothingHappensButInAdvance) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending p;
  p.request.timeout_ns = kMillisecond;
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  pass_time(5 * kMillisecond);
  EXPECT_EQ(p.completions(), 0);
  std::thread::id on;
  p.then = [&on](afflux_status) { on = std::this_thread::get_id(); };
  EXPECT_EQ(afflux_timers_advance(), AFFLUX_FOREVER);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_ETIMEDOUT));
  EXPECT_EQ(on, std::this_thread::get_id());
}

TEST_P(ManualTimers, AdvanceSaysWhenToComeBack) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_timers_advance(), AFFLUX_FOREVER);
  pending later, sooner;
  later.request.timeout_ns = kHour;
  sooner.request.timeout_ns = 20 * kMillisecond;
  ASSERT_EQ(later.start(sem), AFFLUX_PENDING);
  std::int64_t again = afflux_timers_advance();
  EXPECT_GT(again, 0);
  EXPECT_LE(again, kHour + AFFLUX_TIMER_TICK_NS);
  const std::int64_t before = now_ns();
  ASSERT_EQ(sooner.start(sem), AFFLUX_PENDING);
  // A loop that sleeps as long as it is told gets there, neither spinning nor early.
  int turns = 0;
  while (sooner.completions() == 0) {
    again = afflux_timers_advance();
    if (sooner.completions() != 0) break;
    ASSERT_GE(again, 0);
    ASSERT_LE(again, 20 * kMillisecond + AFFLUX_TIMER_TICK_NS);
    ASSERT_LT(++turns, 1000) << "the loop spins";
    pass_time(again);
  }
  EXPECT_GE(sooner.completed_at - before, 20 * kMillisecond);
  EXPECT_TRUE(sooner.completed_once_with(AFFLUX_ETIMEDOUT));
  EXPECT_EQ(later.completions(), 0);
  EXPECT_EQ(later.cancel(), AFFLUX_OK);
  EXPECT_EQ(afflux_timers_advance(), AFFLUX_FOREVER);
}

TEST_P(ManualTimers, BlockedThreadsKeepTheirOwnTime) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  const std::int64_t before = now_ns();
  EXPECT_EQ(afflux_sem_acquire(sem, 1, 3 * kMillisecond), AFFLUX_ETIMEDOUT);
  EXPECT_GE(now_ns() - before, 3 * kMillisecond);
}

TEST_P(ManualTimers, BackToTheThreadFiresWhatWaited) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending due, ahead;
  due.request.timeout_ns = kMillisecond;
  ahead.request.timeout_ns = 30 * kMillisecond;
  const std::int64_t before = now_ns();
  ASSERT_EQ(due.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(ahead.start(sem), AFFLUX_PENDING);
  pass_time(3 * kMillisecond);
  ASSERT_EQ(afflux_timers_manual(0), AFFLUX_OK);
  await([&] { return due.completions() != 0 && ahead.completions() != 0; });
  EXPECT_TRUE(due.completed_once_with(AFFLUX_ETIMEDOUT));
  EXPECT_TRUE(ahead.completed_once_with(AFFLUX_ETIMEDOUT));
  EXPECT_GE(ahead.completed_at - before, 30 * kMillisecond);
}

TEST_P(ManualTimers, AdvanceMayBeCalledByManyThreads) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  std::deque<pending> queue(400);
  std::atomic<bool> stop{false};
  std::vector<std::thread> loops;
  for (int t = 0; t < 3; ++t) {
    loops.emplace_back([&] {
      while (!stop.load()) afflux_timers_advance();
    });
  }
  std::mt19937_64 random(3);
  for (pending& p : queue) {
    p.request.timeout_ns = static_cast<std::int64_t>(random() % (10 * 1000 * 1000)) + 1;
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  }
  for (pending& p : queue) {
    await([&] { return p.completions() != 0; });
    EXPECT_TRUE(p.completed_once_with(AFFLUX_ETIMEDOUT));
  }
  stop.store(true);
  for (std::thread& loop : loops) loop.join();
}

TEST_P(ManualTimers, AdvanceMayBeCalledFromACompletion) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending first, second;
  first.request.timeout_ns = second.request.timeout_ns = kMillisecond;
  first.then = [](afflux_status) { afflux_timers_advance(); };
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  pass_time(4 * kMillisecond);
  afflux_timers_advance();
  EXPECT_TRUE(first.completed_once_with(AFFLUX_ETIMEDOUT));
  EXPECT_TRUE(second.completed_once_with(AFFLUX_ETIMEDOUT));
}

// L6: a million timers, armed and cancelled, none of which ever fires.
TEST_P(ManualTimers, AMillionTimedRequestsArmedAndCancelled) {
  const std::size_t count = kSanitized ? 100000 : 1000000;
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  const std::unique_ptr<afflux_waiter[]> waiters(new afflux_waiter[count]);
  std::atomic<int> completions{0};
  afflux_request request;
  afflux_request_init(&request);
  request.ctx = &completions;
  request.wake = [](void* ctx, afflux_status) { ++*static_cast<std::atomic<int>*>(ctx); };
  std::mt19937_64 random(11);
  for (std::size_t i = 0; i < count; ++i) {
    // From an hour to a month: every level of whatever keeps them.
    request.timeout_ns =
        kHour + static_cast<std::int64_t>(random() % (720u * std::uint64_t{kHour}));
    ASSERT_EQ(afflux_sem_acquire_async(sem, &request, &waiters[i]), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_sem_waiters(sem), count);
  EXPECT_GT(afflux_timers_advance(), 0);
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_EQ(afflux_waiter_cancel(&waiters[i]), AFFLUX_OK);
  }
  EXPECT_EQ(completions.load(), 0);
  EXPECT_EQ(state_of(sem), (sem_state{1, 0, 1, 0}));
  EXPECT_EQ(afflux_timers_advance(), AFFLUX_FOREVER);
}

INSTANTIATE_TEST_SUITE_P(Each, ManualTimers, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
