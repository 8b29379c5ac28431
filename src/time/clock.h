// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The one clock: nanoseconds on the monotonic clock.
#pragma once

#include <cstdint>
#include <limits>

namespace afflux::time {

// The deadline of a wait without limit.
inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

std::int64_t now_ns() noexcept;

// As now_ns(), cheaper and late by up to a tick of the system's (1 … 16 ms), where there is such
// a thing.
std::int64_t rough_now_ns() noexcept;

// The instant `timeout_ns` from now; kNever for a negative time (no limit) and
// for one that lies beyond what the clock can say.
std::int64_t deadline_after(std::int64_t timeout_ns) noexcept;

}  // namespace afflux::time
