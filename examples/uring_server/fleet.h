// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One limit for several servers: what this one has leased of it is the limit of its semaphore.
#pragma once

#include <afflux/afflux.hpp>

#include <memory>
#include <string>

#include "options.h"

namespace uring_server {

class fleet {
 public:
  fleet() = default;
  fleet(const fleet&) = delete;
  fleet& operator=(const fleet&) = delete;
  virtual ~fleet() = default;

  virtual afflux::semaphore permits() const = 0;
  // For Prometheus, beside the registry's.
  virtual std::string metrics() const = 0;
  // Gives back what is leased; all permits are free. What became of it, for people.
  virtual std::string close() = 0;
};

// `limits` is of the local semaphore. Throws afflux::error, or std::runtime_error where this build
// has no fleets.
std::unique_ptr<fleet> open_fleet(const options& chosen, const afflux::options& limits);

}  // namespace uring_server
