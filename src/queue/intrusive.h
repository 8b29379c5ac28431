// SPDX-License-Identifier: MIT OR Apache-2.0
//
// INTRUSIVE: the waiters themselves are the inbox, a Treiber stack (R. K. Treiber, 1986) that is
// taken whole, so that there is no ABA. Never allocates.
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

template <class P>
class intrusive_queue final : public waiter_queue<P> {
 public:
  explicit intrusive_queue(const queue::settings& s) : waiter_queue<P>(s, true) {}

  bool post(waiter<P>& x) override {
    waiter<P>* newest = this->inbox_.load(std::memory_order_relaxed);  // confirmed by the exchange
    do {
      x.prev = newest;
      // [post] release, pairs with [collect]: publishes x.
    } while (!this->inbox_.compare_exchange_strong(newest, &x, std::memory_order_release,
                                                   std::memory_order_relaxed));
    return true;
  }

  // [collect] acquire, pairs with the [post] of each waiter: all but the first are
  // read-modify-writes on the same word.
  waiter<P>* collect() override {
    return this->inbox_.exchange(nullptr, std::memory_order_acquire);
  }
};

}  // namespace afflux::queue
