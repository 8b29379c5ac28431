// SPDX-License-Identifier: MIT OR Apache-2.0
#include "export/top_tenants.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "export/tenant_reading.h"
#include "stats/label.h"

namespace afflux::exporting {
namespace {

constexpr std::uint64_t kNoticed = 4;  // permits and requests
constexpr std::uint64_t kAhead = 8;

// It is read soon: what lies between these two.
void prefetch(const native_tenant& t) {
  const auto* const end = reinterpret_cast<const char*>(&t.waiting + 1);
  for (const auto* at = reinterpret_cast<const char*>(&t.held); at < end; at += 64) {
    __builtin_prefetch(at);
  }
}

struct place {
  const native_tenant* who = nullptr;
  unsigned step = 0;
  double used = 0;

  // Before that one.
  bool operator<(const place& other) const {
    if (step != other.step) return step > other.step;
    if (used != other.used) return used > other.used;
    return who->number < other.who->number;
  }
};

place place_of(const native_tenant& t) {
  const std::uint64_t busy = t.held.get() + t.waiting->count();
  return {&t, static_cast<unsigned>(std::bit_width(busy / kNoticed)), t.totals.used.get()};
}

void add(together& sum, const native_tenant& t) {
  sum.held += t.held.get();
  sum.waiting += t.waiting->count();
  sum.weight += t.weight_seen.get();
  sum.guaranteed += t.guaranteed.get();
}

// The first `most` of all that it is told of, the last of these on top; the others are added up.
// `most` is 0 only if there are none.
class selection {
 public:
  selection(std::unique_ptr<place[]> room, std::size_t most, together& others)
      : room_(std::move(room)), most_(most), others_(others) {}

  void see(const native_tenant& t) {
    const place its = place_of(t);
    if (count_ < most_) {
      room_[count_++] = its;
      std::push_heap(begin(), end());
      return;
    }
    if (!(its < room_[0])) return add(others_, t);
    std::pop_heap(begin(), end());
    add(others_, *room_[count_ - 1].who);
    room_[count_ - 1] = its;
    std::push_heap(begin(), end());
  }
  void sort() { std::sort_heap(begin(), end()); }

  place* begin() { return room_.get(); }
  place* end() { return room_.get() + count_; }

 private:
  std::unique_ptr<place[]> room_;
  const std::size_t most_;
  std::size_t count_ = 0;
  together& others_;
};

bool show(const native_tenant& t, shown_tenant& to) {
  to.number = t.number;
  to.now = read_stats(t);
  return stats::copy_label(t.name.get(), to.name);
}

status read_from(const native_tenant* const* all, std::uint32_t most, top_tenants& to) {
  const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(most, to.count));
  std::unique_ptr<place[]> places(new (std::nothrow) place[room]);
  to.shown.reset(new (std::nothrow) shown_tenant[room]);
  if (places == nullptr || to.shown == nullptr) return status::no_memory;
  selection best(std::move(places), room, to.others);
  for (std::uint64_t i = 0; i < to.count; ++i) {
    if (i + kAhead < to.count) prefetch(*all[i + kAhead]);
    best.see(*all[i]);
  }
  best.sort();
  for (const place& its : best) {
    if (!show(*its.who, to.shown[to.shown_count++])) return status::no_memory;
  }
  return status::ok;
}

}  // namespace

status read_tenants(const core::native_semaphore& sem, std::uint32_t most, top_tenants& to) {
  // acquire: as made with the first tenant.
  auto& all = *sem.tenanted.load(std::memory_order_acquire);
  status s = status::ok;
  all.visit([&](const native_tenant* const* first, std::size_t count) {
    to.count = count;
    s = read_from(first, most, to);
  });
  if (s != status::ok) return s;
  std::uint64_t theirs = to.others.held;
  for (std::size_t i = 0; i < to.shown_count; ++i) theirs += to.shown[i].now.held;
  const std::uint64_t held = core::held(sem);
  to.usual = {.held = held > theirs ? held - theirs : 0,
              .waiting = all.usual().waiting->count(),
              .weight = all.usual().weight_seen.get()};
  return s;
}

}  // namespace afflux::exporting
