// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A waiter: the caller's 128 bytes that stand in the queue. The first 64 are
// all that a request without a time limit touches on its way through.
//
// `where` tells who may touch it:
//
//   none       the owner: not queued yet (also: never used, zeroed)
//   arriving   in the inbox or the line; its thread is still inside the call that queues it
//   asking     as arriving, and its thread asks its caller's condition (add_unless)
//   in         in the inbox or the line
//   claimed    linked; the thread that takes it back is on its way to the lock
//   competing  linked; its thread is awake and competes for permits (THROUGHPUT)
//   expelled   as claimed or competing, but the holder has unlinked it
//   off        the thread that took it off, until it has told; then the owner
//   telling    as off, for a note: a cancel waits until it is told
//
//   from \ by   its thread         the holder            a canceller, the timer
//   none        arriving, asking   in                    too early (the timer: tries again)
//   arriving    in                 off: its thread       waits for its thread (the timer:
//   asking      in, claimed        has the result        tries again); asking: too early
//   in          claimed (timeout)  off, telling,         claimed
//                                  competing
//   claimed     -                  expelled              off (holder)
//   competing   off, in (holder)   expelled              too late
//   expelled    off (holder)       -                     off (holder)
//
// (holder): with the lock. Each claimed, competing or expelled waiter keeps the semaphore's
// memory; so does an arriving one, whose thread is inside a call and has a reference. The values
// are arbitrary large numbers, so that uninitialised memory is not mistaken for a queued waiter.
//
// `signal` tells its owner, and is what a thread or the kernel sleeps on:
//
//   waiting -> parked           who waits for the outcome, before sleeping
//   waiting, parked -> poked    the holder (THROUGHPUT): wake up and compete
//   poked -> waiting            its thread, which has competed in vain
//   any -> done                 the thread that took it off: `result` is final. The last touch, but
//                               for callbacks and ports, which have the memory until they run, or
//                               have been drained
#pragma once

#include <cstdint>

#include "port/port.h"
#include "stats/semaphore_stats.h"
#include "status.h"
#include "time/timer_service.h"

namespace afflux::stats {
class client;
}

namespace afflux::queue {

template <class P>
class waiter_queue;
template <class P>
class tenant;

enum class place : std::uint32_t {
  none = 0,
  arriving = 0x6b1d42f1,
  asking = 0x6b1d42f2,
  in = 0x6b1d42f3,
  claimed = 0x6b1d42f4,
  competing = 0x6b1d42f5,
  expelled = 0x6b1d42f6,
  off = 0x6b1d42f7,
  telling = 0x6b1d42f8,
};

// The thread that takes it off, or back, is at it.
constexpr bool is_leaving(place p) {
  return p == place::claimed || p == place::expelled || p == place::telling;
}

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
inline constexpr std::uint8_t kNote = 8;          // completed by a note: target(context, user_data)
inline constexpr std::uint8_t kPort = 16;         // `target` is a port, `user_data` exists
inline constexpr std::uint8_t kWatches = 32;      // not for permits: for the semaphore to be idle
inline constexpr std::uint8_t kKernelWaits = 64;  // on `signal`, for the caller's ring
inline constexpr std::uint8_t kAccounted = 128;   // to `client`, which has not been told yet
}  // namespace traits

using wake_function = void (*)(void* context, std::int32_t status);
using note_function = void (*)(void* context, std::uint64_t user_data);

template <class P>
struct waiter;

// Where a request completes: a callback, a note, a port, or the kernel's wait for `signal`.
template <class P>
struct destination {
  wake_function wake = nullptr;
  void* context = nullptr;
  port::port<P, waiter<P>>* loop = nullptr;
  std::uint64_t user_data = 0;
  note_function note = nullptr;
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

  bool has(std::uint8_t trait) const { return (traits.get() & trait) != 0; }
  void add(std::uint8_t trait) { traits.set(static_cast<std::uint8_t>(traits.get() | trait)); }
  // Something sleeps on `signal`.
  bool sleeps() const { return target == nullptr; }
  bool blocks_a_thread() const { return sleeps() && !has(queue::traits::kKernelWaits); }
  wake_function wake() const { return reinterpret_cast<wake_function>(to_void()); }
  note_function note() const { return reinterpret_cast<note_function>(to_void()); }
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

  std::uint32_t priority() const { return rank & 3u; }
  bool of_tenant() const { return (rank & kOfTenant) != 0; }
  void of_tenant(queue::tenant<P>& t) {
    rank = static_cast<std::uint8_t>(rank | kOfTenant);
    tenant = &t;
  }

  // What a slow_wait function is told of its owner.
  void* users_context() const {
    return sleeps() || (queued_high & kInternal) != 0 ? nullptr : static_cast<void*>(context);
  }
  void set_internal(bool is) { queued_high = is ? kInternal : 0; }

  var<waiter*> prev;  // while in the inbox: the one that was posted before
  var<waiter*> next;
  var<std::uint64_t> permits;
  atomic<waiter_queue<P>*> owner;
  var<void*> target;  // a wake or note function, or a port; nullptr: what sleeps on `signal`
  var<void*> context;
  atomic<place> where;
  atomic<std::uint32_t> signal;
  var<status> result;
  var<std::uint8_t> rank;                           // the priority, and kOfTenant
  typename P::template gauge<std::uint8_t> traits;  // a cancel that comes too late looks, too
  var<std::uint8_t> queued_high;                    // of 39 bits, and kInternal
  var<std::uint32_t> queued_low;

  // The second line.
  std::uint64_t cost_bytes;
  union {
    stats::client* client;     // kAccounted
    queue::tenant<P>* tenant;  // of_tenant()
  };
  std::uint64_t user_data;
  union {
    timer<P> deadline;
  };

 private:
  static constexpr std::uint8_t kInternal = 0x80;
  static constexpr std::uint8_t kOfTenant = 4;

  void* to_void() const { return target; }
};

// Waiters that have left the queue, in order, linked by `next`.
template <class P>
class waiter_list {
 public:
  bool empty() const { return first_ == nullptr; }
  waiter<P>* first() const { return first_; }
  waiter<P>* last() const { return last_; }
  std::uint32_t count() const { return count_; }

  void push(waiter<P>& x) {
    x.next = nullptr;
    append(x, x, 1);
  }
  void append(waiter_list& other) {
    if (other.empty()) return;
    append(*other.first_, *other.last_, other.count_);
    other.clear();
  }
  // So many that are linked already.
  void append(waiter<P>& first, waiter<P>& last, std::uint32_t count) {
    if (last_ != nullptr) {
      last_->next = &first;
    } else {
      first_ = &first;
    }
    last_ = &last;
    count_ += count;
  }

  waiter<P>* pop() {
    waiter<P>* const x = first_;
    if (x == nullptr) return nullptr;
    first_ = x->next;
    if (first_ == nullptr) last_ = nullptr;
    --count_;
    return x;
  }

  void clear() {
    first_ = last_ = nullptr;
    count_ = 0;
  }

 private:
  waiter<P>* first_ = nullptr;
  waiter<P>* last_ = nullptr;
  std::uint32_t count_ = 0;
};

}  // namespace afflux::queue
