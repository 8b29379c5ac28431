// SPDX-License-Identifier: MIT OR Apache-2.0
#include "percentile.h"

#include <algorithm>
#include <cmath>

namespace example {

std::chrono::nanoseconds percentile(std::vector<std::chrono::nanoseconds>& values, double rank) {
  if (values.empty()) return std::chrono::nanoseconds::zero();
  const double position = std::ceil(rank * static_cast<double>(values.size()));
  const auto at = values.begin() + std::max(0L, static_cast<long>(position) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace example
