// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How tenants share a semaphore, over every queue: weights, guaranteed shares, caps, order within a
// tenant. How their requests complete is in c_tenant_requests_test.cpp, what a full queue does in
// c_tenant_limits_test.cpp, how tenants end in c_tenant_end_test.cpp; statuses are in
// c_tenant_status_test.cpp, shares over virtual time in unit/tenants_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <vector>

#include "support/recorder.h"
#include "support/sem_guard.h"
#include "support/tenant.h"

namespace afflux_test {
namespace {

using Tenants = per_variant;

TEST_P(Tenants, TakesAndGivesBackWhatIsFree) {
  const sem_guard sem(options(5));
  const tenant_guard a(sem), b(sem);
  EXPECT_EQ(afflux_tenant_try_acquire(a, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_acquire(b, 2, AFFLUX_FOREVER), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_EQ(state_of(sem), (sem_state{5, 0, 5, 0}));
  EXPECT_EQ(a.held(), 2u);
  EXPECT_EQ(b.held(), 2u);
  EXPECT_EQ(afflux_tenant_try_acquire(a, 1), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_tenant_acquire(a, 1, 0), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(afflux_tenant_acquire(a, 1, kMillisecond), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(afflux_tenant_release(a, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_release(b, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_release(b, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_all_free(sem, 5);
  EXPECT_EQ(a.held() + b.held(), 0u);
}

TEST_P(Tenants, WithinOneTheOrderIsThatOfArrivalAndPriority) {
  const sem_guard sem(options(1));
  const tenant_guard tenant(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_OK);
  journal book;
  std::deque<asked> all;
  const std::uint32_t arrivals[] = {AFFLUX_PRIORITY_LOW,    AFFLUX_PRIORITY_HIGH,
                                    AFFLUX_PRIORITY_NORMAL, AFFLUX_PRIORITY_CRITICAL,
                                    AFFLUX_PRIORITY_HIGH,   AFFLUX_PRIORITY_NORMAL};
  int id = 0;
  for (const std::uint32_t priority : arrivals) {
    asked& x = all.emplace_back(tenant, book, id++);
    x.request.priority = priority;
    ASSERT_EQ(x.start(sem), AFFLUX_PENDING);
  }
  for (int i = 0; i < 6; ++i) ASSERT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
  EXPECT_EQ(book.ids(), (std::vector<int>{3, 1, 4, 2, 5, 0}));
  EXPECT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
}

// Ageing is each tenant's own.
TEST_P(Tenants, ALowPriorityIsPassedByABoundedNumberOfItsOwn) {
  const sem_guard sem(options(1));
  const tenant_guard tenant(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_OK);
  std::deque<asked> all;
  asked low(tenant);
  low.request.priority = AFFLUX_PRIORITY_LOW;
  ASSERT_EQ(low.start(sem), AFFLUX_PENDING);
  queue_up(all, sem, tenant, AFFLUX_AGEING_BOUND + 1);
  for (int i = 0; i < AFFLUX_AGEING_BOUND; ++i) {
    ASSERT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
  }
  EXPECT_EQ(low.completions(), 0);
  ASSERT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
  EXPECT_TRUE(low.completed_once_with(AFFLUX_OK));
  ASSERT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
  EXPECT_TRUE(all.back().completed_once_with(AFFLUX_OK));
}

TEST_P(Tenants, ALargeRequestHoldsBackWhatComesBehindIt) {
  const sem_guard sem(options(3));
  const tenant_guard a(sem), b(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(b, 2), AFFLUX_OK);
  asked large(a, 3), small(a);
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(small.start(sem), AFFLUX_PENDING);
  // S5, with one permit free.
  EXPECT_EQ(afflux_tenant_try_acquire(a, 1), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_tenant_try_acquire(b, 1), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_sem_available(sem), 0u);
  EXPECT_EQ(large.cancel(), AFFLUX_OK);  // S7
  EXPECT_TRUE(small.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_tenant_release(a, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_release(b, 2), AFFLUX_OK);
  expect_all_free(sem, 3);
}

// ---- weights

// Two who want all that they can get, one permit. What each has used is in proportion to its
// weight, but for some requests' worth, however long the machine lets them take.
TEST_P(Tenants, PermitSecondsGoByWeight) {
  constexpr int kRounds = 2000;
  const sem_guard sem(options(1));
  const tenant_guard tenants[] = {tenant_guard(sem, tenant_options(1)),
                                  tenant_guard(sem, tenant_options(3))};
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  std::deque<asked> queues[2];
  for (int i = 0; i < 2; ++i) queue_up(queues[i], sem, tenants[i], kRounds);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  double longest = 0;
  std::int64_t before = now_ns();
  for (int round = 0; round < kRounds; ++round) {
    const int who = tenants[0].held() == 1 ? 0 : 1;
    pass_time(1000);
    ASSERT_EQ(afflux_tenant_release(tenants[who], 1), AFFLUX_OK);
    const std::int64_t now = now_ns();
    longest = std::max(longest, static_cast<double>(now - before));
    before = now;
  }
  const double used[] = {tenants[0].stats().used_permit_seconds * 1e9,
                         tenants[1].stats().used_permit_seconds * 1e9};
  EXPECT_LE(std::abs(used[0] - used[1] / 3), 4 * longest) << used[0] << " and " << used[1];
  EXPECT_GT(tenants[0].stats().acquired, 0u);
  EXPECT_GT(tenants[1].stats().acquired, 0u);
}

// Whoever it is, also one that names no tenant: it waits for no more than a request's worth or two
// of what the others use, where a request is as long as the longest has been. (Two releases, where
// all are alike: unit/tenants_test.cpp.)
TEST_P(Tenants, AQuietOneIsServedSoonBehindACrowd) {
  for (const bool named : {true, false}) {
    const sem_guard sem(options(1));
    const tenant_guard greedy(sem), quiet(sem);
    std::int64_t before = now_ns();
    ASSERT_EQ(afflux_tenant_try_acquire(greedy, 1), AFFLUX_OK);
    std::deque<asked> crowd;
    queue_up(crowd, sem, greedy, 3000);
    double longest = 0;
    const auto release = [&] {
      EXPECT_EQ(afflux_tenant_release(greedy, 1), AFFLUX_OK);
      const std::int64_t now = now_ns();
      longest = std::max(longest, static_cast<double>(now - before));
      before = now;
    };
    for (int i = 0; i < 100; ++i) release();
    asked one(named ? quiet.get() : nullptr);
    const double used = greedy.stats().used_permit_seconds * 1e9;
    ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
    while (one.completions() == 0) release();
    EXPECT_TRUE(one.completed_once_with(AFFLUX_OK));
    EXPECT_LE(greedy.stats().used_permit_seconds * 1e9 - used, 4 * longest);
    EXPECT_LT(completed(crowd), 3000);
    EXPECT_EQ(greedy.held(), 0u);
    EXPECT_EQ(named ? afflux_tenant_release(quiet, 1) : afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(greedy.held(), 1u);
  }
}

TEST_P(Tenants, TheDefaultWeightMayBeSetBeforeAndAfterTenantsCome) {
  const sem_guard sem(options(1));
  pending first, second;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_tenant_set_default_weight(sem, 7), AFFLUX_OK);
  const tenant_guard tenant(sem);
  asked its(tenant);
  ASSERT_EQ(its.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_tenant_set_default_weight(sem, AFFLUX_TENANT_MAX_WEIGHT), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_set_default_weight(sem, 1), AFFLUX_OK);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(tenant.held() == 1 ? afflux_tenant_release(tenant, 1) : afflux_sem_release(sem, 1),
              AFFLUX_OK);
  }
  EXPECT_TRUE(first.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(second.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(its.completed_once_with(AFFLUX_OK));
}

// ---- a guaranteed share

TEST_P(Tenants, AGuaranteedShareIsLentAndComesBackWithEachRelease) {
  const sem_guard sem(options(4));
  const tenant_guard greedy(sem), entitled(sem, guaranteed(2));
  ASSERT_EQ(afflux_tenant_try_acquire(greedy, 4), AFFLUX_OK);
  std::deque<asked> crowd, mine;
  queue_up(crowd, sem, greedy, 20);
  queue_up(mine, sem, entitled, 3);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(afflux_tenant_release(greedy, 1), AFFLUX_OK);
    EXPECT_EQ(completed(mine), i + 1);
  }
  EXPECT_EQ(completed(crowd), 0);
  EXPECT_EQ(entitled.stats().by_guarantee, 2u);
  ASSERT_EQ(afflux_tenant_release(entitled, 1), AFFLUX_OK);
  EXPECT_EQ(completed(mine), 3);
  EXPECT_EQ(completed(crowd), 0);
}

// Its request waits for nothing but a free permit, whoever waits for more.
TEST_P(Tenants, AGuaranteedShareIsTakenPastThoseWhoWaitForMore) {
  const sem_guard sem(options(4));
  const tenant_guard other(sem), entitled(sem, guaranteed(2));
  ASSERT_EQ(afflux_tenant_try_acquire(other, 2), AFFLUX_OK);
  asked large(other, 4), three(entitled, 3);
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_tenant_try_acquire(entitled, 1), AFFLUX_OK);
  asked one(entitled);
  EXPECT_EQ(one.start(sem), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_try_acquire(entitled, 1), AFFLUX_EAGAIN);
  EXPECT_EQ(three.start(sem), AFFLUX_PENDING);  // more than is guaranteed: by weight
  EXPECT_EQ(three.cancel(), AFFLUX_OK);
  EXPECT_EQ(large.completions(), 0);
  EXPECT_EQ(afflux_tenant_release(entitled, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_release(other, 2), AFFLUX_OK);
  EXPECT_TRUE(large.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_tenant_release(other, 4), AFFLUX_OK);
  expect_all_free(sem, 4);
}

// By turns; who gives permits back keeps its turn.
TEST_P(Tenants, GuaranteedSharesComeBackInTheOrderInWhichTheyWereMissed) {
  const sem_guard sem(options(4));
  const tenant_guard a(sem, guaranteed(2)), b(sem, guaranteed(2));
  ASSERT_EQ(afflux_tenant_try_acquire(a, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  journal book;
  asked first(a, book, 1), second(b, book, 2), third(a, book, 3);
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(third.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(afflux_tenant_release(a, 1), AFFLUX_OK);
  for (int i = 0; i < 2; ++i) ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(book.ids(), (std::vector<int>{1, 2, 3}));
}

TEST_P(Tenants, AGuaranteedShareThatIsRaisedComesAtOnce) {
  const sem_guard sem(options(2));
  const tenant_guard a(sem), b(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(b, 1), AFFLUX_OK);
  asked large(a, 2), small(b);
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(small.start(sem), AFFLUX_PENDING);
  const afflux_tenant_options two = guaranteed(2);
  EXPECT_EQ(afflux_tenant_set(b, &two), AFFLUX_OK);
  EXPECT_TRUE(small.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(large.completions(), 0);
}

// ---- a cap

TEST_P(Tenants, ACapHoldsBackItsTenantAndNoOther) {
  const sem_guard sem(options(5));
  const tenant_guard tenant(sem, capped(2)), other(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(tenant, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_EAGAIN);
  std::deque<asked> waits;
  queue_up(waits, sem, tenant, 3);
  EXPECT_EQ(state_of(sem), (sem_state{5, 3, 2, 3}));
  EXPECT_EQ(afflux_tenant_acquire(tenant, 1, kMillisecond), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_try_acquire(other, 1), AFFLUX_OK);
  asked its(other);
  EXPECT_EQ(its.start(sem), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_release(other, 2), AFFLUX_OK);
  EXPECT_EQ(completed(waits), 0);
  EXPECT_EQ(afflux_tenant_release(tenant, 2), AFFLUX_OK);
  EXPECT_EQ(completed(waits), 2);
  EXPECT_EQ(tenant.held(), 2u);
  EXPECT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
  EXPECT_EQ(completed(waits), 3);
  EXPECT_EQ(afflux_tenant_release(tenant, 2), AFFLUX_OK);
  expect_all_free(sem, 5);
}

TEST_P(Tenants, MoreThanTheCapCanNeverBe) {
  const sem_guard sem(options(5));
  const tenant_guard tenant(sem, capped(2));
  asked three(tenant, 3);
  EXPECT_REFUSED(sem, AFFLUX_E2BIG, afflux_tenant_try_acquire(tenant, 3));
  EXPECT_REFUSED(sem, AFFLUX_E2BIG, afflux_tenant_acquire(tenant, 3, AFFLUX_FOREVER));
  EXPECT_REFUSED(sem, AFFLUX_E2BIG, three.start(sem));
}

TEST_P(Tenants, ACapThatIsRaisedLetsInWhatWaited) {
  const sem_guard sem(options(5));
  const tenant_guard tenant(sem, capped(1));
  ASSERT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_OK);
  std::deque<asked> waits;
  queue_up(waits, sem, tenant, 3);
  asked later(tenant, 4);  // more than the cap, now
  later.request.flags = AFFLUX_WAIT_FOR_RESIZE;
  ASSERT_EQ(later.start(sem), AFFLUX_PENDING);
  afflux_tenant_options o = capped(3);
  EXPECT_EQ(afflux_tenant_set(tenant, &o), AFFLUX_OK);
  EXPECT_EQ(completed(waits), 2);
  o.cap = 0;
  EXPECT_EQ(afflux_tenant_set(tenant, &o), AFFLUX_OK);
  EXPECT_EQ(completed(waits), 3);
  EXPECT_EQ(later.completions(), 0);  // one permit is free
  EXPECT_EQ(afflux_tenant_release(tenant, 3), AFFLUX_OK);
  EXPECT_TRUE(later.completed_once_with(AFFLUX_OK));
}

TEST_P(Tenants, ACapThatIsLoweredRevokesNothingAndEndsWhatIsTooBig) {
  const sem_guard sem(options(5));
  const tenant_guard tenant(sem, capped(4));
  ASSERT_EQ(afflux_tenant_try_acquire(tenant, 4), AFFLUX_OK);
  asked three(tenant, 3), one(tenant), waits_for_more(tenant, 3);
  waits_for_more.request.flags = AFFLUX_WAIT_FOR_RESIZE;
  ASSERT_EQ(three.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(waits_for_more.start(sem), AFFLUX_PENDING);
  const afflux_tenant_options two = capped(2);
  EXPECT_EQ(afflux_tenant_set(tenant, &two), AFFLUX_OK);
  EXPECT_TRUE(three.completed_once_with(AFFLUX_E2BIG));
  EXPECT_EQ(tenant.held(), 4u);
  EXPECT_EQ(tenant.stats().ended, 1u);
  EXPECT_EQ(afflux_tenant_release(tenant, 2), AFFLUX_OK);
  EXPECT_EQ(one.completions(), 0);
  EXPECT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
  EXPECT_TRUE(one.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(waits_for_more.completions(), 0);
  EXPECT_EQ(waits_for_more.cancel(), AFFLUX_OK);
}

INSTANTIATE_TEST_SUITE_P(Each, Tenants, fair_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
