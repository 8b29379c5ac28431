// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an algorithm for adaptive limits is: it is shown one window of samples after the other, and
// answers with a limit. It has no clock, no thread and no lock: who closes a window calls update(),
// one at a time.
#pragma once

#include <cstdint>
#include <limits>

namespace afflux::control {

// Why an algorithm wants the limit that it wants: AFFLUX_CONTROL_BECAUSE_… in control.h.
enum class reason : std::uint32_t {
  none,     // no window has ended
  steady,   // nothing calls for another one
  room,     // latency shows no queue
  queue,    // latency shows one
  drops,    // requests were dropped, or took too long
  unused,   // too little of the limit was in use to judge it
  too_few,  // samples
  probe,    // a probe has set the limit, to learn something
  at_max,   // more was wanted than max
  at_min,   // less was wanted than min
};

// Of the requests that ended between two updates. Times in nanoseconds.
struct window {
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::uint64_t served = 0;
  std::uint64_t dropped = 0;     // timed out, or refused by the server
  std::int64_t latency_sum = 0;  // of those served; of all of them with closing::dropped_too
  std::int64_t latency_least = std::numeric_limits<std::int64_t>::max();
  std::int64_t latency_most = 0;
  std::int64_t capped_sum = 0;      // of min(latency, closing::cap), a dropped one's being the cap
  std::uint64_t below_cap = 0;      // of those served
  std::uint64_t in_flight_sum = 0;  // as each ended, that one included
  std::uint64_t in_flight_most = 0;
  std::uint64_t full = 0;     // ended while all that the limit allows was in flight
  std::int64_t quantile = 0;  // closing::quantile of the latencies in latency_sum
  // Of all that were served, with those that own_only and settle leave out.
  std::uint64_t all_served = 0;
  std::int64_t all_latency_sum = 0;

  std::uint64_t samples() const { return served + dropped; }
  double mean_latency() const {
    return served == 0 ? 0 : static_cast<double>(latency_sum) / static_cast<double>(served);
  }
  double mean_in_flight() const {
    return samples() == 0 ? 0 : static_cast<double>(in_flight_sum) / static_cast<double>(samples());
  }
};

// When the next window ends, and what is to be known of it.
struct closing {
  std::uint64_t least_samples = 1;
  std::int64_t least_time = 0;  // both must have been reached,
  std::int64_t most_time = std::numeric_limits<std::int64_t>::max();  // or this
  bool own_only = false;    // requests that began before the window do not count
  std::int64_t settle = 0;  // those that ended so soon after its start do not, either
  std::int64_t cap = std::numeric_limits<std::int64_t>::max();
  double quantile = 0;       // 0: none is wanted
  bool dropped_too = false;  // a dropped one's latency is told like a served one's
  std::int64_t floor = 0;    // requests that ended sooner do not count
};

class algorithm {
 public:
  algorithm() = default;
  algorithm(const algorithm&) = delete;
  algorithm& operator=(const algorithm&) = delete;
  virtual ~algorithm() = default;

  // What the limit is to be now; who steers rounds it, and keeps it between min and max.
  virtual double limit() const = 0;
  // The same without what is tried for one window.
  virtual double center() const { return limit(); }
  virtual closing next() const = 0;
  // The window that next() asked for has ended.
  virtual void update(const window& seen) = 0;
  reason why() const { return why_; }  // the last update() did what it did

 protected:
  reason why_ = reason::none;
};

}  // namespace afflux::control
