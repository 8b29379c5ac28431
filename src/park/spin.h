// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The short wait before a thread goes to sleep.
#pragma once

#include <cstdint>

#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64) || defined(_M_IX86)
#  include <immintrin.h>
#endif

namespace afflux::park {

// Once in each turn of a bounded spin: leaves the core's resources to its other
// hardware thread and spares the memory-order flush at the loop's end.
inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64) || defined(_M_IX86)
  _mm_pause();
#elif defined(__aarch64__)
  // `yield` does nothing on cores without hardware threads; `isb` drains the
  // pipeline and so takes about as long as x86's pause.
  __asm__ volatile("isb" ::: "memory");
#elif defined(__riscv)
  // The `pause` hint (Zihintpause) by its number, a no-op elsewhere: assemblers
  // refuse the name unless the extension is enabled.
  __asm__ volatile(".4byte 0x0100000F" ::: "memory");
#endif
}

// A hint that this thread is about to write there. Without it the load that comes
// before a compare-and-swap fetches the line shared, and the exchange has to ask
// the other cores a second time.
inline void own(const void* address) noexcept {
#if defined(__GNUC__) && defined(__x86_64__)
  // By name: __builtin_prefetch() turns into a plain prefetch unless the compiler
  // may assume the instruction; processors that lack it do nothing.
  __asm__ volatile("prefetchw %0" ::"m"(*static_cast<const char*>(address)));
#elif defined(__GNUC__)
  __builtin_prefetch(address, 1);
#else
  (void)address;
#endif
}

// Turns that are worth spinning for before sleep: enough to cover a hand-over
// between two cores, 0 when the process may use only one: whoever is to end the
// wait cannot run meanwhile. Counted at the first call.
std::uint32_t spins() noexcept;

// How many of them to try now, by what spinning brought this thread lately: 0 when
// it never helps but for a try every now and then.
std::uint32_t spin_budget() noexcept;
void spin_ended(std::uint32_t turns, bool helped) noexcept;

}  // namespace afflux::park
