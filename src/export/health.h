// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a semaphore is, beside limits: what afflux_sem_health() tells.
#pragma once

#include "afflux/afflux.h"
#include "core/strategies.h"

namespace afflux::exporting {

// struct_size is that of this library.
afflux_health_limits default_limits();
// What the semaphore was created with.
afflux_health_limits own_limits(const core::native_semaphore& sem);

// A look: the next one is compared with what this one has seen (stats/standstill.h).
afflux_health health_of(const core::native_semaphore& sem, const afflux_health_limits& limits);

}  // namespace afflux::exporting
