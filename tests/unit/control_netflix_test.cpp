// SPDX-License-Identifier: MIT OR Apache-2.0
//
// AIMD, Vegas and Gradient2 take each step that Netflix's own code takes: the vectors were made by
// that, see control/Netflix.java.
#include <gtest/gtest.h>

#include <cmath>

#include "control/aimd.h"
#include "control/gradient2.h"
#include "control/replay.h"
#include "control/vegas.h"

namespace afflux::control {
namespace {

constexpr netflix_row kAimd[] = {
#include "control/aimd.inc"
};
constexpr netflix_row kVegas[] = {
#include "control/vegas.inc"
};
constexpr netflix_row kVegasWindowed[] = {
#include "control/vegas_windowed.inc"
};
constexpr netflix_row kGradient2[] = {
#include "control/gradient2.inc"
};
constexpr netflix_row kGradient2Windowed[] = {
#include "control/gradient2_windowed.inc"
};

template <typename Algorithm, typename Rows>
void follow(Algorithm& tested, const Rows& rows) {
  replay to(tested);
  for (const netflix_row& row : rows) {
    to.sample(row);
    ASSERT_EQ(tested.limit(), row.limit) << row.ended;
    if constexpr (requires { tested.estimate(); }) {
      ASSERT_NEAR(tested.estimate(), row.estimate, 1e-9 * row.estimate) << row.ended;
    }
  }
}

TEST(ControlAimd, FollowsTheOriginal) {
  aimd_options options;
  options.max = 90;
  aimd tested(options);
  follow(tested, kAimd);
}

TEST(ControlVegas, FollowsTheOriginal) {
  vegas_options options;
  options.initial = 95;
  options.max = 130;
  vegas tested(options);
  follow(tested, kVegas);
}

TEST(ControlVegas, FollowsTheOriginalInWindows) {
  vegas_options options;
  options.smoothing = 0.5;
  options.max = 60;
  options.probes = 1;
  options.windowed.on = true;
  options.windowed.least_time = 100'000'000;
  options.windowed.most_time = 150'000'000;
  vegas tested(options);
  follow(tested, kVegasWindowed);
}

// Equal latencies: nothing queues, and the second sample tells.
TEST(ControlVegas, GrowsWhileLatencyStays) {
  vegas tested;
  replay to(tested);
  const netflix_row same{0, 10'000'000, 20, false, 0, 0};
  to.sample(same);
  EXPECT_EQ(tested.limit(), 20);
  to.sample(same);
  EXPECT_EQ(tested.limit(), 26);
}

TEST(ControlGradient2, FollowsTheOriginal) {
  gradient2 tested;
  follow(tested, kGradient2);
}

TEST(ControlGradient2, StaysWhileLessThanHalfIsInUse) {
  gradient2 tested;
  replay to(tested);
  to.sample({0, 10'000'000, 9, false, 0, 0});
  EXPECT_EQ(tested.estimate(), 20);
  to.sample({0, 10'000'000, 10, false, 0, 0});
  EXPECT_NEAR(tested.estimate(), 20.8, 1e-9);
}

TEST(ControlGradient2, FollowsTheOriginalInWindows) {
  gradient2_options options;
  options.min = 19;
  options.max = 25;
  options.long_window = 100;
  options.smoothing = 0.4;
  options.windowed.on = true;
  gradient2 tested(options);
  follow(tested, kGradient2Windowed);
}

}  // namespace
}  // namespace afflux::control
