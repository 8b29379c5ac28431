// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a tenant is and has done, in the struct of tenant.h.
#pragma once

#include "afflux/afflux.h"
#include "core/strategies.h"

namespace afflux::exporting {

using native_tenant = queue::tenant<native_policy>;

afflux_tenant_stats read_stats(const native_tenant& t);

}  // namespace afflux::exporting
