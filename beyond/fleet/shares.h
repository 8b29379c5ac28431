// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a limit is shared: weighted max-min fairness over demand, with minimums.
//
// Where all demand fits, each holder's share is its demand, and a part of the rest by weight, so
// that more demand finds permits there already. Otherwise a holder's share is its demand or, if
// that is less, the level times its weight, but at least its minimum; the level is such that all
// shares together are the limit. Whole permits that rounding leaves over are given one each: to
// those who have one already, and, where the share is below one permit, by turns.
#pragma once

#include <cstdint>

#include "fleet/ledger.h"

namespace afflux::fleet {

// Set the target of each holder, and r.owed.
void share_out(record& r);

// What `h` lacks to its share. A little is no reason to take permits away from others.
inline std::uint64_t lack(const holder& h) {
  const std::uint64_t n = h.target > h.permits ? h.target - h.permits : 0;
  return n > h.target / 32 ? n : 0;
}

}  // namespace afflux::fleet
