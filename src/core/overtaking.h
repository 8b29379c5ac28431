// SPDX-License-Identifier: MIT OR Apache-2.0
//
// THROUGHPUT: a newcomer may take free permits past those who wait, a bounded
// number of times for each that is first in line. After that it demands the
// hand-over: none passes any more until the first has been served.
#pragma once

#include <cstdint>

#include "queue/queue.h"

namespace afflux::core {

template <class P>
void demand_handover(queue::waiter_queue<P>& sem, std::uint64_t w) {
  while ((w & queue::kQueued) != 0 && (w & queue::kHandover) == 0) {
    // relaxed: nothing is published. A holder's unlocking exchange fails by it, the next release
    // finds it, and one that competes takes what there is.
    if (sem.word().compare_exchange_strong(w, w | queue::kHandover, std::memory_order_relaxed,
                                           std::memory_order_relaxed)) {
      return;
    }
  }
}

// ok, closed, or again: take a place in the queue. Waits at most `spins` turns for a
// release while no request queues.
template <class P>
status overtake(queue::waiter_queue<P>& sem, std::uint64_t n, std::uint32_t spins) {
  bool counted = false;
  // Orders as in try_acquire().
  std::uint64_t w = sem.word().load(std::memory_order_acquire);
  for (;;) {
    if ((w & queue::kClosed) != 0) return status::closed;
    if ((w & queue::kHandover) != 0) return status::again;
    if ((w & queue::kLocked) != 0 || !queue::fits(w, n)) {
      if (spins == 0 || (w & queue::kQueued) != 0) return status::again;
      --spins;
      P::pause();
      w = sem.word().load(std::memory_order_acquire);
      continue;
    }
    if ((w & queue::kQueued) != 0 && !counted) {
      if (!sem.may_overtake()) {
        demand_handover(sem, w);
        return status::again;
      }
      counted = true;
    }
    // [acquire] acquire, as in try_acquire().
    if (sem.word().compare_exchange_strong(w, w - queue::permits(n), std::memory_order_acquire,
                                           std::memory_order_acquire)) {
      return status::ok;
    }
  }
}

}  // namespace afflux::core
