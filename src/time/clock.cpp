// SPDX-License-Identifier: MIT OR Apache-2.0
#include "time/clock.h"

#include <time.h>

#include <chrono>

namespace afflux::time {

std::int64_t now_ns() noexcept {
  // steady_clock is CLOCK_MONOTONIC where there is one; park::futex relies on it.
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

std::int64_t rough_now_ns() noexcept {
#ifdef CLOCK_MONOTONIC_COARSE
  timespec now{};
  if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now) == 0) {
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }
#endif
  return now_ns();
}

std::int64_t deadline_after(std::int64_t timeout_ns) noexcept {
  if (timeout_ns < 0) return kNever;
  const std::int64_t now = now_ns();
  return timeout_ns > kNever - now ? kNever : now + timeout_ns;
}

}  // namespace afflux::time
