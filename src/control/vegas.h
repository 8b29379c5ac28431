// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Vegas: the queue is what of the limit the least latency that was seen does not account for; the
// limit grows while the queue is short, and shrinks while it is long. The least latency is
// forgotten now and then. The idea is TCP Vegas' (Brakmo and Peterson, 1995), the rules are those
// of Netflix's concurrency-limits 0.5.4 (VegasLimit), with its defaults.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "control/algorithm.h"
#include "control/random.h"
#include "control/windowed.h"

namespace afflux::control {

struct vegas_options {
  std::int64_t initial = 20;
  std::int64_t max = 1000;
  int alpha = 3;         // × log10 of the limit: a shorter queue lets the limit grow,
  int beta = 6;          // a longer one than this makes it shrink
  double smoothing = 1;  // 0 … 1; 1: none
  int probes = 30;       // × the limit × 0.5 … 1: so many samples use one least latency
  windowed_options windowed{};
};

class vegas final : public algorithm {
 public:
  explicit vegas(const vegas_options& options = {}, std::uint64_t seed = 1)
      : options_(options),
        window_(options.windowed),
        random_(seed),
        jitter_(random_.between(0.5, 1)),
        estimate_(static_cast<double>(options.initial)) {}

  double limit() const override { return std::floor(estimate_); }
  double estimate() const { return estimate_; }
  closing next() const override { return window_.next(); }

  void update(const window& seen) override {
    why_ = reason::too_few;
    const std::int64_t latency = window_.latency(seen);
    if (latency <= 0) return;
    why_ = reason::steady;
    ++samples_;
    if (jitter_ * options_.probes * estimate_ <= static_cast<double>(samples_)) {
      jitter_ = random_.between(0.5, 1);
      samples_ = 0;
      least_ = latency;
    } else if (least_ == 0 || latency < least_) {
      least_ = latency;
    } else {
      const double wanted = step(latency, seen.in_flight_most, seen.dropped > 0);
      const double kept = std::max(1.0, std::min(static_cast<double>(options_.max), wanted));
      if (wanted != estimate_) {
        estimate_ = (1 - options_.smoothing) * estimate_ + options_.smoothing * kept;
      }
    }
  }

 private:
  // Where the limit is to go, and why; estimate_: nowhere.
  double step(std::int64_t latency, std::uint64_t in_flight, bool dropped) {
    const int unit = log10_of(estimate_);
    why_ = reason::drops;
    if (dropped) return estimate_ - unit;
    why_ = reason::unused;
    if (static_cast<double>(in_flight * 2) < estimate_) return estimate_;
    const double part = static_cast<double>(least_) / static_cast<double>(latency);
    const double queue = std::ceil(estimate_ * (1 - part));
    why_ = reason::room;
    if (queue <= unit) return estimate_ + options_.beta * unit;
    if (queue < options_.alpha * unit) return estimate_ + unit;
    why_ = queue > options_.beta * unit ? reason::queue : reason::steady;
    if (queue > options_.beta * unit) return estimate_ - unit;
    return estimate_;
  }

  // Its whole part, and at least 1.
  static int log10_of(double of) {
    const auto limit = static_cast<std::int64_t>(of);
    int whole = 1;
    for (std::int64_t power = 100; power <= limit; power *= 10) ++whole;
    return whole;
  }

  const vegas_options options_;
  windowed window_;
  splitmix random_;
  double jitter_;
  double estimate_;
  std::int64_t least_ = 0;     // latency; 0: none was seen
  std::uint64_t samples_ = 0;  // since the least latency was forgotten
};

}  // namespace afflux::control
