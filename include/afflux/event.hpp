// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Afflux for C++20: events, conditions, and the queue of waiters for primitives of one's own. A
// part of afflux.hpp, which includes it and whose chapters hold here, too; afflux.h is the manual.
#ifndef AFFLUX_EVENT_HPP
#define AFFLUX_EVENT_HPP

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include <afflux/afflux.hpp>

// Why: see afflux.hpp.
#if defined(_MSC_VER) && !defined(__clang__)
#  define AFFLUX_HPP_NOINLINE __declspec(noinline)
#else
#  define AFFLUX_HPP_NOINLINE [[gnu::noinline]]
#endif

namespace afflux {

namespace detail {

inline void ref_handle(::afflux_event* h) noexcept { ::afflux_event_ref(h); }
inline void ref_handle(::afflux_queue* h) noexcept { ::afflux_queue_ref(h); }
inline void unref_handle(::afflux_event* h) noexcept { ::afflux_event_unref(h); }
inline void unref_handle(::afflux_cond* h) noexcept { ::afflux_cond_unref(h); }
inline void unref_handle(::afflux_queue* h) noexcept { ::afflux_queue_unref(h); }

/// One reference, or none.
template <class Handle>
class owner {
 public:
  owner() noexcept = default;
  explicit owner(Handle* h) noexcept : handle_(h) {}
  owner(owner&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  owner& operator=(owner&& other) noexcept {
    if (this == &other) return *this;
    const owner old(std::exchange(handle_, std::exchange(other.handle_, nullptr)));
    return *this;
  }
  owner(const owner&) = delete;
  owner& operator=(const owner&) = delete;
  ~owner() {
    if (handle_ != nullptr) drop(handle_);
  }

  [[nodiscard]] Handle* get() const noexcept { return handle_; }
  [[nodiscard]] owner share() const noexcept {
    if (handle_ != nullptr) ref_handle(handle_);
    return owner(handle_);
  }

 private:
  AFFLUX_HPP_NOINLINE static void drop(Handle* h) noexcept {
    const resume_scope scope;
    unref_handle(h);
  }

  Handle* handle_ = nullptr;
};

/// What a constructor makes of the answer of a call that creates.
inline void throw_unless_made(status made) {
  if (made == status::no_memory) throw std::bad_alloc();
  if (made != status::ok) throw error(made, "afflux: create");
}

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

/// A wake of a queue, unless the condition holds.
template <class Condition>
struct queue_source {
  ::afflux_queue* queue;
  [[no_unique_address]] Condition condition;

  [[nodiscard]] ::afflux_status start(const ::afflux_request& request,
                                      ::afflux_waiter& waiter) noexcept {
    return ::afflux_queue_add_waiter_if(queue, &ask, std::addressof(condition), &request, &waiter);
  }
  // Whoever woke it counts on somebody to look.
  void give_back(const acquire_terms&) const noexcept { ::afflux_queue_wake_one(queue); }

 private:
  static std::int32_t ask(void* ctx) noexcept { return (*static_cast<Condition*>(ctx))() ? 1 : 0; }
};

}  // namespace detail

// ---------------------------------------------------------------------------------------------
// co_await event.wait(), co_await queue.wait_unless(condition)
// ---------------------------------------------------------------------------------------------

/// What co_await makes of a wait_operation; it lives in the coroutine's frame. Since: 0.1
template <class Source, class Executor>
class wait_awaiter : public detail::awaiter<Source, Executor> {
 public:
  using detail::awaiter<Source, Executor>::awaiter;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  status await_resume() noexcept { return static_cast<status>(this->finish()); }
};

/// A wait to be awaited: a small value with options. The event or queue must live until the wait
/// has ended. Nothing happens before co_await. Since: 0.1
template <class Source, class Executor = resume_inline>
class [[nodiscard]] wait_operation {
 public:
  /// Default: priority::normal.
  [[nodiscard]] wait_operation priority(afflux::priority p) && {
    terms_.prio = p;
    return std::move(*this);
  }
  /// As acquire_operation::within().
  template <class Rep, class Period>
  [[nodiscard]] wait_operation within(std::chrono::duration<Rep, Period> d) && {
    terms_.within(d);
    return std::move(*this);
  }
  /// As acquire_operation::until().
  template <class Clock, class Duration>
  [[nodiscard]] wait_operation until(std::chrono::time_point<Clock, Duration> when) && {
    terms_.until(when);
    return std::move(*this);
  }
  /// Resume by `e(handle)` when it had to wait; where it had not, the coroutine just goes on.
  template <class E>
  requires executor<std::decay_t<E>>
  [[nodiscard]] wait_operation<Source, std::decay_t<E>> resume_on(E&& e) && {
    return {std::move(source_), terms_, std::forward<E>(e)};
  }
  /// As acquire_operation::resume_on(port).
  [[nodiscard]] wait_operation<Source, detail::on_port> resume_on(const port& p) && {
    return {std::move(source_), terms_, detail::resume_in(p)};
  }

  /// co_await: a status.
  [[nodiscard]] wait_awaiter<Source, Executor> operator co_await() && {
    return {std::move(source_), terms_, std::move(executor_)};
  }

 private:
  friend class event;
  friend class port;
  friend class wait_queue;
  friend struct detail::several_access;
  template <class, class>
  friend class wait_operation;

  wait_operation(Source source, const detail::acquire_terms& terms, Executor executor)
      : source_(std::move(source)), terms_(terms), executor_(std::move(executor)) {}

  Source source_;
  detail::acquire_terms terms_;
  [[no_unique_address]] Executor executor_;
};

// ---------------------------------------------------------------------------------------------
// Event
// ---------------------------------------------------------------------------------------------

/// What becomes of an event that a wait has passed. Since: 0.1
enum class reset : std::int32_t {
  automatic = 0,  ///< the wait takes the notification with it
  manual = 1      ///< it stays set until clear()
};

/// An owner of one reference of an event; afflux.h, "Event". Move-only; share() makes another
/// owner. With the last one those who wait get status::closed.
///
/// An empty owner (default-made, moved from) answers status::invalid and 0.
/// Threads: as semaphore.
/// Since: 0.1
class event {
 public:
  /// Empty.
  event() noexcept = default;

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
    event e;
    e.handle_ = detail::owner<::afflux_event>(handle);
    e.kind_ = kind;
    return e;
  }

  /// Another owner of the same event.
  [[nodiscard]] event share() const noexcept {
    event e;
    e.handle_ = handle_.share();
    e.kind_ = kind_;
    return e;
  }

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
    return {{handle(), kind_ == reset::automatic}, detail::acquire_terms{}, resume_inline{}};
  }

  /// The first waiter goes on, or with nobody waiting it is set. Manual reset: it is set, all go
  /// on.
  /// @return ok; invalid.
  /// Threads: any; resumes coroutines (chapter 4). Order: happens before the waits that it ends.
  AFFLUX_HPP_NOINLINE status notify_one() const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_event_notify_one(handle()));
  }
  /// Every waiter goes on, or with nobody waiting it is set. Otherwise as notify_one().
  AFFLUX_HPP_NOINLINE status notify_all() const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_event_notify_all(handle()));
  }
  /// Not set any more; who waits goes on waiting. @return ok; invalid.
  status clear() const noexcept { return static_cast<status>(::afflux_event_clear(handle())); }

  /// Whether it is set at this moment.
  [[nodiscard]] bool is_set() const noexcept { return ::afflux_event_is_set(handle()) != 0; }
  /// Waiters now, blocked threads included.
  [[nodiscard]] std::uint64_t waiters() const noexcept { return ::afflux_event_waiters(handle()); }

 private:
  AFFLUX_HPP_NOINLINE status wait_ns(std::int64_t timeout_ns) const noexcept {
    const detail::blocking_scope scope;
    return static_cast<status>(::afflux_event_wait(handle(), timeout_ns));
  }

  detail::owner<::afflux_event> handle_;
  reset kind_ = reset::automatic;
};

// ---------------------------------------------------------------------------------------------
// Condition
// ---------------------------------------------------------------------------------------------

/// A condition variable for any lock with lock() and unlock(): std::condition_variable_any, with
/// waiters in the order of their arrival and wakes without a mutex of its own. Like that one it
/// neither moves nor copies, and nobody may wait any more when it is destroyed; lock() must not
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
    const status s = wait_ns(lock, detail::remaining_ns(when, Clock::now()));
    // A clock that has been set back meanwhile, or goes slower: not yet.
    const bool late = s == status::timed_out && (Clock::is_steady || !(Clock::now() < when));
    return late ? std::cv_status::timeout : std::cv_status::no_timeout;
  }
  /// @return what `stop_waiting()` answered last.
  template <class Lock, class Clock, class Duration, class Predicate>
  bool wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> when,
                  Predicate stop_waiting) {
    while (!stop_waiting()) {
      if (wait_until(lock, when) == std::cv_status::timeout) return stop_waiting();
    }
    return true;
  }

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
    Lock& lock;
    bool unlocked = false;
    // While the lock is not held. Not around the whole call: coroutines that run here may want
    // the lock.
    std::optional<detail::blocking_scope> asleep = std::nullopt;

    static void do_unlock(void* ctx) noexcept {
      auto* self = static_cast<wait_call*>(ctx);
      self->lock.unlock();
      self->unlocked = true;
      self->asleep.emplace();
    }
    static void do_lock(void* ctx) noexcept {
      auto* self = static_cast<wait_call*>(ctx);
      self->asleep.reset();
      self->lock.lock();
    }
  };

  template <class Lock>
  AFFLUX_HPP_NOINLINE status wait_ns(Lock& lock, std::int64_t timeout_ns) noexcept {
    wait_call<Lock> call{lock};
    const auto s = static_cast<status>(::afflux_cond_wait(
        handle(), &wait_call<Lock>::do_lock, &wait_call<Lock>::do_unlock, &call, timeout_ns));
    if (!call.unlocked) {
      // No time, or no memory to queue. Others get at the lock nevertheless: a loop that polls
      // would wait for them in vain.
      wait_call<Lock>::do_unlock(&call);
      std::this_thread::yield();
      wait_call<Lock>::do_lock(&call);
    }
    return s;
  }

  detail::owner<::afflux_cond> handle_;
};

// ---------------------------------------------------------------------------------------------
// Waiter queue
// ---------------------------------------------------------------------------------------------

/// An owner of one reference of a queue of waiters, for primitives of one's own; afflux.h, "Waiter
/// queue", and docs/primitives.md. Move-only; share() makes another owner. With the last one those
/// who wait get status::closed.
///
/// An empty owner (default-made, moved from) answers status::invalid and 0. Make one with a
/// strategy: `wait_queue q(queue_strategy::automatic)`.
/// Threads: as semaphore.
/// Since: 0.1
class wait_queue {
 public:
  /// Empty.
  wait_queue() noexcept = default;

  /// Throws error (not_supported: that strategy; invalid), std::bad_alloc.
  explicit wait_queue(queue_strategy strategy) {
    status made = status::ok;
    *this = create(strategy, made);
    detail::throw_unless_made(made);
  }

  /// The same without exceptions: empty, and ret_status tells why, on failure.
  [[nodiscard]] static wait_queue create(queue_strategy strategy, status& ret_status) noexcept {
    ::afflux_queue* made = nullptr;
    ret_status =
        static_cast<status>(::afflux_queue_create(static_cast<std::uint32_t>(strategy), &made));
    return from_handle(made);
  }

  /// Own a reference that the caller has; null makes an empty owner.
  [[nodiscard]] static wait_queue from_handle(::afflux_queue* handle) noexcept {
    wait_queue q;
    q.handle_ = detail::owner<::afflux_queue>(handle);
    return q;
  }

  /// Another owner of the same queue.
  [[nodiscard]] wait_queue share() const noexcept {
    wait_queue q;
    q.handle_ = handle_.share();
    return q;
  }

  /// The C handle, borrowed; null when empty.
  [[nodiscard]] ::afflux_queue* handle() const noexcept { return handle_.get(); }
  [[nodiscard]] explicit operator bool() const noexcept { return handle() != nullptr; }
  friend void swap(wait_queue& a, wait_queue& b) noexcept { std::swap(a.handle_, b.handle_); }

  /// To be awaited: `while (!mine) co_await q.wait_unless([&] { return mine = try_lock(); });`
  /// `condition()` answers a bool and does not throw. It is asked once, on this thread, when the
  /// coroutine has its place in the queue: whoever makes it true and then wakes is not missed.
  /// co_await answers ok (the condition held, or it was woken, after which the condition may hold
  /// or not); again (within(0)), timed_out, closed, invalid, os_error, no_memory.
  /// A coroutine that is destroyed when it was woken and has not run yet passes the wake on, by
  /// wake_one(); so may a wake_all() wake one who came later.
  template <class Condition>
  requires std::predicate < std::decay_t<Condition>
  & > wait_operation<detail::queue_source<std::decay_t<Condition>>> wait_unless(
          Condition&& condition) const {
    return {
        {handle(), std::forward<Condition>(condition)}, detail::acquire_terms{}, resume_inline{}};
  }

  /// Wake the first waiter. @return ok; again: nobody waits; invalid.
  /// Threads: any; resumes coroutines (chapter 4). Order: happens before what it wakes; whoever
  ///          queues later sees what the caller did before.
  AFFLUX_HPP_NOINLINE status wake_one() const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_queue_wake_one(handle()));
  }
  /// Wake the first `n`, or as many as there are. @return how many there were.
  AFFLUX_HPP_NOINLINE std::uint64_t wake_n(std::uint64_t n) const noexcept {
    const detail::resume_scope scope;
    std::uint64_t woken = 0;
    (void)::afflux_queue_wake_n(handle(), n, &woken);  // 0 when it fails
    return woken;
  }
  /// Wake all who wait now. @return ok; invalid.
  AFFLUX_HPP_NOINLINE status wake_all() const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_queue_wake_all(handle()));
  }

  /// Waiters now.
  [[nodiscard]] std::uint64_t waiters() const noexcept { return ::afflux_queue_waiters(handle()); }

 private:
  detail::owner<::afflux_queue> handle_;
};

}  // namespace afflux

#undef AFFLUX_HPP_NOINLINE
// Behind what it needs, whichever of the three is included first.
#include <afflux/several.hpp>

#endif  // AFFLUX_EVENT_HPP
