// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One pass over the tree.
#pragma once

#include <cstdint>
#include <string>

#include "hash.h"

namespace checksum_tree {

enum class io_mode { automatic, uring, threads };

struct options {
  // The most that a semaphore takes: nobody ever waits.
  static constexpr std::uint64_t kNoLimit = (std::uint64_t{1} << 42) - 1;

  std::string directory = "/usr/include";
  std::uint64_t in_flight = 64;
  unsigned rings = 1;
  hash_kind hash = hash_kind::xxh64;
  io_mode io = io_mode::automatic;
  bool compare = false;
  bool summary = true;
  bool list = true;  // false: nothing is printed but the summary
};

// Bytes only: --compare has it in memory that a process shares with its child.
struct pass_report {
  const char* io;  // how files were read; static text
  std::uint64_t read;
  std::uint64_t unreadable;          // files and directories
  std::uint64_t out_of_descriptors;  // of these
  std::uint64_t skipped;             // no longer a regular file when it was opened
  std::uint64_t stopped;             // given up by an interrupt
  std::uint64_t bytes;
  std::uint64_t peak_in_flight;
  std::uint64_t peak_open_files;
  std::uint64_t open_file_limit;
  std::uint64_t peak_memory;
  std::uint64_t time_ns;  // from the first file's begin to the last one's end
  std::uint64_t waited;   // files that had to wait for their permit
  std::uint64_t wait_p50_ns;
  std::uint64_t wait_p99_ns;
  std::uint64_t latency_p50_ns;  // from having the permit to giving it back
  std::uint64_t latency_p99_ns;
  int output_error;
  int signal;  // that ended it early, or 0
};

// Reads the tree and prints. Throws std::runtime_error.
pass_report run_pass(const options& chosen);

// The same with the summary and the messages of failures. Returns the exit status.
int run_and_tell(const options& chosen, pass_report& ret_report);

// compare.cpp: a pass as above, then two more, with the limit and without. Returns the exit status.
int compare(const options& chosen);

// The signal that asked for the end, 0 while none did.
int interrupted();

}  // namespace checksum_tree
