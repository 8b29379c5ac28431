// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The completions that wait for an event loop: a stack that any thread pushes on, taken whole by
// the loop, and the answer to "who rings?" in the same word.
//
//   head = 0        awake:  nothing is ready; the loop will look again before it sleeps
//   head = kAsleep  asleep: nothing is ready; the next push rings, and only that one
//   head = address  ready:  the newest completion, linked by `next`
//   head = address | kAsleep
//                   ready, and not rung: the system has refused the ring for it; the next push
//                           rings, and only that one
//
// The loop may sleep only after arm() has answered true, and what ends that state is the push
// that rings: so no completion is there while the loop sleeps unrung (L1), and a burst
// rings once. A ring that is refused stays owed in that word, so each refusal is made up for by at
// most one ring of a later push. There is no flag beside the list, and so no order between two
// words to get wrong.
#pragma once

#include <cstdint>

#include "mutants.h"

namespace afflux::port {

// Node: has `next`, which is the list's from push() until take().
template <class P, class Node>
class ready_list {
 public:
  // A chain by `next`, the latest first: `first` is what came last. True: ring. The list may be
  // taken, and the nodes be gone, before this returns.
  bool push(Node& first, Node& last) {
    auto head = head_.load(std::memory_order_relaxed);  // confirmed by the exchange
    constexpr auto order =
        P::kMutant == mutant::relaxed_push ? std::memory_order_relaxed : std::memory_order_acq_rel;
    do {
      last.next = node(head);
      // [push] release, pairs with [take]: publishes the nodes. acquire, pairs with [arm]: who
      // rings a sleeper comes after all that it did before.
    } while (!head_.compare_exchange_strong(head, reinterpret_cast<std::uintptr_t>(&first), order,
                                            std::memory_order_relaxed));
    return (head & kAsleep) != 0 || P::kMutant == mutant::rings_each_time;
  }

  // The ring for a push that answered true has been refused. `newest` is what that push put in
  // first, or what this call left there. False: the next push rings, or the loop has come by
  // itself. True: ring again, for others have pushed since, and relied on that ring. Not with
  // `at_last`: then the next push rings anyway. No node is touched.
  bool refused(std::uintptr_t& newest, bool at_last) {
    auto head = head_.load(std::memory_order_relaxed);  // confirmed by the exchange
    for (;;) {
      if (!ready(head) || (head & kAsleep) != 0) return false;
      if (head != newest && !at_last) {
        newest = head;
        return true;
      }
      // relaxed: nothing is published, and a read-modify-write leaves each [push] to its [take].
      if (head_.compare_exchange_strong(head, head | kAsleep, std::memory_order_relaxed,
                                        std::memory_order_relaxed)) {
        return false;
      }
    }
  }

  // For one thread at a time: all that is ready, in the order of the pushes; the loop is awake
  // afterwards. nullptr: nothing, and asleep stays asleep.
  Node* take() {
    // relaxed: confirmed by the exchange; a push that is missed rings, or is found by arm().
    if (!ready(head_.load(std::memory_order_relaxed))) return nullptr;
    // [take] acquire, pairs with each [push] in the chain, as those are read-modify-writes.
    Node* newest = node(head_.exchange(0, std::memory_order_acquire));
    Node* oldest = nullptr;
    while (newest != nullptr) {
      Node* const before = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = before;
    }
    return oldest;
  }

  // The same thread is about to sleep. False: something is ready.
  bool arm() {
    if constexpr (P::kMutant == mutant::sleeps_over_ready) {
      head_.store(kAsleep, std::memory_order_release);
    }
    std::uintptr_t head = 0;
    // [arm] release, pairs with the ringer's [push].
    return head_.compare_exchange_strong(head, kAsleep, std::memory_order_release,
                                         std::memory_order_relaxed) ||
           head == kAsleep;
  }

  // How many are ready: for the thread that takes, between two takes.
  std::uint64_t count() const {
    std::uint64_t n = 0;
    // [take] acquire.
    for (const Node* x = node(head_.load(std::memory_order_acquire)); x != nullptr; x = x->next)
      ++n;
    return n;
  }

  // An observation.
  bool asleep() const { return head_.load(std::memory_order_relaxed) == kAsleep; }
  bool ready() const { return ready(head_.load(std::memory_order_relaxed)); }

 private:
  static constexpr std::uintptr_t kAsleep = 1;

  static bool ready(std::uintptr_t head) { return head > kAsleep; }
  static Node* node(std::uintptr_t head) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): kAsleep lies in the address
    return reinterpret_cast<Node*>(head & ~kAsleep);
  }

  typename P::template atomic<std::uintptr_t> head_{kAsleep};
};

}  // namespace afflux::port
