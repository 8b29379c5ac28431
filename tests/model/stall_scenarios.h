// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios with helpers for callbacks that block, and with a thread that stops for ever, as one
// does that the system suspends (L5).
#pragma once

#include "world.h"

namespace afflux::model::scenarios {

// ---- orphans: callbacks behind one that blocks

// The release returns when all that it let in has been told.
template <class W>
void orphans_run_before_the_release_returns(explorer& run) {
  W w(run, 3, 3);
  w.begin(
      0, 1, +[](typename W::party& p) {
        check(p.all->acquire(2) == status::ok, "acquire");
        p.all->release(3);
      });
  w.begin(1, 1, W::release_it);
  w.begin(2, 1, W::release_it);
  run.spawn([] { W::P::run_helper(2); });
  run.spawn([&w] {
    w.release(3);
    check(w.completions == 3, "it returns, and not all have run");
  });
  run.join();
  w.at_rest(0);
}

// The first waits for what the second gives, which waits for what the third gives.
template <class W>
void orphans_block_in_turn(explorer& run) {
  W w(run, 3, 3);
  static constexpr auto blocks = +[](typename W::party& p) {
    check(p.all->acquire(1) == status::ok, "acquire");
    p.all->release(2);
  };
  w.begin(0, 1, blocks);
  w.begin(1, 1, blocks);
  w.begin(2, 1, W::release_it);
  for (int i = 0; i < 2; ++i) run.spawn([] { W::P::run_helper(2); });
  run.spawn([&w] {
    w.release(3);
    check(w.completions == 3, "it returns, and not all have run");
  });
  run.join();
  w.at_rest(0);
}

// Two threads leave callbacks at once, one of which waits for the other: a thread that takes them
// may not hide one from the other's helper.
template <class W>
void orphans_of_two_threads(explorer& run) {
  W a(run, 2, 2), b(run, 2, 2), c(run, 1, 1);
  static W* third;
  third = &c;
  static constexpr auto blocks = +[](typename W::party& p) {
    check(p.all->acquire(1) == status::ok, "acquire");
    p.all->release(2);
  };
  a.begin(0, 1, blocks);
  a.begin(
      1, 1, +[](typename W::party& p) {
        third->release(1);
        p.all->release(1);
      });
  b.begin(0, 1, blocks);
  b.begin(
      1, 1, +[](typename W::party& p) {
        check(third->acquire(1) == status::ok, "acquire");
        p.all->release(1);
      });
  for (int i = 0; i < 2; ++i) run.spawn([] { W::P::run_helper(4); });
  for (W* each : {&a, &b}) {
    run.spawn([each] {
      each->release(2);
      check(each->completions == 2, "it returns, and not all have run");
    });
  }
  run.join();
  a.at_rest(0);
  b.at_rest(0);
  c.at_rest(1);
}

// ---- a thread that stops

// Fibre 0 may stop anywhere; 1 gives back a permit, 2 tries for one. They wait only for one that
// holds the lock, a release only where that is busy; or they have gone to sleep for the lock, and
// it stopped before it woke them, having unlocked: then a later comer finds everything free.
template <class W, class F>
void others_beside_a_stalled_one(explorer& run, W& w, F&& stalled) {
  run.spawn(stalled);
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.said[2] = w.acquire(1, 0); });
  run.may_stall(0);
  run.may_wait_for_stalled();
  run.join();
  const std::uint64_t word = w.sem->word().peek();
  if ((word & queue::kLocked) != 0) {
    check(!run.waits_for_stalled(1) || (word & queue::kBusy) != 0, "L5: a release waits");
  } else if (run.stalled()) {
    run.spawn([&w] {
      if (core::held(*w.sem) != 0) w.release(1);
      if (core::take_now(*w.sem, {}, true) == status::ok) w.sem->release(1);
    });
    run.join();
    check(!run.waits_for_stalled(3), "L5: nobody holds the lock, and somebody waits for it");
  }
}

// What is granted is held for good, so that only the numbers are looked at.
template <class W>
void stalled_while_it_queues(explorer& run) {
  W w(run, 3, 3);
  others_beside_a_stalled_one(run, w, [&w] { w.said[0] = w.begin(0, 2); });
  if (run.stalled()) return;
  check(w.said[0] == status::pending && w.parties[0].completions == 0, "S6");
  w.release(1);
  if (w.said[2] == status::ok) w.release(1);
  check(w.parties[0].got(), "L1");
  w.at_rest(core::held(*w.sem));
}

template <class W>
void stalled_while_it_releases(explorer& run) {
  W w(run, 3, 3);
  w.begin(0, 1);
  others_beside_a_stalled_one(run, w, [&w] { w.release(1); });
  if (run.stalled()) return;
  check(w.parties[0].got(), "L1");
  w.at_rest(w.said[2] == status::ok ? 3 : 2);
}

template <class W>
void stalled_while_it_cancels(explorer& run) {
  W w(run, 3, 2);
  w.cancels_may_be_late();
  w.begin(0, 3);
  others_beside_a_stalled_one(run, w, [&w] { w.said[0] = w.cancel(0); });
  if (run.stalled()) return;
  check(w.said[0] == status::ok, "S4");
  w.at_rest(w.said[2] == status::ok ? 2 : 1);
}

}  // namespace afflux::model::scenarios
