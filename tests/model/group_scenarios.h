// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of groups: any of two, all of two. G1 and G2 are core/wait_group.h's.
#pragma once

#include "core/event.h"
#include "core/group_thread.h"
#include "core/wait_group.h"
#include "world.h"

namespace afflux::model::scenarios {

// A group over two semaphores. Its memory is freed when it ends, so that a later touch is
// seen; at the end of the scenario only where a cancel may come late.
template <class W>
struct several {
  using P = typename W::P;
  using group = core::wait_group<P>;
  using kind = typename group::kind;

  struct memory {
    memory(several& s, kind what, queue::wake_function wake, void* context)
        : whole(what, {}, {wake, context}),
          items{{*s.of[0]->sem, s.n[0], 0}, {*s.of[1]->sem, s.n[1], 1}} {
      for (core::wait_item<P>& i : items) whole.add(i);
      check(whole.check() == status::ok, "set-up");
    }
    group whole;
    core::wait_item<P> items[2];
  };

  several(W& first, W& second, std::uint64_t n0 = 1, std::uint64_t n1 = 1)
      : of{&first, &second}, n{n0, n1} {
    first.cancels_may_be_late();  // items are taken back that have just been called back
  }
  ~several() {
    if (m != nullptr) P::destroy(m);
  }

  status begin(kind what, std::int64_t timeout = -1) {
    type = what;
    m = P::template create<memory>(*this, what, &woken, this);
    int error = 0;
    const status s = m->whole.start(m->whole.deadline_for_all(timeout), timeout == 0, error);
    if (s != status::pending) ended(s);
    return s;
  }
  status any(std::int64_t timeout = -1) { return begin(kind::any, timeout); }
  status all(std::int64_t timeout = -1) { return begin(kind::all, timeout); }

  // In a thread that blocks.
  status block(kind what, std::int64_t timeout) {
    type = what;
    core::group_thread<P> thread;
    memory here(*this, what, &core::group_thread<P>::wake, &thread);
    const status s = thread.acquire(here.whole, timeout);
    ++completions;
    result = s;
    if (s == status::ok) enter(here.whole.index());
    return s;
  }

  void cancel() {
    said = m->whole.cancel();
    check(said == status::ok || said == status::already, "cancel");
  }

  static void woken(void* context, std::int32_t s) {
    static_cast<several*>(context)->ended(static_cast<status>(s));
  }
  void ended(status s) {
    check(++completions == 1 && said != status::ok, "G1");
    result = s;
    if (s == status::ok) enter(m->whole.index());
    if (!cancels) P::destroy(std::exchange(m, nullptr));
    if (releases && s == status::ok) leave();
  }
  void enter(std::uint32_t index) {
    winner = static_cast<int>(index);
    for (int i = 0; i < 2; ++i) {
      if (has(i)) of[i]->enter(n[i]);
    }
  }
  void leave() {
    for (int i = 0; i < 2; ++i) {
      if (has(i)) of[i]->release(n[i]);
    }
  }
  bool has(int i) const {
    return result == status::ok && !gone && (type == kind::all || winner == i);
  }
  std::uint64_t holds(int i) const { return has(i) && !releases ? n[i] : 0; }

  // Exactly one outcome, and nothing is held but by it.
  void at_rest(bool closed0 = false, bool closed1 = false) {
    check(completions + (said == status::ok ? 1 : 0) == 1, "G1: not exactly one outcome");
    of[0]->at_rest(holds(0), closed0);
    of[1]->at_rest(holds(1), closed1);
  }

  W* of[2];
  std::uint64_t n[2];
  memory* m = nullptr;
  kind type = kind::any;
  bool cancels = false;   // the scenario has a cancel: the memory stays
  bool releases = false;  // as soon as it has got them
  bool gone = false;
  int completions = 0;
  int winner = -1;
  status result = status::pending;
  status said = status::pending;
};

// ---- any

template <class W>
void any_of_two_releases(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  several<W> g(a, b);
  check(g.any() == status::pending, "set-up");
  run.spawn([&a] { a.release(1); });
  run.spawn([&b] { b.release(1); });
  run.join();
  check(g.result == status::ok, "one of them was free");
  g.at_rest();
}

template <class W>
void any_starts_among_releases(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  several<W> g(a, b);
  run.spawn([&g] { g.any(); });
  run.spawn([&a] { a.release(1); });
  run.spawn([&b] { b.release(1); });
  run.join();
  check(g.result == status::ok, "one of them was free");
  g.at_rest();
}

// The request behind the loser's is granted what that does not take.
template <class W>
void any_leaves_the_loser_alone(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  several<W> g(a, b);
  check(g.any() == status::pending, "set-up");
  a.begin(0, 1, W::release_it);
  b.begin(0, 1, W::release_it);
  g.releases = true;
  run.spawn([&a] { a.release(1); });
  run.spawn([&b] { b.release(1); });
  run.join();
  check(a.parties[0].got() && b.parties[0].got(), "L1");
  g.at_rest();
}

template <class W>
void any_against_cancel(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  several<W> g(a, b);
  g.cancels = true;
  check(g.any() == status::pending, "set-up");
  run.spawn([&a] { a.release(1); });
  run.spawn([&b] { b.release(1); });
  run.spawn([&g] { g.cancel(); });
  run.join();
  check(g.result != status::canceled || g.said == status::already, "canceled by nobody");
  g.at_rest();
}

template <class W>
void any_canceled_while_it_starts(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  several<W> g(a, b);
  g.cancels = true;
  g.m = W::P::template create<typename several<W>::memory>(g, several<W>::kind::any,
                                                           &several<W>::woken, &g);
  run.spawn([&g] {
    int error = 0;
    const status s = g.m->whole.start(time::kNever, false, error);
    if (s != status::pending) g.ended(s);
  });
  run.spawn([&g] { g.cancel(); });
  run.spawn([&b] { b.release(1); });
  run.join();
  a.release(1);
  g.at_rest();
}

template <class W>
void any_against_close(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  several<W> g(a, b);
  check(g.any() == status::pending, "set-up");
  run.spawn([&a] { a.release(1); });
  run.spawn([&b] {
    b.release(1);
    b.sem->close();
  });
  run.join();
  check(g.result == status::ok || g.result == status::closed, "outcome");
  g.at_rest(false, true);
}

template <class W>
void any_against_timeout(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  several<W> g(a, b);
  check(g.any(1) == status::pending, "set-up");
  run.spawn([] { W::P::run_timers(3); });
  run.spawn([&b] { b.release(1); });
  run.join();
  check(g.result == status::ok || g.result == status::timed_out, "outcome");
  if (g.result != status::ok) a.in = 1;
  a.release(1);
  g.at_rest();
}

// The owners let go while it waits: its own references keep the semaphores.
template <class W>
void any_holds_references(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  several<W> g(a, b);
  check(g.any() == status::pending, "set-up");
  run.spawn([&a] { a.sem->unref(); });
  run.spawn([&b] { b.release(1); });
  run.join();
  check(g.result == status::ok && g.winner == 1, "G3");
  b.at_rest(1);
}

// A signal that comes with another is passed on, not lost.
template <class W>
void any_of_two_events(explorer& run) {
  W a(run, 1, 1, core::event_settings(false, 0));
  W b(run, 1, 1, core::event_settings(false, 0));
  a.in = b.in = 0;
  several<W> g(a, b);
  check(g.any() == status::pending, "set-up");
  run.spawn([&a] { core::notify_one(*a.sem); });
  run.spawn([&b] { core::notify_one(*b.sem); });
  run.join();
  check(g.result == status::ok, "a signal");
  check(core::is_set(*a.sem) == (g.winner == 1) && core::is_set(*b.sem) == (g.winner == 0),
        "a signal is lost, or doubled");
  g.at_rest();
}

template <class W>
void any_blocks_a_thread(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  several<W> g(a, b);
  run.spawn([&g] { g.block(several<W>::kind::any, 1'000); });
  run.spawn([&a] { a.release(1); });
  run.spawn([&b] { b.release(1); });
  run.join();
  check(g.result == status::ok || g.result == status::timed_out, "outcome");
  g.at_rest();
}

// ---- all

template <class W>
void all_in_opposite_orders(explorer& run) {
  W a(run, 1), b(run, 1);
  several<W> g(a, b), h(b, a);
  g.releases = h.releases = true;
  run.spawn([&g] { g.all(); });
  run.spawn([&h] { h.all(); });
  run.join();
  check(g.result == status::ok && h.result == status::ok, "a deadlock");
  g.at_rest();
}

template <class W>
void all_blocks_threads_in_opposite_orders(explorer& run) {
  W a(run, 1), b(run, 1);
  several<W> g(a, b), h(b, a);
  for (several<W>* each : {&g, &h}) {
    run.spawn([each] {
      check(each->block(several<W>::kind::all, -1) == status::ok, "a deadlock");
      each->leave();
      each->gone = true;
    });
  }
  run.join();
  g.at_rest();
}

template <class W>
void all_of_two_releases(explorer& run) {
  W a(run, 1, 1), b(run, 2, 2);
  several<W> g(a, b, 1, 2);
  run.spawn([&g] { g.all(); });
  run.spawn([&a] { a.release(1); });
  run.spawn([&b] { b.release(2); });
  run.join();
  check(g.result == status::ok, "all were free");
  g.at_rest();
}

template <class W>
void all_against_cancel(explorer& run) {
  W a(run, 1, 1), b(run, 1, 1);
  several<W> g(a, b);
  g.cancels = true;
  check(g.all() == status::pending, "set-up");
  run.spawn([&a] { a.release(1); });
  run.spawn([&b] { b.release(1); });
  run.spawn([&g] { g.cancel(); });
  run.join();
  g.at_rest();
}

template <class W>
void all_canceled_while_it_starts(explorer& run) {
  W a(run, 1), b(run, 1, 1);
  several<W> g(a, b);
  g.cancels = true;
  g.type = several<W>::kind::all;
  g.m = W::P::template create<typename several<W>::memory>(g, g.type, &several<W>::woken, &g);
  run.spawn([&g] {
    int error = 0;
    const status s = g.m->whole.start(time::kNever, false, error);
    if (s != status::pending) g.ended(s);
  });
  run.spawn([&g] { g.cancel(); });
  run.spawn([&b] { b.release(1); });
  run.join();
  g.at_rest();
}

template <class W>
void all_against_close(explorer& run) {
  W a(run, 1), b(run, 1, 1);
  several<W> g(a, b);
  check(g.all() == status::pending, "set-up");
  run.spawn([&b] { b.release(1); });
  run.spawn([&b] { b.sem->close(); });
  run.join();
  check(g.result == status::ok || g.result == status::closed, "outcome");
  g.at_rest(false, true);
}

template <class W>
void all_against_timeout(explorer& run) {
  W a(run, 1), b(run, 1, 1);
  several<W> g(a, b);
  check(g.all(1) == status::pending, "set-up");
  run.spawn([] { W::P::run_timers(3); });
  run.spawn([&b] { b.release(1); });
  run.join();
  check(g.result == status::ok || g.result == status::timed_out, "outcome");
  g.at_rest();
}

// What it holds while it waits for the rest comes free when it gives up.
template <class W>
void all_gives_back_what_it_held(explorer& run) {
  W a(run, 1), b(run, 1, 1);
  several<W> g(a, b);
  g.cancels = true;
  check(g.all() == status::pending, "set-up");
  run.spawn([&a] { a.pass(1); });
  run.spawn([&g] { g.cancel(); });
  run.join();
  check(g.said == status::ok, "nobody else could end it");
  b.release(1);
  g.at_rest();
}

}  // namespace afflux::model::scenarios
