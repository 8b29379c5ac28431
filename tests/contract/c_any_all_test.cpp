// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Any of several and all of several: every status, blocking and by completion. Groups as
// such: c_group_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "support/group.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

class Any : public per_variant {};
class All : public per_variant {};

// ---- any

TEST_P(Any, TakesTheFirstThatIsFree) {
  const sem_guard a(options(1)), b(options(2)), c(options(1));
  hold(a, 1);
  group g({of(a), of(b, 2), of(c)});
  EXPECT_EQ(g.any(), AFFLUX_OK);
  EXPECT_EQ(g.index, 1u);
  EXPECT_EQ(g.winner(), 1u);
  expect_held({{a, 1}, {b, 2}, {c, 0}});
  std::size_t index = kNoIndex;
  EXPECT_EQ(afflux_acquire_any(g.items.data(), 3, AFFLUX_FOREVER, &index), AFFLUX_OK);
  EXPECT_EQ(index, 2u);
  expect_held({{a, 1}, {b, 2}, {c, 1}});
  EXPECT_EQ(g.completions(), 0);
  EXPECT_EQ(g.cancel(), AFFLUX_EALREADY);
  // The end of the semaphores' scope, with permits held, is not a matter of this test.
}

TEST_P(Any, IsCompletedByTheFirstThatComesAndLeavesTheOthers) {
  const sem_guard a(options(1)), b(options(1)), c(options(1));
  hold(a, 1);
  hold(b, 1);
  hold(c, 1);
  group g({of(a), of(b), of(c)});
  ASSERT_EQ(g.any(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_waiters(a) + afflux_sem_waiters(b) + afflux_sem_waiters(c), 3u);
  EXPECT_EQ(afflux_sem_release(b, 1), AFFLUX_OK);
  EXPECT_TRUE(g.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(g.winner(), 1u);
  EXPECT_EQ(g.index, kNoIndex);
  expect_held({{a, 1}, {b, 1}, {c, 1}});
  EXPECT_EQ(afflux_sem_release(a, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(c, 1), AFFLUX_OK);
  expect_held({{a, 0}, {b, 1}, {c, 0}});
  EXPECT_EQ(g.completions(), 1);
}

TEST_P(Any, MayNameOneSemaphoreSeveralTimes) {
  const sem_guard sem(options(3));
  hold(sem, 3);
  group g({of(sem, 3), of(sem, 1)});
  ASSERT_EQ(g.any(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  EXPECT_TRUE(g.completed_once_with(AFFLUX_OK));
  expect_held({{sem, g.winner() == 0 ? 3u : 1u}});
}

TEST_P(Any, WithoutTimeNeverWaits) {
  const sem_guard a(options(1)), b(options(1));
  hold(a, 1);
  hold(b, 1);
  group g({of(a), of(b)});
  g.request.timeout_ns = 0;
  EXPECT_EQ(g.any(), AFFLUX_EAGAIN);
  std::size_t index = kNoIndex;
  EXPECT_EQ(afflux_acquire_any(g.items.data(), 2, 0, &index), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(index, kNoIndex);
  EXPECT_EQ(g.cancel(), AFFLUX_EALREADY);
  expect_held({{a, 1}, {b, 1}});
}

TEST_P(Any, TimesOutAsAWhole) {
  const sem_guard a(options(1)), b(options(1));
  hold(a, 1);
  hold(b, 1);
  group g({of(a), of(b)});
  g.request.timeout_ns = kMillisecond;
  const std::int64_t before = now_ns();
  EXPECT_EQ(g.ends(g.any()), AFFLUX_ETIMEDOUT);
  EXPECT_GE(now_ns() - before, kMillisecond);
  std::size_t index = kNoIndex;
  EXPECT_EQ(afflux_acquire_any(g.items.data(), 2, kMillisecond, &index), AFFLUX_ETIMEDOUT);
  expect_held({{a, 1}, {b, 1}});
}

TEST_P(Any, WaitsAsLongAsTheShortestOfTheSemaphoresTimes) {
  afflux_sem_options hasty = options(1);
  hasty.waiter_timeout_ns = kMillisecond;
  const sem_guard a(options(1)), b(hasty);
  hold(a, 1);
  hold(b, 1);
  group g({of(a), of(b)});
  EXPECT_EQ(g.ends(g.any()), AFFLUX_ETIMEDOUT);
  std::size_t index = kNoIndex;
  EXPECT_EQ(afflux_acquire_any(g.items.data(), 2, AFFLUX_FOREVER, &index), AFFLUX_ETIMEDOUT);
  expect_held({{a, 1}, {b, 1}});
}

TEST_P(Any, ACloseEndsItUnlessSomethingHasBeenTaken) {
  const sem_guard a(options(1)), b(options(1)), c(options(1));
  hold(a, 1);
  hold(b, 1);
  group g({of(a), of(b)});
  ASSERT_EQ(g.any(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_close(b), AFFLUX_OK);
  EXPECT_TRUE(g.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_EQ(g.any(), AFFLUX_ECLOSED);  // a queues, b answers
  expect_held({{a, 1}});
  std::size_t index = kNoIndex;
  EXPECT_EQ(afflux_acquire_any(g.items.data(), 2, AFFLUX_FOREVER, &index), AFFLUX_ECLOSED);
  group taken({of(c), of(b)});
  EXPECT_EQ(taken.any(), AFFLUX_OK);
  expect_held({{c, 1}});
}

TEST_P(Any, AClosedItemComesBeforeOneThatIsImpossible) {
  const sem_guard closed(options(1)), small(options(2)), free(options(1));
  ASSERT_EQ(afflux_sem_close(closed), AFFLUX_OK);
  EXPECT_EQ(group({of(closed), of(small, 3)}).any(), AFFLUX_ECLOSED);
  EXPECT_EQ(group({of(small, 3), of(closed)}).any(), AFFLUX_ECLOSED);
  EXPECT_EQ(group({of(free), of(small, 3)}).any(), AFFLUX_E2BIG);
  EXPECT_EQ(group({of(free), of(closed)}).any(), AFFLUX_OK);
}

TEST_P(Any, AQueueLimitEndsIt) {
  afflux_sem_options full = options(1);
  full.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
  full.max_waiters = 1;
  const sem_guard a(options(1)), b(full);
  hold(a, 1);
  hold(b, 1);
  group g({of(a), of(b)});
  ASSERT_EQ(g.any(), AFFLUX_PENDING);
  pending newer;
  ASSERT_EQ(newer.start(b), AFFLUX_PENDING);
  EXPECT_TRUE(g.completed_once_with(AFFLUX_EREJECTED));
  EXPECT_EQ(newer.cancel(), AFFLUX_OK);
  g.request.cost_bytes = 2;
  full.max_queue_bytes = 1;
  const sem_guard c(full);
  hold(c, 1);
  group refused({of(a), of(c)});
  refused.request.cost_bytes = 2;
  EXPECT_EQ(refused.any(), AFFLUX_EREJECTED);
  expect_held({{a, 1}, {b, 1}, {c, 1}});
}

TEST_P(Any, AShrinkThatMakesAnItemImpossibleEndsIt) {
  const sem_guard a(options(1)), b(options(2));
  hold(a, 1);
  hold(b, 2);
  group g({of(a), of(b, 2)});
  ASSERT_EQ(g.any(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_resize(b, 1), AFFLUX_OK);
  EXPECT_TRUE(g.completed_once_with(AFFLUX_E2BIG));
  EXPECT_EQ(g.any(), AFFLUX_E2BIG);
  g.request.flags = AFFLUX_WAIT_FOR_RESIZE;
  EXPECT_EQ(g.any(), AFFLUX_PENDING);
  EXPECT_EQ(g.cancel(), AFFLUX_OK);
}

TEST_P(Any, OfEventsTakesOneSignal) {
  const event_handle a(false), b(true);
  const sem_guard sem(options(1));
  hold(sem, 1);
  group g({of(a), of(b), of(sem)});
  ASSERT_EQ(g.any(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_event_notify_one(a), AFFLUX_OK);
  EXPECT_TRUE(g.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(g.winner(), 0u);
  EXPECT_EQ(afflux_event_is_set(a), 0);
  EXPECT_EQ(afflux_event_notify_one(b), AFFLUX_OK);
  EXPECT_EQ(g.any(), AFFLUX_OK);
  EXPECT_EQ(g.index, 1u);
  EXPECT_EQ(afflux_event_is_set(b), 1);
}

TEST_P(Any, BlocksAThreadUntilOneComes) {
  const sem_guard a(options(1)), b(options(1));
  hold(a, 1);
  hold(b, 1);
  std::size_t index = kNoIndex;
  std::thread thread([&] {
    std::vector<afflux_wait_item> items = {of(a), of(b)};
    EXPECT_EQ(afflux_acquire_any(items.data(), 2, AFFLUX_FOREVER, &index), AFFLUX_OK);
  });
  await_waiters(b, 1);
  EXPECT_EQ(afflux_sem_release(b, 1), AFFLUX_OK);
  thread.join();
  EXPECT_EQ(index, 1u);
  expect_held({{a, 1}, {b, 1}});
}

// ---- all

TEST_P(All, TakesAllThatAreFree) {
  const sem_guard a(options(1)), b(options(5));
  const event_handle event(true);
  afflux_event_notify_one(event);
  group g({of(b, 5), of(event), of(a)});
  EXPECT_EQ(g.all(), AFFLUX_OK);
  expect_held({{a, 1}, {b, 5}});
  EXPECT_EQ(afflux_sem_release(a, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(b, 5), AFFLUX_OK);
  EXPECT_EQ(afflux_acquire_all(g.items.data(), 3, 0), AFFLUX_OK);
  expect_held({{a, 1}, {b, 5}});
  EXPECT_EQ(g.completions(), 0);
  EXPECT_EQ(g.cancel(), AFFLUX_EALREADY);
}

TEST_P(All, CompletesWhenTheLastComesWhateverTheOrder) {
  for (const bool first_a : {true, false}) {
    const sem_guard a(options(1)), b(options(1));
    hold(a, 1);
    hold(b, 1);
    group g({of(a), of(b)});
    ASSERT_EQ(g.all(), AFFLUX_PENDING);
    EXPECT_EQ(afflux_sem_release(first_a ? a : b, 1), AFFLUX_OK);
    EXPECT_EQ(g.completions(), 0);
    EXPECT_EQ(afflux_sem_release(first_a ? b : a, 1), AFFLUX_OK);
    EXPECT_TRUE(g.completed_once_with(AFFLUX_OK));
    expect_held({{a, 1}, {b, 1}});
  }
}

TEST_P(All, AddsUpWhatIsAskedOfOneSemaphore) {
  const sem_guard sem(options(3));
  group g({of(sem, 1), of(sem, 2)});
  EXPECT_EQ(g.all(), AFFLUX_OK);
  expect_held({{sem, 3}});
  group more({of(sem, 2), of(sem, 2)});
  EXPECT_EQ(more.all(), AFFLUX_E2BIG);
  const event_handle event(true);
  group twice({of(event), of(event)});
  EXPECT_EQ(twice.all(), AFFLUX_EINVAL);
}

TEST_P(All, HoldsNothingAfterAFailure) {
  const sem_guard a(options(1)), b(options(1));
  const event_handle event(false);
  for (afflux_sem* const held : {static_cast<afflux_sem*>(a), static_cast<afflux_sem*>(b)}) {
    afflux_event_notify_one(event);
    hold(held, 1);
    group g({of(a), of(event), of(b)});
    EXPECT_EQ(afflux_acquire_all(g.items.data(), 3, 0), AFFLUX_ETIMEDOUT);
    EXPECT_EQ(afflux_acquire_all(g.items.data(), 3, kMillisecond), AFFLUX_ETIMEDOUT);
    g.request.timeout_ns = 0;
    EXPECT_EQ(g.all(), AFFLUX_EAGAIN);
    g.request.timeout_ns = kMillisecond;
    EXPECT_EQ(g.ends(g.all()), AFFLUX_ETIMEDOUT);
    EXPECT_EQ(afflux_sem_held(a) + afflux_sem_held(b), 1u);
    EXPECT_EQ(afflux_event_is_set(event), 1);
    EXPECT_EQ(afflux_sem_release(held, 1), AFFLUX_OK);
  }
}

TEST_P(All, ACloseEndsItAndGivesBack) {
  const sem_guard a(options(1)), b(options(1));
  hold(b, 1);
  group g({of(a), of(b)});
  ASSERT_EQ(g.all(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_close(b), AFFLUX_OK);
  EXPECT_TRUE(g.completed_once_with(AFFLUX_ECLOSED));
  expect_held({{a, 0}, {b, 1}});
  EXPECT_EQ(g.all(), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_acquire_all(g.items.data(), 2, AFFLUX_FOREVER), AFFLUX_ECLOSED);
  expect_held({{a, 0}, {b, 1}});
}

TEST_P(All, AQueueLimitOrAShrinkEndsIt) {
  afflux_sem_options full = options(2);
  full.overflow = AFFLUX_OVERFLOW_FAIL;
  full.max_waiters = 1;
  const sem_guard a(options(1)), b(full);
  hold(b, 2);
  group g({of(a), of(b, 2)});
  ASSERT_EQ(g.all(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_resize(b, 1), AFFLUX_OK);
  EXPECT_TRUE(g.completed_once_with(AFFLUX_E2BIG));
  pending only;
  ASSERT_EQ(only.start(b), AFFLUX_PENDING);
  group refused({of(a), of(b)});
  EXPECT_EQ(refused.all(), AFFLUX_EREJECTED);
  EXPECT_EQ(afflux_acquire_all(refused.items.data(), 2, AFFLUX_FOREVER), AFFLUX_EREJECTED);
  EXPECT_EQ(only.cancel(), AFFLUX_OK);
  expect_held({{a, 0}, {b, 2}});
}

// The dining philosophers, each with two forks in an order of his own.
TEST_P(All, NeverWaitsInACircle) {
  constexpr int kRounds = 200;
  constexpr std::size_t kSeats = 4;
  std::vector<afflux_sem*> forks;
  for (std::size_t i = 0; i < kSeats; ++i) {
    afflux_sem* fork = nullptr;
    const afflux_sem_options one = options(1);
    ASSERT_EQ(afflux_sem_create(&one, &fork), AFFLUX_OK);
    forks.push_back(fork);
  }
  std::vector<std::thread> seats;
  for (std::size_t i = 0; i < kSeats; ++i) {
    seats.emplace_back([&forks, i] {
      for (int round = 0; round < kRounds; ++round) {
        std::vector<afflux_wait_item> items = {of(forks[i]), of(forks[(i + 1) % kSeats])};
        ASSERT_EQ(afflux_acquire_all(items.data(), 2, AFFLUX_FOREVER), AFFLUX_OK);
        for (const afflux_wait_item& fork : items) {
          EXPECT_EQ(afflux_sem_release(fork.sem, 1), AFFLUX_OK);
        }
      }
    });
  }
  for (std::thread& seat : seats) seat.join();
  for (afflux_sem* const fork : forks) {
    expect_all_free(fork, 1);
    afflux_sem_unref(fork);
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, Any, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Variants, All, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
