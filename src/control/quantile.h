// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A quantile of the latencies of a window, from a log-linear histogram (stats/histogram.h): off by
// at most a sixteenth.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "stats/histogram.h"

namespace afflux::control {

template <class P>
class quantile_of {
 public:
  // By any thread. relaxed, here and below: only the numbers matter, and a latency that comes while
  // they are taken counts in this window or in the next.
  void record(std::int64_t latency) {
    buckets_[stats::bucket_of(static_cast<std::uint64_t>(latency))].fetch_add(
        1, std::memory_order_relaxed);
  }

  // The quantile `q`, 0 … 1, and all is empty again. 0: there was nothing. One thread at a time.
  std::int64_t take(double q) {
    std::array<std::uint32_t, stats::kBuckets> seen;
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      seen[i] = buckets_[i].load(std::memory_order_relaxed);
      if (seen[i] != 0) buckets_[i].fetch_sub(seen[i], std::memory_order_relaxed);
      count += seen[i];
    }
    if (count == 0) return 0;
    return within(seen, q * static_cast<double>(count));
  }

 private:
  // Where `rank` of the latencies are not longer; within a bucket they are taken to lie evenly.
  static std::int64_t within(const std::array<std::uint32_t, stats::kBuckets>& seen, double rank) {
    double before = 0;
    double longest = 0;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (seen[i] == 0) continue;
      const auto here = static_cast<double>(seen[i]);
      const double from = i == 0 ? 0 : static_cast<double>(stats::bound_of(i - 1));
      // The last bucket has no bound.
      longest = i + 1 == seen.size() ? from : static_cast<double>(stats::bound_of(i));
      if (before + here >= rank) {
        return static_cast<std::int64_t>(from + (longest - from) * (rank - before) / here);
      }
      before += here;
    }
    return static_cast<std::int64_t>(longest);
  }

  std::array<typename P::template atomic<std::uint32_t>, stats::kBuckets> buckets_{};
};

}  // namespace afflux::control
