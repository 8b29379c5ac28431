// SPDX-License-Identifier: MIT OR Apache-2.0
//
// When may be freed what readers may be looking at? Readers announce themselves by one
// read-modify-write and never wait, and no thread waits for them: the last of them to leave finds
// out that it was the last, and does what was to be done then. After P. McKenney's SRCU, whose
// writers wait.
//
//   inside_    the open side (1 bit) | how many readers have come on it (63 bits)
//   gone_[s]   how many readers of side s have left; once s is closed, less those that had come
//
//   RC1  turn() closes a side by the word in which readers announce themselves: so each reader is
//        counted by it, or comes on the other side and sees all that was done before.
//   RC2  gone_ of an open side is >= 0; of a closed one it is -(readers that are left). It gets to
//        0 once, by turn() itself or by a leave(), and that thread knows that no reader is left.
//   RC3  A side is closed only when no reader is left on the other one: by the thread of RC2, which
//        has the role of the reclaimer.
//   RC4  The role is in the head of the list of what is retired: a push that finds kIdle has it.
#pragma once

#include <atomic>
#include <cstdint>

#include "mutants.h"

namespace afflux::exporting {

template <class P>
class readers {
 public:
  using side = unsigned;  // 0, 1

  side enter() {
    // [enter] acquire, pairs with [turn].
    return side_of(inside_.fetch_add(1, std::memory_order_acquire));
  }

  // True: the role of the reclaimer is this thread's, and no reader is left on the closed side.
  bool leave(side s) {
    // [leave] release: it has read what it read; acquire, pairs with the [leave] of all others
    // there, and with [turn] for what the reclaimer did.
    constexpr auto order =
        P::kMutant == mutant::relaxed_leave ? std::memory_order_relaxed : std::memory_order_acq_rel;
    return gone_[s].fetch_add(1, order) == -1;
  }

  // For the reclaimer: the side that is open.
  side open() const { return side_of(inside_.load(std::memory_order_relaxed)); }

  // The reclaimer closes the open side and opens the other. True: no reader was left. Otherwise
  // the role is now that of the last one to leave.
  bool turn() {
    const side old = open();
    // [turn] release: what readers of the new side are to see; acquire, pairs with [leave].
    const std::uint64_t word = inside_.exchange(old == 0 ? kSide : 0, std::memory_order_acq_rel);
    const auto came = static_cast<std::int64_t>(word & ~kSide);
    return gone_[old].fetch_sub(came, std::memory_order_acq_rel) == came;
  }

 private:
  static constexpr std::uint64_t kSide = std::uint64_t{1} << 63;

  static side side_of(std::uint64_t word) { return static_cast<side>(word >> 63); }

  alignas(64) typename P::template atomic<std::uint64_t> inside_{0};
  alignas(64) typename P::template atomic<std::int64_t> gone_[2]{};
};

// What waits to be reclaimed, linked by `next`.
template <class P, class Node>
class retired_list {
 public:
  // True: the role of the reclaimer is the caller's.
  bool push(Node& x) {
    std::uintptr_t head = head_.load(std::memory_order_relaxed);  // the exchange decides
    do {
      x.next = head == kIdle ? nullptr : node(head);
      // [push] release, pairs with [take]: the node. acquire, pairs with [rest]: the thread that
      // gets the role comes after the one who had it.
    } while (!head_.compare_exchange_strong(head, reinterpret_cast<std::uintptr_t>(&x),
                                            std::memory_order_acq_rel, std::memory_order_relaxed));
    return head == kIdle;
  }

  // The reclaimer: all there is. nullptr: the role is given up.
  Node* take() {
    std::uintptr_t head = 0;
    // [rest] release, pairs with the next reclaimer's [push].
    if (head_.compare_exchange_strong(head, kIdle, std::memory_order_release,
                                      std::memory_order_relaxed)) {
      return nullptr;
    }
    // [take] acquire, pairs with each [push] in the chain, as those are read-modify-writes.
    return node(head_.exchange(0, std::memory_order_acquire));
  }

 private:
  static constexpr std::uintptr_t kIdle = 1;

  static Node* node(std::uintptr_t head) {
    return reinterpret_cast<Node*>(head);  // NOLINT(performance-no-int-to-ptr): kIdle is beside it
  }

  typename P::template atomic<std::uintptr_t> head_{kIdle};
};

}  // namespace afflux::exporting
