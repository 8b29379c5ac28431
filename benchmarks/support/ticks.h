// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A clock cheap enough to be read inside a contended loop.
#pragma once

#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#  include <x86intrin.h>
#endif

namespace afflux::bench {

inline std::uint64_t steady_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                                    std::chrono::nanoseconds(1));
}

inline std::uint64_t ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return steady_ns();
#endif
}

// Nanoseconds a tick, from a stretch of both clocks.
class tick_length {
 public:
  double measure() const {
    const auto passed = static_cast<double>(ticks() - ticks_);
    return passed > 0 ? static_cast<double>(steady_ns() - ns_) / passed : 1.0;
  }

 private:
  std::uint64_t ns_ = steady_ns();
  std::uint64_t ticks_ = ticks();
};

}  // namespace afflux::bench
