// SPDX-License-Identifier: MIT OR Apache-2.0
#include "limit.h"

#include <algorithm>
#include <cstddef>

#include "failure.h"

namespace shared_command {

afflux_shared_options new_options() {
  afflux_shared_options options;
  afflux_shared_options_init(&options);
  options.max_handles = AFFLUX_SHARED_MAX_HANDLES;
  return options;
}

limit::limit(const std::string& name) : limit(name, new_options()) {}

limit::limit(const std::string& name, const afflux_shared_options& options) : name_(name) {
  require_name(name);
  const afflux_status status = afflux_shared_open(name.c_str(), &options, &shared_);
  if (status != AFFLUX_OK) throw why_not_open(name, status);
}

afflux_shared_stats limit::stats() const {
  afflux_shared_stats stats{};
  stats.struct_size = sizeof stats;
  afflux_shared_get_stats(shared_, &stats);
  if (stats.handles > 0) --stats.handles;  // this one
  return stats;
}

std::vector<afflux_shared_holder> limit::others() const {
  std::vector<afflux_shared_holder> all(AFFLUX_SHARED_MAX_HANDLES);
  std::size_t count = 0;
  afflux_shared_holders(shared_, all.data(), all.size(), &count);
  all.resize(count < all.size() ? count : all.size());
  // This process may have a handle from before an exec(), too: that of `run`.
  const auto youngest = std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.own != b.own ? a.own > b.own : a.open_ns < b.open_ns;
  });
  if (youngest != all.end() && youngest->own != 0) all.erase(youngest);
  return all;
}

}  // namespace shared_command
