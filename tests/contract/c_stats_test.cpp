// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a semaphore counts: each way in which a request can go, over every strategy. That the
// numbers agree at rest is also looked at wherever a test says that all permits are free
// (expect_all_free()), the stress tests included.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

afflux_sem_stats stats_of(const afflux_sem* sem) {
  afflux_sem_stats stats;
  EXPECT_EQ(afflux_sem_stats_init(&stats), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_get_stats(sem, &stats), AFFLUX_OK);
  return stats;
}

class Stats : public per_variant {
 protected:
  static afflux_sem_options full(std::uint64_t permits) {
    afflux_sem_options made = options(permits);
    made.statistics = AFFLUX_STATS_FULL;
    return made;
  }
};

TEST_P(Stats, StartAtZero) {
  const sem_guard sem(options(7));
  const afflux_sem_stats now = stats_of(sem);
  EXPECT_EQ(now.struct_size, sizeof now);
  EXPECT_EQ(now.statistics, std::uint32_t{AFFLUX_STATS_COUNTERS});
  EXPECT_EQ(now.limit, 7u);
  EXPECT_EQ(now.available, 7u);
  EXPECT_EQ(now.held + now.waiters + now.queue_bytes, 0u);
  EXPECT_EQ(now.acquired_fast + now.acquired_after_wait + now.released + now.queued, 0u);
  EXPECT_EQ(now.oldest_wait_ns, 0);
  EXPECT_GE(now.age_ns, 0);
}

TEST_P(Stats, CountWhatIsTakenAndGivenBack) {
  const sem_guard sem(options(10));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_acquire(sem, 2, AFFLUX_FOREVER), AFFLUX_OK);
  pending one;
  ASSERT_EQ(one.start(sem), AFFLUX_OK);
  std::uint64_t drained = 0;
  ASSERT_EQ(afflux_sem_drain(sem, &drained), AFFLUX_OK);
  ASSERT_EQ(drained, 4u);
  ASSERT_EQ(afflux_sem_drain(sem, &drained), AFFLUX_OK);  // nothing, and no request
  ASSERT_EQ(afflux_sem_release(sem, 6), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_release(sem, 5), AFFLUX_EOVERFLOW);

  const afflux_sem_stats now = stats_of(sem);
  EXPECT_EQ(now.acquired_fast, 10u);
  EXPECT_EQ(now.requests_fast, 4u);
  EXPECT_EQ(now.released, 6u);
  EXPECT_EQ(now.held, 4u);
  EXPECT_EQ(now.acquired_after_wait, 0u);
  EXPECT_EQ(now.queued, 0u);
  ASSERT_EQ(afflux_sem_release(sem, 4), AFFLUX_OK);
  expect_all_free(sem, 10);
}

TEST_P(Stats, CountTriesThatFail) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_sem_acquire(sem, 1, 0), AFFLUX_ETIMEDOUT);
  pending one;
  one.request.timeout_ns = 0;
  EXPECT_EQ(one.start(sem), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_E2BIG);  // a mistake, not a try
  EXPECT_EQ(stats_of(sem).try_failed, 3u);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_all_free(sem, 1);
}

TEST_P(Stats, CountGrantsCancelsAndTheQueue) {
  const sem_guard sem(options(2));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  pending first(2);
  pending second(1);
  pending third(1);
  first.request.cost_bytes = 100;
  second.request.cost_bytes = 20;
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(third.start(sem), AFFLUX_PENDING);
  afflux_sem_stats now = stats_of(sem);
  EXPECT_EQ(now.queued, 3u);
  EXPECT_EQ(now.waiters, 3u);
  EXPECT_EQ(now.queue_bytes, 120u);

  ASSERT_EQ(second.cancel(), AFFLUX_OK);
  now = stats_of(sem);
  EXPECT_EQ(now.canceled, 1u);
  EXPECT_EQ(now.waiters, 2u);
  EXPECT_EQ(now.queue_bytes, 100u);

  ASSERT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  ASSERT_TRUE(first.completed_once_with(AFFLUX_OK));
  now = stats_of(sem);
  EXPECT_EQ(now.granted, 1u);
  EXPECT_EQ(now.acquired_after_wait, 2u);
  EXPECT_EQ(now.waiters, 1u);
  EXPECT_EQ(now.queue_bytes, 0u);

  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  ASSERT_TRUE(third.completed_once_with(AFFLUX_OK));
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(stats_of(sem).granted, 2u);
  expect_all_free(sem, 2);
}

TEST_P(Stats, CountTimeoutsOfRequestsAndThreads) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending one;
  one.request.timeout_ns = kMillisecond;
  ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_acquire(sem, 1, kMillisecond), AFFLUX_ETIMEDOUT);
  await([&] { return one.completions() == 1; });
  EXPECT_EQ(one.status(), AFFLUX_ETIMEDOUT);
  const afflux_sem_stats now = stats_of(sem);
  EXPECT_EQ(now.timed_out, 2u);
  EXPECT_EQ(now.queued, 2u);
  EXPECT_EQ(now.waiters, 0u);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_all_free(sem, 1);
}

TEST_P(Stats, CountWhatACloseEnds) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending one;
  pending two;
  ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(two.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_ECLOSED);
  const afflux_sem_stats now = stats_of(sem);
  EXPECT_EQ(now.closed_out, 2u);
  EXPECT_EQ(now.queued, 2u);
  EXPECT_EQ(now.try_failed, 0u);
}

TEST_P(Stats, CountWhatAShrinkMakesImpossible) {
  const sem_guard sem(options(3));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  pending large(3);
  pending small(1);
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(small.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(large.completed_once_with(AFFLUX_E2BIG));
  afflux_sem_stats now = stats_of(sem);
  EXPECT_EQ(now.impossible, 1u);
  EXPECT_EQ(now.resizes, 1u);
  EXPECT_EQ(now.limit, 1u);
  EXPECT_EQ(now.held, 3u);
  ASSERT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  EXPECT_TRUE(small.completed_once_with(AFFLUX_OK));
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
  EXPECT_EQ(stats_of(sem).resizes, 2u);
  expect_all_free(sem, 1);
}

TEST_P(Stats, CountRefusedNewcomers) {
  for (const std::uint32_t overflow : {AFFLUX_OVERFLOW_DROP_NEWEST, AFFLUX_OVERFLOW_FAIL}) {
    afflux_sem_options limited = options(1);
    limited.overflow = overflow;
    limited.max_waiters = 1;
    const sem_guard sem(limited);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    pending one;
    pending two;
    ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
    EXPECT_EQ(two.start(sem), AFFLUX_EREJECTED);
    EXPECT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_EREJECTED);
    const afflux_sem_stats now = stats_of(sem);
    EXPECT_EQ(now.rejected, 2u);
    EXPECT_EQ(now.dropped, 0u);
    EXPECT_EQ(now.queued, 1u);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    expect_all_free(sem, 1);
  }
}

TEST_P(Stats, CountDroppedRequests) {
  afflux_sem_options limited = options(1);
  limited.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
  limited.max_waiters = 2;
  const sem_guard sem(limited);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending requests[5];
  for (pending& each : requests) ASSERT_EQ(each.start(sem), AFFLUX_PENDING);
  const afflux_sem_stats now = stats_of(sem);
  EXPECT_EQ(now.queued, 5u);
  EXPECT_EQ(now.dropped, 3u);
  EXPECT_EQ(now.rejected, 0u);
  EXPECT_EQ(now.waiters, 2u);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_all_free(sem, 1);
}

TEST_P(Stats, TellHowLongTheOldestHasWaited) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending old;
  old.request.priority = AFFLUX_PRIORITY_LOW;
  pending late;
  const std::int64_t before = now_ns();
  ASSERT_EQ(old.start(sem), AFFLUX_PENDING);
  const std::int64_t between = now_ns();
  pass_time(20 * kMillisecond);
  const std::int64_t then = now_ns();
  ASSERT_EQ(late.start(sem), AFFLUX_PENDING);
  (void)afflux_sem_waiters(sem);  // links what has just arrived
  const std::int64_t least = now_ns() - between;
  EXPECT_GE(stats_of(sem).oldest_wait_ns, least - 2048);
  // Too long by a step and a tick of the clock at most; ticks are 16 ms at most.
  const std::int64_t told = stats_of(sem).oldest_wait_ns;
  EXPECT_LE(told, now_ns() - before + 17 * kMillisecond);

  ASSERT_EQ(old.cancel(), AFFLUX_OK);
  const std::int64_t told_of_late = stats_of(sem).oldest_wait_ns;
  EXPECT_LE(told_of_late, now_ns() - then + 17 * kMillisecond);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  ASSERT_TRUE(late.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(stats_of(sem).oldest_wait_ns, 0);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_all_free(sem, 1);
}

TEST_P(Stats, TakeTheTimesOfWaits) {
  const sem_guard sem(full(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending requests[3];
  for (pending& each : requests) ASSERT_EQ(each.start(sem), AFFLUX_PENDING);
  pass_time(2 * kMillisecond);
  blocked thread(sem, 1);
  await_waiters(sem, 4);
  for (int i = 0; i < 4; ++i) ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(thread.join(), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);

  const afflux_sem_stats now = stats_of(sem);
  EXPECT_EQ(now.statistics, std::uint32_t{AFFLUX_STATS_FULL});
  EXPECT_EQ(now.wait_count, 4u);
  EXPECT_GE(now.wait_sum_ns, 3u * 2 * kMillisecond - 3 * 1024);
  EXPECT_GE(now.wait_max_ns, 2u * kMillisecond - 1024);
  auto times = std::make_unique<afflux_histogram>();
  ASSERT_EQ(afflux_sem_wait_times(sem, times.get()), AFFLUX_OK);
  EXPECT_EQ(times->struct_size, sizeof *times);
  EXPECT_EQ(times->count, 4u);
  EXPECT_EQ(times->sum_ns, now.wait_sum_ns);
  EXPECT_EQ(times->max_ns, now.wait_max_ns);
  // Half of them waited for two milliseconds and more; a bucket's middle is off by 1/32.
  EXPECT_GE(afflux_histogram_quantile(times.get(), 0.5), 2u * kMillisecond * 31 / 32 - 1024);
  EXPECT_LE(afflux_histogram_quantile(times.get(), 1), times->max_ns);
  expect_all_free(sem, 1);
}

TEST_P(Stats, TakeTheTimesOfTokens) {
  const sem_guard sem(full(4));
  afflux_permit_token permit;
  afflux_permit_token other;
  ASSERT_EQ(afflux_sem_acquire_permit(sem, nullptr, 0, &permit), AFFLUX_OK);
  afflux_request two;
  afflux_request_init(&two);
  two.permits = 2;
  ASSERT_EQ(afflux_sem_acquire_permit(sem, &two, 0, &other), AFFLUX_OK);
  pass_time(kMillisecond);
  ASSERT_EQ(afflux_permit_release(&permit), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&permit), AFFLUX_EALREADY);  // counts once
  ASSERT_EQ(afflux_permit_release(&other), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);  // plain permits have no identity
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  auto times = std::make_unique<afflux_histogram>();
  times->struct_size = 0;
  ASSERT_EQ(afflux_sem_hold_times(sem, times.get()), AFFLUX_OK);
  EXPECT_EQ(times->count, 2u);
  EXPECT_GE(times->max_ns, std::uint64_t{kMillisecond});
  EXPECT_GE(times->sum_ns, 2u * kMillisecond);
  EXPECT_EQ(stats_of(sem).hold_count, 2u);
  expect_all_free(sem, 4);
}

struct slow_book {
  std::vector<afflux_slow_wait> told;
  static void note(void* ctx, const afflux_slow_wait* wait) {
    static_cast<slow_book*>(ctx)->told.push_back(*wait);
  }
};

TEST_P(Stats, SlowWaitsAreTold) {
  slow_book book;
  for (const std::uint32_t statistics : {AFFLUX_STATS_COUNTERS, AFFLUX_STATS_FULL}) {
    book.told.clear();
    afflux_sem_options watched = options(4);
    watched.statistics = statistics;
    watched.slow_wait = &slow_book::note;
    watched.slow_wait_ctx = &book;
    watched.slow_wait_ns = kMillisecond;
    const sem_guard sem(watched);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 4), AFFLUX_OK);
    pending slow(2);
    slow.request.priority = AFFLUX_PRIORITY_HIGH;
    std::size_t told_at_completion = 0;
    slow.then = [&](afflux_status) { told_at_completion = book.told.size(); };
    ASSERT_EQ(slow.start(sem), AFFLUX_PENDING);
    pass_time(2 * kMillisecond);
    ASSERT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
    ASSERT_EQ(book.told.size(), 1u);
    EXPECT_EQ(told_at_completion, 1u);  // before it completes
    EXPECT_EQ(book.told[0].struct_size, sizeof book.told[0]);
    EXPECT_EQ(book.told[0].permits, 2u);
    EXPECT_EQ(book.told[0].priority, std::uint32_t{AFFLUX_PRIORITY_HIGH});
    EXPECT_EQ(book.told[0].ctx, &slow);
    EXPECT_GE(book.told[0].wait_ns, 2 * kMillisecond - 1024);

    pending given_up(4);  // who is not granted is not told of
    ASSERT_EQ(given_up.start(sem), AFFLUX_PENDING);
    pass_time(2 * kMillisecond);
    ASSERT_EQ(given_up.cancel(), AFFLUX_OK);
    EXPECT_EQ(book.told.size(), 1u);
    ASSERT_EQ(afflux_sem_release(sem, 4), AFFLUX_OK);
    expect_all_free(sem, 4);
  }
}

// What a wait for several queues is the library's own, and not to be looked into.
TEST_P(Stats, SlowWaitsForSeveralHaveNoContext) {
  slow_book book;
  afflux_sem_options watched = options(1);
  watched.slow_wait = &slow_book::note;
  watched.slow_wait_ctx = &book;
  const sem_guard sem(watched);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending whole;
  afflux_wait_group group = {};
  afflux_wait_item item = {};
  item.sem = sem;
  item.permits = 1;
  ASSERT_EQ(afflux_acquire_all_async(&group, &item, 1, &whole.request), AFFLUX_PENDING);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  ASSERT_TRUE(whole.completed_once_with(AFFLUX_OK));
  ASSERT_EQ(book.told.size(), 1u);
  EXPECT_EQ(book.told[0].ctx, nullptr);

  std::thread blocked_thread([&] {
    afflux_wait_item again = {};
    again.sem = sem;
    again.permits = 1;
    EXPECT_EQ(afflux_acquire_all(&again, 1, AFFLUX_FOREVER), AFFLUX_OK);
  });
  await_waiters(sem, 1);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  blocked_thread.join();
  ASSERT_EQ(book.told.size(), 2u);
  EXPECT_EQ(book.told[1].ctx, nullptr);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_all_free(sem, 1);
}

TEST_P(Stats, OffCountsNothing) {
  afflux_sem_options off = options(1);
  off.statistics = AFFLUX_STATS_OFF;
  const sem_guard sem(off);
  EXPECT_EQ(afflux_sem_fastpath(sem)->reserved, 0u);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_EAGAIN);
  pending one;
  one.request.cost_bytes = 5;
  ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
  (void)afflux_sem_waiters(sem);
  const afflux_sem_stats now = stats_of(sem);
  EXPECT_EQ(now.statistics, std::uint32_t{AFFLUX_STATS_OFF});
  EXPECT_EQ(now.held, 1u);
  EXPECT_EQ(now.waiters, 1u);
  EXPECT_EQ(now.queue_bytes, 5u);
  EXPECT_EQ(now.acquired_fast + now.queued + now.try_failed, 0u);
  auto times = std::make_unique<afflux_histogram>();
  EXPECT_EQ(afflux_sem_wait_times(sem, times.get()), AFFLUX_ENOTSUP);
  ASSERT_EQ(one.cancel(), AFFLUX_OK);
}

// More threads than there are shards, at once and one after the other.
TEST_P(Stats, NothingIsLostAmongThreads) {
  const sem_guard sem(options(1000));
  constexpr std::uint64_t kThreads = 80;
  constexpr std::uint64_t kTimes = 500;
  for (int round = 0; round < 2; ++round) {
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&sem] {
        for (std::uint64_t i = 0; i < kTimes; ++i) {
          EXPECT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
          EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
        }
      });
    }
    for (std::thread& each : threads) each.join();
  }
  const afflux_sem_stats now = stats_of(sem);
  EXPECT_EQ(now.requests_fast, 2 * kThreads * kTimes);
  EXPECT_EQ(now.acquired_fast, 6 * kThreads * kTimes);
  EXPECT_EQ(now.released, 6 * kThreads * kTimes);
  expect_all_free(sem, 1000);
}

INSTANTIATE_TEST_SUITE_P(, Stats, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
