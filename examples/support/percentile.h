// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <chrono>
#include <vector>

namespace example {

// The value that the share `rank` of all, 0 < rank <= 1, does not exceed; 0 of none. Reorders.
std::chrono::nanoseconds percentile(std::vector<std::chrono::nanoseconds>& values, double rank);

}  // namespace example
