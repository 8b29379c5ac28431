// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Queue limits by number and by bytes, the four overflow policies, and room
// again after a request has left in whichever way.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <limits>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

constexpr std::uint32_t kRefusing[] = {AFFLUX_OVERFLOW_DROP_NEWEST, AFFLUX_OVERFLOW_FAIL};

class SemLimits : public per_variant {
 protected:
  static afflux_sem_options bounded(std::uint32_t overflow, std::uint64_t waiters,
                                    std::uint64_t bytes = 0, std::uint64_t permits = 1) {
    afflux_sem_options o = options(permits);
    o.overflow = overflow;
    o.max_waiters = waiters;
    o.max_queue_bytes = bytes;
    return o;
  }
  afflux_status add(afflux_sem* sem, std::uint64_t cost,
                    std::uint32_t priority = AFFLUX_PRIORITY_NORMAL) {
    pending& p = queue_.emplace_back();
    p.request.cost_bytes = cost;
    p.request.priority = priority;
    return p.start(sem);
  }
  std::deque<pending> queue_;
};

TEST_P(SemLimits, SuspendRefusesNobody) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_SUSPEND, 2, 10));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(add(sem, 100), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_waiters(sem), 20u);
}

TEST_P(SemLimits, NewcomersAreRefusedAtTheExactNumber) {
  for (const std::uint32_t overflow : kRefusing) {
    for (const std::uint64_t bound : {1u, 2u, 7u, 100u}) {
      const sem_guard sem(bounded(overflow, bound));
      ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
      for (std::uint64_t i = 0; i < bound; ++i) ASSERT_EQ(add(sem, 0), AFFLUX_PENDING);
      EXPECT_REFUSED(sem, AFFLUX_EREJECTED, add(sem, 0));
      EXPECT_REFUSED(sem, AFFLUX_EREJECTED, add(sem, 0, AFFLUX_PRIORITY_CRITICAL));
      EXPECT_EQ(afflux_sem_waiters(sem), bound);
    }
  }
}

TEST_P(SemLimits, NewcomersAreRefusedAtTheExactByte) {
  for (const std::uint32_t overflow : kRefusing) {
    const sem_guard sem(bounded(overflow, 0, 100));
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    EXPECT_EQ(add(sem, 60), AFFLUX_PENDING);
    EXPECT_REFUSED(sem, AFFLUX_EREJECTED, add(sem, 41));
    EXPECT_EQ(add(sem, 40), AFFLUX_PENDING);
    EXPECT_REFUSED(sem, AFFLUX_EREJECTED, add(sem, 1));
    EXPECT_EQ(add(sem, 0), AFFLUX_PENDING);  // costs nothing
    EXPECT_EQ(afflux_sem_waiters(sem), 3u);
    EXPECT_EQ(queue_[queue_.size() - 1].cancel(), AFFLUX_OK);
  }
}

TEST_P(SemLimits, BothBoundsHoldAtOnce) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_FAIL, 2, 100));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_EQ(add(sem, 10), AFFLUX_PENDING);
  EXPECT_REFUSED(sem, AFFLUX_EREJECTED, add(sem, 91));  // bytes; the number keeps its room
  EXPECT_EQ(add(sem, 10), AFFLUX_PENDING);
  EXPECT_REFUSED(sem, AFFLUX_EREJECTED, add(sem, 10));  // number; the bytes keep theirs
  EXPECT_EQ(queue_[0].cancel(), AFFLUX_OK);
  EXPECT_EQ(add(sem, 90), AFFLUX_PENDING);
}

TEST_P(SemLimits, SumsOfBytesDoNotWrap) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  for (const std::uint64_t bound : {kMax, kMax - 1, kMax / 2 + 2}) {
    SCOPED_TRACE(testing::Message() << "bound " << bound);
    const sem_guard sem(bounded(AFFLUX_OVERFLOW_FAIL, 0, bound));
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    EXPECT_EQ(add(sem, bound), AFFLUX_PENDING);
    pending& first = queue_.back();
    EXPECT_REFUSED(sem, AFFLUX_EREJECTED, add(sem, 1));
    EXPECT_REFUSED(sem, AFFLUX_EREJECTED, add(sem, bound));
    EXPECT_EQ(first.cancel(), AFFLUX_OK);
    EXPECT_EQ(add(sem, bound - 1), AFFLUX_PENDING);
    EXPECT_EQ(add(sem, 1), AFFLUX_PENDING);
    EXPECT_REFUSED(sem, AFFLUX_EREJECTED, add(sem, 1));
  }
}

TEST_P(SemLimits, WhatDoesNotQueueDoesNotCount) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_FAIL, 1, 10, 3));
  // Free permits: the cost is that of a queued request only.
  EXPECT_EQ(add(sem, 1000), AFFLUX_OK);
  EXPECT_EQ(add(sem, 1000), AFFLUX_OK);
  EXPECT_EQ(add(sem, 0), AFFLUX_OK);
  EXPECT_EQ(add(sem, 10), AFFLUX_PENDING);
}

// It is granted within its call, and so does not queue.
TEST_P(SemLimits, AHigherPriorityThatFitsIsNotRefusedAndDropsNobody) {
  for (const std::uint32_t overflow :
       {AFFLUX_OVERFLOW_DROP_NEWEST, AFFLUX_OVERFLOW_FAIL, AFFLUX_OVERFLOW_DROP_OLDEST}) {
    const sem_guard sem(bounded(overflow, 1, 0, 3));
    pending low(3), high(1), other(1);
    low.request.priority = AFFLUX_PRIORITY_LOW;
    high.request.priority = AFFLUX_PRIORITY_CRITICAL;
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    ASSERT_EQ(low.start(sem), AFFLUX_PENDING);
    EXPECT_EQ(high.start(sem), AFFLUX_OK);
    EXPECT_EQ(low.completions(), 0);
    EXPECT_EQ(afflux_sem_held(sem), 2u);
    other.request.priority = AFFLUX_PRIORITY_LOW;  // not before its like
    if (overflow != AFFLUX_OVERFLOW_DROP_OLDEST && GetParam().fairness == AFFLUX_FAIR) {
      EXPECT_EQ(other.start(sem), AFFLUX_EREJECTED);
    }
    EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
    EXPECT_TRUE(low.completed_once_with(AFFLUX_OK));
    EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
    expect_all_free(sem, 3);
  }
}

TEST_P(SemLimits, MoreThanTheWholeBoundIsRefusedAndDropsNobody) {
  for (const std::uint32_t overflow :
       {AFFLUX_OVERFLOW_DROP_NEWEST, AFFLUX_OVERFLOW_FAIL, AFFLUX_OVERFLOW_DROP_OLDEST}) {
    const sem_guard sem(bounded(overflow, 0, 100));
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    EXPECT_REFUSED(sem, AFFLUX_EREJECTED, add(sem, 101));
    ASSERT_EQ(add(sem, 1), AFFLUX_PENDING);
    const pending& queued = queue_.back();
    EXPECT_REFUSED(sem, AFFLUX_EREJECTED, add(sem, 101));
    EXPECT_REFUSED(sem, AFFLUX_EREJECTED, add(sem, ~std::uint64_t{0}));
    EXPECT_EQ(queued.completions(), 0);
  }
}

TEST_P(SemLimits, DropOldestTakesTheOldestOfTheLowestPriorityPresent) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_DROP_OLDEST, 4));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(add(sem, 0, AFFLUX_PRIORITY_HIGH), AFFLUX_PENDING);    // 0
  ASSERT_EQ(add(sem, 0, AFFLUX_PRIORITY_LOW), AFFLUX_PENDING);     // 1
  ASSERT_EQ(add(sem, 0, AFFLUX_PRIORITY_NORMAL), AFFLUX_PENDING);  // 2
  ASSERT_EQ(add(sem, 0, AFFLUX_PRIORITY_LOW), AFFLUX_PENDING);     // 3
  const std::size_t dropped_in_order[] = {1, 3, 2, 0};
  for (std::size_t i = 0; i < 4; ++i) {
    ASSERT_EQ(add(sem, 0, AFFLUX_PRIORITY_CRITICAL), AFFLUX_PENDING);
    EXPECT_TRUE(queue_[dropped_in_order[i]].completed_once_with(AFFLUX_EREJECTED)) << i;
    EXPECT_EQ(afflux_sem_waiters(sem), 4u);
    int completed = 0;
    for (const pending& p : queue_) completed += p.completions();
    EXPECT_EQ(completed, static_cast<int>(i) + 1);
  }
}

TEST_P(SemLimits, DropOldestDropsAsManyAsTheBytesOfTheNewcomerNeed) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_DROP_OLDEST, 0, 100));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (const std::uint64_t cost : {30u, 30u, 40u}) ASSERT_EQ(add(sem, cost), AFFLUX_PENDING);
  EXPECT_EQ(add(sem, 50), AFFLUX_PENDING);
  EXPECT_TRUE(queue_[0].completed_once_with(AFFLUX_EREJECTED));
  EXPECT_TRUE(queue_[1].completed_once_with(AFFLUX_EREJECTED));
  EXPECT_EQ(queue_[2].completions() + queue_[3].completions(), 0);
  EXPECT_EQ(add(sem, 10), AFFLUX_PENDING);  // 40 + 50 + 10: the exact byte
  EXPECT_EQ(queue_[2].completions(), 0);
  EXPECT_EQ(add(sem, 1), AFFLUX_PENDING);
  EXPECT_TRUE(queue_[2].completed_once_with(AFFLUX_EREJECTED));
  EXPECT_EQ(add(sem, 100), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_waiters(sem), 1u);
}

TEST_P(SemLimits, DropOldestTakesABlockedThreadToo) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_DROP_OLDEST, 1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  blocked thread(sem, 1);
  await_waiters(sem, 1);
  EXPECT_EQ(add(sem, 0), AFFLUX_PENDING);
  EXPECT_EQ(thread.join(), AFFLUX_EREJECTED);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(queue_[0].completed_once_with(AFFLUX_OK));
}

// The completion of the dropped one runs with nothing internal held (S12): it queues itself again
// and so drops the newcomer.
TEST_P(SemLimits, ADroppedRequestMayQueueAgainInItsCompletion) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_DROP_OLDEST, 1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending first, again, newcomer;
  first.then = [&](afflux_status) { EXPECT_EQ(again.start(sem), AFFLUX_PENDING); };
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(newcomer.start(sem), AFFLUX_PENDING);
  EXPECT_TRUE(first.completed_once_with(AFFLUX_EREJECTED));
  EXPECT_TRUE(newcomer.completed_once_with(AFFLUX_EREJECTED));
  EXPECT_EQ(state_of(sem), (sem_state{1, 0, 1, 1}));
  EXPECT_EQ(again.cancel(), AFFLUX_OK);
}

// However a request leaves, its place and its bytes are free again: repeated often enough that
// one lost unit would show.
class SemLimitsRoom : public SemLimits {
 protected:
  template <class Leave>
  void expect_room_after(Leave leave, std::uint32_t overflow = AFFLUX_OVERFLOW_FAIL) {
    afflux_sem_options o = bounded(overflow, 2, 20, 2);
    const sem_guard sem(o);
    for (int round = 0; round < 50; ++round) {
      SCOPED_TRACE(testing::Message() << "round " << round);
      ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
      pending one(2), two(2), refused(2);
      for (pending* p : {&one, &two, &refused}) {
        p->request.cost_bytes = 10;
        p->request.timeout_ns = kMillisecond / 10;
      }
      ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
      ASSERT_EQ(two.start(sem), AFFLUX_PENDING);
      if (overflow == AFFLUX_OVERFLOW_FAIL) {
        EXPECT_REFUSED(sem, AFFLUX_EREJECTED, refused.start(sem));
      }
      leave(static_cast<afflux_sem*>(sem), one, two);
      ASSERT_EQ(afflux_sem_waiters(sem), 0u);
      ASSERT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
      expect_all_free(sem, 2);
    }
  }
  // Nothing may time out by itself: the calls of each test decide.
  void SetUp() override { ASSERT_EQ(afflux_timers_manual(1), AFFLUX_OK); }
  void TearDown() override { ASSERT_EQ(afflux_timers_manual(0), AFFLUX_OK); }
};

TEST_P(SemLimitsRoom, ByGrant) {
  expect_room_after([](afflux_sem* sem, pending& one, pending& two) {
    EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
    EXPECT_TRUE(one.completed_once_with(AFFLUX_OK));
    EXPECT_TRUE(two.completed_once_with(AFFLUX_OK));
  });
}

TEST_P(SemLimitsRoom, ByCancel) {
  expect_room_after([](afflux_sem*, pending& one, pending& two) {
    EXPECT_EQ(two.cancel(), AFFLUX_OK);
    EXPECT_EQ(one.cancel(), AFFLUX_OK);
  });
}

TEST_P(SemLimitsRoom, ByTimeout) {
  expect_room_after([](afflux_sem*, pending& one, pending& two) {
    await([&] {
      afflux_timers_advance();
      return one.completions() != 0 && two.completions() != 0;
    });
    EXPECT_TRUE(one.completed_once_with(AFFLUX_ETIMEDOUT));
    EXPECT_TRUE(two.completed_once_with(AFFLUX_ETIMEDOUT));
  });
}

TEST_P(SemLimitsRoom, ByAShrink) {
  expect_room_after([](afflux_sem* sem, pending& one, pending& two) {
    EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
    EXPECT_TRUE(one.completed_once_with(AFFLUX_E2BIG));
    EXPECT_TRUE(two.completed_once_with(AFFLUX_E2BIG));
    EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  });
}

TEST_P(SemLimitsRoom, ByBeingDropped) {
  expect_room_after(
      [](afflux_sem* sem, pending& one, pending& two) {
        pending large(2);
        large.request.cost_bytes = 20;
        EXPECT_EQ(large.start(sem), AFFLUX_PENDING);
        EXPECT_TRUE(one.completed_once_with(AFFLUX_EREJECTED));
        EXPECT_TRUE(two.completed_once_with(AFFLUX_EREJECTED));
        EXPECT_EQ(large.cancel(), AFFLUX_OK);
      },
      AFFLUX_OVERFLOW_DROP_OLDEST);
}

INSTANTIATE_TEST_SUITE_P(Each, SemLimits, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, SemLimitsRoom, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
