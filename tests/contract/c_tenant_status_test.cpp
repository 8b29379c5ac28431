// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The tenants' statuses: every one that their calls document, provoked. What they do is in
// c_tenant_test.cpp and beside it.
//
//   tenant_options_init, _stats_init   OK EINVAL                        TenantInit.*
//   tenant_create                      OK                               all
//                                      EINVAL ENOTSUP ECLOSED           TenantCreate.*
//                                      ENOMEM                           TenantCreate.AnswersEnomem…
//   tenant_ref, _unref, _name, _sem    NULL                             Tenant.TheRestTakesNull
//   tenant_close                       OK EALREADY EINVAL               Tenant.CloseAnswers…
//   tenant_set                         OK EINVAL ENOTSUP ECLOSED        TenantSet.*
//   tenant_set_default_weight          OK EINVAL ENOTSUP ECLOSED ENOMEM TenantDefaultWeight.*
//   tenant_try_acquire, _acquire       OK EAGAIN ETIMEDOUT ECLOSED
//                                      E2BIG EINVAL                     TenantAcquire.*
//                                      EREJECTED                        c_tenant_limits_test.cpp
//   tenant_release, _adopt             OK EOVERFLOW EINVAL              TenantRelease.*
//   tenant_get_stats                   OK EINVAL                        TenantStats.*
//   afflux_request.tenant              EINVAL E2BIG ECLOSED EAGAIN      TenantRequest.*
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <string>

#include "support/client.h"
#include "support/faults.h"
#include "support/per_queue.h"
#include "support/recorder.h"
#include "support/sem_guard.h"
#include "support/states.h"
#include "support/tenant.h"

namespace afflux_test {
namespace {

afflux_sem_options permits(std::uint64_t n) {
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  o.permits = n;
  return o;
}

constexpr const char* kLongName =
    "a name that does not fit into any small-string buffer: on the heap";

// ---- init

TEST(TenantInit, SetsTheDefaultsAndRefusesNull) {
  afflux_tenant_options o;
  std::memset(&o, 0xa5, sizeof o);
  EXPECT_EQ(afflux_tenant_options_init(&o), AFFLUX_OK);
  afflux_tenant_options expected = {};
  expected.struct_size = sizeof expected;
  expected.weight = 1;
  EXPECT_EQ(std::memcmp(&o, &expected, sizeof o), 0);
  EXPECT_EQ(afflux_tenant_options_init(nullptr), AFFLUX_EINVAL);
}

TEST(TenantInit, OfStatsSetsTheirSizeAlone) {
  afflux_tenant_stats s;
  std::memset(&s, 0xa5, sizeof s);
  EXPECT_EQ(afflux_tenant_stats_init(&s), AFFLUX_OK);
  afflux_tenant_stats expected = {};
  expected.struct_size = sizeof expected;
  EXPECT_EQ(std::memcmp(&s, &expected, sizeof s), 0);
  EXPECT_EQ(afflux_tenant_stats_init(nullptr), AFFLUX_EINVAL);
}

// ---- options, which create and set read alike

const std::function<void(afflux_tenant_options&)> kSpoilers[] = {
    [](auto& o) { o.weight = 0; },
    [](auto& o) { o.weight = AFFLUX_TENANT_MAX_WEIGHT + 1; },
    [](auto& o) { o.weight = 0xffffffff; },
    [](auto& o) { o.guaranteed = 3, o.cap = 2; },
    [](auto& o) { o.guaranteed = kMaxPermits + 1; },
    [](auto& o) { o.guaranteed = o.cap = kMaxU64; },
    [](auto& o) { o.struct_size = 0; },
    [](auto& o) { o.struct_size = offsetof(afflux_tenant_options, guaranteed) - 1; }};

struct longer_options {
  afflux_tenant_options known = tenant_options();
  std::uint64_t beyond = 0;
};

void expect_refused(afflux_sem* sem, const afflux_tenant_options& o, afflux_status status) {
  auto* const untouched = reinterpret_cast<afflux_tenant*>(const_cast<afflux_tenant_options*>(&o));
  afflux_tenant* tenant = untouched;
  EXPECT_REFUSED(sem, status, afflux_tenant_create(sem, &o, &tenant));
  EXPECT_EQ(tenant, untouched);
}

TEST(TenantCreate, RefusesBadOptionsAndWritesNothing) {
  const sem_guard sem(permits(4));
  const afflux_tenant_options good = tenant_options();
  afflux_tenant* tenant = nullptr;
  EXPECT_EQ(afflux_tenant_create(nullptr, &good, &tenant), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_tenant_create(sem, &good, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(tenant, nullptr);
  for (const auto& spoil : kSpoilers) {
    afflux_tenant_options bad = good;
    spoil(bad);
    expect_refused(sem, bad, AFFLUX_EINVAL);
  }
}

TEST(TenantCreate, TakesTheDefaultsForNull) {
  const sem_guard sem(permits(4));
  afflux_tenant* tenant = nullptr;
  ASSERT_EQ(afflux_tenant_create(sem, nullptr, &tenant), AFFLUX_OK);
  afflux_tenant_stats s;
  afflux_tenant_stats_init(&s);
  EXPECT_EQ(afflux_tenant_get_stats(tenant, &s), AFFLUX_OK);
  EXPECT_EQ(s.weight, 1u);
  EXPECT_EQ(s.guaranteed + s.cap + s.max_waiters, 0u);
  EXPECT_STREQ(afflux_tenant_name(tenant), "");
  afflux_tenant_unref(tenant);
}

TEST(TenantCreate, TakesTheLargestNumbers) {
  const sem_guard sem(permits(kMaxPermits));
  afflux_tenant_options o = tenant_options(AFFLUX_TENANT_MAX_WEIGHT);
  o.guaranteed = kMaxPermits;
  o.cap = kMaxU64;
  o.max_waiters = kMaxU64;
  const tenant_guard tenant(sem, o);
  EXPECT_EQ(tenant.stats().guaranteed, kMaxPermits);
  EXPECT_EQ(afflux_tenant_try_acquire(tenant, kMaxPermits), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_try_acquire(tenant, 1), AFFLUX_EAGAIN);
  asked most(tenant, kMaxPermits);
  EXPECT_EQ(most.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_tenant_release(tenant, kMaxPermits), AFFLUX_OK);
  EXPECT_TRUE(most.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_tenant_release(tenant, kMaxPermits), AFFLUX_OK);
}

TEST(TenantCreate, RefusesWhatItDoesNotKnow) {
  const sem_guard sem(permits(4));
  longer_options longer;
  longer.known.struct_size = sizeof longer;
  longer.beyond = 1;
  expect_refused(sem, longer.known, AFFLUX_ENOTSUP);
  longer.beyond = 0;
  const tenant_guard tenant(sem, longer.known);
  EXPECT_NE(tenant.get(), nullptr);
}

TEST(TenantCreate, TakesTheDefaultsForWhatAShorterStructLacks) {
  afflux_tenant_options o = tenant_options(7);
  o.guaranteed = 2;
  o.cap = 1;  // beyond the struct's end, as the rest: not read
  o.name = reinterpret_cast<const char*>(1);
  for (const std::size_t size :
       {offsetof(afflux_tenant_options, cap), offsetof(afflux_tenant_options, cap) + 7}) {
    const sem_guard sem(permits(4));
    o.struct_size = static_cast<std::uint32_t>(size);
    const tenant_guard tenant(sem, o);
    EXPECT_EQ(tenant.stats().weight, 7u);
    EXPECT_EQ(tenant.stats().guaranteed, 2u);
    EXPECT_EQ(tenant.stats().cap, 0u);
    EXPECT_STREQ(afflux_tenant_name(tenant), "");
  }
}

TEST(TenantCreate, CopiesTheName) {
  const sem_guard sem(permits(4));
  std::string name = kLongName;
  afflux_tenant_options o = tenant_options();
  o.name = name.c_str();
  const tenant_guard tenant(sem, o);
  name.assign(name.size(), 'x');
  EXPECT_STREQ(afflux_tenant_name(tenant), kLongName);
}

TEST(TenantCreate, RefusesThroughputAndAClosedSemaphore) {
  afflux_sem_options o = permits(4);
  o.fairness = AFFLUX_THROUGHPUT;
  const sem_guard barging(o);
  expect_refused(barging, tenant_options(), AFFLUX_ENOTSUP);
  const sem_guard sem(permits(4));
  ASSERT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  expect_refused(sem, tenant_options(), AFFLUX_ECLOSED);
  afflux_tenant_options bad = tenant_options(0);
  expect_refused(sem, bad, AFFLUX_EINVAL);  // comes first
}

TEST(TenantCreate, AnswersEnomemForEveryAllocationThatFails) {
  afflux_tenant_options o = tenant_options();
  o.name = kLongName;
  for (std::uint64_t n = 1;; ++n) {
    bool failed = false;
    const std::int64_t live = live_allocations();
    {
      const sem_guard sem(permits(4));
      afflux_tenant* tenant = nullptr;
      fail_allocation(n);
      const afflux_status status = afflux_tenant_create(sem, &o, &tenant);
      failed = allocation_failed();
      fail_allocation(0);
      EXPECT_EQ(status, failed ? AFFLUX_ENOMEM : AFFLUX_OK) << n;
      EXPECT_EQ(tenant == nullptr, failed) << n;
      expect_all_free(sem, 4);
      afflux_tenant_unref(tenant);
      EXPECT_EQ(afflux_sem_try_acquire(sem, 4), AFFLUX_OK);
      EXPECT_EQ(afflux_tenant_create(sem, &o, &tenant), AFFLUX_OK);
      afflux_tenant_unref(tenant);
    }
    EXPECT_EQ(live_allocations(), live) << n;
    if (failed) continue;
    EXPECT_EQ(n, 5u)
        << "name, order, tenant, list of all; or the library's allocations do not reach "
           "this program's operator new";
    break;
  }
}

// ---- set

TEST(TenantSet, RefusesBadOptionsAndChangesNothing) {
  const sem_guard sem(permits(4));
  afflux_tenant_options good = tenant_options(3);
  good.guaranteed = 1;
  good.cap = 2;
  good.max_waiters = 5;
  const tenant_guard tenant(sem, good);
  const afflux_tenant_stats before = tenant.stats();
  EXPECT_EQ(afflux_tenant_set(nullptr, &good), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_tenant_set(tenant, nullptr), AFFLUX_EINVAL);
  afflux_tenant_options bad = good;
  bad.name = "another";
  EXPECT_EQ(afflux_tenant_set(tenant, &bad), AFFLUX_EINVAL);
  for (const auto& spoil : kSpoilers) {
    bad = tenant_options(9);
    spoil(bad);
    EXPECT_EQ(afflux_tenant_set(tenant, &bad), AFFLUX_EINVAL);
  }
  longer_options longer;
  longer.known.struct_size = sizeof longer;
  longer.beyond = 1;
  EXPECT_EQ(afflux_tenant_set(tenant, &longer.known), AFFLUX_ENOTSUP);
  const afflux_tenant_stats after = tenant.stats();
  EXPECT_EQ(std::memcmp(&before, &after, sizeof before), 0);
  longer.beyond = 0;
  EXPECT_EQ(afflux_tenant_set(tenant, &longer.known), AFFLUX_OK);
  EXPECT_EQ(tenant.stats().weight, 1u);
  EXPECT_EQ(tenant.stats().cap, 0u);
}

TEST(TenantSet, IsRefusedWhereTheTenantOrTheSemaphoreIsClosed) {
  const sem_guard sem(permits(4));
  const tenant_guard a(sem), b(sem);
  const afflux_tenant_options o = tenant_options(3);
  ASSERT_EQ(afflux_tenant_close(a), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_set(a, &o), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_tenant_set(b, &o), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_set(b, &o), AFFLUX_ECLOSED);
  const afflux_tenant_options bad = tenant_options(0);
  EXPECT_EQ(afflux_tenant_set(b, &bad), AFFLUX_EINVAL);  // comes first
}

// ---- the default weight

TEST(TenantDefaultWeight, AnswersWhy) {
  const sem_guard sem(permits(4));
  EXPECT_EQ(afflux_tenant_set_default_weight(nullptr, 1), AFFLUX_EINVAL);
  for (const std::uint32_t bad : {0u, AFFLUX_TENANT_MAX_WEIGHT + 1u, 0xffffffffu}) {
    EXPECT_EQ(afflux_tenant_set_default_weight(sem, bad), AFFLUX_EINVAL);
  }
  EXPECT_EQ(afflux_tenant_set_default_weight(sem, AFFLUX_TENANT_MAX_WEIGHT), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_set_default_weight(sem, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_set_default_weight(sem, 1), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_tenant_set_default_weight(sem, 0), AFFLUX_EINVAL);  // comes first
  afflux_sem_options o = permits(4);
  o.fairness = AFFLUX_THROUGHPUT;
  const sem_guard barging(o);
  EXPECT_EQ(afflux_tenant_set_default_weight(barging, 1), AFFLUX_ENOTSUP);
}

TEST(TenantDefaultWeight, AnswersEnomemAndChangesNothing) {
  const sem_guard sem(permits(4));
  fail_allocation(1);
  const afflux_status status = afflux_tenant_set_default_weight(sem, 2);
  const bool failed = allocation_failed();
  fail_allocation(0);
  EXPECT_TRUE(failed);
  EXPECT_EQ(status, AFFLUX_ENOMEM);
  EXPECT_EQ(afflux_tenant_set_default_weight(sem, 2), AFFLUX_OK);
  expect_all_free(sem, 4);
}

// ---- acquire, release

TEST(TenantAcquire, RefusesBadNumbersInEveryState) {
  in_every_state(permits(kLimit), [](afflux_sem* sem, int state) {
    if (state == 5) return;  // none can be created
    const tenant_guard tenant(sem);
    for (const std::uint64_t n : kBadCounts) {
      const afflux_status expected = n == 0 ? AFFLUX_EINVAL : AFFLUX_E2BIG;
      EXPECT_REFUSED(sem, expected, afflux_tenant_try_acquire(tenant, n));
      EXPECT_REFUSED(sem, expected, afflux_tenant_acquire(tenant, n, AFFLUX_FOREVER));
      EXPECT_REFUSED(sem, expected, afflux_tenant_acquire(tenant, n, 0));
      EXPECT_REFUSED(sem, n == 0 ? AFFLUX_EINVAL : AFFLUX_EOVERFLOW,
                     afflux_tenant_release(tenant, n));
    }
    for (const std::int64_t time : kBadTimes) {
      EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_tenant_acquire(tenant, 1, time));
    }
    EXPECT_EQ(tenant.held(), 0u);
  });
  EXPECT_EQ(afflux_tenant_try_acquire(nullptr, 1), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_tenant_acquire(nullptr, 1, 0), AFFLUX_EINVAL);
}

TEST(TenantAcquire, ClosedComesBeforeTooBig) {
  const sem_guard sem(permits(4));
  const tenant_guard a(sem, capped(2)), b(sem);
  ASSERT_EQ(afflux_tenant_close(a), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_tenant_try_acquire(a, 3));
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_tenant_acquire(a, 5, AFFLUX_FOREVER));
  asked large(a, 5);
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, large.start(sem));
  ASSERT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_tenant_try_acquire(b, 5));
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_tenant_acquire(b, 5, 0));
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_tenant_acquire(b, 5, -2));
}

TEST(TenantAcquire, AnswersThatItWouldHaveToWait) {
  const sem_guard sem(permits(4));
  const tenant_guard tenant(sem);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EAGAIN, afflux_tenant_try_acquire(tenant, 2));
  EXPECT_REFUSED(sem, AFFLUX_ETIMEDOUT, afflux_tenant_acquire(tenant, 2, 0));
  EXPECT_REFUSED(sem, AFFLUX_ETIMEDOUT, afflux_tenant_acquire(tenant, 2, 1));
  EXPECT_EQ(afflux_tenant_acquire(tenant, 1, 0), AFFLUX_OK);
}

TEST(TenantRelease, RefusesMoreThanTheTenantHolds) {
  const sem_guard sem(permits(9));
  const tenant_guard a(sem), b(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(a, 2), AFFLUX_OK);
  ASSERT_EQ(afflux_tenant_try_acquire(b, 3), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 4), AFFLUX_OK);
  afflux_permit_token token{};
  EXPECT_EQ(afflux_tenant_release(nullptr, 1), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_tenant_adopt(nullptr, 1, nullptr, &token), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_tenant_adopt(a, 1, nullptr, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_tenant_adopt(a, 0, nullptr, &token), AFFLUX_EINVAL);
  for (const std::uint64_t n : {std::uint64_t{3}, std::uint64_t{9}, kMaxPermits, kMaxU64}) {
    EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_tenant_release(a, n));
    EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_tenant_adopt(a, n, nullptr, &token));
  }
  EXPECT_EQ(afflux_permit_count(&token), 0u);
  EXPECT_EQ(a.held(), 2u);
  EXPECT_EQ(afflux_tenant_adopt(a, 2, "tag", &token), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_EALREADY);
  EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_tenant_release(a, 1));
  EXPECT_EQ(afflux_tenant_release(b, 3), AFFLUX_OK);
}

// ---- requests that name a tenant

TEST(TenantRequest, OfAnotherSemaphoreOrBesideAClientIsInvalid) {
  const sem_guard sem(permits(4)), other(permits(4));
  const tenant_guard stranger(other), tenant(sem);
  const client_guard client;
  afflux_permit_token token{};
  asked wrong(stranger), both(tenant);
  both.request.client = client;
  for (asked* const bad : {&wrong, &both}) {
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, bad->start(sem));
    bad->request.wake = nullptr;
    EXPECT_REFUSED(sem, AFFLUX_EINVAL,
                   afflux_sem_acquire_permit(sem, &bad->request, AFFLUX_FOREVER, &token));
    EXPECT_EQ(bad->completions(), 0);
  }
  expect_all_free(other, 4);
}

TEST(TenantRequest, IsOnlyForSemaphores) {
  const sem_guard sem(permits(4));
  const tenant_guard tenant(sem);
  const event_guard event(false, AFFLUX_QUEUE_AUTO);
  const queue_guard queue(AFFLUX_QUEUE_AUTO);
  asked x(tenant);
  EXPECT_EQ(start(event, x), AFFLUX_EINVAL);
  EXPECT_EQ(start(queue, x), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_sem_wait_idle_async(sem, &x.request, &x.waiter), AFFLUX_EINVAL);
  afflux_wait_item item = {};
  item.sem = sem;
  item.permits = 1;
  afflux_wait_group group = {};
  EXPECT_REFUSED(sem, AFFLUX_EINVAL,
                 afflux_acquire_any_async(&group, &item, 1, &x.request, nullptr));
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_acquire_all_async(&group, &item, 1, &x.request));
  EXPECT_EQ(x.completions(), 0);
}

// It is refused for what is wrong with it as one without a tenant is.
TEST(TenantRequest, OtherMistakesAreRefusedAsEver) {
  const sem_guard sem(permits(4));
  const tenant_guard tenant(sem);
  const auto refused = [&](auto spoil) {
    asked x(tenant);
    spoil(x.request);
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, x.start(sem));
  };
  refused([](afflux_request& r) { r.permits = 0; });
  refused([](afflux_request& r) { r.priority = 4; });
  refused([](afflux_request& r) { r.timeout_ns = -2; });
  refused([](afflux_request& r) { r.wake = nullptr; });
  refused([](afflux_request& r) { r.flags = 0x80; });
  refused([](afflux_request& r) { r.reserved = 1; });
  refused([](afflux_request& r) { r.struct_size = 4; });
}

TEST(TenantRequest, AShorterOneNamesNone) {
  const sem_guard sem(permits(4));
  const tenant_guard tenant(sem);
  asked x(reinterpret_cast<afflux_tenant*>(1));  // beyond the struct's end: not read
  x.request.struct_size = offsetof(afflux_request, tenant);
  EXPECT_EQ(x.start(sem), AFFLUX_OK);
  EXPECT_EQ(tenant.held(), 0u);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
}

TEST(TenantRequest, AWaitForAResizeIsAsForThoseWhoNameNone) {
  const sem_guard sem(permits(2));
  const tenant_guard tenant(sem, capped(1));
  for (const std::uint64_t n : {std::uint64_t{2}, std::uint64_t{3}, kMaxPermits}) {
    asked x(tenant, n);
    EXPECT_REFUSED(sem, AFFLUX_E2BIG, x.start(sem));
    x.request.timeout_ns = 0;
    EXPECT_REFUSED(sem, AFFLUX_E2BIG, x.start(sem));
    x.request.flags = AFFLUX_WAIT_FOR_RESIZE;
    EXPECT_REFUSED(sem, AFFLUX_EAGAIN, x.start(sem));
    x.request.timeout_ns = AFFLUX_FOREVER;
    EXPECT_EQ(x.start(sem), AFFLUX_PENDING);
    EXPECT_EQ(x.cancel(), AFFLUX_OK);
  }
  asked never(tenant, kMaxPermits + 1);
  never.request.flags = AFFLUX_WAIT_FOR_RESIZE;
  EXPECT_REFUSED(sem, AFFLUX_E2BIG, never.start(sem));
  never.request.timeout_ns = 0;
  EXPECT_REFUSED(sem, AFFLUX_E2BIG, never.start(sem));
}

// ---- the rest

TEST(Tenant, CloseAnswersWhetherItDidSomething) {
  const sem_guard sem(permits(4));
  const tenant_guard tenant(sem);
  EXPECT_EQ(afflux_tenant_close(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_tenant_close(tenant), AFFLUX_OK);
  EXPECT_EQ(afflux_tenant_close(tenant), AFFLUX_EALREADY);
}

TEST(Tenant, TheRestTakesNull) {
  EXPECT_EQ(afflux_tenant_ref(nullptr), nullptr);
  afflux_tenant_unref(nullptr);
  EXPECT_STREQ(afflux_tenant_name(nullptr), "");
  EXPECT_EQ(afflux_tenant_sem(nullptr), nullptr);
}

TEST(TenantStats, RefuseNullAndShortStructsAndWriteNothing) {
  const sem_guard sem(permits(4));
  const tenant_guard tenant(sem);
  afflux_tenant_stats s;
  EXPECT_EQ(afflux_tenant_get_stats(tenant, nullptr), AFFLUX_EINVAL);
  std::memset(&s, 0xa5, sizeof s);
  const afflux_tenant_stats untouched = s;
  EXPECT_EQ(afflux_tenant_get_stats(nullptr, &s), AFFLUX_EINVAL);
  EXPECT_EQ(std::memcmp(&s, &untouched, sizeof s), 0);
  for (const std::size_t size : {std::size_t{1}, std::size_t{4}, sizeof s - 1}) {
    s.struct_size = static_cast<std::uint32_t>(size);
    EXPECT_EQ(afflux_tenant_get_stats(tenant, &s), AFFLUX_EINVAL) << size;
    EXPECT_EQ(s.weight, untouched.weight);
    EXPECT_EQ(s.acquired, untouched.acquired);
  }
}

TEST(TenantStats, FillWhatTheyKnowAndTellHowMuch) {
  const sem_guard sem(permits(4));
  const tenant_guard tenant(sem);
  ASSERT_EQ(afflux_tenant_try_acquire(tenant, 2), AFFLUX_OK);
  struct {
    afflux_tenant_stats known;
    std::uint64_t beyond;
  } longer;
  for (const std::size_t size : {std::size_t{0}, sizeof longer.known, sizeof longer}) {
    std::memset(&longer, 0xa5, sizeof longer);
    longer.known.struct_size = static_cast<std::uint32_t>(size);
    EXPECT_EQ(afflux_tenant_get_stats(tenant, &longer.known), AFFLUX_OK);
    EXPECT_EQ(longer.known.struct_size, sizeof longer.known);
    EXPECT_EQ(longer.known.acquired, 2u);
    for (const std::uint64_t later : longer.known.later) EXPECT_EQ(later, 0u);
    EXPECT_EQ(longer.beyond, 0xa5a5a5a5a5a5a5a5u);
  }
}

// Tenants that come and go leave nothing behind, however they go.
TEST(Tenant, ComingAndGoingLeavesNothing) {
  const sem_guard sem(permits(4));
  { const tenant_guard first(sem); }  // the order stays with the semaphore
  const std::int64_t live = live_allocations();
  for (int i = 0; i < 100; ++i) {
    tenant_guard tenant(sem);
    ASSERT_EQ(afflux_tenant_try_acquire(tenant, 4), AFFLUX_OK);
    asked waits(tenant);
    ASSERT_EQ(waits.start(sem), AFFLUX_PENDING);
    if (i % 2 == 0) {
      EXPECT_EQ(afflux_tenant_close(tenant), AFFLUX_OK);
    }
    tenant.reset();
    EXPECT_TRUE(waits.completed_once_with(AFFLUX_ECLOSED));
    EXPECT_EQ(afflux_sem_release(sem, 4), AFFLUX_OK);
  }
  EXPECT_EQ(live_allocations(), live);
}

TEST(Tenant, NeedsMemoryForNothingButItsCreation) {
  const sem_guard sem(permits(2));
  const tenant_guard a(sem, guaranteed(1)), b(sem, capped(2));
  asked first(a), second(b), third(b);
  afflux_permit_token token{};
  afflux_request its;
  afflux_request_init(&its);
  its.tenant = a;
  const afflux_tenant_options heavier = tenant_options(5);
  afflux_tenant_stats s;
  afflux_tenant_stats_init(&s);
  // Remembered, not reported at once: GoogleTest's reports allocate.
  int wrong_line = 0;
  const auto check = [&wrong_line](bool right, int line) {
    if (!right && wrong_line == 0) wrong_line = line;
  };
  count_allocations();
  fail_allocation(kEvery);
  check(afflux_tenant_try_acquire(b, 2) == AFFLUX_OK, __LINE__);
  check(first.start(sem) == AFFLUX_PENDING, __LINE__);
  check(second.start(sem) == AFFLUX_PENDING, __LINE__);
  check(third.start(sem) == AFFLUX_PENDING, __LINE__);
  check(afflux_tenant_acquire(a, 1, kMillisecond) == AFFLUX_ETIMEDOUT, __LINE__);
  check(afflux_tenant_set(a, &heavier) == AFFLUX_OK, __LINE__);
  check(afflux_tenant_set_default_weight(sem, 3) == AFFLUX_OK, __LINE__);
  check(third.cancel() == AFFLUX_OK, __LINE__);
  check(afflux_tenant_release(b, 2) == AFFLUX_OK, __LINE__);
  check(first.completed_once_with(AFFLUX_OK), __LINE__);
  check(second.completed_once_with(AFFLUX_OK), __LINE__);
  check(afflux_tenant_adopt(a, 1, nullptr, &token) == AFFLUX_OK, __LINE__);
  check(afflux_permit_release(&token) == AFFLUX_OK, __LINE__);
  check(afflux_sem_acquire_permit(sem, &its, 0, &token) == AFFLUX_OK, __LINE__);
  check(afflux_permit_release(&token) == AFFLUX_OK, __LINE__);
  check(afflux_tenant_get_stats(a, &s) == AFFLUX_OK, __LINE__);
  check(afflux_tenant_close(a) == AFFLUX_OK, __LINE__);
  check(afflux_tenant_release(b, 1) == AFFLUX_OK, __LINE__);
  const bool tried = allocation_failed();
  fail_allocation(0);
  const std::uint64_t allocated = allocations_counted();
  EXPECT_EQ(wrong_line, 0);
  EXPECT_FALSE(tried);
  EXPECT_EQ(allocated, 0u);
  expect_all_free(sem, 2);
}

}  // namespace
}  // namespace afflux_test
