// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Condition variables. A part of afflux.hpp, whose chapters hold here, too; afflux.h ("Condition")
// is the manual.
#ifndef AFFLUX_CONDITION_HPP
#define AFFLUX_CONDITION_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <optional>
#include <thread>
#include <version>
#ifdef __cpp_lib_jthread
#  include <stop_token>
#endif

#include <afflux/afflux.h>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/owner.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/detail/time.hpp>
#include <afflux/options.hpp>
#include <afflux/status.hpp>

namespace afflux {

namespace detail {
#ifdef __cpp_lib_jthread
using stop_token = std::stop_token;
#else
/// libc++ before 20 has none.
struct stop_token {
  [[nodiscard]] bool stop_requested() const noexcept { return false; }
};
#endif
}  // namespace detail

/// A condition variable for any lock with lock() and unlock(): std::condition_variable_any, with
/// waiters in the order of their arrival and wakes without a mutex of its own. Like that one it
/// neither moves nor copies, and no thread may wait any more when it is destroyed; lock() must not
/// throw in the end of a wait.
///
/// Coroutines that wait for their turn on this thread (chapter 4) run when the lock has been let
/// go, before the thread sleeps.
/// Threads: every member from any thread at once; notifications with the lock or without.
/// Since: 0.1
class condition_variable_any {
 public:
  /// Throws error (not_supported: that queue strategy; invalid), std::bad_alloc.
  explicit condition_variable_any(queue_strategy queue = queue_strategy::automatic) {
    ::afflux_cond* made = nullptr;
    detail::throw_unless_made(
        static_cast<status>(::afflux_cond_create(static_cast<std::uint32_t>(queue), &made)));
    handle_ = detail::owner<::afflux_cond>(made);
  }
  condition_variable_any(const condition_variable_any&) = delete;
  condition_variable_any& operator=(const condition_variable_any&) = delete;

  /// The C handle, borrowed; never null.
  [[nodiscard]] ::afflux_cond* handle() const noexcept { return handle_.get(); }

  /// Unlock, wait for a notification, lock again. It may also return without one (where the
  /// queue needs memory and there is none, say).
  template <class Lock>
  void wait(Lock& lock) {
    wait_ns(lock, AFFLUX_FOREVER);
  }
  /// Wait until `stop_waiting()`, which is asked with the lock held.
  template <class Lock, class Predicate>
  void wait(Lock& lock, Predicate stop_waiting) {
    while (!stop_waiting()) wait(lock);
  }

  /// The same for at most `d`, rounded up to nanoseconds. With zero or less it unlocks and locks.
  template <class Lock, class Rep, class Period>
  std::cv_status wait_for(Lock& lock, std::chrono::duration<Rep, Period> d) {
    return wait_ns(lock, detail::ceil_ns(d)) == status::timed_out ? std::cv_status::timeout
                                                                  : std::cv_status::no_timeout;
  }
  /// @return what `stop_waiting()` answered last.
  template <class Lock, class Rep, class Period, class Predicate>
  bool wait_for(Lock& lock, std::chrono::duration<Rep, Period> d, Predicate stop_waiting) {
    detail::acquire_terms terms;
    terms.until_after(detail::ceil_ns(d));
    while (!stop_waiting()) {
      if (wait_ns(lock, terms.timeout_ns()) == status::timed_out) return stop_waiting();
    }
    return true;
  }

  /// The same until `when` at the latest, on any clock; its distance is measured at the call.
  template <class Lock, class Clock, class Duration>
  std::cv_status wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> when) {
    return wait_till(lock, when, nullptr);
  }
  /// @return what `stop_waiting()` answered last.
  template <class Lock, class Clock, class Duration, class Predicate>
  bool wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> when,
                  Predicate stop_waiting) {
    while (!stop_waiting()) {
      if (wait_till(lock, when, nullptr) == std::cv_status::timeout) return stop_waiting();
    }
    return true;
  }

#ifdef __cpp_lib_jthread
  /// Wait until `stop_waiting()`, or until a stop is requested of the source of `token`.
  /// @return what `stop_waiting()` answered last; false: a stop was requested.
  /// Threads: a request may be made from any thread, with the lock or without. It wakes all who
  ///          wait here, as notify_all() does.
  /// Order:   the request happens before the return that it causes.
  template <class Lock, class Predicate>
  bool wait(Lock& lock, std::stop_token token, Predicate stop_waiting) {
    return wait_unless_stopped(token, stop_waiting, [&] {
      wait_ns(lock, AFFLUX_FOREVER, &token);
      return std::cv_status::no_timeout;
    });
  }
  /// The same for at most `d`, rounded up to nanoseconds. With zero or less it unlocks and locks.
  template <class Lock, class Rep, class Period, class Predicate>
  bool wait_for(Lock& lock, std::stop_token token, std::chrono::duration<Rep, Period> d,
                Predicate stop_waiting) {
    detail::acquire_terms terms;
    terms.until_after(detail::ceil_ns(d));
    return wait_unless_stopped(token, stop_waiting, [&] {
      return wait_ns(lock, terms.timeout_ns(), &token) == status::timed_out
                 ? std::cv_status::timeout
                 : std::cv_status::no_timeout;
    });
  }
  /// The same until `when` at the latest, on any clock; its distance is measured at the call.
  template <class Lock, class Clock, class Duration, class Predicate>
  bool wait_until(Lock& lock, std::stop_token token, std::chrono::time_point<Clock, Duration> when,
                  Predicate stop_waiting) {
    return wait_unless_stopped(token, stop_waiting, [&] { return wait_till(lock, when, &token); });
  }
#endif

  /// Wake the first waiter, if there is one.
  AFFLUX_HPP_NOINLINE void notify_one() noexcept {
    const detail::resume_scope scope;
    ::afflux_cond_notify_one(handle());
  }
  /// Wake all who wait now.
  AFFLUX_HPP_NOINLINE void notify_all() noexcept {
    const detail::resume_scope scope;
    ::afflux_cond_notify_all(handle());
  }

  /// Threads that wait now.
  [[nodiscard]] std::uint64_t waiters() const noexcept { return ::afflux_cond_waiters(handle()); }

 private:
  template <class Lock>
  struct wait_call {
    condition_variable_any& on;
    Lock& lock;
    const detail::stop_token* stop;
    bool unlocked = false;
    // While the lock is not held. Not around the whole call: coroutines that run here may want
    // the lock.
    std::optional<detail::blocking_scope> asleep = std::nullopt;

    static void do_unlock(void* ctx) noexcept {
      auto* self = static_cast<wait_call*>(ctx);
      self->lock.unlock();
      self->unlocked = true;
      self->asleep.emplace();
      // This thread stands in the queue now. A request to stop that did not find it there is to
      // be seen here: a thread that queues after a notification sees what was done before it.
      if (self->stop != nullptr && self->stop->stop_requested()) {
        ::afflux_cond_notify_all(self->on.handle());
      }
    }
    static void do_lock(void* ctx) noexcept {
      auto* self = static_cast<wait_call*>(ctx);
      self->asleep.reset();
      self->lock.lock();
    }
  };

  template <class Lock>
  AFFLUX_HPP_NOINLINE status wait_ns(Lock& lock, std::int64_t timeout_ns,
                                     const detail::stop_token* stop = nullptr) noexcept {
    wait_call<Lock> call{*this, lock, stop};
    const auto s = static_cast<status>(::afflux_cond_wait(
        handle(), &wait_call<Lock>::do_lock, &wait_call<Lock>::do_unlock, &call, timeout_ns));
    if (!call.unlocked) {
      // No time. Others get at the lock nevertheless: a loop that polls
      // would wait for them in vain.
      wait_call<Lock>::do_unlock(&call);
      std::this_thread::yield();
      wait_call<Lock>::do_lock(&call);
    }
    return s;
  }

  template <class Lock, class Clock, class Duration>
  std::cv_status wait_till(Lock& lock, std::chrono::time_point<Clock, Duration> when,
                           const detail::stop_token* stop) {
    const status s = wait_ns(lock, detail::remaining_ns(when, Clock::now()), stop);
    // A clock that has been set back meanwhile, or goes slower: not yet.
    const bool late = s == status::timed_out && (Clock::is_steady || !(Clock::now() < when));
    return late ? std::cv_status::timeout : std::cv_status::no_timeout;
  }

#ifdef __cpp_lib_jthread
  template <class Predicate, class Sleep>
  bool wait_unless_stopped(const std::stop_token& token, Predicate& stop_waiting, Sleep sleep) {
    if (token.stop_requested()) return stop_waiting();
    const std::stop_callback wake(token, [this]() noexcept { notify_all(); });
    while (!stop_waiting()) {
      if (token.stop_requested()) return false;
      if (sleep() == std::cv_status::timeout) return stop_waiting();
    }
    return true;
  }
#endif

  detail::owner<::afflux_cond> handle_;
};

}  // namespace afflux

#endif  // AFFLUX_CONDITION_HPP
