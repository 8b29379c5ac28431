// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of requests that the kernel waits for (AFFLUX_WAIT_FOR_URING): a fibre is the loop and
// its ring, which does what an entry asks for when the loop waits for the CQE.
#pragma once

#include "core/kernel_wait.h"
#include "world.h"

namespace afflux::model::scenarios {

template <class W>
struct ring_world : W {
  using P = typename W::P;
  using W::W;

  status begin_in_kernel(int who, std::int64_t timeout = -1) {
    int error = 0;
    this->parties[who].n = 1;
    const status s = core::acquire_async(*this->sem, core::demand{}, timeout, {},
                                         this->parties[who].self(), error);
    if (s == status::ok) W::completed(this->parties[who], s);
    return s;
  }

  void wait_in_kernel(int who, std::int64_t timeout = -1) {
    check(begin_in_kernel(who, timeout) == status::pending, "set-up");
  }

  typename P::ring_entry prepared(int who) {
    typename P::ring_entry entry;
    check(core::wait_in_kernel(this->parties[who].self(), entry) == status::ok, "an entry");
    return entry;
  }

  // Entries, one after the other, until the request has its outcome.
  void await_cqe(int who) {
    auto& x = this->parties[who].self();
    for (;;) {
      prepared(who).run(time::kNever);
      const status s = core::outcome(x);
      if (s == status::pending) continue;  // without cause
      P::returned(&x, sizeof x);
      return W::completed(this->parties[who], s);
    }
  }
};

template <class W>
void kernel_wait_against_release(explorer& run) {
  ring_world<W> w(run, 1, 1);
  run.spawn([&w] {
    if (w.begin_in_kernel(0) == status::pending) w.await_cqe(0);
    w.guarded = w.guarded + 1;
    w.release(1);
  });
  run.spawn([&w] {
    w.guarded = w.guarded + 1;
    w.release(1);
  });
  run.join();
  check(w.parties[0].got(), "L1");
  w.at_rest(0);
}

// The loop may free the semaphore as soon as it has its CQE (S9).
template <class W>
void kernel_waiter_frees_the_semaphore(explorer& run) {
  ring_world<W> w(run, 1, 1);
  w.wait_in_kernel(0);
  run.spawn([&w] {
    w.await_cqe(0);
    w.sem->unref();
  });
  run.spawn([&w] { w.leave(1), check(w.sem->release(1) == status::ok, "a release"); });
  run.join();
  check(w.parties[0].got(), "L1");
}

// It begins its next request in the same memory while the releaser is on its way to wake the last.
template <class W>
void kernel_waiter_is_used_again(explorer& run) {
  ring_world<W> w(run, 1, 1);
  w.wait_in_kernel(0);
  run.spawn([&w] {
    w.await_cqe(0);
    w.release(1);
    w.parties[0].completions = 0;
    W::P::reused(&w.parties[0].self(), sizeof(typename W::waiter));
    if (w.begin_in_kernel(0) == status::pending) w.await_cqe(0);
    w.release(1);
  });
  run.spawn([&w] {
    w.release(1);
    w.pass(1);
  });
  run.join();
  check(w.parties[0].got(), "L1");
  w.at_rest(0);
}

// A linked timeout ends the kernel's wait, then the loop cancels. Where that comes too late it
// waits for the outcome, which is on its way.
template <class W>
void kernel_wait_gives_up(explorer& run) {
  ring_world<W> w(run, 1, 1);
  w.cancels_may_be_late();
  w.wait_in_kernel(0);
  run.spawn([&w] {
    w.prepared(0).run(W::P::now() + 1'000);
    const status s = core::outcome(w.parties[0].self());
    if (s != status::pending) return W::completed(w.parties[0], s);
    w.said[0] = w.cancel(0);
    if (w.said[0] != status::ok) w.await_cqe(0);
  });
  run.spawn([&w] { w.release(1); });
  run.join();
  w.one_outcome(0, w.said[0]);
  w.at_rest(w.parties[0].got() ? 1 : 0);
}

// Another thread cancels: the CQE comes all the same.
template <class W>
void kernel_wait_is_canceled(explorer& run) {
  ring_world<W> w(run, 1, 1);
  w.cancels_may_be_late();
  w.wait_in_kernel(0);
  run.spawn([&w] { w.await_cqe(0); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[0].result == (w.said[0] == status::ok ? status::canceled : status::ok), "S3");
  w.at_rest(w.parties[0].got() ? 1 : 0);
}

template <class W>
void kernel_wait_times_out(explorer& run) {
  ring_world<W> w(run, 1, 1);
  w.wait_in_kernel(0, 1'000);
  run.spawn([] { W::P::run_timers(3); });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.await_cqe(0); });
  run.join();
  check(w.parties[0].got() || w.parties[0].result == status::timed_out, "S3");
  w.at_rest(w.parties[0].got() ? 1 : 0);
}

template <class W>
void kernel_wait_against_close(explorer& run) {
  ring_world<W> w(run, 1, 1);
  w.wait_in_kernel(0);
  run.spawn([&w] { w.await_cqe(0); });
  run.spawn([&w] { w.sem->close(); });
  run.join();
  check(w.parties[0].result == status::closed, "L3");
  w.at_rest(1, true);
}

// Neither spins nor is poked: THROUGHPUT hands it its permit.
template <class W>
void kernel_wait_under_throughput(explorer& run) {
  queue::settings settings;
  settings.throughput = true;
  ring_world<W> w(run, 1, 1, settings);
  w.wait_in_kernel(0);
  run.spawn([&w] {
    w.await_cqe(0);
    w.release(1);
  });
  run.spawn([&w] {
    w.release(1);
    w.pass(1);
  });
  run.join();
  check(w.parties[0].got(), "L1");
  w.at_rest(0);
}

}  // namespace afflux::model::scenarios
