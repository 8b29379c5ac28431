// SPDX-License-Identifier: MIT OR Apache-2.0
#include "baseline/fifo_reference.h"

#include "baseline/futex.h"

namespace afflux::baseline {

struct fifo_reference::node {
  enum : std::uint32_t { waiting, parked, granted };

  node* next = nullptr;
  std::atomic<std::uint32_t> signal{waiting};

  void wait() noexcept {
    std::uint32_t seen = waiting;
    if (!signal.compare_exchange_strong(seen, parked, std::memory_order_acquire)) return;
    while (signal.load(std::memory_order_acquire) != granted) futex_wait(signal, parked);
  }

  // The exchange is the last touch: the node lives on the waiter's stack.
  void grant() noexcept {
    if (signal.exchange(granted, std::memory_order_release) == parked) futex_wake(&signal);
  }
};

void fifo_reference::acquire() noexcept {
  std::uint64_t state = state_.load(std::memory_order_relaxed);
  while (is_free(state)) {
    if (state_.compare_exchange_weak(state, state + kOne, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      return;
    }
  }
  node self;
  {
    std::lock_guard guard(mutex_);
    for (;;) {  // while kQueued is set the word changes under the mutex only
      if (is_free(state)) {
        if (state_.compare_exchange_weak(state, state + kOne, std::memory_order_acquire,
                                         std::memory_order_relaxed)) {
          return;
        }
      } else if (state_.compare_exchange_weak(state, state | kQueued, std::memory_order_relaxed)) {
        break;
      }
    }
    (last_ != nullptr ? last_->next : first_) = &self;
    last_ = &self;
  }
  self.wait();
}

void fifo_reference::release() noexcept {
  std::uint64_t state = state_.load(std::memory_order_relaxed);
  node* heir = nullptr;
  for (;;) {
    while ((state & kQueued) == 0) {
      if (state_.compare_exchange_weak(state, state - kOne, std::memory_order_release,
                                       std::memory_order_relaxed)) {
        return;
      }
    }
    std::lock_guard guard(mutex_);
    heir = first_;
    if (heir != nullptr) {
      first_ = heir->next;
      if (first_ == nullptr) {
        last_ = nullptr;
        state_.fetch_and(~kQueued, std::memory_order_release);
      }
      break;
    }
    state = state_.load(std::memory_order_relaxed);  // the queue went while the lock was awaited
  }
  heir->grant();
}

}  // namespace afflux::baseline
