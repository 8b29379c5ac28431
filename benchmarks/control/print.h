// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The matrix and the scenarios as text, or as JSON for report.py.
#pragma once

#include "control/matrix.h"
#include "control/scenarios.h"

namespace afflux::simulation {

void print_text(const matrix_options& options, const std::vector<cell>& cells);
void print_text(const scenario_options& options, const std::vector<course>& courses);
void print_json(const matrix_options& options, const std::vector<cell>& cells,
                const scenario_options& played, const std::vector<course>& courses);

}  // namespace afflux::simulation
