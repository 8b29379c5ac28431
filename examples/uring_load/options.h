// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The command line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace uring_load {

// Tenants that behave alike. Of several the names are NAME-1, NAME-2 and so on.
struct tenant_group {
  std::string name;            // empty: the requests name none
  unsigned connections = 256;  // of each
  unsigned rate = 0;           // requests per second of each; 0: a closed loop
  unsigned count = 1;
};

struct options {
  std::uint16_t port = 8080;
  tenant_group nameless;
  std::vector<tenant_group> tenants;  // not empty: instead of `nameless`
  unsigned pause_us = 0;
  unsigned deadline_ms = 0;
  unsigned duration_s = 5;
};

inline std::vector<tenant_group> groups_of(const options& chosen) {
  return chosen.tenants.empty() ? std::vector{chosen.nameless} : chosen.tenants;
}

// Ends the program after --help, with 0, and after a mistake, with 2.
options read_options(int argc, char** argv);

}  // namespace uring_load
