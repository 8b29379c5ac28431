// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The test program's own operator new, malloc and start of threads: they count, and
// fail when told to. Link support/faults.cpp and the file for this system into it.
#pragma once

#include <cstdint>

namespace afflux_test {

// Calls of operator new, malloc (with glibc) and their kin from now on, whoever makes
// them.
void count_allocations();
std::uint64_t allocations_counted();

// The n-th allocation of this thread by operator new from now on fails, 1 the
// next one; 0: none. kEvery: all of them.
inline constexpr std::uint64_t kEvery = ~std::uint64_t{0};
void fail_allocation(std::uint64_t n);
bool allocation_failed();  // whether it came to that since fail_allocation()

// What operator new gave and operator delete did not get back.
std::int64_t live_allocations();

// The start of a thread answers `error` from now on; 0: as usual.
void fail_threads(int error);

}  // namespace afflux_test
