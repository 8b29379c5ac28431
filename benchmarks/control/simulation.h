// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A server behind a limit, in virtual time: workers that serve one request each, in the order of
// arrival; a dependency after them, which delays answers without using a worker; clients that come
// at random (open loop), or wait for their answer first (closed loop). What finds the limit reached
// is refused, or waits before a fixed limit in a line that sheds. The same setting and seed give
// the same run.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "control/algorithm.h"
#include "control/service.h"
#include "control/shed_line.h"

namespace afflux::simulation {

// A number that changes at given seconds; `first` before.
class timeline {
 public:
  timeline(double first) : first_(first) {}  // NOLINT(google-explicit-constructor): a number is one
  timeline& then(double second, double value) {
    steps_.emplace_back(second, value);
    return *this;
  }
  double at(double second) const {
    double value = first_;
    for (const auto& [from, next] : steps_) {
      if (second < from) break;
      value = next;
    }
    return value;
  }

 private:
  double first_;
  std::vector<std::pair<double, double>> steps_;
};

struct setting {
  service served{};
  double mean_ms = 10;
  int workers = 50;
  double slow = 0;        // more service time for each further `workers` in flight; 0.3: 30 %
  timeline capacity = 1;  // share of the workers that serve
  timeline load = 1;      // arrivals, × workers / mean; open loop
  timeline delay_ms = 0;  // mean delay by the dependency
  int clients = 0;        // closed loop: so many, and no open one
  double think_ms = 1;    // mean, between an answer and the next request
  double retry_ms = 0;    // a refused client comes back after about that long; 0: never
  double seconds = 60;
  double warm = 20;          // seconds that do not count
  double deadline_ms = 500;  // what is served later is not good
  std::uint64_t seed = 1;
};

struct outcome {
  double offered = 0;  // a second, as all of these
  double accepted = 0;
  double good = 0;
  double p50_ms = 0;  // of all that was served
  double p99_ms = 0;
  double limit_least = 0;
  double limit_mean = 0;
  double limit_most = 0;
  // By second, from the start.
  std::vector<double> offered_at, accepted_at, good_at, limit_at, p99_at;
};

// Under a fixed limit. Latencies are taken from the arrival on, also where a request waits in line.
outcome simulate(const setting& of, int limit, const shed_rule& line = {});
// Under a limit that `steered` sets, kept within [min, max].
outcome simulate(const setting& of, control::algorithm& steered, int min, int max);

}  // namespace afflux::simulation
