// SPDX-License-Identifier: MIT OR Apache-2.0
#include "export/tenant_reading.h"

#include <cstdint>

namespace afflux::exporting {
namespace {

std::uint64_t unless_none(std::uint64_t most) { return most == UINT64_MAX ? 0 : most; }

}  // namespace

afflux_tenant_stats read_stats(const native_tenant& t) {
  const queue::tenant_totals<native_policy>& totals = t.totals;
  const queue::share share = t.now();
  return {
      .struct_size = sizeof(afflux_tenant_stats),
      .weight = share.weight,
      .guaranteed = share.guaranteed,
      .cap = unless_none(share.cap),
      .max_waiters = unless_none(share.max_waiters),
      .held = t.held.get(),
      .waiting = t.waiting->count(),
      .hold_ns = t.hold.get(),
      .acquired = totals.acquired.get(),
      .requests = totals.requests.get(),
      .waits = totals.waits.get(),
      .by_guarantee = totals.by_guarantee.get(),
      .wait_sum_ns = totals.wait_sum.get(),
      .wait_max_ns = totals.wait_max.get(),
      .try_failed = totals.try_failed.get(),
      .rejected = totals.rejected.get(),
      .timed_out = totals.timed_out.get(),
      .canceled = totals.canceled.get(),
      .ended = totals.ended.get(),
      .used_permit_seconds = totals.used.get() / 1e9,
      .later = {},
  };
}

}  // namespace afflux::exporting
