// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The ledger of holders: validate, convert, call.
#include <algorithm>
#include <cstdint>

#include "export/holders.h"
#include "handles.h"

using namespace afflux;
using namespace afflux::capi;

extern "C" {

afflux_status afflux_sem_visit_holders(const afflux_sem* sem, afflux_holder_visitor visit,
                                       void* ctx, uint64_t* ret_untold) {
  if (sem == nullptr || visit == nullptr) return AFFLUX_EINVAL;
  const auto* const book = from(sem)->ledger.get();
  if (book == nullptr) return AFFLUX_ENOTSUP;
  std::uint64_t told = 0;
  const bool ended = exporting::each_holder(*book, told, [&](const stats::holder& who) {
    const afflux_holder seen = {.struct_size = sizeof seen,
                                .reserved = 0,
                                .id = who.id,
                                .permits = who.permits,
                                .held_ns = std::max<std::int64_t>(policy::now() - who.since, 0),
                                .tag = who.tag.data()};
    return visit(ctx, &seen) == 0;
  });
  if (!ended) return AFFLUX_ECANCELED;
  if (ret_untold != nullptr) *ret_untold = exporting::untold(*from(sem), told);
  return AFFLUX_OK;
}

afflux_status afflux_sem_dump_holders(const afflux_sem* sem, afflux_sink_fn sink, void* ctx) {
  if (sem == nullptr || sink == nullptr) return AFFLUX_EINVAL;
  const auto* const book = from(sem)->ledger.get();
  if (book == nullptr) return AFFLUX_ENOTSUP;
  return to_c(exporting::dump_holders(*from(sem), *book, sink, ctx));
}

}  // extern "C"
