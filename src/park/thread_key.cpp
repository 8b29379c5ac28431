// SPDX-License-Identifier: MIT OR Apache-2.0
#include "park/thread_key.h"

#include <algorithm>
#include <bit>
#include <thread>

namespace afflux::park {

unsigned shard_count() noexcept {
  // Asked once: it is a system call.
  static const unsigned count =
      std::bit_ceil(std::clamp(2 * std::thread::hardware_concurrency(), 8u, 32u));
  return count;
}

}  // namespace afflux::park
