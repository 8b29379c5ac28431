// SPDX-License-Identifier: MIT OR Apache-2.0
//
// afflux_sem_try_acquire_up_to() and afflux_sem_resize_by(): one step each, beside whoever does
// the same (S1, S2, S8).
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

#include "support/recorder.h"
#include "support/sem_guard.h"
#include "support/states.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kUntouched = 77;

class UpTo : public per_variant {};

TEST_P(UpTo, TakesWhatIsFreeBetweenMinAndMax) {
  const sem_guard sem(options(5));
  std::uint64_t n = kUntouched;
  EXPECT_EQ(afflux_sem_try_acquire_up_to(sem, 1, 3, &n), AFFLUX_OK);
  EXPECT_EQ(n, 3u);
  EXPECT_EQ(afflux_sem_try_acquire_up_to(sem, 2, 3, &n), AFFLUX_OK);
  EXPECT_EQ(n, 2u);
  EXPECT_EQ(state_of(sem), (sem_state{5, 0, 5, 0}));
  EXPECT_EQ(afflux_sem_release(sem, 5), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_try_acquire_up_to(sem, 5, kMaxU64, &n), AFFLUX_OK);
  EXPECT_EQ(n, 5u);
  EXPECT_EQ(afflux_sem_release(sem, 5), AFFLUX_OK);
  expect_all_free(sem, 5);
}

TEST_P(UpTo, TakesNothingWhereTooFewAreFree) {
  const sem_guard sem(options(5));
  std::uint64_t n = kUntouched;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EAGAIN, afflux_sem_try_acquire_up_to(sem, 3, 4, &n));
  EXPECT_REFUSED(sem, AFFLUX_EAGAIN, afflux_sem_try_acquire_up_to(sem, 5, kMaxU64, &n));
  EXPECT_EQ(n, kUntouched);
}

TEST_P(UpTo, WithMinZeroAnswersOkWhateverIsFree) {
  const sem_guard sem(options(2));
  std::uint64_t n = kUntouched;
  EXPECT_EQ(afflux_sem_try_acquire_up_to(sem, 0, 9, &n), AFFLUX_OK);
  EXPECT_EQ(n, 2u);
  n = kUntouched;
  EXPECT_EQ(afflux_sem_try_acquire_up_to(sem, 0, 9, &n), AFFLUX_OK);
  EXPECT_EQ(n, 0u);
  EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);  // in debt
  n = kUntouched;
  EXPECT_EQ(afflux_sem_try_acquire_up_to(sem, 0, 1, &n), AFFLUX_OK);
  EXPECT_EQ(n, 0u);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  expect_all_free(sem, 1);
}

// THROUGHPUT as well, although its tries may pass others.
TEST_P(UpTo, OvertakesNobody) {
  const sem_guard sem(options(4));
  pending large(3);
  std::uint64_t n = kUntouched;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  EXPECT_REFUSED(sem, AFFLUX_EAGAIN, afflux_sem_try_acquire_up_to(sem, 1, 2, &n));
  EXPECT_EQ(n, kUntouched);
  EXPECT_EQ(afflux_sem_try_acquire_up_to(sem, 0, 2, &n), AFFLUX_OK);
  EXPECT_EQ(n, 0u);
  EXPECT_EQ(large.cancel(), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_try_acquire_up_to(sem, 1, 9, &n), AFFLUX_OK);
  EXPECT_EQ(n, 2u);
}

TEST_P(UpTo, RefusesBadArgumentsInEveryState) {
  in_every_state(options(kLimit), [](afflux_sem* sem, int state) {
    std::uint64_t n = kUntouched;
    EXPECT_EQ(afflux_sem_try_acquire_up_to(nullptr, 1, 1, &n), AFFLUX_EINVAL);
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_try_acquire_up_to(sem, 1, 1, nullptr));
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_try_acquire_up_to(sem, 0, 0, &n));
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_try_acquire_up_to(sem, 2, 1, &n));
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_try_acquire_up_to(sem, kMaxU64, 1, &n));
    // What is closed is closed, whatever is asked of it.
    const afflux_status too_many = state == 5 ? AFFLUX_ECLOSED : AFFLUX_E2BIG;
    for (const std::uint64_t min : {kLimit + 1, kMaxPermits, kMaxPermits + 1, kMaxU64}) {
      EXPECT_REFUSED(sem, too_many, afflux_sem_try_acquire_up_to(sem, min, kMaxU64, &n));
    }
    if (state == 5) {
      EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_sem_try_acquire_up_to(sem, 0, 1, &n));
      EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_sem_try_acquire_up_to(sem, 1, 1, &n));
    }
    EXPECT_EQ(n, kUntouched);
  });
}

TEST_P(UpTo, ByManyThreadsNeverExceedsTheLimitAndLosesNothing) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 4000;
  constexpr std::uint64_t kPermits = 7;
  const sem_guard sem(options(kPermits));
  std::atomic<std::uint64_t> held{0};
  std::atomic<std::uint64_t> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const auto min = static_cast<std::uint64_t>((i + t) % 4);
        const std::uint64_t max = min + static_cast<std::uint64_t>(i % 5) + 1;
        std::uint64_t n = 0;
        const afflux_status answer = afflux_sem_try_acquire_up_to(sem, min, max, &n);
        if (answer != AFFLUX_OK) {
          EXPECT_EQ(answer, AFFLUX_EAGAIN);
          continue;
        }
        EXPECT_GE(n, min);
        EXPECT_LE(n, max);
        if (n == 0) continue;
        const std::uint64_t now = held.fetch_add(n) + n;
        std::uint64_t seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        held.fetch_sub(n);
        EXPECT_EQ(afflux_sem_release(sem, n), AFFLUX_OK);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), kPermits);
  expect_all_free(sem, kPermits);
}

// Of two that want more than half exactly one gets it: neither takes a part and gives it back.
TEST_P(UpTo, OfTwoAtOnceOneTakesAllAndTheOtherNothing) {
  constexpr int kRounds = 2000;
  const sem_guard sem(options(4));
  std::atomic<int> round{0};
  std::atomic<int> done{0};
  std::atomic<int> won{0};
  const auto act = [&] {
    std::uint64_t n = 0;
    if (afflux_sem_try_acquire_up_to(sem, 3, 4, &n) == AFFLUX_OK) {
      EXPECT_EQ(n, 4u);
      won.fetch_add(1);
    }
  };
  std::thread other([&] {
    for (int i = 1; i <= kRounds; ++i) {
      await([&] { return round.load() == i; });
      act();
      done.store(i);
    }
  });
  for (int i = 1; i <= kRounds; ++i) {
    won.store(0);
    round.store(i);
    act();
    await([&] { return done.load() == i; });
    EXPECT_EQ(won.load(), 1);
    EXPECT_EQ(afflux_sem_release(sem, 4), AFFLUX_OK);
  }
  other.join();
  expect_all_free(sem, 4);
}

class ResizeBy : public per_variant {};

TEST_P(ResizeBy, AddsAndTakesAwayAndTellsTheLimit) {
  const sem_guard sem(options(5));
  std::uint64_t limit = 0;
  EXPECT_EQ(afflux_sem_resize_by(sem, 3, &limit), AFFLUX_OK);
  EXPECT_EQ(limit, 8u);
  EXPECT_EQ(afflux_sem_resize_by(sem, -6, &limit), AFFLUX_OK);
  EXPECT_EQ(limit, 2u);
  EXPECT_EQ(afflux_sem_resize_by(sem, 0, &limit), AFFLUX_OK);
  EXPECT_EQ(limit, 2u);
  EXPECT_EQ(afflux_sem_resize_by(sem, -2, nullptr), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_limit(sem), 0u);
  EXPECT_EQ(afflux_sem_resize_by(sem, static_cast<std::int64_t>(kMaxPermits), &limit), AFFLUX_OK);
  EXPECT_EQ(limit, kMaxPermits);
  expect_all_free(sem, kMaxPermits);
}

TEST_P(ResizeBy, OutOfRangeChangesNothing) {
  const auto refused = [](afflux_sem* sem, std::int64_t delta) {
    std::uint64_t limit = kUntouched;
    EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_sem_resize_by(sem, delta, &limit));
    EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_sem_resize_by(sem, delta, nullptr));
    EXPECT_EQ(limit, kUntouched);
  };
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  in_every_state(options(kLimit), [&](afflux_sem* sem, int state) {
    const auto limit = static_cast<std::int64_t>(state == 4 ? 2 : kLimit);
    for (const std::int64_t less : {-limit - 1, kMin, -kMax}) refused(sem, less);
    const std::int64_t room = static_cast<std::int64_t>(kMaxPermits) - limit;
    for (const std::int64_t more : {room + 1, kMax}) refused(sem, more);
    std::uint64_t untouched = kUntouched;
    EXPECT_EQ(afflux_sem_resize_by(nullptr, 1, &untouched), AFFLUX_EINVAL);
    EXPECT_EQ(untouched, kUntouched);
  });
}

TEST_P(ResizeBy, GrowthGrantsAndAShrinkLeavesADebt) {
  const sem_guard sem(options(1));
  pending first, second;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_resize_by(sem, 1, nullptr), AFFLUX_OK);
  EXPECT_TRUE(first.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(second.completions(), 0);
  EXPECT_EQ(afflux_sem_resize_by(sem, -1, nullptr), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(second.completions(), 0);  // paid the debt
  EXPECT_EQ(afflux_sem_resize_by(sem, -1, nullptr), AFFLUX_OK);
  EXPECT_TRUE(second.completed_once_with(AFFLUX_E2BIG));  // impossible from now on
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_all_free(sem, 0);
}

TEST_P(ResizeBy, WorksOnAClosedOneWhichStaysClosed) {
  const sem_guard sem(options(2));
  std::uint64_t limit = 0;
  ASSERT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_resize_by(sem, 2, &limit), AFFLUX_OK);
  EXPECT_EQ(limit, 4u);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_ECLOSED);
}

TEST_P(ResizeBy, ByManyThreadsEndsAtTheExactSum) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  constexpr std::uint64_t kStart = 100;
  const sem_guard sem(options(kStart));
  std::vector<std::thread> threads;
  std::atomic<std::int64_t> sum{0};
  std::atomic<bool> over{false};
  std::thread user([&] {
    while (!over.load()) {
      std::uint64_t n = 0;
      if (afflux_sem_try_acquire_up_to(sem, 1, 3, &n) == AFFLUX_OK) {
        EXPECT_EQ(afflux_sem_release(sem, n), AFFLUX_OK);
      }
    }
  });
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const std::int64_t delta = (i * 7 + t * 3) % 11 - 5;
        const afflux_status answer = afflux_sem_resize_by(sem, delta, nullptr);
        if (answer == AFFLUX_OK) {
          sum.fetch_add(delta);
        } else {
          EXPECT_EQ(answer, AFFLUX_EOVERFLOW);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  over.store(true);
  user.join();
  expect_all_free(sem, kStart + static_cast<std::uint64_t>(sum.load()));
}

INSTANTIATE_TEST_SUITE_P(Each, UpTo, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, ResizeBy, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
