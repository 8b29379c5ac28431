// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A semaphore with tenants (tenants.h): their requests, their permits, their end. A tenant's calls
// take the lock: what it holds, and what it may, is decided together with the word.
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

template <class P>
bool waiter_queue<P>::make_tenants() {
  // acquire: another may have made them.
  if (tenanted.load(std::memory_order_acquire) != nullptr) return true;
  tenants<P>* const made = P::template create<tenants<P>>(*this, line_, settings_.limited());
  if (made == nullptr) return false;
  tenants<P>* none = nullptr;
  // [tenanted] release: who sees them sees them whole.
  if (!tenanted.compare_exchange_strong(none, made, std::memory_order_acq_rel,
                                        std::memory_order_acquire)) {
    P::destroy(made);
  }
  return true;
}

// With the lock; they have been made.
template <class P>
void waiter_queue<P>::begin_tenants() {
  if (tenants_ != nullptr) return;
  // relaxed: this thread has seen them, by [tenanted]'s partner in make_tenants().
  tenants_ = tenanted.load(std::memory_order_relaxed);
  plain_ = simple_ = false;
  tenants_->adopt_usual();
}

template <class P>
status waiter_queue<P>::join(tenant<P>& t) {
  const std::uint64_t w = lock(kBusy);
  const bool closed = (w & kClosed) != 0;
  if (!closed) begin_tenants();
  settle(w, 0);
  if (closed) return status::closed;
  return tenants_->add(t) ? status::ok : status::no_memory;
}

// ---- requests

// admit(), with tenants.
template <class P>
status waiter_queue<P>::admit_among_tenants(std::uint64_t w, waiter<P>& x, place as) {
  tenant<P>& t = tenants_->of(x);
  const std::uint64_t n = x.permits;
  if ((w & kClosed) != 0 || t.closed || impossible(x)) {
    const status s = (w & kClosed) != 0 || t.closed ? status::closed : status::too_big;
    settle(w, 0);
    return s;
  }
  tenants_->look_at_usual(held(w, limit()));
  const bool passes = fits(w, n) && tenants_->passes(t, n);
  if (passes && &t != &tenants_->usual()) tenants_->take(t, n);
  const bool too_many = t.waiting->count() >= t.max_waiters.get();
  const bool full = settings_.limited() && full_for(x);
  // What would be granted at once does not have to queue.
  if (passes || ((too_many || full) && fits(w, n) && tenants_->goes_first(x))) {
    if (stats() != nullptr) stats()->took(n);
    settle(w, weight(x));
    return status::ok;
  }
  if (too_many) {
    add_to(t.totals.rejected, std::uint64_t{1});
    counts_.refused(n);
    settle(w, 0);
    return status::rejected;
  }
  if (full) return admit_to_full_among_tenants(w, x, as);
  join_line(x, as);
  settle(w, 0);
  return status::pending;
}

// The line is full for x. The victims of DROP_OLDEST are of the most crowded tenant, so that
// nobody's crowd costs others their places; x's own if that is one of the most crowded.
template <class P>
status waiter_queue<P>::admit_to_full_among_tenants(std::uint64_t w, waiter<P>& x, place as) {
  finished<P> done;
  tenant<P>& t = tenants_->of(x);
  const auto victim = [&]() -> waiter<P>& {
    return tenants_->most_crowded(t).waiting->oldest_of_lowest();
  };
  const bool drops =
      settings_.when_full == overflow::drop_oldest && x.cost() <= settings_.max_bytes;
  if (!drops || no_room(victim(), done)) {
    add_to(t.totals.rejected, std::uint64_t{1});
    counts_.refused(x.permits);
    settle(w, 0);
    return status::rejected;
  }
  while (full_for(x)) {
    if (no_room(victim(), done)) {
      settle(w, 0, done);
      return admit(lock(0), x, as);
    }
    take_off(victim(), status::rejected, done);
  }
  join_line(x, as);
  settle(w, 0, done);
  return status::pending;
}

template <class P>
status waiter_queue<P>::take_for(tenant<P>& t, std::uint64_t n) {
  const std::uint64_t w = lock(0);
  status s = status::again;
  if ((w & kClosed) != 0 || t.closed) {
    s = status::closed;
  } else if (n > limit() || n > t.cap.get()) {
    s = status::too_big;
  } else if (fits(w, n) && tenants_->passes(t, n)) {
    s = status::ok;
    tenants_->take(t, n);
  } else {
    add_to(t.totals.try_failed, std::uint64_t{1});
  }
  settle(w, s == status::ok ? static_cast<std::int64_t>(n) : 0);
  return s;
}

template <class P>
status waiter_queue<P>::release_for(tenant<P>& t, std::uint64_t n, bool what_is_held) {
  const std::uint64_t w = lock(0);
  // All hold less where afflux_sem_release() gave back what is this tenant's.
  const std::uint64_t most = std::min<std::uint64_t>(t.held.get(), held(w, limit()));
  const bool over = n > most;
  const std::uint64_t given = !over ? n : what_is_held ? most : 0;
  if (given != 0) tenants_->give(t, given);
  settle(w, -static_cast<std::int64_t>(given));
  return over ? status::overflow : status::ok;
}

// ---- with the lock

template <class P>
std::uint64_t waiter_queue<P>::unlocked_among_tenants(std::uint64_t then) {
  tenants_->hold_ends();
  return tenants_->any() ? then | kQueued : then;  // TN1
}

template <class P>
void waiter_queue<P>::leaves_among_tenants(std::uint64_t then) {
  if (stats() == nullptr) return;
  stats::stamp oldest = 0;
  const bool some_wait = tenants_->oldest(oldest);
  counts_.leaves(some_wait, oldest, held(then, limit()));
}

template <class P>
void waiter_queue<P>::link_among_tenants(waiter<P>& x) {
  tenants_->push(x);
  counts_.linked(line_.count() + waits_beside());
}

template <class P>
void waiter_queue<P>::join_line(waiter<P>& x, place as) {
  counts_.arrives_of_tenant(x);
  link_among_tenants(x);
  x.where.store(as, std::memory_order_release);  // [in]
}

// In place of the rest of decide().
template <class P>
bool waiter_queue<P>::grant_among_tenants(std::uint64_t w, std::int64_t& take, finished<P>& done) {
  tenants_->look_at_usual(held(w, limit()) + static_cast<std::uint64_t>(take));
  while (available(w) > take) {
    waiter<P>* const x = tenants_->first();
    if (x == nullptr) break;
    const auto n = static_cast<std::int64_t>(x->permits);
    if (available(w) - take < n) break;
    if (no_room(*x, done)) return true;
    if (take_off(*x, status::ok, done)) take += n;
  }
  return false;
}

// x was unlinked. As mark_off(), and its tenant is charged and placed anew.
template <class P>
bool waiter_queue<P>::mark_off_of_tenant(waiter<P>& x, status result, std::int64_t waited,
                                         finished<P>& done) {
  tenant<P>& t = tenants_->of(x);
  const std::uint64_t n = x.permits;
  const std::uint32_t priority = x.priority();
  // As in take_off(): the stamp may be after the hold's moment.
  std::uint64_t its_wait = 0;
  if (result == status::ok && x.of_tenant()) {
    const std::int64_t since =
        stats::since_or_none(x.queued_at(), stats::stamp_of(tenants_->now()));
    its_wait = static_cast<std::uint64_t>(since);
  }
  if (!mark_off(x, result, done)) {
    tenants_->place(t);
    return false;
  }
  if (result == status::ok) {
    tenants_->granted(t, n, priority, its_wait);
    counts_.granted(n, waited);
  } else {
    tenants_->ended(t, result);
    counts_.ended(n, result);
  }
  return true;
}

// False: there was no room.
template <class P>
bool waiter_queue<P>::dismiss_closing(finished<P>& done) {
  while (tenant<P>* const t = tenants_->closing) {
    const bool all = t->waiting->visit([&](waiter<P>& x) {
      if (no_room(x, done)) return false;
      take_off(x, status::closed, done);
      return true;
    });
    if (!all) return false;
    tenants_->closing = t->closing_next;
    t->is_closing = false;
    if (t->gone) P::destroy(t);
  }
  return true;
}

// ---- a tenant's share, and its end

template <class P>
status waiter_queue<P>::set_share(tenant<P>& t, const share& is) {
  const std::uint64_t w = lock(kBusy);
  const bool closed = (w & kClosed) != 0 || t.closed;
  if (!closed) {
    if (is.cap < t.cap.get()) special_ = shrunk_ = true;
    tenants_->set(t, is);
  }
  settle(w, 0);
  return closed ? status::closed : status::ok;
}

template <class P>
status waiter_queue<P>::set_usual_weight(std::uint32_t weight) {
  const std::uint64_t w = lock(kBusy);
  const bool closed = (w & kClosed) != 0;
  if (!closed) {
    begin_tenants();
    share is;
    is.weight = weight;
    tenants_->set(tenants_->usual(), is);
  }
  settle(w, 0);
  return closed ? status::closed : status::ok;
}

template <class P>
status waiter_queue<P>::close(tenant<P>& t, bool of_last) {
  if (of_last) tenants_->remove(t);
  const std::uint64_t w = lock(kBusy);
  const bool was_closed = t.closed;
  t.closed = true;
  bool free = false;
  if (of_last) {
    tenants_->forget(t);
    t.gone = true;
    free = !t.is_closing && (t.waiting->empty() || P::kMutant == mutant::tenant_freed_early);
  }
  if (!free && !t.is_closing && !t.waiting->empty()) {
    t.is_closing = true;
    t.closing_next = tenants_->closing;
    tenants_->closing = &t;
    special_ = true;
  }
  settle(w, 0);
  if (free) P::destroy(&t);
  return was_closed ? status::already : status::ok;
}

}  // namespace afflux::queue
