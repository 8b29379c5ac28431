// SPDX-License-Identifier: MIT OR Apache-2.0
//
// HYBRID: one atomic slot for the first who comes while another thread is at the line; who finds
// it taken waits for the lock. Never allocates.
//
// Source: the single-slot waker of compio-sync's plan (phase 1).
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

template <class P>
class hybrid_queue final : public waiter_queue<P> {
 public:
  explicit hybrid_queue(const queue::settings& s) : waiter_queue<P>(s, true) {}

  bool post(waiter<P>& x) override {
    x.prev = nullptr;
    waiter<P>* none = nullptr;
    // [post] release, pairs with [collect]: publishes x.
    return this->inbox_.compare_exchange_strong(none, &x, std::memory_order_release,
                                                std::memory_order_relaxed);
  }

  // [collect] acquire, pairs with [post].
  waiter<P>* collect() override {
    return this->inbox_.exchange(nullptr, std::memory_order_acquire);
  }
};

}  // namespace afflux::queue
