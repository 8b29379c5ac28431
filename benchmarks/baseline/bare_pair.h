// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An exchange with comparison each way, behind the only two calls of a shared library: no limit
// to look at, no other function beside them.
#pragma once

#include <atomic>
#include <cstdint>

#include "baseline/api.h"

extern "C" {

struct alignas(128) bare_pair {
  std::atomic<std::uint64_t> available;
};

// 0: done; 1: too few.
BASELINE_API int bare_acquire(bare_pair* pair, std::uint64_t n) noexcept;
// 0: done; 1: the sum is too large.
BASELINE_API int bare_release(bare_pair* pair, std::uint64_t n) noexcept;
}
