// SPDX-License-Identifier: MIT OR Apache-2.0
//
// co_await event.wait(), co_await queue.wait_unless(condition), co_await sem.wait_idle(). A part of
// afflux.hpp, whose chapters hold here, too.
#ifndef AFFLUX_WAIT_HPP
#define AFFLUX_WAIT_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <concepts>
#include <type_traits>
#include <utility>

#include <afflux/detail/awaiter.hpp>
#include <afflux/detail/on_port.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/executor.hpp>
#include <afflux/options.hpp>
#include <afflux/status.hpp>

namespace afflux {

namespace detail {
struct part_access;  // detail/part.hpp
}

/// What co_await makes of a wait_operation; it lives in the coroutine's frame. Since: 0.1
template <class Source, class Executor>
class wait_awaiter : public detail::awaiter<Source, Executor> {
 public:
  using detail::awaiter<Source, Executor>::awaiter;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  status await_resume() noexcept { return static_cast<status>(this->finish()); }
};

/// A wait to be awaited: a small value with options. The event, queue or semaphore must live until
/// the wait has ended. Nothing happens before co_await. Since: 0.1
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
  requires(!std::same_as<std::decay_t<E>, port> && executor<std::decay_t<E>>)
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
  friend class semaphore;
  friend class wait_queue;
  friend struct detail::part_access;
  template <class, class>
  friend class wait_operation;

  wait_operation(Source source, const detail::acquire_terms& terms, Executor executor)
      : source_(std::move(source)), terms_(terms), executor_(std::move(executor)) {}

  Source source_;
  detail::acquire_terms terms_;
  [[no_unique_address]] Executor executor_;
};

}  // namespace afflux

#endif  // AFFLUX_WAIT_HPP
