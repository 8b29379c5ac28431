// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of what lies beyond the plain protocol: priorities and ageing, queue
// limits, timers, THROUGHPUT, several that leave the line together.
#pragma once

#include "world.h"

namespace afflux::model::scenarios {

inline constexpr std::uint8_t kLow = AFFLUX_PRIORITY_LOW;
inline constexpr std::uint8_t kNormal = AFFLUX_PRIORITY_NORMAL;
inline constexpr std::uint8_t kHigh = AFFLUX_PRIORITY_HIGH;

// ---- priorities

// One permit is free, a low request for two waits: a high one for one must be granted.
template <class W>
void urgent_arrival_fits(explorer& run) {
  W w(run, 2, 1);
  check(w.begin(0, 2, nullptr, kLow) == status::pending, "set-up");
  run.spawn([&w] { w.said[0] = w.begin(1, 1, nullptr, kHigh); });
  run.join();
  check(w.parties[1].got(), "L1: a fitting first-in-line is left asleep");
  check(w.parties[0].completions == 0, "S6");
  w.sem->unref();
}

template <class W>
void urgent_against_release(explorer& run) {
  W w(run, 2, 2);
  check(w.begin(0, 2, nullptr, kLow) == status::pending, "set-up");
  run.spawn([&w] { w.begin(1, 1, nullptr, kHigh); });
  run.spawn([&w] { w.begin(2, 1, nullptr, kNormal); });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[1].got() || w.parties[2].got(), "L1: one permit, nobody was granted");
  w.release(1);
  check(w.parties[1].got() && w.parties[2].got(), "L1: two permits, two small requests");
  w.sem->unref();
}

// A high one comes and goes, then a normal one comes: low must not hold it back.
template <class W>
void urgency_falls_again(explorer& run) {
  W w(run, 2, 1);
  check(w.begin(0, 2, nullptr, kLow) == status::pending, "set-up");
  run.spawn([&w] {
    w.begin(1, 1, W::release_it, kHigh);
    w.begin(2, 1, nullptr, kNormal);
  });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  w.cancels_may_be_late();
  run.join();
  check(w.parties[1].got() && w.parties[2].got(), "L1");
  check(w.said[0] == status::ok, "S4");
  w.at_rest(2);
}

template <class W>
void urgent_completion_unrefs(explorer& run) {
  W w(run, 2, 1);
  check(w.begin(0, 2, nullptr, kLow) == status::pending, "set-up");
  run.spawn([&w] { w.begin(1, 1, W::unref_it, kHigh); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  w.cancels_may_be_late();
  run.join();
  w.one_outcome(0, w.said[0]);
  check(w.parties[1].got(), "L1");
}

// Low is passed by at most kAgeingBound (2) grants.
template <class W>
void ageing(explorer& run) {
  W w(run, 1, 1);
  w.begin(0, 1, W::release_it, kLow);
  for (int i = 1; i <= 4; ++i) w.begin(i, 1, W::release_it, kHigh);
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.completions == 5, "L1");
  check(w.parties[0].order == 3, "L2: passed more often than the ageing bound, or less");
  w.at_rest(0);
}

// The same, but low came last.
template <class W>
void ageing_of_one_that_came_last(explorer& run) {
  W w(run, 1, 1);
  for (int i = 1; i <= 4; ++i) w.begin(i, 1, W::release_it, kHigh);
  w.begin(0, 1, W::release_it, kLow);
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.completions == 5, "L1");
  check(w.parties[0].order == 3, "L2: passed more often than the ageing bound, or less");
  w.at_rest(0);
}

// ---- weights

// A permit stays free that is too few for the first; two more come, just as many as it wants:
// the next one fits, too.
template <class W>
void next_fits_beside_the_first(explorer& run) {
  W w(run, 3, 3);
  w.begin(0, 1);
  w.begin(1, 2);
  w.begin(2, 1);
  run.spawn([&w] { w.release(2); });
  run.spawn([&w] { w.release(1); });
  run.join();
  w.release(1);
  check(w.parties[0].got() && w.parties[1].got(), "L1");
  w.release(1);
  check(w.parties[2].got(), "L1: a fitting first-in-line is left asleep");
  w.at_rest(2);
}

template <class W>
void next_fits_what_was_left(explorer& run) {
  W w(run, 3, 3);
  w.begin(0, 1);
  w.begin(1, 2);
  w.begin(2, 1);
  run.spawn([&w] { w.release(2); });
  run.join();
  w.release(2);
  check(w.completions == 3, "L1: a fitting first-in-line is left asleep");
  w.at_rest(3);
}

// ---- queue limits

inline queue::settings dropping_oldest(std::uint64_t waiters) {
  queue::settings s;
  s.when_full = queue::overflow::drop_oldest;
  s.max_waiters = waiters;
  return s;
}
inline queue::settings dropping_newest(std::uint64_t waiters) {
  queue::settings s;
  s.when_full = queue::overflow::drop_newest;
  s.max_waiters = waiters;
  return s;
}

template <class W>
void drop_oldest(explorer& run) {
  W w(run, 1, 1, dropping_oldest(1));
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w, i] { w.said[i] = w.begin(i, 1); });
  }
  run.join();
  // One of them has been dropped for the other, by completion or at once.
  const auto dropped = [&w](int i) {
    return w.said[i] == status::rejected || w.parties[i].result == status::rejected;
  };
  check(dropped(0) != dropped(1), "nobody, or everybody, was dropped");
  w.release(1);
  check(w.parties[dropped(0) ? 1 : 0].got(), "L1");
  w.at_rest(1);
}

template <class W>
void drop_oldest_against_release(explorer& run) {
  W w(run, 1, 1, dropping_oldest(1));
  check(w.begin(0, 1) == status::pending, "set-up");
  run.spawn([&w] { w.begin(1, 1); });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[0].completions == 1, "S3: the oldest");
  if (w.parties[0].got()) w.release(1);
  check(w.parties[1].got(), "L1: the newcomer");
  w.at_rest(1);
}

template <class W>
void drop_lowest_first(explorer& run) {
  W w(run, 1, 1, dropping_oldest(2));
  w.begin(0, 1, nullptr, kHigh);
  w.begin(1, 1, nullptr, kLow);
  run.spawn([&w] { w.begin(2, 1, nullptr, kNormal); });
  run.join();
  check(w.parties[1].result == status::rejected, "the lowest priority goes first");
  check(w.parties[0].completions == 0 && w.parties[2].completions == 0, "the others stay");
  w.sem->unref();
}

template <class W>
void dropped_unrefs(explorer& run) {
  W w(run, 1, 1, dropping_oldest(1));
  w.begin(0, 1, W::unref_it);
  run.spawn([&w] { w.begin(1, 1); });
  run.join();
  check(w.parties[0].result == status::rejected && w.parties[1].result == status::closed, "ends");
}

template <class W>
void drop_newest_room_again(explorer& run) {
  W w(run, 1, 1, dropping_newest(1));
  check(w.begin(0, 1, W::release_it) == status::pending, "set-up");
  run.spawn([&w] { w.said[1] = w.begin(1, 1, W::release_it); });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.said[1] == status::rejected || w.parties[1].got(), "S3");
  check(w.begin(2, 1) == status::ok, "L1");
  check(w.begin(3, 1) == status::pending && w.begin(4, 1) == status::rejected, "room for one");
  w.release(1);
  w.at_rest(1);
}

// ---- time

template <class W>
void expiry_against_release(explorer& run) {
  W w(run, 1, 1);
  check(w.begin(0, 1, W::release_it, kNormal, 1) == status::pending, "set-up");
  run.spawn([] { W::P::run_timers(3); });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[0].completions == 1, "S3");
  w.at_rest(0);
}

template <class W>
void expiry_while_enqueuing(explorer& run) {
  W w(run, 1, 1);
  check(w.begin(1, 1) == status::pending, "set-up");
  run.spawn([&w] { check(w.begin(0, 1, nullptr, kNormal, 1) == status::pending, "begin"); });
  run.spawn([&w] {
    w.last_of(1);  // a point: what comes now may come at any time
    explorer::active()->advance(10'000'000);
    W::P::run_timers_once();
  });
  run.join();
  run.advance(50'000'000);
  run.spawn([&w] {
    w.last_of(2);
    W::P::run_timers(4);
  });
  run.join();
  check(w.parties[0].result == status::timed_out, "L4: the timer forgot it");
  w.sem->unref();
}

template <class W>
void expiry_against_cancel(explorer& run) {
  W w(run, 1, 1);
  w.cancels_may_be_late();
  check(w.begin(0, 1, nullptr, kNormal, 1) == status::pending, "set-up");
  run.spawn([] { W::P::run_timers(3); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.join();
  w.one_outcome(0, w.said[0]);
  w.at_rest(1);
}

template <class W>
void expiry_against_unref(explorer& run) {
  W w(run, 1, 1);
  check(w.begin(0, 1, nullptr, kNormal, 1) == status::pending, "set-up");
  run.spawn([] { W::P::run_timers(3); });
  run.spawn([&w] { w.sem->unref(); });
  run.join();
  check(w.parties[0].completions == 1, "S3");
}

template <class W>
void expired_head_regrants(explorer& run) {
  W w(run, 2, 1);
  check(w.begin(0, 2, nullptr, kNormal, 1) == status::pending, "set-up");
  run.spawn([] { W::P::run_timers(3); });
  run.spawn([&w] { w.pass(1); });
  run.join();
  check(w.parties[0].result == status::timed_out, "L4");
  w.at_rest(1);
}

template <class W>
void blocking_timeout_against_release(explorer& run) {
  W w(run, 1, 1);
  run.spawn([&w] {
    w.said[0] = w.acquire(1, 1'000);
    if (w.said[0] == status::ok) w.release(1);
  });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.said[0] == status::ok || w.said[0] == status::timed_out, "outcome");
  w.at_rest(0);
}

template <class W>
void blocking_timeout_of_head(explorer& run) {
  W w(run, 2, 1);
  run.spawn([&w] { check(w.acquire(2, 1'000) == status::timed_out, "cannot fit"); });
  run.spawn([&w] { w.pass(1); });
  run.join();
  w.at_rest(1);
}

// ---- THROUGHPUT

inline queue::settings throughput() {
  queue::settings s;
  s.throughput = true;
  return s;
}

template <class W>
void throughput_three_threads(explorer& run) {
  W w(run, 1, 0, throughput());
  for (int i = 0; i < 3; ++i) run.spawn([&w] { w.pass(1, true); });
  run.join();
  w.at_rest(0);
}

template <class W>
void throughput_two_threads_twice(explorer& run) {
  W w(run, 1, 0, throughput());
  for (int i = 0; i < 2; ++i) run.spawn([&w] { w.pass(1, true, 2); });
  run.join();
  w.at_rest(0);
}

template <class W>
void throughput_weighted(explorer& run) {
  W w(run, 2, 0, throughput());
  run.spawn([&w] { w.pass(2); });
  run.spawn([&w] { w.pass(1); });
  run.spawn([&w] { w.pass(1); });
  run.join();
  w.at_rest(0);
}

// The poked head runs out of time: the next must be woken.
template <class W>
void throughput_poked_times_out(explorer& run) {
  W w(run, 1, 1, throughput());
  run.spawn([&w] {
    if (w.acquire(1, 1'000) == status::ok) w.release(1);
  });
  run.spawn([&w] { w.pass(1); });
  run.spawn([&w] { w.release(1); });
  run.join();
  w.at_rest(0);
}

template <class W>
void throughput_close(explorer& run) {
  W w(run, 1, 1, throughput());
  run.spawn([&w] { w.pass(1); });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.sem->close(); });
  run.join();
  w.at_rest(0, true);
}

template <class W>
void throughput_acquire_then_unref(explorer& run) {
  W w(run, 1, 1, throughput());
  run.spawn([&w] {
    check(w.acquire(1) == status::ok, "acquire");
    w.sem->unref();
  });
  run.spawn([&w] { w.release(1); });
  run.join();
}

template <class W>
void throughput_unref_with_blocked_thread(explorer& run) {
  W w(run, 1, 1, throughput());
  run.spawn([&w] {
    const status s = w.acquire(1);
    check(s == status::closed || s == status::ok, "L3");
    if (s == status::ok) w.release(1);
    if (w.last_of(2)) w.sem->unref();
  });
  run.spawn([&w] {
    w.release(1);
    w.sem->close();
    if (w.last_of(2)) w.sem->unref();
  });
  run.join();
}

// A thread is poked, finds the permit gone, demands the hand-over and sleeps; then a
// higher priority is served first. The hand-over must not be forgotten.
template <class W>
void throughput_higher_goes_first(explorer& run) {
  W w(run, 1, 1, throughput());
  run.spawn([&w] { w.pass(1); });
  run.spawn([&w] {
    w.release(1);
    if (w.acquire(1, 0) != status::ok) return;
    w.begin(0, 1, W::release_it, kHigh);
    w.release(1);
  });
  run.join();
  w.at_rest(0);
}

// The same, but the poked thread runs out of time behind the higher priority.
template <class W>
void throughput_poked_times_out_behind_higher(explorer& run) {
  W w(run, 1, 1, throughput());
  run.spawn([&w] {
    if (w.acquire(1, 1'000) == status::ok) w.release(1);
  });
  run.spawn([&w] {
    w.release(1);
    if (w.acquire(1, 0) != status::ok) return;
    w.begin(0, 1, W::release_it, kHigh);
    w.release(1);
  });
  run.join();
  w.at_rest(0);
}

// A thread that sleeps is poked, and in the same hold of the lock a shrink makes its request
// impossible and another is poked: both have to be woken.
template <class W>
void throughput_poked_becomes_impossible(explorer& run) {
  W w(run, 2, 2, throughput());
  run.spawn([&w] {
    const status s = w.acquire(2);
    check(s == status::ok || s == status::too_big, "outcome");
    if (s == status::ok) w.release(2);
  });
  run.spawn([&w] { w.pass(1); });
  run.spawn([&w] { w.release(2); });
  run.spawn([&w] { check(core::resize(*w.sem, 1) == status::ok, "resize"); });
  run.join();
  w.at_rest(0);
}

// A large request waits by callback; newcomers pass it a bounded number of times (2),
// and one more for each other thread that is inside an acquire.
template <class W>
void overtaking_is_bounded(explorer& run) {
  W w(run, 2, 1, throughput());
  check(w.begin(0, 2) == status::pending, "set-up");
  run.spawn([&w] {
    for (int i = 0; i < 4; ++i) {
      if (core::take_now(*w.sem, {}, true) != status::ok) continue;
      ++w.count;
      w.sem->release(1);
    }
  });
  run.join();
  check(w.count <= 2, "L2: passed more often than the bound");
  w.release(1);
  check(w.parties[0].got(), "L1");
  w.at_rest(2);
}

// Higher ones that come and go again do not give newcomers another turn.
template <class W>
void overtaking_is_bounded_whoever_leaves(explorer& run) {
  W w(run, 2, 1, throughput());
  check(w.begin(0, 2) == status::pending, "set-up");
  w.cancels_may_be_late();
  run.spawn([&w] {
    for (int i = 0; i < 4; ++i) {
      if (core::take_now(*w.sem, {}, true) == status::ok) {
        ++w.count;
        w.sem->release(1);
      }
      check(w.begin(1, 2, nullptr, kHigh) == status::pending, "higher");
      check(w.cancel(1) == status::ok, "S4");
    }
  });
  run.join();
  check(w.count <= 2, "L2: passed more often than the bound");
  w.release(1);
  check(w.parties[0].got(), "L1");
  w.at_rest(2);
}

// ---- several at once

template <class W>
void arrivals_of_two_against_release(explorer& run) {
  W w(run, 1, 1);
  run.spawn([&w] {
    w.begin(0, 1);
    w.begin(1, 1);
  });
  run.spawn([&w] { w.begin(2, 1); });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.completions == 1, "L1");
  w.release(1);
  w.release(1);
  check(w.completions == 3, "L1");
  w.at_rest(1);
}

// A release takes in a request whose thread is still on its way out. Each thread has a reference;
// that one's is dropped by its completion.
template <class W>
void completion_unrefs_under_an_arrival(explorer& run) {
  W w(run, 1, 1);
  w.sem->ref();
  w.sem->ref();
  run.spawn([&w] { w.begin(0, 1, W::unref_it); });
  run.spawn([&w] {
    w.begin(1, 1, W::release_it);
    w.begin(2, 1, W::release_it);
    w.sem->unref();
  });
  run.spawn([&w] {
    w.release(1);
    w.sem->unref();
  });
  run.join();
  check(w.parties[0].got(), "L1");
}

template <class W>
void last_of_three_granted_unrefs(explorer& run) {
  W w(run, 3, 3);
  for (int i = 0; i < 3; ++i) {
    w.begin(
        i, 1, +[](typename W::party& p) {
          if (p.all->last_of(3)) p.all->sem->unref();
        });
  }
  run.spawn([&w] { w.release(3); });
  run.join();
  check(w.completions == 3, "L1");
}

template <class W>
void first_of_three_granted_unrefs(explorer& run) {
  W w(run, 3, 3);
  w.begin(0, 1, W::unref_it);
  w.begin(1, 1);
  w.begin(2, 1);
  run.spawn([&w] { w.release(3); });
  run.join();
  check(w.parties[0].got() && w.completions == 3, "L3");
}

template <class W>
void three_granted_against_unref(explorer& run) {
  W w(run, 3, 3);
  for (int i = 0; i < 3; ++i) w.begin(i, 1);
  w.sem->ref();
  run.spawn([&w] {
    w.release(3);
    w.sem->unref();
  });
  run.spawn([&w] { w.sem->unref(); });
  run.join();
  check(w.completions == 3, "L1");
}

template <class W>
void two_granted_against_acquire(explorer& run) {
  W w(run, 2, 2);
  w.begin(0, 1, W::release_it);
  w.begin(1, 1, W::release_it);
  run.spawn([&w] { w.release(2); });
  run.spawn([&w] { w.pass(2); });
  run.join();
  check(w.completions == 2, "L1");
  w.at_rest(0);
}

template <class W>
void waiting_is_exact_at_rest(explorer& run) {
  W w(run, 1, 1);
  w.begin(0, 1);
  run.spawn([&w] { w.begin(1, 1); });
  run.spawn([&w] { w.sem->waiting(); });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.sem->waiting() == 1, "the count is wrong at rest");
  w.release(1);
  check(w.completions == 2, "L1");
  w.at_rest(1);
}

}  // namespace afflux::model::scenarios
