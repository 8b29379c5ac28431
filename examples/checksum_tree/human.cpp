// SPDX-License-Identifier: MIT OR Apache-2.0
#include "human.h"

#include <array>
#include <cstdio>

namespace checksum_tree {
namespace {

std::string with_unit(double value, const char* unit) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, unit);
  return text.data();
}

}  // namespace

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return with_unit(value, kUnits[unit]);
}

std::string human_time(std::chrono::nanoseconds time) {
  const auto count = static_cast<double>(time.count());
  if (count < 1e6) return with_unit(count / 1e3, "us");
  if (count < 1e9) return with_unit(count / 1e6, "ms");
  return with_unit(count / 1e9, "s");
}

std::string human_rate(std::uint64_t bytes, std::chrono::nanoseconds time) {
  const auto nanoseconds = static_cast<double>(time.count());
  return with_unit(nanoseconds > 0 ? static_cast<double>(bytes) * 1e3 / nanoseconds : 0, "MB/s");
}

}  // namespace checksum_tree
