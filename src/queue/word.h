// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The word that decides who gets in, and the limit beside it. Its layout is public
// (afflux_fastpath, layouts 2 and 3).
//
//   63                          20 19       14 13       10 9                    0
//   +-----------------------------+-----------+-----------+----------------------+
//   | permits available, signed   | inline    | resizes   | flags                |
//   +-----------------------------+-----------+-----------+----------------------+
//
// Available, not held, is counted: an acquire compares with what it takes away, and reads no
// limit. A debt after a shrink is a negative number. `resizes` counts them, so that a release
// which read an older, larger limit fails its exchange: it decides over-release only, so a count
// that comes round within one release lets a wrong program's mistake pass, and nothing else. An
// observer tells by it, too, whether word and limit belong together.
//
// `inline` counts the acquires that callers made by an exchange of their own, without a call
// (layout 3): so that exchange counts itself. One that finds the top bit moves the count to
// `taken`. Nothing of it is of meaning to the library but when statistics are read.
//
//   flag       set by                        means
//   kLocked    the thread that locks         one thread works on the line: the holder
//   kQueued    the holder, unlocking         the line is not empty: none passes it (FAIR)
//   kMail      an arrival, with kLocked      the inbox is not empty; the holder clears it
//                                            before it empties the inbox
//   kBusy      the holder                    the holder takes nothing more for others:
//                                            each newcomer waits for the lock
//   kWaited    a sleeper for the lock        the unlocking holder wakes the word's sleepers
//   kClosed    close                         final: nothing is granted any more (S8)
//   kDead      the last unref                who unlocks with no waiter linked frees
//   kPoked     the holder, THROUGHPUT        the first in line is awake and competes: a release
//                                            need not take the lock
//   kHandover  a newcomer, THROUGHPUT        none passes the first in line until it is served
//   kWatched   the holder, unlocking         a watcher waits for the semaphore to be idle:
//                                            releases take the lock
//
// Transitions by others than the holder, with (L) and without (-) kLocked:
//
//                 -                                    L, not kBusy           L, kBusy
//   acquire       no flag: available -= n              (slow path)            (slow path)
//   release       not queued, poked: available += n    available += n         waits
//                 else: available += n, kLocked
//   newcomer      kLocked                              inbox, then kMail      waits
//   cancel, resize, wake, exact refusals
//                 kLocked | kBusy                      waits                  waits
//   close, unref  kClosed | kDead, kLocked             kClosed | kDead        waits
//
// Never legal: kMail, kBusy or kWaited without kLocked; kPoked or kHandover without kQueued, but
// for a kHandover that a newcomer sets while the line empties, which the next holder clears;
// kClosed or kDead cleared.
#pragma once

#include <cstdint>

namespace afflux::queue {

inline constexpr std::uint64_t kLocked = 1u << 0;
inline constexpr std::uint64_t kQueued = 1u << 1;
inline constexpr std::uint64_t kMail = 1u << 2;
inline constexpr std::uint64_t kBusy = 1u << 3;
inline constexpr std::uint64_t kWaited = 1u << 4;
inline constexpr std::uint64_t kClosed = 1u << 5;
inline constexpr std::uint64_t kDead = 1u << 6;
inline constexpr std::uint64_t kPoked = 1u << 7;
inline constexpr std::uint64_t kHandover = 1u << 8;
inline constexpr std::uint64_t kWatched = 1u << 9;
inline constexpr std::uint64_t kFlags = 0x3ff;

inline constexpr unsigned kResizesShift = 10;
inline constexpr unsigned kResizesBits = 4;
inline constexpr unsigned kInlineShift = 14;
inline constexpr std::uint64_t kInline = std::uint64_t{0x3f} << kInlineShift;
inline constexpr unsigned kPermitsShift = 20;
inline constexpr std::uint64_t kMaxPermits = (std::uint64_t{1} << 42) - 1;

constexpr std::int64_t available(std::uint64_t word) {
  return static_cast<std::int64_t>(word) >> kPermitsShift;
}
// n permits as a summand of the word; negative ones, too.
constexpr std::uint64_t permits(std::uint64_t n) { return n << kPermitsShift; }
// Modulo 2^64, as the word is; kMaxPermits keeps both far away from there.
constexpr std::uint64_t held(std::uint64_t word, std::uint64_t limit) {
  return limit - static_cast<std::uint64_t>(available(word));
}
constexpr bool fits(std::uint64_t word, std::uint64_t n) {
  return available(word) >= static_cast<std::int64_t>(n);
}
template <unsigned Bits>
inline constexpr std::uint64_t kResizes = ((std::uint64_t{1} << Bits) - 1) << kResizesShift;
template <unsigned Bits>
constexpr std::uint64_t after_resize(std::uint64_t word) {
  static_assert(Bits <= kResizesBits);
  return (word & ~kResizes<Bits>) | ((word + (std::uint64_t{1} << kResizesShift)) & kResizes<Bits>);
}

constexpr std::uint64_t taken_inline(std::uint64_t word) {
  return (word & kInline) >> kInlineShift;
}

// As afflux_fastpath. `taken`, `beyond` and `peak` are the callers', of layout 3.
template <class P>
struct fastpath {
  template <class T>
  using atomic = typename P::template atomic<T>;

  std::uint32_t layout = 2;  // 3: with statistics
  std::uint32_t reserved = 0;
  atomic<std::uint64_t> word{0};
  atomic<std::uint64_t> limit{0};
  atomic<std::uint64_t> taken{0};   // acquires inline, but for those that the word counts
  atomic<std::uint64_t> beyond{0};  // their permits, beyond each one's first
  atomic<std::uint64_t> peak{0};    // an inline acquire that leaves no more held makes no call

  // Acquires inline. Never too many: an exchange on the word comes before its addition.
  std::uint64_t requests_inline() const {
    // acquire, pairs with the addition's release: the word is as new.
    const std::uint64_t moved = taken.load(std::memory_order_acquire);
    return moved + taken_inline(word.load(std::memory_order_relaxed));
  }
};

}  // namespace afflux::queue
