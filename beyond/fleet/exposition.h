// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fleets as text for Prometheus.
#pragma once

#include <afflux/fleet.h>

#include <cstdint>
#include <string>
#include <vector>

namespace afflux::fleet {

struct exposed {
  std::string name;      // UTF-8
  std::uint64_t id = 0;  // tells those of one name apart
  afflux_fleet_stats stats{};
};

// Another one for each fleet of this process: 1, 2, …
std::uint64_t next_id();

// All series of afflux_fleet_write(), each family once. "" without a fleet.
std::string expose(const std::vector<exposed>& all, bool open_metrics);

}  // namespace afflux::fleet
