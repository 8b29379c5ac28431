// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The only clock of this library: it never steps, and it counts while the machine is suspended.
#pragma once

#include <ctime>

#include <cstdint>

namespace afflux::fleet {

inline std::int64_t now_ns() noexcept {
  std::timespec t{};
#ifdef CLOCK_BOOTTIME
  clock_gettime(CLOCK_BOOTTIME, &t);
#else
  clock_gettime(CLOCK_MONOTONIC, &t);
#endif
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

}  // namespace afflux::fleet
