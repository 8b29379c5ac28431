// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The event: a semaphore with one permit, which is free while the event is set. A wait
// is an acquire without a release; a notification is a release, and refused as too
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
#include "mutants.h"

namespace afflux::core {

// How to create it; then reset() unless it is to be set from the beginning.
inline queue::settings event_settings(bool manual_reset, std::uint32_t strategy) {
  queue::settings s;
  s.weightless = manual_reset;
  s.strategy = strategy;
  return s;
}

// A refused release is a read-modify-write, too: what came before a notification is seen by the
// wait that it ends, also where the event was set already.
template <class P>
void notify_one(semaphore<P>& event) {
  if constexpr (P::kMutant == mutant::notify_only_loads) {
    if (queue::available(event.word().load(std::memory_order_acquire)) > 0) return;
  }
  event.release(1);  // overflow: it is set
}

template <class P>
void notify_all(semaphore<P>& event) {
  if (!event.settings().weightless) {
    // All who wait now; remembered if there is none. Not touched afterwards: one of them may
    // have dropped the last reference.
    if (event.wake(UINT64_MAX) != 0 || P::kMutant == mutant::notify_all_forgotten) return;
  }
  notify_one(event);
}

template <class P>
bool is_set(const semaphore<P>& event) {
  return queue::available(event.word().load(std::memory_order_relaxed)) > 0;  // an observation
}

// Waiters go on waiting.
template <class P>
void reset(semaphore<P>& event) {
  // acquire, both, as any that takes permits: who resets comes after who has set it.
  std::uint64_t w = event.word().load(std::memory_order_acquire);
  while ((w & queue::kLocked) == 0) {
    if (queue::available(w) <= 0) return;
    if (event.word().compare_exchange_strong(w, w - queue::permits(1), std::memory_order_acquire,
                                             std::memory_order_acquire)) {
      return;
    }
  }
  event.take_all();  // a notification may be on its way to a waiter
}

}  // namespace afflux::core
