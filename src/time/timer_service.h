// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Deadlines of waiting requests: a timing wheel, a mutex, and the protocol by
// which an expiry and another completion of the same waiter meet.
//
// An entry lies in its waiter's memory. When its time has come, an advancing
// thread takes it out and calls expire(entry), which tries to remove the waiter
// from its queue and ends with conclude() or retry(). Meanwhile another thread may
// complete the waiter (grant, close) or take it back (cancel): only one of them
// wins in the queue, and the loser must not touch memory that has gone back to its
// owner. That is what the states are for.
//
//   state     the entry is                                        referenced by
//   idle      not in the wheel                                    its owner
//   armed     in the wheel                                        the wheel
//   firing    being removed from its queue by the advancing       that thread
//             thread, right now
//   handed    as firing; another thread has completed the         that thread, which
//             waiter and left the publishing to that thread       publishes
//   awaited   as firing; another thread wants the memory back     both, until idle
//             and sleeps until that thread has let go
//
//   from \ by  arm    disarm          disarm_and_wait  advance  conclude       retry
//   idle       armed  idle, free      idle             -        x              x
//   armed      x      idle, free      idle             firing   x              x
//   firing     x      handed, handed  awaited, sleeps  -        idle, done     armed, done
//   handed     x      x               x                -        idle, publish  idle, publish
//   awaited    x      x               x                -        idle, done +   idle, done +
//                                                               wake           wake
//   (-: passes it by; x: a defect of the caller: at most one thread arms an entry,
//   one completes it, one fires it)
//
//   TS1  Every change of state happens under the mutex.
//   TS2  Nothing is held while expire() runs.
//   TS3  After the store of idle in conclude() or retry() the entry is not touched:
//        a sleeper may see it and free the memory at once. The wake that follows
//        uses the address alone.
//   TS4  A thread that sleeps until an instant that advance() gave it is woken, by
//        the caller of the arm() that answered true, or by timers_changed(), when an
//        earlier deadline comes up.
#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "time/clock.h"
#include "time/wheel.h"

namespace afflux::time {

namespace timer_state {
inline constexpr std::uint32_t kIdle = 0;
inline constexpr std::uint32_t kArmed = 1;
inline constexpr std::uint32_t kFiring = 2;
inline constexpr std::uint32_t kHanded = 3;
inline constexpr std::uint32_t kAwaited = 4;
}  // namespace timer_state

template <class P>
struct timer_entry : wheel_entry {
  typename P::template atomic<std::uint32_t> state{timer_state::kIdle};
};

enum class disarmed {
  free,   // no thread references the entry
  handed  // hands off: the firing thread does the publishing
};

enum class concluded {
  done,    // each thread that took part has what it needs
  publish  // publish the completion that another thread stored in the waiter
};

template <class P>
class timer_service {
 public:
  using entry = timer_entry<P>;

  constexpr timer_service() = default;
  timer_service(const timer_service&) = delete;
  timer_service& operator=(const timer_service&) = delete;

  // The entry must be idle; it may fire, and be gone, before this call returns.
  // Returns true if the deadline is earlier than what sleeping threads know: the
  // caller then wakes them (P::timers_changed()).
  bool arm(entry& e, std::int64_t deadline) noexcept {
    std::lock_guard lock(mutex_);
    assert(state_of(e) == timer_state::kIdle);
    return put(e, deadline);
  }

  // For the thread that completed the waiter and means to publish that. What it
  // stored in the waiter before is visible to the firing thread after `handed`. The
  // firing thread itself may call it too, from within expire().
  disarmed disarm(entry& e) noexcept {
    std::lock_guard lock(mutex_);
    if (!firing(e)) return take_back(e), disarmed::free;
    set(e, timer_state::kHanded);
    return disarmed::handed;
  }

  // For the thread that took the waiter back: when it returns no thread references
  // the entry. Sleeps only while another thread is between the beginning of
  // expire() and its conclude(). Not from within expire() on the same entry.
  void disarm_and_wait(entry& e) noexcept {
    {
      std::lock_guard lock(mutex_);
      if (!firing(e)) return take_back(e);
      set(e, timer_state::kAwaited);
    }
    // [let go] acquire; pairs with the release store in let_go(): what the firing
    // thread did with the waiter's memory is over.
    while (e.state.load(std::memory_order_acquire) == timer_state::kAwaited) {
      P::park(e.state, timer_state::kAwaited, kNever);
    }
  }

  // Fires what is due at `now`, one by one, by expire(entry), which calls conclude()
  // or retry() once, on this thread. Any number of threads at once. Returns
  // nanoseconds until it should be called again: -1 while nothing is armed, 0 only
  // if something came due meanwhile.
  template <class F>
  std::int64_t advance(std::int64_t now, F&& expire) {
    entry* due = nullptr;
    std::int64_t next = kNever;
    while (take_due(now, due, next)) {
      if (due != nullptr) expire(*due);
    }
    if (next == kNever) return -1;
    const std::int64_t then = std::max(now, P::now());  // expire() may have taken long
    return next > then ? next - then : 0;
  }

  // Ends the firing; see the table.
  concluded conclude(entry& e) noexcept {
    std::unique_lock lock(mutex_);
    return let_go(e, lock);
  }

  // Ends the firing for now: unless another thread intervened, the entry fires again at
  // `deadline`, and not within a tick of this advance(), which so comes to an end.
  concluded retry(entry& e, std::int64_t deadline) noexcept {
    std::unique_lock lock(mutex_);
    if (state_of(e) != timer_state::kFiring) return let_go(e, lock);
    // This thread looks at the wheel again before it sleeps; another that sleeps
    // already is told at the end of advance().
    const std::int64_t soonest = newest_ > kNever - kTickNs ? kNever : newest_ + kTickNs;
    if (put(e, std::max(deadline, soonest))) changed_ = true;
    return concluded::done;
  }

  // Entries armed.
  std::size_t size() noexcept {
    std::lock_guard lock(mutex_);
    return wheel_.size();
  }
  bool empty() noexcept { return size() == 0; }

  // Around fork(): the child has a wheel at rest and keeps what was armed.
  void before_fork() noexcept { mutex_.lock(); }
  void after_fork_parent() noexcept { mutex_.unlock(); }
  // The only thread of the child is the one that locked it.
  void after_fork_child() noexcept { mutex_.unlock(); }

 private:
  // relaxed, both: under the mutex (TS1). Only disarm_and_wait() looks at the state
  // without it, for the one change that let_go() makes with a release store.
  static std::uint32_t state_of(const entry& e) noexcept {
    return e.state.load(std::memory_order_relaxed);
  }
  static void set(entry& e, std::uint32_t state) noexcept {
    e.state.store(state, std::memory_order_relaxed);
  }

  static bool firing(const entry& e) noexcept {
    const std::uint32_t state = state_of(e);
    assert(state <= timer_state::kFiring);
    return state >= timer_state::kFiring;
  }

  // idle or armed -> idle
  void take_back(entry& e) noexcept {
    if (state_of(e) == timer_state::kIdle) return;
    wheel_.remove(e);
    set(e, timer_state::kIdle);
  }

  // idle or firing -> armed. True: earlier than announced.
  bool put(entry& e, std::int64_t deadline) noexcept {
    set(e, timer_state::kArmed);
    wheel_.insert(e, deadline);
    const std::int64_t fires = wheel::fires_at(deadline);
    if (fires >= announced_) return false;
    announced_ = fires;
    return true;
  }

  // One turn of advance(): false when all that was due has been taken. `due` may be
  // nullptr although it answers true: the wheel wants to let others at the mutex.
  bool take_due(std::int64_t now, entry*& due, std::int64_t& next) noexcept {
    bool tell = false;
    {
      std::lock_guard lock(mutex_);
      newest_ = std::max(newest_, now);
      due = static_cast<entry*>(wheel_.pop_due(now));
      if (due != nullptr) {
        set(*due, timer_state::kFiring);
        return true;
      }
      next = wheel_.next_expiry();
      if (next <= now && next != kNever) return true;
      // Upwards only: another thread may sleep until the older, earlier instant,
      // and no harm is done by that; one that sleeps until a later one would miss
      // the entries between (TS4).
      announced_ = std::max(announced_, next);
      std::swap(tell, changed_);
    }
    if constexpr (requires { P::timers_changed(); }) {
      if (tell) P::timers_changed();
    }
    return false;
  }

  // firing, handed or awaited -> idle
  concluded let_go(entry& e, std::unique_lock<typename P::mutex>& lock) noexcept {
    const std::uint32_t state = state_of(e);
    assert(state >= timer_state::kFiring);
    const void* const address = &e.state;
    // [let go] release; pairs with the load in disarm_and_wait(). The last touch (TS3).
    e.state.store(timer_state::kIdle, std::memory_order_release);
    lock.unlock();
    if (state == timer_state::kAwaited) P::unpark(address);
    return state == timer_state::kHanded ? concluded::publish : concluded::done;
  }

  typename P::mutex mutex_;
  wheel wheel_;
  std::int64_t announced_ = kNever;  // at most this late do sleeping threads look again (TS4)
  std::int64_t newest_ = 0;          // the latest `now` that an advance() had
  bool changed_ = false;             // a retry() put something before announced_
};

}  // namespace afflux::time
