// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

// What the yardsticks' shared library shows: its callers go through the same
// kind of indirect call as the callers of afflux.
#define BASELINE_API __attribute__((visibility("default")))
