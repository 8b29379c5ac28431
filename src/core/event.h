// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The event: a semaphore with one permit, which is free while the event is set. A wait
// is an acquire that nobody releases; a notification is a release, and refused as too
// much when the event is set already.
//
//   auto-reset    the wait that gets the permit keeps it: the event is no longer set
//   manual-reset  the semaphore is weightless: grants leave the permit where it is
//
// So every promise of the semaphore's queue is one of the event's: nothing is lost
// between a look and a wait, and a waiter that leaves swallows nothing.
#pragma once

#include <cstdint>

#include "core/semaphore.h"
#include "queue/mutants.h"

namespace afflux::core {

// How to create it; then reset() unless it is to be set from the beginning.
inline queue::settings event_settings(bool manual_reset, std::uint32_t strategy) {
  queue::settings s;
  s.weightless = manual_reset;
  s.strategy = strategy;
  return s;
}

// The permit was free already.
template <class P>
[[gnu::noinline]] void notify_again(semaphore<P>& event) {
  do {
    // Either the event is set, and this notification is one with that ...
    const std::uint64_t w = event.gate().word.load(std::memory_order_relaxed);
    const bool free = queue::held(w) == 0;
    const bool moves = (w & (queue::kQueued | queue::kGranting)) != 0;
    if (free && (!moves || event.settings().weightless)) return;
    // ... or another notification is on its way to somebody, and this one is for the next.
    if (P::kMutant == mutant::notifications_merge || event.wake(1) != 0) return;
  } while (event.release(1) != status::ok);
}

template <class P>
void notify_one(semaphore<P>& event) {
  if (event.release(1) != status::ok) notify_again(event);
}

template <class P>
void notify_all(semaphore<P>& event) {
  if (!event.settings().weightless) {
    // All who wait now; remembered if there is none. Not touched afterwards: one of them may
    // have dropped the last reference.
    if (event.wake(UINT64_MAX) != 0 || P::kMutant == mutant::notify_all_forgotten) return;
  }
  event.release(1);  // overflow: it is set
}

template <class P>
bool is_set(const semaphore<P>& event) {
  return queue::held(event.gate().word.load(std::memory_order_relaxed)) == 0;  // an observation
}

// Whoever waits goes on waiting.
template <class P>
void reset(semaphore<P>& event) {
  std::uint64_t w = event.gate().word.load(std::memory_order_relaxed);
  while (queue::held(w) == 0) {
    if ((w & queue::kGranting) != 0) {
      // A notification is on its way to somebody, or its granter is about to leave it: it
      // decides on the permits as they are, so nobody else may take them meanwhile.
      P::wait_for_change(event.gate().word, w);
      w = event.gate().word.load(std::memory_order_relaxed);
    } else if (event.gate().word.compare_exchange_strong(w, w + queue::permits(1),
                                                         // acquire, as any that takes permits.
                                                         std::memory_order_acquire,
                                                         std::memory_order_relaxed)) {
      return;
    }
  }
}

}  // namespace afflux::core
