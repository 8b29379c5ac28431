// SPDX-License-Identifier: MIT OR Apache-2.0
//
// MUTEX: a mutex around the line, as plain as a correct queue can be. The yardstick
// for the other strategies.
#pragma once

#include <cstdint>

#include "queue/locked.h"

namespace afflux::queue {

template <class P>
class plain_lock {
 public:
  bool enter() {
    mutex_.lock();
    return true;
  }
  void leave(bool, std::uint64_t) { mutex_.unlock(); }
  bool enter_last() { return enter(); }

 private:
  typename P::mutex mutex_;
};

template <class P>
class mutex_queue final : public locked_queue<P, plain_lock<P>> {
 public:
  using locked_queue<P, plain_lock<P>>::locked_queue;
};

}  // namespace afflux::queue
