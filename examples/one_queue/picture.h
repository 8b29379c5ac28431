// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Permits held by language over time, as an SVG.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "one_queue.h"

namespace one_queue {

using shares = std::array<double, ONE_QUEUE_SIDES>;

// Means over equal parts of the time.
class history {
 public:
  history(double limit, double seconds) : limit_(limit), seconds_(seconds), parts_(kParts) {}

  void add(double at, const shares& held);

  // false: it could not be written.
  bool draw(const char* file, const std::array<const char*, ONE_QUEUE_SIDES>& names) const;

 private:
  static constexpr std::size_t kParts = 240;
  struct part {
    shares sum{};
    double count = 0;
  };

  double limit_;
  double seconds_;
  std::vector<part> parts_;
};

}  // namespace one_queue
