// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What it answers over HTTP; the HTTP is cpp-httplib's.
#pragma once

#include <httplib.h>

#include <cstdint>
#include <thread>

#include "options.h"
#include "service.h"
#include "workload.h"

namespace metrics_server {

class server {
 public:
  // `load`: nullptr without a workload. Throws std::runtime_error where it cannot listen.
  server(const options& chosen, const service& measured, workload* load);
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server();

  int port() const { return port_; }

 private:
  void add_routes(afflux_registry* registry, std::uint32_t flags, workload* load);

  httplib::Server http_;
  int port_;
  std::jthread thread_;
};

}  // namespace metrics_server
