// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace afflux::bench {

// Log-linear: 32 steps to each power of two, so that a value is off by 3 % at most.
class histogram {
 public:
  void add(std::uint64_t value) {
    ++counts_[index(value)];
    ++total_;
    max_ = std::max(max_, value);
  }

  void add(const histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t total() const { return total_; }
  std::uint64_t max() const { return max_; }

  // The value that `share` (0 … 1) of all do not exceed.
  std::uint64_t quantile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return std::min(upper(i), max_);
    }
    return max_;
  }

 private:
  static constexpr unsigned kBits = 5;
  static constexpr std::uint64_t kSteps = std::uint64_t{1} << kBits;

  static std::size_t index(std::uint64_t value) {
    if (value < kSteps) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kBits - 1;
    return static_cast<std::size_t>((value >> shift) + kSteps * shift);
  }

  static std::uint64_t upper(std::size_t index) {
    if (index < kSteps) return index;
    const std::uint64_t shift = index / kSteps - 1;
    return ((index % kSteps + kSteps + 1) << shift) - 1;
  }

  std::array<std::uint64_t, kSteps*(64 - kBits + 1)> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace afflux::bench
