// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The coroutine of one file.
#pragma once

#include <afflux/afflux.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "listing.h"
#include "loop.h"
#include "meter.h"
#include "workspace.h"

namespace checksum_tree {

// What the files of one pass share. Used on the loop's thread only.
struct shared_state {
  const std::vector<std::string>& paths;
  afflux::semaphore& permits;
  loop& io;
  workspace_pool& workspaces;
  meter& measured;
  listing& results;
};

// Begins the file: its coroutine waits for a permit, reads, stores the result
// and ends by itself. Without memory for it the result is ENOMEM at once.
void begin_file(shared_state& pass, std::size_t index);

// Stores a result and counts it.
void end_file(shared_state& pass, std::size_t index, const file_result& result);

}  // namespace checksum_tree
