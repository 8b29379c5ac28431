// SPDX-License-Identifier: MIT OR Apache-2.0
#include "meter.h"

#include <algorithm>
#include <cmath>

namespace checksum_tree {

nanoseconds percentile(std::vector<nanoseconds>& values, double rank) {
  if (values.empty()) return nanoseconds::zero();
  const double position = std::ceil(rank * static_cast<double>(values.size()));
  const auto at = values.begin() + std::max(0L, static_cast<long>(position) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace checksum_tree
