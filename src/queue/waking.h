// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Waking without permits: what events and queues of conditions do with their waiters.
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

template <class P>
std::uint64_t waiter_queue<P>::wake(std::uint64_t most) {
  // A read-modify-write, as an arrival's, which asks its condition after it: either it is seen
  // here, or it comes later, acquires, and sees what this thread did before.
  std::uint64_t w = P::kMutant == mutant::wake_only_loads
                        ? word().load(std::memory_order_acquire)
                        : word().fetch_or(0, std::memory_order_acq_rel);
  if ((w & (kQueued | kLocked)) == 0) return 0;
  w = lock(kBusy);
  finished<P> done;
  std::uint64_t woken = 0;
  // The first ones may be another's to wake, who is to come back to them.
  const auto others = [this] {
    const std::uint64_t count = line_.count();
    return wakes_ < count ? count - wakes_ : 0;
  };
  while (woken < most && others() != 0 && !no_room(*line_.first(), done)) {
    if (take_off(*line_.first(), status::ok, done)) ++woken;
  }
  const std::uint64_t left = std::min(most - woken, others());
  if (left != 0) special_ = true;
  wakes_ = P::kMutant == mutant::wake_forgets_another ? left : wakes_ + left;
  woken += left;
  settle(w, 0, done);
  return woken;
}

}  // namespace afflux::queue
