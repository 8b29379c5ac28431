// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The command line.
#pragma once

#include <cstdint>
#include <string>

namespace fleet_command {

enum exit_code { kDone = 0, kFailed = 1, kCannotRun = 2 };

enum class verb { show, create, resize, expire, list };

struct options {
  fleet_command::verb verb = fleet_command::verb::show;
  std::string url;
  std::string name;           // of the limit; not of list
  std::string holder;         // of expire
  std::uint64_t permits = 0;  // of create and resize
  bool is_fresh = false;
  bool is_live = false;
  bool is_json = false;
  double interval_s = 1;
  double timeout_s = 2;
};

// Ends the program after --help, with kDone, and after a mistake, with kCannotRun.
options read_options(int argc, char** argv);

}  // namespace fleet_command
