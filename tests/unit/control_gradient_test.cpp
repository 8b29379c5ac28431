// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Envoy's gradient controller. No registry has the original: the limits were reckoned by hand from
// the formula of its documentation,
//   g = (baseline + 25 %) / latency, within 0.5 and 2; limit = g · limit + √(g · limit), cut off.
#include "control/gradient.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "control/random.h"

namespace afflux::control {
namespace {

constexpr std::int64_t kMs = 1'000'000;

// A window of `time` after the one before it, with this median.
class windows {
 public:
  explicit windows(gradient& to) : to_(to) {}
  std::int64_t now() const { return now_; }
  double after(std::int64_t time, std::int64_t latency, std::uint64_t samples = 100) {
    window seen;
    seen.from = now_;
    seen.to = now_ += time;
    seen.served = samples;
    seen.quantile = latency;
    to_.update(seen);
    return to_.limit();
  }

 private:
  gradient& to_;
  std::int64_t now_ = 0;
};

TEST(ControlGradient, BeginsWithAProbe) {
  gradient tested;
  EXPECT_TRUE(tested.probing());
  EXPECT_EQ(tested.limit(), 3);
  const closing wanted = tested.next();
  EXPECT_EQ(wanted.least_samples, 50u);
  EXPECT_EQ(wanted.least_time, 0);
  EXPECT_EQ(wanted.quantile, 0.5);
  EXPECT_TRUE(wanted.own_only);
  EXPECT_TRUE(wanted.dropped_too);
}

TEST(ControlGradient, FollowsTheFormula) {
  struct row {
    double latency;  // ms
    double limit;    // after it
  };
  constexpr row kRows[] = {
      {10, 5},       // g = 1.25: 3.75 + 1.94
      {10, 8},       // 6.25 + 2.5
      {12.5, 10},    // g = 1: 8 + 2.83
      {12.5, 13},    // 10 + 3.16
      {2, 31},       // g = 6.25, so 2: 26 + 5.10
      {25, 19},      // g = 0.5: 15.5 + 3.94
      {20, 15},      // g = 0.625: 11.875 + 3.45
      {200, 10},     // g = 0.0625, so 0.5: 7.5 + 2.74
      {15.625, 10},  // g = 0.8: 8 + 2.83
      {31, 7},       // g = 0.403, so 0.5: 5 + 2.24
      {6.25, 17},    // g = 2: 14 + 3.74
      {5, 39},       // g = 2.5, so 2: 34 + 5.83
      {6, 86},       // g = 2.083, so 2: 78 + 8.83
      {6.25, 185},   // 172 + 13.11
      {6.25, 389},   // 370 + 19.24
      {6.25, 805},   // 778 + 27.89
      {6.25, 1000},  // 1610 + 40.12, but 1000 at most
      {12.5, 1000},  // 1000 + 31.62
      {16, 809},     // g = 0.78125: 781.25 + 27.95
  };
  gradient tested;
  windows each(tested);
  EXPECT_EQ(each.after(200 * kMs, 10 * kMs, 50), 3);
  EXPECT_FALSE(tested.probing());
  for (const row& r : kRows) {
    const closing wanted = tested.next();
    EXPECT_EQ(wanted.least_samples, 1u);
    EXPECT_EQ(wanted.least_time, 100 * kMs);
    EXPECT_FALSE(wanted.own_only);
    EXPECT_EQ(each.after(100 * kMs, static_cast<std::int64_t>(r.latency * kMs)), r.limit)
        << r.latency << " ms";
  }
}

TEST(ControlGradient, ProbesAgainAfterAnIntervalWithJitter) {
  constexpr std::uint64_t kSeed = 7;
  gradient tested({}, kSeed);
  windows each(tested);
  splitmix random(kSeed);
  each.after(200 * kMs, 10 * kMs, 50);
  for (int probe = 0; probe < 20; ++probe) {
    const auto late = static_cast<std::int64_t>(random.next() % 9000);  // 15 % of a minute
    const std::int64_t due = each.now() + 60'000 * kMs + late * kMs;
    ASSERT_EQ(tested.probe_at(), due);
    const double limit = each.after(due - 30 * kMs - each.now(), 11 * kMs);
    EXPECT_EQ(tested.next().least_time, 30 * kMs);  // the probe does not wait for a full window
    EXPECT_EQ(each.after(30 * kMs, 1 * kMs), 3);
    EXPECT_TRUE(tested.probing());
    EXPECT_EQ(each.after(300 * kMs, 10 * kMs, 50), limit);  // as it was before
    EXPECT_FALSE(tested.probing());
  }
}

TEST(ControlGradient, ProbesAfterFiveWindowsAtTheMinimum) {
  gradient tested;
  windows each(tested);
  each.after(200 * kMs, 10 * kMs, 50);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(each.after(100 * kMs, 50 * kMs), 3);
  EXPECT_EQ(each.after(100 * kMs, 10 * kMs), 5);  // not five in a row
  EXPECT_EQ(each.after(100 * kMs, 50 * kMs), 4);  // 2.5 + 1.58
  EXPECT_EQ(each.after(100 * kMs, 50 * kMs), 3);  // 2 + 1.41; the first to reach it does not count
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(tested.probing());
    EXPECT_EQ(each.after(100 * kMs, 50 * kMs), 3);
  }
  EXPECT_TRUE(tested.probing());
  EXPECT_EQ(each.after(900 * kMs, 50 * kMs, 50), 3);
  EXPECT_EQ(each.after(100 * kMs, 50 * kMs), 5);  // what was slow is the baseline now
}

TEST(ControlGradient, LeavesTheLimitToAProbeThatHasAMinimumOfItsOwn) {
  gradient_options options;
  options.min = 25;
  options.jitter = 0;
  gradient tested(options);
  windows each(tested);
  EXPECT_EQ(each.after(200 * kMs, 10 * kMs, 50), 25);
  EXPECT_EQ(tested.probe_at(), each.now() + 60'000 * kMs);
  EXPECT_EQ(each.after(100 * kMs, 10 * kMs), 36);     // 31.25 + 5.59
  EXPECT_EQ(each.after(60'000 * kMs, 10 * kMs), 36);  // a probe begins
  EXPECT_TRUE(tested.probing());
  EXPECT_EQ(each.after(60'000 * kMs, 10 * kMs, 50), 36);
  EXPECT_EQ(each.after(100 * kMs, 100 * kMs), 25);  // 18 + 4.24, but 25 at least
}

TEST(ControlGradient, NeverProbesWithAFixedBaseline) {
  gradient_options options;
  options.fixed_latency = 10 * kMs;
  gradient tested(options);
  windows each(tested);
  EXPECT_FALSE(tested.probing());
  for (int i = 0; i < 9; ++i) EXPECT_EQ(each.after(100'000 * kMs, 50 * kMs), 3);
  EXPECT_FALSE(tested.probing());
  EXPECT_EQ(each.after(100 * kMs, 10 * kMs), 5);
}

}  // namespace
}  // namespace afflux::control
