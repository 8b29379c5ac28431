// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the whole process allocates, the library included. A program that links
// allocations.cpp has these counters; where malloc cannot be replaced they stay 0.
#pragma once

#include <cstdint>

namespace afflux::bench {

bool counts_allocations() noexcept;        // can it?
std::uint64_t allocations() noexcept;      // so far
std::int64_t live_bytes() noexcept;        // not freed, as the allocator rounds them
std::uint64_t allocated_bytes() noexcept;  // so far, rounded likewise

}  // namespace afflux::bench
