// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A histogram of times, log-linear: what afflux_histogram in stats.h says.
//
// HdrHistogram (G. Tene) has this layout. Its C library is not used here: its atomic recording is
// four read-modify-writes, one of them a loop, where this needs plain additions, for one thread at
// a time records the waits; and its counts for the same range take seven times the memory.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "afflux/afflux.h"

namespace afflux::stats {

inline constexpr unsigned kSubBits = 4;  // 16 buckets for each power of two
inline constexpr unsigned kTopBit = 42;
inline constexpr std::size_t kBuckets = ((kTopBit - kSubBits) + 1) << kSubBits;
static_assert(kBuckets == AFFLUX_HISTOGRAM_BUCKETS);

// A bucket's bound belongs to it, as Prometheus's `le` has it: so 17 is the first time that has to
// share one.
constexpr std::size_t bucket_of(std::uint64_t time) {
  const std::uint64_t ns = time == 0 ? 0 : time - 1;
  if (ns < (1u << kSubBits)) return static_cast<std::size_t>(ns);
  if (ns >> kTopBit != 0) return kBuckets - 1;
  const unsigned top = static_cast<unsigned>(std::bit_width(ns)) - 1;
  const std::uint64_t sub = (ns >> (top - kSubBits)) & ((1u << kSubBits) - 1);
  return ((std::size_t{top} - kSubBits + 1) << kSubBits) + static_cast<std::size_t>(sub);
}

// The longest time in the bucket.
constexpr std::uint64_t bound_of(std::size_t bucket) {
  if (bucket >= kBuckets - 1) return std::numeric_limits<std::uint64_t>::max();
  const std::size_t next = bucket + 1;
  if (next < (1u << (kSubBits + 1))) return next;
  const std::size_t octave = (next >> kSubBits) - 1;
  const std::uint64_t sub = next & ((1u << kSubBits) - 1);
  return ((std::uint64_t{1} << kSubBits) + sub) << octave;
}

template <class P>
class histogram {
 public:
  // By one thread at a time.
  void record(std::uint64_t ns) {
    number& bucket = buckets_[bucket_of(ns)];
    // relaxed, all: observers want recent numbers, not an order.
    bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    sum_.store(sum_.load(std::memory_order_relaxed) + ns, std::memory_order_relaxed);
    if (ns > max_.load(std::memory_order_relaxed)) max_.store(ns, std::memory_order_relaxed);
  }

  // By any thread.
  void record_shared(std::uint64_t ns) {
    // relaxed, all, as above.
    buckets_[bucket_of(ns)].fetch_add(1, std::memory_order_relaxed);
    count_.fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(ns, std::memory_order_relaxed);
    std::uint64_t max = max_.load(std::memory_order_relaxed);
    while (ns > max && !max_.compare_exchange_strong(max, ns, std::memory_order_relaxed,
                                                     std::memory_order_relaxed)) {
    }
  }

  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  std::uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }
  std::uint64_t max() const { return max_.load(std::memory_order_relaxed); }
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].load(std::memory_order_relaxed); }

 private:
  using number = typename P::template atomic<std::uint64_t>;

  number count_{0};
  number sum_{0};
  number max_{0};
  std::array<number, kBuckets> buckets_{};
};

}  // namespace afflux::stats
