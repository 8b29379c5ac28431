// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Numbers for people.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace checksum_tree {

std::string human_bytes(std::uint64_t bytes);                                // "4.2 MiB"
std::string human_time(std::chrono::nanoseconds time);                       // "12.3 ms"
std::string human_rate(std::uint64_t bytes, std::chrono::nanoseconds time);  // "310.5 MB/s"

}  // namespace checksum_tree
