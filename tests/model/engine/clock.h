// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Vector clocks: what a fibre knows of the others. Component f counts the
// releases of fibre f; an access of f at time t happened before whatever knows
// at least t of f. Source: Flanagan and Freund, FastTrack (PLDI 2009).
#pragma once

#include <cstddef>
#include <cstdint>

namespace afflux::model {

inline constexpr int kMaxFibres = 8;

// Eight times 16 bits: one vector register. Signed, as every x86-64 has a
// signed maximum of that width.
struct alignas(16) vector_clock {
  std::int16_t at[kMaxFibres] = {};

  constexpr void join(const vector_clock& other) {
    for (int i = 0; i < kMaxFibres; ++i) at[i] = at[i] < other.at[i] ? other.at[i] : at[i];
  }
  constexpr bool knows(const vector_clock& other) const {
    int ahead = 0;
    for (int i = 0; i < kMaxFibres; ++i) ahead |= other.at[i] > at[i] ? 1 : 0;
    return ahead == 0;
  }
};

// One access: by whom and when. Time 0 was before every fibre.
struct epoch {
  std::int16_t time = 0;
  std::int16_t fibre = 0;

  constexpr bool known_to(const vector_clock& clock) const { return time <= clock.at[fibre]; }
};

}  // namespace afflux::model
