// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the process may have, and has had, of the system.
#pragma once

#include <cstdint>

namespace example {

// Raises the limit of open files as far as it goes; the limit then.
std::uint64_t raise_open_file_limit();

// The most memory that was resident at once, in bytes.
std::uint64_t peak_memory();

}  // namespace example
