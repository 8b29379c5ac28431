// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Random numbers for jitter: splitmix64, by Sebastiano Vigna. The same seed gives the same numbers.
#pragma once

#include <cstdint>

namespace afflux::control {

class splitmix {
 public:
  explicit splitmix(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // Evenly from [from, to).
  double between(double from, double to) {
    return from + (to - from) * (static_cast<double>(next() >> 11) * 0x1p-53);
  }

 private:
  std::uint64_t state_;
};

}  // namespace afflux::control
