// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the system says of processes, asked each time.
#pragma once

#include <cstdint>

#include "handle.h"
#include "process.h"

namespace afflux::shared {

class system_host final : public host {
 public:
  bool is_alive(std::uint64_t life) override { return shared::is_alive(life); }
  bool stands_still(std::uint64_t life) override { return shared::stands_still(life); }
};

}  // namespace afflux::shared
