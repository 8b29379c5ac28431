// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of what is built on the queue: the event and the waiter queue by itself.
#pragma once

#include "core/event.h"
#include "core/wait_queue.h"
#include "world.h"

namespace afflux::model::scenarios {

// ---- the event

// An event that is not set. Each wait takes the signal with it, so none leaves.
template <class W>
struct event_world : W {
  event_world(explorer& run, bool manual) : W(run, 1, 1, core::event_settings(manual, 0)) {
    this->bound = 100;
  }
  bool done(int who) const { return this->parties[who].got(); }
};

template <class W>
void event_wakes_a_thread(explorer& run) {
  event_world<W> w(run, false);
  run.spawn([&w] { check(w.acquire(1) == status::ok, "a wait"); });
  run.spawn([&w] { core::notify_one(*w.sem); });
  run.join();
  check(!core::is_set(*w.sem), "the wait takes the signal with it");
  w.at_rest(1);
}

// A completion may drop the last reference, whichever thread notifies.
template <class W>
void event_completion_unrefs(explorer& run) {
  event_world<W> w(run, run.choose(2) == 1);
  w.begin(0, 1, W::unref_it);
  w.begin(1, 1);
  run.spawn([&w] { core::notify_all(*w.sem); });
  run.join();
  check(w.parties[0].completions == 1 && w.parties[1].completions == 1, "L3");
}

// Two at the same moment, for two who wait already.
template <class W>
void event_two_notifications(explorer& run) {
  event_world<W> w(run, false);
  w.begin(0, 1);
  w.begin(1, 1);
  for (int i = 0; i < 2; ++i) run.spawn([&w] { core::notify_one(*w.sem); });
  run.join();
  check(w.done(0) && w.done(1), "L1: a notification is lost");
  check(!core::is_set(*w.sem), "a notification is doubled");
  w.at_rest(1);
}

// All pass who wait, although the first of them resets it.
template <class W>
void event_reset_by_a_completion(explorer& run) {
  event_world<W> w(run, true);
  w.begin(
      0, 1, +[](typename W::party& p) { core::reset(*p.all->sem); });
  w.begin(1, 1);
  w.begin(2, 1);
  run.spawn([&w] { core::notify_one(*w.sem); });
  run.join();
  check(w.done(0) && w.done(1) && w.done(2), "L1: all who waited");
  w.at_rest(1);
}

// A waiter that leaves swallows no signal.
template <class W>
void event_cancel_swallows_nothing(explorer& run) {
  event_world<W> w(run, false);
  w.cancels_may_be_late();
  w.begin(0, 1);
  w.begin(1, 1);
  run.spawn([&w] { core::notify_one(*w.sem); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.join();
  w.one_outcome(0, w.said[0]);
  check(w.done(1) == (w.said[0] == status::ok), "exactly one is woken");
  if (!w.done(1)) core::notify_one(*w.sem);
  check(w.done(1) && !core::is_set(*w.sem), "L1");
  w.at_rest(1);
}

template <class W>
void event_timeout_swallows_nothing(explorer& run) {
  event_world<W> w(run, false);
  run.spawn([&w] { w.said[0] = w.acquire(1, 1'000); });
  run.spawn([&w] { core::notify_one(*w.sem); });
  run.join();
  check(core::is_set(*w.sem) == (w.said[0] == status::timed_out), "the signal is lost, or doubled");
  core::reset(*w.sem);
  w.at_rest(1);
}

template <class W>
void event_notify_all(explorer& run) {
  event_world<W> w(run, false);
  w.begin(0, 1);
  w.begin(1, 1);
  run.spawn([&w] { core::notify_all(*w.sem); });
  run.spawn([&w] { w.begin(2, 1); });
  run.join();
  check(w.done(0) && w.done(1), "L1: all who waited");
  check(!core::is_set(*w.sem), "somebody waited: nothing to remember");
  if (!w.done(2)) core::notify_all(*w.sem);
  check(w.done(2), "L1");
  w.at_rest(1);
}

template <class W>
void event_notify_all_with_nobody(explorer& run) {
  event_world<W> w(run, false);
  run.spawn([&w] { core::notify_all(*w.sem); });
  run.spawn([&w] { check(w.acquire(1) == status::ok, "a wait"); });
  run.join();
  check(!core::is_set(*w.sem), "the wait takes the signal with it");
  w.at_rest(1);
}

template <class W>
void event_stays_set(explorer& run) {
  event_world<W> w(run, true);
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w] { check(w.acquire(1) == status::ok, "a wait"); });
  }
  run.spawn([&w] { core::notify_one(*w.sem); });
  run.join();
  check(core::is_set(*w.sem) && w.acquire(1, 0) == status::ok, "it stays set");
  w.at_rest(0);
}

// Who waits when it is set gets through, however soon it is reset.
template <class W>
void event_reset_comes_late(explorer& run) {
  event_world<W> w(run, true);
  w.begin(0, 1);
  w.begin(1, 1);
  run.spawn([&w] {
    core::notify_one(*w.sem);
    core::reset(*w.sem);
  });
  run.spawn([&w] { w.begin(2, 1); });
  run.join();
  check(w.done(0) && w.done(1), "L1: all who waited");
  check(!core::is_set(*w.sem), "reset");
  if (!w.done(2)) core::notify_one(*w.sem);
  core::reset(*w.sem);
  check(w.done(2), "L1");
  w.at_rest(1);
}

template <class W>
void event_reset_against_notify(explorer& run) {
  event_world<W> w(run, false);
  run.spawn([&w] { core::reset(*w.sem); });
  run.spawn([&w] { core::notify_one(*w.sem); });
  run.spawn([&w] { w.begin(0, 1); });
  run.join();
  if (!w.done(0)) {
    check(!core::is_set(*w.sem), "L1: it is set, and somebody waits");
    core::notify_one(*w.sem);
  }
  check(w.done(0), "L1");
  core::reset(*w.sem);
  w.at_rest(1);
}

template <class W>
void event_waiter_unrefs(explorer& run) {
  event_world<W> w(run, false);
  run.spawn([&w] {
    check(w.acquire(1) == status::ok, "a wait");
    w.sem->unref();
  });
  run.spawn([&w] { core::notify_one(*w.sem); });
  run.join();
}

// ---- the waiter queue

template <class W>
struct queue_world : W {
  explicit queue_world(explorer& run, std::uint64_t limit = 1) : W(run, limit, 1) {
    this->bound = 100;
  }

  // Waits for all permits, of which one is held.
  template <class Condition>
  status add(int who, Condition&& holds, std::int64_t timeout = -1) {
    typename W::party& p = this->parties[who];
    p.n = this->sem->limit();
    int error = 0;
    return core::add_unless(*this->sem, holds, core::demand{.permits = p.n}, timeout,
                            {&W::woken, &p}, p.self(), error);
  }
  // Has the lock for a moment, to take a free permit.
  void pass_the_lock(int who) {
    typename W::party& p = this->parties[who];
    core::fill_in<typename W::P>(p.self(), {}, {&W::woken, &p});
    this->sem->enqueue(p.self());
  }
  typename W::P::template atomic<int> ready{0};
};

template <class W>
void queue_wake_is_not_lost(explorer& run) {
  queue_world<W> w(run);
  run.spawn([&w] {
    w.said[0] = w.add(0, [&w] { return w.ready.load(std::memory_order_acquire) != 0; });
  });
  run.spawn([&w] {
    w.ready.store(1, std::memory_order_release);
    w.sem->wake(1);
  });
  run.join();
  check((w.said[0] == status::ok) != w.parties[0].got(), "L1: a wake between check and queueing");
  w.at_rest(1);
}

// The last touch of the queue is the completion's: it may free it.
template <class W>
void queue_completion_unrefs(explorer& run) {
  queue_world<W> w(run);
  w.sem->ref();
  w.parties[0].then = W::unref_it;
  run.spawn([&w] {
    w.said[0] = w.add(0, [&w] { return w.ready.load(std::memory_order_acquire) != 0; });
    if (w.said[0] == status::ok) w.sem->unref();
  });
  run.spawn([&w] {
    w.ready.store(1, std::memory_order_release);
    w.sem->wake(1);
    w.sem->unref();
  });
  run.join();
}

// A wake that meets one who then need not wait goes to the next.
template <class W>
void queue_wake_is_passed_on(explorer& run) {
  queue_world<W> w(run);
  run.spawn([&w] {
    w.said[0] = w.add(0, [&w] {
      w.said[1] = w.add(1, [] { return false; });
      w.ready.store(1, std::memory_order_release);
      return true;
    });
  });
  run.spawn([&w] {
    const bool both = w.ready.load(std::memory_order_acquire) != 0;
    w.count = static_cast<int>(w.sem->wake(1)) + (both ? 10 : 0);
  });
  run.join();
  check(w.said[0] == status::ok && w.parties[0].completions == 0, "it need not wait");
  if (w.count == 11) check(w.parties[1].got(), "L1: a wake was swallowed");
  while (w.sem->wake(1) != 0) {
  }
  check(w.parties[1].got(), "L1");
  w.at_rest(1);
}

template <class W>
void queue_wake_counts(explorer& run) {
  queue_world<W> w(run);
  for (int i = 0; i < 3; ++i) w.begin(i, 1);
  run.spawn([&w] { w.count += static_cast<int>(w.sem->wake(2)); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  w.cancels_may_be_late();
  run.join();
  check(w.count == 2 && w.completions == 2, "two were there all the time");
  check(w.sem->wake(UINT64_MAX) == (w.said[0] == status::ok ? 0u : 1u), "the rest");
  w.at_rest(1);
}

template <class W>
void queue_two_wakers(explorer& run) {
  queue_world<W> w(run);
  w.begin(0, 1);
  run.spawn([&w] { w.begin(1, 1); });
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w, i] { w.said[i] = static_cast<status>(w.sem->wake(1)); });
  }
  run.join();
  const int woken = static_cast<int>(w.said[0]) + static_cast<int>(w.said[1]);
  check(woken >= 1 && w.completions == woken && w.parties[0].got(), "L1");
  if (woken == 1) check(w.sem->wake(1) == 1, "L1");
  w.at_rest(1);
}

// The first one may still be arriving; the second has its place.
template <class W>
void queue_wake_sees_who_arrives(explorer& run) {
  queue_world<W> w(run);
  run.spawn([&w] { w.begin(0, 1); });
  run.spawn([&w] {
    w.begin(1, 1);
    w.count = static_cast<int>(w.sem->wake(UINT64_MAX));
  });
  run.join();
  check(w.count >= 1 && w.parties[1].got(), "L1: it was in the queue");
  if (w.count == 1) w.sem->wake(1);
  check(w.completions == 2, "L1");
  w.at_rest(1);
}

// A wake that met no waiter is seen by each that asks for a place after it, also where it finds the
// queue in another thread's hands.
template <class W>
void queue_missed_wake_is_seen(explorer& run) {
  queue_world<W> w(run, 3);
  typename W::P::template var<int> ready{0};
  static bool missed;
  missed = false;
  run.spawn([&] {
    w.said[0] = w.add(0, [&] {
      const bool asks_late = missed;
      return asks_late && ready == 1;
    });
  });
  run.spawn([&] {
    ready = 1;
    missed = w.sem->wake(1) == 0;
  });
  // The first has the lock when the waiter comes, the second when it says that it is there.
  for (int i = 1; i <= 2; ++i) run.spawn([&w, i] { w.pass_the_lock(i); });
  run.join();
  if (w.said[0] == status::pending && w.parties[0].completions == 0) w.sem->wake(1);
  check((w.said[0] == status::ok) != w.parties[0].got(), "S3");
  w.sem->unref();
}

template <class W>
void queue_expiry_while_asking(explorer& run) {
  queue_world<W> w(run);
  run.spawn([&w] {
    w.said[0] = w.add(
        0, [&w] { return w.ready.load(std::memory_order_acquire) != 0; }, 1);
  });
  run.spawn([] { W::P::run_timers(3); });
  run.spawn([&w] {
    w.ready.store(1, std::memory_order_release);
    w.sem->wake(1);
  });
  run.join();
  check((w.said[0] == status::ok) != (w.parties[0].completions == 1), "S3");
  w.at_rest(1);
}

// A cancel by another thread has its OK only when the waiter's own thread is done with it.
template <class W>
void queue_cancel_while_asking(explorer& run) {
  queue_world<W> w(run);
  w.cancels_may_be_late();
  const bool holds = run.choose(2) == 1;
  constexpr std::uint32_t kUsedAgain = 77;
  auto& x = w.parties[0].self();
  run.spawn([&] { w.said[0] = w.add(0, [holds] { return holds; }); });
  run.spawn([&] {
    w.said[1] = w.cancel(0);
    if (w.said[1] == status::ok) x.signal.store(kUsedAgain, std::memory_order_relaxed);
  });
  run.join();
  check(w.said[0] == (holds ? status::ok : status::pending), "an answer");
  if (w.said[1] == status::ok) {
    check(!holds && w.parties[0].completions == 0, "S4: cancelled, though it need not wait");
    check(x.signal.peek() == kUsedAgain, "S4: touched after the cancel");
  } else {
    w.sem->wake(1);
    check(w.parties[0].completions == (holds ? 0 : 1), "S4: neither cancelled nor completed");
  }
  w.at_rest(1);
}

// As a condition variable: the place is had before the user's lock is let go.
template <class W>
void condition_is_not_missed(explorer& run) {
  queue_world<W> w(run);
  typename W::P::mutex lock;
  typename W::P::template var<bool> flag{false};
  run.spawn([&] {
    lock.lock();
    while (!flag) {
      check(core::wait_in(*w.sem, core::demand{}, -1, [&lock] { lock.unlock(); }) == status::ok,
            "a wait");
      lock.lock();
    }
    lock.unlock();
  });
  run.spawn([&] {
    lock.lock();
    flag = true;
    lock.unlock();
    w.sem->wake(1);
  });
  run.join();
  w.at_rest(1);
}

}  // namespace afflux::model::scenarios
