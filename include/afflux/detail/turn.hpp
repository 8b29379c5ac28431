// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A coroutine's turn to be resumed: which thread may, and which waits (afflux.hpp, chapter 4).
#ifndef AFFLUX_DETAIL_TURN_HPP
#define AFFLUX_DETAIL_TURN_HPP

#include <afflux/detail/config.hpp>

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <thread>

#include <afflux/afflux.h>
#include <afflux/detail/list.hpp>

namespace afflux::detail {

/// The part of an awaiter that others may be at.
///
/// I2  state_ leaves kWaiting once, by a compare-and-swap: to kQueued or kClaimed by the
///     completion, to kIdle by start() with an answer, to kDestroying by the destructor. kQueued
///     likewise, to kHandedOver by the thread on whose queue it is, to kDestroying by a destructor
///     elsewhere. (On that same thread the destructor unlinks it.)
/// I3  Who moved it on from there may resume; the completion touches the frame no more, but for a
///     discarding executor's kHandedOver. Who finds kDestroying stores kAbandoned as its last
///     touch, and the destructor waits for that.
/// I4  result_ is written by the completion before it leaves kWaiting or stores kAbandoned, and
///     read after one of these was seen (or in the coroutine, which the claim resumed).
class turn : public list_node<turn> {
 public:
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;

 protected:
  enum : std::uint32_t {
    kIdle,        // no completion is outstanding
    kWaiting,     // the call that queues it is under way or has answered PENDING
    kQueued,      // completed; on the resume queue of a thread
    kClaimed,     // the completion resumes it, or hands it over
    kHandedOver,  // its turn has come; or, discarding executors only, the hand-over has ended
    kDestroying,  // the destructor waits for the completion to let go
    kAbandoned    // the completion has let go; no thread will resume
  };

  turn() noexcept = default;
  ~turn() = default;

  /// [claim] acq_rel: release publishes result_ and queue_ to a destructor that sees the new
  /// state; acquire on failure takes over that the destructor waits.
  bool leave(std::uint32_t from, std::uint32_t to) noexcept {
    return state_.compare_exchange_strong(from, to, std::memory_order_acq_rel,
                                          std::memory_order_acquire);
  }

  void abandon() noexcept {
    // [abandoned] release; pairs with await_other(). Publishes result_. The last touch.
    state_.store(kAbandoned, std::memory_order_release);
  }

  /// Wait until another thread has moved state_ on from `from`. Rare and short: no notification,
  /// which would have to touch the frame after the store that ends its life.
  void await_other(std::uint32_t from) const noexcept {
    // acquire, pairs with [claim], [abandoned], [handed over].
    while (state_.load(std::memory_order_acquire) == from) std::this_thread::yield();
  }

  ::afflux_status result_ = AFFLUX_OK;
  std::atomic<std::uint32_t> state_{kIdle};
  std::coroutine_handle<> handle_;

 private:
  friend class resume_queue;
};

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_TURN_HPP
