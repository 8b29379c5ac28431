// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The fast-path block, used as a binding would, by the words of the header
// alone, mixed with the calls. docs/invariants.md: S1, S2, S5, S8, S11.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

enum class fast { done, call };

constexpr std::uint64_t kFlags = 0x3ff;
constexpr std::uint64_t kCount = 0x3fu << 14;
constexpr std::uint64_t kCountIsFull = 1u << 19;

std::int64_t available(std::uint64_t word) { return static_cast<std::int64_t>(word) >> 20; }

// What a binding keeps of a semaphore.
class binding {
 public:
  explicit binding(afflux_sem* sem)
      : sem_(sem), block_(const_cast<afflux_fastpath*>(afflux_sem_fastpath(sem))) {}

  const afflux_fastpath* operator->() const { return block_; }
  bool counts() const { return block_->layout == 3; }
  std::uint64_t word() const { return __atomic_load_n(&block_->word, __ATOMIC_ACQUIRE); }

  fast acquire(std::uint64_t n) const {
    std::uint64_t w = word();
    for (;;) {
      if ((w & kFlags) != 0 || available(w) < static_cast<std::int64_t>(n)) return fast::call;
      std::uint64_t wanted = w - (n << 20);
      if (counts()) wanted = (w & kCountIsFull) == 0 ? wanted + (1u << 14) : wanted & ~kCount;
      if (exchange(w, wanted, __ATOMIC_ACQUIRE)) {
        if (counts()) count(n, w, wanted);
        return fast::done;
      }
    }
  }

  fast release(std::uint64_t n) const {
    std::uint64_t w = word();
    for (;;) {
      if ((w & kFlags) != 0) return fast::call;
      const std::uint64_t limit = __atomic_load_n(&block_->limit, __ATOMIC_RELAXED);
      if (n > limit - static_cast<std::uint64_t>(available(w))) return fast::call;
      if (exchange(w, w + (n << 20), __ATOMIC_RELEASE)) return fast::done;
    }
  }

 private:
  bool exchange(std::uint64_t& w, std::uint64_t wanted, int order) const {
    return __atomic_compare_exchange_n(&block_->word, &w, wanted, false, order, __ATOMIC_ACQUIRE);
  }
  void count(std::uint64_t n, std::uint64_t before, std::uint64_t after) const {
    if ((before & kCountIsFull) != 0) {
      __atomic_fetch_add(&block_->taken, ((before & kCount) >> 14) + 1, __ATOMIC_RELEASE);
    }
    if (n > 1) __atomic_fetch_add(&block_->beyond, n - 1, __ATOMIC_RELAXED);
    const std::uint64_t limit = __atomic_load_n(&block_->limit, __ATOMIC_RELAXED);
    const std::uint64_t peak = __atomic_load_n(&block_->peak, __ATOMIC_RELAXED);
    if (limit - static_cast<std::uint64_t>(available(after)) > peak) {
      afflux_sem_note_peak(sem_, after);
    }
  }

  afflux_sem* sem_;
  afflux_fastpath* block_;
};

// Each variant, without statistics and with them.
class Fastpath : public testing::TestWithParam<std::tuple<variant, std::uint32_t>> {
 protected:
  static afflux_sem_options options(std::uint64_t permits) {
    afflux_sem_options made;
    EXPECT_EQ(afflux_sem_options_init(&made), AFFLUX_OK);
    made.queue = std::get<variant>(GetParam()).queue;
    made.fairness = std::get<variant>(GetParam()).fairness;
    made.statistics = std::get<std::uint32_t>(GetParam());
    made.permits = permits;
    return made;
  }
  static bool counts() { return std::get<std::uint32_t>(GetParam()) != AFFLUX_STATS_OFF; }
  // A later layout makes a binding fall back to the calls; then there is nothing to test here.
  static binding block_of(afflux_sem* sem) {
    const binding made(sem);
    EXPECT_EQ(made->layout, counts() ? 3u : 2u);
    EXPECT_EQ(made->reserved, counts() ? std::uint32_t{AFFLUX_FASTPATH_COUNTED} : 0u);
    return made;
  }
  static afflux_sem_stats stats_of(const afflux_sem* sem) {
    afflux_sem_stats now;
    EXPECT_EQ(afflux_sem_stats_init(&now), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_get_stats(sem, &now), AFFLUX_OK);
    return now;
  }
};

TEST_P(Fastpath, CountsWithTheCalls) {
  const sem_guard sem(options(10));
  const binding block = block_of(sem);
  EXPECT_EQ(block.acquire(3), fast::done);
  EXPECT_EQ(state_of(sem), (sem_state{10, 7, 3, 0}));
  EXPECT_EQ(afflux_sem_try_acquire(sem, 4), AFFLUX_OK);
  EXPECT_EQ(available(block.word()), 3);
  EXPECT_EQ(block->limit, 10u);
  EXPECT_EQ(block.acquire(3), fast::done);
  EXPECT_EQ(block.acquire(1), fast::call);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_sem_release(sem, 5), AFFLUX_OK);
  EXPECT_EQ(block.release(5), fast::done);
  EXPECT_EQ(block.release(1), fast::call);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_EOVERFLOW);
  expect_all_free(sem, 10);
}

TEST_P(Fastpath, SendsTheCallerIntoTheCallsWhileAnybodyQueues) {
  const sem_guard sem(options(2));
  const binding block = block_of(sem);
  pending head(2);
  ASSERT_EQ(block.acquire(1), fast::done);
  ASSERT_EQ(head.start(sem), AFFLUX_PENDING);
  EXPECT_NE(block.word() & kFlags, 0u);
  EXPECT_EQ(block.acquire(1), fast::call);
  EXPECT_EQ(block.release(1), fast::call);  // else the head would sleep for ever (L1)
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(head.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(block.word() & kFlags, 0u);
  EXPECT_EQ(block.release(2), fast::done);
  expect_all_free(sem, 2);
}

// The last release is to be noticed, whichever thread makes it.
TEST_P(Fastpath, SendsReleasesIntoTheCallsWhileSomebodyWaitsForIdleness) {
  const sem_guard sem(options(2));
  const binding block = block_of(sem);
  pending idle;
  ASSERT_EQ(block.acquire(2), fast::done);
  ASSERT_EQ(afflux_sem_wait_idle_async(sem, &idle.request, &idle.waiter), AFFLUX_PENDING);
  EXPECT_NE(block.word() & kFlags, 0u);
  EXPECT_EQ(block.release(2), fast::call);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(block.release(1), fast::call);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(idle.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(block.word() & kFlags, 0u);
  ASSERT_EQ(block.acquire(1), fast::done);
  pending taken_back;
  ASSERT_EQ(afflux_sem_wait_idle_async(sem, &taken_back.request, &taken_back.waiter),
            AFFLUX_PENDING);
  EXPECT_EQ(taken_back.cancel(), AFFLUX_OK);
  EXPECT_EQ(block.word() & kFlags, 0u);
  EXPECT_EQ(block.release(1), fast::done);
  expect_all_free(sem, 2);
}

// What the calls for several permits, or for another limit, do is seen in both words.
TEST_P(Fastpath, FollowsTakingUpToAndResizingByADifference) {
  const sem_guard sem(options(5));
  const binding block = block_of(sem);
  std::uint64_t n = 0;
  ASSERT_EQ(block.acquire(1), fast::done);
  ASSERT_EQ(afflux_sem_try_acquire_up_to(sem, 1, 3, &n), AFFLUX_OK);
  EXPECT_EQ(available(block.word()), 1);
  ASSERT_EQ(afflux_sem_resize_by(sem, -3, &n), AFFLUX_OK);
  EXPECT_EQ(available(block.word()), -2);
  EXPECT_EQ(block->limit, n);
  EXPECT_EQ(block.acquire(1), fast::call);
  EXPECT_EQ(block.release(5), fast::call);  // 4 are held
  EXPECT_EQ(block.release(4), fast::done);
  expect_all_free(sem, 2);
}

TEST_P(Fastpath, OpensAgainWhenTheQueueIsEmpty) {
  const sem_guard sem(options(1));
  const binding block = block_of(sem);
  for (int i = 0; i < 100; ++i) {
    pending p;
    ASSERT_EQ(block.acquire(1), fast::done);
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    ASSERT_EQ(p.cancel(), AFFLUX_OK);
    ASSERT_EQ(block.word() & kFlags, 0u);
    ASSERT_EQ(block.release(1), fast::done);
  }
}

TEST_P(Fastpath, FollowsTheLimit) {
  const sem_guard sem(options(1));
  const binding block = block_of(sem);
  EXPECT_EQ(block.acquire(1), fast::done);
  EXPECT_EQ(block.acquire(1), fast::call);
  EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  EXPECT_EQ(block.acquire(1), fast::done);
  EXPECT_EQ(afflux_sem_resize(sem, 0), AFFLUX_OK);
  EXPECT_EQ(block.acquire(1), fast::call);
  EXPECT_EQ(block.release(2), fast::done);
  EXPECT_EQ(block.acquire(1), fast::call);
}

TEST_P(Fastpath, StaysClosed) {
  const sem_guard sem(options(2));
  const binding block = block_of(sem);
  EXPECT_EQ(block.acquire(1), fast::done);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(block.acquire(1), fast::call);
  EXPECT_EQ(block.release(1), fast::call);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_resize(sem, 5), AFFLUX_OK);
  EXPECT_EQ(block.acquire(1), fast::call);
}

TEST_P(Fastpath, HoldsTheWholeRange) {
  const sem_guard sem(options(kMaxPermits));
  const binding block = block_of(sem);
  EXPECT_EQ(block.acquire(kMaxPermits), fast::done);
  EXPECT_EQ(afflux_sem_held(sem), kMaxPermits);
  EXPECT_EQ(block.acquire(kMaxPermits), fast::call);
  EXPECT_EQ(block.release(kMaxPermits), fast::done);
  expect_all_free(sem, kMaxPermits);
}

// Both ways by many threads, over a resize that goes up and down: plain data behind the permit
// shows every double entry (S1) and every missing edge (S11) to the thread sanitizer.
TEST_P(Fastpath, MixedWithCallsByManyThreadsLetsOnlyTheHolderIn) {
  const sem_guard sem(options(1));
  const binding block = block_of(sem);
  constexpr int kThreads = 4;
  constexpr int kRounds = 5000;
  std::int64_t guarded = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        if ((i + t) % 4 == 0 || block.acquire(1) == fast::call) {
          ASSERT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_OK);
        }
        ++guarded;
        if ((i + t) % 3 == 0 || block.release(1) == fast::call) {
          ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(guarded, std::int64_t{kThreads} * kRounds);
  expect_all_free(sem, 1);
}

// More than the word counts by itself, by many at once and one after the other.
TEST_P(Fastpath, WhatIsTakenInlineIsInTheTotals) {
  constexpr std::uint64_t kRounds = 5000;
  constexpr std::uint64_t kThreads = 4;
  const sem_guard sem(options(3 * kThreads));
  const binding block = block_of(sem);
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (std::uint64_t i = 0; i < kRounds; ++i) {
        const std::uint64_t n = i % 4 == 0 ? 3 : 1;
        ASSERT_EQ(block.acquire(n), fast::done);
        ASSERT_EQ(block.release(n), fast::done);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const afflux_sem_stats now = stats_of(sem);
  if (counts()) {
    EXPECT_EQ(now.requests_fast, kThreads * kRounds);
    EXPECT_EQ(now.acquired_fast, kThreads * kRounds / 4 * 6);
    EXPECT_EQ(now.released, now.acquired_fast);
    EXPECT_GE(now.peak_held, 3u);
    EXPECT_LE(now.peak_held, 3 * kThreads);
  } else {
    EXPECT_EQ(now.requests_fast + now.acquired_fast + now.released + now.peak_held, 0u);
  }
  expect_all_free(sem, 3 * kThreads);
}

TEST_P(Fastpath, ThePeakIsThatOfBothWays) {
  if (!counts()) return;
  const sem_guard sem(options(10));
  const binding block = block_of(sem);
  ASSERT_EQ(block.acquire(2), fast::done);
  ASSERT_EQ(block.release(1), fast::done);
  EXPECT_EQ(stats_of(sem).peak_held, 2u);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  EXPECT_EQ(stats_of(sem).peak_held, 4u);
  ASSERT_EQ(block.acquire(1), fast::done);
  EXPECT_EQ(stats_of(sem).peak_held, 5u);
  EXPECT_EQ(block->peak, 5u);
  ASSERT_EQ(afflux_sem_release(sem, 5), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_resize(sem, 4), AFFLUX_OK);
  ASSERT_EQ(block.acquire(4), fast::done);
  EXPECT_EQ(stats_of(sem).peak_held, 5u);
  ASSERT_EQ(block.release(4), fast::done);
  afflux_sem_note_peak(nullptr, block.word());
}

// While permits move, no total goes back, and none is ahead of what has been done.
TEST_P(Fastpath, AReaderSeesNoTotalGoBackNorRunAhead) {
  if (!counts()) return;
  const sem_guard sem(options(4));
  const binding block = block_of(sem);
  std::atomic<std::uint64_t> begun{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        begun.fetch_add(1);
        ASSERT_EQ(block.acquire(1), fast::done);
        ASSERT_EQ(block.release(1), fast::done);
      }
    });
  }
  std::thread reader([&] {
    std::uint64_t requests = 0;
    while (!over.load()) {
      const afflux_sem_stats now = stats_of(sem);
      ASSERT_GE(now.requests_fast, requests);
      requests = now.requests_fast;
      ASSERT_LE(requests, begun.load());
      ASSERT_LE(now.released, requests);
    }
  });
  for (std::thread& thread : threads) thread.join();
  over = true;
  reader.join();
  EXPECT_EQ(stats_of(sem).requests_fast, 60'000u);
  expect_all_free(sem, 4);
}

std::string name_of_case(const testing::TestParamInfo<Fastpath::ParamType>& info) {
  return name_of(std::get<variant>(info.param)) +
         (std::get<std::uint32_t>(info.param) == AFFLUX_STATS_OFF ? "Uncounted" : "Counted");
}
INSTANTIATE_TEST_SUITE_P(Each, Fastpath,
                         testing::Combine(all_variants(),
                                          testing::Values(std::uint32_t{AFFLUX_STATS_OFF},
                                                          std::uint32_t{AFFLUX_STATS_COUNTERS})),
                         name_of_case);

}  // namespace
}  // namespace afflux_test
