// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace uring_server {

enum exit_code { kCleanEnd = 0, kUncleanEnd = 1, kCannotRun = 2 };

// What a tenant gets: see afflux_tenant_options.
struct tenant_share {
  std::string name;
  std::uint32_t weight = 1;
  std::uint64_t guaranteed = 0;
  std::uint64_t cap = 0;
};

struct options {
  unsigned threads = 2;
  std::uint64_t limit = 64;  // 0: none; with `adapts` the first one
  bool adapts = false;
  std::uint64_t queue = 256;
  std::string
      fleet_url;  // of the engine that has the limit for all servers; empty: it is this one's
  std::string fleet_name = "uring_server";
  bool tells_tenants = false;
  unsigned tenants = 1000;  // beside those of `shares`
  std::vector<tenant_share> shares;
  std::uint64_t work_us = 5000;
  bool work_varies = false;
  std::uint64_t backend = 0;
  bool backend_queues = false;
  unsigned timeout_ms = 0;
  std::size_t buffer_kib = 64;
  std::uint16_t port = 8080;
  unsigned duration_s = 0;
};

// Ends the program after --help, with kCleanEnd, and after a mistake, with kCannotRun.
options read_options(int argc, char** argv);

}  // namespace uring_server
