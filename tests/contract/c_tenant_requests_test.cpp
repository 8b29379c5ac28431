// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every way in which a tenant's request completes, what becomes of it by what is done to the
// semaphore, and what is counted, over every queue.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <vector>

#include "support/note.h"
#include "support/per_queue.h"
#include "support/port.h"
#include "support/recorder.h"
#include "support/sem_guard.h"
#include "support/tenant.h"

namespace afflux_test {
namespace {

using TenantRequests = per_variant;

TEST_P(TenantRequests, BlockedThreadsAreServed) {
  const sem_guard sem(options(1));
  const tenant_guard a(sem), b(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(a, 1), AFFLUX_OK);
  in_thread first([&] { return afflux_tenant_acquire(a, 1, AFFLUX_FOREVER); });
  in_thread second([&] { return afflux_tenant_acquire(b, 1, AFFLUX_FOREVER); });
  await_waiters(sem, 2);
  ASSERT_EQ(afflux_tenant_release(a, 1), AFFLUX_OK);
  await([&] { return first.returned() || second.returned(); });
  ASSERT_EQ(afflux_tenant_release(first.returned() ? a : b, 1), AFFLUX_OK);
  EXPECT_EQ(first.join(), AFFLUX_OK);
  EXPECT_EQ(second.join(), AFFLUX_OK);
}

TEST_P(TenantRequests, AnUntimedBlockedThreadWaitsAsLongAsTheSemaphoreAllows) {
  afflux_sem_options o = options(1);
  o.waiter_timeout_ns = kMillisecond;
  const sem_guard sem(o);
  const tenant_guard tenant(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_acquire(tenant, 1, AFFLUX_FOREVER), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(tenant.stats().timed_out, 1u);
}

TEST_P(TenantRequests, ARequestsTimeRunsOutAndLetsInTheNext) {
  const sem_guard sem(options(2));
  const tenant_guard a(sem), b(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(a, 1), AFFLUX_OK);
  asked large(a, 2), small(b);
  large.request.timeout_ns = kMillisecond;
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  const afflux_status answer = small.start(sem);  // the time may be over already
  await([&] { return large.completions() != 0; });
  EXPECT_TRUE(large.completed_once_with(AFFLUX_ETIMEDOUT));
  if (answer == AFFLUX_PENDING) {
    await([&] { return small.completions() != 0; });
    EXPECT_TRUE(small.completed_once_with(AFFLUX_OK));
  } else {
    EXPECT_EQ(answer, AFFLUX_OK);
  }
  EXPECT_EQ(a.stats().timed_out, 1u);
}

TEST_P(TenantRequests, NotesTell) {
  const sem_guard sem(options(1));
  const tenant_guard a(sem), b(sem);
  note_book book;
  noted first(book, 1), second(book, 2), third(book, 3);
  first.request.tenant = a;
  second.request.tenant = a;
  third.request.tenant = b;
  ASSERT_EQ(afflux_tenant_try_acquire(a, 1), AFFLUX_OK);
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(third.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(first.cancel(), AFFLUX_OK);
  EXPECT_EQ(first.status(), AFFLUX_ECANCELED);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(afflux_tenant_release(a.held() == 1 ? a : b, 1), AFFLUX_OK);
  }
  EXPECT_EQ(second.status(), AFFLUX_OK);
  EXPECT_EQ(third.status(), AFFLUX_OK);
  EXPECT_EQ(book.size(), 2u);
  EXPECT_EQ(a.stats().canceled, 1u);
}

// More notes of one tenant than one call tells at once.
TEST_P(TenantRequests, ACloseTellsACrowdByNotes) {
  constexpr std::uint64_t kMany = 300;
  const sem_guard sem(options(1));
  const tenant_guard tenant(sem);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  note_book book;
  std::deque<noted> all;
  for (std::uint64_t i = 0; i < kMany; ++i) {
    noted& x = all.emplace_back(book, i);
    x.request.tenant = tenant;
    ASSERT_EQ(x.start(sem), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_tenant_close(tenant), AFFLUX_OK);
  EXPECT_EQ(book.size(), kMany);
  for (noted& x : all) EXPECT_EQ(x.status(), AFFLUX_ECLOSED);
  EXPECT_EQ(tenant.waiting(), 0u);
}

TEST_P(TenantRequests, PortsReceive) {
  const sem_guard sem(options(1));
  const tenant_guard a(sem), b(sem);
  const port_guard port(AFFLUX_PORT_CALLBACK);
  ported first(port, 1), second(port, 2);
  first.request.tenant = a;
  second.request.tenant = b;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_tenant_release(a.held() == 1 ? a : b, 1), AFFLUX_OK);
  std::vector<std::uint64_t> who;
  for (const afflux_completion& c : const_cast<port_guard&>(port).drain_all()) {
    EXPECT_EQ(c.status, AFFLUX_OK);
    who.push_back(c.user_data);
  }
  std::sort(who.begin(), who.end());
  EXPECT_EQ(who, (std::vector<std::uint64_t>{1, 2}));
}

// S12: what a wake function gives back goes to the next when it has returned.
TEST_P(TenantRequests, AWakeFunctionMayGiveBackAndAskAgain) {
  constexpr int kRounds = 1000;
  const sem_guard sem(options(1));
  const tenant_guard a(sem), b(sem);
  const tenant_guard* const both[] = {&a, &b};
  std::deque<asked> all;
  int served = 0;
  const auto begin = [&](auto&& self, int who) -> void {
    asked& x = all.emplace_back(*both[who]);
    x.then = [&, who](afflux_status s) {
      ASSERT_EQ(s, AFFLUX_OK);
      ++served;
      if (served < kRounds) self(self, who);
      EXPECT_EQ(afflux_tenant_release(*both[who], 1), AFFLUX_OK);
    };
    EXPECT_EQ(x.start(sem), AFFLUX_PENDING);
  };
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  begin(begin, 0);
  begin(begin, 1);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_GE(served, kRounds);
  EXPECT_GT(a.stats().acquired, 0u);
  EXPECT_GT(b.stats().acquired, 0u);
  EXPECT_EQ(a.stats().acquired + b.stats().acquired, static_cast<std::uint64_t>(served));
  expect_all_free(sem, 1);
}

// ---- the semaphore

TEST_P(TenantRequests, GrowthLetsInAndAShrinkEndsWhatIsTooBig) {
  const sem_guard sem(options(1));
  const tenant_guard a(sem), b(sem);
  asked first(a), large(b, 3), patient(b, 3);
  patient.request.flags = AFFLUX_WAIT_FOR_RESIZE;
  ASSERT_EQ(afflux_tenant_try_acquire(a, 1), AFFLUX_OK);
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(large.start(sem), AFFLUX_E2BIG);
  ASSERT_EQ(afflux_sem_resize(sem, 3), AFFLUX_OK);
  EXPECT_TRUE(first.completed_once_with(AFFLUX_OK));
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(patient.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  EXPECT_TRUE(large.completed_once_with(AFFLUX_E2BIG));
  EXPECT_EQ(b.stats().ended, 1u);
  EXPECT_EQ(afflux_tenant_release(a, 2), AFFLUX_OK);
  EXPECT_EQ(patient.completions(), 0);
  ASSERT_EQ(afflux_sem_resize(sem, 4), AFFLUX_OK);
  EXPECT_TRUE(patient.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_tenant_release(b, 3), AFFLUX_OK);
  expect_all_free(sem, 4);
}

TEST_P(TenantRequests, TheSemaphoreIsIdleWhenNoTenantHoldsOrWaits) {
  const sem_guard sem(options(1));
  const tenant_guard tenant(sem, capped(1));
  ASSERT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_OK);
  asked waits(tenant);
  ASSERT_EQ(waits.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_wait_idle(sem, 0), AFFLUX_ETIMEDOUT);
  pending idle;
  ASSERT_EQ(afflux_sem_wait_idle_async(sem, &idle.request, &idle.waiter), AFFLUX_PENDING);
  ASSERT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
  EXPECT_EQ(idle.completions(), 0);
  ASSERT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
  EXPECT_TRUE(idle.completed_once_with(AFFLUX_OK));
}

TEST_P(TenantRequests, DrainTakesWhatACapHoldsBack) {
  const sem_guard sem(options(3));
  const tenant_guard tenant(sem, capped(1));
  ASSERT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_OK);
  asked waits(tenant);
  ASSERT_EQ(waits.start(sem), AFFLUX_PENDING);
  std::uint64_t n = 0;
  EXPECT_EQ(afflux_sem_drain(sem, &n), AFFLUX_OK);
  EXPECT_EQ(n, 2u);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
  EXPECT_TRUE(waits.completed_once_with(AFFLUX_OK));
}

// A mistake of the program's, which tenant.h names: no more are in flight for it than the limit.
TEST_P(TenantRequests, PermitsGivenBackToTheSemaphoreByMistakeStayTheTenants) {
  const sem_guard sem(options(4));
  const tenant_guard tenant(sem, capped(3)), other(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(tenant, 3), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_EQ(tenant.held(), 3u);
  EXPECT_EQ(afflux_sem_held(sem), 1u);
  EXPECT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_EAGAIN);  // its cap
  EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_tenant_release(tenant, 2));
  ASSERT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_tenant_release(tenant, 1));
  EXPECT_EQ(afflux_tenant_try_acquire(other, 4), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_try_acquire(other, 1), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_tenant_release(other, 4), AFFLUX_OK);
  expect_all_free(sem, 4);
}

// ---- statistics

TEST_P(TenantRequests, EachEndOfARequestIsCounted) {
  afflux_sem_options o = options(2);
  o.statistics = AFFLUX_STATS_FULL;
  const sem_guard sem(o);
  afflux_tenant_options its = capped(2);
  its.max_waiters = 2;
  its.guaranteed = 1;
  const tenant_guard tenant(sem, its);
  ASSERT_EQ(afflux_tenant_try_acquire(tenant, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_tenant_acquire(tenant, 1, 0), AFFLUX_ETIMEDOUT);
  asked canceled(tenant), granted(tenant, 2), rejected(tenant), entitled(tenant), ended(tenant);
  ASSERT_EQ(canceled.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(granted.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(rejected.start(sem), AFFLUX_EREJECTED);
  EXPECT_EQ(canceled.cancel(), AFFLUX_OK);
  pass_time(2000);
  ASSERT_EQ(afflux_tenant_release(tenant, 2), AFFLUX_OK);
  ASSERT_TRUE(granted.completed_once_with(AFFLUX_OK));
  ASSERT_EQ(entitled.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(afflux_tenant_release(tenant, 2), AFFLUX_OK);
  ASSERT_TRUE(entitled.completed_once_with(AFFLUX_OK));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_acquire(tenant, 1, 1), AFFLUX_ETIMEDOUT);
  ASSERT_EQ(ended.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(afflux_tenant_close(tenant), AFFLUX_OK);
  const afflux_tenant_stats s = tenant.stats();
  EXPECT_EQ(s.weight, 1u);
  EXPECT_EQ(s.guaranteed, 1u);
  EXPECT_EQ(s.cap, 2u);
  EXPECT_EQ(s.max_waiters, 2u);
  EXPECT_EQ(s.held, 1u);
  EXPECT_EQ(s.waiting, 0u);
  EXPECT_EQ(s.acquired, 5u);
  EXPECT_EQ(s.requests, 3u);
  EXPECT_EQ(s.waits, 2u);
  EXPECT_EQ(s.by_guarantee, 1u);
  EXPECT_GE(s.wait_sum_ns, 1000u);
  EXPECT_GE(s.wait_sum_ns, s.wait_max_ns);
  EXPECT_GE(s.wait_max_ns, 1000u);
  EXPECT_EQ(s.try_failed, 2u);
  EXPECT_EQ(s.rejected, 1u);
  EXPECT_EQ(s.timed_out, 1u);
  EXPECT_EQ(s.canceled, 1u);
  EXPECT_EQ(s.ended, 1u);
  EXPECT_GT(s.hold_ns, 0);
  EXPECT_GE(s.used_permit_seconds, 2 * 2000 / 1e9);
}

// And in those of the semaphore, beside what names no tenant.
TEST_P(TenantRequests, TheSemaphoresTotalsAreWhole) {
  afflux_sem_options o = options(2);
  o.statistics = AFFLUX_STATS_FULL;
  const sem_guard sem(o);
  const tenant_guard a(sem), b(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(a, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_try_acquire(b, 1), AFFLUX_EAGAIN);
  asked first(a), second(b), third(b);
  pending fourth;
  for (pending* x : std::initializer_list<pending*>{&first, &second, &third, &fourth}) {
    ASSERT_EQ(x->start(sem), AFFLUX_PENDING);
  }
  expect_conserved(sem);
  EXPECT_EQ(third.cancel(), AFFLUX_OK);
  ASSERT_EQ(afflux_tenant_release(a, 2), AFFLUX_OK);
  while (second.completions() == 0 || first.completions() == 0 || fourth.completions() == 0) {
    afflux_tenant* const holder = a.held() != 0 ? a.get() : b.held() != 0 ? b.get() : nullptr;
    ASSERT_EQ(holder != nullptr ? afflux_tenant_release(holder, 1) : afflux_sem_release(sem, 1),
              AFFLUX_OK);
  }
  expect_conserved(sem);
  afflux_sem_stats s;
  afflux_sem_stats_init(&s);
  ASSERT_EQ(afflux_sem_get_stats(sem, &s), AFFLUX_OK);
  EXPECT_EQ(s.acquired_fast, 2u);
  EXPECT_EQ(s.acquired_after_wait, 3u);
  EXPECT_EQ(s.try_failed, 1u);
  EXPECT_EQ(s.canceled, 1u);
  EXPECT_EQ(s.peak_waiters, 4u);
  EXPECT_EQ(s.peak_held, 2u);
}

INSTANTIATE_TEST_SUITE_P(Each, TenantRequests, fair_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
