// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of a waiter's memory that serves again at once, and of two semaphores that have to do
// with each other.
#pragma once

#include "note_scenarios.h"
#include "world.h"

namespace afflux::model::scenarios {

// ---- the same memory again

// The callback begins the next request where the last one was, while a cancel that was meant for
// that one is on its way: it may take back the next one, but not be lost, nor count for both.
template <class W>
void callback_begins_anew_under_a_cancel(explorer& run) {
  W w(run, 1, 1);
  w.cancels_may_be_late();
  static bool gives_back;
  gives_back = run.choose(2) == 1;
  static constexpr auto again = +[](typename W::party& p) {
    W& of = *p.all;
    if (gives_back) of.release(1);
    if (++of.count > 1) return;
    p.completions = 0;
    of.said[1] = of.begin(0, 1, p.then);
  };
  check(w.begin(0, 1, again) == status::pending, "set-up");
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.join();
  const auto& p = w.parties[0];
  if (w.said[0] == status::ok) {
    check(p.completions == 0, "S4: a completion beside a cancel");
  } else if (w.said[1] == status::pending && p.completions == 0) {
    check(!gives_back, "L1: a free permit, and a waiter");
    w.release(1);
    check(p.got() && w.count == 2, "S3: the second use has no outcome");
  } else {
    check(p.got() && w.count == 2, "S3: the second use has no outcome");
  }
  const bool holds = !gives_back && (w.said[0] != status::ok || w.count == 1);
  w.at_rest(holds ? 1 : 0);
}

// The same with two cancels, each of which takes back one request at most.
template <class W>
void callback_begins_anew_under_two_cancels(explorer& run) {
  W w(run, 1, 1);
  w.cancels_may_be_late();
  static constexpr auto again = +[](typename W::party& p) {
    W& of = *p.all;
    of.release(1);
    if (++of.count > 1) return;
    p.completions = 0;
    of.said[3] = of.begin(0, 1, p.then);
  };
  check(w.begin(0, 1, again) == status::pending, "set-up");
  run.spawn([&w] { w.release(1); });
  for (int i = 0; i < 2; ++i) run.spawn([&w, i] { w.said[i] = w.cancel(0); });
  run.join();
  const int taken_back = (w.said[0] == status::ok ? 1 : 0) + (w.said[1] == status::ok ? 1 : 0);
  const int begun = w.said[3] != status::pending || w.count > 0 ? 2 : 1;
  check(w.count + taken_back == begun, "S3: as many outcomes as requests");
  w.at_rest(0);
}

// The owner of a note looks, and uses the memory again while the note is on its way.
template <class W>
void note_memory_is_used_again_before_the_note(explorer& run) {
  note_world<W> w(run, 1, 1);
  check(w.note(0, 1) == status::pending, "set-up");
  w.free[0] = true, w.seen[0] = status::ok;  // the note itself does not look
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] {
    auto& x = w.parties[0].self();
    if (w.look(0) == status::pending) return;
    W::P::reused(&x, sizeof x);
    w.count = 1;
    int error = 0;
    w.parties[1].n = 1;
    w.said[1] = core::acquire_async(*w.sem, core::demand{}, -1, w.told(1, nullptr), x, error);
    w.said[0] = core::cancel(x);
  });
  run.join();
  check(w.parties[0].got(), "L1");
  if (w.count == 1) {
    check(w.said[1] == status::pending && w.said[0] == status::ok, "S4: the second use");
  }
  w.at_rest(1);
}

// One of two cancels has taken the note back, and its owner uses the memory again, for a note or
// for a callback: the other cancel comes back, although no thread serves that one.
template <class W>
void note_memory_is_used_again_under_a_second_cancel(explorer& run) {
  note_world<W> w(run, 1, 1);
  w.cancels_may_be_late();
  const bool as_note = run.choose(2) == 0;
  check(w.note(0, 1) == status::pending, "set-up");
  run.spawn([&w, as_note] {
    w.said[0] = w.cancel(0);
    if (w.said[0] != status::ok) return;
    w.count = 1;
    check((as_note ? w.note(0, 1) : w.begin(0, 1)) == status::pending, "the second use");
  });
  run.spawn([&w] { w.said[1] = w.cancel(0); });
  run.join();
  const auto& p = w.parties[0];
  const int taken_back = (w.said[0] == status::ok ? 1 : 0) + (w.said[1] == status::ok ? 1 : 0);
  check(p.completions == 0 && taken_back >= 1, "S4");
  if (taken_back == w.count) check(w.cancel(0) == status::ok, "S3: the second use is lost");
  w.at_rest(1);
}

// ---- two semaphores

template <class W>
void two_end_at_once(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  a.cancels_may_be_late();
  a.begin(0, 1), b.begin(0, 1);
  run.spawn([&a] { a.sem->unref(); });
  run.spawn([&b] { b.sem->unref(); });
  run.spawn([&] {
    a.said[0] = a.cancel(0);
    b.said[0] = b.cancel(0);
  });
  run.join();
  a.one_outcome(0, a.said[0]);
  b.one_outcome(0, b.said[0]);
}

template <class W>
void two_end_in_each_others_callbacks(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  static W* other[2];
  other[0] = &a, other[1] = &b;
  static constexpr auto then =
      +[](typename W::party& p) { (p.all == other[0] ? other[1] : other[0])->sem->unref(); };
  a.begin(0, 1, then), b.begin(0, 1, then);
  for (W* each : other) {
    each->sem->ref();
    run.spawn([each] {
      each->release(1);
      each->sem->unref();
    });
  }
  run.join();
  check(a.parties[0].got() && b.parties[0].got(), "L1");
}

// The callback of one releases the other, whose callback releases the first, and so on.
template <class W>
void callback_releases_another_semaphore(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  a.cancels_may_be_late();
  static W* other[2];
  other[0] = &a, other[1] = &b;
  static int depth;
  depth = 0;
  static constexpr auto then = +[](typename W::party& p) {
    check(++depth == 1, "S12: a callback runs within a callback");
    (p.all == other[0] ? other[1] : other[0])->release(1);
    --depth;
  };
  a.begin(0, 1, then), a.begin(1, 1), b.begin(0, 1, W::release_it);
  run.spawn([&a] { a.release(1); });
  run.spawn([&] { a.said[1] = a.cancel(1); });
  run.join();
  check(a.parties[0].got() && b.parties[0].got(), "L1");
  check(a.said[1] == status::ok, "S4");
  a.at_rest(1);
  b.at_rest(0);
}

// A thread holds one and waits for the other, whose callback gives that back only after the first
// has been given back: neither call may hold on to what it does not need.
template <class W>
void blocked_for_another_semaphores_callback(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  static W* second;
  second = &b;
  a.begin(
      0, 1, +[](typename W::party& p) {
        second->release(1);
        p.all->release(1);
      });
  run.spawn([&] {
    check(b.acquire(1) == status::ok, "acquire");
    check(a.acquire(1) == status::ok, "acquire");
    a.release(1);
    b.release(1);
  });
  run.spawn([&a] { a.release(1); });
  run.join();
  check(a.parties[0].got(), "L1");
  a.at_rest(0);
  b.at_rest(0);
}

}  // namespace afflux::model::scenarios
