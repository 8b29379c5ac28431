// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A registry of clients behind locks: one lock for the set of members, and one in each client.
#pragma once

#include <afflux/afflux.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "support/locked_client.h"

namespace afflux::bench {

inline void add_up(afflux_client_summary_t& total, const afflux_client_summary_t& one) {
  for (int i = 0; i < AFFLUX_CLIENT_CLASSES; ++i) total.requests[i] += one.requests[i];
  total.bytes += one.bytes;
  total.runs += one.runs;
  total.responses_4xx += one.responses_4xx;
  total.responses_5xx += one.responses_5xx;
  total.responses_other += one.responses_other;
  total.reconnections += one.reconnections;
  total.timeouts += one.timeouts;
  for (int i = 0; i < AFFLUX_CLIENT_PIPELINES; ++i) {
    total.lines_read[i] += one.lines_read[i];
    total.lines_dropped[i] += one.lines_dropped[i];
  }
  total.peak_drop_rate = std::max(total.peak_drop_rate, one.peak_drop_rate);
  total.speed += one.speed;
  total.drift_ns += one.drift_ns;
  total.max_drift_ns = std::max(total.max_drift_ns, one.max_drift_ns);
  total.acquired += one.acquired;
  total.waits += one.waits;
  total.wait_sum_ns += one.wait_sum_ns;
  total.wait_max_ns = std::max(total.wait_max_ns, one.wait_max_ns);
  total.rejected += one.rejected;
  total.timed_out += one.timed_out;
  total.canceled += one.canceled;
  total.stalled += one.stalled;
}

template <class Mutex>
class locked_registry {
 public:
  // A client with its index in the registry, by which it is removed.
  struct member : locked_client<Mutex> {
    std::size_t place = 0;
  };

  void add(member& one) {
    const std::unique_lock lock(mutex_);
    one.place = members_.size();
    members_.push_back(&one);
  }
  void remove(member& one) {
    const std::unique_lock lock(mutex_);
    members_[one.place] = members_.back();
    members_[one.place]->place = one.place;
    members_.pop_back();
  }
  void summary(afflux_client_summary_t& total) const {
    total = {};
    afflux_client_summary_t one;
    const reader_lock<Mutex> lock(mutex_);
    for (const member* each : members_) {
      each->summary(one);
      add_up(total, one);
    }
  }

 private:
  mutable Mutex mutex_;
  std::vector<member*> members_;
};

}  // namespace afflux::bench
