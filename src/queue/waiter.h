// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A waiter: the caller's 128 bytes that stand in the queue. The first 64 are
// all that a request without a time limit touches on its way through.
//
// `where` tells who may touch it:
//
//   none    the owner            not queued yet (also: never used, zeroed)
//   inbox   the owner, until its push; then the thread that links the inbox
//   listed  the thread in the granting role
//   off     the thread that took it off, until it publishes the completion
//
// It changes only in the hands of its enqueuer (-> inbox) and of the thread in
// the role (-> listed, -> off). The values are arbitrary large numbers so that
// uninitialised memory is not mistaken for a queued waiter.
//
// A blocked thread sleeps on `signal`:
//
//   waiting -> parked   the thread itself, before it sleeps
//   waiting, parked -> poked   the granter (THROUGHPUT): stay or wake up and compete
//   poked -> parked     the thread itself, after it has set kHandover
//   any -> done         the granter: the completion; its last touch of the waiter
//
// So does a wait that the kernel does for a ring (kKernelWaits), but that is never poked.
//
// A conditional one (core/wait_queue.h) is enqueued before its thread knows whether it is
// to wait at all:
//
//   waiting -> parked   its thread: it waits; from now on like any other with a callback
//   waiting -> done     the granter: its thread has to see to the completion
#pragma once

#include <cstdint>

#include "port/port.h"
#include "queue/status.h"
#include "stats/semaphore_stats.h"
#include "time/timer_service.h"

namespace afflux::stats {
class client;
}

namespace afflux::queue {

template <class P>
class waiter_queue;

enum class place : std::uint32_t {
  none = 0,
  inbox = 0x6b1d42f1,
  listed = 0x6b1d42f2,
  off = 0x6b1d42f3,
};

namespace signals {
inline constexpr std::uint32_t kWaiting = 0;
inline constexpr std::uint32_t kParked = 1;
inline constexpr std::uint32_t kPoked = 2;
inline constexpr std::uint32_t kDone = 3;
}  // namespace signals

namespace traits {
inline constexpr std::uint8_t kTimed = 1;           // `deadline` exists and may be armed
inline constexpr std::uint8_t kWaitsForResize = 2;  // more than the limit, on purpose
inline constexpr std::uint8_t kCosts = 4;           // `cost_bytes` exists
inline constexpr std::uint8_t kConditional = 8;     // its thread may still decide not to wait
inline constexpr std::uint8_t kPort = 16;           // `target` is a port, `user_data` exists
inline constexpr std::uint8_t kRingsAtOnce = 32;    // of those: no callback of the caller's rings
inline constexpr std::uint8_t kKernelWaits = 64;    // on `signal`, for the caller's ring
inline constexpr std::uint8_t kAccounted = 128;     // to `client`, which has not been told yet
}  // namespace traits

using wake_function = void (*)(void* context, std::int32_t status);

template <class P>
struct waiter;

// Where a request completes: a callback, a port, or the kernel's wait for `signal`.
template <class P>
struct sink {
  wake_function wake = nullptr;
  void* context = nullptr;
  port::port<P, waiter<P>>* destination = nullptr;
  std::uint64_t user_data = 0;
  bool internal = false;  // the callback and its context are the library's own
};

// A waiter's entry in the timer service, and the way back.
template <class P>
struct timer : time::timer_entry<P> {
  explicit timer(waiter<P>& x) : whole(x) {}
  waiter<P>& whole;
};

template <class P>
struct waiter {
  template <class T>
  using atomic = typename P::template atomic<T>;
  template <class T>
  using var = typename P::template var<T>;

  // Leaves the second line alone: it is constructed where it is needed.
  waiter() {}  // NOLINT(clang-analyzer-optin.cplusplus.UninitializedObject)
  ~waiter() {}
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;

  // Something sleeps on `signal`.
  bool sleeps() const { return target == nullptr; }
  bool blocks_a_thread() const { return sleeps() && !has(queue::traits::kKernelWaits); }
  // Completed at once, while callbacks wait for their turn; or to be looked at then.
  bool at_once() const {
    return sleeps() || has(queue::traits::kConditional | queue::traits::kRingsAtOnce |
                           queue::traits::kAccounted);
  }
  bool has(std::uint8_t trait) const { return (traits & trait) != 0; }
  // Its thread has it still, and asks whether to wait. In line, under the role or the lock.
  bool undecided() const {
    // acquire, pairs with the exchange by which that thread lets go of it, in add_unless().
    return has(queue::traits::kConditional) &&
           signal.load(std::memory_order_acquire) == queue::signals::kWaiting;
  }
  wake_function wake() const { return reinterpret_cast<wake_function>(to_void()); }
  port::port<P, waiter>* destination() const {
    return static_cast<port::port<P, waiter>*>(to_void());
  }
  // When it queued, if that is counted.
  stats::stamp queued_at() const {
    const std::uint64_t high = queued_high & 0x7fu;
    return high << 32 | queued_low;
  }
  void queued_at(stats::stamp now) {
    queued_high = static_cast<std::uint8_t>((queued_high & kInternal) | now >> 32);
    queued_low = static_cast<std::uint32_t>(now);
  }
  std::uint64_t cost() const { return has(queue::traits::kCosts) ? cost_bytes : 0; }

  var<waiter*> prev;  // while in the inbox: the one that was pushed before
  var<waiter*> next;
  var<std::uint64_t> permits;
  atomic<waiter_queue<P>*> owner;
  var<void*> target;  // a wake function, or a port; nullptr: what sleeps on `signal`
  var<void*> context;
  atomic<place> where;
  atomic<std::uint32_t> signal;
  var<status> result;
  var<std::uint8_t> priority;
  var<std::uint8_t> traits;
  var<std::uint8_t> queued_high;  // of 39 bits, and kInternal
  var<std::uint32_t> queued_low;

  // The second line.
  std::uint64_t cost_bytes;
  stats::client* client;
  std::uint64_t user_data;
  union {
    timer<P> deadline;
  };

  // What slow_wait is told of whom it is.
  void* users_context() const {
    return sleeps() || (queued_high & kInternal) != 0 ? nullptr : static_cast<void*>(context);
  }
  void set_internal(bool is) { queued_high = is ? kInternal : 0; }

 private:
  static constexpr std::uint8_t kInternal = 0x80;

  void* to_void() const { return target; }
};

// Waiters that have left the queue, in order, on their way to be completed.
template <class P>
class finished_list {
 public:
  bool empty() const { return first_ == nullptr; }
  waiter<P>* first() const { return first_; }
  // Perhaps not only callbacks.
  bool any_at_once() const { return any_at_once_; }

  void push(waiter<P>& x) {
    x.next = nullptr;
    any_at_once_ = any_at_once_ || x.at_once();
    if (last_ != nullptr) {
      last_->next = &x;
    } else {
      first_ = &x;
    }
    last_ = &x;
  }

  // A chain by `next`.
  void push(waiter<P>& first, waiter<P>& last, bool any_at_once) {
    last.next = nullptr;
    any_at_once_ = any_at_once_ || any_at_once;
    if (last_ != nullptr) {
      last_->next = &first;
    } else {
      first_ = &first;
    }
    last_ = &last;
  }

  void append(finished_list& other) {
    if (other.empty()) return;
    if (last_ != nullptr) {
      last_->next = other.first_;
    } else {
      first_ = other.first_;
    }
    last_ = other.last_;
    any_at_once_ = any_at_once_ || other.any_at_once_;
    other.clear();
  }

  waiter<P>* pop() {
    waiter<P>* const x = first_;
    if (x == nullptr) return nullptr;
    first_ = x->next;
    if (first_ == nullptr) clear();
    return x;
  }

  void clear() {
    first_ = last_ = nullptr;
    any_at_once_ = false;
  }

 private:
  waiter<P>* first_ = nullptr;
  waiter<P>* last_ = nullptr;
  bool any_at_once_ = false;
};

}  // namespace afflux::queue
