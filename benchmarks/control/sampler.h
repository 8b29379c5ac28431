// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Collects samples into the windows that an algorithm asks for, and keeps the limit that it answers
// with: what afflux_control does, for one thread and in virtual time.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "control/algorithm.h"
#include "stats/histogram.h"

namespace afflux::simulation {

class sampler {
 public:
  sampler(control::algorithm& steered, int min, int max)
      : steered_(steered), min_(min), max_(max), wanted_(steered.next()) {
    set_limit();
  }

  int limit() const { return limit_; }

  // A request that was admitted at `started` has ended. `in_flight` counts it.
  void sample(std::int64_t now, std::int64_t started, int in_flight, bool dropped) {
    const std::int64_t latency = now - started;
    if (latency >= wanted_.floor) count(now, started, in_flight, dropped);
    const std::int64_t age = now - seen_.from;
    const bool is_over = seen_.samples() >= wanted_.least_samples && age >= wanted_.least_time;
    if (is_over || age >= wanted_.most_time) close(now);
  }

 private:
  void count(std::int64_t now, std::int64_t started, int in_flight, bool dropped) {
    const std::int64_t latency = now - started;
    if (!dropped) {
      ++seen_.all_served;
      seen_.all_latency_sum += latency;
    }
    if (wanted_.own_only && started < seen_.from) return;
    if (now < seen_.from + wanted_.settle) return;
    ++(dropped ? seen_.dropped : seen_.served);
    if (!dropped || wanted_.dropped_too) {
      seen_.latency_sum += latency;
      seen_.latency_least = std::min(seen_.latency_least, latency);
      seen_.latency_most = std::max(seen_.latency_most, latency);
      if (wanted_.quantile > 0) ++buckets_[stats::bucket_of(static_cast<std::uint64_t>(latency))];
      if (wanted_.quantile > 0) ++recorded_;
    }
    seen_.capped_sum += dropped ? wanted_.cap : std::min(latency, wanted_.cap);
    if (!dropped && latency < wanted_.cap) ++seen_.below_cap;
    seen_.in_flight_sum += static_cast<std::uint64_t>(in_flight);
    seen_.in_flight_most = std::max(seen_.in_flight_most, static_cast<std::uint64_t>(in_flight));
    if (in_flight >= limit_) ++seen_.full;
  }

  void close(std::int64_t now) {
    seen_.to = now;
    seen_.quantile = quantile();
    steered_.update(seen_);
    seen_ = {};
    seen_.from = now;
    wanted_ = steered_.next();
    set_limit();
  }

  // The middle of the bucket that holds it; forgets what was recorded.
  std::int64_t quantile() {
    if (recorded_ == 0) return 0;
    const auto rank = std::min<std::uint64_t>(
        recorded_ - 1,
        static_cast<std::uint64_t>(wanted_.quantile * static_cast<double>(recorded_)));
    std::size_t at = 0;
    for (std::uint64_t below = buckets_[0]; below <= rank; below += buckets_[++at]) {
    }
    buckets_.fill(0);
    recorded_ = 0;
    const std::uint64_t least = at == 0 ? 0 : stats::bound_of(at - 1) + 1;
    return static_cast<std::int64_t>((least + stats::bound_of(at)) / 2);
  }

  void set_limit() {
    const double rounded = std::floor(steered_.limit() + 0.5);
    limit_ = static_cast<int>(std::max<double>(min_, std::min<double>(max_, rounded)));
  }

  control::algorithm& steered_;
  const int min_;
  const int max_;
  control::closing wanted_;
  control::window seen_;
  std::array<std::uint64_t, stats::kBuckets> buckets_{};
  std::uint64_t recorded_ = 0;
  int limit_ = 0;
};

}  // namespace afflux::simulation
