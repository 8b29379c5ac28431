// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The options of a co_await.
#ifndef AFFLUX_DETAIL_TERMS_HPP
#define AFFLUX_DETAIL_TERMS_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>

#include <afflux/afflux.h>
#include <afflux/detail/time.hpp>
#include <afflux/options.hpp>

namespace afflux::detail {

/// What a co_await asks for.
struct acquire_terms {
  std::uint64_t permits = 1;
  std::uint64_t cost_bytes = 0;
  std::uint32_t flags = 0;
  afflux::priority prio = afflux::priority::normal;
  /// Relative; or absolute on steady_clock where has_deadline.
  std::int64_t time_ns = AFFLUX_FOREVER;
  bool has_deadline = false;
  ::afflux_client* client = nullptr;  ///< borrowed; null: none
  ::afflux_tenant* tenant = nullptr;  ///< likewise

  template <class Rep, class Period>
  void within(std::chrono::duration<Rep, Period> d) noexcept {
    time_ns = ceil_ns(d);
    has_deadline = false;
  }

  template <class Clock, class Duration>
  void until(std::chrono::time_point<Clock, Duration> when) noexcept {
    until_after(remaining_ns(when, Clock::now()));
  }

  /// A deadline, `ns` from now on.
  void until_after(std::int64_t ns) noexcept {
    const std::int64_t now = steady_now_ns();
    time_ns = ns > kMaxNs - now ? kMaxNs : now + ns;
    has_deadline = true;
  }

  [[nodiscard]] std::int64_t timeout_ns() const noexcept {
    if (!has_deadline) return time_ns;
    const std::int64_t now = steady_now_ns();
    return time_ns > now ? time_ns - now : 0;
  }

  [[nodiscard]] static std::int64_t steady_now_ns() noexcept {
    return ceil_ns(std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_TERMS_HPP
