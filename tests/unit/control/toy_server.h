// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A server in virtual time that an algorithm limits: workers that serve in the order of arrival, or
// are shared by all; requests that come at random and are refused at the limit.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

#include "control/algorithm.h"
#include "control/random.h"

namespace afflux::control {

class toy_server {
 public:
  // `service` draws a service time in ns.
  toy_server(algorithm& steered, int its_workers, std::function<double(splitmix&)> service,
             std::uint64_t seed = 1)
      : workers(its_workers), steered_(steered), service_(std::move(service)), random_(seed) {
    wanted_ = steered_.next();
  }

  int workers;
  double per_second = 0;  // requests that come
  bool shares = false;    // all that is in flight is served at once, the more the slower

  // What run() has seen.
  std::uint64_t served = 0;
  std::uint64_t refused = 0;
  double limit_sum = 0;  // over arrivals
  int limit_least = std::numeric_limits<int>::max();
  int limit_most = 0;

  int limit() const { return static_cast<int>(std::floor(steered_.limit() + 0.5)); }
  double mean_limit() const { return limit_sum / static_cast<double>(came_); }

  void run(double seconds) {
    served = refused = came_ = 0;
    limit_sum = limit_most = 0;
    limit_least = std::numeric_limits<int>::max();
    const double end = now_ + seconds * 1e9;
    double comes = next_arrival();
    while (std::min(comes, ends()) < end) {
      pass(std::min(comes, ends()));
      if (now_ == comes) {
        arrive();
        comes = next_arrival();
      } else {
        finish();
      }
    }
    pass(end);
  }

 private:
  struct served_request {
    double ends;  // by work_
    double admitted;
    bool operator>(const served_request& other) const { return ends > other.ends; }
  };

  // Work that each of those served gets done in a unit of time.
  double speed() const {
    return !shares || in_flight() <= workers ? 1 : static_cast<double>(workers) / in_flight();
  }
  void pass(double until) {
    work_ += (until - now_) * speed();
    now_ = until;
  }
  double ends() const {
    if (busy_.empty()) return std::numeric_limits<double>::infinity();
    return now_ + std::max(0.0, busy_.top().ends - work_) / speed();
  }
  double next_arrival() { return now_ - std::log1p(-random_.between(0, 1)) * 1e9 / per_second; }

  void arrive() {
    ++came_;
    limit_sum += limit();
    limit_least = std::min(limit_least, limit());
    limit_most = std::max(limit_most, limit());
    if (in_flight() >= limit()) {
      ++refused;
      return;
    }
    waiting_.push_back(now_);
    begin();
  }

  void begin() {
    while (!waiting_.empty() && (shares || static_cast<int>(busy_.size()) < workers)) {
      busy_.push({work_ + service_(random_), waiting_.front()});
      waiting_.pop_front();
    }
  }

  void finish() {
    const double admitted = busy_.top().admitted;
    count(admitted);
    busy_.pop();
    begin();
    ++served;
    if (!is_over()) return;
    seen_.to = static_cast<std::int64_t>(now_);
    seen_.quantile = median();
    steered_.update(seen_);
    seen_ = {};
    seen_.from = static_cast<std::int64_t>(now_);
    wanted_ = steered_.next();
  }

  int in_flight() const { return static_cast<int>(busy_.size() + waiting_.size()); }

  void count(double admitted) {
    const auto latency = static_cast<std::int64_t>(now_ - admitted);
    ++seen_.all_served;
    seen_.all_latency_sum += latency;
    if (wanted_.own_only && admitted < static_cast<double>(seen_.from)) return;
    if (now_ < static_cast<double>(seen_.from + wanted_.settle)) return;
    ++seen_.served;
    seen_.capped_sum += std::min(latency, wanted_.cap);
    if (latency < wanted_.cap) ++seen_.below_cap;
    const auto flight = static_cast<std::uint64_t>(in_flight());
    seen_.in_flight_sum += flight;
    seen_.in_flight_most = std::max(seen_.in_flight_most, flight);
    if (in_flight() >= limit()) ++seen_.full;
    latencies_.push_back(latency);
  }

  bool is_over() const {
    const std::int64_t age = static_cast<std::int64_t>(now_) - seen_.from;
    return (seen_.samples() >= wanted_.least_samples && age >= wanted_.least_time) ||
           age >= wanted_.most_time;
  }

  std::int64_t median() {
    if (latencies_.empty()) return 0;
    const auto middle = latencies_.begin() + static_cast<std::ptrdiff_t>(latencies_.size() / 2);
    std::nth_element(latencies_.begin(), middle, latencies_.end());
    const std::int64_t found = *middle;
    latencies_.clear();
    return found;
  }

  algorithm& steered_;
  const std::function<double(splitmix&)> service_;
  splitmix random_;
  double now_ = 0;
  double work_ = 0;  // that a request has got done which has been served from the start
  std::uint64_t came_ = 0;
  std::deque<double> waiting_;  // when each was admitted
  std::priority_queue<served_request, std::vector<served_request>, std::greater<>> busy_;
  closing wanted_;
  window seen_;
  std::vector<std::int64_t> latencies_;
};

}  // namespace afflux::control
