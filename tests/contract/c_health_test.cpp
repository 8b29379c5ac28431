// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A standstill, as afflux_sem_health() tells it: under every overflow policy when all permits are
// lost, and never under mere overload. Time is the test's: a limit of 0 takes any standstill that
// two looks have found.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kPermits = 4;

afflux_sem_options bounded(std::uint32_t overflow) {
  afflux_sem_options options;
  afflux_sem_options_init(&options);
  options.permits = kPermits;
  options.max_waiters = 2;
  options.overflow = overflow;
  return options;
}

afflux_health_limits impatient() {
  afflux_health_limits limits;
  EXPECT_EQ(afflux_health_limits_init_sized(&limits, sizeof limits), AFFLUX_OK);
  limits.max_still_ns = 0;
  return limits;
}

afflux_health look(const afflux_sem* sem, const afflux_health_limits& limits = impatient()) {
  afflux_health told = {};
  told.struct_size = sizeof told;
  EXPECT_EQ(afflux_sem_health(sem, &limits, &told), AFFLUX_OK);
  EXPECT_EQ(told.struct_size, sizeof told);
  return told;
}

// The first finds requests unserved; the second, for how long.
afflux_health look_twice(const afflux_sem* sem) {
  look(sem);
  pass_time(1000);
  return look(sem);
}

void expect_standstill(const afflux_sem* sem) {
  const afflux_health told = look_twice(sem);
  EXPECT_EQ(told.healthy, 0u);
  EXPECT_EQ(told.reasons, std::uint32_t{AFFLUX_HEALTH_STANDSTILL});
  EXPECT_GE(told.still_ns, 1000);
  EXPECT_GT(told.unserved, 0u);
}

void expect_healthy(const afflux_sem* sem) {
  const afflux_health told = look_twice(sem);
  EXPECT_EQ(told.healthy, 1u);
  EXPECT_EQ(told.reasons, 0u);
  EXPECT_EQ(told.still_ns, 0);
}

void lose_all_permits(afflux_sem* sem) {
  for (std::uint64_t i = 0; i < kPermits; ++i) {
    ASSERT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_OK);
  }
  expect_healthy(sem);  // for all that one can see, it is busy
}

class SemHealthPolicies : public testing::TestWithParam<std::uint32_t> {};

TEST_P(SemHealthPolicies, TellLostPermitsByWhoComesThen) {
  const sem_guard sem(bounded(GetParam()));
  lose_all_permits(sem);
  pending waiting[6];
  for (pending& each : waiting) each.start(sem);
  expect_standstill(sem);
}

// A look may find an empty queue: no request waits for longer than the time between two.
TEST_P(SemHealthPolicies, TellLostPermitsByWhoGaveUp) {
  const sem_guard sem(bounded(GetParam()));
  lose_all_permits(sem);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(afflux_sem_acquire(sem, 1, kMillisecond / 100), AFFLUX_ETIMEDOUT);
  }
  ASSERT_EQ(afflux_sem_waiters(sem), 0u);
  expect_standstill(sem);
}

// The holders of a dead backend give up in the end, and others hang after them.
TEST_P(SemHealthPolicies, AreHealthyWhenPermitsComeBackAndTellTheNextStandstill) {
  const sem_guard sem(bounded(GetParam()));
  lose_all_permits(sem);
  pending first[2];
  for (pending& each : first) ASSERT_EQ(each.start(sem), AFFLUX_PENDING);
  expect_standstill(sem);
  ASSERT_EQ(afflux_sem_release(sem, kPermits), AFFLUX_OK);
  expect_healthy(sem);
  ASSERT_EQ(afflux_sem_try_acquire(sem, kPermits - 2), AFFLUX_OK);
  expect_healthy(sem);
  pending second;
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  expect_standstill(sem);
}

TEST_P(SemHealthPolicies, TakeOverloadForHealthy) {
  const sem_guard sem(bounded(GetParam()));
  lose_all_permits(sem);
  pending waiting[40];
  for (pending& each : waiting) {
    each.start(sem);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);  // and a request is granted
    const afflux_health told = look(sem);
    EXPECT_EQ(told.healthy, 1u);
    EXPECT_EQ(told.still_ns, 0);
  }
}

std::string policy_name(const testing::TestParamInfo<std::uint32_t>& info) {
  constexpr const char* kNames[] = {"Suspend", "DropNewest", "DropOldest", "Fail"};
  return kNames[info.param];
}

INSTANTIATE_TEST_SUITE_P(All, SemHealthPolicies,
                         testing::Values(AFFLUX_OVERFLOW_SUSPEND, AFFLUX_OVERFLOW_DROP_NEWEST,
                                         AFFLUX_OVERFLOW_DROP_OLDEST, AFFLUX_OVERFLOW_FAIL),
                         policy_name);

TEST(SemHealth, TellsLostPermitsByTries) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_SUSPEND));
  lose_all_permits(sem);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_EAGAIN);
  expect_standstill(sem);
}

TEST(SemHealth, TellsALargeRequestThatHoldsUpAllOthers) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_SUSPEND));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  expect_healthy(sem);
  pending large;
  large.request.permits = kPermits;
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  expect_standstill(sem);
}

TEST(SemHealth, TakesRestAndLongWorkForHealthy) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_FAIL));
  expect_healthy(sem);  // it has done nothing yet
  ASSERT_EQ(afflux_sem_try_acquire(sem, kPermits), AFFLUX_OK);
  expect_healthy(sem);  // all is held, nobody else wants any
  ASSERT_EQ(afflux_sem_release(sem, kPermits), AFFLUX_OK);
  expect_healthy(sem);
}

// A limit of 0 lets nobody in, on purpose.
TEST(SemHealth, TakesAClosedGateForHealthy) {
  afflux_sem_options options = bounded(AFFLUX_OVERFLOW_SUSPEND);
  options.permits = 0;
  const sem_guard sem(options);
  pending one;
  one.request.flags = AFFLUX_WAIT_FOR_RESIZE;
  ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
  expect_healthy(sem);
}

TEST(SemHealth, WithoutStatisticsKnowsOfNoStandstill) {
  afflux_sem_options options = bounded(AFFLUX_OVERFLOW_FAIL);
  options.statistics = AFFLUX_STATS_OFF;
  const sem_guard sem(options);
  lose_all_permits(sem);
  pending one;
  ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
  expect_healthy(sem);
}

// ---- limits, and structs of version 0.1

TEST(SemHealthLimits, OfAStandstill) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_SUSPEND));
  lose_all_permits(sem);
  pending one;
  ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
  expect_standstill(sem);
  afflux_health_limits limits;
  ASSERT_EQ(afflux_health_limits_init_sized(&limits, sizeof limits), AFFLUX_OK);
  EXPECT_EQ(limits.max_still_ns, std::int64_t{5} * 1000 * kMillisecond);
  limits.max_still_ns = AFFLUX_FOREVER;
  EXPECT_EQ(look(sem, limits).healthy, 1u);
  EXPECT_GT(look(sem, limits).still_ns, 0);  // told all the same
  limits.max_still_ns = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(look(sem, limits).healthy, 1u);
  limits.max_still_ns = -2;
  afflux_health told = {};
  EXPECT_EQ(afflux_sem_health(sem, &limits, &told), AFFLUX_EINVAL);
}

TEST(SemHealthLimits, AreFilledAsFarAsTheCallerHasThem) {
  afflux_health_limits limits;
  EXPECT_EQ(afflux_health_limits_init_sized(nullptr, sizeof limits), AFFLUX_EINVAL);
  limits.struct_size = 77;
  EXPECT_EQ(afflux_health_limits_init_sized(&limits, sizeof limits - 9), AFFLUX_EINVAL);
  EXPECT_EQ(limits.struct_size, 77u);
  // A caller of a later version, which has defaults of 0.
  struct {
    afflux_health_limits known;
    std::uint64_t later;
  } longer;
  std::memset(&longer, 0xab, sizeof longer);
  ASSERT_EQ(afflux_health_limits_init_sized(&longer.known, sizeof longer), AFFLUX_OK);
  EXPECT_EQ(longer.known.struct_size, sizeof longer);
  EXPECT_EQ(longer.later, 0u);
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_SUSPEND));
  EXPECT_EQ(look(sem, longer.known).healthy, 1u);
}

TEST(SemHealthLimits, OfTheFirstVersionEndBeforeMaxStill) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_SUSPEND));
  lose_all_permits(sem);
  pending one;
  ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
  expect_standstill(sem);
  afflux_health_limits limits = impatient();
  ASSERT_EQ(afflux_health_limits_init(&limits), AFFLUX_OK);
  ASSERT_EQ(limits.struct_size, offsetof(afflux_health_limits, max_still_ns));
  ASSERT_EQ(limits.max_still_ns, 0);  // not written, and not read: the default applies
  EXPECT_EQ(look(sem, limits).healthy, 1u);
}

TEST(SemHealth, WritesAsFarAsTheCallerHasIt) {
  const sem_guard sem(bounded(AFFLUX_OVERFLOW_SUSPEND));
  constexpr std::uint32_t kFirst = offsetof(afflux_health, still_ns);
  const auto written = [&sem](std::uint32_t size, afflux_status expected = AFFLUX_OK) {
    afflux_health told;
    std::memset(&told, 0xab, sizeof told);
    told.struct_size = size;
    EXPECT_EQ(afflux_sem_health(sem, nullptr, &told), expected);
    EXPECT_EQ(told.oldest_wait_ns == 0, expected == AFFLUX_OK);
    EXPECT_EQ(told.unserved, told.struct_size == sizeof told ? 0 : 0xababababababababu);
    return told.struct_size;
  };
  EXPECT_EQ(written(0), kFirst);
  EXPECT_EQ(written(kFirst), kFirst);
  EXPECT_EQ(written(sizeof(afflux_health) - 1), kFirst);
  EXPECT_EQ(written(sizeof(afflux_health)), sizeof(afflux_health));
  EXPECT_EQ(written(kFirst - 1, AFFLUX_EINVAL), kFirst - 1);
}

}  // namespace
}  // namespace afflux_test
