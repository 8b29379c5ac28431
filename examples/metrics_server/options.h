// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The command line.
#pragma once

#include <cstdint>
#include <optional>

namespace metrics_server {

enum exit_code { kCleanEnd = 0, kCannotRun = 2 };

struct options {
  std::uint16_t port = 9464;
  unsigned duration_s = 0;
  bool idle = false;
  bool clients = false;
};

// Empty when the program is to end at once, with `ret_exit_code`.
std::optional<options> parse_options(int argc, char** argv, int& ret_exit_code);

}  // namespace metrics_server
