// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios in which nobody is given permits in the end: what a cancel has answered, or a time
// limit has promised, must come true by itself. And those in which everything ends at once.
#pragma once

#include "extended_scenarios.h"
#include "world.h"

namespace afflux::model::scenarios {

// No permit is free that the first in line waits for. Frees the semaphore, and ends the waiters.
template <class W>
void nobody_left_asleep(W& w) {
  const std::uint64_t word = w.sem->word().peek();
  check(w.sem->waiting() == 0 || queue::available(word) < 1, "L1: a fitting request is asleep");
  w.sem->unref();
}

// ---- a cancel that answers EALREADY

// Shrinks or grows while a release grants.
template <class W>
void canceled_against_release_and_resize(explorer& run) {
  W w(run, 2, 2);
  w.cancels_may_be_late();
  w.bound = 3;
  const std::uint64_t limit = run.choose(2) == 1 ? 1 : 3;
  check(w.begin(0, 1) == status::pending, "set-up");
  run.spawn([&w] { w.release(1); });
  run.spawn([&w, limit] { check(core::resize(*w.sem, limit) == status::ok, "resize"); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.join();
  w.one_outcome(0, w.said[0]);
  w.at_rest(w.parties[0].got() ? 2 : 1);
}

// THROUGHPUT: a newcomer takes the permit that the first in line might have had.
template <class W>
void canceled_against_release_and_newcomer(explorer& run) {
  W w(run, 1, 1, throughput());
  w.cancels_may_be_late();
  check(w.begin(0, 1) == status::pending, "set-up");
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.said[1] = w.acquire(1, 0); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.join();
  w.one_outcome(0, w.said[0]);
  check(!w.parties[0].got() || w.said[1] != status::ok, "S1");
  w.at_rest(w.parties[0].got() || w.said[1] == status::ok ? 1 : 0);
}

// DROP_OLDEST: a newcomer drops the one that is cancelled, and that may be granted.
template <class W>
void canceled_against_newcomer_that_drops(explorer& run) {
  W w(run, 1, 1, dropping_oldest(1));
  w.cancels_may_be_late();
  check(w.begin(0, 1) == status::pending, "set-up");
  run.spawn([&w] { w.said[1] = w.begin(1, 1); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.release(1); });
  run.join();
  w.one_outcome(0, w.said[0]);
  check(w.parties[0].got() || w.parties[1].got(), "L1: a free permit, and somebody wanted it");
  nobody_left_asleep(w);
  check(w.parties[1].completions == 1, "S3: the newcomer");
}

// A cancel lets in only those whom its own request kept out: it has to wait for the lock, but
// not to do the holder's work.
template <class W>
void cancel_lets_in_nobody_else(explorer& run) {
  W w(run, 3, 3);
  check(w.begin(
            0, 1,
            +[](typename W::party&) {
              check(explorer::active()->fibre_index() != 1, "a cancel runs another's callback");
            }) == status::pending,
        "set-up");
  w.begin(1, 2);
  w.cancels_may_be_late();
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.said[0] = w.cancel(1); });
  run.join();
  check(w.said[0] == status::ok && w.parties[0].got(), "outcomes");
  w.at_rest(3);
}

// ---- time limits

template <class W>
void time_limit_against_release_and_resize(explorer& run) {
  W w(run, 2, 2);
  run.spawn([&w] {
    w.said[0] = w.acquire(1, 1'000);
    check(w.said[0] == status::ok || w.said[0] == status::timed_out, "outcome");
  });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { check(core::resize(*w.sem, 1) == status::ok, "resize"); });
  run.join();
  w.at_rest(w.said[0] == status::ok ? 2 : 1);
}

template <class W>
void time_limit_against_release_and_newcomer(explorer& run) {
  W w(run, 1, 1, throughput());
  run.spawn([&w] {
    w.said[0] = w.acquire(1, 1'000);
    check(w.said[0] == status::ok || w.said[0] == status::timed_out, "outcome");
  });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.said[1] = w.acquire(1, 0); });
  run.join();
  w.at_rest(w.said[0] == status::ok || w.said[1] == status::ok ? 1 : 0);
}

template <class W>
void expiry_against_release_and_resize(explorer& run) {
  W w(run, 2, 2);
  check(w.begin(0, 1, nullptr, kNormal, 1) == status::pending, "set-up");
  run.spawn([] { W::P::run_timers(3); });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { check(core::resize(*w.sem, 1) == status::ok, "resize"); });
  run.join();
  check(w.parties[0].completions == 1, "L4: a time limit is forgotten");
  w.at_rest(w.parties[0].got() ? 2 : 1);
}

// ---- what may have become impossible

// A shrink comes between a request's look at the limit and its place in line.
template <class W>
void shrink_against_one_that_arrives(explorer& run) {
  W w(run, 2, 2);
  run.spawn([&w] { w.said[0] = w.begin(0, 2); });
  run.spawn([&w] { check(core::resize(*w.sem, 1) == status::ok, "resize"); });
  run.spawn([&w] {
    if (w.begin(1, 1) == status::pending) w.cancel(1);  // has the lock meanwhile, and takes nothing
  });
  run.join();
  check(w.said[0] == status::too_big || w.parties[0].result == status::too_big,
        "L1: it waits for what can never be");
  w.at_rest(2);
}

// Two releases where one permit is held: one is refused, whatever the limit becomes meanwhile.
template <class W>
void shrink_against_over_release(explorer& run) {
  W w(run, 2, 1);
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w] { w.count += w.sem->release(1) == status::ok ? 1 : 0; });
  }
  run.spawn([&w] { check(core::resize(*w.sem, 1) == status::ok, "resize"); });
  run.join();
  check(w.count == 1, "S13: an over-release");
  w.leave(1);
  w.at_rest(0);
}

// ---- queue limits

template <class W>
struct full_world : W {
  full_world(explorer& run, queue::settings s) : W(run, 1, 1, s), most(s) {}
  void look() const {
    check(this->sem->waiting() <= most.max_waiters, "too many wait");
    check(this->sem->waiting_bytes() <= most.max_bytes, "too many bytes wait");
  }
  status add(int who) {
    const status s = this->begin(who, 1, nullptr, kNormal, -1, 10);
    look();
    return s;
  }
  const queue::settings most;
};

inline queue::settings some_limit(explorer& run) {
  queue::settings s = run.choose(2) == 1 ? dropping_oldest(1) : dropping_newest(1);
  if (run.choose(2) == 1) {
    s.max_waiters = UINT64_MAX;
    s.max_bytes = 15;
  }
  return s;
}

template <class W>
void limits_are_never_exceeded(explorer& run) {
  full_world<W> w(run, some_limit(run));
  run.spawn([&w] { w.said[0] = w.add(0); });
  run.spawn([&w] { w.said[1] = w.add(1); });
  run.spawn([&w] {
    w.sem->take_all();  // has the lock meanwhile
    w.look();
    w.last_of(1);  // a point
    w.look();
  });
  run.join();
  w.look();
  check(w.sem->waiting() == 1 && w.sem->waiting_bytes() == 10, "the numbers at rest");
  w.release(1);
  check(w.parties[0].got() || w.parties[1].got(), "L1");
  w.at_rest(1);
}

template <class W>
void limits_are_exact_at_rest(explorer& run) {
  full_world<W> w(run, some_limit(run));
  w.cancels_may_be_late();
  check(w.add(0) == status::pending, "set-up");
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.said[1] = w.add(1); });
  run.spawn([&w] {
    w.release(1);
    w.look();
  });
  run.join();
  const bool waits = w.said[1] == status::pending && w.parties[1].completions == 0;
  check(w.sem->waiting() == (waits ? 1u : 0u), "the number of waiters");
  check(w.sem->waiting_bytes() == (waits ? 10u : 0u), "the number of bytes");
  w.one_outcome(0, w.said[0]);
  nobody_left_asleep(w);
}

// ---- destruction

template <class W>
void unref_against_cancel_timeout_and_release(explorer& run) {
  W w(run, 1, 1);
  w.cancels_may_be_late();
  w.sem->ref();
  check(w.begin(0, 1, nullptr, kNormal, 1) == status::pending, "set-up");
  run.spawn([] { W::P::run_timers(2); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] {
    w.release(1);
    w.sem->unref();
  });
  run.spawn([&w] { w.sem->unref(); });
  run.join();
  w.one_outcome(0, w.said[0]);
}

// A thread's own time limit, which claims its waiter, against the end of all.
template <class W>
void unref_against_blocked_timeout_and_cancel(explorer& run) {
  W w(run, 1, 1);
  w.cancels_may_be_late();
  w.sem->ref();
  check(w.begin(0, 1) == status::pending, "set-up");
  run.spawn([&w] {
    w.said[1] = w.acquire(1, 1'000);
    w.sem->unref();
  });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] {
    w.sem->close();
    w.sem->unref();
  });
  run.join();
  w.one_outcome(0, w.said[0]);
  check(w.said[1] == status::closed || w.said[1] == status::timed_out, "L3");
}

}  // namespace afflux::model::scenarios
