// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hash.h"

namespace checksum_tree {

enum class io_mode { automatic, uring, threads };

// What the program ends with; after a signal it is 128 + the signal's number.
enum exit_code { kAllRead = 0, kSomeUnreadable = 1, kCannotRun = 2 };

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
};

// Empty when the program is to end at once, with `ret_exit_code`.
std::optional<options> parse_options(int argc, char** argv, int& ret_exit_code);

}  // namespace checksum_tree
