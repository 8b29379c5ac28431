// SPDX-License-Identifier: MIT OR Apache-2.0
#include "baseline/raw_count.h"

namespace afflux::baseline {

bool call_add(raw_counter* counter, std::uint64_t n) noexcept {
  if (counter == nullptr) return false;
  raw_add(*counter, n);
  return true;
}

}  // namespace afflux::baseline
