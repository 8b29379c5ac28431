// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is told of a limit: as text for people, as JSON for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "limit.h"

namespace shared_command {

// The lines of a limit: its numbers, then its holders, those with permits first, oldest first.
std::vector<std::string> lines_of(const limit& one);

nlohmann::ordered_json json_of(const limit& one);

// Prints it; what is not UTF-8 in a tag or a name is replaced.
void print_json(const nlohmann::ordered_json& value);

// Columns side by side: numbers to the right, and of the last `texts` columns each to the left.
std::vector<std::string> table(const std::vector<std::vector<std::string>>& rows,
                               std::size_t texts);

}  // namespace shared_command
