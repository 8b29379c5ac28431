// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The policy's queue of many producers: moodycamel::ConcurrentQueue. Where that is missing the
// class is only declared, in policy.h: the model tests have a queue of their own.
#pragma once

// Debian's package, a later one, the project's own layout.
#if __has_include(<concurrentqueue/concurrentqueue.h>)
#  include <concurrentqueue/concurrentqueue.h>
#elif __has_include(<concurrentqueue/moodycamel/concurrentqueue.h>)
#  include <concurrentqueue/moodycamel/concurrentqueue.h>
#elif __has_include(<concurrentqueue.h>)
#  include <concurrentqueue.h>
#else
#  define AFFLUX_NO_PRODUCER_QUEUE
#endif

#ifndef AFFLUX_NO_PRODUCER_QUEUE

#  include <cstddef>
#  include <new>

namespace afflux::park {

// Memory as the rest of the library has it: from operator new, which a program may replace.
struct producer_queue_traits : moodycamel::ConcurrentQueueDefaultTraits {
  static void* malloc(std::size_t size) { return ::operator new(size, std::nothrow); }
  static void free(void* memory) { ::operator delete(memory); }
};

template <class T>
class producer_queue {
 public:
  bool enqueue(T value) { return queue_.enqueue(value); }
  std::size_t try_dequeue_bulk(T* values, std::size_t most) {
    return queue_.try_dequeue_bulk(values, most);
  }

 private:
  moodycamel::ConcurrentQueue<T, producer_queue_traits> queue_{
      0};  // no block before the first arrival
};

}  // namespace afflux::park

#endif
