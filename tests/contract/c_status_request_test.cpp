// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every status of requests, completions, cancel and acquire_permit, provoked;
// the table is in c_status_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>

#include "support/recorder.h"
#include "support/sem_guard.h"
#include "support/states.h"

namespace afflux_test {
namespace {

class SemAcquireAsync : public per_variant {};
TEST_P(SemAcquireAsync, RefusesNullPointersCountsTimesAndEnumerators) {
  in_every_state(options(kLimit), [](afflux_sem* sem, int state) {
    pending p;
    EXPECT_EQ(afflux_sem_acquire_async(nullptr, &p.request, &p.waiter), AFFLUX_EINVAL);
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire_async(sem, nullptr, &p.waiter));
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire_async(sem, &p.request, nullptr));
    const afflux_request good = p.request;
    const auto refused_with = [&](afflux_status expected, auto spoil) {
      p.request = good;
      spoil(p.request);
      EXPECT_REFUSED(sem, expected, p.start(sem));
    };
    const auto refused = [&](auto spoil) { refused_with(AFFLUX_EINVAL, spoil); };
    for (const std::uint64_t n : kBadCounts) {
      refused_with(refusal_of(n, state), [n](afflux_request& r) { r.permits = n; });
    }
    for (const std::int64_t time : kBadTimes) {
      refused([time](afflux_request& r) { r.timeout_ns = time; });
    }
    for (const std::uint32_t bad : {4u, 5u, 256u, 0xffffffffu}) {
      refused([bad](afflux_request& r) { r.priority = bad; });
    }
    for (const std::uint32_t bad : {2u, 3u, 0x80000000u, 0xffffffffu}) {
      refused([bad](afflux_request& r) { r.flags = bad; });
    }
    refused([](afflux_request& r) { r.reserved = 1; });
    refused([](afflux_request& r) { r.wake = nullptr; });
    for (const std::uint64_t n : {kMaxPermits + 1, kMaxU64}) {
      refused_with(refusal_of(n, state), [n](afflux_request& r) {
        r.permits = n;
        r.flags = AFFLUX_WAIT_FOR_RESIZE;
      });
    }
    // After an error no completion follows, and the waiter is not queued.
    EXPECT_EQ(p.cancel(), AFFLUX_EALREADY);
    EXPECT_EQ(p.completions(), 0);
  });
}

TEST_P(SemAcquireAsync, AnswersOkPendingEagainEclosedAndErejected) {
  afflux_sem_options o = options(1);
  o.max_waiters = 1;
  o.overflow = AFFLUX_OVERFLOW_FAIL;
  const sem_guard sem(o);
  pending free_now, queued, never_waits, refused, late;
  free_now.request.timeout_ns = 0;
  EXPECT_EQ(free_now.start(sem), AFFLUX_OK);
  never_waits.request.timeout_ns = 0;
  EXPECT_REFUSED(sem, AFFLUX_EAGAIN, never_waits.start(sem));
  EXPECT_EQ(queued.start(sem), AFFLUX_PENDING);
  EXPECT_REFUSED(sem, AFFLUX_EREJECTED, refused.start(sem));
  EXPECT_EQ(refused.cancel(), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, late.start(sem));
  EXPECT_EQ(free_now.completions(), 0);
  EXPECT_EQ(never_waits.completions() + refused.completions() + late.completions(), 0);
}

class Completion : public per_variant {};
TEST_P(Completion, CarriesEachStatusThatItMay) {
  const auto queued_on = [](afflux_sem* sem, pending& p) {
    ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  };
  {
    const sem_guard sem(options(2));
    pending p(2);
    queued_on(sem, p);
    EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
    EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
  }
  {
    const sem_guard sem(options(2));
    pending p(2);
    p.request.timeout_ns = kMillisecond;
    queued_on(sem, p);
    await([&] { return p.completions() != 0; });
    EXPECT_TRUE(p.completed_once_with(AFFLUX_ETIMEDOUT));
  }
  {
    const sem_guard sem(options(2));
    pending p(2);
    queued_on(sem, p);
    EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
    EXPECT_TRUE(p.completed_once_with(AFFLUX_ECLOSED));
  }
  {
    const sem_guard sem(options(2));
    pending p(2);
    queued_on(sem, p);
    EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
    EXPECT_TRUE(p.completed_once_with(AFFLUX_E2BIG));
  }
  {
    afflux_sem_options o = options(2);
    o.max_waiters = 1;
    o.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
    const sem_guard sem(o);
    pending p(2), newcomer;
    queued_on(sem, p);
    EXPECT_EQ(newcomer.start(sem), AFFLUX_PENDING);
    EXPECT_TRUE(p.completed_once_with(AFFLUX_EREJECTED));
    EXPECT_EQ(newcomer.cancel(), AFFLUX_OK);
  }
}

class WaiterCancel : public per_variant {};
TEST_P(WaiterCancel, AnswersOkOnceEalreadyAfterwardsAndEinval) {
  const sem_guard sem(options(1));
  EXPECT_EQ(afflux_waiter_cancel(nullptr), AFFLUX_EINVAL);
  pending p;
  EXPECT_EQ(p.cancel(), AFFLUX_EALREADY);  // zeroed, never used
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(p.cancel(), AFFLUX_OK);
  EXPECT_EQ(p.cancel(), AFFLUX_EALREADY);
  EXPECT_EQ(p.completions(), 0);
  EXPECT_EQ(state_of(sem), (sem_state{1, 0, 1, 0}));
}

class AcquirePermit : public per_variant {};
TEST_P(AcquirePermit, AnswersOkEtimedoutEclosedErejectedAndEinval) {
  afflux_sem_options o = options(kLimit);
  o.max_waiters = 1;
  o.overflow = AFFLUX_OVERFLOW_FAIL;
  const sem_guard sem(o);
  afflux_permit_token held{}, untouched, token;
  std::memset(&untouched, 0x5a, sizeof untouched);
  token = untouched;
  EXPECT_EQ(afflux_sem_acquire_permit(nullptr, nullptr, 0, &token), AFFLUX_EINVAL);
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire_permit(sem, nullptr, 0, nullptr));
  for (const std::int64_t time : kBadTimes) {
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire_permit(sem, nullptr, time, &token));
  }
  afflux_request request;
  afflux_request_init(&request);
  for (const std::uint64_t n : kBadCounts) {
    request.permits = n;
    EXPECT_REFUSED(sem, refusal_of(n, 0), afflux_sem_acquire_permit(sem, &request, 0, &token));
  }
  request.permits = 1;
  request.priority = 4;
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire_permit(sem, &request, 0, &token));
  request.priority = AFFLUX_PRIORITY_LOW;
  request.flags = 2;
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_acquire_permit(sem, &request, 0, &token));
  request.flags = 0;
  request.permits = kLimit;
  EXPECT_EQ(afflux_sem_acquire_permit(sem, &request, 0, &held), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_ETIMEDOUT, afflux_sem_acquire_permit(sem, nullptr, 0, &token));
  EXPECT_REFUSED(sem, AFFLUX_ETIMEDOUT, afflux_sem_acquire_permit(sem, nullptr, 1, &token));
  pending queued;
  ASSERT_EQ(queued.start(sem), AFFLUX_PENDING);
  EXPECT_REFUSED(sem, AFFLUX_EREJECTED,
                 afflux_sem_acquire_permit(sem, nullptr, AFFLUX_FOREVER, &token));
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_sem_acquire_permit(sem, nullptr, 0, &token));
  EXPECT_EQ(std::memcmp(&token, &untouched, sizeof token), 0);
  EXPECT_EQ(afflux_permit_release(&held), AFFLUX_OK);
}

#define AFFLUX_FOR_ALL(suite) INSTANTIATE_TEST_SUITE_P(Each, suite, all_variants(), variant_name)
AFFLUX_FOR_ALL(SemAcquireAsync);
AFFLUX_FOR_ALL(Completion);
AFFLUX_FOR_ALL(WaiterCancel);
AFFLUX_FOR_ALL(AcquirePermit);

}  // namespace
}  // namespace afflux_test
