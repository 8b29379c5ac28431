// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A pass in a process of its own, so that its peak memory is its own too.
#pragma once

#include <optional>

#include "options.h"
#include "pass.h"

namespace checksum_tree {

struct child_end {
  int exit_code;                      // 128 + the signal that killed it
  std::optional<pass_report> report;  // empty when it could not finish
};

// The caller must have no threads and little memory: a child begins with its
// parent's. report.peak_memory is the system's word (wait4). Throws cannot_run.
child_end run_pass_in_child(const options& chosen, bool silent);

}  // namespace checksum_tree
