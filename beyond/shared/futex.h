// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sleeping on a word, alone or with other processes. Source: man 2 futex.
#pragma once

#include <atomic>
#include <cstdint>

namespace afflux::shared {

constexpr std::int64_t kForever = -1;

enum futex_reach { futex_shared, futex_private };

// CLOCK_MONOTONIC, nanoseconds.
std::int64_t now_ns() noexcept;

// When `timeout_ns` from now on have passed; AFFLUX_FOREVER: kForever.
std::int64_t deadline_after(std::int64_t timeout_ns) noexcept;

// Sleeps while the word has this value, until the clock says `deadline` (kForever: no limit).
// False: the deadline has passed. May return early. Keeps errno; no cancellation point.
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value, std::int64_t deadline,
                futex_reach reach) noexcept;

void futex_wake(const std::atomic<std::uint32_t>& word, int sleepers, futex_reach reach) noexcept;

// The half of a 64-bit word that a thread can sleep on: the low one.
const std::atomic<std::uint32_t>& low_half(const std::atomic<std::uint64_t>& word) noexcept;

// All threads of this process, put in order with this one; to be registered once. False: the kernel
// has no such call.
bool register_membarrier() noexcept;
void membarrier() noexcept;

// Once in each turn of a bounded spin.
inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace afflux::shared
