// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The coroutine of one file.
#pragma once

#include <afflux/afflux.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "lane.h"
#include "listing.h"
#include "meter.h"

namespace checksum_tree {

// What the files of one pass share, in all lanes.
struct shared_state {
  const std::vector<std::string>& paths;
  afflux::semaphore& permits;
  meter& measured;
  listing& results;
  afflux::event& all_ended;
};

// Begins the file: its coroutine waits for a permit, reads, stores the result
// and ends by itself. Without memory for it the result is ENOMEM at once.
void begin_file(lane& own, std::size_t index);

}  // namespace checksum_tree
