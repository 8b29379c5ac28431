// SPDX-License-Identifier: MIT OR Apache-2.0
//
// THROUGHPUT: a sleeping thread is not handed permits that newcomers could use while it wakes up.
// It is woken without any, and competes, until its turn is enforced (kHandover). Which newcomers
// may pass it is decided in core/overtaking.h.
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

// Wakes x to compete, unless another does. False: x was claimed, or is arriving.
template <class P>
bool waiter_queue<P>::poke(waiter<P>& x, finished<P>& done) {
  if (poked_ != nullptr) return true;  // that one comes first to the permits
  place seen = place::in;
  // relaxed, both: its thread acts with the lock.
  if (!x.where.compare_exchange_strong(seen, place::competing, std::memory_order_relaxed,
                                       std::memory_order_relaxed)) {
    return false;
  }
  poked_ = &x;
  // acq_rel: as [granted].
  if (x.signal.exchange(signals::kPoked, std::memory_order_acq_rel) == signals::kParked) {
    done.poked = &x.signal;
  }
  return true;
}

// x's thread, awake. x is linked and competes, and so keeps the semaphore.
template <class P>
status waiter_queue<P>::compete(waiter<P>& x) {
  for (std::uint32_t turns = P::spins();; --turns) {
    std::uint64_t w = word().load(std::memory_order_acquire);
    if (!fits(w, x.permits) && (w & kClosed) == 0 && turns != 0) {
      P::pause();
      continue;
    }
    w = lock(0);
    if (x.where.load(std::memory_order_relaxed) == place::expelled) {
      comers_ = comers_ - 1;
      const status s = x.result;
      settle(w, 0);
      return s;
    }
    if ((w & kClosed) != 0 &&
        P::kMutant != mutant::granted_after_close) {  // and the closer has still to come back for x
      leave_line(x);
      counts_.ended(x.permits, status::closed);
      x.where.store(place::off, std::memory_order_relaxed);
      settle(w, 0);
      return status::closed;
    }
    if (fits(w, x.permits)) {
      if (leave_line(x)) overtakings_.store(0, std::memory_order_relaxed);
      line_.granted(x.priority());
      counts_.granted(x.permits, settings_.times()
                                     ? stats::since(x.queued_at(), stats::stamp_of(P::now()))
                                     : 0);
      x.where.store(place::off, std::memory_order_relaxed);
      settle(w, weight(x));
      return status::ok;
    }
    if (turns == 0) {
      // From now on it is one that sleeps, and no newcomer passes it any more.
      poked_ = nullptr;
      x.signal.store(signals::kWaiting, std::memory_order_relaxed);
      x.where.store(place::in, std::memory_order_release);  // [in]
      settle(add_flag(w, kHandover), 0);
      return status::pending;
    }
    settle(w, 0);
  }
}

}  // namespace afflux::queue
