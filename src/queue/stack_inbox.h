// SPDX-License-Identifier: MIT OR Apache-2.0
//
// INTRUSIVE's inbox: a Treiber stack of arriving waiters (R. K. Treiber, 1986),
// taken whole, so that there is no ABA. A pusher touches only its own node; a Vyukov
// queue's pusher writes into its predecessor, which may be granted and freed.
//
// What has arrived is the address of the newest waiter. Until the announcer has
// spoken the chain is not to be taken (it could not announce safely any more: its
// waiter might be granted and the semaphore freed).
#pragma once

#include <cstdint>

#include "queue/inbox_head.h"
#include "queue/waiter.h"

namespace afflux::queue {

template <class P>
class stack_inbox : public inbox_head {
 public:
  static constexpr bool kReferenced = false;

  bool put(waiter<P>&) { return true; }

  // relaxed: every use is confirmed by an exchange, or is only a hint.
  std::uintptr_t look() const { return head_.load(std::memory_order_relaxed); }

  // One attempt; `head` is what was last seen, and is brought up to date on failure.
  bool try_push(waiter<P>& x, std::uint32_t priority, std::uintptr_t& head) {
    x.prev = newest(head);
    const auto address = reinterpret_cast<std::uintptr_t>(&x);
    // [push] release, pairs with [take]: publishes x. Its last touch by this thread. acquire,
    // pairs with look_in_order().
    return head_.compare_exchange_strong(head, after(head, address, priority),
                                         std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  // The head, in an order with the pushes: acq_rel.
  std::uintptr_t look_in_order() { return head_.fetch_or(0, std::memory_order_acq_rel); }

  // The whole chain, newest first; the inbox is active afterwards.
  waiter<P>* take() {
    std::uintptr_t head = head_.load(std::memory_order_relaxed);
    // [take] acquire, pairs with the [push] of each waiter in the chain: all pushes
    // after the first are read-modify-writes on the same word.
    while (!head_.compare_exchange_strong(head, head & kTop, std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
    }
    return newest(head);
  }

  // From the empty `head` to the empty `then`, if nobody has pushed. relaxed: the
  // tags are decided on by exchanges only.
  bool settle(std::uintptr_t head, std::uintptr_t then) {
    return head_.compare_exchange_strong(head, then, std::memory_order_relaxed,
                                         std::memory_order_relaxed);
  }

  // mutant::idle_without_exchange only.
  void forget() { head_.store(kIdle, std::memory_order_relaxed); }

 private:
  static waiter<P>* newest(std::uintptr_t head) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the tags lie in the address
    return reinterpret_cast<waiter<P>*>(head & ~kTags);
  }

  typename P::template atomic<std::uintptr_t> head_{kIdle};
};

}  // namespace afflux::queue
