// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The lock, and what its holder does: decides who leaves the line, and unlocks by an exchange that
// makes all of it true. Declared in queue.h; the operations that come here are in protocol.h.
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

// ---- the lock

// For threads that may wait: a holder runs no code of a user's, and is off after a few
// instructions. `more`: 0, or kBusy for an act that is to let in no others than its own.
template <class P>
std::uint64_t waiter_queue<P>::lock(std::uint64_t more) {
  for (;;) {
    std::uint64_t w = 0;
    if (spin_for_lock(P::spins(), more, w)) return w;
    if ((w & kWaited) != 0 ||
        // relaxed: the kernel compares the word; nothing is published.
        word().compare_exchange_strong(w, w | kWaited, std::memory_order_relaxed,
                                       std::memory_order_relaxed)) {
      P::park_on(word(), w | kWaited);
    }
  }
}

// The lock, within so many turns; else `w` is what was last seen, with kLocked. Each look takes the
// word's line from the holder: it comes after twice as long a rest as the last one, so that the
// holder's next calls find the line at home.
template <class P>
bool waiter_queue<P>::spin_for_lock(std::uint32_t turns, std::uint64_t more, std::uint64_t& w) {
  constexpr std::uint32_t kLongest = 128;
  for (std::uint32_t rest = 1;;) {
    w = word().load(std::memory_order_relaxed);  // confirmed by the exchange
    if ((w & kLocked) == 0) {
      // [lock] acquire, pairs with [unlock].
      if (word().compare_exchange_strong(w, w | kLocked | more, std::memory_order_acquire,
                                         std::memory_order_relaxed)) {
        w |= kLocked | more;
        return true;
      }
      continue;
    }
    if (turns == 0) return false;
    rest = std::min(rest, turns);
    for (std::uint32_t i = 0; i < rest; ++i) P::pause();
    turns -= rest;
    rest = std::min(2 * rest, kLongest);
  }
}

// With the lock.
template <class P>
std::uint64_t waiter_queue<P>::add_flag(std::uint64_t w, std::uint64_t flag) {
  // acq_rel: [close], and for permits that came in.
  while (!word().compare_exchange_strong(w, w | flag, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
  }
  return w | flag;
}

// Decides who leaves the line, and unlocks by an exchange with which all of that becomes true, and
// `take` permits more are gone (negative: have come). After it nothing of the semaphore is touched,
// unless the answer is true: some are left in line for want of room for notes, and this thread is
// to come back.
template <class P>
bool waiter_queue<P>::unlock(std::uint64_t w, std::int64_t take, finished<P>& done) {
  bool returns = false;
  for (std::uint32_t failures = 0;; ++failures) {
    if (failures >= P::kPatience && (w & kBusy) == 0) w = add_flag(w, kBusy);
    if ((w & kMail) != 0) {
      if constexpr (P::kMutant == mutant::mail_cleared_late) take_in();
      // Cleared before the inbox is emptied: a post that comes behind sets it again. acquire,
      // pairs with [mail].
      if (!word().compare_exchange_strong(w, w & ~kMail, std::memory_order_acquire,
                                          std::memory_order_acquire)) {
        continue;
      }
      w &= ~kMail;
      if constexpr (P::kMutant != mutant::mail_cleared_late) take_in();
    }
    const bool more = decide(w, take, done);
    if (more && !returning_ && P::kMutant != mutant::returner_forgotten) {
      returning_ = returns = true;
      comers_ = comers_ + 1;
    }
    if constexpr (P::kMutant == mutant::publish_before_unlock) complete_all(done);
    const std::uint64_t then = unlocked(w, take);
    leaves(then);
    const bool changed = first_changed_;
    if (changed) first_changed_ = false;
    // `returns` is counted in comers_, too: said for the reader.
    const bool ends = (w & kDead) != 0 && !returns && !linked();
    const void* const address = &block_.word;
    // [unlock] release, pairs with [lock] and [acquire]. On failure acquire, for the permits that
    // came in. The last touch.
    if (!word().compare_exchange_strong(w, then, std::memory_order_release,
                                        std::memory_order_acquire)) {
      if (changed) first_changed_ = true;
      continue;
    }
    if ((w & kWaited) != 0 && P::kMutant != mutant::lock_waiter_forgotten) P::unpark_on(address);
    if (ends || (P::kMutant == mutant::ends_over_claimed && (w & kDead) != 0)) P::destroy(this);
    return returns;
  }
}

// Where no waiter is let in, without the rest of unlock(). False: look anew, with `w` as it is now.
template <class P>
bool waiter_queue<P>::unlock_plainly(std::uint64_t& w, std::int64_t take) {
  if ((w & (kMail | kClosed)) != 0 || special_ || !watchers_.empty()) return false;
  if (!plain_ && P::kMutant != mutant::newest_not_looked_at) return false;
  const waiter<P>* const first =
      P::kMutant == mutant::no_regrant_on_cancel ? nullptr : line_.first();
  if (first != nullptr && available(w) - take >= static_cast<std::int64_t>(first->permits)) {
    return false;
  }
  const std::uint64_t then = unlocked(w, take);
  leaves(then);
  const bool changed = first_changed_;
  if (changed) first_changed_ = false;
  const void* const address = &block_.word;
  // [unlock] as in unlock(). The last touch.
  if (!word().compare_exchange_strong(w, then, std::memory_order_release,
                                      std::memory_order_acquire)) {
    if (changed) first_changed_ = true;
    return false;
  }
  if ((w & kWaited) != 0 && P::kMutant != mutant::lock_waiter_forgotten) P::unpark_on(address);
  return true;
}

template <class P>
void waiter_queue<P>::settle_fully(std::uint64_t w, std::int64_t take) {
  finished<P> done;
  settle(w, take, done);
}

template <class P>
std::uint64_t waiter_queue<P>::unlocked(std::uint64_t w, std::int64_t take) {
  constexpr std::uint64_t kOfHolder =
      kLocked | kQueued | kBusy | kWaited | kPoked | kHandover | kWatched;
  std::uint64_t then = (w - permits(static_cast<std::uint64_t>(take))) & ~kOfHolder;
  if (idlers_ != 0) then |= kWatched;
  if (!plain_ && tenants_ != nullptr) [[unlikely]]
    return unlocked_among_tenants(then);
  if (line_.empty()) return then;
  then |= kQueued;
  if (!settings_.throughput) return then;
  if (poked_ != nullptr) then |= kPoked;
  // It belongs to the first one; while another competes it stays with that.
  if (!first_changed_ || poked_ != nullptr) then |= w & kHandover;
  return then;
}

template <class P>
[[gnu::always_inline]] inline void waiter_queue<P>::leaves(std::uint64_t then) {
  if (!plain_ && tenants_ != nullptr) [[unlikely]]
    return leaves_among_tenants(then);
  counts_.leaves(line_, held(then, limit()));
}

// ---- with the lock: the line

template <class P>
void waiter_queue<P>::take_in() {
  waiter<P>* oldest = nullptr;
  for (waiter<P>* x = collect(); x != nullptr;) {
    waiter<P>* const older = x->prev;
    x->next = oldest;
    oldest = x;
    x = older;
  }
  while (oldest != nullptr) {
    waiter<P>& x = *oldest;
    oldest = x.next;
    link(x, line_.empty());
    if constexpr (P::kMutant == mutant::arrival_not_rechecked) continue;
    if (beyond_limit(x)) special_ = shrunk_ = true;  // by a resize between its look and its post
  }
}

// Whether it is the only one of its priority.
template <class P>
[[gnu::always_inline]] inline bool waiter_queue<P>::link(waiter<P>& x, bool into_empty) {
  if (!plain_) [[unlikely]] {
    if (tenants_ != nullptr) return link_among_tenants(x), true;
    if (into_empty) begin_to_stand(x);
  }
  const bool alone = line_.push_back(x);
  counts_.linked(line_.count());
  return alone;
}

// Who leaves, and what is taken: `take` goes up by it. True: `done` has no room for all of them.
template <class P>
[[gnu::always_inline]] inline bool waiter_queue<P>::decide(std::uint64_t w, std::int64_t& take,
                                                           finished<P>& done) {
  if ((special_ || (w & kClosed) != 0) && dismiss(w, done)) [[unlikely]]
    return true;
  if (!plain_) [[unlikely]] {
    const bool more =
        tenants_ != nullptr ? grant_among_tenants(w, take, done) : shed_and_grant(w, take, done);
    return more || (!watchers_.empty() && tell_watchers(w, take, done));
  }
  while (waiter<P>* const x = line_.first()) {
    const auto n = static_cast<std::int64_t>(x->permits);
    if (available(w) - take < n) break;
    if (settings_.throughput && (w & kHandover) == 0 && x->blocks_a_thread() && poke(*x, done)) {
      break;
    }
    if (no_room(*x, done)) return true;
    if (grant(*x, done)) take += settings_.weight(n);
  }
  return !watchers_.empty() && tell_watchers(w, take, done);
}

// `done` has no room for x, a note: see returning.h.
template <class P>
bool waiter_queue<P>::no_room(const waiter<P>& x, const finished<P>& done) const {
  return x.has(traits::kNote) &&
         (done.note_count == P::kNotesAtOnce ||
          (P::template per_thread<completing<P>>().noting && P::kMutant != mutant::notes_recurse));
}

// Those who leave without permits: all when it is closed, the impossible after a shrink, and those
// who are to be woken. True: as decide().
template <class P>
bool waiter_queue<P>::dismiss(std::uint64_t w, finished<P>& done) {
  const bool closed = (w & kClosed) != 0;
  if (tenants_ != nullptr && !dismiss_closing(done)) return true;
  if (!closed && wakes_ == 0 && !shrunk_) {
    special_ = false;
    return false;
  }
  const auto dismiss_it = [&](waiter<P>& x) {
    const bool woken = wakes_ != 0 && !closed;
    if (!closed && !woken && !impossible(x)) return true;
    if (no_room(x, done)) return false;
    const status why = closed ? status::closed : woken ? status::ok : status::too_big;
    if (take_off(x, why, done) && woken) wakes_ = wakes_ - 1;
    return true;
  };
  const bool all =
      tenants_ == nullptr
          ? line_.visit(dismiss_it)
          : tenants_->visit_waiting([&](tenant<P>& t) { return t.waiting->visit(dismiss_it); });
  if (!all) return true;
  wakes_ = 0;
  special_ = shrunk_ = false;
  return false;
}

// The same for a grant where nothing of it but the count is of interest.
template <class P>
[[gnu::always_inline]] inline bool waiter_queue<P>::grant(waiter<P>& x, finished<P>& done) {
  if (!simple_ || counts_.traces_waits()) return take_off(x, status::ok, done);
  const std::uint64_t n = x.permits;
  const std::uint32_t priority = x.priority();
  if (waiter<P>* const next = line_.remove_first(x)) P::own(next);
  if (!mark_off(x, status::ok, done)) return false;
  line_.granted(priority);
  counts_.granted(n, -1);
  return true;
}

// The time of this hold, as far as it matters: one for all that leave.
template <class P>
stats::stamp waiter_queue<P>::moment(finished<P>& done) const {
  if (done.now == 0) {
    done.now = stats::stamp_of(P::now());
    done.slow = settings_.slow;
  }
  return done.now;
}

// False: it was claimed; it has no place any more, and who has claimed it still comes for the lock.
template <class P>
bool waiter_queue<P>::take_off(waiter<P>& x, status result, finished<P>& done) {
  // Read and unlinked before the exchange: an arriving one is its thread's after it.
  const std::uint64_t n = x.permits;
  const std::uint32_t priority = x.priority();
  const bool watches = x.has(traits::kWatches);
  const bool granted = result == status::ok && !watches;
  const bool timed = granted && (settings_.times() || counts_.traces_waits());
  // An arrival of this hold may have queued after the moment.
  const std::int64_t waited = timed ? stats::since_or_none(x.queued_at(), moment(done)) : -1;
  const bool first = leave_line(x);
  if (tenants_ != nullptr && !watches) [[unlikely]] {
    return mark_off_of_tenant(x, result, waited, done);
  }
  if (!mark_off(x, result, done)) return false;
  if (granted) {
    line_.granted(priority);
    counts_.granted(n, waited);
    if (first) overtakings_.store(0, std::memory_order_relaxed);
  } else if (!watches) {
    counts_.ended(n, result);
  }
  return true;
}

// x has been unlinked. Its place becomes final, and it comes into `done` unless its own thread, or
// the next to come for the lock, finds the result.
template <class P>
[[gnu::always_inline]] inline bool waiter_queue<P>::mark_off(waiter<P>& x, status result,
                                                             finished<P>& done) {
  if constexpr (P::kMutant != mutant::result_after_off) x.result = result;
  const place told = x.has(traits::kNote) ? place::telling : place::off;
  const place at_once = P::kMutant == mutant::told_while_arriving ? told : place::off;
  place seen = place::in;
  // [off] acq_rel: publishes the result to a thread that is arriving; pairs with [in].
  while (!x.where.compare_exchange_strong(seen, seen == place::in ? told : at_once,
                                          std::memory_order_acq_rel, std::memory_order_relaxed)) {
    if (seen == place::in) continue;
    if (seen == place::competing ||
        (seen == place::claimed && P::kMutant != mutant::claimed_is_granted)) [[unlikely]] {
      // release: as [in], for who then looks what x is; acted upon with the lock.
      x.where.store(place::expelled, std::memory_order_release);
      if (P::kMutant != mutant::comers_uncounted) comers_ = comers_ + 1;
      return seen == place::competing;
    }
  }
  if constexpr (P::kMutant == mutant::result_after_off) x.result = result;
  if (seen == place::in || P::kMutant == mutant::granted_while_arriving) done.push(x);
  return true;
}

// Whether it was the first (THROUGHPUT only).
template <class P>
bool waiter_queue<P>::leave_line(waiter<P>& x) {
  if (x.has(traits::kWatches)) {
    watchers_.remove(x);
    if (x.permits == 0) idlers_ = idlers_ - 1;
    return false;
  }
  if (tenants_ != nullptr) [[unlikely]] {
    tenants_->unlink(x);
    return false;
  }
  const bool first = settings_.throughput && line_.first() == &x;
  if (first) first_changed_ = true;
  if (poked_ == &x && P::kMutant != mutant::poked_leaves_flag) poked_ = nullptr;
  line_.remove(x);
  return first;
}

}  // namespace afflux::queue
