// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A request to take a waiter out of the queue (cancel, timeout, expiry), or the first
// ones (wake). It lies
// on the requester's stack; if another thread has the granting role, that thread
// serves it and the requester sleeps on `answered` meanwhile: a short time, for
// the role is never held during a callback.
#pragma once

#include <cstdint>

#include "queue/mutants.h"
#include "queue/waiter.h"

namespace afflux::queue {

enum class removal : std::uint32_t {
  removed,   // it is the requester's: it will never be completed by the queue
  gone,      // completed or being completed
  unqueued,  // its enqueue has not come so far yet, or its thread still asks whether to wait
};

template <class P>
struct request {
  request(waiter<P>& x, status because) : node(&x), why(because) {}
  explicit request(std::uint64_t most) : node(nullptr), count(most) {}
  request(const request&) = delete;
  request& operator=(const request&) = delete;

  typename P::template var<waiter<P>*> node;         // nullptr: wake the first in line
  typename P::template var<std::uint64_t> count{0};  // of those: at most so many; then how many
  typename P::template var<request*> next{nullptr};
  typename P::template var<status> why{status::canceled};  // ... or it ran out of time
  typename P::template var<removal> result{removal::gone};
  typename P::template atomic<std::uint32_t> answered{signals::kWaiting};

  // The node is in line, and this thread in the role or the lock. Its time may run out while its
  // own thread is still asking whether to wait, and that thread may take it back; but a canceller
  // may not, who would then use the memory.
  bool may_take() const {
    return why != status::canceled || !static_cast<waiter<P>*>(node)->undecided() ||
           P::kMutant == mutant::cancelled_while_asking;
  }

  // The answerer's last touch: the requester's stack frame may be gone then.
  void answer() {
    const void* const address = &answered;
    // [answer] release, pairs with [answered]: publishes `result`, and to whoever
    // got its waiter back all that was done with it. Acquire is not needed.
    if (answered.exchange(signals::kDone, std::memory_order_acq_rel) == signals::kParked) {
      P::unpark(address);
    }
  }

  removal await() {
    for (std::uint32_t spin = P::spins(); spin > 0; --spin) {
      // [answered] acquire, pairs with [answer].
      if (answered.load(std::memory_order_acquire) == signals::kDone) return result;
      P::pause();
    }
    std::uint32_t seen = signals::kWaiting;
    // acq_rel: as [answered] when it finds kDone.
    if (answered.compare_exchange_strong(seen, signals::kParked, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
      // [answered] as above.
      while (answered.load(std::memory_order_acquire) != signals::kDone) {
        P::park(answered, signals::kParked, time::kNever);
      }
    }
    return result;
  }
};

// A stack of requests, most recent first.
template <class P>
class request_list {
 public:
  bool empty() const { return first_ == nullptr; }
  void push(request<P>& r) {
    r.next = first_;
    first_ = &r;
  }
  void answer_all() {
    for (request<P>* r = first_; r != nullptr;) {
      request<P>* const next = r->next;
      r->answer();
      r = next;
    }
    first_ = nullptr;
  }
  request<P>* take() {
    request<P>* const all = first_;
    first_ = nullptr;
    return all;
  }

 private:
  request<P>* first_ = nullptr;
};

// Keeps a semaphore's memory from being freed while somebody who holds no
// reference looks at it: the freeing thread waits until no pin is left. The
// counter lies outside the semaphore.
//
// Both sides are read-modify-writes on one counter, so either the freeing thread
// sees the pin and waits, or the pinning thread comes later, synchronises with
// it, and sees its waiter off the queue.
template <class P>
class pin {
 public:
  explicit pin(const void* semaphore) : counter_(&P::pins(semaphore)) {
    if constexpr (P::kMutant != mutant::no_pin) {
      counter_->fetch_add(1, std::memory_order_acq_rel);
    }
  }
  pin(const pin&) = delete;
  pin& operator=(const pin&) = delete;
  ~pin() { drop(); }

  void drop() {
    if (counter_ == nullptr) return;
    if constexpr (P::kMutant != mutant::no_pin) {
      // release: what was read of the semaphore comes before its end.
      counter_->fetch_sub(1, std::memory_order_release);
    }
    counter_ = nullptr;
  }
  bool held() const { return counter_ != nullptr; }

 private:
  typename P::template atomic<std::uint64_t>* counter_;
};

}  // namespace afflux::queue
