// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a thread waits for its waiter's completion: it spins for a short time, as
// long as that has been worth it lately for this thread, then sleeps.
//
// A waiting thread need not own a reference: the semaphore may be closed and
// freed before it sees its completion. So it touches nothing but its own waiter,
// or the semaphore while the waiter is claimed or competes (waiter.h).
#pragma once

#include <cstdint>

#include "queue/queue.h"

namespace afflux::core {

// Returns when the signal is no longer kWaiting, or spinning is no longer worth it.
template <class P>
void spin(queue::waiter<P>& x) {
  const std::uint32_t budget = P::spin_budget();
  for (std::uint32_t turn = 0; turn < budget; ++turn) {
    // [wait] acquire, pairs with [granted].
    if (x.signal.load(std::memory_order_acquire) != queue::signals::kWaiting) {
      return P::spin_ended(turn, true);
    }
    P::pause();
  }
  P::spin_ended(budget, false);
}

// Until the completion, or until `deadline` has passed and x could be taken back.
template <class P>
status wait(queue::waiter<P>& x, std::int64_t deadline) {
  // Called from a callback: what it waits for may be among this thread's own completions.
  queue::before_blocking<P>();
  spin<P>(x);
  for (;;) {
    // [wait] acquire, pairs with [granted].
    std::uint32_t seen = x.signal.load(std::memory_order_acquire);
    if (seen == queue::signals::kDone) return x.result;
    if (seen == queue::signals::kPoked) {
      // relaxed: as long as x competes the semaphore is there.
      const status s = x.owner.load(std::memory_order_relaxed)->compete(x);
      if (s != status::pending) return s;
      continue;
    }
    if (seen == queue::signals::kWaiting &&
        // acquire: as [wait] when it fails; nothing is published.
        !x.signal.compare_exchange_strong(seen, queue::signals::kParked, std::memory_order_acq_rel,
                                          std::memory_order_acquire)) {
      continue;
    }
    if (P::park(x.signal, queue::signals::kParked, deadline)) continue;
    const queue::removal found = queue::claim(x, false);
    if (found == queue::removal::claimed) {
      x.owner.load(std::memory_order_relaxed)->withdraw(x, status::timed_out, [] {});
      return status::timed_out;
    }
    if (found == queue::removal::poked) {
      P::wait_for_change(x.signal, queue::signals::kParked);  // the holder is about to say so
    } else {
      deadline = time::kNever;  // its completion is on the way
    }
  }
}

}  // namespace afflux::core
