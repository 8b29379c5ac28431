// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Chrono's times as the C API's nanoseconds.
#ifndef AFFLUX_DETAIL_TIME_HPP
#define AFFLUX_DETAIL_TIME_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

namespace afflux::detail {

inline constexpr std::int64_t kMaxNs = std::numeric_limits<std::int64_t>::max();
// A little below 2^63 - 1, so that what lies under it converts exactly; no one waits 291 years.
inline constexpr long double kHugeNs = 9.2e18L;

using long_double_ns = std::chrono::duration<long double, std::nano>;

/// Nanoseconds of `d`, rounded up (a wait is never shorter than asked for), 0 for what is not
/// positive (never AFFLUX_FOREVER), saturated at the largest int64_t.
template <class Rep, class Period>
[[nodiscard]] constexpr std::int64_t ceil_ns(std::chrono::duration<Rep, Period> d) noexcept {
  if (!(d > d.zero())) return 0;  // a NaN too
  const long double wide = long_double_ns(d).count();
  if (wide >= kHugeNs) return kMaxNs;
  using to_ns = std::ratio_divide<Period, std::nano>;
  if constexpr (!std::chrono::treat_as_floating_point_v<Rep> &&
                (to_ns::num == 1 || to_ns::den == 1)) {
    return std::chrono::ceil<std::chrono::nanoseconds>(d).count();
  } else {
    const auto down = static_cast<std::int64_t>(wide);
    return static_cast<long double>(down) < wide ? down + 1 : down;
  }
}

/// Nanoseconds from `now` to `when`, as by ceil_ns.
template <class Clock, class Duration>
[[nodiscard]] constexpr std::int64_t remaining_ns(std::chrono::time_point<Clock, Duration> when,
                                                  typename Clock::time_point now) noexcept {
  // First in floating point: time_point::max() and min() leave no room for a difference.
  const long double when_ns = long_double_ns(when.time_since_epoch()).count();
  const long double now_ns = long_double_ns(now.time_since_epoch()).count();
  if (when_ns >= kHugeNs || when_ns - now_ns >= kHugeNs) return kMaxNs;
  if (when_ns <= -kHugeNs || when_ns - now_ns <= -kHugeNs) return 0;
  return ceil_ns(when - now);
}

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_TIME_HPP
