// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Events. A part of afflux.hpp, whose chapters hold here, too; afflux.h ("Event") is the manual.
#ifndef AFFLUX_EVENT_HPP
#define AFFLUX_EVENT_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/detail/expect.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/owner.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/detail/time.hpp>
#include <afflux/executor.hpp>
#include <afflux/options.hpp>
#include <afflux/status.hpp>
#include <afflux/wait.hpp>

namespace afflux {

namespace detail {

/// The notification of an event.
struct event_source {
  ::afflux_event* event;
  bool passes_on;  // auto-reset: a wait has taken the notification with it

  [[nodiscard]] ::afflux_status start(const ::afflux_request& request,
                                      ::afflux_waiter& waiter) const noexcept {
    return ::afflux_event_wait_async(event, &request, &waiter);
  }
  void give_back(const acquire_terms&) const noexcept {
    if (passes_on) ::afflux_event_notify_one(event);
  }
};

}  // namespace detail

/// Whether a wait consumes the notification. Since: 0.1
enum class reset : std::int32_t {
  automatic = 0,  ///< the wait takes the notification with it
  manual = 1      ///< it stays set until clear()
};

/// An owner of one reference of an event; afflux.h, "Event". Move-only; share() makes another
/// owner. With the last one those who wait get status::closed.
///
/// An owner is empty after it was moved from, where create() failed, and of a null handle;
/// chapter 1 says what an empty one may be used for. Look at what a notification answers: an
/// event that is empty has told no waiter.
/// Threads: as semaphore.
/// Since: 0.1
class event {
 public:
  /// Not set, reset::automatic. Throws std::bad_alloc.
  event() : event(reset::automatic) {}

  /// Not set. Throws error (not_supported: that queue strategy; invalid), std::bad_alloc.
  explicit event(reset kind, queue_strategy queue = queue_strategy::automatic) {
    status made = status::ok;
    *this = create(kind, queue, made);
    detail::throw_unless_made(made);
  }

  /// The same without exceptions: empty, and ret_status tells why, on failure.
  [[nodiscard]] static event create(reset kind, queue_strategy queue, status& ret_status) noexcept {
    ::afflux_event* made = nullptr;
    ret_status = static_cast<status>(::afflux_event_create(
        static_cast<std::int32_t>(kind), static_cast<std::uint32_t>(queue), &made));
    return from_handle(made, kind);
  }

  /// Own a reference that the caller has, of an event of that kind; null makes an empty owner.
  [[nodiscard]] static event from_handle(::afflux_event* handle, reset kind) noexcept {
    return {detail::owner<::afflux_event>(handle), kind};
  }

  /// Another owner of the same event.
  [[nodiscard]] event share() const noexcept { return {handle_.share(), kind_}; }

  /// The C handle, borrowed; null when empty.
  [[nodiscard]] ::afflux_event* handle() const noexcept { return handle_.get(); }
  [[nodiscard]] explicit operator bool() const noexcept { return handle() != nullptr; }
  friend void swap(event& a, event& b) noexcept {
    std::swap(a.handle_, b.handle_);
    std::swap(a.kind_, b.kind_);
  }

  /// Wait until it is set, blocking the thread.
  /// @return ok; closed; invalid; no_memory (queue_strategy::lockfree).
  /// Threads: may block. Order: ok happens after the notification.
  [[nodiscard]] status wait_blocking() const noexcept { return wait_ns(AFFLUX_FOREVER); }
  /// The same for at most `d`, rounded up to nanoseconds; zero or less never waits.
  /// @return timed_out, too.
  template <class Rep, class Period>
  [[nodiscard]] status wait_blocking_for(std::chrono::duration<Rep, Period> d) const noexcept {
    return wait_ns(detail::ceil_ns(d));
  }
  /// The same until `when` at the latest, on any clock; its distance is measured once, at the call.
  template <class Clock, class Duration>
  [[nodiscard]] status wait_blocking_until(
      std::chrono::time_point<Clock, Duration> when) const noexcept {
    return wait_ns(detail::remaining_ns(when, Clock::now()));
  }

  /// To be awaited: `status s = co_await ev.wait().within(50ms);`
  /// co_await answers ok; again (within(0)), timed_out, closed, invalid, os_error, no_memory.
  /// A coroutine that is destroyed before it has seen the notification of an auto-reset event
  /// passes it on, by notify_one().
  wait_operation<detail::event_source> wait() const noexcept {
    return {{used(), kind_ == reset::automatic}, detail::acquire_terms{}, resume_inline{}};
  }

  /// The first waiter goes on, or without any it is set. Manual reset: it is set, all go
  /// on.
  /// @return ok; invalid.
  /// Threads: any; resumes coroutines (chapter 4). Order: happens before the waits that it ends.
  [[nodiscard]] AFFLUX_HPP_NOINLINE status notify_one() const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_event_notify_one(used()));
  }
  /// Every waiter goes on, or without any it is set. Otherwise as notify_one().
  [[nodiscard]] AFFLUX_HPP_NOINLINE status notify_all() const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_event_notify_all(used()));
  }
  /// Every waiter goes on, and nothing is remembered: without a waiter nothing happens, and it
  /// is set afterwards if it was before. Otherwise as notify_one().
  [[nodiscard]] AFFLUX_HPP_NOINLINE status pulse() const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_event_pulse(used()));
  }
  /// Not set any more; who waits goes on waiting. @return ok; invalid.
  status clear() const noexcept { return static_cast<status>(::afflux_event_clear(used())); }

  /// Whether it is set at this moment.
  [[nodiscard]] bool is_set() const noexcept { return ::afflux_event_is_set(used()) != 0; }
  /// Waiters now, blocked threads included.
  [[nodiscard]] std::uint64_t waiters() const noexcept { return ::afflux_event_waiters(used()); }

 private:
  AFFLUX_HPP_NOINLINE status wait_ns(std::int64_t timeout_ns) const noexcept {
    const detail::blocking_scope scope;
    return static_cast<status>(::afflux_event_wait(used(), timeout_ns));
  }

  event(detail::owner<::afflux_event> handle, reset kind) noexcept
      : handle_(std::move(handle)), kind_(kind) {}

  [[nodiscard]] ::afflux_event* used() const noexcept {
    AFFLUX_ASSERT(handle() != nullptr && "afflux::event: empty");
    return handle();
  }

  detail::owner<::afflux_event> handle_;
  reset kind_ = reset::automatic;
};

}  // namespace afflux

#endif  // AFFLUX_EVENT_HPP
