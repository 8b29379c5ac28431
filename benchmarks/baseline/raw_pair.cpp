// SPDX-License-Identifier: MIT OR Apache-2.0
#include "baseline/raw_pair.h"

namespace afflux::baseline {

bool call_acquire(limit_beside* state, std::uint64_t n) noexcept { return raw_acquire(*state, n); }

bool call_release(limit_beside* state, std::uint64_t n) noexcept { return raw_release(*state, n); }

bool call_release_add(limit_beside* state, std::uint64_t n) noexcept {
  return raw_release_add(*state, n);
}

bool call_acquire(limit_apart* state, std::uint64_t n) noexcept { return raw_acquire(*state, n); }

bool call_release(limit_apart* state, std::uint64_t n) noexcept { return raw_release(*state, n); }

}  // namespace afflux::baseline
