// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Events per second, of two summaries of a registry.
#pragma once

#include <cstdint>

#include "afflux/afflux.h"

namespace afflux::exporting {

// What rates are of.
struct flows {
  std::uint64_t acquired, released, queued, refused, requests, bytes, errors;
};

flows flows_of(const afflux_registry_summary_t& s);

afflux_rates rates_between(const flows& before, const flows& now, std::int64_t ns);

}  // namespace afflux::exporting
