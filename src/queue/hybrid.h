// SPDX-License-Identifier: MIT OR Apache-2.0
//
// HYBRID: one atomic slot while at most one waits, a mutex behind it for more.
//
//   EMPTY   nobody waits          the line is entered by one exchange on the slot, and
//   SINGLE  one waits             left by one store; the mutex is not touched
//   MULTI   two or more wait      the line is entered through the mutex only
//
// With kInside somebody is in by way of the slot. Who finds it so goes through the
// mutex, so that one thread at most waits for the slot, and only for as long as an
// enqueue or a hand-over of one waiter takes.
//
// Source of the states: the single-slot waker of compio-sync's plan (phase 1).
#pragma once

#include <cstdint>

#include "queue/locked.h"

namespace afflux::queue {

template <class P>
class slot_lock {
 public:
  bool enter() {
    // relaxed: the exchange decides.
    std::uint32_t seen = slot_.load(std::memory_order_relaxed);
    // [in] acquire, pairs with [out]: what the last one inside did to the line.
    if (seen <= kSingle &&
        slot_.compare_exchange_strong(seen, seen | kInside, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
      return kBySlot;
    }
    return enter_last();
  }

  void leave(bool how, std::uint64_t waiting) {
    // [out] release, pairs with [in]. By the slot it is the last touch.
    slot_.store(waiting == 0 ? kEmpty : waiting == 1 ? kSingle : kMulti, std::memory_order_release);
    if (how == kByMutex) mutex_.unlock();
  }

  // Through the mutex: whoever left it before has let go of it, and whoever is in by the
  // slot is waited for.
  bool enter_last() {
    mutex_.lock();
    for (;;) {
      // [in] as above: kMulti was written under the mutex or by the slot.
      std::uint32_t seen = slot_.load(std::memory_order_acquire);
      if (seen == kMulti) return kByMutex;
      if ((seen & kInside) != 0) {
        P::wait_for_change(slot_, seen);
      } else if (slot_.compare_exchange_strong(seen, seen | kInside, std::memory_order_acquire,
                                               std::memory_order_relaxed)) {
        return kByMutex;
      }
    }
  }

 private:
  static constexpr bool kBySlot = false;
  static constexpr bool kByMutex = true;

  static constexpr std::uint32_t kEmpty = 0;
  static constexpr std::uint32_t kSingle = 1;
  static constexpr std::uint32_t kMulti = 2;
  static constexpr std::uint32_t kInside = 4;

  typename P::template atomic<std::uint32_t> slot_{kEmpty};
  typename P::mutex mutex_;
};

template <class P>
class hybrid_queue final : public locked_queue<P, slot_lock<P>> {
 public:
  using locked_queue<P, slot_lock<P>>::locked_queue;
};

}  // namespace afflux::queue
