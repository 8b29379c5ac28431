// SPDX-License-Identifier: MIT OR Apache-2.0
//
// S14: acquire, release, cancel and completion with the caller's own waiter do
// not allocate, however many requests queue. Every malloc and operator new of
// the process is counted (under a sanitizer operator new alone).
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>

#include "support/faults.h"
#include "support/recorder.h"
#include "support/sem_guard.h"
#include "support/tenant.h"

namespace afflux_test {
namespace {

constexpr std::size_t kCount = 1000;

class Allocations : public per_variant {
 protected:
  void SetUp() override {
    afflux_request_init(&request_);
    request_.ctx = &completions_;
    request_.wake = [](void* ctx, afflux_status) { ++*static_cast<std::atomic<int>*>(ctx); };
    // The counter itself must work, or every test here would pass.
    count_allocations();
    int* volatile one = new int(1);  // volatile: or the pair may be left out
    delete one;
    ASSERT_GE(allocations_counted(), 1u);
  }

  afflux_status start(afflux_sem* sem, std::size_t i) {
    return afflux_sem_acquire_async(sem, &request_, &waiters_[i]);
  }

  std::atomic<int> completions_{0};
  afflux_request request_;
  const std::unique_ptr<afflux_waiter[]> waiters_{new afflux_waiter[kCount]};
};

TEST_P(Allocations, NoneInTryAcquireReleaseAndDrain) {
  const sem_guard sem(options(2));
  bool right = true;
  count_allocations();
  for (int i = 0; i < 100; ++i) {
    std::uint64_t drained = 0;
    right &= afflux_sem_try_acquire(sem, 1) == AFFLUX_OK;
    right &= afflux_sem_drain(sem, &drained) == AFFLUX_OK && drained == 1;
    right &= afflux_sem_try_acquire(sem, 1) == AFFLUX_EAGAIN;
    right &= afflux_sem_release(sem, 2) == AFFLUX_OK;
    right &= start(sem, 0) == AFFLUX_OK;
    right &= afflux_sem_release(sem, 1) == AFFLUX_OK;
  }
  EXPECT_EQ(allocations_counted(), 0u);
  EXPECT_TRUE(right);
}

TEST_P(Allocations, NoneInQueueingCancelAndCompletion) {
  const sem_guard sem(options(kCount));
  bool right = afflux_sem_try_acquire(sem, kCount) == AFFLUX_OK;
  count_allocations();
  for (std::size_t i = 0; i < kCount; ++i) {
    request_.priority = static_cast<std::uint32_t>(i % 4);
    right &= start(sem, i) == AFFLUX_PENDING;
  }
  for (std::size_t i = 0; i < kCount; i += 2) {
    right &= afflux_waiter_cancel(&waiters_[i]) == AFFLUX_OK;
  }
  right &= afflux_sem_release(sem, kCount / 4) == AFFLUX_OK;
  right &= afflux_sem_resize(sem, kCount + 10) == AFFLUX_OK;
  right &= afflux_sem_release(sem, kCount / 2) == AFFLUX_OK;
  const std::uint64_t counted = allocations_counted();
  EXPECT_EQ(counted, 0u);
  EXPECT_TRUE(right);
  EXPECT_EQ(completions_.load(), static_cast<int>(kCount / 2));
}

TEST_P(Allocations, NoneInClose) {
  const sem_guard sem(options(1));
  bool right = afflux_sem_try_acquire(sem, 1) == AFFLUX_OK;
  for (std::size_t i = 0; i < kCount; ++i) right &= start(sem, i) == AFFLUX_PENDING;
  count_allocations();
  right &= afflux_sem_close(sem) == AFFLUX_OK;
  EXPECT_EQ(allocations_counted(), 0u);
  EXPECT_TRUE(right);
  EXPECT_EQ(completions_.load(), static_cast<int>(kCount));
}

TEST_P(Allocations, NoneInABlockingAcquire) {
  const sem_guard sem(options(1));
  bool right = afflux_sem_try_acquire(sem, 1) == AFFLUX_OK;
  right &= afflux_sem_acquire(sem, 1, 1) == AFFLUX_ETIMEDOUT;  // warm
  count_allocations();
  right &= afflux_sem_acquire(sem, 1, 2 * kMillisecond) == AFFLUX_ETIMEDOUT;
  EXPECT_EQ(allocations_counted(), 0u);

  // Handed over between two threads, both awake before the count begins.
  constexpr int kRounds = 200;
  std::atomic<bool> go{false};
  std::atomic<bool> ready{false};
  std::atomic<bool> other_right{true};
  std::thread other([&] {
    ready.store(true);
    while (!go.load()) std::this_thread::yield();
    for (int i = 0; i < kRounds; ++i) {
      if (afflux_sem_acquire(sem, 1, AFFLUX_FOREVER) != AFFLUX_OK) other_right.store(false);
      if (afflux_sem_release(sem, 1) != AFFLUX_OK) other_right.store(false);
    }
    ready.store(false);
  });
  while (!ready.load()) std::this_thread::yield();
  count_allocations();
  go.store(true);
  right &= afflux_sem_release(sem, 1) == AFFLUX_OK;
  for (int i = 0; i < kRounds; ++i) {
    right &= afflux_sem_acquire(sem, 1, AFFLUX_FOREVER) == AFFLUX_OK;
    right &= afflux_sem_release(sem, 1) == AFFLUX_OK;
  }
  while (ready.load()) std::this_thread::yield();
  EXPECT_EQ(allocations_counted(), 0u);
  other.join();
  EXPECT_TRUE(right);
  EXPECT_TRUE(other_right.load());
}

TEST_P(Allocations, NoneInTimedRequestsOnceTheTimerRuns) {
  const sem_guard sem(options(1));
  bool right = afflux_sem_try_acquire(sem, 1) == AFFLUX_OK;
  request_.timeout_ns = kMillisecond;
  right &= start(sem, 0) == AFFLUX_PENDING;
  await([&] { return completions_.load() == 1; });
  count_allocations();
  for (std::size_t i = 0; i < kCount; ++i) {
    request_.timeout_ns = i % 2 == 0 ? kMillisecond : 3600 * 1000 * kMillisecond;
    right &= start(sem, i) == AFFLUX_PENDING;
  }
  await([&] { return completions_.load() == 1 + static_cast<int>(kCount / 2); });
  for (std::size_t i = 1; i < kCount; i += 2) {
    right &= afflux_waiter_cancel(&waiters_[i]) == AFFLUX_OK;
  }
  EXPECT_EQ(allocations_counted(), 0u);
  EXPECT_TRUE(right);
}

TEST_P(Allocations, NoneInTokens) {
  const sem_guard sem(options(4));
  afflux_permit_token a{}, b{};
  bool right = true;
  afflux_request plain;
  afflux_request_init(&plain);
  plain.permits = 3;
  count_allocations();
  right &= afflux_sem_acquire_permit(sem, &plain, 0, &a) == AFFLUX_OK;
  right &= afflux_permit_split(&a, 1, &b) == AFFLUX_OK;
  right &= afflux_permit_merge(&a, &b) == AFFLUX_OK;
  right &= afflux_permit_release(&a) == AFFLUX_OK;
  EXPECT_EQ(allocations_counted(), 0u);
  EXPECT_TRUE(right);
}

TEST_P(Allocations, NoneInTenantsRequests) {
  if (GetParam().fairness != AFFLUX_FAIR) return;  // has no tenants
  constexpr std::size_t kTenants = 50;
  const sem_guard sem(options(1));
  std::deque<tenant_guard> tenants;
  for (std::size_t i = 0; i < kTenants; ++i) {
    tenants.emplace_back(sem, tenant_options(static_cast<std::uint32_t>(1 + i)));
  }
  bool right = afflux_sem_try_acquire(sem, 1) == AFFLUX_OK;
  count_allocations();
  for (std::size_t i = 0; i < kCount; ++i) {
    request_.tenant = tenants[i % kTenants];
    request_.priority = static_cast<std::uint32_t>(i % 4);
    right &= start(sem, i) == AFFLUX_PENDING;
  }
  for (std::size_t i = 0; i < kCount; i += 2) {
    right &= afflux_waiter_cancel(&waiters_[i]) == AFFLUX_OK;
  }
  right &= afflux_sem_release(sem, 1) == AFFLUX_OK;
  right &= afflux_sem_resize(sem, kCount / 4) == AFFLUX_OK;
  for (tenant_guard& each : tenants) right &= afflux_tenant_close(each) == AFFLUX_OK;
  const std::uint64_t counted = allocations_counted();
  EXPECT_EQ(counted, 0u);
  EXPECT_TRUE(right);
  EXPECT_EQ(completions_.load(), static_cast<int>(kCount / 2));
}

INSTANTIATE_TEST_SUITE_P(Each, Allocations, never_allocating_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
