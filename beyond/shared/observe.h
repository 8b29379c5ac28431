// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What can be seen of a segment: numbers and holders.
#pragma once

#include <cstddef>
#include <cstdint>

#include "afflux/shared.h"
#include "handle.h"

namespace afflux::shared {

afflux_shared_stats read_stats(handle& of) noexcept;

// How many there are; the first `room` are written.
std::size_t read_holders(const handle& of, afflux_shared_holder* to, std::size_t room) noexcept;

std::uint64_t held_by(const handle& of) noexcept;
std::uint64_t limit_of(const handle& of) noexcept;

}  // namespace afflux::shared
