// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Between the handles of stats.h and the registry.
#pragma once

#include "export/registry.h"
#include "handles.h"

namespace afflux::capi {

inline exporting::registry* from(afflux_registry* r) {
  return reinterpret_cast<exporting::registry*>(r);
}
inline afflux_client* to_handle(stats::client* client) {
  return reinterpret_cast<afflux_client*>(client);
}

}  // namespace afflux::capi
