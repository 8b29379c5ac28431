// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What backpressure buys: the same work with the limit and without it.
#pragma once

#include "options.h"

namespace checksum_tree {

// Prints the list by a first pass, which also brings the files into the page
// cache, then measures two more and prints them side by side on standard error.
// Returns the first pass' exit code. Throws cannot_run.
int compare(const options& chosen);

}  // namespace checksum_tree
