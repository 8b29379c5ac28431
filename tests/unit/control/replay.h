// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Shows samples to an algorithm in the windows that it asks for.
#pragma once

#include <algorithm>
#include <cstdint>

#include "control/algorithm.h"

namespace afflux::control {

// One line of the vectors that Netflix.java makes.
struct netflix_row {
  std::int64_t ended;    // ns
  std::int64_t latency;  // ns
  std::uint64_t in_flight;
  bool dropped;
  double limit;     // after this sample
  double estimate;  // the limit before it is rounded
};

class replay {
 public:
  explicit replay(algorithm& to) : to_(to), wanted_(to.next()) {}

  void sample(const netflix_row& row) {
    if (row.latency < wanted_.floor) return;
    ++(row.dropped ? seen_.dropped : seen_.served);
    if (!row.dropped || wanted_.dropped_too) {
      seen_.latency_sum += row.latency;
      seen_.latency_least = std::min(seen_.latency_least, row.latency);
      seen_.latency_most = std::max(seen_.latency_most, row.latency);
    }
    seen_.in_flight_sum += row.in_flight;
    seen_.in_flight_most = std::max(seen_.in_flight_most, row.in_flight);
    if (seen_.samples() < wanted_.least_samples) return;
    if (row.ended - seen_.from < wanted_.least_time) return;
    seen_.to = row.ended;
    to_.update(seen_);
    seen_ = {};
    seen_.from = row.ended;
    wanted_ = to_.next();
  }

 private:
  algorithm& to_;
  closing wanted_;
  window seen_;
};

}  // namespace afflux::control
