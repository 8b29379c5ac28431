// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "io.h"

namespace checksum_tree {

// Carries a request out on the calling thread.
int perform(const io_request& request);

}  // namespace checksum_tree
