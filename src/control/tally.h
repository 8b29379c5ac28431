// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How samples add up to a window. Another sum is a member of `window` in algorithm.h, a line in
// note() and a line in merge().
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "control/algorithm.h"

namespace afflux::control {

// A request that has ended.
struct sample {
  std::int64_t latency = 0;  // ns
  bool dropped = false;
  std::uint64_t in_flight = 0;  // itself included
  bool full = false;            // all that the limit allows was in flight
  bool own = true;              // closing::own_only and settle let it in
};

// Sums of times are taken modulo 2^64: what a wrong program claims must not be undefined.
inline void add(std::int64_t& to, std::int64_t n) {
  to = static_cast<std::int64_t>(static_cast<std::uint64_t>(to) + static_cast<std::uint64_t>(n));
}

inline void note(window& w, const closing& wanted, const sample& s) {
  if (!s.dropped) {
    ++w.all_served;
    add(w.all_latency_sum, s.latency);
  }
  if (!s.own) return;
  if (s.dropped) {
    ++w.dropped;
  } else {
    ++w.served;
    if (s.latency < wanted.cap) ++w.below_cap;
  }
  if (!s.dropped || wanted.dropped_too) {
    add(w.latency_sum, s.latency);
    w.latency_least = std::min(w.latency_least, s.latency);
    w.latency_most = std::max(w.latency_most, s.latency);
  }
  if (wanted.cap != std::numeric_limits<std::int64_t>::max()) {
    add(w.capped_sum, s.dropped ? wanted.cap : std::min(s.latency, wanted.cap));
  }
  w.in_flight_sum += s.in_flight;
  w.in_flight_most = std::max(w.in_flight_most, s.in_flight);
  if (s.full) ++w.full;
}

// All but the times and the quantile.
inline void merge(window& to, const window& from) {
  to.all_served += from.all_served;
  add(to.all_latency_sum, from.all_latency_sum);
  to.served += from.served;
  to.dropped += from.dropped;
  add(to.latency_sum, from.latency_sum);
  to.latency_least = std::min(to.latency_least, from.latency_least);
  to.latency_most = std::max(to.latency_most, from.latency_most);
  add(to.capped_sum, from.capped_sum);
  to.below_cap += from.below_cap;
  to.in_flight_sum += from.in_flight_sum;
  to.in_flight_most = std::max(to.in_flight_most, from.in_flight_most);
  to.full += from.full;
}

}  // namespace afflux::control
