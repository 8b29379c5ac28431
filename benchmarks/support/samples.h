// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace afflux::bench {

// Every value is kept: for ratios that a histogram's steps would blur.
class samples {
 public:
  explicit samples(std::size_t most) { values_.reserve(most); }

  void add(std::uint64_t value) { values_.push_back(value); }

  // The value that `share` (0 … 1) of all do not exceed; 0 if there are none.
  std::uint64_t quantile(double share) {
    if (values_.empty()) return 0;
    const auto index = static_cast<std::size_t>(share * static_cast<double>(values_.size()));
    const auto nth =
        values_.begin() + static_cast<std::ptrdiff_t>(std::min(index, values_.size() - 1));
    std::nth_element(values_.begin(), nth, values_.end());
    return *nth;
  }

 private:
  std::vector<std::uint64_t> values_;
};

}  // namespace afflux::bench
