// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which process this is: a doorbell belongs to the one that made it.
#pragma once

#include <cstdint>

namespace afflux::port {

// How many forks lie between this process and the one that loaded the library.
std::uint32_t forks() noexcept;

// Counts them from now on. 0 or an errno value.
int count_forks() noexcept;

}  // namespace afflux::port
