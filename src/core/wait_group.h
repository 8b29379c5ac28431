// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Several at once: a group waits for any one of its items, or for all of them. It is made
// of ordinary requests, one for each item (acquire_async, cancel, release); the queues know
// nothing of it. An event is an item like any semaphore, with one permit.
//
//   G1  Exactly one of: an answer of start() other than pending, one completion, one
//       cancel() that answers ok.
//   G2  When it comes, no item's request is outstanding, and nothing is held but what it
//       reports. Group and items are not touched afterwards, but for the `state` by a
//       cancel() that is still under way.
//   G3  The group has a reference of each item's semaphore until then.
//
// ANY. All items are queued at once. The first that ends claims the group by one exchange on
// `state`; one that comes later gives back what it got. Then the *remover* takes the others back:
// the claimer, or, while items are still being started, the starter. `left` counts the items that
// have not ended, and one for the remover: the thread that brings it to zero ends the group.
//
// ALL. The items are acquired one after the other in the order of the semaphores' addresses,
// the same for every group: so no two of them wait for each other. There is one
// stepper at a time (kBusy): the starter, a callback, a canceller, a watcher. Its last act is to
// take kBusy away; a callback that comes before that leaves kArrived, and the stepper goes on
// in its place. So it is a loop, whatever thread an item is granted on.
// While the group waits at one item it watches the others, held or still to come: one that is
// closed, or shrinks below its share, ends the group (`why`). `left` counts the watchers that have
// not ended, and one for the stepper: who brings it to zero ends the group.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/group_end.h"
#include "core/semaphore.h"

namespace afflux::core {

template <class P>
class wait_group;

// One item; the caller's memory, as a waiter is.
template <class P>
struct wait_item {
  template <class T>
  using var = typename P::template var<T>;

  wait_item(semaphore<P>& of, std::uint64_t n, std::uint32_t at)
      : sem(&of), permits(n), index(at) {}

  var<wait_group<P>*> group{nullptr};
  var<wait_item*> next{nullptr};
  var<semaphore<P>*> sem;
  var<std::uint64_t> permits;
  var<std::uint32_t> index;  // as the caller counts
  var<bool> watched{false};  // ALL: x is a watcher
  queue::waiter<P> x;        // constructed: a cancel of one that was never queued is fine
};

template <class P>
class wait_group {
 public:
  using item = wait_item<P>;
  enum class kind : std::uint8_t { any, all };

  // `terms.permits` is of no meaning: each item has its own.
  wait_group(kind what, const demand& terms, const queue::destination<P>& to)
      : wake_(to.wake),
        context_(to.context),
        loop_(to.loop),
        user_data_(to.user_data),
        cost_(terms.cost_bytes),
        priority_(terms.priority),
        for_resize_(terms.waits_for_resize),
        all_(what == kind::all) {
    P::set_anew(state_, std::uint32_t{0});
  }
  ~wait_group() {}  // NOLINT(modernize-use-equals-default): for the union
  wait_group(const wait_group&) = delete;
  wait_group& operator=(const wait_group&) = delete;

  // ---- before start(), by the caller

  void add(item& i) {
    if (!all_) return append(i);
    item* before = nullptr;
    item* at = first_;
    for (; at != nullptr && address(*at) < address(i); at = at->next) before = at;
    if (at != nullptr && address(*at) == address(i)) {
      // Two requests of one holder could wait for each other: they are made one.
      at->permits = at->permits + i.permits;
      return;
    }
    i.next = at;
    put_after(before, i);
  }

  // too_big: an item that could never be had, as things are. closed comes before that; with ANY a
  // closed item does not matter by itself. Observations; acquire_async() looks again.
  status check() const {
    bool closed = false, impossible = false;
    for (const item* i = first_; i != nullptr; i = i->next) {
      if (i->sem->closed()) {
        closed = true;
      } else if (i->permits > i->sem->limit() && !(for_resize_ && countable(i->permits))) {
        impossible = true;
      }
    }
    if (closed && (all_ || impossible)) return status::closed;
    return impossible ? status::too_big : status::ok;
  }

  // The end of the whole: where no time is named, the shortest of the semaphores' own.
  std::int64_t deadline_for_all(std::int64_t timeout) const {
    if (timeout < 0) {
      timeout = INT64_MAX;
      for (const item* i = first_; i != nullptr; i = i->next) {
        const std::int64_t own = i->sem->settings().default_timeout;
        if (own >= 0) timeout = std::min(timeout, own);
      }
      if (timeout == INT64_MAX) return time::kNever;
    }
    return deadline_for(*first_->sem, timeout);
  }

  // ---- start, cancel

  // pending: one completion follows, or a cancel() that answers ok. ok: index() tells which
  // (ANY), all are held (ALL). again: only with `never_waits`. os_error: `error` says why.
  status start(std::int64_t deadline, bool never_waits, int& error) {
    auto* const loop = loop_;
    const bool closed = loop != nullptr && !loop->begin();
    const status s = start_counted(deadline, never_waits || closed, error);
    if (closed) return s == status::again && !never_waits ? status::closed : s;
    if (loop != nullptr && s != status::pending) loop->end();
    return s;
  }

  // ok: it will never complete. already: it has ended, or ends at once, whether anything
  // becomes free or not: with `canceled`, unless that came too late.
  status cancel() {
    const status s = take_back();
    if (s == status::ok && loop_ != nullptr) loop_->end();
    return s;
  }

  // ANY: the winner. In and after an ok.
  std::uint32_t index() const { return index_; }

 private:
  template <class T>
  using var = typename P::template var<T>;
  template <class T>
  using atomic = typename P::template atomic<T>;

  static constexpr std::uint32_t kLive = 1;  // not so: zeroed memory, and what has ended
  static constexpr std::uint32_t kAll = 2;
  static constexpr std::uint32_t kBusy = 4;      // ANY: being started; ALL: a stepper is at work
  static constexpr std::uint32_t kClaimed = 8;   // ANY only
  static constexpr std::uint32_t kArrived = 16;  // ALL: called back under the stepper's hands
  static constexpr std::uint32_t kCanceled = 32;

  status start_counted(std::int64_t deadline, bool never_waits, int& error) {
    deadline_ = deadline;
    never_waits_ = never_waits;
    std::uint32_t count = 0;
    for (item* i = first_; i != nullptr; i = i->next) {
      i->group = this;
      i->sem->ref();
      ++count;
    }
    current_ = first_;
    left_.store(all_ ? 1 : count + 1, std::memory_order_relaxed);  // published by the next one
    why_.store(0, std::memory_order_relaxed);
    // [live] release, pairs with cancel(): a thread that finds it live finds the items.
    state_.store(kLive | kBusy | (all_ ? kAll : 0), std::memory_order_release);
    return all_ ? step(status::pending, error) : start_any(error);
  }

  status take_back() {
    // [live] acquire, pairs with start(), and with the thread that was at work before.
    std::uint32_t seen = state_.load(std::memory_order_acquire);
    std::uint32_t then = 0;
    do {
      if ((seen & kLive) == 0 || (seen & (kClaimed | kCanceled)) != 0) return status::already;
      then = seen | kCanceled | ((seen & kAll) != 0 ? kBusy : kClaimed);
      // acquire, as [live]; release: nothing to publish, but as every [claim].
    } while (!state_.compare_exchange_strong(seen, then, std::memory_order_acq_rel,
                                             std::memory_order_acquire));
    if ((seen & kBusy) != 0) return status::already;  // who is at work finds the flag
    if ((seen & kAll) != 0) return cancel_all();
    if (!settle(1 + take_others_back())) return status::already;
    finish(status::canceled);
    return status::ok;
  }

  static std::uintptr_t address(const item& i) {
    const semaphore<P>* const sem = i.sem;
    return reinterpret_cast<std::uintptr_t>(sem);
  }

  void append(item& i) {
    put_after(current_, i);
    current_ = &i;  // until start()
  }
  void put_after(item* before, item& i) {
    if (before != nullptr) {
      before->next = &i;
    } else {
      first_ = &i;
    }
  }

  // ---- one item

  status begin(item& i, int& error) {
    demand want;
    want.permits = i.permits;
    want.priority = priority_;
    want.cost_bytes = cost_;
    want.waits_for_resize = for_resize_;
    std::int64_t timeout = 0;
    if (!never_waits_) {
      if (deadline_ != time::kNever) {
        // At least one: that the time has run out is said by the timer, as to any request.
        timeout = std::max<std::int64_t>(deadline_ - P::now(), 1);
      } else {
        timeout = i.sem->settings().default_timeout < 0 ? -1 : INT64_MAX;
      }
    }
    return acquire_async<P>(*i.sem, want, timeout,
                            {.wake = &called_back, .context = &i, .internal = true}, i.x, error);
  }

  static void called_back(void* context, std::int32_t result) {
    item& i = *static_cast<item*>(context);
    wait_group& group = *i.group;
    if (group.all_) {
      group.arrived(static_cast<status>(result));
    } else {
      group.ended(i, static_cast<status>(result));
    }
  }

  static void give_back(item& i) {
    // An event's signal is passed on; overflow: it has been set anew.
    if (!i.sem->settings().weightless) i.sem->release(i.permits);
  }

  // ---- the end

  status finish(status result) {
    for (item* i = first_; i != nullptr;) {
      item* const next = i->next;
      i->sem->unref();
      i = next;
    }
    // relaxed: no thread acts upon what it finds by it.
    state_.store(0, std::memory_order_relaxed);
    return result;
  }

  // For the group is the caller's again by then.
  group_end<P> ending() { return {{wake_, context_, loop_, user_data_}, first_->x}; }

  void finish_and_wake(status result) {
    const group_end<P> then = ending();
    finish(result);
    then.tell(result);
  }

  // ---- any

  status start_any(int& error) {
    std::uint32_t ended = 1;  // this thread's own
    item* i = first_;
    for (; i != nullptr; i = i->next) {
      const status s = begin(*i, error);
      if (s == status::pending) {
        // relaxed: no more than a hint that the rest need not be started.
        if ((state_.load(std::memory_order_relaxed) & kClaimed) == 0) continue;
        i = i->next;
        break;
      }
      if (s != status::again) {
        if ((claim(*i, s) & kClaimed) != 0 && s == status::ok) give_back(*i);
        break;
      }
      ++ended;
    }
    for (; i != nullptr; i = i->next) ++ended;  // never queued
    if (never_waits_) claim(*first_, status::again);
    // [started] release: who claims it from now on takes the items back; acquire: pairs with
    // [claim] by who has left that to this thread.
    const std::uint32_t was = state_.fetch_and(~kBusy, std::memory_order_acq_rel);
    if ((was & kClaimed) == 0) return status::pending;  // that was the last touch
    if (!settle(ended + take_others_back())) return status::pending;
    return finish(outcome());
  }

  void ended(item& i, status s) {
    std::uint32_t count = 1;
    const std::uint32_t was = claim(i, s);
    if ((was & kClaimed) != 0) {
      if (s == status::ok && P::kMutant != mutant::loser_kept) give_back(i);
    } else if ((was & kBusy) == 0 || P::kMutant == mutant::claimed_while_started) {
      count += 1 + take_others_back();
    }
    if (settle(count)) finish_and_wake(outcome());
  }

  // The state before; without kClaimed in it the item is the first.
  std::uint32_t claim(item& i, status s) {
    // [claim] The instant at which it is decided. acquire: pairs with [started]; release: the
    // same of all that come later, none of which need anything of this thread's yet.
    const std::uint32_t was = state_.fetch_or(kClaimed, std::memory_order_acq_rel);
    if ((was & kClaimed) == 0) {
      result_ = s;  // published by this thread's settle()
      index_ = i.index;
    }
    return was;
  }

  // How many it took back; the others have been called back, or are about to be.
  std::uint32_t take_others_back() {
    std::uint32_t count = 0;
    if constexpr (P::kMutant == mutant::losers_left_queued) return count;
    for (item* i = first_; i != nullptr; i = i->next) {
      if (core::cancel<P>(i->x) == status::ok) ++count;
    }
    return count;
  }

  // True: it was the last. Else this thread does not touch the group any more.
  bool settle(std::uint32_t count) {
    // [settled] release, and acquire for the last one, who comes after what all others did.
    return left_.fetch_sub(count, std::memory_order_acq_rel) == count;
  }

  // By the last one.
  status outcome() const {
    // relaxed: [settled] comes between. A canceller may hold no part of `left`, so it says so here.
    const bool canceled = (state_.load(std::memory_order_relaxed) & kCanceled) != 0;
    return canceled ? status::canceled : static_cast<status>(result_);
  }

  // ---- all: by the stepper only, but for arrived() and gone()

  // `s` is how the current item ended; pending: it is to be begun. The end, or pending:
  // another thread steps on, and may have done so already.
  status step(status s, int& error) {
    for (;;) {
      if (s == status::pending) s = begin_current(error);
      if (s == status::pending) s = leave_waiting();
      if (s == status::pending) return s;
      if (s != status::ok) break;
      current_ = current_->next;
      if (current_ == nullptr) return end(status::ok);
      s = canceled() ? why() : status::pending;
    }
    give_back_held();
    return end(s);
  }

  status begin_current(int& error) {
    item& i = *current_;
    if (i.watched) {
      if (core::cancel<P>(i.x) != status::ok) return gone_by_now(i);
      i.watched = false;
      left_.fetch_sub(1, std::memory_order_relaxed);  // never the last: the stepper has its own
    }
    const status s = begin(i, error);
    if (s == status::pending) watch_others();
    return s;
  }

  // Its watcher is on its way to say so.
  static status gone_by_now(const item& i) {
    return i.sem->closed() ? status::closed : status::too_big;
  }

  // The current item has been queued: leave the group to its callback, unless that has come.
  status leave_waiting() {
    bool tried = false;
    // acquire, here and below: pairs with [arrived].
    std::uint32_t seen = state_.load(std::memory_order_acquire);
    for (;;) {
      if ((seen & kArrived) != 0 && P::kMutant != mutant::step_left_while_arrived) {
        state_.fetch_and(~kArrived, std::memory_order_relaxed);  // only the stepper does
        return result_;
      }
      if ((seen & kCanceled) != 0 && !tried) {
        if (core::cancel<P>(current_->x) == status::ok) return why();
        tried = true;  // its callback is on the way, and ends it
        seen = state_.load(std::memory_order_acquire);
        continue;
      }
      // [left] release, pairs with the next stepper's [arrived] or [live].
      if (state_.compare_exchange_strong(seen, seen & ~kBusy, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
        return status::pending;
      }
    }
  }

  // The current item's callback.
  void arrived(status s) {
    result_ = s;
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    std::uint32_t then = 0;
    do {
      then = (seen & kBusy) != 0 ? seen | kArrived : seen | kBusy;
      // [arrived] release: publishes result_ to the stepper; acquire: pairs with [left].
    } while (!state_.compare_exchange_strong(seen, then, std::memory_order_acq_rel,
                                             std::memory_order_relaxed));
    if ((seen & kBusy) != 0) return;
    int ignored = 0;  // timers were started when the first item queued
    const group_end<P> end = ending();
    const status ended = step(s, ignored);
    if (ended != status::pending) end.tell(ended);
  }

  // The canceller is the stepper.
  status cancel_all() {
    const status s = leave_waiting();
    if (s == status::pending) return status::already;
    return end_early(s) == status::pending ? status::already : status::ok;
  }

  // The current item ended with `s`, and the others are wanted no more.
  status end_early(status s) {
    if (s == status::ok) current_ = current_->next;  // it came meanwhile: held, too
    give_back_held();
    return end(why());
  }

  void give_back_held() {
    if constexpr (P::kMutant == mutant::held_kept) return;
    for (item* i = first_; i != current_; i = i->next) give_back(*i);
  }

  // Nothing is queued any more. pending: a watcher's callback is on its way, and ends the group.
  status end(status s) {
    result_ = s;  // published by [settled]
    std::uint32_t count = 1;
    for (item* i = first_; i != nullptr; i = i->next) {
      if (i->watched && core::cancel<P>(i->x) == status::ok) ++count;
    }
    return settle(count) ? finish(s) : status::pending;
  }

  // ---- all: watching

  void watch_others() {
    for (item* i = first_; i != nullptr; i = i->next) {
      if (i == current_ || i->watched) continue;
      demand want;
      want.permits = i->permits;
      want.waits_for_resize = for_resize_;
      fill_in<P>(i->x, want, {.wake = &watch_ended, .context = i, .internal = true});
      i->x.add(queue::traits::kWatches);
      i->watched = true;
      left_.fetch_add(1, std::memory_order_relaxed);  // the stepper has its own
      const status s = i->sem->watch(i->x);
      if (s == status::pending) continue;
      i->watched = false;
      left_.fetch_sub(1, std::memory_order_relaxed);
      note_why(s);
      // relaxed: this thread's own leave_waiting() looks, and [left] tells the next stepper.
      state_.fetch_or(kCanceled, std::memory_order_relaxed);
      return;
    }
  }

  static void watch_ended(void* context, std::int32_t s) {
    item& i = *static_cast<item*>(context);
    i.group->gone(static_cast<status>(s));
  }

  // An item cannot be had any more, or could not again.
  void gone(status s) {
    note_why(s);
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    // As take_back(). acquire: pairs with [left].
    while (!state_.compare_exchange_strong(seen, seen | kCanceled | kBusy,
                                           std::memory_order_acq_rel, std::memory_order_relaxed)) {
    }
    if ((seen & kBusy) == 0) {
      const status ended = leave_waiting();
      // The watcher has its own part of `left`, so this is not the end yet.
      if (ended != status::pending) end_early(ended);
    }
    if (settle(1)) finish_and_wake(result_);
  }

  void note_why(status s) {
    std::int32_t none = 0;
    // relaxed: a thread that sees kCanceled, which comes next, sees it.
    why_.compare_exchange_strong(none, static_cast<std::int32_t>(s), std::memory_order_relaxed,
                                 std::memory_order_relaxed);
  }
  bool canceled() const {
    // acquire, for why(); a hint, leave_waiting() does not miss it.
    return (state_.load(std::memory_order_acquire) & kCanceled) != 0;
  }
  status why() const {
    const std::int32_t s = why_.load(std::memory_order_relaxed);
    return s == 0 ? status::canceled : static_cast<status>(s);
  }

  // First: what a cancel of zeroed memory looks at, also while the group is being made there.
  union {
    atomic<std::uint32_t> state_;
  };
  atomic<std::uint32_t> left_{0};
  atomic<std::int32_t> why_{0};  // ALL: a status; 0: no item has gone
  var<item*> first_{nullptr};
  var<item*> current_{nullptr};  // ALL: all before it are held
  var<status> result_{status::pending};
  var<std::uint32_t> index_{0};
  var<std::int64_t> deadline_{0};
  var<queue::wake_function> wake_;
  var<void*> context_;
  port::port<P, queue::waiter<P>>* const loop_;
  const std::uint64_t user_data_;
  const std::uint64_t cost_;
  const std::uint8_t priority_;
  const bool for_resize_;
  const bool all_;
  bool never_waits_ = false;
};

}  // namespace afflux::core
