// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The inbox: a Treiber stack of arriving waiters (R. K. Treiber, 1986), taken
// whole, so that there is no ABA. A pusher touches only its own node; a Vyukov
// queue's pusher writes into its predecessor, which may be granted and freed.
//
//   head = address of the newest waiter | idle << 2 | top
//
//   idle  nobody waits. The one who pushes onto the empty idle inbox is the
//         *announcer*: it must set kArrived or take the role. Until then the chain
//         is not to be taken (it could not announce safely any more: its waiter
//         might be granted and the semaphore freed).
//   top   at least the priority of anybody in the inbox, and never above the highest
//         priority of all who wait (it may lag behind a higher one for a moment).
//         Who pushes a higher priority onto an active inbox is *urgent*: it may be
//         first in line, so it must see to a pass.
#pragma once

#include <cstdint>

#include "queue/waiter.h"

namespace afflux::queue {

template <class P>
class inbox {
 public:
  static constexpr std::uintptr_t kTop = 3;
  static constexpr std::uintptr_t kIdle = 4;
  static constexpr std::uintptr_t kTags = kTop | kIdle;

  static waiter<P>* newest(std::uintptr_t head) {
    return reinterpret_cast<waiter<P>*>(head & ~kTags);
  }
  static bool idle(std::uintptr_t head) { return (head & kIdle) != 0; }
  static std::uint32_t top(std::uintptr_t head) { return static_cast<std::uint32_t>(head & kTop); }
  static bool announces(std::uintptr_t head) { return (head & ~kTop) == kIdle; }
  static bool urgent(std::uintptr_t head, std::uint32_t priority) {
    return !idle(head) && priority > top(head);
  }

  // relaxed: every use is confirmed by an exchange, or is only a hint.
  std::uintptr_t look() const { return head_.load(std::memory_order_relaxed); }

  // One attempt; `head` is what was last seen, and is brought up to date on failure.
  bool try_push(waiter<P>& x, std::uintptr_t& head) {
    x.prev = newest(head);
    const std::uint32_t priority = x.priority;
    const bool first = newest(head) == nullptr && idle(head);
    const std::uintptr_t top_then = first || priority > top(head) ? priority : top(head);
    const auto address = reinterpret_cast<std::uintptr_t>(&x);
    // [push] release, pairs with [take]: publishes x. Its last touch by this thread.
    return head_.compare_exchange_strong(head, address | (head & kIdle) | top_then,
                                         std::memory_order_release, std::memory_order_relaxed);
  }

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
  typename P::template atomic<std::uintptr_t> head_{kIdle};
};

}  // namespace afflux::queue
