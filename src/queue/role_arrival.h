// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a waiter arrives: counted in, pushed, announced.
#pragma once

#include "queue/grant_pass.h"
#include "queue/role.h"

namespace afflux::queue {

// Counts x in before it is pushed.
template <class P, class Inbox>
status role_queue<P, Inbox>::count_in(const waiter<P>& x) {
  const settings& s = this->settings_;
  const std::uint64_t cost = x.cost();
  if (cost > s.max_bytes) return status::rejected;
  const bool drops = s.when_full == overflow::drop_oldest;
  // relaxed, all: counters; who waits is decided by the inbox.
  std::uint64_t count = expected_count_.load(std::memory_order_relaxed);
  do {
    if (count >= s.max_waiters && !drops) return status::rejected;
  } while (!expected_count_.compare_exchange_strong(count, count + 1, std::memory_order_relaxed,
                                                    std::memory_order_relaxed));
  if (cost == 0) return status::ok;
  std::uint64_t bytes = expected_bytes_.load(std::memory_order_relaxed);
  do {
    if (s.too_many_bytes(bytes, cost) && !drops) {
      expected_count_.fetch_sub(1, std::memory_order_relaxed);
      return status::rejected;
    }
  } while (!expected_bytes_.compare_exchange_strong(bytes, bytes + cost, std::memory_order_relaxed,
                                                    std::memory_order_relaxed));
  return status::ok;
}

// DROP_OLDEST: more wait than may, somebody has to go. Asked after the push, so that of
// several who arrive at once the last one finds it.
template <class P, class Inbox>
bool role_queue<P, Inbox>::crowded() const {
  const settings& s = this->settings_;
  // relaxed, both: each pusher has counted itself in before.
  return expected_count_.load(std::memory_order_relaxed) > s.max_waiters ||
         expected_bytes_.load(std::memory_order_relaxed) > s.max_bytes;
}

template <class P, class Inbox>
void role_queue<P, Inbox>::count_out(const waiter<P>& x) {
  // relaxed, both, as above.
  expected_count_.fetch_sub(1, std::memory_order_relaxed);
  expected_bytes_.fetch_sub(x.cost(), std::memory_order_relaxed);
}

template <class P, class Inbox>
status role_queue<P, Inbox>::enqueue(waiter<P>& x) {
  x.owner.store(this, std::memory_order_relaxed);  // published by [push]
  x.signal.store(signals::kWaiting, std::memory_order_relaxed);
  if (this->settings_.limited()) return enqueue_counted(x);
  if constexpr (P::kMutant != mutant::arrival_counted_late) this->counts_.arrives(x);
  // [where] release: a canceller that reads `inbox` finds this owner.
  x.where.store(place::inbox, std::memory_order_release);

  const std::uint32_t pushes = pushes_.get() + 1;
  pushes_.set(pushes);  // may lose counts: it only says when to link early
  if (pushes >= P::kSpliceEvery) link_early();

  if constexpr (Inbox::kReferenced) {
    return enqueue_referenced(x, false);
  } else {
    const std::uint32_t priority = x.priority;
    std::uintptr_t head = inbox_.look();
    while (!Inbox::urgent(head, priority)) {
      if (!inbox_.try_push(x, priority, head)) continue;
      if constexpr (P::kMutant == mutant::arrival_counted_late) this->counts_.arrives(x);
      if (Inbox::announces(head)) return announce(x);
      if constexpr (P::kMutant == mutant::look_after_quiet_push) {
        (void)this->gate_.word.load(std::memory_order_relaxed);
      }
      return status::pending;  // that push was the last touch of the semaphore (S9)
    }
    return enqueue_referenced(x, false);
  }
}

// With queue limits.
template <class P, class Inbox>
status role_queue<P, Inbox>::enqueue_counted(waiter<P>& x) {
  if (const status s = count_in(x); s != status::ok) {
    this->counts_.refused(x);
    return s;
  }
  this->counts_.arrives(x);
  x.where.store(place::inbox, std::memory_order_release);  // [where] as above
  const status s = enqueue_referenced(x, this->settings_.when_full == overflow::drop_oldest);
  if (s == status::no_memory) count_out(x);
  return s;
}

// Who may have to see to a pass after its push keeps the semaphore alive meanwhile: its
// waiter may be granted at once, and the completion may drop the last reference.
template <class P, class Inbox>
status role_queue<P, Inbox>::enqueue_referenced(waiter<P>& x, bool drops) {
  const std::uint32_t priority = x.priority;
  this->ref();
  if (!inbox_.put(x)) {
    x.where.store(place::none, std::memory_order_relaxed);  // nobody else has seen it
    this->counts_.arrives_not(x);
    this->unref();
    return status::no_memory;
  }
  std::uintptr_t head = inbox_.look();
  while (!inbox_.try_push(x, priority, head)) {
  }
  status result = status::pending;
  if (Inbox::announces(head)) {
    result = announce(x);
  } else {
    const bool lower = priority < Inbox::top(head);
    const bool urgent = Inbox::urgent(head, priority) &&
                        P::kMutant != mutant::urgent_not_announced &&
                        !(lower && P::kMutant == mutant::lower_left_in_inbox);
    // On a chain that is not announced yet the announcer's pass sees to everything.
    if (urgent || (drops && !Inbox::idle(head) && crowded())) look_again();
  }
  this->unref();
  return result;
}

// This thread began the period in which somebody waits: nobody links its chain
// before one of these exchanges, so the semaphore is still there.
template <class P, class Inbox>
status role_queue<P, Inbox>::announce(waiter<P>& x) {
  std::uint64_t w = this->gate_.word.load(std::memory_order_relaxed);
  for (;;) {
    if ((w & kGranting) != 0) {
      // [flag] release, pairs with the granter's commit: it then finds the chain. The
      // last touch.
      if (this->gate_.word.compare_exchange_strong(w, w | kArrived, std::memory_order_release,
                                                   std::memory_order_relaxed)) {
        return status::pending;
      }
    } else if (P::kMutant == mutant::announcer_skips_pass && !fits(w, x.permits, this->limit())) {
      if (this->gate_.word.compare_exchange_strong(w, w | kQueued, std::memory_order_acq_rel,
                                                   std::memory_order_relaxed)) {
        return status::pending;
      }
    } else {
      // Always with a pass: although *this* request may not fit, an earlier, smaller one
      // may have been pushed behind it and not announced.
      const std::uint64_t taken = w | kQueued | kGranting;
      // [role] acquire, pairs with the previous holder's giving up.
      if (this->gate_.word.compare_exchange_strong(w, taken, std::memory_order_acquire,
                                                   std::memory_order_relaxed)) {
        grant_pass<P, Inbox> pass(*this, taken);
        // Where x may have been taken before, it may be another request already.
        if constexpr (!Inbox::kReferenced) pass.self = &x;
        pass.arrived = true;
        return pass.run();
      }
    }
  }
}

// See to it that a pass comes after what this thread pushed. Referenced.
template <class P, class Inbox>
void role_queue<P, Inbox>::look_again() {
  std::uint64_t w = this->gate_.word.load(std::memory_order_relaxed);
  for (;;) {
    if ((w & kGranting) != 0) {
      // [flag] release, as in announce().
      if (this->gate_.word.compare_exchange_strong(w, w | kAgain, std::memory_order_release,
                                                   std::memory_order_relaxed)) {
        return;
      }
    } else if (take_role(w)) {
      grant_pass<P, Inbox> pass(*this, w);
      pass.collect = true;
      pass.run();
      return;
    }
  }
}

template <class P, class Inbox>
bool role_queue<P, Inbox>::take_role(std::uint64_t& w) {
  // [role] acquire, as in announce().
  if (!this->gate_.word.compare_exchange_strong(w, w | kGranting, std::memory_order_acquire,
                                                std::memory_order_relaxed)) {
    return false;
  }
  w |= kGranting;
  return true;
}

// Every so often an arrival links the inbox while it is still in the cache, before
// it pushes itself: with a long chain the granter would find it cold.
template <class P, class Inbox>
void role_queue<P, Inbox>::link_early() {
  pushes_.set(0);
  std::uint64_t w = this->gate_.word.load(std::memory_order_relaxed);
  if ((w & (kQueued | kGranting | kClosed)) != kQueued || !take_role(w)) return;
  grant_pass<P, Inbox> pass(*this, w);
  pass.collect = true;
  pass.run();
}

}  // namespace afflux::queue
