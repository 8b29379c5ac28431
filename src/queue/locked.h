// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What MUTEX and HYBRID share: a lock around the line, with the fast paths of the
// gate untouched. They differ in the lock.
//
// A lock has:
//
//   bool enter()                     alone in the line from here on ...
//   void leave(bool, count)          ... to here; what enter() answered, and how many wait
//   bool enter_last()                as enter(); when leave() has returned afterwards
//                                    nobody else touches the lock any more
//
// M1  While kQueued is set only the holder of the lock adds to or takes from what is
//     held, but for THROUGHPUT's newcomers and, with kPoked, releases.
// M2  A release that may have to hand out publishes its permits under the lock, and
//     the last unref takes the lock before it frees: so a release that still unlocks
//     is waited for (S9).
// M3  Completions run after unlocking.
#pragma once

#include "queue/expiry.h"
#include "queue/handout.h"

namespace afflux::queue {

template <class P, class Lock>
class locked_handout;

template <class P, class Lock>
class locked_queue : public waiter_queue<P> {
 public:
  using base = waiter_queue<P>;
  using base::base;
  using section = locked_handout<P, Lock>;

  status enqueue(waiter<P>& x) override;
  status release_contended(std::uint64_t n) override;
  removal remove(request<P>& r, pin<P>& guard, bool expiry) override;
  void resize(std::uint64_t limit) override;
  status close(bool dead) override;
  status compete(waiter<P>& x, bool last_try, pin<P>& guard) override;
  void catch_up() override {}  // it hands out all at once
  std::uint64_t wake(std::uint64_t most) override;
  std::uint64_t waiting() override { return this->line_.count(); }

 private:
  friend class locked_handout<P, Lock>;
  Lock lock_;
};

// One critical section: construct, act, finish().
template <class P, class Lock>
class locked_handout : public handout<P> {
 public:
  using queue_type = locked_queue<P, Lock>;

  explicit locked_handout(queue_type& q) : locked_handout(q, q.lock_.enter()) {}
  // The one before the queue is freed.
  static locked_handout last(queue_type& q) { return {q, q.lock_.enter_last()}; }

  using handout<P>::dismiss_all;
  using handout<P>::refuse_impossible;
  using handout<P>::take_off;
  using handout<P>::list;
  using handout<P>::wake_first;

  bool closed() const {
    // relaxed: it is set under the lock.
    return (q_.gate_.word.load(std::memory_order_relaxed) & kClosed) != 0;
  }

  // Makes x part of the queue, or answers why not. pending: it is in the line.
  status admit(waiter<P>& x) {
    // acquire, pairs with [release], as in try_acquire().
    std::uint64_t w = q_.gate_.word.load(std::memory_order_acquire);
    for (;;) {
      const std::uint64_t limit = q_.limit();
      if ((w & kClosed) != 0) return status::closed;
      if (q_.impossible(x, limit)) return status::invalid;
      const bool free = (w & kQueued) == 0 && fits(w, x.permits, limit);
      if (!free && refused(x)) {
        q_.counts_.refused(x);
        return status::rejected;
      }
      if ((w & kQueued) != 0) break;  // only the lock's holder takes it away
      if (q_.gate_.word.compare_exchange_strong(
              w, free ? w + permits(q_.settings_.weight(x.permits)) : w | kQueued,
              std::memory_order_acquire, std::memory_order_acquire)) {
        if (!free) break;
        return q_.count_taken(x.permits);
      }
    }
    if (q_.settings_.when_full == overflow::drop_oldest) this->drop_for(x);
    q_.counts_.arrives(x);
    list(x);
    return status::pending;
  }

  // Gives `less` back and hands out what then fits, by one exchange. With `more_flags`
  // set in the gate. overflow: fewer than `less` are held, nothing was given back.
  status hand_out(std::uint64_t less = 0, std::uint64_t more_flags = 0) {
    std::uint64_t w = q_.gate_.word.load(std::memory_order_acquire);
    for (;;) {
      status result = status::ok;
      if (held(w) < less) {
        less = 0;
        result = status::overflow;
      }
      std::uint64_t then = w - permits(less);
      const std::uint64_t limit = q_.limit();
      // A newcomer was faster (THROUGHPUT).
      if (held(then) + this->sum_ > limit) this->put_batch_back();
      if ((w & kClosed) == 0) this->grant_listed(then | more_flags, limit, UINT32_MAX);
      then = (then + permits(this->sum_)) & ~(kQueued | kPoked | kHandover);
      if (!q_.line_.empty()) then |= this->flags_after(w | more_flags);
      // [release], and acquire for what others released.
      if (q_.gate_.word.compare_exchange_strong(w, then, std::memory_order_acq_rel,
                                                std::memory_order_acquire)) {
        this->count_batch();
        this->take_times();
        this->batch_is_final();
        // Not before: a newcomer that makes the exchange fail has counted itself.
        if (this->first_served_) q_.forget_overtakings();
        return result;
      }
    }
  }

  // The lock is given back; then the completions. The result of `self`.
  status finish() {
    leave();
    this->complete_finished();
    return this->result_;
  }

  // As finish(), for a thread without a reference.
  status finish(pin<P>& guard) {
    leave();
    guard.drop();
    this->complete_finished();
    return this->result_;
  }

  // As finish(), for a removal.
  void finish(request<P>& r, pin<P>& guard, bool expiry) {
    leave();
    guard.drop();
    if (expiry) conclude_expiry<P>(*r.node, r.result, this->finished_);
    this->complete_finished();
  }

  // As finish(), at the end: the queue is freed.
  void finish_and_free() {
    leave();
    auto& pins = P::pins(&q_);
    if constexpr (P::kMutant != mutant::no_pin) {
      // A read-modify-write, see class pin. Who holds one finds its waiter off.
      for (std::uint64_t now; (now = pins.fetch_add(0, std::memory_order_acq_rel)) != 0;) {
        P::wait_for_change(pins, now);
      }
    }
    P::destroy(&q_);
    this->complete_finished();
  }

 private:
  bool refused(const waiter<P>& x) const {
    const settings& s = q_.settings_;
    if (!s.limited()) return false;
    if (x.cost() > s.max_bytes) return true;
    return s.when_full == overflow::drop_newest &&
           (q_.line_.count() >= s.max_waiters || s.too_many_bytes(q_.line_.bytes(), x.cost()));
  }

  locked_handout(queue_type& q, bool how) : handout<P>(q), q_(q), how_(how) {}

  void leave() {
    q_.counts_.oldest(q_.line_);
    q_.lock_.leave(how_, q_.line_.count());
  }

  queue_type& q_;
  const bool how_;
};

template <class P, class Lock>
status locked_queue<P, Lock>::enqueue(waiter<P>& x) {
  // relaxed, both: published by [where] in list().
  x.owner.store(this, std::memory_order_relaxed);
  x.signal.store(signals::kWaiting, std::memory_order_relaxed);
  section now(*this);
  const status s = now.admit(x);
  if (s != status::pending) {
    now.finish();
    return s;
  }
  now.self = &x;
  // Those who now fit may have stood behind one that was dropped.
  if (this->line_.first() == &x || this->settings_.limited()) now.hand_out();
  return now.finish();
}

template <class P, class Lock>
status locked_queue<P, Lock>::release_contended(std::uint64_t n) {
  if constexpr (P::kMutant == mutant::mutex_release_unlocked) {
    this->gate_.word.fetch_sub(permits(n), std::memory_order_release);
    n = 0;
  }
  section now(*this);
  const status s = now.hand_out(n);
  now.finish();
  return s;
}

template <class P, class Lock>
removal locked_queue<P, Lock>::remove(request<P>& r, pin<P>& guard, bool expiry) {
  section now(*this);
  waiter<P>& x = *r.node;
  // relaxed, both: they change under this lock, or x is not ours.
  if (x.where.load(std::memory_order_relaxed) == place::listed &&
      x.owner.load(std::memory_order_relaxed) == this) {
    if (!r.may_take()) {
      r.result = removal::unqueued;
      now.finish(r, guard, expiry);
      return r.result;
    }
    // S7. A poked one need not be first any more, but releases count on it.
    const bool counts = this->line_.first() == &x || this->poked_ == &x;
    now.take_off(x);
    this->counts_.ended(x, r.why);
    mark_off(x, status::canceled);
    r.result = removal::removed;
    if (counts && P::kMutant != mutant::no_regrant_on_cancel) now.hand_out();
  }
  now.finish(r, guard, expiry);
  return r.result;
}

template <class P, class Lock>
std::uint64_t locked_queue<P, Lock>::wake(std::uint64_t most) {
  section now(*this);
  const std::uint64_t woken = now.wake_first(most);
  if (woken != 0) now.hand_out();  // for the flags
  now.finish();
  return woken;
}

template <class P, class Lock>
void locked_queue<P, Lock>::resize(std::uint64_t limit) {
  section now(*this);
  this->store_limit(limit);
  this->counts_.resized();
  std::uint64_t w = this->gate_.word.load(std::memory_order_relaxed);
  std::uint64_t then = w;
  do {
    then = P::kMutant == mutant::no_epoch ? w : next_epoch(w);
    if constexpr (P::kMutant == mutant::debt_lost) {
      if (held(then) > limit) then -= permits(held(then) - limit);
    }
    // [epoch] release, pairs with the acquire loads of the word.
  } while (!this->gate_.word.compare_exchange_strong(w, then, std::memory_order_release,
                                                     std::memory_order_relaxed));
  now.refuse_impossible(limit);
  now.hand_out();
  now.finish();
}

template <class P, class Lock>
status locked_queue<P, Lock>::close(bool dead) {
  section now = dead ? section::last(*this) : section(*this);
  if (!dead && now.closed()) {
    now.finish();
    return status::already;
  }
  // release: what came before the close is visible to who sees it.
  this->gate_.word.fetch_or(dead ? kClosed | kDead : kClosed, std::memory_order_release);
  if (!dead) counting<P>::trace_close(this);
  now.dismiss_all();
  now.hand_out();  // clears kQueued
  if (dead) {
    now.finish_and_free();
  } else {
    now.finish();
  }
  return status::ok;
}

template <class P, class Lock>
status locked_queue<P, Lock>::compete(waiter<P>& x, bool last_try, pin<P>& guard) {
  // acquire, as in try_acquire().
  const std::uint64_t w = this->gate_.word.load(std::memory_order_acquire);
  if (!last_try && !fits(w, x.permits, this->limit())) return status::pending;
  section now(*this);
  now.self = &x;
  now.direct = true;
  now.hand_out(0, last_try && P::kMutant != mutant::park_without_handover ? kHandover : 0);
  return now.finish(guard);
}

}  // namespace afflux::queue
