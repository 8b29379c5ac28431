// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a thread waits for its waiter's completion: it spins for a short time, as
// long as that has been worth it lately for this thread, then sleeps.
//
// A waiting thread need not own a reference: the semaphore may be closed and
// freed before it sees its completion. So it touches nothing but its own waiter,
// or the semaphore under a pin while the waiter is still in the line.
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

// A poked thread: spin for permits; the result, or pending: asleep again, kHandover
// sees to the rest.
template <class P>
status compete(queue::waiter_queue<P>& sem, queue::waiter<P>& x) {
  for (std::uint32_t turn = 0, most = P::spins() + 1; turn < most; ++turn) {
    // [wait] acquire, pairs with [granted].
    if (x.signal.load(std::memory_order_acquire) == queue::signals::kDone) return x.result;
    queue::pin<P> guard(&sem);
    // acquire, see class pin: as long as it is listed the semaphore is there.
    if (x.where.load(std::memory_order_acquire) != queue::place::listed) break;
    const status s = sem.compete(x, turn + 1 == most, guard);
    if (s != status::pending) return s;
    P::pause();
  }
  std::uint32_t seen = queue::signals::kPoked;
  // acquire: as [wait] when it finds kDone.
  if (!x.signal.compare_exchange_strong(seen, queue::signals::kParked, std::memory_order_acq_rel,
                                        std::memory_order_acquire)) {
    return x.result;
  }
  return status::pending;
}

// Until the completion, or until `deadline` has passed and x could be taken back.
template <class P>
status wait(queue::waiter_queue<P>& sem, queue::waiter<P>& x, std::int64_t deadline) {
  // Called from a callback: what it waits for may be among this thread's own completions.
  queue::run_completions(P::template per_thread<queue::completing<P>>());
  spin<P>(x);
  for (;;) {
    // [wait] acquire, pairs with [granted].
    std::uint32_t seen = x.signal.load(std::memory_order_acquire);
    if (seen == queue::signals::kDone) return x.result;
    if (seen == queue::signals::kPoked) {
      if (const status s = compete(sem, x); s != status::pending) return s;
    } else if (seen == queue::signals::kWaiting &&
               // acquire: as [wait] when it fails; nothing is published.
               !x.signal.compare_exchange_strong(seen, queue::signals::kParked,
                                                 std::memory_order_acq_rel,
                                                 std::memory_order_acquire)) {
      continue;
    }
    if (P::park(x.signal, queue::signals::kParked, deadline)) continue;
    if (queue::remove(x, status::timed_out) == queue::removal::removed) return status::timed_out;
    deadline = time::kNever;  // its completion is on the way
  }
}

}  // namespace afflux::core
