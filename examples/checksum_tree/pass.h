// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One pass over the tree.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>

#include "options.h"

namespace checksum_tree {

// Bytes only, so that it can be sent from one process to another.
struct pass_report {
  std::array<char, 16> io;  // how files were read
  std::uint64_t files;      // found
  std::uint64_t read;
  std::uint64_t unreadable;  // files and directories
  std::uint64_t out_of_descriptors;
  std::uint64_t skipped;
  std::uint64_t stopped;
  std::uint64_t bytes;
  std::uint64_t peak_in_flight;
  std::uint64_t peak_open_files;
  std::uint64_t open_file_limit;
  std::uint64_t peak_memory;
  std::int64_t time_ns;  // from the first file's begin to the last one's end
  std::int64_t wait_p50_ns;
  std::int64_t wait_p99_ns;
  std::int64_t latency_p50_ns;
  std::int64_t latency_p99_ns;
  int output_error;
  int signal;  // that ended it early, or 0
};

int exit_code_of(const pass_report& report);

struct cannot_run : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A silent one prints nothing. Throws cannot_run.
pass_report run_pass(const options& chosen, bool silent);

}  // namespace checksum_tree
