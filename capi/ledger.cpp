// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The ledger of holders: validate, read, show.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "handles.h"
#include "stats/ledger.h"

using namespace afflux;
using namespace afflux::capi;

namespace {

using ledger = stats::ledger<policy>;

std::uint64_t untold(const semaphore& sem, std::uint64_t told) {
  const std::uint64_t held = core::held(sem);
  return held > told ? held - told : 0;
}

// "id permits seconds tag\n"; the seconds with nine places.
class text_line {
 public:
  text_line& number(std::uint64_t n) {
    size_ = static_cast<std::size_t>(std::to_chars(end(), text_.data() + text_.size(), n).ptr -
                                     text_.data());
    return *this;
  }
  text_line& text(const char* more) {
    const std::size_t length = std::strlen(more);
    std::memcpy(end(), more, length);
    size_ += length;
    return *this;
  }
  text_line& seconds(std::int64_t ns) {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    const auto whole = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
    number(whole / kSecond).text(".");
    const std::size_t dot = size_;
    number(kSecond + whole % kSecond);  // "1xxxxxxxxx"
    std::memmove(text_.data() + dot, text_.data() + dot + 1, size_ - dot - 1);
    --size_;
    return *this;
  }
  bool to(afflux_sink_fn sink, void* ctx) const { return sink(ctx, text_.data(), size_) == 0; }

 private:
  char* end() { return text_.data() + size_; }

  std::array<char, 160> text_{};
  std::size_t size_ = 0;
};

}  // namespace

extern "C" {

afflux_status afflux_sem_visit_holders(const afflux_sem* sem, afflux_holder_visitor visit,
                                       void* ctx, uint64_t* ret_untold) {
  if (sem == nullptr || visit == nullptr) return AFFLUX_EINVAL;
  const ledger* const book = from(sem)->ledger.get();
  if (book == nullptr) return AFFLUX_ENOTSUP;
  std::uint64_t told = 0;
  for (std::uint32_t i = 0; i < book->size(); ++i) {
    const stats::holder who = book->read(i);
    if (who.id == 0) continue;
    told += who.permits;
    const afflux_holder seen = {.struct_size = sizeof seen,
                                .reserved = 0,
                                .id = who.id,
                                .permits = who.permits,
                                .held_ns = std::max<std::int64_t>(policy::now() - who.since, 0),
                                .tag = who.tag.data()};
    if (visit(ctx, &seen) != 0) return AFFLUX_ECANCELED;
  }
  if (ret_untold != nullptr) *ret_untold = untold(*from(sem), told);
  return AFFLUX_OK;
}

afflux_status afflux_sem_dump_holders(const afflux_sem* sem, afflux_sink_fn sink, void* ctx) {
  if (sem == nullptr || sink == nullptr) return AFFLUX_EINVAL;
  const ledger* const book = from(sem)->ledger.get();
  if (book == nullptr) return AFFLUX_ENOTSUP;
  const std::unique_ptr<stats::holder[]> all(new (std::nothrow) stats::holder[book->size()]);
  if (all == nullptr) return AFFLUX_ENOMEM;
  std::size_t count = 0;
  std::uint64_t told = 0;
  for (std::uint32_t i = 0; i < book->size(); ++i) {
    all[count] = book->read(i);
    if (all[count].id == 0) continue;
    told += all[count].permits;
    ++count;
  }
  std::sort(all.get(), all.get() + count, [](const stats::holder& a, const stats::holder& b) {
    return a.since != b.since ? a.since < b.since : a.id < b.id;
  });
  const std::int64_t now = policy::now();
  for (std::size_t i = 0; i < count; ++i) {
    text_line line;
    line.number(all[i].id).text(" ").number(all[i].permits).text(" ");
    line.seconds(now - all[i].since).text(" ").text(all[i].tag.data()).text("\n");
    if (!line.to(sink, ctx)) return AFFLUX_ECANCELED;
  }
  const std::uint64_t rest = untold(*from(sem), told);
  if (rest != 0) {
    text_line line;
    line.text("- ").number(rest).text(" - untold\n");
    if (!line.to(sink, ctx)) return AFFLUX_ECANCELED;
  }
  return AFFLUX_OK;
}

}  // extern "C"
