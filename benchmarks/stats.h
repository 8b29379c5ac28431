// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The parts of stats.cpp.
#pragma once

namespace afflux::bench {

void register_clients();     // increment, summary
void register_registries();  // aggregate, add
void register_semaphores();  // snapshot, fast path
void register_reading();     // reading a status: locks, channels, counters

}  // namespace afflux::bench
