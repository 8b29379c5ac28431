// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Large numbers: many threads on one permit, and a million waiters of which
// half are cancelled at random (L1, L3, L6, S3, S12). These run to their end,
// whatever AFFLUX_STRESS_MS says.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "../contract/support/build_kind.h"
#include "stress.h"

namespace afflux_test {
namespace {

class StressMany : public stress {};

TEST_P(StressMany, ThreadsOnOnePermitAreAllServedOneByOne) {
  const std::size_t count = kSanitized ? 100 : 1000;
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  std::atomic<std::size_t> served{0};
  std::uint64_t guarded = 0;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&] {
      EXPECT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_OK);
      ++guarded;
      served.fetch_add(1);
    });
  }
  await_waiters(sem, count);
  for (std::size_t i = 1; i <= count; ++i) {
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    await([&] { return served.load() == i; });
    ASSERT_EQ(state_of(sem), (sem_state{1, 0, 1, count - i}));
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(guarded, count);
}

TEST_P(StressMany, AThousandThreadsLoseNoWakeup) {
  const std::size_t count = kSanitized ? 200 : 1000;
  const sem_guard sem(options(count));
  ASSERT_EQ(afflux_sem_try_acquire(sem, count), AFFLUX_OK);
  std::atomic<std::size_t> served{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&] {
      if (afflux_sem_acquire(sem, 1, AFFLUX_FOREVER) == AFFLUX_OK) served.fetch_add(1);
    });
  }
  await_waiters(sem, count);
  ASSERT_EQ(afflux_sem_release(sem, count), AFFLUX_OK);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served.load(), count);
  EXPECT_EQ(state_of(sem), (sem_state{count, 0, count, 0}));
}

// One byte for each waiter: what became of it.
struct outcome {
  std::uint8_t completions = 0;
  std::uint8_t canceled = 0;
};

class StressMillion : public stress {
 protected:
  void SetUp() override {
    stress::SetUp();
    count_ = kSanitized ? 100000 : 1000000;
    waiters_.reset(new afflux_waiter[count_]);
    outcomes_.reset(new outcome[count_]());
    afflux_request_init(&request_);
    request_.wake = [](void* ctx, afflux_status) { ++static_cast<outcome*>(ctx)->completions; };
  }
  void queue_all(afflux_sem* sem) {
    for (std::size_t i = 0; i < count_; ++i) {
      request_.ctx = &outcomes_[i];
      ASSERT_EQ(afflux_sem_acquire_async(sem, &request_, &waiters_[i]), AFFLUX_PENDING);
    }
    ASSERT_EQ(afflux_sem_waiters(sem), count_);
  }
  void cancel_half(afflux_sem* sem) {
    std::vector<std::uint32_t> order(count_);
    std::iota(order.begin(), order.end(), 0u);
    random_engine random = engine(0);
    std::shuffle(order.begin(), order.end(), random);
    order.resize(count_ / 2);
    for (const std::uint32_t i : order) {
      ASSERT_EQ(afflux_waiter_cancel(&waiters_[i]), AFFLUX_OK);
      outcomes_[i].canceled = 1;
    }
    ASSERT_EQ(afflux_sem_waiters(sem), count_ - count_ / 2);
  }
  void expect_one_outcome_each() {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      if (outcomes_[i].completions + outcomes_[i].canceled != 1) ++wrong;
    }
    EXPECT_EQ(wrong, 0u);
  }

  std::size_t count_ = 0;
  std::unique_ptr<afflux_waiter[]> waiters_;
  std::unique_ptr<outcome[]> outcomes_;
  afflux_request request_;
};

TEST_P(StressMillion, HalfCancelledTheRestGrantedAtOnce) {
  const sem_guard sem(options(count_));
  ASSERT_EQ(afflux_sem_try_acquire(sem, count_), AFFLUX_OK);
  queue_all(sem);
  cancel_half(sem);
  EXPECT_EQ(afflux_sem_release(sem, count_), AFFLUX_OK);
  expect_one_outcome_each();
  EXPECT_EQ(afflux_sem_waiters(sem), 0u);
  EXPECT_EQ(afflux_sem_held(sem), count_ - count_ / 2);
}

TEST_P(StressMillion, HalfCancelledTheRestGrantedOneByOne) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  queue_all(sem);
  cancel_half(sem);
  for (std::size_t i = count_ / 2; i < count_; ++i)
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_one_outcome_each();
  EXPECT_EQ(state_of(sem), (sem_state{1, 0, 1, 0}));
}

TEST_P(StressMillion, HalfCancelledTheRestClosed) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  queue_all(sem);
  cancel_half(sem);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  expect_one_outcome_each();
  EXPECT_EQ(afflux_sem_waiters(sem), 0u);
}

// Cancelled by one thread while another grants: one outcome each all the same.
TEST_P(StressMillion, CancelledAndGrantedAtOnce) {
  const sem_guard sem(options(count_));
  ASSERT_EQ(afflux_sem_try_acquire(sem, count_), AFFLUX_OK);
  queue_all(sem);
  std::thread granter([&] {
    // A prime step, so that the releases end anywhere inside a batch.
    for (std::size_t left = count_; left > 0;) {
      const std::size_t n = std::min<std::size_t>(left, 61);
      EXPECT_EQ(afflux_sem_release(sem, n), AFFLUX_OK);
      left -= n;
    }
  });
  for (std::size_t i = count_; i-- > 0;) {
    if (afflux_waiter_cancel(&waiters_[i]) == AFFLUX_OK) outcomes_[i].canceled = 1;
  }
  granter.join();
  expect_one_outcome_each();
  std::uint64_t granted = 0;
  for (std::size_t i = 0; i < count_; ++i) granted += outcomes_[i].completions;
  EXPECT_EQ(state_of(sem), (sem_state{count_, count_ - granted, granted, 0}));
}

INSTANTIATE_TEST_SUITE_P(Each, StressMany, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, StressMillion, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
