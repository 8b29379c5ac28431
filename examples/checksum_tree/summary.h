// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string>

#include "options.h"
#include "pass.h"

namespace checksum_tree {

// The lines that tell how a pass went.
std::string summary_of(const options& chosen, const pass_report& report);

}  // namespace checksum_tree
