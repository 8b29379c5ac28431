// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The asynchronous requests of a handle. Each has a place in the segment's line, and waits at a
// queue of the library afflux, which brings the completion: by a wake function, by a note or in a
// port, with time limits and cancels. A thread hears the slot's bell, and passes grants on.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <mutex>

#include "afflux/afflux.h"

namespace afflux::shared {

class handle;

class requests {
 public:
  explicit requests(handle& of) noexcept : handle_(of) {}

  afflux_status add(const afflux_request& request, afflux_waiter* waiter) noexcept;

  // Passes on what has happened to the requests: their completions run here.
  void look() noexcept;

  // Ends those that wait, and the thread. True: this is that thread, which will call `then(handle)`
  // when it ends.
  bool end(void (*then)(handle&)) noexcept;

 private:
  struct pending {
    pending* next;
    afflux_queue* queue;  // of one waiter
    std::uint64_t n;
    std::int64_t deadline;  // kForever: none
    std::uint32_t place;
    bool granted;
  };

  afflux_status start() noexcept;
  void run() noexcept;
  std::int64_t next_look() noexcept;
  bool has_ended(pending& one) noexcept;
  void drop(pending* one) noexcept;

  handle& handle_;
  std::mutex mutex_;
  pending* first_ = nullptr;
  bool running_ = false;
  pthread_t thread_{};
  std::atomic<bool> ending_{false};
  void (*then_)(handle&) = nullptr;
};

}  // namespace afflux::shared
