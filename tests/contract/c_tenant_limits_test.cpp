// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Queue limits of a semaphore with tenants, which count for all together, and those of a tenant:
// who is refused, and who is dropped.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <vector>

#include "support/per_queue.h"
#include "support/recorder.h"
#include "support/sem_guard.h"
#include "support/tenant.h"

namespace afflux_test {
namespace {

constexpr std::uint32_t kRefusing[] = {AFFLUX_OVERFLOW_DROP_NEWEST, AFFLUX_OVERFLOW_FAIL};

class TenantLimits : public per_variant {
 protected:
  static afflux_sem_options bounded(std::uint32_t overflow, std::uint64_t waiters,
                                    std::uint64_t bytes = 0, std::uint64_t permits = 1) {
    afflux_sem_options o = options(permits);
    o.overflow = overflow;
    o.max_waiters = waiters;
    o.max_queue_bytes = bytes;
    return o;
  }
  // tenant may be nullptr: none's.
  pending& add(afflux_sem* sem, afflux_tenant* tenant, afflux_status expected = AFFLUX_PENDING,
               std::uint64_t cost = 0) {
    asked& x = queue_.emplace_back(tenant);
    x.request.cost_bytes = cost;
    EXPECT_EQ(x.start(sem), expected);
    return x;
  }
  std::deque<asked> queue_;
};

TEST_P(TenantLimits, ATenantsOwnLimitIsExactAndConcernsNoOther) {
  const sem_guard sem(options(1));
  afflux_tenant_options o = tenant_options();
  o.max_waiters = 2;
  const tenant_guard tenant(sem, o), other(sem);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending& first = add(sem, tenant);
  in_thread blocked_one([&] { return afflux_tenant_acquire(tenant, 1, AFFLUX_FOREVER); });
  await_waiters(sem, 2);
  EXPECT_REFUSED(sem, AFFLUX_EREJECTED, afflux_tenant_acquire(tenant, 1, AFFLUX_FOREVER));
  EXPECT_EQ(afflux_tenant_acquire(tenant, 1, 0), AFFLUX_ETIMEDOUT);  // it would not queue
  EXPECT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_EAGAIN);
  add(sem, tenant, AFFLUX_EREJECTED);
  EXPECT_EQ(tenant.stats().rejected, 2u);
  add(sem, other);
  add(sem, nullptr);
  EXPECT_EQ(first.cancel(), AFFLUX_OK);
  add(sem, tenant);
  add(sem, tenant, AFFLUX_EREJECTED);
  o.max_waiters = 3;
  EXPECT_EQ(afflux_tenant_set(tenant, &o), AFFLUX_OK);
  add(sem, tenant);
  o.max_waiters = 1;  // none is dropped for it
  EXPECT_EQ(afflux_tenant_set(tenant, &o), AFFLUX_OK);
  EXPECT_EQ(tenant.waiting(), 3u);
  add(sem, tenant, AFFLUX_EREJECTED);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(blocked_one.join(), AFFLUX_ECLOSED);
}

TEST_P(TenantLimits, TheSemaphoresNumberIsOfAllTogether) {
  for (const std::uint32_t overflow : kRefusing) {
    const sem_guard sem(bounded(overflow, 3));
    const tenant_guard a(sem), b(sem);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    add(sem, a);
    add(sem, b);
    pending& third = add(sem, nullptr);
    const sem_state full = state_of(sem);
    add(sem, a, AFFLUX_EREJECTED);
    add(sem, b, AFFLUX_EREJECTED);
    add(sem, nullptr, AFFLUX_EREJECTED);
    EXPECT_EQ(state_of(sem), full);
    EXPECT_EQ(a.stats().rejected, 1u);
    EXPECT_EQ(third.cancel(), AFFLUX_OK);
    add(sem, b);
    add(sem, nullptr, AFFLUX_EREJECTED);
  }
}

TEST_P(TenantLimits, TheSemaphoresBytesAreOfAllTogether) {
  for (const std::uint32_t overflow : kRefusing) {
    const sem_guard sem(bounded(overflow, 0, 100));
    const tenant_guard a(sem), b(sem);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    add(sem, a, AFFLUX_PENDING, 40);
    add(sem, nullptr, AFFLUX_PENDING, 40);
    add(sem, b, AFFLUX_EREJECTED, 21);
    add(sem, b, AFFLUX_PENDING, 20);
    add(sem, a, AFFLUX_EREJECTED, 1);
    add(sem, nullptr, AFFLUX_EREJECTED, 1);
    add(sem, a, AFFLUX_PENDING, 0);
  }
}

TEST_P(TenantLimits, SuspendRefusesNone) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_SUSPEND, 1, 1));
  const tenant_guard tenant(sem);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (int i = 0; i < 5; ++i) {
    add(sem, tenant, AFFLUX_PENDING, 10);
    add(sem, nullptr, AFFLUX_PENDING, 10);
  }
  EXPECT_EQ(afflux_sem_waiters(sem), 10u);
}

TEST_P(TenantLimits, OfLinesAsLongTheNewcomersOwnOldestIsDropped) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_DROP_OLDEST, 6));
  const tenant_guard a(sem), b(sem);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending& a1 = add(sem, a);
  pending& b1 = add(sem, b);
  pending& none1 = add(sem, nullptr);
  std::vector<pending*> left = {&add(sem, a), &add(sem, b), &add(sem, nullptr)};
  left.push_back(&add(sem, b));
  EXPECT_TRUE(b1.completed_once_with(AFFLUX_EREJECTED));
  left.push_back(&add(sem, a));
  EXPECT_TRUE(a1.completed_once_with(AFFLUX_EREJECTED));
  left.push_back(&add(sem, nullptr));
  EXPECT_TRUE(none1.completed_once_with(AFFLUX_EREJECTED));
  for (const pending* each : left) EXPECT_EQ(each->completions(), 0);
  EXPECT_EQ(afflux_sem_waiters(sem), 6u);
  EXPECT_EQ(a.stats().rejected, 1u);
  EXPECT_EQ(b.stats().rejected, 1u);
}

TEST_P(TenantLimits, WhoHasLessInLineDropsOneOfTheLongestToo) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_DROP_OLDEST, 5));
  const tenant_guard greedy(sem), modest(sem);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending& first = add(sem, modest);
  std::deque<asked> crowd;
  queue_up(crowd, sem, greedy, 4);
  pending& second = add(sem, modest);
  EXPECT_TRUE(crowd[0].completed_once_with(AFFLUX_EREJECTED));
  EXPECT_EQ(completed(crowd), 1);
  EXPECT_EQ(first.completions() + second.completions(), 0);
  EXPECT_EQ(modest.stats().rejected, 0u);
}

TEST_P(TenantLimits, WhoHasNoneInLineDropsOneOfTheLongestLine) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_DROP_OLDEST, 5));
  const tenant_guard greedy(sem), modest(sem), newcomer(sem);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending& its = add(sem, modest);
  std::deque<asked> crowd;
  queue_up(crowd, sem, greedy, 4);
  pending& wanted = add(sem, newcomer);
  EXPECT_TRUE(crowd[0].completed_once_with(AFFLUX_EREJECTED));
  EXPECT_EQ(completed(crowd), 1);
  EXPECT_EQ(its.completions() + wanted.completions(), 0);
  pending& none = add(sem, nullptr);
  EXPECT_TRUE(crowd[1].completed_once_with(AFFLUX_EREJECTED));
  EXPECT_EQ(its.completions() + wanted.completions() + none.completions(), 0);
  EXPECT_EQ(afflux_sem_waiters(sem), 5u);
}

TEST_P(TenantLimits, AsManyAreDroppedAsTheNewcomersBytesNeed) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_DROP_OLDEST, 0, 100));
  const tenant_guard a(sem), b(sem);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending& a1 = add(sem, a, AFFLUX_PENDING, 30);
  pending& b1 = add(sem, b, AFFLUX_PENDING, 30);
  pending& a2 = add(sem, a, AFFLUX_PENDING, 40);
  add(sem, a, AFFLUX_EREJECTED, 101);  // more than the whole
  pending& a3 = add(sem, a, AFFLUX_PENDING, 60);
  EXPECT_TRUE(a1.completed_once_with(AFFLUX_EREJECTED));
  EXPECT_TRUE(a2.completed_once_with(AFFLUX_EREJECTED));
  EXPECT_EQ(b1.completions() + a3.completions(), 0);
  pending& b2 = add(sem, b, AFFLUX_PENDING, 100);  // its own are not enough
  EXPECT_TRUE(b1.completed_once_with(AFFLUX_EREJECTED));
  EXPECT_TRUE(a3.completed_once_with(AFFLUX_EREJECTED));
  EXPECT_EQ(b2.completions(), 0);
  EXPECT_EQ(afflux_sem_waiters(sem), 1u);
}

TEST_P(TenantLimits, DropOldestDoesNotHelpBeyondATenantsOwnLimit) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_DROP_OLDEST, 10));
  afflux_tenant_options o = tenant_options();
  o.max_waiters = 1;
  const tenant_guard tenant(sem, o);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  const pending& first = add(sem, tenant);
  add(sem, tenant, AFFLUX_EREJECTED);
  EXPECT_EQ(first.completions(), 0);
}

// It is granted within its call, and so does not queue.
TEST_P(TenantLimits, AHigherPriorityThatFitsIsNotRefusedAndDropsNone) {
  for (const std::uint32_t overflow :
       {AFFLUX_OVERFLOW_DROP_NEWEST, AFFLUX_OVERFLOW_FAIL, AFFLUX_OVERFLOW_DROP_OLDEST}) {
    for (const bool named : {true, false}) {
      const sem_guard sem(bounded(overflow, 1, 0, 3));
      afflux_tenant_options o = tenant_options();
      o.max_waiters = 1;
      const tenant_guard some(sem, o);
      afflux_tenant* const tenant = named ? some.get() : nullptr;
      asked low(tenant, 3), high(tenant, 1);
      low.request.priority = AFFLUX_PRIORITY_LOW;
      high.request.priority = AFFLUX_PRIORITY_CRITICAL;
      ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
      ASSERT_EQ(low.start(sem), AFFLUX_PENDING);
      EXPECT_EQ(high.start(sem), AFFLUX_OK);
      EXPECT_EQ(low.completions(), 0);
      EXPECT_EQ(afflux_sem_held(sem), 2u);
      EXPECT_EQ(some.held(), named ? 1u : 0u);
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      EXPECT_EQ(named ? afflux_tenant_release(some, 1) : afflux_sem_release(sem, 1), AFFLUX_OK);
      EXPECT_TRUE(low.completed_once_with(AFFLUX_OK));
      expect_conserved(sem);
    }
  }
}

// A health check is to see it, whether others wait or not.
TEST_P(TenantLimits, WhatACapHoldsBackHasAWaitThatIsTold) {
  const sem_guard sem(options(2));
  afflux_tenant_options o = tenant_options();
  o.cap = 1;
  const tenant_guard tenant(sem, o);
  ASSERT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_OK);
  add(sem, tenant);
  pass_time(20 * kMillisecond);  // the request's time is that of a rough clock
  add(sem, tenant);
  afflux_sem_stats now;
  ASSERT_EQ(afflux_sem_stats_init(&now), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_get_stats(sem, &now), AFFLUX_OK);
  EXPECT_GE(now.oldest_wait_ns, kMillisecond);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
}

INSTANTIATE_TEST_SUITE_P(Each, TenantLimits, fair_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
