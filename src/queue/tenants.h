// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The tenants of a semaphore, and which of them comes next. Requests that name none are those of
// the usual tenant, whose line is the semaphore's.
//
//   TN1  A tenant with waiters is owed (it would hold no more than its guaranteed share), or
//        ordered by weight, or, if it would hold more than its cap, barred. Each change of what it
//        holds, of its head or of its share places it anew. So the flag kQueued tells of owed and
//        ordered ones only: what a cap holds back keeps no other request from what is free.
//   TN2  Owed ones come first, by turns. A release so brings back one request's worth of a
//        guaranteed share that was lent. A larger request that is first in order is passed so
//        P::kAgeingBound times; then they wait until it has its permits.
//   TN3  Charges count while a tenant waits that a cap does not hold back: an epoch. Nothing from
//        before it is held against any, nor saved up: with no other to share with a tenant's
//        account stays even.
//
// With the lock, but for visit() and the gauges.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "mutants.h"
#include "queue/tenant.h"

namespace afflux::queue {

template <class P>
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the usual one begins a cache line
class tenants {
 public:
  // `limited`: it is asked for the most crowded one.
  tenants(waiter_queue<P>& whose, line<P>& usual_line, bool limited)
      : limited_(limited), usual_(whose, {}, &usual_line) {}
  tenants(const tenants&) = delete;
  tenants& operator=(const tenants&) = delete;
  ~tenants() = default;

  tenant<P>& of(const waiter<P>& x) { return x.of_tenant() ? *x.tenant : usual_; }
  tenant<P>& usual() { return usual_; }
  // Of all tenants but the usual one.
  std::uint64_t waiting() const { return waiting_.get(); }
  std::uint64_t waiting_bytes() const { return waiting_bytes_.get(); }

  // The next to be granted, or nullptr.
  waiter<P>* first() {
    if (owed_go_first()) return owed_.first->waiting->first();
    fair_member* const next = order_.first();
    return next == nullptr ? nullptr : static_cast<tenant<P>*>(next)->waiting->first();
  }
  bool any() const { return !owed_.empty() || !order_.empty(); }

  // The instant of this hold of the lock.
  std::int64_t now() {
    if (now_ == 0) now_ = P::now();
    return now_;
  }
  void hold_ends() {
    now_ = 0;
    contended_ = any();
    if (contended_) warm_next();
  }
  // When the next to be granted queued, or else the first that a cap holds back. False: none waits.
  bool oldest(stats::stamp& ret_queued) {
    if (!owed_go_first() && !order_.empty()) {
      ret_queued = order_.mark_of_first();
      return true;
    }
    const list& beside = owed_.empty() ? barred_ : owed_;
    if (beside.empty()) return false;
    ret_queued = beside.first->mark;
    return true;
  }

  // ---- waiters

  // x comes into its tenant's line.
  void push(waiter<P>& x) {
    tenant<P>& t = of(x);
    t.waiting->push_back(x);
    if (&t != &usual_) {
      add_to(waiting_, std::uint64_t{1});
      add_to(waiting_bytes_, x.cost());
    }
    crowd(t);
    if (t.waiting->first() == &x) place(t);
  }
  // x leaves it. The tenant is to be placed anew. Out of line, as ended(): the paths without
  // tenants stay short.
  [[gnu::noinline]] void unlink(waiter<P>& x) {
    tenant<P>& t = of(x);
    if (t.waiting->first() == &x) take_out(t);
    t.waiting->remove(x);
    if (&t != &usual_) {
      waiting_.set(waiting_.get() - 1);
      waiting_bytes_.set(waiting_bytes_.get() - x.cost());
    }
    crowd(t);
  }
  // A request of t, which unlink() took, got its permits after a wait of that length.
  void granted(tenant<P>& t, std::uint64_t n, std::uint32_t priority, std::uint64_t waited) {
    if (t.stood == standing::owed) add_to(t.totals.by_guarantee, std::uint64_t{1});
    add_to(t.totals.waits, std::uint64_t{1});
    add_to(t.totals.wait_sum, waited);
    if (waited > t.totals.wait_max.get()) t.totals.wait_max.set(waited);
    serve(t, n, priority);
  }
  // x would be the next to be granted if it came into the line. Then it has its permits.
  bool goes_first(waiter<P>& x) {
    tenant<P>& t = of(x);
    if (!t.waiting->goes_first(x.priority())) return false;
    push(x);
    const bool is_first = first() == &x;
    unlink(x);
    if (is_first) {
      serve(t, x.permits, x.priority());
    } else {
      place(t);
    }
    return is_first;
  }
  // x, which unlink() took, has got none.
  [[gnu::noinline]] void ended(tenant<P>& t, status why) {
    switch (why) {
      case status::rejected:
        add_to(t.totals.rejected, std::uint64_t{1});
        break;
      case status::timed_out:
        add_to(t.totals.timed_out, std::uint64_t{1});
        break;
      case status::canceled:
        add_to(t.totals.canceled, std::uint64_t{1});
        break;
      default:
        add_to(t.totals.ended, std::uint64_t{1});
    }
    place(t);
  }
  // Its own head may be granted to it, past the others that wait.
  bool passes(const tenant<P>& t, std::uint64_t n) const {
    if (!t.waiting->empty() || !t.may_hold(n)) return false;
    return !any() || (owed_.empty() && t.is_owed(n) && !(aged() && !order_.empty()));
  }

  // Owed, ordered or barred, by what it holds and by its head.
  void place(tenant<P>& t) {
    take_out(t);
    const waiter<P>* const head = t.waiting->first();
    if (head == nullptr) return order_.leave(t);
    const std::uint64_t n = head->permits;
    t.mark = head->queued_at();
    if (!t.may_hold(n)) {
      order_.leave(t);
      barred_.push_back(t);
      t.stands = standing::barred;
      return;
    }
    if (!contended_) begin_epoch();
    catch_up(t);
    const double work = t.charge(n, estimate_for(t), kLongestPiece / unit_) * unit_;
    if (t.is_owed(n) && P::kMutant != mutant::guarantee_ignored) {
      order_.leave(t);
      order_.measure(t, work);
      owed_.push_back(t);
      t.stands = standing::owed;
    } else {
      t.paid(-order_.insert(t, work, t.surplus() * unit_) / unit_);
      t.stands = standing::ordered;
    }
  }

  // ---- permits

  void take(tenant<P>& t, std::uint64_t n) {
    if (any()) pass(n);  // as an owed one
    take(t, n, estimate_for(t), contended_);
  }
  // n of what it holds. It may be owed now, or below its cap.
  void give(tenant<P>& t, std::uint64_t n) {
    catch_up(t);
    t.gave(n, now());
    if (&t != &usual_) held_ -= n;
    if (estimate_ == 0) {
      estimate_ = t.hold.get();
    } else {
      estimate_ += (t.hold.get() - estimate_) / 64;
    }
    if (P::kMutant == mutant::cap_release_forgotten && t.stands == standing::barred) return;
    // One that is owed goes on to be, and keeps its turn.
    if (!t.waiting->empty() && t.stands != standing::owed) place(t);
  }
  // The usual tenant's permits come and go without a call: it holds what no other does.
  void look_at_usual(std::uint64_t held_by_all) {
    const std::uint64_t held = held_by_all < held_ ? 0 : held_by_all - held_;
    const std::uint64_t was = usual_.held.get();
    if (held < was) {
      catch_up(usual_);
      usual_.gave(was - held, now());
    } else if (held > was) {
      usual_.settle(now());
      usual_.held.set(held);
    }
  }

  // ---- tenants

  // The first tenant has come: the waiters in the semaphore's line are the usual one's.
  void adopt_usual() {
    crowd(usual_);
    place(usual_);
  }
  void set(tenant<P>& t, const share& is) {
    catch_up(t);
    take_out(t);
    order_.reweigh(t, is.weight);
    t.set(is);
    place(t);
  }
  // What t holds is the usual tenant's now.
  void forget(tenant<P>& t) { held_ -= t.held.get(); }

  // Each with waiters, as long as visit(tenant) answers true; it may take waiters out of their
  // lines. Whether it came to the end.
  template <class F>
  bool visit_waiting(F&& visit) {
    tenant<P>* all = nullptr;
    const auto note = [&all](tenant<P>& t) {
      t.visit_next = all;
      all = &t;
    };
    order_.visit([&note](fair_member& m) { note(static_cast<tenant<P>&>(m)); });
    for (const list& beside : {owed_, barred_}) {
      for (tenant<P>* t = beside.first; t != nullptr; t = t->beside_next) note(*t);
    }
    for (tenant<P>* t = all; t != nullptr; t = t->visit_next) {
      if (!visit(*t)) return false;
    }
    return true;
  }
  // The one with most waiters, within a factor of two; `t` if it is one of them. Somebody waits.
  tenant<P>& most_crowded(tenant<P>& t) {
    const auto most = static_cast<unsigned>(std::bit_width(crowds_));
    return t.crowd == most ? t : *crowd_[most - 1];
  }

  // Tenants that were closed with waiters.
  tenant<P>* closing = nullptr;

  // ---- with the mutex, not with the lock

  // False: no memory.
  bool add(tenant<P>& t) {
    const std::lock_guard guard(mutex_);
    if (count_ == room_ && !grow()) return false;
    t.place = count_;
    t.number = ++added_;
    all_[count_++] = &t;
    return true;
  }
  void remove(tenant<P>& t) {
    const std::lock_guard guard(mutex_);
    tenant<P>* const last = all_[--count_];
    all_[t.place] = last;
    last->place = t.place;
  }
  // Calls see(all, count), the usual one left out. None comes or goes meanwhile.
  template <class F>
  void visit(F&& see) const {
    const std::lock_guard guard(mutex_);
    see(static_cast<const tenant<P>* const*>(all_.get()), count_);
  }
  std::size_t count() const {
    const std::lock_guard guard(mutex_);
    return count_;
  }

 private:
  static constexpr double kFirstEstimate = 1e3;   // 1 us
  static constexpr double kLongestHold = 3.6e12;  // an hour, of the whole limit: more is charged so

  // TN2
  bool aged() const { return passed_ >= P::kAgeingBound; }
  bool owed_go_first() const { return !owed_.empty() && !(aged() && !order_.empty()); }
  // An owed one gets n permits.
  void pass(std::uint64_t n) {
    auto* const held_back = static_cast<tenant<P>*>(order_.first());
    if (held_back == nullptr) {
      passed_ = 0;
    } else if (held_back->waiting->first()->permits > n) {
      ++passed_;
    }
  }
  double estimate_for(const tenant<P>& t) const {
    if (t.hold.get() > 0) return t.hold.get();
    return estimate_ > 0 ? estimate_ : kFirstEstimate;
  }
  // The next one's tenant is far, most likely: it is on its way here, and its request, before it is
  // granted.
  void warm_next() {
    if (owed_go_first()) return;
    auto* const t = static_cast<tenant<P>*>(order_.first());
    if (t == warmed_) return P::own(t->waiting->first());
    warmed_ = t;
    constexpr std::size_t kLine = 64;
    for (std::size_t at = 0; at < tenant<P>::kHot; at += kLine) {
      P::own(reinterpret_cast<const char*>(t) + at);
    }
  }
  void begin_epoch() {
    contended_ = true;
    ++epoch_;
    epoch_began_ = now();
    order_.forget_leads();
    passed_ = 0;
    const auto limit = static_cast<double>(std::max(usual_.of.limit(), std::uint64_t{1}));
    unit_ = kLongestPiece / (kLongestHold * limit);
  }
  void catch_up(tenant<P>& t) {
    if (t.held.get() != 0) t.settle(now());
    if (t.epoch == epoch_) return;
    t.epoch = epoch_;
    t.begin(epoch_began_);
    order_.reset(t);
  }
  void take(tenant<P>& t, std::uint64_t n, double estimate, bool charged) {
    if (charged) catch_up(t);
    t.took(n, now(), estimate, charged);
    if (&t != &usual_) held_ += n;
  }

  // A request of t, which unlink() took, has n permits.
  void serve(tenant<P>& t, std::uint64_t n, std::uint32_t priority) {
    t.waiting->granted(priority);
    const double estimate = estimate_for(t);
    const bool alone = owed_.empty() && order_.idle();
    if (t.stood == standing::owed) {
      order_.serve_aside(t);
      pass(n);
    } else {
      order_.serve(t);
      passed_ = 0;
    }
    t.paid(fair_order::work(t) / unit_);
    take(t, n, estimate, true);
    // TN3: what it was charged too much while it was alone took nothing from it.
    if (alone) t.begin(now());
    place(t);
  }
  void take_out(tenant<P>& t) {
    if (t.stands == standing::nowhere) return;
    if (t.stands == standing::ordered) {
      order_.remove(t);
    } else {
      (t.stands == standing::owed ? owed_ : barred_).remove(t);
    }
    t.stood = t.stands;
    t.stands = standing::nowhere;
  }

  // Where it belongs by the number of its waiters.
  void crowd(tenant<P>& t) {
    if (!limited_) return;
    const std::uint64_t waiters = t.waiting->count();
    const auto at = static_cast<std::uint8_t>(std::bit_width(waiters));
    if (at == t.crowd) return;
    if (t.crowd != 0) {
      tenant<P>*& head = crowd_[t.crowd - 1];
      if (t.crowd_next != nullptr) t.crowd_next->crowd_prev = t.crowd_prev;
      (t.crowd_prev != nullptr ? t.crowd_prev->crowd_next : head) = t.crowd_next;
      if (head == nullptr) crowds_ &= ~(std::uint64_t{1} << (t.crowd - 1));
    }
    t.crowd = at;
    if (at == 0) return;
    tenant<P>*& head = crowd_[at - 1];
    t.crowd_prev = nullptr;
    t.crowd_next = head;
    if (head != nullptr) head->crowd_prev = &t;
    head = &t;
    crowds_ |= std::uint64_t{1} << (at - 1);
  }

  bool grow() {
    const std::size_t room = std::max<std::size_t>(2 * room_, 16);
    std::unique_ptr<tenant<P>*[]> more(new (std::nothrow) tenant<P>*[room]);
    if (more == nullptr) return false;
    std::copy_n(all_.get(), count_, more.get());
    all_ = std::move(more);
    room_ = room;
    return true;
  }

  // Those that stand beside the order.
  struct list {
    bool empty() const { return first == nullptr; }
    void push_back(tenant<P>& t) {
      t.beside_prev = last;
      t.beside_next = nullptr;
      (last != nullptr ? last->beside_next : first) = &t;
      last = &t;
    }
    void remove(tenant<P>& t) {
      (t.beside_prev != nullptr ? t.beside_prev->beside_next : first) = t.beside_next;
      (t.beside_next != nullptr ? t.beside_next->beside_prev : last) = t.beside_prev;
    }
    tenant<P>* first = nullptr;
    tenant<P>* last = nullptr;
  };

  const bool limited_;
  list owed_;
  list barred_;
  std::uint64_t held_ = 0;  // by all but the usual one
  typename P::template gauge<std::uint64_t> waiting_;
  typename P::template gauge<std::uint64_t> waiting_bytes_;
  const tenant<P>* warmed_ = nullptr;
  std::int64_t now_ = 0;
  std::int64_t epoch_began_ = 0;
  std::uint32_t epoch_ = 0;
  bool contended_ = false;    // somebody waits, or has waited when this hold began
  double unit_ = 1;           // of the order's time in a permit-nanosecond; set where none waits
  std::uint32_t passed_ = 0;  // grants to owed ones past a larger request, since one in order
  double estimate_ = 0;       // how long a permit is held, by all
  fair_order order_;
  std::uint64_t crowds_ = 0;
  tenant<P>* crowd_[64] = {};  // by the binary digits of the number of waiters
  tenant<P> usual_;

  mutable typename P::mutex mutex_;
  std::unique_ptr<tenant<P>*[]> all_;  // an array: who reads all can fetch those to come
  std::size_t room_ = 0;
  std::size_t count_ = 0;
  std::uint64_t added_ = 0;
};

}  // namespace afflux::queue
