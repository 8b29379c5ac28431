// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The algorithms that are compared, with their published defaults but for the largest limit, which
// is the same for all.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/algorithm.h"
#include "control/simulation.h"

namespace afflux::simulation {

constexpr int kMaxLimit = 1000;

// By name. Among them "fixed", a limit of the number of workers; "shedding", the same with a line
// that sheds by its published times; and "lifo", the same with adaptive LIFO.
const std::vector<std::string>& contestants();

// nullptr for those of a fixed limit, and for unknown names.
std::unique_ptr<control::algorithm> make_algorithm(const std::string& name, std::uint64_t seed);

outcome run(const setting& of, const std::string& contestant);

}  // namespace afflux::simulation
