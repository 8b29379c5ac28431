// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of shedding (queue/shedding.h): those who have waited too long leave under the hands of
// cancels, releases, closes, time limits. A hold sheds one (default_traits), so that most come
// back.
#pragma once

#include "note_scenarios.h"
#include "world.h"

namespace afflux::model::scenarios {

inline constexpr std::int64_t kTarget = 10 * 1024;
inline constexpr std::int64_t kInterval = 20 * 1024;

inline queue::settings sheds(bool newest_first = false) {
  queue::settings s;
  s.shed.target = kTarget;
  s.shed.interval = kInterval;
  s.shed.newest_first = newest_first;
  return s;
}

// In a fibre time passes at a point, where others may come between.
template <class W>
void pass_time(explorer& run, std::int64_t ns) {
  W::P::now();
  run.advance(ns);
}
// All who are in line by then are too old.
template <class W>
void grow_old(explorer& run) {
  pass_time<W>(run, kInterval + 1024);
}

// The queue stands, with `who` in it, who came just now. Parties 4 and 5 have been there before.
template <class W>
void let_it_stand(explorer& run, W& w, int who) {
  check(w.begin(4, 1) == status::pending, "set-up");
  run.advance(kInterval / 2);
  check(w.begin(5, 1) == status::pending, "set-up");
  check(w.cancel(4) == status::ok, "set-up");
  run.advance(kInterval / 2 + 1024);
  check(w.begin(who, 1) == status::pending, "set-up");
  check(w.parties[5].result == status::rejected, "set-up");
  w.completions = 0;
}

template <class W>
bool shed(const W& w, int who) {
  return w.parties[who].completions == 1 && w.parties[who].result == status::rejected;
}

// One outcome for each, and a permit that comes back is held by one or free.
template <class W>
void shed_cancel_release(explorer& run) {
  W w(run, 1, 1, sheds());
  w.cancels_may_be_late();
  w.begin(0, 1, W::release_it);
  w.begin(1, 1, W::release_it);
  grow_old<W>(run);
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.begin(2, 1, W::release_it); });
  run.join();
  w.one_outcome(0, w.said[0]);
  check(w.said[0] == status::ok || shed(w, 0), "SD2: granted too late");
  check(shed(w, 1), "SD2: granted too late, or left");
  check(w.parties[2].got(), "L1: one that is young is left");
  w.at_rest(0);
}

template <class W>
void shed_against_close(explorer& run) {
  W w(run, 1, 1, sheds());
  w.begin(0, 1);
  w.begin(1, 1);
  grow_old<W>(run);
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.sem->close(); });
  run.join();
  for (int i = 0; i < 2; ++i) {
    check(shed(w, i) || w.parties[i].result == status::closed, "L3");
  }
  w.at_rest(0, true);
}

template <class W>
void shed_against_expiry(explorer& run) {
  W w(run, 1, 1, sheds());
  run.spawn([&w, &run] {
    w.begin(0, 1, W::release_it, kNormal, 1'000);
    w.begin(1, 1, W::release_it);
    grow_old<W>(run);
    w.release(1);
  });
  run.spawn([] { W::P::run_timers(2); });
  run.join();
  check(shed(w, 0) || w.parties[0].result == status::timed_out, "S3");
  check(shed(w, 1), "SD2: granted too late, or left");
  w.at_rest(0);
}

// The last reference goes in the completion of the first that is shed, with others still in line.
template <class W>
void shed_one_unrefs(explorer& run) {
  W w(run, 1, 1, sheds());
  w.cancels_may_be_late();
  w.begin(0, 1, W::unref_it);
  w.begin(1, 1);
  grow_old<W>(run);
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.said[0] = w.cancel(1); });
  run.join();
  check(shed(w, 0), "SD2");
  w.one_outcome(1, w.said[0]);
}

// More than one hold has room for, before one that is young; a release meets an arrival.
template <class W>
void shed_many_then_grant(explorer& run) {
  W w(run, 1, 1, sheds());
  for (int i = 0; i < 3; ++i) w.begin(i, 1);
  grow_old<W>(run);
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { check(w.acquire(1) == status::ok, "L1"); });
  run.join();
  for (int i = 0; i < 3; ++i) check(shed(w, i), "SD5: left in line");
  w.at_rest(1);
}

// A large one is too old; behind it stands one that fits.
template <class W>
void shed_large_one_regrants(explorer& run) {
  W w(run, 2, 2, sheds());
  w.begin(0, 2);
  w.begin(1, 2);
  run.advance(kInterval);
  w.begin(2, 1);
  run.advance(1024);
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { core::resize(*w.sem, 2); });
  run.join();
  check(shed(w, 0) && shed(w, 1), "SD2");
  check(w.parties[2].got(), "L1: what fits is left behind what was shed");
  w.at_rest(2);
}

// A release within a note sheds notes: they are told when that has returned.
template <class W>
void shed_notes(explorer& run) {
  note_world<W> w(run, 1, 1, sheds());
  for (int i = 0; i < 2; ++i) w.note(i, 1);
  run.advance(kInterval);
  w.note(2, 1, W::release_it);
  run.advance(1024);
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.begin(3, 1, W::release_it); });
  run.join();
  check(shed(w, 0) && shed(w, 1), "SD2");
  check(w.parties[3].got(), "L1");
  check(w.parties[2].completions == 1, "S3");
  w.at_rest(0);
}

// A blocked thread is shed, or granted just in time.
template <class W>
void shed_blocked_thread(explorer& run) {
  W w(run, 1, 1, sheds());
  run.spawn([&w] {
    w.said[0] = w.acquire(1);
    if (w.said[0] == status::ok) w.release(1);
  });
  run.spawn([&w, &run] {
    grow_old<W>(run);
    w.release(1);
  });
  run.join();
  check(w.said[0] == status::ok || w.said[0] == status::rejected, "S3");
  w.at_rest(0);
}

// One that was woken to compete is not shed while it does; nor is it lost.
template <class W>
void shed_while_one_competes(explorer& run) {
  queue::settings s = sheds();
  s.throughput = true;
  W w(run, 1, 1, s);
  run.spawn([&w] {
    w.said[0] = w.acquire(1);
    if (w.said[0] == status::ok) w.release(1);
  });
  run.spawn([&w, &run] {
    w.release(1);
    grow_old<W>(run);
    w.said[1] = w.begin(1, 1, W::release_it);
  });
  run.join();
  check(w.said[0] == status::ok || w.said[0] == status::rejected, "S3");
  check(w.parties[1].got(), "L1");
  w.at_rest(0);
}

// One that arrives in the midst of a hold has queued after that hold's moment: it has waited for
// nothing, and not for as long as it takes until the clock's stamps come round.
template <class W>
void arrival_after_the_moment(explorer& run) {
  W w(run, 2, 2, sheds());
  w.begin(0, 1, W::release_it);
  run.spawn([&w] { w.release(2); });
  run.spawn([&w, &run] {
    pass_time<W>(run, 4 * 1024);
    w.begin(1, 1, W::release_it);
  });
  run.join();
  check(w.parties[0].got() && w.parties[1].got(), "SD2: shed too early");
  if (w.sem->stats() != nullptr) {
    afflux_sem_stats now = {};
    w.sem->stats()->read(now, w.sem->block(), [] { return std::uint64_t{0}; });
    check(now.wait_max_ns <= 4 * 1024, "a wait is too long");
  }
  w.at_rest(0);
}

// ---- adaptive LIFO

// The newest does not fit and leaves, or gives way to a newer one: what fits then is granted.
template <class W>
void newest_leaves_or_is_passed(explorer& run) {
  W w(run, 2, 2, sheds(true));
  let_it_stand(run, w, 0);
  w.begin(1, 2);
  w.release(1);
  check(w.completions == 0, "S6");
  w.cancels_may_be_late();
  run.spawn([&w] { w.said[0] = w.cancel(1); });
  run.spawn([&w] { w.begin(2, 1); });
  run.join();
  check(w.said[0] == status::ok, "S4");
  check(w.parties[0].got() != w.parties[2].got(), "L1: a permit is free, and none has it");
  w.release(1);
  check(w.parties[0].got() && w.parties[2].got(), "L1");
  w.at_rest(2);
}

template <class W>
void newest_first_against_release_and_cancel(explorer& run) {
  W w(run, 1, 1, sheds(true));
  let_it_stand(run, w, 0);
  w.begin(1, 1, W::release_it);
  w.cancels_may_be_late();
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.said[0] = w.cancel(1); });
  run.spawn([&w] { w.begin(2, 1, W::release_it); });
  run.join();
  w.one_outcome(1, w.said[0]);
  check(w.parties[0].got(), "L1");
  w.release(1);  // which party 0 does not do by itself
  check(w.parties[2].got(), "L1");
  w.at_rest(0);
}

}  // namespace afflux::model::scenarios
