// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which format a scraper wants.
#pragma once

#include <cstdint>
#include <string_view>

namespace metrics_server {

// AFFLUX_EXPORT_OPENMETRICS where the header Accept prefers it to plain text, else
// AFFLUX_EXPORT_PROMETHEUS: who names neither can read that.
std::uint32_t format_for(std::string_view accept);

}  // namespace metrics_server
