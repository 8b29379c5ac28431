// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A hierarchical timing wheel of intrusive entries: insert and remove in O(1),
// no allocation ever. Source: G. Varghese, A. Lauck, "Hashed and hierarchical
// timing wheels", SOSP 1987; the layout (6 levels of 64 slots, a bitmap of the
// occupied slots per level, the level found by exclusive or) is tokio's.
//
// Time is cut into ticks of kTickNs; tick t stands for the instant t * kTickNs. An
// entry belongs to the first tick at or after its deadline, so it is never early
// and at most one tick late. A slot of level L is 64^L ticks wide. `elapsed_` is
// the tick that has been reached.
//
//   WH1  The entry of tick w lies on the level of the highest base-64 digit in which
//        w differs from elapsed_, in the slot that this digit of w names. So every
//        entry of a level is earlier than every one of the levels above.
//   WH2  What lies beyond the range (64^6 ticks, about 2 years) waits in the last
//        slot of the top level and is placed anew when that comes.
//   WH3  elapsed_ never passes the start of an occupied slot, and does not leave a
//        tick while a slot that begins there is occupied: a slot is emptied one
//        entry at a time (level 0: handed out; above: placed anew), so that no call
//        takes long, however many entries a slot has.
//
// Not for several threads at once: the owner's mutex guards it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "time/clock.h"

namespace afflux::time {

inline constexpr std::int64_t kTickNs = 1'000'000;

struct wheel_entry {
  wheel_entry* prev = nullptr;  // circular within the slot: the first one's is the last
  wheel_entry* next = nullptr;
  std::int64_t deadline = 0;
  std::uint8_t level = 0;  // where it is, so that remove() need not search
  std::uint8_t slot = 0;
};
static_assert(sizeof(wheel_entry) <= 32);

class wheel {
 public:
  constexpr wheel() = default;
  wheel(const wheel&) = delete;
  wheel& operator=(const wheel&) = delete;

  // The entry must not be in a wheel. A deadline that has passed is due at once.
  void insert(wheel_entry& entry, std::int64_t deadline) noexcept;

  // The entry must be in this wheel.
  void remove(wheel_entry& entry) noexcept;

  // Takes out one entry that is due at `now`, in the order of ticks and within a
  // tick mostly of arrival. nullptr: none is, or (next_expiry() <= now tells) a
  // batch of entries has been placed anew and the caller should come again, after
  // it let others at the mutex.
  wheel_entry* pop_due(std::int64_t now) noexcept;

  // When pop_due() should be called next; kNever while empty. Never later than the
  // earliest entry; earlier only if many share a slot of an upper level, or for WH2. After a
  // pop_due(now) that found nothing and had nothing left to do it is above now.
  std::int64_t next_expiry() const noexcept;

  // The instant at which an entry of that deadline is due.
  static std::int64_t fires_at(std::int64_t deadline) noexcept;

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  static constexpr unsigned kLevels = 6;
  static constexpr unsigned kSlots = 64;
  static constexpr unsigned kBits = 6;     // of a digit: 2^kBits == kSlots
  static constexpr unsigned kBatch = 256;  // entries placed anew in one pop_due()
  static constexpr unsigned kScan = 16;    // entries that next_expiry() looks at

  struct position {
    unsigned level;  // kLevels: the wheel is empty
    unsigned slot;
    std::uint64_t start;  // its first tick, or elapsed_ if that lies within
  };

  void link(wheel_entry& entry) noexcept;
  void unlink(wheel_entry& entry) noexcept;
  position first_slot() const noexcept;

  std::uint64_t elapsed_ = 0;
  std::size_t size_ = 0;
  std::uint64_t occupied_[kLevels] = {};
  wheel_entry* slots_[kLevels][kSlots] = {};
};

}  // namespace afflux::time
