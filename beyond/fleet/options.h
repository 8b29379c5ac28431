// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a fleet is opened with: read, checked, and made into what the agent works by.
#pragma once

#include <afflux/fleet.h>

#include <cstdint>
#include <string>

#include "fleet/agent.h"

namespace afflux::fleet {

afflux_fleet_options default_options();

// The caller's options, of whatever size, with what was left to the library set. As
// afflux_fleet_open() answers.
afflux_status read(const afflux_fleet_options& given, afflux_fleet_options& ret_known);

// Permits of the local semaphore that are the agent's.
std::uint64_t reserve_of(const afflux_fleet_options& known);

// The local semaphore with these.
afflux_status make_sem(const afflux_fleet_options& known, std::uint64_t reserve, afflux_sem** ret);

// 128 random bits; "" where the system has none.
std::string random_id();

agent_terms to_terms(const afflux_fleet_options& known, std::string id);

}  // namespace afflux::fleet
