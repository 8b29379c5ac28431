// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The C API's handles, each owning one reference.
#pragma once

#include <afflux/afflux.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace metrics_server {

struct unref {
  void operator()(afflux_sem* sem) const { afflux_sem_unref(sem); }
  void operator()(afflux_event* event) const { afflux_event_unref(event); }
  void operator()(afflux_client* client) const { afflux_client_unref(client); }
  void operator()(afflux_control* control) const { afflux_control_unref(control); }
  void operator()(afflux_registry* registry) const { afflux_registry_unref(registry); }
};
using sem_handle = std::unique_ptr<afflux_sem, unref>;
using event_handle = std::unique_ptr<afflux_event, unref>;
using client_handle = std::unique_ptr<afflux_client, unref>;
using control_handle = std::unique_ptr<afflux_control, unref>;
using registry_handle = std::unique_ptr<afflux_registry, unref>;

// For calls that do not fail where the program is right.
inline void expect(afflux_status answer, afflux_status expected, const char* call) {
  if (answer == expected) return;
  throw std::runtime_error(std::string(call) + ": " + afflux_strerror(answer));
}

}  // namespace metrics_server
