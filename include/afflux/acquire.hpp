// SPDX-License-Identifier: MIT OR Apache-2.0
//
// co_await sem.acquire(n). A part of afflux.hpp, whose chapters hold here, too.
#ifndef AFFLUX_ACQUIRE_HPP
#define AFFLUX_ACQUIRE_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/client.hpp>
#include <afflux/detail/awaiter.hpp>
#include <afflux/detail/calls.hpp>
#include <afflux/detail/fast_path.hpp>
#include <afflux/detail/on_port.hpp>
#include <afflux/detail/tenant_owner.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/executor.hpp>
#include <afflux/options.hpp>
#include <afflux/permit.hpp>
#include <afflux/status.hpp>

namespace afflux {

namespace detail {

struct part_access;  // detail/part.hpp

/// Permits of a semaphore, or of a tenant of it.
struct permit_source {
  target from;  // without the inline path where the terms name a tenant

  [[nodiscard]] ::afflux_status start(const ::afflux_request& request,
                                      ::afflux_waiter& waiter) const noexcept {
    return ::afflux_sem_acquire_async(from.sem, &request, &waiter);
  }
  [[nodiscard]] target holder(const acquire_terms& terms) const noexcept {
    return target::of(from, terms.tenant);
  }
  void give_back(const acquire_terms& terms) const noexcept {
    release(holder(terms), terms.permits);
  }
};

}  // namespace detail

/// What co_await makes of an acquire_operation; it lives in the coroutine's frame. Since: 0.1
template <class Executor, bool Throws>
class acquire_awaiter : public detail::awaiter<detail::permit_source, Executor> {
 public:
  acquire_awaiter(const detail::target& t, const detail::acquire_terms& terms, Executor executor)
      : detail::awaiter<detail::permit_source, Executor>({t}, terms, std::move(executor)) {}

  [[nodiscard]] bool await_ready() noexcept {
    // Only the call accounts.
    return this->terms().client == nullptr &&
           detail::fast_acquire(this->source().from, this->terms().permits);
  }

  permit await_resume() noexcept(!Throws) {
    const ::afflux_status result = this->finish();
    if (result == AFFLUX_OK)
      return permit(this->source().holder(this->terms()), this->terms().permits);
    if constexpr (Throws) throw error(static_cast<status>(result), "afflux: acquire");
    return permit(static_cast<status>(result));
  }
};

/// An acquire to be awaited: a small value with options. The semaphore must live until the wait
/// has ended. Nothing happens before co_await. Since: 0.1
template <class Executor = resume_inline, bool Throws = false>
class [[nodiscard]] acquire_operation {
 public:
  /// Default: priority::normal.
  [[nodiscard]] acquire_operation priority(afflux::priority p) && noexcept {
    terms_.prio = p;
    return std::move(*this);
  }
  /// Bytes that count against options::max_queue_bytes while it waits; default 0.
  [[nodiscard]] acquire_operation cost(std::uint64_t bytes) && noexcept {
    terms_.cost_bytes = bytes;
    return std::move(*this);
  }
  /// Wait at most `d`, counted from the co_await, rounded up to nanoseconds; zero or less never
  /// waits (status::again). Replaces until().
  template <class Rep, class Period>
  [[nodiscard]] acquire_operation within(std::chrono::duration<Rep, Period> d) && noexcept {
    terms_.within(d);
    return std::move(*this);
  }
  /// Wait until `when` at the latest, on any clock; its distance is measured here and now, later
  /// adjustments of that clock do not count. Replaces within().
  template <class Clock, class Duration>
  [[nodiscard]] acquire_operation until(std::chrono::time_point<Clock, Duration> when) && noexcept {
    terms_.until(when);
    return std::move(*this);
  }
  /// Wait although more is asked for than the limit allows: a resize is expected.
  [[nodiscard]] acquire_operation wait_for_resize() && noexcept {
    terms_.flags |= AFFLUX_WAIT_FOR_RESIZE;
    return std::move(*this);
  }
  /// Account it to `c`, which must live until the wait has ended; default: none, as for an
  /// empty one. Not within any() and all(), which answer status::invalid then.
  [[nodiscard]] acquire_operation account_to(const client& c) && noexcept {
    terms_.client = c.used();
    return std::move(*this);
  }
  /// As a request of `t`, a tenant of the same semaphore, which must live until the wait has ended,
  /// and the permits are released; co_await answers invalid for one of another. Not together with
  /// account_to(), and not within any() and all(), which answer status::invalid then.
  [[nodiscard]] acquire_operation of(const detail::tenant_owner& t) && noexcept {
    terms_.tenant = t.used();
    target_.fast = &detail::call_block;
    if (terms_.tenant == nullptr) target_.sem = nullptr;  // invalid, as for an empty semaphore
    return std::move(*this);
  }
  /// Resume by `e(handle)` when it had to wait; where it had not, the coroutine just goes on.
  template <class E>
  requires(!std::same_as<std::decay_t<E>, port> && executor<std::decay_t<E>>)
      [[nodiscard]] acquire_operation<std::decay_t<E>, Throws> resume_on(E&& e) && {
    return {target_, terms_, std::forward<E>(e)};
  }
  /// Resume in p.run_ready() when it had to wait. The port must live until the wait has ended.
  [[nodiscard]] acquire_operation<detail::on_port, Throws> resume_on(const port& p) && noexcept {
    return {target_, terms_, detail::resume_in(p)};
  }
  /// Throw afflux::error from the co_await instead of an empty permit.
  [[nodiscard]] acquire_operation<Executor, true> or_throw() && {
    return {target_, terms_, std::move(executor_)};
  }

  /// co_await: a permit, empty with a status when it failed.
  [[nodiscard]] acquire_awaiter<Executor, Throws> operator co_await() && {
    return {target_, terms_, std::move(executor_)};
  }

 private:
  friend class semaphore;
  friend class tenant;
  friend struct detail::part_access;
  template <class, bool>
  friend class acquire_operation;

  acquire_operation(const detail::target& t, const detail::acquire_terms& terms, Executor executor)
      : target_(t), terms_(terms), executor_(std::move(executor)) {}

  detail::target target_;
  detail::acquire_terms terms_;
  [[no_unique_address]] Executor executor_;
};

}  // namespace afflux

#endif  // AFFLUX_ACQUIRE_HPP
