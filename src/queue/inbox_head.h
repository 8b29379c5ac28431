// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The head of an inbox: one word that says whether somebody has arrived and what
// arrivals have to see to.
//
//   head = what has arrived (0: nothing) | idle << 2 | top
//
//   idle  nobody waits. The one who arrives at the empty idle inbox is the
//         *announcer*: it must set kArrived or take the role.
//   top   at least the priority of anybody in the inbox, and never above the highest
//         priority of all who wait (it may lag behind a higher one for a moment).
//         Who brings another priority to an active inbox is *urgent* and must see to a
//         pass: with a higher one it may be first in line, and a lower one ages only
//         in the line, which need not look at the inbox for as long as it lasts.
//
// An inbox of a role_queue has, besides:
//
//   kReferenced                  others may take an arrival before its head is in place, so
//                                its thread keeps the queue alive, and is never told by return
//   bool put(x)                  once for each arrival; false: no memory
//   bool try_push(x, head)       until it succeeds; x may be gone then, or even before if
//                                kReferenced. Arrivals are published: release
//   look()                       the head
//   look_in_order()              the head by a read-modify-write; acq_rel, as the pushes
//   waiter* take()               what has arrived, newest first, linked by `prev`; acquire
//   bool settle(head, then)      from the empty `head` to the empty `then`
#pragma once

#include <cstdint>

namespace afflux::queue {

struct inbox_head {
  static constexpr std::uintptr_t kTop = 3;
  static constexpr std::uintptr_t kIdle = 4;
  static constexpr std::uintptr_t kTags = kTop | kIdle;

  static bool empty(std::uintptr_t head) { return (head & ~kTags) == 0; }
  static bool idle(std::uintptr_t head) { return (head & kIdle) != 0; }
  static std::uint32_t top(std::uintptr_t head) { return static_cast<std::uint32_t>(head & kTop); }
  static bool announces(std::uintptr_t head) { return (head & ~kTop) == kIdle; }
  static bool urgent(std::uintptr_t head, std::uint32_t priority) {
    return !idle(head) && priority != top(head);
  }

  // The head with `arrived` instead of what there was, after an arrival of that priority.
  static std::uintptr_t after(std::uintptr_t head, std::uintptr_t arrived, std::uint32_t priority) {
    const std::uintptr_t then = announces(head) || priority > top(head) ? priority : top(head);
    return arrived | (head & kIdle) | then;
  }
};

}  // namespace afflux::queue
