// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A semaphore's ledger, as it is told to users.
#pragma once

#include <cstdint>

#include "afflux/afflux.h"
#include "core/strategies.h"
#include "stats/ledger.h"

namespace afflux::exporting {

using native_ledger = stats::ledger<native_policy>;

// Calls see(holder) for each line of the ledger that is in use, until it answers false: then false.
// `told` is how many permits these hold.
template <class See>
bool each_holder(const native_ledger& book, std::uint64_t& told, See&& see) {
  for (std::uint32_t i = 0; i < book.size(); ++i) {
    const stats::holder who = book.read(i);
    if (who.id == 0) continue;
    told += who.permits;
    if (!see(who)) return false;
  }
  return true;
}

// Permits that are held otherwise.
std::uint64_t untold(const core::native_semaphore& sem, std::uint64_t told);

// What afflux_sem_dump_holders() promises; a call of the sink for each line. ok, canceled,
// no_memory.
status dump_holders(const core::native_semaphore& sem, const native_ledger& book,
                    afflux_sink_fn sink, void* ctx);

}  // namespace afflux::exporting
