// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A semaphore's statistics, as Prometheus and afflux-top read them.
#pragma once

#include <afflux/afflux.hpp>
#include <string>

namespace uring_server {

class metrics {
 public:
  explicit metrics(const afflux::semaphore& permits);  // throws std::runtime_error
  metrics(const metrics&) = delete;
  metrics& operator=(const metrics&) = delete;
  ~metrics() { afflux_registry_unref(registry_); }

  // On any thread, and while others acquire and release: it takes no lock.
  std::string text() const;

 private:
  afflux_registry* registry_ = nullptr;
};

}  // namespace uring_server
