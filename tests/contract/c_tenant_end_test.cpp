// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How tenants end: by a close, by their last reference, with the semaphore; with requests that
// wait, with permits that are held, and with tokens.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "support/per_queue.h"
#include "support/recorder.h"
#include "support/sem_guard.h"
#include "support/tenant.h"

namespace afflux_test {
namespace {

class TenantEnd : public per_variant {
 protected:
  static afflux_request for_tenant(afflux_tenant* tenant, std::uint64_t permits = 1) {
    afflux_request r;
    afflux_request_init(&r);
    r.permits = permits;
    r.tenant = tenant;
    return r;
  }
};

TEST_P(TenantEnd, ACloseEndsWhatWaitsAndRefusesWhatComes) {
  const sem_guard sem(options(2));
  const tenant_guard a(sem), b(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(a, 2), AFFLUX_OK);
  asked first(a), second(a), other(b);
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(other.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  in_thread thread([&] { return afflux_tenant_acquire(a, 1, AFFLUX_FOREVER); });
  await_waiters(sem, 4);
  EXPECT_EQ(afflux_tenant_close(a), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_close(a), AFFLUX_EALREADY);
  EXPECT_TRUE(first.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_TRUE(second.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_EQ(thread.join(), AFFLUX_ECLOSED);
  EXPECT_EQ(other.completions(), 0);
  EXPECT_EQ(afflux_sem_waiters(sem), 1u);
  asked late(a);
  EXPECT_EQ(late.start(sem), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_tenant_try_acquire(a, 1), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_tenant_acquire(a, 1, AFFLUX_FOREVER), AFFLUX_ECLOSED);
  // What it holds it goes on holding.
  EXPECT_EQ(a.held(), 2u);
  EXPECT_EQ(afflux_tenant_release(a, 1), AFFLUX_OK);
  EXPECT_TRUE(other.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_tenant_release(a, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_release(b, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_is_closed(sem), 0);
  expect_all_free(sem, 2);
}

// S7: what it held back gets in by the close itself.
TEST_P(TenantEnd, ACloseLetsInThoseBehind) {
  const sem_guard sem(options(2));
  const tenant_guard a(sem), b(sem);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  asked large(a, 2), small(b);
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(small.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_tenant_close(a), AFFLUX_OK);
  EXPECT_TRUE(large.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_TRUE(small.completed_once_with(AFFLUX_OK));
}

TEST_P(TenantEnd, AClosedOneIsNotChangedAndStaysClosed) {
  const sem_guard sem(options(2));
  const tenant_guard tenant(sem, tenant_options(3));
  EXPECT_EQ(afflux_tenant_close(tenant), AFFLUX_OK);
  const afflux_tenant_options o = tenant_options(5);
  EXPECT_EQ(afflux_tenant_set(tenant, &o), AFFLUX_ECLOSED);
  EXPECT_EQ(tenant.stats().weight, 3u);
}

TEST_P(TenantEnd, TheLastReferenceEndsWhatWaits) {
  const sem_guard sem(options(2));
  tenant_guard a(sem);
  const tenant_guard b(sem);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  asked large(a, 2), capped_one(a), small(b);
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(capped_one.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(small.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_tenant_ref(a), a.get());
  afflux_tenant_unref(a);
  EXPECT_EQ(large.completions(), 0);
  a.reset();
  EXPECT_TRUE(large.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_TRUE(capped_one.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_TRUE(small.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(large.cancel(), AFFLUX_EALREADY);
}

// It may be gone, too, when its closed requests have not been told yet.
TEST_P(TenantEnd, AClosedOneMayLoseItsLastReferenceInACompletion) {
  const sem_guard sem(options(1));
  tenant_guard tenant(sem);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  std::deque<asked> all;
  queue_up(all, sem, tenant, 3);
  all.front().then = [&](afflux_status) { tenant.reset(); };
  EXPECT_EQ(afflux_tenant_close(tenant), AFFLUX_OK);
  EXPECT_EQ(completed(all), 3);
  EXPECT_EQ(tenant.get(), nullptr);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_all_free(sem, 1);
}

TEST_P(TenantEnd, WhatItHeldIsThenHeldByThoseWhoNameNone) {
  const sem_guard sem(options(3));
  tenant_guard a(sem, capped(3));
  const tenant_guard b(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(a, 3), AFFLUX_OK);
  asked waits(b);
  ASSERT_EQ(waits.start(sem), AFFLUX_PENDING);
  a.reset();
  EXPECT_EQ(afflux_sem_held(sem), 3u);
  EXPECT_EQ(waits.completions(), 0);
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  EXPECT_TRUE(waits.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(b.held(), 1u);
  EXPECT_EQ(afflux_tenant_release(b, 1), AFFLUX_OK);
  expect_all_free(sem, 3);
}

TEST_P(TenantEnd, ATokenKeepsItsTenantOpen) {
  const sem_guard sem(options(3));
  tenant_guard tenant(sem, capped(3));
  afflux_permit_token token{}, part{};
  const afflux_request three = for_tenant(tenant, 3);
  ASSERT_EQ(afflux_sem_acquire_permit(sem, &three, 0, &token), AFFLUX_OK);
  EXPECT_EQ(tenant.held(), 3u);
  asked waits(tenant);
  ASSERT_EQ(waits.start(sem), AFFLUX_PENDING);
  afflux_tenant* const borrowed = tenant.get();
  tenant.reset();
  EXPECT_EQ(waits.completions(), 0);
  ASSERT_EQ(afflux_permit_split(&token, 1, &part), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  EXPECT_TRUE(waits.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_tenant_release(borrowed, 1), AFFLUX_OK);  // part has a reference
  EXPECT_EQ(afflux_sem_held(sem), 1u);
  EXPECT_EQ(afflux_permit_release(&part), AFFLUX_OK);
  expect_all_free(sem, 3);
}

TEST_P(TenantEnd, ATokenThatIsForgottenLeavesItsPermitsToThoseWhoNameNone) {
  const sem_guard sem(options(2));
  tenant_guard tenant(sem);
  afflux_permit_token token{};
  const afflux_request two = for_tenant(tenant, 2);
  ASSERT_EQ(afflux_sem_acquire_permit(sem, &two, 0, &token), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_forget(&token), AFFLUX_OK);
  EXPECT_EQ(tenant.held(), 2u);
  tenant.reset();
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  expect_all_free(sem, 2);
}

TEST_P(TenantEnd, TokensOfDifferentTenantsDoNotMerge) {
  const sem_guard sem(options(5));
  const tenant_guard a(sem), b(sem);
  afflux_permit_token of_a{}, more_of_a{}, of_b{}, of_none{};
  ASSERT_EQ(afflux_tenant_try_acquire(a, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_tenant_adopt(a, 1, nullptr, &of_a), AFFLUX_OK);
  afflux_request r = for_tenant(a);
  ASSERT_EQ(afflux_sem_acquire_permit(sem, &r, 0, &more_of_a), AFFLUX_OK);
  r = for_tenant(b, 2);
  ASSERT_EQ(afflux_sem_acquire_permit(sem, &r, 0, &of_b), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_acquire_permit(sem, nullptr, 0, &of_none), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_permit_merge(&of_a, &of_b));
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_permit_merge(&of_a, &of_none));
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_permit_merge(&of_none, &of_b));
  EXPECT_EQ(afflux_permit_merge(&of_a, &more_of_a), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_count(&of_a), 2u);
  EXPECT_EQ(afflux_permit_release(&of_a), AFFLUX_OK);
  EXPECT_EQ(a.held(), 0u);
  EXPECT_EQ(b.held(), 2u);
  EXPECT_EQ(afflux_permit_release(&of_b), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&of_none), AFFLUX_OK);
  expect_all_free(sem, 5);
}

// What was the token's has been given back by hand: no more comes back than is held.
TEST_P(TenantEnd, ATokenOfPermitsThatAreGoneAnswersOverflow) {
  const sem_guard sem(options(3));
  const tenant_guard tenant(sem);
  afflux_permit_token token{};
  const afflux_request three = for_tenant(tenant, 3);
  ASSERT_EQ(afflux_sem_acquire_permit(sem, &three, 0, &token), AFFLUX_OK);
  ASSERT_EQ(afflux_tenant_release(tenant, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_EOVERFLOW);
  EXPECT_EQ(tenant.held(), 0u);
  expect_all_free(sem, 3);
}

TEST_P(TenantEnd, TheSemaphoresCloseEndsAllOfThem) {
  const sem_guard sem(options(1));
  const tenant_guard a(sem), b(sem, capped(1));
  ASSERT_EQ(afflux_tenant_try_acquire(b, 1), AFFLUX_OK);
  asked first(a), second(b);
  pending third;
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);  // its cap holds it back
  ASSERT_EQ(third.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_TRUE(first.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_TRUE(second.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_TRUE(third.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_EQ(a.stats().ended, 1u);
  asked late(a);
  EXPECT_EQ(late.start(sem), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_tenant_release(b, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_close(a), AFFLUX_OK);
  expect_conserved(sem);
}

TEST_P(TenantEnd, ATenantKeepsItsSemaphoreOpen) {
  sem_guard sem(options(1));
  const tenant_guard tenant(sem);
  afflux_sem* const borrowed = sem.give();
  afflux_sem_unref(borrowed);
  EXPECT_EQ(afflux_tenant_sem(tenant), borrowed);
  EXPECT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_OK);
  asked waits(tenant);
  ASSERT_EQ(waits.start(borrowed), AFFLUX_PENDING);
  EXPECT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
  EXPECT_TRUE(waits.completed_once_with(AFFLUX_OK));
}

// A cancel, a release and the last reference meet, over and over.
TEST_P(TenantEnd, ItMeetsCancelsAndReleases) {
  const sem_guard sem(options(1));
  const tenant_guard stays(sem);
  for (int round = 0; round < 200; ++round) {
    tenant_guard comes(sem);
    asked first(comes), second(comes), other(stays);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
    ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
    ASSERT_EQ(other.start(sem), AFFLUX_PENDING);
    std::atomic<int> ready{0};
    const auto meet = [&] {
      ready.fetch_add(1);
      await([&] { return ready.load() == 3; });
    };
    afflux_status canceled = kNotCompleted;
    std::thread cancels([&] {
      meet();
      canceled = first.cancel();
    });
    std::thread releases([&] {
      meet();
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    });
    meet();
    comes.reset();
    cancels.join();
    releases.join();
    EXPECT_EQ(first.completions(), canceled == AFFLUX_OK ? 0 : 1);
    EXPECT_EQ(second.completions(), 1);
    // One of them has the permit; the tenant's is given back as no one's now.
    const bool its = first.status() == AFFLUX_OK || second.status() == AFFLUX_OK;
    if (its) {
      ASSERT_EQ(other.completions(), 0);
      ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
    ASSERT_TRUE(other.completed_once_with(AFFLUX_OK));
    ASSERT_EQ(afflux_tenant_release(stays, 1), AFFLUX_OK);
  }
  expect_all_free(sem, 1);
}

INSTANTIATE_TEST_SUITE_P(Each, TenantEnd, fair_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
