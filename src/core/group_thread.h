// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a thread waits for a group: it sleeps on a word of its own, which the group's
// completion sets. The time is kept by the thread, not by the timers.
#pragma once

#include <cstdint>

#include "core/wait_group.h"
#include "queue/completion.h"

namespace afflux::core {

template <class P>
class group_thread {
 public:
  using group = wait_group<P>;

  // The group's wake function and context: those of the thread that calls wait() later.
  static void wake(void* context, std::int32_t result) {
    auto& self = *static_cast<group_thread*>(context);
    self.result_ = static_cast<status>(result);
    const void* const address = &self.signal_;
    // [done] release, pairs with [wait]: publishes result_. The last touch.
    if (self.signal_.exchange(queue::signals::kDone, std::memory_order_acq_rel) ==
        queue::signals::kParked) {
      P::unpark(address);
    }
  }

  // Starts it and waits. os does not occur, for the items have no time limit.
  status acquire(group& g, std::int64_t timeout) {
    const std::int64_t deadline = timeout == 0 ? time::kNever : g.deadline_for_all(timeout);
    int error = 0;
    const status s = g.start(time::kNever, timeout == 0, error);
    if (s == status::again) return status::timed_out;
    return s == status::pending ? wait(g, deadline) : s;
  }

 private:
  status wait(group& g, std::int64_t deadline) {
    for (;;) {
      // Called from a callback: what it waits for may be among this thread's own completions.
      queue::before_blocking<P>();
      std::uint32_t seen = queue::signals::kWaiting;
      // [wait] acquire, pairs with [done]; nothing is published.
      if (!signal_.compare_exchange_strong(seen, queue::signals::kParked, std::memory_order_acq_rel,
                                           std::memory_order_acquire) &&
          seen == queue::signals::kDone) {
        break;
      }
      if (P::park(signal_, queue::signals::kParked, deadline)) continue;
      if (g.cancel() == status::ok) return status::timed_out;
      deadline = time::kNever;  // its end is on the way
    }
    const status s = result_;
    return s == status::canceled ? status::timed_out : s;
  }

  typename P::template atomic<std::uint32_t> signal_{queue::signals::kWaiting};
  typename P::template var<status> result_{status::pending};
};

}  // namespace afflux::core
