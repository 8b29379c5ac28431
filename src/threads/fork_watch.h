// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a part of the library does around fork(), so that the child finds it at rest whatever other
// threads are at. Handlers::before(), parent() and child() are static.
//
// Not by the initialiser of a static object of a function: the child of a fork() by another thread
// meanwhile would wait for that one for ever. So two threads may both register at their first use;
// then the handlers run twice at each fork, and only the outer pair acts.
#pragma once

#include <atomic>
#include <cstdint>

#include "time/host.h"

namespace afflux::threads {

// What forks() tells: goes up in a child, once or more.
inline constinit std::atomic<std::uint32_t> g_forks{0};

template <class Handlers>
class fork_watch {
 public:
  // Must have returned 0 before anything is used that a child would find broken; an errno value: a
  // later call tries again. One load when that is so already.
  static int begin() noexcept {
    // [hooked] acquire; pairs with the release below: the handlers are registered.
    if (registered_.load(std::memory_order_acquire)) return 0;
    const int error = time::at_fork(before, parent, child);
    if (error == 0) registered_.store(true, std::memory_order_release);
    return error;
  }

 private:
  static void before() {
    if (depth_++ == 0) Handlers::before();
  }
  // Whether this is the end of the outer pair. A handler without its before() was registered while
  // the fork was under way.
  static bool outermost() noexcept { return depth_ != 0 && --depth_ == 0; }
  static void parent() {
    if (outermost()) Handlers::parent();
  }
  static void child() {
    if (!outermost()) return;
    g_forks.fetch_add(1, std::memory_order_relaxed);  // the child has one thread
    Handlers::child();
  }

  static inline constinit std::atomic<bool> registered_{false};
  static inline constinit thread_local unsigned depth_ = 0;
};

}  // namespace afflux::threads
