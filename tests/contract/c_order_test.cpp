// SPDX-License-Identifier: MIT OR Apache-2.0
//
// AFFLUX_FAIR within one priority: arrival order (S5), whole grants (S6), and
// followers granted by the very call that takes the head out (S7). Priorities
// and AFFLUX_THROUGHPUT: c_fairness_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <numeric>
#include <vector>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

std::vector<int> first_numbers(int count) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

class SemOrder : public per_variant {};

TEST_P(SemOrder, GrantsFollowArrivalOnePerPermit) {
  constexpr int kCount = 200;
  const sem_guard sem(options(1));
  journal book;
  std::deque<pending> queue;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (int i = 0; i < kCount; ++i) {
    ASSERT_EQ(queue.emplace_back(1, book, i).start(sem), AFFLUX_PENDING);
    ASSERT_EQ(afflux_sem_waiters(sem), static_cast<std::uint64_t>(i) + 1);
  }
  for (int i = 0; i < kCount; ++i) {
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    ASSERT_EQ(book.size(), static_cast<std::size_t>(i) + 1);
    ASSERT_EQ(afflux_sem_held(sem), 1u);
  }
  EXPECT_EQ(book.ids(), first_numbers(kCount));
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_all_free(sem, 1);
}

TEST_P(SemOrder, OneReleaseCompletesManyInOrder) {
  constexpr int kCount = 1000;  // more than a granter hands out in one go
  const sem_guard sem(options(kCount));
  journal book;
  std::deque<pending> queue;
  ASSERT_EQ(afflux_sem_try_acquire(sem, kCount), AFFLUX_OK);
  for (int i = 0; i < kCount; ++i) {
    ASSERT_EQ(queue.emplace_back(1, book, i).start(sem), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_sem_release(sem, kCount), AFFLUX_OK);
  EXPECT_EQ(book.ids(), first_numbers(kCount));
  EXPECT_EQ(state_of(sem), (sem_state{kCount, 0, kCount, 0}));
}

TEST_P(SemOrder, BlockedThreadsAreServedInArrivalOrder) {
  constexpr int kThreads = 8;
  const sem_guard sem(options(1));
  std::deque<blocked> threads;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (std::uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back(sem, 1);
    await_waiters(sem, i + 1);
  }
  for (std::size_t i = 0; i < kThreads; ++i) {
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(threads[i].join(), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_waiters(sem), kThreads - i - 1);
    for (std::size_t later = i + 1; later < kThreads; ++later) {
      EXPECT_FALSE(threads[later].returned()) << later << " passed " << i;
    }
  }
}

TEST_P(SemOrder, ThreadsAndCallbacksShareOneQueue) {
  const sem_guard sem(options(1));
  pending first, third;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  blocked second(sem, 1);
  await_waiters(sem, 2);
  ASSERT_EQ(third.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  // The thread may be on its way out of the queue's code still, and hand out instead of us.
  await([&] { return first.completions() != 0 || third.completions() != 0 || second.returned(); });
  EXPECT_TRUE(first.completed_once_with(AFFLUX_OK));
  EXPECT_FALSE(second.returned());
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(second.join(), AFFLUX_OK);
  EXPECT_EQ(third.completions(), 0);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(third.completed_once_with(AFFLUX_OK));
}

TEST_P(SemOrder, NobodyPassesALargeHead) {
  const sem_guard sem(options(4));
  pending head(3), follower(1);
  std::uint64_t drained = 77;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  ASSERT_EQ(head.start(sem), AFFLUX_PENDING);
  // Two permits are free, and nobody gets them: not by trying, queueing, draining or waiting.
  EXPECT_EQ(state_of(sem), (sem_state{4, 0, 2, 1}));
  EXPECT_REFUSED(sem, AFFLUX_EAGAIN, afflux_sem_try_acquire(sem, 1));
  EXPECT_REFUSED(sem, AFFLUX_ETIMEDOUT, afflux_sem_acquire(sem, 1, kMillisecond));
  EXPECT_EQ(afflux_sem_drain(sem, &drained), AFFLUX_OK);
  EXPECT_EQ(drained, 0u);
  EXPECT_EQ(follower.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(state_of(sem), (sem_state{4, 0, 2, 2}));
  // S6: one more permit makes the head whole, and leaves none for the follower.
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(head.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(follower.completions(), 0);
  EXPECT_EQ(afflux_sem_held(sem), 4u);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(follower.completed_once_with(AFFLUX_OK));
}

// A permit that was too few for the head stays free; with the next release it is enough for the
// one behind it.
TEST_P(SemOrder, WhatWasLeftGoesToTheOneBehindTheHead) {
  const sem_guard sem(options(3));
  pending first(1), head(2), follower(1);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(head.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(follower.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_TRUE(first.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(head.completions(), 0);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_TRUE(head.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(follower.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(state_of(sem), (sem_state{3, 0, 3, 0}));
}

TEST_P(SemOrder, AWeightedGrantIsAllOrNothing) {
  const sem_guard sem(options(10));
  pending p(10);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 10), AFFLUX_OK);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  for (std::uint64_t left = 9; left > 0; --left) {
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(p.completions(), 0);
    EXPECT_EQ(state_of(sem), (sem_state{10, 0, left, 1}));
  }
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_sem_held(sem), 10u);
}

TEST_P(SemOrder, AReleaseServesAsManyWholeRequestsAsFit) {
  const sem_guard sem(options(6));
  pending a(1), b(2), c(4), d(1);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 6), AFFLUX_OK);
  for (pending* p : {&a, &b, &c, &d}) ASSERT_EQ(p->start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 6), AFFLUX_OK);
  EXPECT_TRUE(a.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(b.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(c.completions() + d.completions(), 0);
  EXPECT_EQ(state_of(sem), (sem_state{6, 0, 3, 2}));
  EXPECT_EQ(c.cancel(), AFFLUX_OK);
  EXPECT_TRUE(d.completed_once_with(AFFLUX_OK));
}

// S7. Four permits, two held, a head for all four, followers for one, one and one: when the
// head goes, two of them fit.
class SemHeadLeaves : public per_variant {
 protected:
  void queue_up(afflux_sem* sem) {
    ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
    ASSERT_EQ(head_.start(sem), AFFLUX_PENDING);
    queue_followers(sem);
  }
  void queue_followers(afflux_sem* sem) {
    for (pending* p : {&one_, &two_, &three_}) ASSERT_EQ(p->start(sem), AFFLUX_PENDING);
  }
  void expect_followers(afflux_sem* sem, std::uint64_t limit, std::uint64_t waiters) {
    EXPECT_TRUE(one_.completed_once_with(AFFLUX_OK));
    EXPECT_TRUE(two_.completed_once_with(AFFLUX_OK));
    EXPECT_EQ(three_.completions(), 0);
    EXPECT_EQ(state_of(sem), (sem_state{limit, 0, 4, waiters}));
  }
  pending head_{4}, one_{1}, two_{1}, three_{1};
};

TEST_P(SemHeadLeaves, ByCancelGrantsTheFollowers) {
  const sem_guard sem(options(4));
  queue_up(sem);
  EXPECT_EQ(head_.cancel(), AFFLUX_OK);
  EXPECT_EQ(head_.completions(), 0);
  expect_followers(sem, 4, 1);
}

TEST_P(SemHeadLeaves, ByTimeoutGrantsTheFollowers) {
  ASSERT_EQ(afflux_timers_manual(1), AFFLUX_OK);
  {
    const sem_guard sem(options(4));
    head_.request.timeout_ns = kMillisecond;
    const std::int64_t start = now_ns();
    queue_up(sem);
    await([&] { return now_ns() > start + kMillisecond + 2 * AFFLUX_TIMER_TICK_NS; });
    EXPECT_EQ(one_.completions(), 0);
    EXPECT_EQ(afflux_timers_advance(), AFFLUX_FOREVER);
    EXPECT_TRUE(head_.completed_once_with(AFFLUX_ETIMEDOUT));
    expect_followers(sem, 4, 1);
  }
  EXPECT_EQ(afflux_timers_manual(0), AFFLUX_OK);
}

TEST_P(SemHeadLeaves, ByABlockedThreadsTimeoutGrantsTheFollowers) {
  // On a machine so busy that the head gives up before its followers came: again, with more time.
  for (std::int64_t patience = 50 * kMillisecond;; patience *= 4) {
    const sem_guard sem(options(4));
    pending followers[3];
    ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
    blocked head(sem, 4, patience);
    await([&] { return afflux_sem_waiters(sem) == 1 || head.returned(); });
    int queued = 0;
    for (pending& p : followers) queued += p.start(sem) == AFFLUX_PENDING ? 1 : 0;
    EXPECT_EQ(head.join(), AFFLUX_ETIMEDOUT);
    if (queued != 3) continue;
    EXPECT_TRUE(followers[0].completed_once_with(AFFLUX_OK));
    EXPECT_TRUE(followers[1].completed_once_with(AFFLUX_OK));
    EXPECT_EQ(followers[2].completions(), 0);
    EXPECT_EQ(state_of(sem), (sem_state{4, 0, 4, 1}));
    EXPECT_EQ(followers[2].cancel(), AFFLUX_OK);
    break;
  }
}

TEST_P(SemHeadLeaves, ByBeingDroppedGrantsTheFollowers) {
  afflux_sem_options o = options(4);
  o.max_waiters = 4;
  o.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
  const sem_guard sem(o);
  queue_up(sem);
  pending newcomer;
  EXPECT_EQ(newcomer.start(sem), AFFLUX_PENDING);
  EXPECT_TRUE(head_.completed_once_with(AFFLUX_EREJECTED));
  expect_followers(sem, 4, 2);
  EXPECT_EQ(newcomer.cancel(), AFFLUX_OK);
}

TEST_P(SemHeadLeaves, ByAShrinkGrantsTheFollowers) {
  const sem_guard sem(options(5));
  head_.request.permits = 5;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  ASSERT_EQ(head_.start(sem), AFFLUX_PENDING);
  for (pending* p : {&one_, &two_, &three_}) ASSERT_EQ(p->start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_resize(sem, 4), AFFLUX_OK);
  EXPECT_TRUE(head_.completed_once_with(AFFLUX_E2BIG));
  expect_followers(sem, 4, 1);
}

TEST_P(SemHeadLeaves, ByCloseTakesTheFollowersAlong) {
  const sem_guard sem(options(4));
  queue_up(sem);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  for (pending* p : {&head_, &one_, &two_, &three_}) {
    EXPECT_TRUE(p->completed_once_with(AFFLUX_ECLOSED));
  }
  EXPECT_EQ(state_of(sem), (sem_state{4, 2, 2, 0}));
}

TEST_P(SemHeadLeaves, ByCancelLeavesAnEmptyQueueOpenToNewcomers) {
  const sem_guard sem(options(4));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  ASSERT_EQ(head_.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(head_.cancel(), AFFLUX_OK);
  EXPECT_EQ(state_of(sem), (sem_state{4, 2, 2, 0}));
  EXPECT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
}

// The middle and the end of the queue, linked or freshly arrived, leave without a trace.
TEST_P(SemOrder, CancelInTheMiddleKeepsTheOrderOfTheRest) {
  constexpr int kCount = 100;
  const sem_guard sem(options(1));
  journal book;
  std::deque<pending> queue;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  std::vector<int> rest;
  for (int i = 0; i < kCount; ++i) {
    ASSERT_EQ(queue.emplace_back(1, book, i).start(sem), AFFLUX_PENDING);
  }
  for (int i = 0; i < kCount; ++i) {
    if (i % 3 == 1 || i == kCount - 1) {
      ASSERT_EQ(queue[static_cast<std::size_t>(i)].cancel(), AFFLUX_OK);
    } else {
      rest.push_back(i);
    }
  }
  EXPECT_EQ(afflux_sem_waiters(sem), rest.size());
  for (std::size_t i = 0; i <= rest.size(); ++i) ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(book.ids(), rest);
  expect_all_free(sem, 1);
}

INSTANTIATE_TEST_SUITE_P(Each, SemOrder, fair_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, SemHeadLeaves, fair_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
