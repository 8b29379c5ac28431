// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is printed: for people, and for programs.
#pragma once

#include <string>
#include <vector>

#include "limit.h"

namespace fleet_command {

std::string to_table(const std::string& name, const limit& l);
std::string to_json(const std::string& name, const limit& l);  // one line
std::string to_json(const std::vector<std::string>& names);
// Without what a terminal would obey.
std::string printable(std::string_view text);

}  // namespace fleet_command
