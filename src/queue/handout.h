// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Handing out permits from the line: what every strategy does once it has the
// right to touch it (the role, or the lock). Nothing here is atomic but the
// waiters' own words; the strategy commits the result by an exchange on the gate.
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

template <class P>
class handout {
 public:
  explicit handout(waiter_queue<P>& q) : q_(q), stats_(q.stats()) {}
  handout(const handout&) = delete;
  handout& operator=(const handout&) = delete;

  waiter<P>* self = nullptr;  // this thread's own waiter: returned, not completed
  bool direct = false;        // THROUGHPUT: grant threads, do not poke them

 protected:
  // ---- leaving the line

  void take_off(waiter<P>& x) {
    about_to_leave(x);
    q_.line_.remove(x);
  }

  // The first `most` in line, without permits; how many there were.
  std::uint64_t wake_first(std::uint64_t most) {
    std::uint64_t woken = 0;
    for (; woken < most && !q_.line_.empty(); ++woken) {
      waiter<P>& x = *q_.line_.first();
      about_to_leave(x);
      q_.line_.grant(x);
      dismiss(x, status::ok);
    }
    return woken;
  }

  // Off for good, without permits.
  void dismiss(waiter<P>& x, status why) {
    q_.counts_.ended(x, why);
    mark_off(x, why);
    finished_.push(x);
  }

  void dismiss_all() {
    q_.line_.for_each([this](waiter<P>& x) {
      take_off(x);
      dismiss(x, status::closed);
    });
  }

  // The limit has changed: whoever can never be served by it leaves.
  void refuse_impossible(std::uint64_t limit) {
    if (limit < q_.seen_limit_) {
      q_.line_.for_each([this, limit](waiter<P>& x) {
        if (!q_.impossible(x, limit)) return;
        take_off(x);
        dismiss(x, status::invalid);
      });
    }
    q_.seen_limit_ = limit;
  }

  // DROP_OLDEST: x is about to join the line and finds it full, although what can be
  // granted has been.
  void drop_for(const waiter<P>& x) {
    while (full_for(x)) {
      waiter<P>& victim = q_.line_.oldest_of_lowest();
      take_off(victim);
      dismiss(victim, status::rejected);
    }
  }

  bool full_for(const waiter<P>& x) const {
    const settings& s = q_.settings_;
    return !q_.line_.empty() &&
           (q_.line_.count() >= s.max_waiters || s.too_many_bytes(q_.line_.bytes(), x.cost()));
  }

  void count_out(const waiter<P>& x) {
    if (!q_.settings_.limited()) return;
    left_count_ += 1;
    left_bytes_ += x.cost();
  }

  // ---- granting

  // From the head of the line while the whole request fits beside what the gate `w`
  // counts as held and what is in the batch; at most `most`. False: there is more.
  bool grant_listed(std::uint64_t w, std::uint64_t limit, std::uint32_t most) {
    line<P>& line = q_.line_;
    if (q_.simple_ && line.uniform()) grant_run(w, limit, most);
    for (waiter<P>* x = line.first(); x != nullptr; x = line.first()) {
      const std::uint64_t n = x->permits;
      if (held(w) + sum_ + n > limit) return true;
      if (wakes_early(w, *x)) {
        poke(*x);
        return true;
      }
      if (granted_ == most) return false;
      ++granted_;
      if (!q_.simple_) about_to_be_granted(*x);
      line.grant(*x);
      sum_ += q_.settings_.weight(n);
      ++batch_count_;
      if constexpr (P::kMutant == mutant::off_after_giving_up) {
        x->result = status::ok;
      } else {
        mark_off(*x, status::ok);
      }
      batch_.push(*x);
    }
    return true;
  }

  // It was decided on something that is no more; back to the line, in order.
  void put_batch_back() {
    waiter<P>* latest = nullptr;
    for (waiter<P>* x = batch_.first(); x != nullptr;) {
      waiter<P>* const next = x->next;
      x->next = latest;
      latest = x;
      x = next;
    }
    batch_.clear();
    sum_ = batch_count_ = 0;
    // As if nothing had happened: who was poked is awake, and still first.
    if (poked_in_batch_ != nullptr) q_.poked_ = poked_in_batch_;
    poked_in_batch_ = nullptr;
    first_granted_ = false;
    while (latest != nullptr) {
      waiter<P>* const earlier = latest->next;
      if (q_.settings_.limited()) {
        left_count_ -= 1;
        left_bytes_ -= latest->cost();
      }
      latest->where.store(place::listed, std::memory_order_release);  // [where], see list()
      q_.line_.push_front(*latest);
      latest = earlier;
    }
  }

  // In the statistics; while the semaphore is certain to be there.
  void count_batch() {
    if (batch_count_ != 0) q_.counts_.granted(batch_count_, sum_);
  }
  void count_batch_not() {
    if (batch_count_ != 0) q_.counts_.granted_not(batch_count_, sum_);
  }
  // ... and how long each has waited.
  void take_times() {
    if (!q_.counts_.times() || batch_.empty()) return;
    slow_ = q_.settings_.slow;
    now_ = stats::stamp_of(P::now());
    if (!stats_->has_times()) return;
    for (const waiter<P>* x = batch_.first(); x != nullptr; x = x->next) {
      stats_->waited(stats::since(x->queued_at(), now_));
    }
  }

  // The batch is counted as held. The semaphore may be gone.
  void batch_is_final() {
    if (counting<P>::traces_grants()) {
      for (const waiter<P>* x = batch_.first(); x != nullptr; x = x->next) {
        counting<P>::trace_grant(&q_, *x, stats_ != nullptr);
      }
    }
    finished_.append(batch_);
    sum_ = batch_count_ = 0;
    first_left_ = another_is_first();
    first_served_ = served_first();
    first_granted_ = false;
    poked_in_batch_ = nullptr;
  }

  bool another_is_first() const { return first_left_ || first_granted_; }
  // Only then the overtakings begin anew: who merely left has aged nobody behind it.
  bool served_first() const {
    if constexpr (P::kMutant == mutant::leaving_renews_bound) return another_is_first();
    return first_served_ || first_granted_;
  }

  void list(waiter<P>& x) {
    // [where] release, pairs with the canceller's loads: who reads `listed` finds the owner
    // that was written before.
    x.where.store(place::listed, std::memory_order_release);
    count_listed(x);
    q_.line_.push_back(x);
  }
  // The cost of x has left those on the way.
  void count_listed(const waiter<P>& x) {
    if (x.has(traits::kCosts) && stats_ != nullptr) stats_->listed_bytes(x.cost());
  }

  // kQueued, kPoked and kHandover as they are to be after `w`, for a queue with waiters.
  std::uint64_t flags_after(std::uint64_t w) const {
    std::uint64_t flags = kQueued;
    if (q_.poked_ != nullptr) flags |= kPoked;
    if constexpr (P::kMutant == mutant::poked_leaves_flag) flags |= w & kPoked;
    // While somebody is poked it stays, whoever else leaves: the poked thread may have set it
    // and gone to sleep, and releases count on it or on kHandover.
    const bool ends =
        another_is_first() && (q_.poked_ == nullptr || P::kMutant == mutant::handover_ends_early);
    if (!ends) flags |= w & kHandover;
    return flags;
  }

  // ---- after the role or the lock

  void complete_finished() {
    if constexpr (P::kMutant == mutant::off_after_giving_up) {
      for (waiter<P>* x = finished_.first(); x != nullptr; x = x->next) {
        x->where.store(place::off, std::memory_order_relaxed);
      }
    }
    if (wake_up_ != nullptr) P::unpark(wake_up_);
    wake_up_ = nullptr;
    if (slow_.tell != nullptr) tell_of_slow_ones();
    const status s = complete_all<P>(finished_, self);
    if (s != status::pending) {
      result_ = s;
      self = nullptr;
    }
  }

  waiter_queue<P>& q_;
  typename waiter_queue<P>::stats_type* const stats_;
  finished_list<P> batch_;         // decided, not yet counted as held ...
  std::uint64_t sum_ = 0;          // ... and their permits ...
  std::uint64_t batch_count_ = 0;  // ... and how many they are
  finished_list<P> finished_;
  std::uint32_t granted_ = 0;
  bool first_left_ = false;     // THROUGHPUT: another is the first now ...
  bool first_granted_ = false;  // ... or will be, when the batch is final
  bool first_served_ = false;   // a first one has been granted, for good
  waiter<P>* poked_in_batch_ = nullptr;
  std::uint64_t left_count_ = 0;   // with queue limits: how many left (modulo 2^64) ...
  std::uint64_t left_bytes_ = 0;   // ... with what cost
  const void* wake_up_ = nullptr;  // a poked thread's signal
  slow_wait slow_;                 // whom to tell of long waits ...
  stats::stamp now_ = 0;           // ... of those that were granted at this moment
  status result_ = status::pending;

 private:
  // The semaphore may be gone.
  void tell_of_slow_ones() {
    for (const waiter<P>* x = finished_.first(); x != nullptr; x = x->next) {
      if (x->result != status::ok) continue;
      const std::int64_t waited = stats::since(x->queued_at(), now_);
      if (waited < slow_.from_ns) continue;
      const afflux_slow_wait told = {.struct_size = sizeof told,
                                     .priority = x->priority,
                                     .permits = x->permits,
                                     .wait_ns = waited,
                                     .ctx = x->users_context()};
      slow_.tell(slow_.context, &told);
    }
  }

  // As the loop of grant_listed(), for FAIR without limits and one priority: the granted are
  // the beginning of the list as it is.
  void grant_run(std::uint64_t w, std::uint64_t limit, std::uint32_t most) {
    waiter<P>* const first = q_.line_.first();
    if (first == nullptr) return;
    const std::uint32_t priority = first->priority;
    const std::uint64_t used = held(w) + sum_;
    std::uint64_t room = used < limit ? limit - used : 0;
    waiter<P>* last = nullptr;
    waiter<P>* x = first;
    std::uint64_t count = 0;
    bool at_once = false;
    for (; x != nullptr && granted_ < most && x->permits <= room && !x->has(traits::kCosts);
         x = x->next) {
      P::own(static_cast<waiter<P>*>(x->next));
      room -= x->permits;
      sum_ += x->permits;
      if constexpr (P::kMutant == mutant::off_after_giving_up) {
        x->result = status::ok;
      } else {
        mark_off(*x, status::ok);
      }
      ++batch_count_;
      at_once = at_once || x->at_once();
      last = x;
      ++granted_;
      ++count;
    }
    if (count == 0) return;
    q_.line_.grant_run(priority, x, count);
    batch_.push(*first, *last, at_once);
  }

  void about_to_leave(waiter<P>& x) {
    if (q_.simple_) return;
    count_out(x);
    if (!q_.settings_.throughput) return;
    if (&x == q_.line_.first()) first_left_ = true;
    if (&x == q_.poked_) q_.poked_ = nullptr;
  }

  void about_to_be_granted(waiter<P>& x) {
    count_out(x);
    if (!q_.settings_.throughput) return;
    first_granted_ = true;
    if (&x != q_.poked_) return;
    poked_in_batch_ = &x;
    q_.poked_ = nullptr;
  }

  // THROUGHPUT: a sleeping thread is not handed permits that newcomers could use while it
  // wakes up; it is woken early, and competes, until its turn is enforced.
  bool wakes_early(std::uint64_t w, const waiter<P>& x) const {
    return q_.settings_.throughput && !direct && (w & kHandover) == 0 && x.blocks_a_thread() &&
           &x != self;
  }

  void poke(waiter<P>& x) {
    if (q_.poked_ != nullptr) return;
    q_.poked_ = &x;
    // acq_rel: as [granted]; the thread acts on nothing but this word.
    if (x.signal.exchange(signals::kPoked, std::memory_order_acq_rel) != signals::kParked) return;
    // One that this same pass has poked before has left the line since. Its completion finds it
    // poked and leaves the waking to us. So rare that it may happen in the role.
    if (wake_up_ != nullptr && P::kMutant != mutant::poke_forgets_another) P::unpark(wake_up_);
    wake_up_ = &x.signal;
  }
};

}  // namespace afflux::queue
