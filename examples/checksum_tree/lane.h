// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A thread with a loop, and the files that it reads.
#pragma once

#include <cstddef>
#include <latch>
#include <memory>
#include <utility>

#include "loop.h"
#include "meter.h"
#include "workspace.h"

namespace checksum_tree {

struct shared_state;

// Used on its own thread only, but for `pass`.
struct lane {
  lane(shared_state& all, std::unique_ptr<io_backend> backend, hash_kind kind)
      : pass(all), workspaces(kind), io(std::move(backend)) {}

  shared_state& pass;
  workspace_pool workspaces;
  samples times;
  std::size_t left = 0;  // files that have not ended
  loop io;               // goes first: it reads into the workspaces
};

// Begins every `step`th file from `first` on; returns when they have ended. No file is read before
// `all_begun`, so that it is those of all lanes that wait.
void run_lane(lane& own, std::size_t first, std::size_t step, std::latch& all_begun);

}  // namespace checksum_tree
