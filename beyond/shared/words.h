// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The 64-bit words of a segment: what fits into one is changed by one exchange.
//
// Any process that may write to the segment may write nonsense there. So each number is cut to its
// bits when it is read, and what it indexes is checked against this process' own geometry
// (segment.h): a hostile neighbour spoils the limit, never this process' memory.
#pragma once

#include <cstdint>

namespace afflux::shared {

constexpr unsigned kCountBits = 22;  // permits
constexpr unsigned kSlotBits = 10;   // attached handles
constexpr unsigned kPlaceBits = 12;  // requests in line

constexpr std::uint64_t kMostPermits = (1ULL << kCountBits) - 1;
constexpr std::uint32_t kMostSlots = 1U << kSlotBits;
constexpr std::uint32_t kMostPlaces = 1U << kPlaceBits;

// `Bits` bits of a word, from `Shift` on.
template <unsigned Shift, unsigned Bits>
struct field {
  static constexpr std::uint64_t kMask = (1ULL << Bits) - 1;
  static constexpr std::uint64_t get(std::uint64_t word) noexcept { return word >> Shift & kMask; }
  static constexpr std::uint64_t put(std::uint64_t value) noexcept {
    return (value & kMask) << Shift;
  }
};

// The head: the permits in use, whether a request waits, and whose transaction was the last one.
// Every change of the segment's state is a transaction, and is committed by one exchange of this
// word (journal.h).
struct head_word {
  using used_bits = field<0, kCountBits>;
  using slot_bits = field<22, kSlotBits>;
  using waiting_bits = field<32, 1>;
  using own_bits = field<33, 1>;
  using number_bits = field<34, 30>;

  std::uint64_t used;
  std::uint32_t slot;    // whose word tells what the transaction does
  bool waiting;          // some place is `waiting`
  bool own;              // which word: of its own permits (own_word), or its order (order_word)
  std::uint32_t number;  // counts transactions, modulo 2^30

  static constexpr head_word of(std::uint64_t word) noexcept {
    return {used_bits::get(word), static_cast<std::uint32_t>(slot_bits::get(word)),
            waiting_bits::get(word) != 0, own_bits::get(word) != 0,
            static_cast<std::uint32_t>(number_bits::get(word))};
  }
  constexpr std::uint64_t word() const noexcept {
    return used_bits::put(used) | slot_bits::put(slot) | waiting_bits::put(waiting ? 1 : 0) |
           own_bits::put(own ? 1 : 0) | number_bits::put(number);
  }
};

// What a slot's handle has taken and given back by itself, without the line: before its last such
// transaction, and after it. Together with what others gave it and took from it (`given`, a
// count_word) that is what it holds, modulo 2^22. So a pair of calls that need no line changes two
// words, and exchanges one.
//
// Not settled, and not named by the head: the transaction was not committed, and `before` counts.
// The handle replaces a settled one, or one that it knows to be committed, by a plain store.
struct own_word {
  using before_bits = field<0, kCountBits>;
  using after_bits = field<22, kCountBits>;
  using settled_bits = field<44, 1>;
  using number_bits = field<45, 19>;

  std::uint64_t before;
  std::uint64_t after;
  bool settled;

  static constexpr own_word of(std::uint64_t word) noexcept {
    return {before_bits::get(word), after_bits::get(word), settled_bits::get(word) != 0};
  }
  constexpr std::uint64_t word(std::uint32_t number) const noexcept {
    return before_bits::put(before) | after_bits::put(after) | settled_bits::put(settled ? 1 : 0) |
           number_bits::put(number);
  }
  static constexpr bool is_for(std::uint64_t word, std::uint32_t number) noexcept {
    return number_bits::get(word) == (number & number_bits::kMask);
  }
  // When the head's transaction is settled.
  constexpr std::uint64_t value() const noexcept { return settled ? after : before; }
};

// What a transaction does.
enum class act : std::uint8_t {
  nothing,
  enqueue,  // `place` idle -> waiting, with the next ticket
  grant,    // `place` waiting -> granted; `given` of `slot` grows by n
  accept,   // `place` granted -> idle: its owner has seen the grant
  leave,    // `place` waiting or parked -> idle
  park,     // `place` granted -> parked; `given` of `slot` shrinks by n: its owner stands still
  unpark,   // `place` parked -> waiting: its owner goes on
  recover,  // `given` of `slot` shrinks by n: its owner is dead, or ends
  resize,   // the limit becomes n
  close     // the limit is closed
};

// A slot's order: what the transaction does that the slot's handle commits next, or has committed
// last. One word, so that it is read whole.
struct order_word {
  using act_bits = field<0, 4>;
  using slot_bits = field<4, kSlotBits>;
  using place_bits = field<14, kPlaceBits>;
  using n_bits = field<26, kCountBits>;
  using parity_bits = field<48, 1>;
  using number_bits = field<49, 15>;

  act what = act::nothing;
  std::uint32_t slot = 0;   // whose `given` changes
  std::uint32_t place = 0;  // which place changes
  std::uint64_t n = 0;      // permits
  bool parity = false;      // of the version of `given`, or of the limit, that it is to be done to

  static constexpr order_word of(std::uint64_t word) noexcept {
    return {static_cast<act>(act_bits::get(word)), static_cast<std::uint32_t>(slot_bits::get(word)),
            static_cast<std::uint32_t>(place_bits::get(word)), n_bits::get(word),
            parity_bits::get(word) != 0};
  }
  constexpr std::uint64_t word(std::uint32_t number) const noexcept {
    return act_bits::put(static_cast<std::uint64_t>(what)) | slot_bits::put(slot) |
           place_bits::put(place) | n_bits::put(n) | parity_bits::put(parity ? 1 : 0) |
           number_bits::put(number);
  }
  // Whether `word` is an order for the transaction of that number.
  static constexpr bool is_for(std::uint64_t word, std::uint32_t number) noexcept {
    return number_bits::get(word) == (number & number_bits::kMask);
  }
};

// The permits that a handle was given, or the limit; with a version that each change moves on.
struct count_word {
  using count_bits = field<0, kCountBits>;
  using closed_bits = field<22, 1>;  // of the limit
  using version_bits = field<23, 41>;

  std::uint64_t count;
  bool closed;
  std::uint64_t version;

  static constexpr count_word of(std::uint64_t word) noexcept {
    return {count_bits::get(word), closed_bits::get(word) != 0, version_bits::get(word)};
  }
  constexpr std::uint64_t word() const noexcept {
    return count_bits::put(count) | closed_bits::put(closed ? 1 : 0) | version_bits::put(version);
  }
  constexpr bool parity() const noexcept { return (version & 1) != 0; }
};

enum class place_state : std::uint8_t {
  idle,
  waiting,  // in line
  granted,  // its permits are held by its slot; its owner has not seen it yet
  parked    // in line, and passed over until its owner goes on
};

// A place in line. The ticket is its rank, for life: an owner that stood still and was passed over
// goes on where it was. The version moves on with each change. Its low half changes with every
// change, and is what a blocked thread sleeps on.
struct place_word {
  using state_bits = field<0, 2>;
  using version_bits = field<2, 18>;
  using ticket_bits = field<20, 44>;

  place_state state;
  std::uint64_t version;
  std::uint64_t ticket;

  static constexpr place_word of(std::uint64_t word) noexcept {
    return {static_cast<place_state>(state_bits::get(word)), version_bits::get(word),
            ticket_bits::get(word)};
  }
  constexpr std::uint64_t word() const noexcept {
    return state_bits::put(static_cast<std::uint64_t>(state)) | version_bits::put(version) |
           ticket_bits::put(ticket);
  }
  constexpr place_word moved(place_state to) const noexcept { return {to, version + 1, ticket}; }
};

// Whose a slot or a place is: a process, for the time since the system started. A process id is
// used again, a process id with its start time is not.
struct life_word {
  using started_bits = field<0, 40>;  // clock ticks after the system's start: enough for 348 years
  using pid_bits = field<40, 22>;     // the kernel's largest is 2^22
  using state_bits = field<62, 2>;

  enum state : std::uint8_t { none, alive, dead };

  static constexpr std::uint64_t of(std::uint32_t pid, std::uint64_t started) noexcept {
    return started_bits::put(started) | pid_bits::put(pid) | state_bits::put(alive);
  }
  static constexpr std::uint64_t as_dead(std::uint64_t word) noexcept {
    return (word & ~state_bits::put(state_bits::kMask)) | state_bits::put(dead);
  }
  static constexpr std::uint64_t as_alive(std::uint64_t word) noexcept {
    return (word & ~state_bits::put(state_bits::kMask)) | state_bits::put(alive);
  }
  static constexpr std::uint32_t pid(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(pid_bits::get(word));
  }
  static constexpr std::uint64_t started(std::uint64_t word) noexcept {
    return started_bits::get(word);
  }
};

}  // namespace afflux::shared
