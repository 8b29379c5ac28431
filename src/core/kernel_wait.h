// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A request whose completion the kernel waits for, as an entry of the caller's io_uring: like a
// thread asleep on the waiter's `signal`, but no thread spins, competes or is poked.
#pragma once

#include "core/semaphore.h"

namespace afflux::core {

// x is pending. Fills the ring's entry; with what has completed already, one that does so, too.
template <class P, class Entry>
status wait_in_kernel(queue::waiter<P>& x, Entry& entry) {
  if (!x.has(queue::traits::kKernelWaits)) return status::invalid;
  if constexpr (P::kMutant == mutant::done_overwritten) {
    x.signal.store(queue::signals::kWaiting, std::memory_order_relaxed);
  }
  std::uint32_t seen = queue::signals::kWaiting;
  // relaxed: the kernel compares, and x.result is read by look_after_kernel() only.
  if (x.signal.compare_exchange_strong(seen, queue::signals::kParked, std::memory_order_relaxed,
                                       std::memory_order_relaxed) ||
      seen == queue::signals::kParked) {
    P::wait_in_kernel(x.signal, queue::signals::kParked, entry);
  } else {
    P::complete_at_once(entry);
  }
  return status::ok;
}

// What has become of x, of whatever kind; pending: not told yet. For its owner.
template <class P>
status outcome(queue::waiter<P>& x) {
  const status s = queue::status_of(x);
  // The owner may let go of the memory now; who signals the kernel leaves the timer to it.
  const bool done = x.signal.load(std::memory_order_relaxed) == queue::signals::kDone;
  if (done && x.has(queue::traits::kKernelWaits) && x.has(queue::traits::kTimed)) {
    P::timers().disarm_and_wait(x.deadline);
  }
  return s;
}

}  // namespace afflux::core
