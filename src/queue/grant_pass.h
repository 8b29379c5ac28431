// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A grant pass: what the thread in the granting role does, from the exchange that
// gave it the role to the exchange that gives it back.
//
// Each round: link arrivals, serve requests, grant from the head of the line while
// the whole request fits, settle the inbox, and try to give the role back with one
// exchange that also counts what was granted as held. If anything was left for it
// meanwhile that exchange fails; it then commits what it has and starts over.
//
// Only after the role is back are requests answered, and only after that are
// waiters completed: a completion may do anything, also free the semaphore.
//
// The pitfalls that this order avoids, each a mutant that the model tests kill:
// completing before held is counted (false over-release); marking a waiter off after
// giving up (two outcomes); answering requests after completions (a lock that a
// user holds around cancel deadlocks); keeping a batch that was decided on a limit
// that a resize has lowered since (more held than the limit).
#pragma once

#include "queue/expiry.h"
#include "queue/handout.h"
#include "queue/role.h"

namespace afflux::queue {

template <class P, class Inbox>
class grant_pass : public handout<P> {
 public:
  using base = handout<P>;
  using base::self;

  grant_pass(role_queue<P, Inbox>& q, std::uint64_t word)
      : base(q), q_(q), w_(word), epoch_(epoch(word)) {}

  // ---- what the pass is for; set before run()
  bool arrived = false;       // the inbox has been announced
  bool collect = false;       // link the inbox although the head may not fit
  request<P>* own = nullptr;  // this thread's own request ...
  bool serve_own = false;     // ... which is not in the list of requests
  bool expiry = false;        // ... whose waiter's timer is firing
  pin<P>* guard = nullptr;    // dropped when the role is back

  // After run(): the own request was served (else its answer is to be awaited).
  bool served_own = false;

  // The result of `self`, or pending.
  status run() {
    for (;;) {
      round();
      if (!settle()) {
        commit();
        continue;
      }
      if ((w_ & kDead) != 0) return end();
      if (q_.counts_.times() && !batch_.empty()) {
        commit();  // their times are taken while the semaphore is certain to be there
        continue;
      }
      if (chunk_full_) {
        if (!give_way()) return result_;
        continue;
      }
      if ((w_ & (kAgain | kArrived)) == 0) {
        if constexpr (P::kMutant == mutant::publish_before_commit) {
          complete_all<P>(batch_, self);
          batch_.clear();
        }
        if (exchange_for(word_after())) return finish();
      }
      commit();
    }
  }

 private:
  using base::batch_;
  using base::finished_;
  using base::first_left_;
  using base::first_served_;
  using base::left_bytes_;
  using base::left_count_;
  using base::result_;
  using base::sum_;

  void round() {
    if ((w_ & kArrived) != 0) arrived = true;
    if constexpr (P::kMutant == mutant::take_unannounced) {
      arrived = arrived || (!q_.active_ && !Inbox::empty(q_.inbox_.look()));
    }
    limit_ = q_.limit();
    if (arrived || (collect && (q_.active_ || P::kMutant == mutant::early_splice_takes_idle))) {
      link();
    }
    arrived = collect = false;
    serve();
    if ((w_ & kClosed) != 0) {
      if (q_.active_) link();
      this->dismiss_all();
      return;
    }
    if (limit_ != q_.seen_limit_) {
      if (q_.active_) link();
      this->refuse_impossible(limit_);
    }
    if (P::kMutant == mutant::no_regrant_on_cancel && !answers_.empty()) return;
    grant();
  }

  // ---- arrivals

  // Takes the inbox and appends it to the line in the order of arrival.
  void link() {
    waiter<P>* const newest = q_.inbox_.take();
    q_.active_ = true;
    if (newest == nullptr) return;
    // Each one's `prev` is in place already; one walk gives it its `next`.
    const std::uint8_t priority = newest->priority;
    bool alike = !q_.settings_.limited();
    std::uint64_t count = 0;
    waiter<P>* newer = nullptr;
    waiter<P>* oldest = newest;
    for (waiter<P>* x = newest; x != nullptr; x = x->prev) {
      x->next = newer;
      x->where.store(place::listed, std::memory_order_release);  // [where], see list()
      alike = alike && x->priority == priority && x->traits == 0 && x->permits <= limit_;
      newer = oldest = x;
      ++count;
    }
    if (alike) {
      q_.line_.append(*oldest, *newest, count);
      return;
    }
    while (oldest != nullptr) {
      waiter<P>* const next = oldest->next;
      admit(*oldest);
      oldest = next;
    }
  }

  void admit(waiter<P>& x) {
    if (q_.impossible(x, limit_)) {
      this->count_out(x);
      this->count_listed(x);
      this->dismiss(x, status::invalid);
      return;
    }
    if (q_.settings_.when_full == overflow::drop_oldest) {
      // As if each arrival came alone: what can be granted goes first.
      if (this->full_for(x) && (w_ & kClosed) == 0) grant_listed();
      this->drop_for(x);
    }
    this->list(x);
  }

  // ---- requests

  void serve() {
    if (serve_own) {
      serve_own = false;
      serve(*own);
    }
    if (q_.active_ && q_.early_ != nullptr) {
      request<P>* r = q_.early_;
      q_.early_ = nullptr;
      serve_list(r);
    }
    // relaxed: a request that is not seen here comes with kAgain.
    if (q_.requests_.load(std::memory_order_relaxed) != nullptr) {
      // acquire, pairs with [ask].
      serve_list(q_.requests_.exchange(nullptr, std::memory_order_acquire));
    }
  }

  void serve_list(request<P>* r) {
    while (r != nullptr) {
      request<P>* const next = r->next;
      serve(*r);
      r = next;
    }
  }

  void serve(request<P>& r) {
    if (r.node == nullptr) return serve_wake(r);
    waiter<P>& x = *r.node;
    // acquire: with `listed` or `inbox` comes the owner that was written before.
    place p = x.where.load(std::memory_order_acquire);
    const auto ours = [&] { return x.owner.load(std::memory_order_relaxed) == &q_; };
    if (p == place::inbox && q_.active_ && ours()) {
      link();
      p = x.where.load(std::memory_order_acquire);
    }
    if (p == place::inbox && !q_.active_ && !Inbox::empty(q_.inbox_.look())) {
      // Perhaps in a chain that may not be taken yet; its announcer brings a pass.
      r.next = static_cast<request<P>*>(q_.early_);
      q_.early_ = &r;
      return;
    }
    if (p == place::listed && ours()) {
      if (r.may_take()) {
        this->take_off(x);
        q_.counts_.ended(x, r.why);
        mark_off(x, status::canceled);
        r.result = removal::removed;
      } else {
        r.result = removal::unqueued;
      }
    } else {
      r.result = p == place::inbox ? removal::unqueued : removal::gone;
    }
    if (&r == own) served_own = true;
    answers_.push(r);
  }

  void serve_wake(request<P>& r) {
    if (q_.active_) {
      link();
    } else if (!Inbox::empty(q_.inbox_.look())) {
      // As above: they may not be taken before their announcer has spoken.
      r.next = static_cast<request<P>*>(q_.early_);
      q_.early_ = &r;
      return;
    }
    r.count = this->wake_first(r.count);
    if (&r == own) served_own = true;
    answers_.push(r);
  }

  // ---- granting

  void grant() {
    do {
      grant_listed();
    } while (q_.line_.empty() && link_more());
  }

  void grant_listed() {
    // A weightless one lets all pass at once, or a reset could come in between.
    const std::uint32_t most = q_.settings_.weightless ? UINT32_MAX : P::kGrantChunk;
    if (!base::grant_listed(w_, limit_, most)) chunk_full_ = true;
  }

  bool link_more() {
    if (!q_.active_ || Inbox::empty(q_.inbox_.look())) return false;
    link();
    return true;
  }

  // ---- giving the role back

  // Nobody waits: the inbox goes idle, so that the next arrival announces itself.
  // Somebody does: its top says how urgent an arrival has to be. False: somebody
  // arrived meanwhile.
  bool settle() {
    Inbox& in = q_.inbox_;
    const std::uintptr_t head = in.look();
    const std::uintptr_t want = q_.line_.empty() ? Inbox::kIdle : q_.line_.top();
    if (!q_.active_) {
      // After a batch was put back the line may have somebody although the inbox is idle.
      // If an announcer is at it, it may stay so until it has spoken.
      if (!q_.line_.empty() && Inbox::announces(head)) q_.active_ = in.settle(head, want);
      return true;
    }
    const bool empty = Inbox::empty(head);
    if (want != Inbox::kIdle && Inbox::top(head) == want) return true;
    if constexpr (P::kMutant == mutant::idle_without_exchange) {
      if (want == Inbox::kIdle && empty) {
        in.forget();
        q_.active_ = false;
        return true;
      }
    }
    if (empty && in.settle(head, want)) {
      q_.active_ = want != Inbox::kIdle;
      return true;
    }
    collect = true;
    return false;
  }

  // The gate as it is to be without the role.
  std::uint64_t word_after() const {
    std::uint64_t then = (w_ + permits(sum_)) & ~(kGranting | kQueued | kPoked | kHandover);
    if (!q_.active_ && q_.line_.empty()) return then;
    return then | this->flags_after(w_);
  }

  bool exchange_for(std::uint64_t then) {
    if (left_count_ != 0) {
      // relaxed, both: counters. Before the exchange: the semaphore may be gone after it. Not
      // more is counted out than was counted in, the sum of all such calls is exact.
      q_.expected_count_.fetch_sub(left_count_, std::memory_order_relaxed);
      if (left_bytes_ != 0) {
        q_.expected_bytes_.fetch_sub(left_bytes_, std::memory_order_relaxed);
      }
      left_count_ = left_bytes_ = 0;
    }
    if (this->served_first()) q_.forget_overtakings();
    if constexpr (P::kMutant != mutant::counted_too_late) this->count_batch();
    q_.counts_.oldest(q_.line_);
    // [give up] release, pairs with the next holder's [role]: publishes line and inbox state.
    // Failure relaxed: commit() acquires.
    if (!q_.gate_.word.compare_exchange_strong(w_, then, std::memory_order_release,
                                               std::memory_order_relaxed)) {
      if constexpr (P::kMutant != mutant::batch_counted_twice) this->count_batch_not();
      return false;
    }
    if constexpr (P::kMutant == mutant::counted_too_late) {
      (void)P::pins(&q_).load(std::memory_order_relaxed);  // others go on meanwhile
      this->count_batch();
    }
    this->batch_is_final();
    return true;
  }

  // Something was left to do: count the batch, take over the flags, stay in the role.
  void commit() {
    for (;;) {
      if (epoch(w_) != epoch_ || (w_ & kClosed) != 0) {
        // The batch was decided on a limit, or on an open semaphore, that is no more.
        epoch_ = epoch(w_);
        if constexpr (P::kMutant != mutant::batch_not_put_back) this->put_batch_back();
      }
      const std::uint64_t then = (w_ + permits(sum_)) & ~(kAgain | kArrived);
      const std::uint64_t seen = w_;
      // [commit] acquire, pairs with the [flag]s and [release]s that left something here.
      if (q_.gate_.word.compare_exchange_strong(w_, then, std::memory_order_acquire,
                                                std::memory_order_relaxed)) {
        if ((seen & kArrived) != 0) arrived = true;
        if ((seen & kAgain) != 0) collect = true;
        w_ = then;
        this->count_batch();
        this->take_times();
        this->batch_is_final();
        return;
      }
    }
  }

  // ---- after the role

  void role_is_back() {
    if (guard != nullptr) guard->drop();
    answers_.answer_all();
    if (!expiry) return;
    expiry = false;
    conclude_expiry<P>(*own->node, served_own ? static_cast<removal>(own->result) : own->await(),
                       finished_);
  }

  status finish() {
    if constexpr (P::kMutant == mutant::replies_after_callbacks) {
      this->complete_finished();
      role_is_back();
    }
    role_is_back();
    this->complete_finished();
    if (keeps_alive_) q_.unref();
    return result_;
  }

  // Many have been granted: complete them now, or a stream of newcomers could keep
  // this thread in the role for ever. kAgain stays set: whoever takes the role next,
  // this thread or another, goes on. True: this thread does.
  bool give_way() {
    chunk_full_ = false;
    this->granted_ = 0;
    if (!keeps_alive_ && P::kMutant != mutant::keepalive_not_taken) {
      if (!q_.try_ref()) return commit(), true;  // the end has begun: kDead is about to come
      keeps_alive_ = true;
    }
    if (epoch(w_) != epoch_ || (w_ & kClosed) != 0 ||
        !exchange_for(word_after() | kQueued | kAgain)) {
      return commit(), true;
    }
    role_is_back();
    this->complete_finished();
    first_left_ = first_served_ = false;
    std::uint64_t w = q_.gate_.word.load(std::memory_order_relaxed);
    while ((w & kGranting) == 0 && (w & kAgain) != 0) {
      const std::uint64_t taken = (w | kGranting) & ~kAgain;
      // [role] acquire, as elsewhere.
      if (q_.gate_.word.compare_exchange_strong(w, taken, std::memory_order_acquire,
                                                std::memory_order_relaxed)) {
        w_ = taken;
        epoch_ = epoch(taken);
        collect = true;
        return true;
      }
    }
    if (keeps_alive_) q_.unref();
    return false;
  }

  // kDead: everybody is off. Nobody can come any more but threads that hold a pin;
  // when they are gone, so is the semaphore.
  status end() {
    answers_.answer_all();
    auto& pins = P::pins(&q_);
    const std::uint64_t mine = guard != nullptr && guard->held() ? 1 : 0;
    if constexpr (P::kMutant != mutant::no_pin) {
      for (;;) {
        // A read-modify-write, see class pin.
        const std::uint64_t now = pins.fetch_add(0, std::memory_order_acq_rel);
        refuse_requests();
        if (now == mine) break;
        P::wait_for_change(pins, now);
      }
    }
    P::destroy(&q_);
    role_is_back();
    this->complete_finished();
    return result_;
  }

  void refuse_requests() {
    // acquire, pairs with [ask].
    request<P>* r = q_.requests_.exchange(nullptr, std::memory_order_acquire);
    while (r != nullptr) {
      request<P>* const next = r->next;
      r->result = removal::gone;
      r->count = 0;
      answers_.push(*r);
      r = next;
    }
    answers_.answer_all();
  }

  role_queue<P, Inbox>& q_;
  std::uint64_t w_;  // the gate as last seen, the role included
  std::uint64_t epoch_;
  std::uint64_t limit_ = 0;

  request_list<P> answers_;
  bool chunk_full_ = false;
  bool keeps_alive_ = false;
};

}  // namespace afflux::queue
