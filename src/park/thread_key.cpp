// SPDX-License-Identifier: MIT OR Apache-2.0
#include "park/thread_key.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <thread>

#include "time/host.h"

namespace afflux::park {

// Asked once: it is a system call, some systems' by way of a file. Not in the initialiser of a
// static object: the child of a fork() would wait for ever for a thread that was inside it.
unsigned shard_count() noexcept {
  static constinit std::atomic<unsigned> known{0};
  // relaxed, all: the number is all there is to it. All threads have that of the first one.
  unsigned count = known.load(std::memory_order_relaxed);
  if (count != 0) return count;
  const time::no_thread_cancel whole;
  const unsigned mine = std::bit_ceil(std::clamp(2 * std::thread::hardware_concurrency(), 8u, 32u));
  return known.compare_exchange_strong(count, mine, std::memory_order_relaxed,
                                       std::memory_order_relaxed)
             ? mine
             : count;
}

}  // namespace afflux::park
