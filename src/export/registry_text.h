// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A registry as the text that Prometheus scrapes.
#pragma once

#include <cstdint>

#include "export/registry.h"
#include "export/text_writer.h"
#include "status.h"

namespace afflux::exporting {

struct text_options {
  bool openmetrics;
  bool each_client;       // has series of its own
  std::uint32_t tenants;  // of each semaphore that have
};

// Writes what is in the registry when it begins. The caller keeps the registry. ok; no_memory:
// nothing was written.
status write_text(registry& all, const text_options& options, text_writer& to);

}  // namespace afflux::exporting
