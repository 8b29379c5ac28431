// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a scenario needs: a semaphore under the checking policy, parties that wait
// by callback, and an oracle that counts who is in.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/semaphore.h"
#include "engine/checking_policy.h"
#include "engine/explorer.h"
#include "queue/hybrid.h"
#include "queue/intrusive.h"
#include "queue/lockfree.h"
#include "queue/mutex.h"

namespace afflux::model {

// With `Statistics` the semaphore counts, and at rest the numbers must agree.
template <class Policy, template <class> class Queue, std::uint32_t Statistics = AFFLUX_STATS_OFF>
class world {
 public:
  using P = Policy;
  using waiter = queue::waiter<P>;
  using semaphore = core::semaphore<P>;

  // A request by callback or note. `then` runs in it, after it has been counted.
  struct party {
    alignas(waiter) std::byte storage[sizeof(waiter)];
    world* all = nullptr;
    std::uint64_t n = 1;
    int completions = 0;
    status result = status::pending;
    int order = 0;
    void (*then)(party&) = nullptr;

    waiter& self() { return *reinterpret_cast<waiter*>(storage); }
    bool got() const { return completions == 1 && result == status::ok; }
  };

  world(explorer& run, std::uint64_t limit, std::uint64_t held = 0, queue::settings settings = {}) {
    P::owners_keep_memory = false;
    settings.limit = limit;
    settings.statistics = Statistics;
    sem = P::template create<Queue<P>>(settings);
    if constexpr (Statistics != AFFLUX_STATS_OFF) {
      sem->count_with(semaphore::stats_type::make(Statistics == AFFLUX_STATS_FULL));
    }
    run.label(&sem->word(), "word");
    for (party& p : parties) {
      p.all = this;
      ::new (static_cast<void*>(p.storage)) waiter;  // as zeroed memory
    }
    bound = limit;
    if (held > 0) check(sem->try_acquire(held) == status::ok, "set-up");
    if (held > 0) sem->count_taken(held);
    in = held;
  }

  // ---- what fibres do

  // Cancels may come after the completion.
  void cancels_may_be_late() { P::owners_keep_memory = true; }

  void enter(std::uint64_t n) {
    in += n;
    if (in > bound) fail("S1: more are in than the limit allows");
  }
  void leave(std::uint64_t n) {
    in -= n;
    out += n;
  }

  void release(std::uint64_t n) {
    leave(n);
    check(sem->release(n) == status::ok, "a release was refused");
  }
  status acquire(std::uint64_t n, std::int64_t timeout = -1) {
    core::demand want;
    want.permits = n;
    const status s = core::acquire(*sem, want, timeout);
    if (s == status::ok) enter(n);
    return s;
  }
  // In and out again; alone if `exclusive`, which the race detector checks (S11).
  void pass(std::uint64_t n, bool exclusive = false, int times = 1) {
    for (int i = 0; i < times; ++i) {
      const status s = acquire(n);
      if (s == status::closed) return;
      check(s == status::ok, "an acquire failed");
      if (exclusive) guarded = guarded + 1;
      release(n);
    }
  }

  status begin(int who, std::uint64_t n, void (*then)(party&) = nullptr,
               std::uint8_t priority = AFFLUX_PRIORITY_NORMAL, std::int64_t timeout = -1,
               std::uint64_t cost = 0, bool for_resize = false) {
    party& p = parties[who];
    p.n = n;
    p.then = then;
    core::demand want;
    want.permits = n;
    want.priority = priority;
    want.cost_bytes = cost;
    want.waits_for_resize = for_resize;
    int error = 0;
    const status s = core::acquire_async(*sem, want, timeout, {&woken, &p}, p.self(), error);
    if (s == status::ok) completed(p, s);
    return s;
  }
  status cancel(int who) { return core::cancel(parties[who].self()); }

  // ---- callbacks

  static void woken(void* context, std::int32_t s) {
    party& p = *static_cast<party*>(context);
    completed(p, static_cast<status>(s));
  }
  static void completed(party& p, status s) {
    check(++p.completions == 1, "S3: completed twice");
    p.result = s;
    p.order = ++p.all->completions;
    if (s == status::ok) p.all->enter(p.n);
    if (p.then != nullptr) p.then(p);
  }
  // For `then`.
  static void release_it(party& p) {
    if (p.result == status::ok) p.all->release(p.n);
  }
  static void release_and_unref(party& p) {
    release_it(p);
    p.all->sem->unref();
  }
  static void unref_it(party& p) { p.all->sem->unref(); }

  // ---- the end

  // At rest: so many held, nobody waits; frees the semaphore.
  void at_rest(std::uint64_t held, bool closed = false) {
    const std::uint64_t w = sem->word().peek();
    check(queue::held(w, sem->limit()) == held, "S2: held is wrong");
    check((w & queue::kFlags) == (closed ? queue::kClosed : 0), "a flag is left set");
    check(sem->waiting() == 0 && sem->waiting_bytes() == 0, "somebody is left in the queue");
    if constexpr (Statistics != AFFLUX_STATS_OFF) check_numbers(held);
    sem->unref();
  }
  // K1, K2.
  void check_numbers(std::uint64_t held) const {
    afflux_sem_stats now = {};
    sem->stats()->read(now, sem->block(), [held] { return held; });
    check(now.acquired_fast + now.acquired_after_wait == now.released + held,
          "K1: acquired is not released + held");
    check(!counts_releases || now.released == out, "K1: not what was released");
    check(now.queued == stats::ended_in(now), "K2: a queued request has not ended once");
    check(sem->stats()->oldest_wait() == 0, "an oldest one is left");
    if (sem->stats()->has_times()) {
      check(now.wait_count == now.granted, "a wait was not taken");
    }
  }
  // Exactly one of completion and a cancel that answered ok.
  void one_outcome(int who, status canceled) {
    check(parties[who].completions + (canceled == status::ok ? 1 : 0) == 1,
          "S3: not exactly one outcome");
  }

  semaphore* sem = nullptr;
  party parties[6];
  std::uint64_t in = 0;
  std::uint64_t out = 0;         // permits released, where only leave() does so
  bool counts_releases = false;  // it does
  std::uint64_t bound = 0;       // for enter(); raise it where a scenario resizes
  int completions = 0;
  int count = 0;  // for scenarios
  // How a user knows that it is the last: true for the n-th of n.
  bool last_of(int n) { return votes.fetch_add(1, std::memory_order_acq_rel) + 1 == n; }
  typename P::template atomic<int> votes{0};
  status said[4] = {status::pending, status::pending, status::pending, status::pending};
  typename P::template var<int> guarded{0};
};

}  // namespace afflux::model
