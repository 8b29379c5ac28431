// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Times (L4): never early, per request and by the semaphore's default, blocking
// and not, and after fork(). How late is measured by benchmarks, never asserted
// here. The caller's own loop and a million timers: c_timers_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <limits>
#include <random>
#include <vector>

#include "support/in_child.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

constexpr std::int64_t kHour = 3600 * 1000 * kMillisecond;

class Timeout : public per_variant {};

TEST_P(Timeout, OfABlockedThreadIsNeverEarly) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (const std::int64_t time : {std::int64_t{1}, std::int64_t{50000}, std::int64_t{999999},
                                  3 * kMillisecond, 17 * kMillisecond}) {
    const std::int64_t before = now_ns();
    EXPECT_EQ(afflux_sem_acquire(sem, 1, time), AFFLUX_ETIMEDOUT);
    EXPECT_GE(now_ns() - before, time);
    EXPECT_EQ(state_of(sem), (sem_state{1, 0, 1, 0}));
  }
}

TEST_P(Timeout, OfARequestIsNeverEarly) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  // Around the tick, where rounding down would show.
  for (const std::int64_t time :
       {std::int64_t{1}, kMillisecond / 2, kMillisecond - 1, kMillisecond, kMillisecond + 1,
        3 * kMillisecond / 2, 5 * kMillisecond, 40 * kMillisecond}) {
    pending p;
    p.request.timeout_ns = time;
    const std::int64_t before = now_ns();
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    await([&] { return p.completions() != 0; });
    EXPECT_TRUE(p.completed_once_with(AFFLUX_ETIMEDOUT));
    EXPECT_GE(p.completed_at - before, time);
    EXPECT_EQ(state_of(sem), (sem_state{1, 0, 1, 0}));
  }
}

TEST_P(Timeout, OfManyAtOnceAreNeverEarly) {
  const sem_guard sem(options(1));
  std::deque<pending> queue(300);
  std::vector<std::int64_t> before;
  std::mt19937_64 random(1);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (pending& p : queue) {
    p.request.timeout_ns = static_cast<std::int64_t>(random() % (60 * 1000 * 1000)) + 1;
    before.push_back(now_ns());
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  }
  for (std::size_t i = 0; i < queue.size(); ++i) {
    await([&] { return queue[i].completions() != 0; });
    EXPECT_TRUE(queue[i].completed_once_with(AFFLUX_ETIMEDOUT));
    EXPECT_GE(queue[i].completed_at - before[i], queue[i].request.timeout_ns) << i;
  }
}

TEST_P(Timeout, TheSemaphoresDefaultCountsForThoseWithoutTheirOwn) {
  afflux_sem_options o = options(1);
  o.waiter_timeout_ns = 5 * kMillisecond;
  const sem_guard sem(o);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending plain, longer;
  longer.request.timeout_ns = kHour;  // its own time, though the longer one
  std::int64_t before = now_ns();
  ASSERT_EQ(longer.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(plain.start(sem), AFFLUX_PENDING);
  await([&] { return plain.completions() != 0; });
  EXPECT_TRUE(plain.completed_once_with(AFFLUX_ETIMEDOUT));
  EXPECT_GE(plain.completed_at - before, 5 * kMillisecond);
  before = now_ns();
  EXPECT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_ETIMEDOUT);
  EXPECT_GE(now_ns() - before, 5 * kMillisecond);
  before = now_ns();
  EXPECT_EQ(afflux_sem_acquire(sem, 1, 9 * kMillisecond), AFFLUX_ETIMEDOUT);
  EXPECT_GE(now_ns() - before, 9 * kMillisecond);
  afflux_permit_token token{};
  before = now_ns();
  EXPECT_EQ(afflux_sem_acquire_permit(sem, nullptr, AFFLUX_FOREVER, &token), AFFLUX_ETIMEDOUT);
  EXPECT_GE(now_ns() - before, 5 * kMillisecond);
  EXPECT_EQ(longer.completions(), 0);
  EXPECT_EQ(longer.cancel(), AFFLUX_OK);
}

TEST_P(Timeout, TheLongestTimesDoNotWrap) {
  afflux_sem_options o = options(1);
  o.waiter_timeout_ns = std::numeric_limits<std::int64_t>::max();
  const sem_guard sem(o);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  blocked thread(sem, 1, std::numeric_limits<std::int64_t>::max());
  await_waiters(sem, 1);
  pending own, by_default, shorter;
  own.request.timeout_ns = std::numeric_limits<std::int64_t>::max();
  shorter.request.timeout_ns = 3 * kMillisecond;
  ASSERT_EQ(own.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(by_default.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(shorter.start(sem), AFFLUX_PENDING);
  await([&] { return shorter.completions() != 0; });
  EXPECT_EQ(own.completions() + by_default.completions(), 0);
  EXPECT_FALSE(thread.returned());
  EXPECT_EQ(own.cancel(), AFFLUX_OK);
  EXPECT_EQ(by_default.cancel(), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(thread.join(), AFFLUX_OK);
}

TEST_P(Timeout, AGrantDisarmsTheTimer) {
  const sem_guard sem(options(1));
  for (int i = 0; i < 200; ++i) {
    pending p;
    p.request.timeout_ns = 2 * kMillisecond;
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    await([&] { return p.completions() != 0; });
    ASSERT_EQ(p.completions(), 1);
    // Freed and used anew at once: a timer that still knew of it would complete the next one.
    if (p.status() == AFFLUX_OK) {
      ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  }
  pass_time(6 * kMillisecond);
  expect_all_free(sem, 1);
}

// S3 with a timer and a granter at once.
TEST_P(Timeout, RacingAReleaseHasExactlyOneOutcome) {
  const sem_guard sem(options(1));
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    pending p;
    p.request.timeout_ns = kMillisecond / 4;
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    pass_time(static_cast<std::int64_t>(random() % 2000) * 1000);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    await([&] { return p.completions() != 0; });
    ASSERT_EQ(p.completions(), 1);
    if (p.status() == AFFLUX_OK) {
      ASSERT_EQ(afflux_sem_held(sem), 1u);
      ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    } else {
      ASSERT_EQ(p.status(), AFFLUX_ETIMEDOUT);
    }
    expect_all_free(sem, 1);
  }
}

TEST_P(Timeout, ACompletionMayQueueAnotherTimedRequest) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  constexpr std::size_t kChain = 5;
  std::deque<pending> chain(kChain);
  for (std::size_t i = 0; i < kChain; ++i) {
    chain[i].request.timeout_ns = kMillisecond;
    if (i + 1 == kChain) continue;
    chain[i].then = [&chain, &sem, i](afflux_status) {
      EXPECT_EQ(chain[i + 1].start(sem), AFFLUX_PENDING);
    };
  }
  ASSERT_EQ(chain[0].start(sem), AFFLUX_PENDING);
  await([&] { return chain[kChain - 1].completions() != 0; });
  for (const pending& p : chain) EXPECT_TRUE(p.completed_once_with(AFFLUX_ETIMEDOUT));
}

TEST_P(Timeout, TheLastUnrefInATimersCompletion) {
  afflux_sem* sem = sem_guard(options(1)).give();
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending timed, other;
  timed.request.timeout_ns = kMillisecond;
  timed.then = [sem](afflux_status) { afflux_sem_unref(sem); };
  other.request.timeout_ns = kHour;
  ASSERT_EQ(other.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(timed.start(sem), AFFLUX_PENDING);
  await([&] { return other.completions() != 0; });
  EXPECT_TRUE(other.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_TRUE(timed.completed_once_with(AFFLUX_ETIMEDOUT));
}

class TimerFork : public per_variant {};

// The timer's thread is not in the child: the service starts anew there.
TEST_P(TimerFork, AChildGetsItsOwnTimer) {
  AFFLUX_STARTS_THREADS_IN_CHILD();
  AFFLUX_NEEDS_FORK();
  const sem_guard inherited(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(inherited, 1), AFFLUX_OK);
  pending warm;
  warm.request.timeout_ns = kMillisecond;
  ASSERT_EQ(warm.start(inherited), AFFLUX_PENDING);
  await([&] { return warm.completions() != 0; });
  expect_in_child([&](child_checks& checks) {
    for (int i = 0; i < 3; ++i) {
      pending p;
      p.request.timeout_ns = 2 * kMillisecond;
      const std::int64_t before = now_ns();
      CHILD_EXPECT(checks, p.start(inherited) == AFFLUX_PENDING);
      await([&] { return p.completions() != 0; });
      CHILD_EXPECT(checks, p.completed_once_with(AFFLUX_ETIMEDOUT));
      CHILD_EXPECT(checks, p.completed_at - before >= 2 * kMillisecond);
    }
    const sem_guard own(options(1));
    CHILD_EXPECT(checks, afflux_sem_try_acquire(own, 1) == AFFLUX_OK);
    CHILD_EXPECT(checks, afflux_sem_acquire(own, 1, kMillisecond) == AFFLUX_ETIMEDOUT);
  });
  // And the parent's goes on.
  pending after;
  after.request.timeout_ns = kMillisecond;
  ASSERT_EQ(after.start(inherited), AFFLUX_PENDING);
  await([&] { return after.completions() != 0; });
  EXPECT_TRUE(after.completed_once_with(AFFLUX_ETIMEDOUT));
}

TEST_P(TimerFork, AChildMayRunTheTimersByHand) {
  AFFLUX_NEEDS_FORK();
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  expect_in_child([&](child_checks& checks) {
    CHILD_EXPECT(checks, afflux_timers_manual(1) == AFFLUX_OK);
    pending p;
    p.request.timeout_ns = kMillisecond;
    CHILD_EXPECT(checks, p.start(sem) == AFFLUX_PENDING);
    pass_time(3 * kMillisecond);
    CHILD_EXPECT(checks, p.completions() == 0);
    afflux_timers_advance();
    CHILD_EXPECT(checks, p.completed_once_with(AFFLUX_ETIMEDOUT));
  });
}

INSTANTIATE_TEST_SUITE_P(Each, Timeout, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, TimerFork, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
