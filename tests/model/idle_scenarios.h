// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of waits for a semaphore to be idle: nothing is held, and no request queues.
#pragma once

#include "core/idle.h"
#include "extended_scenarios.h"
#include "world.h"

namespace afflux::model::scenarios {

template <class W>
struct idle_world : W {
  using W::W;

  status watch(int who, std::int64_t timeout = -1, void (*then)(typename W::party&) = nullptr) {
    typename W::party& p = this->parties[who];
    p.n = 0;
    p.then = then;
    int error = 0;
    const status s = core::wait_idle_async(*this->sem, timeout, {&W::woken, &p}, p.self(), error);
    if (s == status::ok) W::completed(p, s);
    return s;
  }
};

template <class W>
void idle_thread_against_pass_and_release(explorer& run) {
  idle_world<W> w(run, 1, 1);
  run.spawn([&w] { check(core::wait_idle(*w.sem, -1) == status::ok, "a wait"); });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.pass(1); });
  run.join();
  w.at_rest(0);
}

// Told when nothing is held: no newcomer could take it again.
template <class W>
void idle_is_told_when_all_is_given_back(explorer& run) {
  idle_world<W> w(run, 2, 2);
  w.begin(1, 1, W::release_it);
  run.spawn([&w] {
    w.watch(
        0, -1, +[](typename W::party& p) { check(p.all->in == 0, "told while some is held"); });
  });
  for (int i = 0; i < 2; ++i) run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[0].got() && w.parties[1].got(), "L1");
  w.at_rest(0);
}

template <class W>
void idle_against_acquire(explorer& run) {
  idle_world<W> w(run, 1, 1);
  run.spawn([&w] { w.said[0] = w.watch(0); });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.said[1] = w.begin(1, 1); });
  run.join();
  check(w.parties[1].got(), "L1");
  if (w.parties[0].completions == 0) w.release(1);
  check(w.parties[0].got(), "L1: it is idle, and nobody is told");
  w.at_rest(core::held(*w.sem));
}

// The last that queues goes, and nothing is held.
template <class W>
void idle_against_cancel_and_release(explorer& run) {
  idle_world<W> w(run, 2, 1);
  w.cancels_may_be_late();
  w.begin(1, 2);
  check(w.watch(0) == status::pending, "set-up");
  run.spawn([&w] { w.said[1] = w.cancel(1); });
  run.spawn([&w] { w.release(1); });
  run.join();
  w.one_outcome(1, w.said[1]);
  check(w.parties[0].got() == (w.said[1] == status::ok), "told, though it is not idle, or not");
  if (w.parties[1].got()) w.release(2);
  check(w.parties[0].got(), "L1");
  w.at_rest(0);
}

template <class W>
void idle_watcher_is_canceled(explorer& run) {
  idle_world<W> w(run, 1, 1);
  w.cancels_may_be_late();
  check(w.watch(0) == status::pending, "set-up");
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.pass(1); });
  run.join();
  w.one_outcome(0, w.said[0]);
  w.at_rest(0);
}

template <class W>
void idle_against_unref(explorer& run) {
  idle_world<W> w(run, 1, 1);
  w.cancels_may_be_late();
  w.sem->ref();
  check(w.watch(0) == status::pending, "set-up");
  run.spawn([&w] {
    w.release(1);
    w.sem->unref();
  });
  run.spawn([&w] { w.sem->unref(); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.join();
  w.one_outcome(0, w.said[0]);
  const status s = w.parties[0].result;
  check(w.said[0] == status::ok || s == status::ok || s == status::closed, "an outcome");
}

// Closed is not idle: what is held is still given back.
template <class W>
void idle_after_close(explorer& run) {
  idle_world<W> w(run, 1, 1);
  w.begin(1, 1, W::release_it);
  run.spawn([&w] { check(core::wait_idle(*w.sem, -1) == status::ok, "a wait"); });
  run.spawn([&w] { w.sem->close(); });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[1].completions == 1, "L3");
  w.at_rest(0, true);
}

template <class W>
void idle_thread_times_out(explorer& run) {
  idle_world<W> w(run, 1, 1);
  run.spawn([&w] {
    const status s = core::wait_idle(*w.sem, 1'000);
    check(s == status::ok || s == status::timed_out, "an outcome");
  });
  run.spawn([&w] { w.release(1); });
  run.join();
  w.at_rest(0);
}

template <class W>
void idle_expiry_against_release(explorer& run) {
  idle_world<W> w(run, 1, 1);
  check(w.watch(0, 1) == status::pending, "set-up");
  run.spawn([] { W::P::run_timers(3); });
  run.spawn([&w] { w.release(1); });
  run.join();
  const status s = w.parties[0].result;
  check(w.parties[0].completions == 1 && (s == status::ok || s == status::timed_out), "S3");
  w.at_rest(0);
}

// Who is told may drop the last reference.
template <class W>
void idle_completion_unrefs(explorer& run) {
  idle_world<W> w(run, 1, 1);
  w.begin(1, 1, W::release_it);
  check(w.watch(0, -1, W::unref_it) == status::pending, "set-up");
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[0].got() && w.parties[1].got(), "L1");
}

// Whatever the limit becomes: held is what counts.
template <class W>
void idle_against_resize(explorer& run) {
  idle_world<W> w(run, 1, 1);
  const std::uint64_t limit = run.choose(2) == 1 ? 3 : 0;
  check(w.watch(0) == status::pending, "set-up");
  run.spawn([&w, limit] { check(core::resize(*w.sem, limit) == status::ok, "resize"); });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[0].got(), "L1: it is idle, and nobody is told");
  w.at_rest(0);
}

// Of word and limit one may be of before the resize and the other of after it.
template <class W>
void idle_is_not_told_beside_a_shrink(explorer& run) {
  idle_world<W> w(run, 2, 1);
  run.spawn([&w] { check(core::resize(*w.sem, 1) == status::ok, "resize"); });
  run.spawn([&w] {
    check(core::wait_idle(*w.sem, 0) == status::timed_out, "a permit is held");
    check(w.watch(0) == status::pending, "a permit is held");
  });
  run.join();
  w.release(1);
  check(w.parties[0].got(), "L1");
  w.at_rest(0);
}

template <class W>
void idle_is_told_beside_a_growth(explorer& run) {
  idle_world<W> w(run, 1, 0);
  run.spawn([&w] { check(core::resize(*w.sem, 2) == status::ok, "resize"); });
  run.spawn([&w] { check(core::wait_idle(*w.sem, 0) == status::ok, "nothing is held"); });
  run.join();
  w.at_rest(0);
}

}  // namespace afflux::model::scenarios
