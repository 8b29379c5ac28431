// SPDX-License-Identifier: MIT OR Apache-2.0
//
// In place of fleet.cpp where afflux-fleet is not built.
#include <stdexcept>

#include "fleet.h"

namespace uring_server {

std::unique_ptr<fleet> open_fleet(const options&, const afflux::options&) {
  throw std::runtime_error("--fleet: afflux-fleet is not in this build");
}

}  // namespace uring_server
