// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The random mode: every fibre has a random priority, the highest that may go
// goes, and at a few random steps the running fibre falls below all others.
// Everything is drawn from the seed of the execution alone.
#include <algorithm>

#include "explorer.h"

namespace afflux::model {

// splitmix64, by Sebastiano Vigna.
std::uint64_t explorer::random() {
  std::uint64_t z = random_state_ += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

void explorer::begin_random_execution(std::uint64_t seed) {
  random_state_ = seed;
  for (int& priority : priority_) priority = static_cast<int>(random() >> 40);
  // How long the execution will be is unknown: the changes fall among the
  // first 8 … 512 steps, the range being drawn too.
  const std::uint64_t range = std::uint64_t{8} << random() % 7;
  change_at_.clear();
  for (int i = 0; i < options_.priority_changes; ++i) {
    change_at_.push_back(static_cast<std::uint32_t>(1 + random() % range));
  }
}

int explorer::decide_randomly(mask able, mask ready, bool valued) {
  int taken = -1;
  if (valued) {
    auto skip = random() % static_cast<unsigned>(std::popcount(able));
    mask rest = able;
    while (skip-- != 0) rest &= rest - 1;
    taken = std::countr_zero(rest);
  } else {
    const auto changes = std::count(change_at_.begin(), change_at_.end(), steps_);
    if (changes != 0 && current_ >= 0) priority_[current_] = -static_cast<int>(steps_);
    // A deadline mostly passes only when nothing else can happen.
    const mask offered = ready == 0 || random() % 16 == 0 ? able : ready;
    for (mask rest = offered; rest != 0; rest &= rest - 1) {
      const int candidate = std::countr_zero(rest);
      if (taken < 0 || priority_[candidate] > priority_[taken]) taken = candidate;
    }
  }
  path_.push_back({able, 0, static_cast<std::uint8_t>(taken), valued});
  ++depth_;
  return taken;
}

}  // namespace afflux::model
