// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Any of several acquires and events, all of them. A part of afflux.hpp,
// whose chapters hold here, too; afflux.h ("Several at once") is the manual.
#ifndef AFFLUX_SEVERAL_HPP
#define AFFLUX_SEVERAL_HPP

#include <afflux/detail/config.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <afflux/afflux.h>
#include <afflux/acquire.hpp>
#include <afflux/detail/awaiter.hpp>
#include <afflux/detail/on_port.hpp>
#include <afflux/detail/part.hpp>
#include <afflux/detail/terms.hpp>
#include <afflux/event.hpp>
#include <afflux/executor.hpp>
#include <afflux/permit.hpp>
#include <afflux/status.hpp>
#include <afflux/wait.hpp>

namespace afflux {

/// What `co_await any(...)` answers. Since: 0.1
struct any_permit {
  std::size_t index = 0;  ///< which operation, as they were given; of meaning with status::ok
  /// Its permits. Empty when it failed, with a status, and with status::ok when an event won.
  afflux::permit permit;
};

namespace detail {

/// What can be one of several.
template <class T>
concept several_part = requires(const T& op) {
  part_access::part_of(op);
};

/// The wait for any (All: for all) of N; a Source of detail::awaiter.
template <bool All, std::size_t N>
class several_source {
 public:
  using result = std::conditional_t<All, std::array<permit, N>, any_permit>;

  explicit several_source(const std::array<part, N>& parts) noexcept : parts_(parts) {}
  // Before it starts: the rest needs no initialisation.
  several_source(const several_source& other) noexcept : parts_(other.parts_) {}
  several_source& operator=(const several_source&) = delete;
  ~several_source() = default;

  [[nodiscard]] ::afflux_status start(const ::afflux_request& request, ::afflux_waiter&) noexcept {
    for (std::size_t i = 0; i < N; ++i) {
      items_[i].sem = parts_[i].from.sem;
      items_[i].event = parts_[i].event;
      items_[i].permits = parts_[i].terms.permits;
    }
    if constexpr (All) {
      return ::afflux_acquire_all_async(&group_, items_.data(), N, &request);
    } else {
      return ::afflux_acquire_any_async(&group_, items_.data(), N, &request, nullptr);
    }
  }

  void clear() noexcept { group_ = {}; }
  [[nodiscard]] ::afflux_status cancel() noexcept { return ::afflux_wait_group_cancel(&group_); }

  void give_back(const acquire_terms&) const noexcept {
    for (std::size_t i = 0; i < N; ++i) {
      if (All || i == winner()) parts_[i].give_back();
    }
  }

  [[nodiscard]] result taken() const noexcept {
    if constexpr (All) {
      return each([this](std::size_t i) { return parts_[i].taken(); });
    } else {
      const std::size_t i = winner();
      return {i, parts_[i].taken()};
    }
  }
  [[nodiscard]] static result failed(::afflux_status why) noexcept {
    if constexpr (All) {
      return each([why](std::size_t) { return part_access::failed(why); });
    } else {
      return {0, part_access::failed(why)};
    }
  }

 private:
  template <class F>
  [[nodiscard]] static result each(F make) noexcept {
    return [&make]<std::size_t... I>(std::index_sequence<I...>) { return result{make(I)...}; }
    (std::make_index_sequence<N>());
  }
  [[nodiscard]] std::size_t winner() const noexcept { return ::afflux_wait_group_index(&group_); }

  std::array<part, N> parts_;
  ::afflux_wait_group group_;
  std::array<::afflux_wait_item, N> items_;
};

/// What holds for the whole.
[[nodiscard]] inline acquire_terms together(acquire_terms a, const acquire_terms& b) noexcept {
  const std::int64_t mine = a.timeout_ns();
  const std::int64_t other = b.timeout_ns();
  a.time_ns = mine < 0 ? other : other < 0 ? mine : std::min(mine, other);
  a.has_deadline = false;
  a.permits = 1;
  a.cost_bytes = std::max(a.cost_bytes, b.cost_bytes);
  a.flags |= b.flags;
  a.prio = std::max(a.prio, b.prio);
  if (b.client != nullptr) a.client = b.client;  // refused by the library, as a tenant is
  if (b.tenant != nullptr) a.tenant = b.tenant;
  return a;
}

}  // namespace detail

/// What co_await makes of a several_operation; it lives in the coroutine's frame. Since: 0.1
template <bool All, std::size_t N, class Executor>
class several_awaiter : public detail::awaiter<detail::several_source<All, N>, Executor> {
  using base = detail::awaiter<detail::several_source<All, N>, Executor>;

 public:
  using base::base;

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  auto await_resume() noexcept {
    const ::afflux_status result = this->finish();
    return result == AFFLUX_OK ? this->source().taken() : this->source().failed(result);
  }
};

/// Several acquires and waits to be awaited as one. Nothing happens before co_await. Since: 0.1
template <bool All, std::size_t N, class Executor = resume_inline>
class [[nodiscard]] several_operation {
 public:
  several_operation(const std::array<detail::part, N>& parts, Executor executor)
      : parts_(parts), executor_(std::move(executor)) {}

  /// Resume by `e(handle)` when it had to wait; where it had not, the coroutine just goes on.
  template <class E>
  requires(!std::same_as<std::decay_t<E>, port> && executor<std::decay_t<E>>)
      [[nodiscard]] several_operation<All, N, std::decay_t<E>> resume_on(E&& e) && {
    return {parts_, std::forward<E>(e)};
  }
  /// As acquire_operation::resume_on(port).
  [[nodiscard]] several_operation<All, N, detail::on_port> resume_on(const port& p) && noexcept {
    return {parts_, detail::resume_in(p)};
  }

  /// co_await: any_permit, or std::array<permit, N>.
  [[nodiscard]] several_awaiter<All, N, Executor> operator co_await() && {
    detail::acquire_terms terms = parts_[0].terms;
    for (const detail::part& each : parts_) terms = detail::together(terms, each.terms);
    return {detail::several_source<All, N>(parts_), terms, std::move(executor_)};
  }

 private:
  std::array<detail::part, N> parts_;
  [[no_unique_address]] Executor executor_;
};

/// To be awaited: `auto [index, p] = co_await any(a.acquire(), b.acquire(2), stop.wait());`
///
/// Exactly one is taken, the first that comes; the others are untouched. The operations' options
/// count for the whole: the shortest time (from the co_await on), the highest priority, the largest
/// cost, and wait_for_resize if one of them says so. Semaphores and events must live until the wait
/// has ended.
/// co_await answers an any_permit; its permit's status() is ok, or it is empty with again
/// (within(0)), timed_out, closed (one of the semaphores), rejected, too_big, invalid, no_memory,
/// os_error.
/// Since: 0.1
template <detail::several_part... Ops>
requires(sizeof...(Ops) >= 1 && sizeof...(Ops) <= AFFLUX_WAIT_ITEMS_MAX)
    [[nodiscard]] several_operation<false, sizeof...(Ops)> any(Ops... ops) {
  return {{detail::part_access::part_of(ops)...}, resume_inline{}};
}

/// To be awaited: `auto [slot, memory] = co_await all(slots.acquire(), bytes.acquire(n));`
///
/// All are held in the end, or none. In whatever order they are given, such waits never wait for
/// each other in a circle. The options count as for any().
/// co_await answers a std::array of permits, in the order of the operations, an empty one with
/// status::ok for an event; when it failed all of them are empty, with a status as for any().
/// Since: 0.1
template <detail::several_part... Ops>
requires(sizeof...(Ops) >= 1 && sizeof...(Ops) <= AFFLUX_WAIT_ITEMS_MAX)
    [[nodiscard]] several_operation<true, sizeof...(Ops)> all(Ops... ops) {
  return {{detail::part_access::part_of(ops)...}, resume_inline{}};
}

}  // namespace afflux

#endif  // AFFLUX_SEVERAL_HPP
