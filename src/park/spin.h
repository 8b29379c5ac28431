// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The short wait before a thread goes to sleep.
#pragma once

#include <atomic>
#include <cstdint>

#include "time/clock.h"

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
// between two cores, 0 when the process may use only one: the thread that is to end the
// wait cannot run meanwhile. Counted at the first call.
std::uint32_t spins() noexcept;

// How many of them to try now, by what spinning brought this thread lately: 0 when
// it never helps but for a try every now and then.
std::uint32_t spin_budget() noexcept;
void spin_ended(std::uint32_t turns, bool helped) noexcept;

// Lets another thread run that is ready, if it is of the same priority or above.
void give_way() noexcept;

// A wait that is short by construction, as long as the thread that is to end it runs: until
// changed() answers true, or has not for about 2 ms. That thread may have been stopped half-way on
// this very core. Spinning would last out this thread's time slice, giving way is nothing to a
// real-time thread, which comes before those below it for ever: so it sleeps in the end, a little
// longer each time.
template <class Parker, class Changed>
void wait_a_little(Changed&& changed) noexcept {
  for (std::uint32_t turns = spins(); turns != 0; --turns) {
    if (changed()) return;
    pause();
  }
  constexpr int kGivesWay = 16;
  for (int turns = kGivesWay; turns != 0; --turns) {
    if (changed()) return;
    give_way();
  }
  constexpr std::int64_t kShortest = 50'000;
  constexpr std::int64_t kLongest = 1'000'000;
  for (std::int64_t length = kShortest; length <= kLongest && !changed(); length *= 2) {
    const std::atomic<std::uint32_t> nobody_wakes{0};
    Parker::wait(nobody_wakes, 0, time::deadline_after(length));
  }
}

}  // namespace afflux::park
