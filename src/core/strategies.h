// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The one place that knows which queue strategies there are.
#pragma once

#include <cstdint>

#include "core/semaphore.h"
#include "policy.h"

namespace afflux::core {

using native_semaphore = semaphore<native_policy>;

// A strategy of afflux.h (AFFLUX_QUEUE_AUTO included) as it is built in; 0: it is not.
std::uint32_t resolve_strategy(std::uint32_t queue);

// `s.strategy` is resolved, and s.statistics is not AFFLUX_STATS_DEFAULT (0: nothing is counted).
// nullptr: no memory.
native_semaphore* create_semaphore(const queue::settings& s, const char* name);

}  // namespace afflux::core
