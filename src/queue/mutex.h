// SPDX-License-Identifier: MIT OR Apache-2.0
//
// MUTEX: each newcomer waits for the lock. The yardstick for the other strategies.
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

template <class P>
class mutex_queue final : public waiter_queue<P> {
 public:
  explicit mutex_queue(const queue::settings& s) : waiter_queue<P>(s, false) {}

  bool post(waiter<P>&) override { return false; }
  waiter<P>* collect() override { return nullptr; }
};

}  // namespace afflux::queue
