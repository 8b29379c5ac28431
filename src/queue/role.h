// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What INTRUSIVE and LOCKFREE share: no lock; arrivals go through an inbox, in which the
// two differ (inbox_head.h).
//
// The right to touch the line is the *granting
// role*, a flag in the gate: whoever finds it free takes it with the same exchange
// that publishes what it came for, and runs one grant_pass; whoever finds it taken
// leaves kAgain or kArrived with what it came for, and goes.
//
// Sources: the announcer and the role resemble flat combining (Hendler et al.,
// SPAA 2010); publishing and taking the duty in one exchange is what makes "free
// the semaphore as soon as your acquire returned" true (glibc's bug 12674 is the
// counter-example).
#pragma once

#include "queue/inbox_head.h"
#include "queue/queue.h"

namespace afflux::queue {

template <class P, class Inbox>
class grant_pass;

template <class P, class Inbox>
class role_queue : public waiter_queue<P> {
 public:
  using base = waiter_queue<P>;
  using base::base;

  status enqueue(waiter<P>& x) override;
  status release_contended(std::uint64_t n) override;
  removal remove(request<P>& r, pin<P>& guard, bool expiry) override;
  void resize(std::uint64_t limit) override;
  status close(bool dead) override;
  status compete(waiter<P>& x, bool last_try, pin<P>& guard) override;
  void catch_up() override { look_again(); }
  std::uint64_t wake(std::uint64_t most) override;
  std::uint64_t waiting() override;

 private:
  friend class grant_pass<P, Inbox>;

  status count_in(const waiter<P>& x);
  bool crowded() const;
  void count_out(const waiter<P>& x);
  status announce(waiter<P>& x);
  void look_again();
  bool take_role(std::uint64_t& w);
  status enqueue_counted(waiter<P>& x);
  status enqueue_referenced(waiter<P>& x, bool drops);
  void link_early();
  void push_request(request<P>& r);
  bool unlink_inner(waiter<P>& x, status why, std::uint64_t& w, bool& removed);
  status hand_over(std::uint64_t w, std::uint64_t n);
  status release_in_role(std::uint64_t w, std::uint64_t n);

  // Only for the thread in the role; beside the line.
  typename P::template var<bool> active_{false};          // the inbox is not idle
  typename P::template var<request<P>*> early_{nullptr};  // requests whose waiter is unannounced

  alignas(128) Inbox inbox_;
  typename P::template gauge<std::uint32_t> pushes_;  // about how many since the last linking
  typename P::template atomic<request<P>*> requests_{nullptr};
  // With queue limits only: those who wait or are about to; before they are in the line.
  typename P::template atomic<std::uint64_t> expected_count_{0};
  typename P::template atomic<std::uint64_t> expected_bytes_{0};
  typename P::mutex resizing_;  // two stores of the limit in one order
};

}  // namespace afflux::queue

#include "queue/grant_pass.h"
#include "queue/role_arrival.h"

namespace afflux::queue {

// ---- releasing

template <class P, class Inbox>
status role_queue<P, Inbox>::release_contended(std::uint64_t n) {
  // acquire: the limit that hand_over() reads is at least as new as this epoch.
  std::uint64_t w = this->gate_.word.load(std::memory_order_acquire);
  if ((w & kFlags) == kQueued && this->simple_ && !this->counts_.times() && held(w) >= n) {
    if (const status s = hand_over(w, n); s != status::again) return s;
  }
  w = this->gate_.word.load(std::memory_order_relaxed);
  for (;;) {
    if (held(w) < n) return status::overflow;
    std::uint64_t then = w - permits(n);
    const bool plain = release_is_plain(w);
    const bool granting = (w & kGranting) != 0;
    if (!plain) then |= granting ? kAgain : kGranting;
    // [release] release, pairs with the granter's commit or the next [acquire]; acq_rel
    // where the role comes with it ([role]).
    if (this->gate_.word.compare_exchange_strong(
            w, then, plain || granting ? std::memory_order_release : std::memory_order_acq_rel,
            std::memory_order_relaxed)) {
      if (!plain && !granting) grant_pass<P, Inbox>(*this, then).run();
      return status::ok;
    }
  }
}

// The usual case, lean: n permits pass to a first-in-line that wants just as many,
// and others stay behind it, the next of whom does not fit. `held` is the same before and after, so
// it is not touched; the word as a whole is what confirms that nothing else happened. again:
// nothing was done.
template <class P, class Inbox>
status role_queue<P, Inbox>::hand_over(std::uint64_t w, std::uint64_t n) {
  const std::uint64_t limit = this->limit();
  const std::uint64_t taken = w | kGranting;
  // [role] acquire. This thread's own [release] is the completion.
  if (held(w) > limit || !this->gate_.word.compare_exchange_strong(
                             w, taken, std::memory_order_acquire, std::memory_order_relaxed)) {
    return status::again;
  }
  line<P>& line = this->line_;
  waiter<P>* const x = line.uniform() ? line.first() : nullptr;
  waiter<P>* const next = x != nullptr ? static_cast<waiter<P>*>(x->next) : nullptr;
  if (next == nullptr || x->permits != n || x->has(traits::kCosts) || limit != this->seen_limit_) {
    return release_in_role(taken, n);
  }
  // Permits may be free that were too few for x, and are enough for the next.
  if (fits(w, next->permits, limit) && P::kMutant != mutant::next_not_looked_at) {
    return release_in_role(taken, n);
  }
  line.grant_run(x->priority, next, 1);
  mark_off(*x, status::ok);
  P::own(static_cast<waiter<P>*>(next->next));
  // Before the exchange: the semaphore may be gone after it.
  const bool counted = this->stats() != nullptr;
  if (counted) {
    this->counts_.granted(1, n);
    this->counts_.oldest(this->line_);
  }
  std::uint64_t expected = taken;
  // [give up] release, pairs with the next holder's [role]; the last touch. On failure
  // [commit], acquire: the pass that follows acts on what is seen here.
  if (this->gate_.word.compare_exchange_strong(expected, w, std::memory_order_release,
                                               std::memory_order_acquire)) {
    if (counting<P>::traces_grants()) counting<P>::trace_grant(this, *x, counted);
    finished_list<P> finished;
    finished.push(*x);
    complete_all<P>(finished, nullptr);
    return status::ok;
  }
  this->counts_.granted_not(1, n);
  x->where.store(place::listed, std::memory_order_release);  // [where] as in list()
  line.push_front(*x);
  return release_in_role(expected, n);
}

// The general case with the role already taken.
template <class P, class Inbox>
status role_queue<P, Inbox>::release_in_role(std::uint64_t w, std::uint64_t n) {
  while (held(w) >= n) {
    // [release], and acquire for what others released meanwhile.
    if (this->gate_.word.compare_exchange_strong(w, w - permits(n), std::memory_order_acq_rel,
                                                 std::memory_order_acquire)) {
      grant_pass<P, Inbox>(*this, w - permits(n)).run();
      return status::ok;
    }
  }
  // Another has released these permits in between.
  grant_pass<P, Inbox>(*this, w).run();
  return status::overflow;
}

// ---- removing

// The usual case, lean: x stands in the line behind others, so nobody is granted by its
// leaving. False: the role was not taken. True: it was; if `removed`, x is off, and if
// `w` still has kGranting a pass has to give the role back.
template <class P, class Inbox>
bool role_queue<P, Inbox>::unlink_inner(waiter<P>& x, status why, std::uint64_t& w, bool& removed) {
  if ((w & kFlags) != kQueued || !this->simple_ || !take_role(w)) return false;
  // acquire, as in grant_pass::serve().
  if (x.where.load(std::memory_order_acquire) != place::listed ||
      x.owner.load(std::memory_order_relaxed) != this) {
    return true;
  }
  P::own(static_cast<waiter<P>*>(x.prev));
  P::own(static_cast<waiter<P>*>(x.next));
  if (&x == this->line_.first() || x.has(traits::kConditional)) return true;  // a pass sees to it
  this->line_.remove(x);
  this->counts_.ended(x, why);
  this->counts_.oldest(this->line_);
  mark_off(x, status::canceled);
  removed = true;
  const std::uint64_t free = w & ~kGranting;
  // [give up] release, pairs with the next holder's [role]. On failure [commit], acquire: the
  // pass that follows acts on what is seen here.
  if (this->gate_.word.compare_exchange_strong(w, free, std::memory_order_release,
                                               std::memory_order_acquire)) {
    w = free;
  }
  return true;
}

template <class P, class Inbox>
void role_queue<P, Inbox>::push_request(request<P>& r) {
  request<P>* first = requests_.load(std::memory_order_relaxed);
  do {
    r.next = first;
    // [ask] release, pairs with the granter's exchange: publishes r.
  } while (!requests_.compare_exchange_strong(first, &r, std::memory_order_release,
                                              std::memory_order_relaxed));
}

template <class P, class Inbox>
removal role_queue<P, Inbox>::remove(request<P>& r, pin<P>& guard, bool expiry) {
  bool pushed = false;
  std::uint64_t w = this->gate_.word.load(std::memory_order_relaxed);
  bool removed = false;
  bool in_role = !expiry && unlink_inner(*r.node, r.why, w, removed);
  if (removed) {
    if ((w & kGranting) != 0) {
      grant_pass<P, Inbox> pass(*this, w);
      pass.guard = &guard;
      pass.run();
    }
    return removal::removed;
  }
  for (;;) {
    if (in_role || (w & kGranting) == 0) {
      if (!in_role && !take_role(w)) continue;
      grant_pass<P, Inbox> pass(*this, w);
      pass.guard = &guard;
      pass.own = &r;
      pass.serve_own = !pushed;
      pass.expiry = expiry;
      pass.run();
      return pass.served_own || expiry ? static_cast<removal>(r.result) : r.await();
    }
    if (!pushed) {
      push_request(r);
      pushed = true;
      w = this->gate_.word.load(std::memory_order_relaxed);
      continue;
    }
    // [flag] release, as in announce().
    if (this->gate_.word.compare_exchange_strong(w, w | kAgain, std::memory_order_release,
                                                 std::memory_order_relaxed)) {
      break;
    }
  }
  guard.drop();
  const removal outcome = r.await();
  if (expiry) {
    finished_list<P> finished;
    conclude_expiry<P>(*r.node, outcome, finished);
    complete_all<P>(finished, nullptr);
  }
  return outcome;
}

// ---- waking

template <class P, class Inbox>
std::uint64_t role_queue<P, Inbox>::wake(std::uint64_t most) {
  // Read-modify-writes, both, and in this order an arrival goes the other way round: either it is
  // seen here, or it comes later, acquires, and sees what this thread did before.
  const std::uintptr_t head = inbox_.look_in_order();
  std::uint64_t w = this->gate_.word.fetch_or(0, std::memory_order_acq_rel);
  const bool arrived = !Inbox::empty(head) && P::kMutant != mutant::wake_skips_unannounced;
  if ((w & (kQueued | kGranting)) == 0 && !arrived) return 0;
  request<P> r(most);
  bool pushed = false;
  for (;;) {
    if ((w & kGranting) == 0) {
      if (!take_role(w)) continue;
      grant_pass<P, Inbox> pass(*this, w);
      pass.own = &r;
      pass.serve_own = !pushed;
      pass.run();
      if (!pass.served_own) r.await();
      return r.count;
    }
    if (!pushed) {
      push_request(r);
      pushed = true;
      w = this->gate_.word.load(std::memory_order_relaxed);
      continue;
    }
    // [flag] release, as in announce().
    if (this->gate_.word.compare_exchange_strong(w, w | kAgain, std::memory_order_release,
                                                 std::memory_order_relaxed)) {
      break;
    }
  }
  r.await();
  return r.count;
}

// ---- the limit, the end

template <class P, class Inbox>
void role_queue<P, Inbox>::resize(std::uint64_t limit) {
  // What this resize grants may drop the reference that the caller relies on.
  this->ref();
  std::uint64_t taken = 0;
  {
    std::lock_guard lock(resizing_);
    this->store_limit(limit);
    this->counts_.resized();
    std::uint64_t w = this->gate_.word.load(std::memory_order_relaxed);
    for (;;) {
      std::uint64_t then = P::kMutant == mutant::no_epoch ? w : next_epoch(w);
      if constexpr (P::kMutant == mutant::debt_lost) {
        if (held(then) > limit) then -= permits(held(then) - limit);
      }
      if ((w & kGranting) != 0) {
        then |= kAgain;
      } else if ((w & kQueued) != 0) {
        then |= kGranting;
      }
      // [epoch] release, pairs with the acquire loads of the word: who sees the epoch sees
      // the limit. acquire: [role].
      if (this->gate_.word.compare_exchange_strong(w, then, std::memory_order_acq_rel,
                                                   std::memory_order_relaxed)) {
        if ((w & (kGranting | kQueued)) == kQueued) taken = then;
        break;
      }
    }
  }
  if (taken != 0) {
    grant_pass<P, Inbox> pass(*this, taken);
    pass.collect = true;
    pass.run();
  }
  this->unref();
}

template <class P, class Inbox>
status role_queue<P, Inbox>::close(bool dead) {
  std::uint64_t w = this->gate_.word.load(std::memory_order_relaxed);
  for (;;) {
    if (!dead && (w & kClosed) != 0) return status::already;
    std::uint64_t then = w | kClosed | (dead ? kDead : 0);
    bool mine = false;
    if ((w & kGranting) != 0) {
      then |= kAgain;
    } else if (dead || (w & kQueued) != 0) {
      then |= kGranting;
      mine = true;
    }
    // [flag] release, [role] acquire. Not touched afterwards unless the role is ours.
    if (this->gate_.word.compare_exchange_strong(w, then, std::memory_order_acq_rel,
                                                 std::memory_order_relaxed)) {
      if (!dead) counting<P>::trace_close(this);
      if (mine) grant_pass<P, Inbox>(*this, then).run();
      return status::ok;
    }
  }
}

// ---- THROUGHPUT

template <class P, class Inbox>
status role_queue<P, Inbox>::compete(waiter<P>& x, bool last_try, pin<P>& guard) {
  const bool mark = last_try && P::kMutant != mutant::park_without_handover;
  std::uint64_t w = this->gate_.word.load(std::memory_order_acquire);
  for (;;) {
    if ((w & kGranting) == 0) {
      if (!last_try && !fits(w, x.permits, this->limit())) return status::pending;
      // Closed or granted in between: x is off, the pass is harmless.
      const std::uint64_t taken = w | kGranting | (mark && (w & kQueued) != 0 ? kHandover : 0);
      if (!this->gate_.word.compare_exchange_strong(w, taken, std::memory_order_acquire,
                                                    std::memory_order_relaxed)) {
        continue;
      }
      grant_pass<P, Inbox> pass(*this, taken);
      pass.direct = true;
      pass.self = &x;
      pass.guard = &guard;
      return pass.run();
    }
    if (!mark) return status::pending;
    // [flag] release, as in announce(). kHandover without kQueued is not legal, but the
    // role's holder clears what does not belong when it gives up.
    if (this->gate_.word.compare_exchange_strong(
            w, w | kHandover | kAgain, std::memory_order_release, std::memory_order_relaxed)) {
      return status::pending;
    }
  }
}

// ---- observing

template <class P, class Inbox>
std::uint64_t role_queue<P, Inbox>::waiting() {
  // Link what has arrived, if nobody is at it: else things are moving.
  if (!Inbox::empty(inbox_.look())) {
    std::uint64_t w = this->gate_.word.load(std::memory_order_relaxed);
    if ((w & (kQueued | kGranting)) == kQueued && take_role(w)) {
      grant_pass<P, Inbox> pass(*this, w);
      pass.collect = true;
      pass.run();
    }
  }
  return this->line_.count();
}

}  // namespace afflux::queue
