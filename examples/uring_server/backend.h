// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A model of what the server calls for each request, say a database: a time to wait for, and the
// memory that a request needs meanwhile.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <queue>
#include <random>
#include <vector>

#include "options.h"

namespace uring_server {

class backend {
 public:
  explicit backend(const options& chosen)
      : work_(std::chrono::microseconds(chosen.work_us)),
        varies_(chosen.work_varies),
        capacity_(chosen.backend),
        queues_(chosen.backend_queues),
        patience_(std::chrono::milliseconds(chosen.timeout_ms)),
        buffer_bytes_(chosen.buffer_kib * 1024) {}

  struct call {
    std::chrono::nanoseconds wait;  // the caller's, for the answer or until it gives up
    bool timed_out;
  };

  // A call that begins now. One that its caller has given up goes on to its end, as a query of a
  // database does.
  call begin() {
    const std::chrono::nanoseconds time = time_of_next();
    if (patience_.count() == 0 || time <= patience_) return {time, false};
    return {patience_, true};
  }

  std::size_t buffer_bytes() const { return buffer_bytes_; }  // of the server's, for each call

 private:
  using clock = std::chrono::steady_clock;

  std::chrono::nanoseconds time_of_next() {
    const std::lock_guard lock(mutex_);
    std::chrono::nanoseconds work = work_;
    if (varies_)
      work = std::chrono::duration_cast<std::chrono::nanoseconds>(work * factors_(random_));
    if (capacity_ == 0) return work;
    const clock::time_point now = clock::now();
    const clock::time_point end = queues_ ? end_in_line(now, work) : end_among_others(now, work);
    ends_.push(end);
    return end - now;
  }

  // A call waits until one of `capacity_` places is free. ends_: when each place will be.
  clock::time_point end_in_line(clock::time_point now, std::chrono::nanoseconds work) {
    if (ends_.size() < capacity_) return now + work;
    const clock::time_point free = ends_.top();
    ends_.pop();
    return std::max(now, free) + work;
  }

  // More calls than `capacity_` share it alike: a call is slower by how many there are when it
  // begins. ends_: when each of them ends.
  clock::time_point end_among_others(clock::time_point now, std::chrono::nanoseconds work) {
    while (!ends_.empty() && ends_.top() <= now) ends_.pop();
    const auto calls = static_cast<double>(ends_.size() + 1);
    const double slower = std::max(1.0, calls / static_cast<double>(capacity_));
    return now + std::chrono::duration_cast<std::chrono::nanoseconds>(work * slower);
  }

  const std::chrono::nanoseconds work_;  // a call's time, alone; or its mean
  const bool varies_;
  const std::uint64_t capacity_;  // calls at a time at full speed; 0: any number
  const bool queues_;
  const std::chrono::nanoseconds patience_;  // 0: without end
  const std::size_t buffer_bytes_;

  std::mutex mutex_;
  std::mt19937_64 random_;  // the same numbers in each run
  std::exponential_distribution<double> factors_{1.0};
  std::priority_queue<clock::time_point, std::vector<clock::time_point>, std::greater<>> ends_;
};

}  // namespace uring_server
