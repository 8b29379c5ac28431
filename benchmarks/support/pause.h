// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <thread>

#if defined(__x86_64__)
#  include <x86intrin.h>
#endif

namespace afflux::bench {

// Once in each turn of a wait for another CPU.
inline void pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// Waits for another thread, which may have lost its CPU to somebody.
template <class Condition>
void spin_until(Condition condition) {
  for (unsigned turns = 0; !condition(); ++turns) {
    if (turns < 10'000) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace afflux::bench
