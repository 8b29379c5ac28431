// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The queue of waiters, for primitives of one's own. A part of afflux.hpp, whose chapters hold
// here, too; afflux.h ("Waiter queue") is the manual.
#ifndef AFFLUX_WAIT_QUEUE_HPP
#define AFFLUX_WAIT_QUEUE_HPP

#include <afflux/detail/config.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/detail/expect.hpp>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/owner.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/executor.hpp>
#include <afflux/options.hpp>
#include <afflux/status.hpp>
#include <afflux/wait.hpp>

namespace afflux {

namespace detail {

/// A wake of a queue, unless the condition holds.
template <class Condition>
struct queue_source {
  ::afflux_queue* queue;
  [[no_unique_address]] Condition condition;

  [[nodiscard]] ::afflux_status start(const ::afflux_request& request,
                                      ::afflux_waiter& waiter) noexcept {
    return ::afflux_queue_add_waiter_if(queue, &ask, std::addressof(condition), &request, &waiter);
  }
  // The thread that woke it counts on a waiter to look.
  void give_back(const acquire_terms&) const noexcept { ::afflux_queue_wake_one(queue); }

 private:
  static std::int32_t ask(void* ctx) noexcept { return (*static_cast<Condition*>(ctx))() ? 1 : 0; }
};

}  // namespace detail

/// An owner of one reference of a queue of waiters, for primitives of one's own; afflux.h, "Waiter
/// queue", and docs/primitives.md. Move-only; share() makes another owner. With the last one those
/// who wait get status::closed.
///
/// An owner is empty after it was moved from, where create() failed, and of a null handle;
/// chapter 1 says what an empty one may be used for.
/// Threads: as semaphore.
/// Since: 0.1
class wait_queue {
 public:
  /// With queue_strategy::automatic. Throws std::bad_alloc.
  wait_queue() : wait_queue(queue_strategy::automatic) {}

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
    return wait_queue(detail::owner<::afflux_queue>(handle));
  }

  /// Another owner of the same queue.
  [[nodiscard]] wait_queue share() const noexcept { return wait_queue(handle_.share()); }

  /// The C handle, borrowed; null when empty.
  [[nodiscard]] ::afflux_queue* handle() const noexcept { return handle_.get(); }
  [[nodiscard]] explicit operator bool() const noexcept { return handle() != nullptr; }
  friend void swap(wait_queue& a, wait_queue& b) noexcept { std::swap(a.handle_, b.handle_); }

  /// To be awaited: `while (!mine) co_await q.wait_unless([&] { return mine = try_lock(); });`
  /// `condition()` answers a bool and does not throw. It is asked once, on this thread, when the
  /// coroutine has its place in the queue: a thread that makes it true and then wakes is not
  /// missed. co_await answers ok (the condition held, or it was woken, after which the condition
  /// may hold or not); again (within(0)), timed_out, closed, invalid, os_error, no_memory. A
  /// coroutine that is destroyed when it was woken and has not run yet passes the wake on, by
  /// wake_one(); so may a wake_all() wake one who came later.
  template <class Condition>
  requires std::predicate < std::decay_t<Condition>
  & > wait_operation<detail::queue_source<std::decay_t<Condition>>> wait_unless(
          Condition&& condition) const {
    return {{used(), std::forward<Condition>(condition)}, detail::acquire_terms{}, resume_inline{}};
  }

  /// Wake the first waiter. @return ok; again: none waits; invalid.
  /// Threads: any; resumes coroutines (chapter 4). Order: happens before what it wakes; a waiter
  /// that
  ///          queues later sees what the caller did before.
  AFFLUX_HPP_NOINLINE status wake_one() const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_queue_wake_one(used()));
  }
  /// Wake the first `n`, or as many as there are. @return how many there were.
  AFFLUX_HPP_NOINLINE std::uint64_t wake_n(std::uint64_t n) const noexcept {
    const detail::resume_scope scope;
    std::uint64_t woken = 0;
    (void)::afflux_queue_wake_n(used(), n, &woken);  // 0 when it fails
    return woken;
  }
  /// Wake all who wait now. @return ok; invalid.
  AFFLUX_HPP_NOINLINE status wake_all() const noexcept {
    const detail::resume_scope scope;
    return static_cast<status>(::afflux_queue_wake_all(used()));
  }

  /// Waiters now.
  [[nodiscard]] std::uint64_t waiters() const noexcept { return ::afflux_queue_waiters(used()); }

 private:
  explicit wait_queue(detail::owner<::afflux_queue> handle) noexcept : handle_(std::move(handle)) {}

  [[nodiscard]] ::afflux_queue* used() const noexcept {
    AFFLUX_ASSERT(handle() != nullptr && "afflux::wait_queue: empty");
    return handle();
  }

  detail::owner<::afflux_queue> handle_;
};

}  // namespace afflux

#endif  // AFFLUX_WAIT_QUEUE_HPP
