// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the C API tells, as JSON, and the semaphores' health.
#pragma once

#include <afflux/afflux.h>

#include <string>

namespace metrics_server {

std::string stats_json(afflux_registry* registry);

// Empty when all semaphores are healthy, else a line for each that is not.
std::string complaints(afflux_registry* registry);

}  // namespace metrics_server
