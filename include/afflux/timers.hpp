// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who runs the timers. A part of afflux.hpp, whose chapters hold here, too.
#ifndef AFFLUX_TIMERS_HPP
#define AFFLUX_TIMERS_HPP

#include <afflux/detail/config.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

#include <afflux/afflux.h>
#include <afflux/detail/noinline.hpp>
#include <afflux/detail/resume.hpp>
#include <afflux/status.hpp>

namespace afflux {

/// Choose who runs the timers: the process' own thread (false), or the thread that calls
/// timers_advance().
/// @return ok; os_error. Since: 0.1
inline status timers_manual(bool manual) noexcept {
  return static_cast<status>(::afflux_timers_manual(manual ? 1 : 0));
}

/// Complete the requests whose time has run out, on this thread.
/// @return when it should be called again; empty: no request has a time limit. Since: 0.1
AFFLUX_HPP_NOINLINE inline std::optional<std::chrono::nanoseconds> timers_advance() noexcept {
  const detail::resume_scope scope;
  const std::int64_t ns = ::afflux_timers_advance();
  if (ns < 0) return std::nullopt;
  return std::chrono::nanoseconds(ns);
}

}  // namespace afflux

#endif  // AFFLUX_TIMERS_HPP
