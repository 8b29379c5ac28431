// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The gate: one 64-bit word that decides who gets in, and the limit beside it.
// Its layout is public (afflux_fastpath, layout 1).
//
//   63            22 21         8 7        0
//   +---------------+------------+----------+
//   | permits held  |   epoch    |  flags   |
//   +---------------+------------+----------+
//
// Held, not free, is counted: over-release (held < n) and the debt after a
// shrink (held > limit) are then exact by construction. The epoch goes up with
// each resize, so that no exchange succeeds that was decided on an older limit.
//
//   flag      set by                        means
//   kQueued   enqueue                       somebody waits: nobody passes without the queue
//   kGranting whoever takes the role        one thread hands out permits (a role, not a lock:
//                                           whoever finds it taken leaves a flag and goes)
//   kAgain    release, resize, close,       work was left for the thread in the role;
//             cancel, with kGranting        it may not give the role up while this is set
//   kArrived  an announcer, with kGranting  likewise, and the inbox may be linked
//   kClosed   close                         final: nothing is granted any more (S8)
//   kDead     the last unref                the thread in the role frees the semaphore
//   kPoked    granter, THROUGHPUT           the first waiter was woken early and competes:
//                                           releases need not take the role
//   kHandover THROUGHPUT                    nobody overtakes: the next permits are the first's
//
// kPoked and kHandover are only set together with kQueued. Never legal: kAgain
// or kArrived left set when kGranting is cleared, except for the moment in
// which a long pass gives way (grant_pass::give_way); kClosed or kDead cleared.
#pragma once

#include <cstdint>

namespace afflux::queue {

inline constexpr std::uint64_t kQueued = 1u << 0;
inline constexpr std::uint64_t kGranting = 1u << 1;
inline constexpr std::uint64_t kAgain = 1u << 2;
inline constexpr std::uint64_t kArrived = 1u << 3;
inline constexpr std::uint64_t kClosed = 1u << 4;
inline constexpr std::uint64_t kDead = 1u << 5;
inline constexpr std::uint64_t kPoked = 1u << 6;
inline constexpr std::uint64_t kHandover = 1u << 7;
inline constexpr std::uint64_t kFlags = 0xff;

inline constexpr std::uint64_t kEpochUnit = std::uint64_t{1} << 8;
inline constexpr std::uint64_t kEpochMask = std::uint64_t{0x3fff} << 8;

inline constexpr unsigned kHeldShift = 22;
inline constexpr std::uint64_t kMaxPermits = (std::uint64_t{1} << 42) - 1;

constexpr std::uint64_t held(std::uint64_t word) { return word >> kHeldShift; }
constexpr std::uint64_t permits(std::uint64_t n) { return n << kHeldShift; }
constexpr std::uint64_t epoch(std::uint64_t word) { return word & kEpochMask; }
constexpr std::uint64_t next_epoch(std::uint64_t word) {
  return (word & ~kEpochMask) | ((word + kEpochUnit) & kEpochMask);
}
// Both sides stay far below 2^64: held and n are below 2^42.
constexpr bool fits(std::uint64_t word, std::uint64_t n, std::uint64_t limit) {
  return held(word) + n <= limit;
}
// A release need not hand out: nobody waits, or the first waiter is awake and competes.
constexpr bool release_is_plain(std::uint64_t word) {
  return (word & (kQueued | kGranting)) == 0 || (word & (kPoked | kHandover | kGranting)) == kPoked;
}

// As afflux_fastpath.
template <class P>
struct gate {
  std::uint32_t layout = 1;
  std::uint32_t reserved = 0;
  typename P::template atomic<std::uint64_t> word{0};
  typename P::template atomic<std::uint64_t> limit{0};
};

}  // namespace afflux::queue
