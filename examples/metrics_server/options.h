// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The command line.
#pragma once

#include <cstdint>

namespace metrics_server {

enum exit_code { kCleanEnd = 0, kCannotRun = 2 };

struct options {
  std::uint16_t port = 9464;
  unsigned duration_s = 0;
  bool idle = false;
  bool clients = false;
};

// Ends the program after --help, with kCleanEnd, and after a mistake, with kCannotRun.
options read_options(int argc, char** argv);

}  // namespace metrics_server
