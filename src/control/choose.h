// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The one place that knows which algorithms there are.
#pragma once

#include <cstdint>
#include <memory>

#include "control/algorithm.h"

namespace afflux::control {

// What a caller says of an algorithm; 0: what it has by itself.
struct settings {
  std::uint32_t algorithm = 0;  // AFFLUX_CONTROL_…, of those that there are
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  std::uint64_t initial = 0;
  std::uint64_t seed = 0;
  std::int64_t window = 0;  // ns, all
  std::int64_t timeout = 0;
  std::int64_t probe_interval = 0;
};

// nullptr: there is no such algorithm.
const char* name_of(std::uint32_t algorithm);

// Fills in what is 0: bounds by the algorithm's defaults, the limit to begin with by `limit`, the
// present one. False: the numbers contradict each other.
bool complete(settings& s, std::uint64_t limit);

// `s` is complete. nullptr: no memory.
std::unique_ptr<algorithm> choose(const settings& s);

}  // namespace afflux::control
