// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The port of failsafe-go's limiter takes each step that the original takes: the vectors were made
// by that, see control/failsafe.go.
#include "../../benchmarks/control/failsafe.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace afflux::control {
namespace {

struct window_row {
  double quantile;  // ns
  std::uint64_t in_flight;
  bool full;
  double limit;     // after this window
  double baseline;  // ns, after it
};
constexpr window_row kWindows[] = {
#include "control/failsafe_windows.inc"
};

struct sample_row {
  std::int64_t ended;    // ns
  std::int64_t latency;  // ns
  std::uint64_t in_flight;
  bool dropped;
  bool full;
  double limit;
};
constexpr sample_row kSamples[] = {
#include "control/failsafe_samples.inc"
};

TEST(ControlFailsafe, FollowsTheOriginalFromWindowToWindow) {
  failsafe tested;
  for (const window_row& row : kWindows) {
    tested.adjust(row.quantile, row.in_flight, row.full);
    ASSERT_EQ(tested.limit(), row.limit) << row.quantile;
    ASSERT_NEAR(tested.baseline(), row.baseline, 1e-9 * row.baseline);
  }
}

// So few samples a window that the original's t-digest has not yet merged any.
TEST(ControlFailsafe, FollowsTheOriginalFromSampleToSample) {
  failsafe_options options;
  options.initial = 30;
  options.min = 27;
  options.max = 33;
  options.least_time = 200'000'000;
  options.most_time = 1'000'000'000;
  options.least_samples = 10;
  options.correlated = 15;
  options.baseline_age = 5;
  options.quantile = 0.8;
  failsafe tested(options);
  for (const sample_row& row : kSamples) {
    window seen;
    seen.to = row.ended;
    seen.served = row.dropped ? 0 : 1;
    seen.dropped = row.dropped ? 1 : 0;
    seen.latency_sum = row.dropped ? 0 : row.latency;
    seen.in_flight_most = row.in_flight;
    seen.full = row.full ? 1 : 0;
    tested.update(seen);
    ASSERT_EQ(tested.limit(), row.limit) << row.ended;
  }
}

}  // namespace
}  // namespace afflux::control
