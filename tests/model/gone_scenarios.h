// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of a group of all that waits at one item while another one is closed, or shrinks below
// its share: the group ends, and holds nothing.
#pragma once

#include "group_scenarios.h"

namespace afflux::model::scenarios {

// A group of all that has been looked at, and is started by a fibre.
template <class W>
struct started_late : several<W> {
  started_late(W& first, W& second, std::uint64_t n0 = 1, std::uint64_t n1 = 1)
      : several<W>(first, second, n0, n1) {
    this->type = several<W>::kind::all;
    this->m = W::P::template create<typename several<W>::memory>(*this, this->type,
                                                                 &several<W>::woken, this);
  }
  void start() {
    int error = 0;
    const status s = this->m->whole.start(time::kNever, false, error);
    if (s != status::pending) this->ended(s);
  }
};

// It is never given what it waits for.
template <class W>
void all_ends_when_another_closes(explorer& run) {
  W a(run, 1), b(run, 1, 1);
  started_late<W> g(a, b);
  run.spawn([&g] { g.start(); });
  run.spawn([&a] { a.sem->close(); });
  run.join();
  check(g.result == status::closed, "it waits for what cannot be had");
  b.release(1);
  g.at_rest(true, false);
}

template <class W>
void all_ends_when_another_shrinks(explorer& run) {
  W a(run, 2), b(run, 1, 1);
  started_late<W> g(a, b, 2, 1);
  run.spawn([&g] { g.start(); });
  run.spawn([&a] { check(core::resize(*a.sem, 1) == status::ok, "resize"); });
  run.join();
  check(g.result == status::too_big, "it waits for what cannot be had");
  b.release(1);
  g.at_rest();
}

// The other stands behind the one that it waits at.
template <class W>
void all_ends_when_a_later_one_closes(explorer& run) {
  W a(run, 1, 1), b(run, 1);
  several<W> g(a, b);
  check(g.all() == status::pending, "set-up");
  run.spawn([&b] { b.sem->close(); });
  run.spawn([&a] { a.release(1); });
  run.join();
  check(g.result == status::ok || g.result == status::closed, "an outcome");
  g.at_rest(false, true);
}

template <class W>
void all_closes_against_release(explorer& run) {
  W a(run, 1), b(run, 1, 1);
  several<W> g(a, b);
  check(g.all() == status::pending, "set-up");
  run.spawn([&a] { a.sem->close(); });
  run.spawn([&b] { b.release(1); });
  run.join();
  check(g.result == status::ok || g.result == status::closed, "an outcome");
  g.at_rest(true, false);
}

template <class W>
void all_shrinks_against_release(explorer& run) {
  W a(run, 2), b(run, 1, 1);
  several<W> g(a, b, 2, 1);
  check(g.all() == status::pending, "set-up");
  run.spawn([&a] { check(core::resize(*a.sem, 1) == status::ok, "resize"); });
  run.spawn([&b] { b.release(1); });
  run.join();
  check(g.result == status::ok || g.result == status::too_big, "an outcome");
  g.at_rest();
}

template <class W>
void all_closes_against_cancel(explorer& run) {
  W a(run, 1), b(run, 1, 1);
  several<W> g(a, b);
  g.cancels = true;
  check(g.all() == status::pending, "set-up");
  run.spawn([&a] { a.sem->close(); });
  run.spawn([&g] { g.cancel(); });
  run.join();
  check(g.said == status::ok || g.completions == 1, "G1: no outcome");
  b.release(1);
  g.at_rest(true, false);
}

template <class W>
void all_closes_against_release_and_cancel(explorer& run) {
  W a(run, 1), b(run, 1, 1);
  several<W> g(a, b);
  g.cancels = true;
  check(g.all() == status::pending, "set-up");
  run.spawn([&a] { a.sem->close(); });
  run.spawn([&b] { b.release(1); });
  run.spawn([&g] { g.cancel(); });
  run.join();
  g.at_rest(true, false);
}

}  // namespace afflux::model::scenarios
