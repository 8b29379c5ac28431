// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The protocol's operations, in the order in which a request goes through them: asking, queueing,
// releasing, leaving. What the holder of the lock does is in hold.h. Declared in queue.h; the
// word's flags and their transitions stand in word.h, the waiter's places in waiter.h.
//
// Each order names its partner. tests/model/weak shows, for those in the same protocol as a small
// C program, what breaks if one of them is weaker.
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

// ---- asking

template <class P>
status waiter_queue<P>::take(std::uint64_t w, std::uint64_t least, std::uint64_t most,
                             std::uint64_t& ret_n) {
  for (bool holding = false;;) {
    const std::int64_t free = (w & kQueued) != 0 ? 0 : available(w);
    const std::uint64_t n = free <= 0 ? 0 : std::min(most, static_cast<std::uint64_t>(free));
    status s = n < least ? status::again : status::ok;
    if (s == status::again && least > limit()) s = status::too_big;
    if ((w & kClosed) != 0) s = status::closed;
    const std::uint64_t taken = s == status::ok ? n : 0;
    if (holding) {
      settle(w, static_cast<std::int64_t>(taken));
    } else if (taken != 0 && (w & kLocked) != 0) {
      // The permits are free and no request queues: a holder's few instructions are no reason to
      // refuse.
      w = lock(0);
      holding = true;
      continue;
    } else if (taken != 0 &&  // [acquire]
               !word().compare_exchange_strong(w, w - permits(n), std::memory_order_acquire,
                                               std::memory_order_acquire)) {
      continue;
    }
    if (s == status::ok) ret_n = taken;
    return s;
  }
}

// ---- queueing

template <class P>
status waiter_queue<P>::enqueue(waiter<P>& x, place as) {
  x.owner.store(this, std::memory_order_relaxed);  // published by [in] or [post]
  // release, pairs with [wait]: a cancel of what x was before sees that x has been off.
  x.signal.store(signals::kWaiting, std::memory_order_release);
  std::uint64_t w = word().load(std::memory_order_acquire);  // acquire: as in try_acquire()
  for (;;) {
    if ((w & kClosed) != 0) return status::closed;
    if (beyond_limit(x) && !x.of_tenant()) return status::too_big;  // a tenant may be closed
    if ((w & kLocked) == 0) {
      // [lock] acquire, pairs with [unlock].
      if (word().compare_exchange_strong(w, w | kLocked, std::memory_order_acquire,
                                         std::memory_order_acquire)) {
        return admit(w | kLocked, x, as);
      }
      continue;
    }
    // Most holders are off before an arrival in the inbox would have been seen.
    const bool posts = posts_ && !x.of_tenant();  // a tenant's is decided on its arrival
    const std::uint32_t turns = posts ? P::spins() / 2 : 0;
    if (turns != 0 && spin_for_lock(turns, 0, w)) return admit(w, x, as);
    if (posts && (w & (kBusy | kLocked)) == kLocked) {
      counts_.arrives(x);
      // relaxed: published by [post].
      x.where.store(as == place::in ? place::arriving : as, std::memory_order_relaxed);
      if (post(x)) return arrive(x, as);
      x.where.store(place::none, std::memory_order_relaxed);
    }
    return admit(lock(0), x, as);
  }
}

// With the lock: x has its permits, has its place, or is refused.
template <class P>
status waiter_queue<P>::admit(std::uint64_t w, waiter<P>& x, place as) {
  if (!plain_ && tenants_ != nullptr) [[unlikely]]
    return admit_among_tenants(w, x, as);
  if ((w & kClosed) != 0 || beyond_limit(x)) [[unlikely]] {
    settle(w, 0);
    return (w & kClosed) != 0 ? status::closed : status::too_big;
  }
  if ((w & kQueued) == 0 && fits(w, x.permits)) {
    // Counted before the unlock, after which the last reference may be dropped by a callback.
    if (stats() != nullptr) [[unlikely]]
      stats()->took(x.permits);
    settle(w, weight(x));
    return status::ok;
  }
  if (settings_.limited() && full_for(x)) [[unlikely]]
    return admit_to_full(w, x, as);
  counts_.arrives(x);
  const bool alone = link(x, line_.empty());
  // [in] release, pairs with [claim].
  x.where.store(as, std::memory_order_release);
  // Who is first does not fit, as before, unless that is x, beside others. With shedding that may
  // be time's doing, too.
  if ((w & kQueued) == 0) {
    counts_.leaves(line_, held(w, limit()));
  } else if (alone || (!plain_ && P::kMutant != mutant::newest_not_looked_at)) {
    settle(w, 0);
    return status::pending;
  }
  // [unlock] release; as in unlock(). The last touch.
  if (!word().compare_exchange_strong(w, (w & ~kLocked) | kQueued, std::memory_order_release,
                                      std::memory_order_acquire)) {
    settle(w, 0);
  }
  return status::pending;
}

// x has been posted: tells the holder of the lock, or takes the lock if there is none.
template <class P>
status waiter_queue<P>::arrive(waiter<P>& x, place as) {
  finished<P> done;
  bool more = false;
  std::uint64_t w = word().load(std::memory_order_relaxed);  // confirmed by the exchange
  // An exchange even where kMail is set: it orders the post before the holder's look.
  for (;;) {
    if ((w & kBusy) != 0) {
      // The holder takes nothing more for others, this one neither.
      more = unlock(add_flag(lock(0), kMail), 0, done);
      break;
    }
    if ((w & kLocked) != 0) {
      // [mail] release, pairs with the holder's exchange that clears it. acquire, pairs with
      // wake(): who asks a condition after this sees what a waker did that came before.
      constexpr auto order = P::kMutant == mutant::mail_without_acquire ? std::memory_order_release
                                                                        : std::memory_order_acq_rel;
      if (word().compare_exchange_strong(w, w | kMail, order, std::memory_order_relaxed)) {
        break;
      }
    } else if (word().compare_exchange_strong(w, w | kLocked | kMail, std::memory_order_acq_rel,
                                              std::memory_order_relaxed)) {
      more = unlock(w | kLocked | kMail, 0, done);
      break;
    }
  }
  // While x is arriving no thread completes it, and so the semaphore is there. A holder that has
  // taken x off has left the result.
  const status s = as == place::asking ? status::pending : stop_arriving(x, place::arriving);
  more ? return_for_the_rest(done) : complete_all(done);
  return s;
}

// ---- releasing

template <class P>
status waiter_queue<P>::release_slowly(std::uint64_t w, std::uint64_t n) {
  for (;;) {
    if ((w & kBusy) != 0 || n > held(w, limit())) {
      // Decided exactly: no other thread moves permits meanwhile. A refusal, too, unlocks by an
      // exchange: what came before it is seen by who comes after.
      w = lock(kBusy);
      const bool is_held = n <= held(w, limit());
      if (settings_.shed.on() && !line_.empty()) may_shed_ = true;
      settle(w, is_held ? -static_cast<std::int64_t>(n) : 0);
      return is_held ? status::ok : status::overflow;
    }
    const bool plain = takes_in(w);
    const std::uint64_t then = w + permits(n) + (plain ? 0 : kLocked);
    // [release] release, pairs with [acquire] and with the holder's exchanges; [lock] acquire.
    if (word().compare_exchange_strong(w, then, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
      if (!plain) settle_fully(then, 0);
      return status::ok;
    }
  }
}

// ---- leaving

// Its memory is valid during the call. Waits for the thread that is about to leave x in the
// queue, unless `never_waits`.
template <class P>
removal claim(waiter<P>& x, bool never_waits) {
  for (;;) {
    place seen = place::in;
    // [claim] acquire, pairs with [in]: with it comes the owner. relaxed on failure: nothing of x
    // is read by what was seen.
    if (x.where.compare_exchange_strong(seen, place::claimed, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
      return removal::claimed;
    }
    switch (seen) {
      case place::arriving:
        if (never_waits) return removal::early;
        P::wait_for_change(x.where, place::arriving);
        continue;
      case place::asking:
        if (P::kMutant == mutant::canceled_while_asking &&
            x.where.compare_exchange_strong(seen, place::claimed, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
          return removal::claimed;
        }
        return removal::early;
      case place::none:
        return removal::early;
      case place::competing:
        return removal::poked;
      default:
        return is_leaving(seen) ? removal::telling : removal::gone;
    }
  }
}

// Of a waiter that this thread has left `was` in the queue. pending: it is in. Else it has been
// taken off: its result.
template <class P>
status stop_arriving(waiter<P>& x, place was) {
  // [in] release, pairs with [claim]; acquire on failure, pairs with [off].
  return x.where.compare_exchange_strong(was, place::in, std::memory_order_acq_rel,
                                         std::memory_order_acquire)
             ? status::pending
             : static_cast<status>(x.result);
}

template <class P>
std::uint64_t waiter_queue<P>::lock_and_unlink(waiter<P>& x, status why) {
  const std::uint64_t w = lock(P::kMutant == mutant::works_for_others ? 0 : kBusy);
  // relaxed: with the lock.
  if (x.where.load(std::memory_order_relaxed) != place::expelled) [[likely]] {
    const bool first = leave_line(x);
    if (first && P::kMutant == mutant::leaving_renews_bound)
      overtakings_.store(0, std::memory_order_relaxed);
    if (tenants_ != nullptr && !x.has(traits::kWatches)) [[unlikely]] {
      tenants_->ended(tenants_->of(x), why);
    }
  } else if constexpr (P::kMutant != mutant::comers_uncounted) {
    comers_ = comers_ - 1;
  }
  if (!x.has(traits::kWatches)) counts_.ended(x.permits, why);
  x.result = why;
  return w;
}

template <class P>
template <class F>
void waiter_queue<P>::withdraw(waiter<P>& x, status why, F&& between) {
  std::uint64_t w = lock_and_unlink(x, why);
  // release: a canceller that comes too late may look what x is.
  x.where.store(place::off, std::memory_order_release);
  if (unlock_plainly(w, 0)) return between();
  finished<P> done;
  const bool more = unlock(w, 0, done);
  between();
  more ? return_for_the_rest(done) : complete_all(done);
}

template <class P>
template <class F>
void waiter_queue<P>::expire(waiter<P>& x, F&& between) {
  const std::uint64_t w = lock_and_unlink(x, status::timed_out);
  // release: as in withdraw(); a canceller of a note's waits for its end.
  x.where.store(x.has(traits::kNote) ? place::telling : place::off, std::memory_order_release);
  finished<P> done;
  const bool more = unlock(w, 0, done);
  between(done);
  more ? return_for_the_rest(done) : complete_all(done);
}

// ---- the end

template <class P>
status waiter_queue<P>::close(std::uint64_t flags) {
  std::uint64_t w = word().load(std::memory_order_relaxed);  // confirmed by the exchange
  for (;;) {
    if ((w & flags) == flags) return status::already;
    if ((w & kBusy) != 0) {
      w = lock(kBusy);
      if ((w & flags) == flags) {
        settle(w, 0);
        return status::already;
      }
      w = add_flag(w, flags);
      break;
    }
    const bool free = (w & kLocked) == 0;
    // [close] release: who sees it sees what came before; [lock] acquire.
    if (word().compare_exchange_strong(w, w | flags | kLocked, std::memory_order_acq_rel,
                                       std::memory_order_relaxed)) {
      if (!free) return status::ok;  // the holder sees to it; not touched any more
      w |= flags | kLocked;
      break;
    }
  }
  if (flags == kClosed) counts_.closed();
  settle(w, 0);
  return status::ok;
}

}  // namespace afflux::queue
