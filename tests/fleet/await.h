// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Waits for what another thread, or another process, brings about. The watchdog ends what does not
// come.
#pragma once

#include <chrono>
#include <thread>

namespace afflux_test {

template <class F>
void await(F&& is_so) {
  while (!is_so()) std::this_thread::sleep_for(std::chrono::microseconds(300));
}

}  // namespace afflux_test
