// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of requests that complete in a port: the semaphore's threads, the timer's and the loop.
#pragma once

#include "core/wait_queue.h"
#include "port_world.h"
#include "world.h"

namespace afflux::model::scenarios {

// A semaphore all of whose permits are held, and a loop with a port. user_data says whose.
template <class W>
struct loop_world : W {
  using P = typename W::P;
  using waiter = typename W::waiter;

  loop_world(explorer& run, std::uint64_t limit, bool level = true)
      : W(run, limit, limit), loop(level) {}

  queue::destination<P> to_port(int who) {
    return {nullptr, &this->parties[who], loop.port, static_cast<std::uint64_t>(who)};
  }
  status begin_there(int who, std::int64_t timeout = -1) {
    int error = 0;
    this->parties[who].n = 1;
    return core::acquire_async(*this->sem, core::demand{}, timeout, to_port(who),
                               this->parties[who].self(), error);
  }
  template <class Condition>
  status add_there(int who, Condition&& holds) {
    int error = 0;
    this->parties[who].n = 1;
    return core::add_unless(*this->sem, holds, core::demand{}, -1, to_port(who),
                            this->parties[who].self(), error);
  }

  std::size_t drain(std::size_t most) {
    return loop.drain(most, [this](waiter& x) { take(x); });
  }
  void run_loop(int wanted, std::size_t most, draining how) {
    loop.run(wanted, most, how, [this](waiter& x) { take(x); });
  }
  void take(waiter& x) {
    auto& p = *static_cast<typename W::party*>(static_cast<void*>(x.context));
    const status result = x.result;
    P::returned(&x, sizeof x);
    W::completed(p, result);
  }
  // The port has nothing to come; it is freed.
  void port_at_rest() {
    check(loop.port->pending() == 0, "a request is left");
    check(loop.port->close() == port::closing::done, "something is left");
    loop.port->unref();
  }

  port_loop<P, waiter> loop;
};

template <class W>
void port_release_wakes_the_loop(explorer& run) {
  loop_world<W> w(run, 2, run.choose(2) == 1);
  w.begin_there(0);
  w.begin_there(1);
  run.spawn([&w] { w.run_loop(2, 1, draining::to_zero); });
  for (int i = 0; i < 2; ++i) run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[0].got() && w.parties[1].got(), "L1");
  w.port_at_rest();
  w.at_rest(2);
}

// One pass completes several: the loop takes them as they come, and frees all with the last.
template <class W>
void port_burst_and_the_end(explorer& run) {
  loop_world<W> w(run, 3, run.choose(2) == 1);
  for (int i = 0; i < 3; ++i) w.begin_there(i);
  run.spawn([&w] {
    w.run_loop(3, 2, draining::to_zero);
    w.loop.port->unref();
  });
  run.spawn([&w] { w.release(3); });
  run.join();
  check(w.parties[0].order < w.parties[1].order && w.parties[1].order < w.parties[2].order, "S5");
  w.at_rest(3);
}

// The loop may free the semaphore and the port as soon as its request has come (S9).
template <class W>
void port_loop_frees_everything(explorer& run) {
  loop_world<W> w(run, 1);
  w.begin_there(0);
  run.spawn([&w] {
    w.run_loop(1, 1, draining::once);
    w.loop.port->unref();
    w.sem->unref();
  });
  run.spawn([&w] { w.leave(1), check(w.sem->release(1) == status::ok, "a release"); });
  run.join();
}

// It begins its next request while the releaser is on its way to ring.
template <class W>
void port_waiter_is_used_again(explorer& run) {
  loop_world<W> w(run, 1);
  w.begin_there(0);
  run.spawn([&w] {
    w.run_loop(1, 1, draining::once);
    w.release(1);
    w.parties[0].completions = 0;
    W::P::reused(&w.parties[0].self(), sizeof(typename W::waiter));
    const status s = w.begin_there(0);
    if (s == status::ok) {
      W::completed(w.parties[0], s);
    } else {
      w.run_loop(2, 1, draining::once);
    }
    w.release(1);
  });
  run.spawn([&w] {
    w.release(1);
    check(w.acquire(1) == status::ok, "an acquire");
    w.release(1);
  });
  run.join();
  check(w.parties[0].got(), "L1");
  w.drain(1);
  w.port_at_rest();
  w.at_rest(0);
}

template <class W>
void port_cancel_against_release(explorer& run) {
  loop_world<W> w(run, 1);
  w.cancels_may_be_late();
  w.begin_there(0);
  w.begin_there(1);
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.run_loop(1, 2, draining::once); });
  run.join();
  while (w.drain(1) != 0) {
  }
  w.one_outcome(0, w.said[0]);
  check(w.parties[1].got() == (w.said[0] == status::ok), "exactly one is granted");
  if (!w.parties[1].got()) {
    w.release(1);
    while (w.drain(1) != 0) {
    }
  }
  check(w.parties[1].got(), "L1");
  w.port_at_rest();
  w.at_rest(1);
}

template <class W>
void port_timeout_against_release(explorer& run) {
  loop_world<W> w(run, 1);
  check(w.begin_there(0, 1'000) == status::pending, "set-up");
  run.spawn([] { W::P::run_timers(3); });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] {
    w.run_loop(1, 1, draining::once);
    w.loop.port->unref();
  });
  run.join();
  check(w.parties[0].completions == 1, "S3");
  w.at_rest(w.parties[0].got() ? 1 : 0);
}

template <class W>
void port_close_of_the_semaphore(explorer& run) {
  loop_world<W> w(run, 1);
  w.begin_there(0);
  run.spawn([&w] { w.sem->close(); });
  run.spawn([&w] {
    const status s = w.begin_there(1);
    check(s == status::closed || s == status::pending, "an answer");
    w.count = s == status::pending ? 2 : 1;
    w.run_loop(w.count, 1, draining::once);
  });
  run.join();
  check(w.parties[0].result == status::closed, "L3");
  while (w.drain(1) != 0) {
  }
  w.port_at_rest();
  w.at_rest(1, true);
}

// A wake between the question and the queueing.
template <class W>
void port_queue_wake_is_not_lost(explorer& run) {
  loop_world<W> w(run, 1);
  w.bound = 100;
  typename W::P::template atomic<int> ready{0};
  run.spawn([&] {
    w.said[0] = w.add_there(0, [&] { return ready.load(std::memory_order_acquire) != 0; });
    if (w.said[0] == status::pending) w.run_loop(1, 1, draining::once);
  });
  run.spawn([&] {
    ready.store(1, std::memory_order_release);
    w.sem->wake(1);
  });
  run.join();
  check((w.said[0] == status::ok) != w.parties[0].got(), "L1: a wake between check and queueing");
  w.drain(1);
  w.port_at_rest();
  w.at_rest(1);
}

// A pass with a thread, a callback and two loops among its completions.
template <class W>
void port_mixed_completions(explorer& run) {
  loop_world<W> w(run, 3);
  w.begin_there(0);
  w.begin(1, 1);
  w.begin_there(2);
  run.spawn([&w] { w.run_loop(2, 1, draining::once); });
  run.spawn([&w] { w.release(3); });
  run.join();
  for (int i = 0; i < 3; ++i) check(w.parties[i].got(), "L1");
  w.drain(1);
  w.port_at_rest();
  w.at_rest(3);
}

}  // namespace afflux::model::scenarios
