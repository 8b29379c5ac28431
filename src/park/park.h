// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The contract of a parker: how a thread sleeps on a 32-bit word of its own and
// how another wakes it. One struct of static functions per platform; the build
// picks `native`, `generic` is always compiled.
//
//   static bool wait(const std::atomic<uint32_t>& word, uint32_t expected,
//                    int64_t deadline) noexcept;
//     Sleeps while word == expected, atomically against wake(). `deadline` is a
//     time::now_ns() value; INT64_MAX waits without limit. Returns false when
//     the deadline has passed, true otherwise, also without cause: the caller
//     looks at the word again. Never returns false early.
//
//   static void wake(const void* address) noexcept;
//     Wakes the threads that sleep on the word at that address. The word may be
//     freed memory by now: only the value of the address is used.
//
// The pairing that makes it lose no wake-up: the waker changes the word before
// wake(), the sleeper's comparison with `expected` and its falling asleep are
// one step against wake().
#pragma once

#include <atomic>
#include <cstdint>

namespace afflux::park {

// Linux: a private futex. Source: man 2 futex, FUTEX_WAIT_BITSET (absolute
// deadline on the monotonic clock).
struct futex {
  static bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   std::int64_t deadline) noexcept;
  static void wake(const void* address) noexcept;
};

// Anywhere: a fixed table of mutexes and condition variables, hashed by address.
struct generic {
  static bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   std::int64_t deadline) noexcept;
  static void wake(const void* address) noexcept;
};

#if defined(AFFLUX_PARK_FUTEX)
using native = futex;
#else
using native = generic;
#endif

}  // namespace afflux::park
