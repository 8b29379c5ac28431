// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What native_policy::atomic<void*> is, for those whom park/policy.h itself includes.
#pragma once

#include <atomic>

namespace afflux::park {

using pointer_slot = std::atomic<void*>;

}  // namespace afflux::park
