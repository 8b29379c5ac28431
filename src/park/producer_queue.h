// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The policy's queue of many producers: moodycamel::ConcurrentQueue.
#pragma once

// Debian's package, a later one, the project's own layout.
#if __has_include(<concurrentqueue/concurrentqueue.h>)
#  include <concurrentqueue/concurrentqueue.h>
#elif __has_include(<concurrentqueue/moodycamel/concurrentqueue.h>)
#  include <concurrentqueue/moodycamel/concurrentqueue.h>
#else
#  include <concurrentqueue.h>
#endif

namespace afflux::park {

template <class T>
class producer_queue {
 public:
  bool enqueue(T value) { return queue_.enqueue(value); }
  bool try_dequeue(T& value) { return queue_.try_dequeue(value); }

 private:
  moodycamel::ConcurrentQueue<T> queue_{0};  // no block before the first arrival
};

}  // namespace afflux::park
