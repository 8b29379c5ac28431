// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The turn of a process' threads at a handle: a lock in private memory, so that no other process
// ever waits for it.
//
// Leaving it is a plain store: a thread that is about to sleep has the kernel put all threads of
// this process in order (membarrier()), so that a leaving thread sees it, or it sees the store.
// Source: man 2 membarrier.
#pragma once

#include <atomic>
#include <cstdint>

#include "futex.h"

namespace afflux::shared {

class lock {
 public:
  // Before the first use in this process.
  static void prepare() noexcept { cheap_leave_ = register_membarrier(); }

  void acquire() noexcept {
    bool expected = false;
    // acquire; pairs with release() of the thread before.
    if (!taken_.compare_exchange_strong(expected, true, std::memory_order_acquire,
                                        std::memory_order_relaxed))
      acquire_slowly();
  }

  void release() noexcept {
    if (cheap_leave_) {
      // release; publishes what was done in turn. The fence is for the compiler; for the machine
      // there is membarrier() in acquire_slowly().
      taken_.store(false, std::memory_order_release);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      // seq_cst; with the count in acquire_slowly(): one of the two sees the other.
      taken_.exchange(false, std::memory_order_seq_cst);
    }
    if (sleepers_.load(std::memory_order_seq_cst) != 0) wake_one();
  }

 private:
  void acquire_slowly() noexcept;
  void wake_one() noexcept;

  static inline bool cheap_leave_ = false;

  std::atomic<bool> taken_{false};
  std::atomic<std::uint32_t> sleepers_{0};
  std::atomic<std::uint32_t> turns_{0};  // what they sleep on: moves on with each wake
};

class turn {
 public:
  explicit turn(lock& of) noexcept : lock_(of) { lock_.acquire(); }
  ~turn() { lock_.release(); }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;

 private:
  lock& lock_;
};

}  // namespace afflux::shared
