// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Requests that come at random and at a given rate, whatever becomes of them (an open loop): as
// from many people who know nothing of each other.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>

namespace uring_load {

class arrivals {
 public:
  using clock = std::chrono::steady_clock;

  // seed: each number makes other moments, and the same in each run.
  arrivals(unsigned rate, clock::time_point begin, clock::time_point end, std::uint64_t seed)
      : next_(begin), end_(end), random_(seed), pauses_(rate) {}

  // When the next request is due, for one client; none: there are no more.
  std::optional<clock::time_point> take() {
    const std::lock_guard lock(mutex_);
    const std::chrono::duration<double> pause(pauses_(random_));
    next_ += std::chrono::duration_cast<clock::duration>(pause);
    if (next_ >= end_) return std::nullopt;
    return next_;
  }

 private:
  std::mutex mutex_;
  clock::time_point next_;
  const clock::time_point end_;
  std::mt19937_64 random_;
  std::exponential_distribution<double> pauses_;
};

}  // namespace uring_load
