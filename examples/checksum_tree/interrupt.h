// SPDX-License-Identifier: MIT OR Apache-2.0
//
// SIGINT and SIGTERM ask for a clean end.
#pragma once

namespace checksum_tree {

void catch_interrupts();

// The signal that came, 0 while none did.
int interrupted();

}  // namespace checksum_tree
