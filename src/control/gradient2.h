// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Gradient2: the limit shrinks by the ratio of a long average of latencies to the latest one, and
// grows by a constant. As in Netflix's concurrency-limits 0.5.4 (Gradient2Limit), with its
// defaults.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "control/algorithm.h"
#include "control/windowed.h"

namespace afflux::control {

struct gradient2_options {
  std::int64_t initial = 20;
  std::int64_t min = 20;
  std::int64_t max = 200;
  double smoothing = 0.2;  // 0 … 1; 1: none
  double queue = 4;        // by so much the limit grows while latencies stay
  double tolerance = 1.5;  // 1 …: × the long average is still not too slow
  int long_window = 600;   // samples
  windowed_options windowed{};
};

class gradient2 final : public algorithm {
 public:
  explicit gradient2(const gradient2_options& options = {})
      : options_(options),
        window_(options.windowed),
        estimate_(static_cast<double>(options.initial)) {}

  double limit() const override { return std::floor(estimate_); }
  double estimate() const { return estimate_; }
  closing next() const override { return window_.next(); }

  void update(const window& seen) override {
    why_ = reason::too_few;
    const auto latency = static_cast<double>(window_.latency(seen));
    if (latency <= 0) return;
    const double average = add(latency);
    // After a long overload the average is led back sooner than it would come by itself.
    if (average / latency > 2) average_ *= 0.95;
    why_ = reason::unused;
    if (static_cast<double>(seen.in_flight_most) < estimate_ / 2) return;
    const double ratio = std::max(0.5, std::min(1.0, options_.tolerance * average / latency));
    const double wanted = estimate_ * ratio + options_.queue;
    why_ = wanted < estimate_ ? reason::queue : reason::room;
    const double smooth = estimate_ * (1 - options_.smoothing) + wanted * options_.smoothing;
    estimate_ = std::max(static_cast<double>(options_.min),
                         std::min(static_cast<double>(options_.max), smooth));
  }

 private:
  // The plain mean of the first few, the exponential one then.
  double add(double latency) {
    if (count_ < kFirst) {
      ++count_;
      sum_ += latency;
      average_ = sum_ / count_;
    } else {
      const double part = 2.0 / (options_.long_window + 1);
      average_ = average_ * (1 - part) + latency * part;
    }
    return average_;
  }

  static constexpr int kFirst = 10;
  const gradient2_options options_;
  windowed window_;
  double estimate_;
  double average_ = 0;
  double sum_ = 0;
  int count_ = 0;
};

}  // namespace afflux::control
