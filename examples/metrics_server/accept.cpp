// SPDX-License-Identifier: MIT OR Apache-2.0
#include "accept.h"

#include <afflux/afflux.h>

#include <algorithm>
#include <charconv>

namespace metrics_server {
namespace {

// Takes what stands before the next `separator` off the front, without the space around it.
std::string_view next(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
  while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
  return part;
}

double number(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

struct media_range {
  std::string_view type;
  std::string_view version;
  double quality = 1;
};

media_range parse(std::string_view text) {
  media_range range;
  range.type = next(text, ';');
  while (!text.empty()) {
    std::string_view parameter = next(text, ';');
    const std::string_view name = next(parameter, '=');
    if (name == "version") range.version = parameter;
    if (name == "q") range.quality = number(parameter);
  }
  return range;
}

}  // namespace

std::uint32_t format_for(std::string_view accept) {
  double open_metrics = 0;
  double plain = 0;
  while (!accept.empty()) {
    const media_range range = parse(next(accept, ','));
    const bool known_version = range.version.empty() || range.version == "1.0.0";
    if (range.type == "application/openmetrics-text" && known_version) {
      open_metrics = std::max(open_metrics, range.quality);
    } else if (range.type == "text/plain") {
      plain = std::max(plain, range.quality);
    }
  }
  return open_metrics > plain ? AFFLUX_EXPORT_OPENMETRICS : AFFLUX_EXPORT_PROMETHEUS;
}

}  // namespace metrics_server
