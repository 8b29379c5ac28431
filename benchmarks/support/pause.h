// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#if defined(__x86_64__)
#  include <x86intrin.h>
#else
#  include <thread>
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

}  // namespace afflux::bench
