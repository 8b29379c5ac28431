// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A registry as the text that Prometheus scrapes.
#pragma once

#include "export/registry.h"
#include "export/text_writer.h"

namespace afflux::exporting {

struct text_options {
  bool openmetrics;
  bool each_client;  // has series of its own
};

// Writes what is in the registry when it begins. The caller keeps the registry.
void write_text(registry& all, const text_options& options, text_writer& to);

}  // namespace afflux::exporting
