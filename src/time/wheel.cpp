// SPDX-License-Identifier: MIT OR Apache-2.0
#include "time/wheel.h"

#include <algorithm>
#include <bit>

namespace afflux::time {
namespace {

// The first tick at or after the deadline; rounding up is what makes "never early".
std::uint64_t tick_of(std::int64_t deadline) noexcept {
  if (deadline <= 0) return 0;
  return static_cast<std::uint64_t>(deadline / kTickNs + (deadline % kTickNs != 0 ? 1 : 0));
}

std::int64_t instant_of(std::uint64_t tick) noexcept {
  constexpr auto kLast = static_cast<std::uint64_t>(kNever / kTickNs);
  return tick > kLast ? kNever : static_cast<std::int64_t>(tick) * kTickNs;
}

}  // namespace

std::int64_t wheel::fires_at(std::int64_t deadline) noexcept {
  return instant_of(tick_of(deadline));
}

void wheel::insert(wheel_entry& entry, std::int64_t deadline) noexcept {
  entry.deadline = deadline;
  link(entry);
  ++size_;
}

void wheel::remove(wheel_entry& entry) noexcept {
  unlink(entry);
  --size_;
}

// Puts the entry where WH1 and WH2 say, at the end of its slot.
void wheel::link(wheel_entry& entry) noexcept {
  // A tick that is over becomes the current one: its slot is the one handed out.
  const std::uint64_t tick = std::max(tick_of(entry.deadline), elapsed_);
  const std::uint64_t differs = tick ^ elapsed_;
  const unsigned digit =
      differs == 0 ? 0 : (static_cast<unsigned>(std::bit_width(differs)) - 1) / kBits;
  const unsigned level = std::min(digit, kLevels - 1);
  std::uint64_t slot = tick >> (level * kBits);
  if (level == kLevels - 1) {
    // Slots of the top level are counted from the current one, round the wheel;
    // the farthest is the one before it.
    slot = std::min(slot, (elapsed_ >> (level * kBits)) + kSlots - 1);
  }
  entry.level = static_cast<std::uint8_t>(level);
  entry.slot = static_cast<std::uint8_t>(slot % kSlots);
  wheel_entry*& head = slots_[level][entry.slot];
  if (head == nullptr) {
    head = entry.prev = entry.next = &entry;
    occupied_[level] |= std::uint64_t{1} << entry.slot;
    return;
  }
  entry.prev = head->prev;
  entry.next = head;
  head->prev->next = &entry;
  head->prev = &entry;
}

void wheel::unlink(wheel_entry& entry) noexcept {
  wheel_entry*& head = slots_[entry.level][entry.slot];
  if (entry.next == &entry) {
    head = nullptr;
    occupied_[entry.level] &= ~(std::uint64_t{1} << entry.slot);
  } else {
    entry.prev->next = entry.next;
    entry.next->prev = entry.prev;
    if (head == &entry) head = entry.next;
  }
  entry.prev = entry.next = nullptr;
}

// The occupied slot that comes first.
wheel::position wheel::first_slot() const noexcept {
  position first{kLevels, 0, 0};
  for (unsigned level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const unsigned shift = level * kBits;
    const std::uint64_t here = elapsed_ >> shift;
    const auto rotation = static_cast<int>(here % kSlots);
    const auto distance =
        static_cast<unsigned>(std::countr_zero(std::rotr(occupied_[level], rotation)));
    const auto slot = static_cast<unsigned>((here + distance) % kSlots);
    // A slot that has begun comes before any other, of whatever level (WH3).
    if (distance == 0) return {level, slot, elapsed_};
    if (first.level == kLevels) first = {level, slot, (here + distance) << shift};
  }
  return first;
}

wheel_entry* wheel::pop_due(std::int64_t now) noexcept {
  const std::uint64_t now_tick = now <= 0 ? 0 : static_cast<std::uint64_t>(now / kTickNs);
  for (unsigned left = kBatch;;) {
    const position first = first_slot();
    if (first.level == kLevels || first.start > now_tick) {
      elapsed_ = std::max(elapsed_, now_tick);
      return nullptr;
    }
    elapsed_ = first.start;
    wheel_entry* const entry = slots_[first.level][first.slot];
    if (first.level == 0) {
      remove(*entry);
      return entry;
    }
    if (left-- == 0) return nullptr;
    unlink(*entry);
    link(*entry);
  }
}

std::int64_t wheel::next_expiry() const noexcept {
  const position first = first_slot();
  if (first.level == kLevels) return kNever;
  if (first.level == 0 || first.start == elapsed_) return instant_of(first.start);
  // The start of a wide slot may be long before its first entry: a look at a few
  // spares the usual case, few timers, a wake-up for nothing.
  const wheel_entry* const head = slots_[first.level][first.slot];
  const wheel_entry* entry = head;
  std::int64_t earliest = entry->deadline;
  for (unsigned seen = 1; (entry = entry->next) != head; ++seen) {
    if (seen == kScan) return instant_of(first.start);
    earliest = std::min(earliest, entry->deadline);
  }
  // What was clamped (WH2) may belong far beyond its slot, and others before it.
  const std::uint64_t end = first.start + (std::uint64_t{1} << (first.level * kBits));
  return std::min(fires_at(earliest), instant_of(end));
}

}  // namespace afflux::time
