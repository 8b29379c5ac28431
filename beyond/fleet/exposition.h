// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fleets as text for Prometheus.
#pragma once

#include <afflux/fleet.h>

#include <string>
#include <vector>

namespace afflux::fleet {

struct exposed {
  std::string name;
  afflux_fleet_stats stats{};
};

// All series of afflux_fleet_write(), each family once. "" without a fleet.
std::string expose(const std::vector<exposed>& all, bool open_metrics);

}  // namespace afflux::fleet
