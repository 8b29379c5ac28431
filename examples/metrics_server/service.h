// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is measured: three semaphores and three clients, in one registry.
#pragma once

#include "handles.h"

namespace metrics_server {

struct service {
  service();

  // 4 permits and at most 8 waiters; the ninth is refused. The only one with histograms.
  sem_handle database;
  // 2 permits and at most 64 KiB of queued requests; the oldest are dropped.
  sem_handle disk;
  // 4 permits and any number of waiters, of whom more than 8 are unhealthy.
  sem_handle uploads;
  // Measures the uploads; its bounds leave the limit where it is.
  control_handle uploads_control;

  client_handle web;
  client_handle mobile;
  client_handle batch;

  registry_handle registry;
};

// The classes of the clients' requests.
enum request_class : unsigned { kRead = 0, kWrite = 1 };

}  // namespace metrics_server
