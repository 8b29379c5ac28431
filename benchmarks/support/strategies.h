// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The four queue strategies by name, and what a distribution of latencies is reported as.
#pragma once

#include <afflux/afflux.h>
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>

#include "support/histogram.h"

namespace afflux::bench {

struct strategy {
  const char* name;
  std::uint32_t queue;
};

inline constexpr std::array<strategy, 4> kStrategies = {{{"mutex", AFFLUX_QUEUE_MUTEX},
                                                         {"hybrid", AFFLUX_QUEUE_HYBRID},
                                                         {"lockfree", AFFLUX_QUEUE_LOCKFREE},
                                                         {"intrusive", AFFLUX_QUEUE_INTRUSIVE}}};

// Counters p50, p95, p99 and p999, in nanoseconds.
inline void report_quantiles(benchmark::State& state, const histogram& all, double ns_per_tick) {
  const auto ns = [&](double share) {
    return static_cast<double>(all.quantile(share)) * ns_per_tick;
  };
  state.counters["p50"] = ns(0.5);
  state.counters["p95"] = ns(0.95);
  state.counters["p99"] = ns(0.99);
  state.counters["p999"] = ns(0.999);
}

}  // namespace afflux::bench
