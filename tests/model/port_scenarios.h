// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of a port by itself: nodes that are pushed, a loop that sleeps only after arm(), a
// doorbell. Deadlock is a lost wakeup.
#pragma once

#include "port_world.h"

namespace afflux::model::scenarios {

// Every way to drain that a bell allows, against two who complete.
template <class P>
void port_wakes_its_loop(explorer& run) {
  const bool level = run.choose(2) == 1;
  const bool drains_all = run.choose(2) == 1;
  const auto most = static_cast<std::size_t>(1 + run.choose(2));
  draining how = draining::to_zero;
  if (level && run.choose(2) == 1) how = draining::once;
  if (!level && !drains_all && run.choose(2) == 1) how = draining::until_short;
  port_world<P> w(2, level, drains_all);
  run.spawn([&w, most, how] { w.run(2, most, how); });
  for (int i = 0; i < 2; ++i) run.spawn([&w, i] { w.complete(i); });
  run.join();
  w.at_rest(2);
}

// One who completes two together, and a single one, into a loop that takes one at a time.
template <class P>
void port_batch_and_single_drains(explorer& run) {
  port_world<P> w(3);
  run.spawn([&w] { w.run(3, 1, draining::once); });
  run.spawn([&w] { w.complete(0, 1); });
  run.spawn([&w] { w.complete(2); });
  run.join();
  check(w.in_order(0, 1), "a batch keeps its order");
  w.at_rest(3);
}

// One after the other from the same thread: each finds the loop asleep, awake or between.
template <class P>
void port_follows_its_loop(explorer& run) {
  const bool level = run.choose(2) == 1;
  port_world<P> w(3, level);
  run.spawn([&w, level] { w.run(3, 1, level ? draining::once : draining::to_zero); });
  run.spawn([&w] {
    for (int i = 0; i < 3; ++i) w.complete(i);
  });
  run.join();
  check(w.in_order(0, 1) && w.in_order(1, 2), "the order of completion");
  w.at_rest(3);
}

// A loop that drains without having slept meets a ring on its way.
template <class P>
void port_loop_looks_without_being_rung(explorer& run) {
  const bool level = run.choose(2) == 1;
  port_world<P> w(2, level);
  run.spawn([&w, level] {
    w.drain(1);
    w.drain(2);
    w.run(2, 1, level ? draining::once : draining::to_zero);
  });
  for (int i = 0; i < 2; ++i) run.spawn([&w, i] { w.complete(i); });
  run.join();
  w.at_rest(2);
}

// No loop drains: completions after the first ring no more.
template <class P>
void port_burst_rings_once(explorer& run) {
  port_world<P> w(4, run.choose(2) == 1);
  run.spawn([&w] { w.complete(0, 1); });
  run.spawn([&w] {
    w.complete(2);
    w.complete(3);
  });
  run.join();
  check(w.bell->rings == 1, "a burst rings once");
  check(w.bell->showing(), "L1");
  check(w.drain(4) == 4 && w.in_order(0, 1) && w.in_order(2, 3), "the order of completion");
  w.drain(1);
  w.at_rest(4);
}

// A loop that has not caught up is awake: no completion rings. Taken before: node 0 of 0 and 1.
template <class P>
void port_awake_is_not_rung(explorer& run) {
  port_world<P> w(4, run.choose(2) == 1, run.choose(2) == 1);
  w.complete(0, 1);
  check(w.bell->rings == 1 && w.drain(1) == 1, "set-up");
  for (int i = 2; i < 4; ++i) run.spawn([&w, i] { w.complete(i); });
  run.join();
  check(w.bell->rings == 1, "an awake loop is rung");
  check(w.drain(4) == 3, "less than asked for was all");
  w.drain(4);
  check(w.in_order(1, 2) && w.in_order(1, 3), "the order of completion");
  w.at_rest(4);
}

// "Less than max: that was all" that had been put in when the drain began.
template <class P>
void port_short_drain_was_all(explorer& run) {
  port_world<P> w(3, run.choose(2) == 1, run.choose(2) == 1);
  typename P::template atomic<int> put_in{0};
  w.complete(0, 1);
  check(w.drain(1) == 1, "set-up");
  run.spawn([&] {
    w.complete(2);
    put_in.store(1, std::memory_order_release);
  });
  run.spawn([&] {
    const bool there = put_in.load(std::memory_order_acquire) != 0;
    const std::size_t n = w.drain(4);
    check(!there || n == 2, "less than asked for, and not all");
  });
  run.join();
  while (w.drain(4) != 0) {
  }
  w.at_rest(3);
}

// A look at what lies there, beside those who put in.
template <class P>
void port_counts_beside_completions(explorer& run) {
  port_world<P> w(3, run.choose(2) == 1, run.choose(2) == 1);
  run.spawn([&] { w.complete(0, 1); });
  run.spawn([&] { w.complete(2); });
  run.spawn([&] {
    const std::uint64_t there = w.port->undrained();
    const std::size_t n = w.drain(1);
    check(n == 1 || there == 0, "what was there is drained");
    check(w.port->undrained() + n >= there, "what is not drained stays");
  });
  run.join();
  check(w.port->undrained() + static_cast<std::uint64_t>(w.got) == 3, "each is there or drained");
  while (w.drain(4) != 0) {
  }
  check(w.port->undrained() == 0, "nothing is left");
  w.at_rest(3);
}

// ---- a system that refuses to ring

// The completions that come meanwhile have relied on the ring that is refused.
template <class P>
void port_refused_ring_is_made_up_for(explorer& run) {
  const bool level = run.choose(2) == 1;
  port_world<P> w(2, level);
  w.bell->refuses = 1;
  run.spawn([&w, level] { w.run(2, 1, level ? draining::once : draining::to_zero); });
  for (int i = 0; i < 2; ++i) run.spawn([&w, i] { w.complete(i); });
  run.join();
  w.at_rest(2);
}

// The next completion rings, however many rings have been refused in turn.
template <class P>
void port_next_completion_rings(explorer& run) {
  const bool level = run.choose(2) == 1;
  port_world<P> w(4, level);
  w.bell->refuses = 1 + run.choose(3);
  run.spawn([&w, level] { w.run(4, 1, level ? draining::once : draining::to_zero); });
  run.spawn([&w] {
    for (int i = 0; i < 4; ++i) w.complete(i);
  });
  run.join();
  check(w.in_order(0, 1) && w.in_order(1, 2) && w.in_order(2, 3), "the order of completion");
  w.at_rest(4);
}

// A loop that comes by itself while a ring is refused finds everything, and goes to sleep as ever:
// the next completion rings it, and nothing that was owed rings it afterwards.
template <class P>
void port_refused_ring_meets_a_drain(explorer& run) {
  const bool level = run.choose(2) == 1;
  port_world<P> w(4, level);
  w.bell->refuses = 1 + run.choose(2);
  run.spawn([&w] {
    w.drain(1);
    w.drain(4);
  });
  for (int i = 0; i < 3; ++i) run.spawn([&w, i] { w.complete(i); });
  run.join();
  while (w.drain(4) != 0) {
  }
  check(w.got == 3, "a drain misses what was not rung for");
  check(!level || !w.bell->showing(), "it shows, and there is nothing");
  w.bell->silence();
  w.bell->refuses = 0;
  w.complete(3);
  check(w.bell->showing(), "L1");
  check(w.drain(4) == 1, "L1");
  w.drain(1);
  w.at_rest(4);
}

// A small drain has silenced the bell and cannot ring it for the rest.
template <class P>
void port_own_ring_is_refused(explorer& run) {
  port_world<P> w(4);
  run.spawn([&w] {
    w.bell->refuses_to = P::thread_key();
    for (int i = 0; i < 3; ++i) w.drain(1);
    w.bell->refuses_to = 0;
  });
  run.spawn([&w] { w.complete(0, 1); });
  run.spawn([&w] { w.complete(2); });
  run.join();
  w.complete(3);
  check(w.bell->showing(), "L1");
  while (w.drain(4) != 0) {
  }
  check(!w.bell->showing(), "it shows, and there is nothing");
  w.at_rest(4);
}

// ---- its end

// The loop drops the last reference with its last completion in hand, while that one's thread is
// still on its way to ring.
template <class P>
void port_unref_by_its_loop(explorer& run) {
  const bool level = run.choose(2) == 1;
  port_world<P> w(2, level);
  run.spawn([&w, level] {
    w.run(2, 1, level ? draining::once : draining::to_zero);
    w.port->unref();
  });
  for (int i = 0; i < 2; ++i) run.spawn([&w, i] { w.complete(i); });
  run.join();
  check(w.got == 2, "L1");
}

// As above, by a loop that did not wait to be rung.
template <class P>
void port_unref_before_the_ring(explorer& run) {
  port_world<P> w(1, run.choose(2) == 1);
  run.spawn([&w] {
    w.drain(1);
    w.port->unref();
  });
  run.spawn([&w] { w.complete(0); });
  run.join();
}

// No loop is left to drain: the last completion frees it.
template <class P>
void port_unref_with_requests(explorer& run) {
  port_world<P> w(2);
  run.spawn([&w] { w.port->unref(); });
  for (int i = 0; i < 2; ++i) run.spawn([&w, i] { w.complete(i); });
  run.join();
  check(w.got == 0, "nobody drained");
}

template <class P>
void port_close_against_begin(explorer& run) {
  port_world<P> w(0);
  port::closing closed = port::closing::before;
  bool begun = false;
  w.port->ref();
  run.spawn([&] { closed = w.port->close(); });
  run.spawn([&] {
    begun = w.port->begin();
    if (begun) w.complete(0);
    w.port->unref();
  });
  run.join();
  if (closed == port::closing::done) {
    check(!begun, "closed, and a request has begun");
    check(w.port->close() == port::closing::before && !w.port->begin(), "it stays closed");
    w.port->unref();
    return;
  }
  check(closed == port::closing::busy && begun, "busy without a request");
  w.drain(1);
  w.at_rest(1);
}

// A close that answers "done" has missed nothing.
template <class P>
void port_close_against_completion(explorer& run) {
  port_world<P> w(1);
  run.spawn([&w] {
    port::closing closed = w.port->close();
    const bool drained = w.drain(1) == 1;
    check(closed == port::closing::busy, "a completion was on its way");
    if (drained) return;
    closed = w.port->close();
    check(closed == port::closing::busy, "a completion is on its way or ready");
  });
  run.spawn([&w] { w.complete(0); });
  run.join();
  w.drain(1);
  w.at_rest(1);
}

}  // namespace afflux::model::scenarios
