// SPDX-License-Identifier: MIT OR Apache-2.0
//
// AIMD: one more after each request that was served while half of the limit was in use, a tenth
// less after each that was dropped or took too long. As in Netflix's concurrency-limits 0.5.4
// (AIMDLimit), with its defaults.
#pragma once

#include <algorithm>
#include <cstdint>

#include "control/algorithm.h"

namespace afflux::control {

struct aimd_options {
  std::int64_t initial = 20;
  std::int64_t min = 20;
  std::int64_t max = 200;
  double backoff = 0.9;                  // 0.5 … 1
  std::int64_t timeout = 5'000'000'000;  // ns; what took longer counts as dropped
};

class aimd final : public algorithm {
 public:
  explicit aimd(const aimd_options& options = {}) : options_(options), limit_(options.initial) {}

  double limit() const override { return static_cast<double>(limit_); }
  closing next() const override { return {}; }

  void update(const window& seen) override {
    why_ = reason::too_few;
    if (seen.samples() == 0) return;
    why_ = reason::unused;
    if (seen.dropped > 0 || seen.latency_most > options_.timeout) {
      limit_ = static_cast<std::int64_t>(static_cast<double>(limit_) * options_.backoff);
      why_ = reason::drops;
    } else if (seen.in_flight_most * 2 >= static_cast<std::uint64_t>(limit_)) {
      ++limit_;
      why_ = reason::room;
    }
    limit_ = std::min(options_.max, std::max(options_.min, limit_));
  }

 private:
  const aimd_options options_;
  std::int64_t limit_;
};

}  // namespace afflux::control
