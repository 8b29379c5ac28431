// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The least that counting for several threads can do: one addition that no other comes between.
// Inline here, behind a shared library's call in raw_count.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "baseline/api.h"

namespace afflux::baseline {

struct alignas(128) raw_counter {
  std::atomic<std::uint64_t> count{0};
};

inline void raw_add(raw_counter& counter, std::uint64_t n) noexcept {
  counter.count.fetch_add(n, std::memory_order_relaxed);
}

// False for none.
BASELINE_API bool call_add(raw_counter* counter, std::uint64_t n) noexcept;

}  // namespace afflux::baseline
