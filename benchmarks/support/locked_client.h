// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What afflux_client counts, as plain numbers behind a lock: std::mutex, or std::shared_mutex with
// readers that share it. Under a lock a sum for each family of status codes costs nothing, so that
// it has them, too.
#pragma once

#include <afflux/afflux.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <type_traits>

namespace afflux::bench {

// For an age: as rough as the library's own, so that the locks make the difference.
inline std::int64_t rough_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

template <class Mutex>
using reader_lock = std::conditional_t<std::is_same_v<Mutex, std::shared_mutex>,
                                       std::shared_lock<Mutex>, std::unique_lock<Mutex>>;

template <class Mutex>
class alignas(64) locked_client {
 public:
  void count_requests(std::uint32_t request_class, std::uint64_t n) {
    const std::unique_lock lock(mutex_);
    known_.requests[request_class] += n;
  }
  void count_response(std::uint32_t code) {
    const std::unique_lock lock(mutex_);
    if (code < 400 || code > 599) {
      ++known_.responses_other;
      return;
    }
    ++responses_[code - 400];
    ++(code < 500 ? known_.responses_4xx : known_.responses_5xx);
  }
  void count_lines(std::uint32_t pipeline, std::uint64_t read, std::uint64_t dropped) {
    const std::unique_lock lock(mutex_);
    known_.lines_read[pipeline] += read;
    if (dropped == 0) return;
    known_.lines_dropped[pipeline] += dropped;
    known_.peak_drop_rate = std::max(known_.peak_drop_rate, drop_rate());
  }
  std::uint64_t responses(std::uint32_t code) const {
    const reader_lock<Mutex> lock(mutex_);
    return code < 400 || code > 599 ? known_.responses_other : responses_[code - 400];
  }
  void summary(afflux_client_summary_t& into) const {
    {
      const reader_lock<Mutex> lock(mutex_);
      into = known_;
      into.drop_rate = drop_rate();
    }
    into.uptime_ns = rough_ns() - created_;
  }

 private:
  double drop_rate() const {
    const auto dropped = static_cast<double>(known_.lines_dropped[0] + known_.lines_dropped[1]);
    const auto read = static_cast<double>(known_.lines_read[0] + known_.lines_read[1]);
    return dropped > 0 ? dropped / read : 0;
  }

  mutable Mutex mutex_;
  afflux_client_summary_t known_{};
  std::uint64_t responses_[200] = {};
  const std::int64_t created_ = rough_ns();
};

}  // namespace afflux::bench
