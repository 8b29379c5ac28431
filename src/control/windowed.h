// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What Vegas and Gradient2 take for one sample: each request, or all that ended in a window of
// about a second. As in Netflix's concurrency-limits 0.5.4 (WindowedLimit with an
// AverageSampleWindowFactory), with its defaults.
#pragma once

#include <algorithm>
#include <cstdint>

#include "control/algorithm.h"

namespace afflux::control {

struct windowed_options {
  bool on = false;  // that library's limits are not windowed unless they are wrapped
  std::int64_t least_time = 1'000'000'000;  // ns; a window lasts twice its least latency,
  std::int64_t most_time = 1'000'000'000;   // within these bounds
  std::uint64_t least_samples = 10;         // a window with fewer is thrown away
  std::int64_t floor = 100'000;             // ns; shorter latencies do not count
};

class windowed {
 public:
  explicit windowed(const windowed_options& options) : options_(options) {}

  closing next() const {
    closing wanted;
    wanted.dropped_too = true;
    if (options_.on) {
      wanted.least_time = time_;
      wanted.floor = options_.floor;
    }
    return wanted;
  }

  // The latency of the sample that `seen` stands for; 0: there is none.
  std::int64_t latency(const window& seen) {
    if (seen.samples() == 0) return 0;
    if (options_.on) {
      const std::int64_t half = std::min(seen.latency_least, options_.most_time / 2 + 1);
      time_ = std::min(std::max(half * 2, options_.least_time), options_.most_time);
      if (seen.samples() < options_.least_samples) return 0;
    }
    return seen.latency_sum / static_cast<std::int64_t>(seen.samples());
  }

 private:
  const windowed_options options_;
  std::int64_t time_ = 0;  // the first window ends with its first sample, and is thrown away
};

}  // namespace afflux::control
