// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Telling one waiter how it ended, by the thread that has taken it off the line. No lock is held.
#pragma once

#include <cstdint>

#include "mutants.h"
#include "queue/accounting.h"
#include "queue/waiter.h"

namespace afflux::queue {

// For a cancel of a note's waiter that another thread is about to tell or to take back. The owner
// may queue x again meanwhile, as another kind, too: then there is nothing to wait for.
template <class P>
void wait_until_told(waiter<P>& x) {
  for (std::uint32_t turns = P::spins();;) {
    // [wait] acquire, pairs with [granted], and with the store by which x queues again.
    std::uint32_t seen = x.signal.load(std::memory_order_acquire);
    const bool leaves = is_leaving(x.where.load(std::memory_order_acquire));
    if (seen == signals::kDone) return;
    if ((!leaves || !x.has(traits::kNote)) && P::kMutant != mutant::waits_for_another_use) return;
    if (turns != 0) {
      --turns;
      P::pause();
    } else if (seen == signals::kParked) {
      P::park(x.signal, signals::kParked, time::kNever);
    } else {
      // acq_rel: as the load. Looks once more before it sleeps.
      x.signal.compare_exchange_strong(seen, signals::kParked, std::memory_order_acq_rel,
                                       std::memory_order_relaxed);
    }
  }
}

// False: the timer's thread is at it, and will do the publishing.
template <class P>
bool may_publish(waiter<P>& x) {
  return !x.has(traits::kTimed) || P::timers().disarm(x.deadline) == time::disarmed::free ||
         P::kMutant == mutant::handed_published_twice;
}

// The last touch of x, for all but callbacks and ports.
template <class P>
void signal_done(waiter<P>& x) {
  const void* const address = &x.signal;
  const bool for_kernel = x.has(traits::kKernelWaits);
  constexpr auto order =
      P::kMutant == mutant::relaxed_publish ? std::memory_order_relaxed : std::memory_order_seq_cst;
  // [granted] release, pairs with [wait]: publishes `result` and what the releasers did. seq_cst:
  // promised for notes (afflux_notify_fn), costs nothing.
  if (x.signal.exchange(signals::kDone, order) == signals::kParked) {
    if constexpr (P::kMutant == mutant::no_unpark) return;
    return for_kernel ? P::unpark_in_kernel(address) : P::unpark(address);
  }
}

// A user's code. An exception or a thread's exit out of it would leave completions untold: it
// ends the process here, where it is seen.
template <class P>
void call(waiter<P>& x) noexcept {
  const wake_function wake = x.wake();
  void* const context = x.context;
  const status result = x.result;
  // release, pairs with status_of(): the owner may look as long as it keeps the memory.
  x.signal.store(signals::kDone, std::memory_order_release);
  P::returned(&x, sizeof x);
  wake(context, static_cast<std::int32_t>(result));
}

// x has been taken off, and no other thread will tell it.
template <class P>
void publish(waiter<P>& x) {
  if (x.has(traits::kAccounted)) account(x);
  if (x.sleeps()) return signal_done(x);
  if (x.has(traits::kPort)) return port::outbox<P, waiter<P>>().send(x);
  call(x);
}

}  // namespace afflux::queue
