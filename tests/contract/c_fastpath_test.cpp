// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The fast-path block, used as a binding would, by the words of the header
// alone, mixed with the calls. docs/invariants.md: S1, S2, S5, S8, S11.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <thread>
#include <vector>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

enum class fast { done, call };

constexpr std::uint64_t kFlags = 0x3ff;

std::int64_t available(std::uint64_t word) { return static_cast<std::int64_t>(word) >> 20; }

fast fast_acquire(const afflux_fastpath* block, std::uint64_t n) {
  auto* word = const_cast<std::uint64_t*>(&block->word);
  std::uint64_t w = __atomic_load_n(word, __ATOMIC_ACQUIRE);
  for (;;) {
    if ((w & kFlags) != 0 || available(w) < static_cast<std::int64_t>(n)) return fast::call;
    if (__atomic_compare_exchange_n(word, &w, w - (n << 20), false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_ACQUIRE)) {
      return fast::done;
    }
  }
}

fast fast_release(const afflux_fastpath* block, std::uint64_t n) {
  auto* word = const_cast<std::uint64_t*>(&block->word);
  std::uint64_t w = __atomic_load_n(word, __ATOMIC_ACQUIRE);
  for (;;) {
    if ((w & kFlags) != 0) return fast::call;
    const std::uint64_t limit = __atomic_load_n(&block->limit, __ATOMIC_RELAXED);
    if (n > limit - static_cast<std::uint64_t>(available(w))) return fast::call;
    if (__atomic_compare_exchange_n(word, &w, w + (n << 20), false, __ATOMIC_RELEASE,
                                    __ATOMIC_ACQUIRE)) {
      return fast::done;
    }
  }
}

class Fastpath : public per_variant {
 protected:
  // What is done inline is not counted.
  static afflux_sem_options options(std::uint64_t permits) {
    afflux_sem_options made = per_variant::options(permits);
    made.statistics = AFFLUX_STATS_OFF;
    return made;
  }
  // A later layout makes a binding fall back to the calls; then there is nothing to test here.
  static const afflux_fastpath* block_of(afflux_sem* sem) {
    const afflux_fastpath* block = afflux_sem_fastpath(sem);
    EXPECT_NE(block, nullptr);
    EXPECT_EQ(block->layout, 2u);
    return block;
  }
  static std::uint64_t word(const afflux_fastpath* block) {
    return __atomic_load_n(&block->word, __ATOMIC_ACQUIRE);
  }
};

TEST_P(Fastpath, CountsWithTheCalls) {
  const sem_guard sem(options(10));
  const afflux_fastpath* block = block_of(sem);
  EXPECT_EQ(fast_acquire(block, 3), fast::done);
  EXPECT_EQ(state_of(sem), (sem_state{10, 7, 3, 0}));
  EXPECT_EQ(afflux_sem_try_acquire(sem, 4), AFFLUX_OK);
  EXPECT_EQ(available(word(block)), 3);
  EXPECT_EQ(block->limit, 10u);
  EXPECT_EQ(fast_acquire(block, 3), fast::done);
  EXPECT_EQ(fast_acquire(block, 1), fast::call);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_sem_release(sem, 5), AFFLUX_OK);
  EXPECT_EQ(fast_release(block, 5), fast::done);
  EXPECT_EQ(fast_release(block, 1), fast::call);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_EOVERFLOW);
  expect_all_free(sem, 10);
}

TEST_P(Fastpath, SendsTheCallerIntoTheCallsWhileAnybodyQueues) {
  const sem_guard sem(options(2));
  const afflux_fastpath* block = block_of(sem);
  pending head(2);
  ASSERT_EQ(fast_acquire(block, 1), fast::done);
  ASSERT_EQ(head.start(sem), AFFLUX_PENDING);
  EXPECT_NE(word(block) & kFlags, 0u);
  EXPECT_EQ(fast_acquire(block, 1), fast::call);
  EXPECT_EQ(fast_release(block, 1), fast::call);  // else the head would sleep for ever (L1)
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(head.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(word(block) & kFlags, 0u);
  EXPECT_EQ(fast_release(block, 2), fast::done);
  expect_all_free(sem, 2);
}

// The last release is to be noticed, whoever makes it.
TEST_P(Fastpath, SendsReleasesIntoTheCallsWhileSomebodyWaitsForIdleness) {
  const sem_guard sem(options(2));
  const afflux_fastpath* block = block_of(sem);
  pending idle;
  ASSERT_EQ(fast_acquire(block, 2), fast::done);
  ASSERT_EQ(afflux_sem_wait_idle_async(sem, &idle.request, &idle.waiter), AFFLUX_PENDING);
  EXPECT_NE(word(block) & kFlags, 0u);
  EXPECT_EQ(fast_release(block, 2), fast::call);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(fast_release(block, 1), fast::call);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(idle.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(word(block) & kFlags, 0u);
  ASSERT_EQ(fast_acquire(block, 1), fast::done);
  pending taken_back;
  ASSERT_EQ(afflux_sem_wait_idle_async(sem, &taken_back.request, &taken_back.waiter),
            AFFLUX_PENDING);
  EXPECT_EQ(taken_back.cancel(), AFFLUX_OK);
  EXPECT_EQ(word(block) & kFlags, 0u);
  EXPECT_EQ(fast_release(block, 1), fast::done);
  expect_all_free(sem, 2);
}

// What the calls for several permits, or for another limit, do is seen in both words.
TEST_P(Fastpath, FollowsTakingUpToAndResizingByADifference) {
  const sem_guard sem(options(5));
  const afflux_fastpath* block = block_of(sem);
  std::uint64_t n = 0;
  ASSERT_EQ(fast_acquire(block, 1), fast::done);
  ASSERT_EQ(afflux_sem_try_acquire_up_to(sem, 1, 3, &n), AFFLUX_OK);
  EXPECT_EQ(available(word(block)), 1);
  ASSERT_EQ(afflux_sem_resize_by(sem, -3, &n), AFFLUX_OK);
  EXPECT_EQ(available(word(block)), -2);
  EXPECT_EQ(block->limit, n);
  EXPECT_EQ(fast_acquire(block, 1), fast::call);
  EXPECT_EQ(fast_release(block, 5), fast::call);  // 4 are held
  EXPECT_EQ(fast_release(block, 4), fast::done);
  expect_all_free(sem, 2);
}

TEST_P(Fastpath, OpensAgainWhenTheQueueIsEmpty) {
  const sem_guard sem(options(1));
  const afflux_fastpath* block = block_of(sem);
  for (int i = 0; i < 100; ++i) {
    pending p;
    ASSERT_EQ(fast_acquire(block, 1), fast::done);
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    ASSERT_EQ(p.cancel(), AFFLUX_OK);
    ASSERT_EQ(word(block) & kFlags, 0u);
    ASSERT_EQ(fast_release(block, 1), fast::done);
  }
}

TEST_P(Fastpath, FollowsTheLimit) {
  const sem_guard sem(options(1));
  const afflux_fastpath* block = block_of(sem);
  EXPECT_EQ(fast_acquire(block, 1), fast::done);
  EXPECT_EQ(fast_acquire(block, 1), fast::call);
  EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  EXPECT_EQ(fast_acquire(block, 1), fast::done);
  EXPECT_EQ(afflux_sem_resize(sem, 0), AFFLUX_OK);
  EXPECT_EQ(fast_acquire(block, 1), fast::call);
  EXPECT_EQ(fast_release(block, 2), fast::done);
  EXPECT_EQ(fast_acquire(block, 1), fast::call);
}

TEST_P(Fastpath, StaysClosed) {
  const sem_guard sem(options(2));
  const afflux_fastpath* block = block_of(sem);
  EXPECT_EQ(fast_acquire(block, 1), fast::done);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(fast_acquire(block, 1), fast::call);
  EXPECT_EQ(fast_release(block, 1), fast::call);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_resize(sem, 5), AFFLUX_OK);
  EXPECT_EQ(fast_acquire(block, 1), fast::call);
}

TEST_P(Fastpath, HoldsTheWholeRange) {
  const sem_guard sem(options(kMaxPermits));
  const afflux_fastpath* block = block_of(sem);
  EXPECT_EQ(fast_acquire(block, kMaxPermits), fast::done);
  EXPECT_EQ(afflux_sem_held(sem), kMaxPermits);
  EXPECT_EQ(fast_acquire(block, kMaxPermits), fast::call);
  EXPECT_EQ(fast_release(block, kMaxPermits), fast::done);
  expect_all_free(sem, kMaxPermits);
}

// Both ways by many threads, over a resize that goes up and down: plain data behind the permit
// shows every double entry (S1) and every missing edge (S11) to the thread sanitizer.
TEST_P(Fastpath, MixedWithCallsByManyThreadsLetsOnlyTheHolderIn) {
  const sem_guard sem(options(1));
  const afflux_fastpath* block = block_of(sem);
  constexpr int kThreads = 4;
  constexpr int kRounds = 5000;
  std::int64_t guarded = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        if ((i + t) % 4 == 0 || fast_acquire(block, 1) == fast::call) {
          ASSERT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_OK);
        }
        ++guarded;
        if ((i + t) % 3 == 0 || fast_release(block, 1) == fast::call) {
          ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(guarded, std::int64_t{kThreads} * kRounds);
  expect_all_free(sem, 1);
}

INSTANTIATE_TEST_SUITE_P(Each, Fastpath, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
