// SPDX-License-Identifier: MIT OR Apache-2.0
#include "export/holders.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <string_view>

#include "export/text_writer.h"

namespace afflux::exporting {
namespace {

using namespace std::string_view_literals;

// "id permits seconds tag\n"
void write(text_writer& to, const stats::holder& who, std::int64_t now) {
  to.put(who.id);
  to.put(" "sv);
  to.put(who.permits);
  to.put(" "sv);
  to.put_nine_places(std::max<std::int64_t>(now - who.since, 0));
  to.put(" "sv);
  to.put(std::string_view(who.tag.data()));
  to.put("\n"sv);
  to.flush();
}

void write_untold(text_writer& to, std::uint64_t permits) {
  to.put("- "sv);
  to.put(permits);
  to.put(" - untold\n"sv);
  to.flush();
}

}  // namespace

std::uint64_t untold(const core::native_semaphore& sem, std::uint64_t told) {
  const std::uint64_t held = core::held(sem);
  return held > told ? held - told : 0;
}

status dump_holders(const core::native_semaphore& sem, const native_ledger& book,
                    afflux_sink_fn sink, void* ctx) {
  const std::unique_ptr<stats::holder[]> all(new (std::nothrow) stats::holder[book.size()]);
  if (all == nullptr) return status::no_memory;
  std::size_t count = 0;
  std::uint64_t told = 0;
  each_holder(book, told, [&](const stats::holder& who) {
    all[count++] = who;
    return true;
  });
  std::sort(all.get(), all.get() + count, [](const stats::holder& a, const stats::holder& b) {
    return a.since != b.since ? a.since < b.since : a.id < b.id;
  });
  const std::int64_t now = native_policy::now();
  text_writer to(sink, ctx);
  for (std::size_t i = 0; i < count && !to.stopped(); ++i) write(to, all[i], now);
  if (const std::uint64_t rest = untold(sem, told); rest != 0 && !to.stopped()) {
    write_untold(to, rest);
  }
  return to.stopped() ? status::canceled : status::ok;
}

}  // namespace afflux::exporting
