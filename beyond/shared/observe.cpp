// SPDX-License-Identifier: MIT OR Apache-2.0
#include "observe.h"

#include <atomic>
#include <cstring>

namespace afflux::shared {
namespace {

// relaxed, here and below: numbers for observers, each consistent in itself.
std::uint64_t number(const std::atomic<std::uint64_t>& word) noexcept {
  return word.load(std::memory_order_relaxed);
}

bool is_in_line(place_state state) noexcept {
  return state == place_state::waiting || state == place_state::parked;
}

// Permits that a slot holds: those of its own by the head, which may name a transaction of it that
// is not settled.
std::uint64_t held(const segment<policy>& memory, std::uint32_t index) noexcept {
  const slot_record<policy>& slot = memory.slot(index);
  std::uint64_t own = 0;
  std::uint64_t given = 0;
  for (int turn = 0; turn < 16; ++turn) {
    const std::uint64_t seen = memory.common->head.load(std::memory_order_acquire);
    const head_word head = head_word::of(seen);
    const std::uint64_t word = slot.own.load(std::memory_order_acquire);
    given = count_word::of(slot.given.load(std::memory_order_acquire)).count;
    const bool named = head.own && head.slot == index && own_word::is_for(word, head.number);
    own = named ? own_word::of(word).after : own_word::of(word).value();
    if (memory.common->head.load(std::memory_order_acquire) == seen) break;
  }
  return (own + given) & kMostPermits;
}

// Calls `visit(slot)` for each request in line.
template <class Visit>
void for_each_waiter(const segment<policy>& memory, Visit&& visit) noexcept {
  const std::uint32_t top = memory.top();
  for (std::uint32_t i = 0; i < top; ++i) {
    if (!is_in_line(place_word::of(number(memory.places[i])).state)) continue;
    visit(static_cast<std::uint32_t>(
        request_word::slot_bits::get(number(memory.records[i].request))));
  }
}

}  // namespace

afflux_shared_stats read_stats(handle& of) noexcept {
  const segment<policy>& memory = of.memory();
  afflux_shared_stats stats{};
  // Read again while transactions go on beside it, a few times.
  for (int turn = 0; turn < 16; ++turn) {
    const std::uint64_t head = memory.common->head.load(std::memory_order_acquire);
    stats.held = head_word::of(head).used;
    stats.waiters = 0;
    for_each_waiter(memory, [&](std::uint32_t) { ++stats.waiters; });
    if (memory.common->head.load(std::memory_order_acquire) == head) break;
  }
  const count_word limit = count_word::of(number(memory.common->limit));
  stats.limit = limit.count;
  stats.closed = limit.closed ? 1 : 0;
  stats.max_handles = memory.slot_count;
  stats.max_waiters = memory.place_count;
  for (std::uint32_t i = 0; i < memory.slot_count; ++i) {
    const slot_record<policy>& slot = memory.slots[i];
    stats.handles += number(slot.life) != 0 ? 1U : 0U;
    stats.acquired += number(slot.acquired);
    stats.waited += number(slot.waited);
    stats.timed_out += number(slot.timed_out);
    stats.recovered += number(slot.recovered);
  }
  return stats;
}

std::size_t read_holders(const handle& of, afflux_shared_holder* to, std::size_t room) noexcept {
  const segment<policy>& memory = of.memory();
  std::size_t count = 0;
  const std::int64_t now = now_ns();
  for (std::uint32_t i = 0; i < memory.slot_count; ++i) {
    const slot_record<policy>& slot = memory.slots[i];
    const std::uint64_t life = number(slot.life);
    if (life == 0) continue;
    if (count++ >= room) continue;
    afflux_shared_holder& one = to[count - 1];
    one = {};
    one.pid = life_word::pid(life);
    one.own = life == of.life() ? 1 : 0;
    one.held = held(memory, i);
    one.open_ns = now - static_cast<std::int64_t>(number(slot.opened_ns));
    for (std::size_t part = 0; part < std::size(slot.tag); ++part) {
      const std::uint64_t text = number(slot.tag[part]);
      std::memcpy(one.tag + part * sizeof text, &text, sizeof text);
    }
    one.tag[kTagSize - 1] = '\0';
    for_each_waiter(memory, [&](std::uint32_t waiter) { one.waiters += waiter == i ? 1U : 0U; });
  }
  return count;
}

std::uint64_t held_by(const handle& of) noexcept { return held(of.memory(), of.slot()); }

std::uint64_t limit_of(const handle& of) noexcept {
  return count_word::of(number(of.memory().common->limit)).count;
}

}  // namespace afflux::shared
