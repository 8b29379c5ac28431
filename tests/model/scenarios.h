// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The protocol's scenarios: acquire, release, weights, cancel, resize, close,
// destruction. W is a world; the numbers are those of docs/invariants.md.
#pragma once

#include "world.h"

namespace afflux::model::scenarios {

// ---- acquire and release

template <class W>
void three_threads_one_permit(explorer& run) {
  W w(run, 1);
  for (int i = 0; i < 3; ++i) run.spawn([&w] { w.pass(1, true); });
  run.join();
  w.at_rest(0);
}

template <class W>
void two_threads_twice(explorer& run) {
  W w(run, 1);
  for (int i = 0; i < 2; ++i) run.spawn([&w] { w.pass(1, true, 2); });
  run.join();
  w.at_rest(0);
}

template <class W>
void weighted(explorer& run) {
  W w(run, 2);
  run.spawn([&w] { w.pass(2); });
  run.spawn([&w] { w.pass(1); });
  run.spawn([&w] { w.pass(1); });
  run.join();
  w.at_rest(0);
}

template <class W>
void two_releases_two_sizes(explorer& run) {
  W w(run, 2, 2);
  run.spawn([&w] {
    w.release(1);
    w.release(1);
  });
  run.spawn([&w] { w.pass(1); });
  run.spawn([&w] { w.pass(2); });
  run.join();
  w.at_rest(0);
}

// A request that never fits comes and goes; a smaller one behind it must not be lost.
template <class W>
void small_behind_one_that_cannot_fit(explorer& run) {
  W w(run, 2, 2);
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { check(w.acquire(1) == status::ok, "acquire"); });
  run.spawn([&w] {
    check(w.begin(0, 2) == status::pending, "S6: granted what cannot fit");
    check(w.cancel(0) == status::ok, "S4: nothing can have completed it");
  });
  run.join();
  w.at_rest(2);
}

template <class W>
void fifo_of_one_thread(explorer& run) {
  W w(run, 2, 2);
  run.spawn([&w] {
    w.begin(0, 1);
    w.begin(1, 1);
  });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[0].got() && w.parties[1].got(), "L1: a waiter was lost");
  w.at_rest(2);
}

// Two releases of one permit: one of them is refused, or the acquire came between.
template <class W>
void over_release(explorer& run) {
  W w(run, 1, 1);
  w.bound = 2;  // what is over-released is nobody's
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w] { w.count += w.sem->release(1) == status::ok ? 1 : 0; });
  }
  run.spawn([&w] { check(w.acquire(1) == status::ok, "acquire"); });
  run.join();
  check(w.count == 1 || w.count == 2, "S13: over-release");
  w.at_rest(2u - static_cast<unsigned>(w.count));
}

// Three wait, one permit is held, and given back twice: each release that is accepted grants one.
template <class W>
void line_against_two_releases(explorer& run) {
  W w(run, 1, 1);
  w.bound = 4;
  for (int i = 0; i < 3; ++i) check(w.begin(i, 1) == status::pending, "set-up");
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w] { w.count += w.sem->release(1) == status::ok ? 1 : 0; });
  }
  run.join();
  // Each release that was accepted took one permit from a holder and granted the next.
  check(w.completions == w.count, "S2: a release without effect");
  check(core::held(*w.sem) == 1, "S1: held");
  w.sem->unref();
}

// A callback releases at once: what it got must be counted as held by then.
template <class W>
void callback_releases_at_once(explorer& run) {
  W w(run, 1, 1);
  w.begin(0, 1, W::release_it);
  run.spawn([&w] { w.release(1); });
  run.join();
  w.at_rest(0);
}

// S12: a callback's release completes the next, and so on, without deeper stacks.
template <class W>
void chain_does_not_recurse(explorer& run) {
  W w(run, 1, 1);
  static int depth;
  depth = 0;
  for (int i = 0; i < 4; ++i) {
    w.begin(
        i, 1, +[](typename W::party& p) {
          check(++depth == 1, "S12: a callback runs within a callback");
          W::release_it(p);
          --depth;
        });
  }
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.completions == 4, "L1");
  w.at_rest(0);
}

// A callback that blocks for what another callback of this thread gives back.
template <class W>
void callback_blocks_for_the_next(explorer& run) {
  W w(run, 2, 2);
  w.begin(
      0, 1, +[](typename W::party& p) {
        check(p.all->acquire(1) == status::ok, "acquire");
        p.all->release(2);
      });
  w.begin(1, 1, W::release_it);
  run.spawn([&w] { w.release(2); });
  run.join();
  check(w.completions == 2, "L1");
  w.at_rest(0);
}

// ---- cancel

template <class W>
void head_cancel_regrants(explorer& run) {
  W w(run, 2, 1);
  run.spawn([&w] {
    check(w.begin(0, 2) == status::pending, "begin");
    check(w.cancel(0) == status::ok, "cancel");
  });
  run.spawn([&w] { w.pass(1); });
  run.spawn([&w] { w.pass(1); });
  run.join();
  check(w.parties[0].completions == 0, "S4: completed after its cancel");
  w.at_rest(1);
}

template <class W>
void begin_cancel_release(explorer& run) {
  W w(run, 1, 1);
  w.cancels_may_be_late();
  run.spawn([&w] { w.begin(0, 1, W::release_it); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.release(1); });
  run.join();
  w.one_outcome(0, w.said[0]);
  w.at_rest(0);
}

// Granted by another thread while its own is still inside the call that queues it: that one has the
// result, and there is no callback.
template <class W>
void granted_on_its_way(explorer& run) {
  W w(run, 2, 2);
  w.cancels_may_be_late();
  w.begin(1, 1, W::release_it);
  run.spawn([&w] { w.begin(0, 1, W::release_it); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.release(2); });
  run.join();
  w.one_outcome(0, w.said[0]);
  w.at_rest(0);
}

template <class W>
void weighted_cancel(explorer& run) {
  W w(run, 2, 2);
  w.cancels_may_be_late();
  run.spawn([&w] {
    if (w.begin(0, 2, W::release_it) == status::pending) w.said[0] = w.cancel(0);
  });
  run.spawn([&w] { w.pass(1); });
  run.spawn([&w] { w.release(2); });
  run.join();
  w.one_outcome(0, w.said[0]);
  w.at_rest(0);
}

template <class W>
void two_cancels_one_release(explorer& run) {
  W w(run, 1, 1);
  w.cancels_may_be_late();
  w.begin(0, 1, W::release_it);
  w.begin(1, 1, W::release_it);
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.said[1] = w.cancel(1); });
  run.spawn([&w] { w.release(1); });
  run.join();
  w.one_outcome(0, w.said[0]);
  w.one_outcome(1, w.said[1]);
  w.at_rest(0);
}

template <class W>
void two_threads_cancel_one(explorer& run) {
  W w(run, 1, 1);
  w.cancels_may_be_late();
  w.begin(0, 1);
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.said[1] = w.cancel(0); });
  run.join();
  check((w.said[0] == status::ok) != (w.said[1] == status::ok), "S4: not one winner");
  w.at_rest(1);
}

// A cancel holds a lock that a callback takes: the cancel must not wait for it.
template <class W>
void cancel_never_waits_for_callback(explorer& run) {
  using mutex = typename W::P::mutex;
  struct locked {
    W w;
    mutex lock;
  } s{W(run, 2, 2), {}};
  for (auto& p : s.w.parties) p.all = &s.w;
  static locked* self;
  self = &s;
  s.w.cancels_may_be_late();
  s.w.begin(0, 1, [](typename W::party&) {
    if (explorer::active()->fibre_index() == 1) return;  // runs inside the cancel itself
    self->lock.lock();
    self->lock.unlock();
  });
  s.w.begin(1, 2);
  run.spawn([&s] { s.w.release(1); });
  run.spawn([&s] {
    s.lock.lock();
    s.w.said[0] = s.w.cancel(1);
    s.lock.unlock();
  });
  run.join();
  check(s.w.said[0] == status::ok, "cancel");
  s.w.at_rest(2);
}

// ---- resize

template <class W>
void shrink_against_acquire(explorer& run) {
  W w(run, 2);
  static std::uint64_t held_then;
  run.spawn([&w] {
    core::resize(*w.sem, 1);
    unobserved quiet;
    held_then = core::held(*w.sem);
  });
  run.spawn([&w] { w.said[0] = w.acquire(2, 0); });
  run.spawn([&w] { w.said[1] = w.acquire(1, 0); });
  run.join();
  const std::uint64_t held = core::held(*w.sem);
  check(held <= (held_then > 1 ? held_then : 1), "S1: granted beyond the new limit");
  w.at_rest(held);
}

template <class W>
void shrink_against_release_of_two(explorer& run) {
  W w(run, 2, 2);
  static std::uint64_t held_then;
  w.begin(0, 1);
  w.begin(1, 1);
  run.spawn([&w] { w.release(2); });
  run.spawn([&w] {
    core::resize(*w.sem, 1);
    unobserved quiet;
    held_then = core::held(*w.sem);
  });
  run.join();
  const std::uint64_t held = core::held(*w.sem);
  check(held <= (held_then > 1 ? held_then : 1), "S1: granted beyond the new limit");
  check(w.parties[0].got() && held == static_cast<std::uint64_t>(w.completions), "S2");
  w.sem->unref();
}

template <class W>
void shrink_then_grow(explorer& run) {
  W w(run, 2);
  run.spawn([&w] {
    core::resize(*w.sem, 1);
    core::resize(*w.sem, 2);
  });
  run.spawn([&w] { check(w.acquire(1) == status::ok, "acquire"); });
  run.spawn([&w] { check(w.acquire(1) == status::ok, "acquire"); });
  run.join();
  w.at_rest(2);
}

template <class W>
void zero_then_grow_with_queue(explorer& run) {
  W w(run, 1, 1);
  w.bound = 2;
  run.spawn([&w] {
    core::resize(*w.sem, 0);
    core::resize(*w.sem, 2);
  });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.said[0] = w.begin(0, 1); });
  run.join();
  const auto& p = w.parties[0];
  check(w.said[0] == status::too_big || p.completions == 1, "L1: stuck");
  w.at_rest(p.got() ? 1 : 0);
}

template <class W>
void debt_is_exact(explorer& run) {
  W w(run, 3, 3);
  run.spawn([&w] { core::resize(*w.sem, 1); });
  run.spawn([&w] { w.release(2); });
  run.spawn([&w] { w.said[0] = w.begin(0, 1); });
  run.join();
  // Granted only between the release and the shrink.
  const std::uint64_t held = core::held(*w.sem);
  check(held == (w.parties[0].got() ? 2u : 1u), "S2: the debt is wrong");
  w.release(1);
  check(w.parties[0].got(), "L1: the debt is paid, nobody was granted");
  w.at_rest(w.parties[0].got() && held == 2 ? 1 : 1);
}

template <class W>
void two_resizes(explorer& run) {
  W w(run, 1, 1);
  w.bound = 3;
  w.begin(0, 1);
  run.spawn([&w] { core::resize(*w.sem, 2); });
  run.spawn([&w] { core::resize(*w.sem, 3); });
  run.join();
  check(w.parties[0].got(), "L1");
  check(w.sem->limit() == w.sem->block().limit.peek(), "the two limits differ");
  w.at_rest(2);
}

// ---- close and destruction

template <class W>
void close_acquire_release(explorer& run) {
  W w(run, 1, 1);
  run.spawn([&w] { w.pass(1); });
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.sem->close(); });
  run.join();
  w.at_rest(0, true);
}

template <class W>
void close_two_waiting(explorer& run) {
  W w(run, 1, 1);
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w] { check(w.acquire(1) == status::closed, "L3"); });
  }
  run.spawn([&w] { check(w.sem->close() == status::ok, "close"); });
  run.join();
  check(w.sem->close() == status::already, "close twice");
  w.at_rest(1, true);
}

template <class W>
void close_against_release(explorer& run) {
  W w(run, 1, 1);
  w.begin(0, 1);
  run.spawn([&w] { w.sem->close(); });
  run.spawn([&w] {
    w.release(1);
    check(w.sem->try_acquire(1) != status::ok || !w.parties[0].got(), "S1");
  });
  run.join();
  check(w.parties[0].completions == 1, "L3");
  check(w.sem->try_acquire(1) == status::closed, "S8");
  w.sem->unref();
}

template <class W>
void acquire_then_unref(explorer& run) {
  W w(run, 1, 1);
  run.spawn([&w] {
    check(w.acquire(1) == status::ok, "acquire");
    w.sem->unref();
  });
  run.spawn([&w] { w.release(1); });
  run.join();
}

template <class W>
void last_of_two_unrefs(explorer& run) {
  W w(run, 1, 1);
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w] {
      check(w.acquire(1) == status::ok, "acquire");
      if (w.last_of(2)) {
        w.sem->unref();
      } else {
        w.release(1);
      }
    });
  }
  run.spawn([&w] { w.release(1); });
  run.join();
}

template <class W>
void callback_unrefs(explorer& run) {
  W w(run, 1, 1);
  run.spawn([&w] { w.begin(0, 1, W::release_and_unref); });
  run.spawn([&w] { w.release(1); });
  run.join();
}

template <class W>
void second_callback_unrefs(explorer& run) {
  W w(run, 2, 2);
  static constexpr auto then = +[](typename W::party& p) {
    if (p.all->last_of(2)) p.all->sem->unref();
  };
  run.spawn([&w] { w.begin(0, 1, then); });
  run.spawn([&w] { w.begin(1, 1, then); });
  run.spawn([&w] { w.release(2); });
  run.join();
  check(w.completions == 2, "L1");
}

template <class W>
void unref_with_waiter_against_cancel(explorer& run) {
  W w(run, 1, 1);
  w.cancels_may_be_late();
  w.begin(0, 1);
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.sem->unref(); });
  run.join();
  w.one_outcome(0, w.said[0]);
}

template <class W>
void first_callback_unrefs_cancel_second(explorer& run) {
  W w(run, 1, 1);
  w.cancels_may_be_late();
  w.begin(0, 1, W::release_and_unref);
  w.begin(1, 1);
  run.spawn([&w] { w.said[0] = w.cancel(1); });
  run.spawn([&w] { w.release(1); });
  run.join();
  w.one_outcome(1, w.said[0]);
}

template <class W>
void bulk_first_callback_unrefs_cancel_second(explorer& run) {
  W w(run, 2, 2);
  w.cancels_may_be_late();
  w.begin(0, 1, W::release_and_unref);
  w.begin(1, 1);
  run.spawn([&w] { w.said[0] = w.cancel(1); });
  run.spawn([&w] { w.release(2); });
  run.join();
  w.one_outcome(1, w.said[0]);
}

// A completion drops the last reference while its own request is still arriving, and the one before
// it is cancelled.
template <class W>
void completion_unrefs_against_cancel(explorer& run) {
  W w(run, 1, 1);
  w.begin(1, 1);
  run.spawn([&w] { w.said[0] = w.begin(0, 1, W::unref_it); });
  run.spawn([&w] { w.said[1] = w.cancel(1); });
  run.spawn([&w] { w.release(1); });
  w.cancels_may_be_late();
  run.join();
  w.one_outcome(1, w.said[1]);
  if (!w.parties[0].got()) {
    w.release(1);  // party 1 got it first
    check(w.parties[0].got(), "L1");
  }
}

// A blocked thread owns no reference: it must not touch the semaphore when it wakes.
template <class W>
void unref_with_blocked_thread(explorer& run) {
  W w(run, 1, 1);
  run.spawn([&w] {
    const status s = w.acquire(1, 1'000);
    check(s == status::closed || s == status::timed_out, "L3");
    if (w.last_of(2)) w.sem->unref();
  });
  run.spawn([&w] {
    w.sem->close();
    if (w.last_of(2)) w.sem->unref();
  });
  run.join();
}

// What a release grants is not all of it: a newcomer takes the rest, and ends everything while
// that release is still returning (S9).
template <class W>
void newcomer_takes_the_rest_and_unrefs(explorer& run) {
  W w(run, 2, 2);
  check(w.begin(0, 1) == status::pending, "set-up");
  run.spawn([&w] { w.release(2); });
  run.spawn([&w] {
    check(w.acquire(1) == status::ok, "acquire");
    w.sem->unref();
  });
  run.join();
  check(w.parties[0].got(), "L1");
}

// With others behind it: the granted one drops the last reference.
template <class W>
void first_of_three_unrefs(explorer& run) {
  W w(run, 1, 1);
  w.cancels_may_be_late();
  w.begin(0, 1, W::unref_it);
  w.begin(1, 1);
  w.begin(2, 1);
  run.spawn([&w] { w.release(1); });
  run.spawn([&w] { w.said[0] = w.cancel(2); });
  run.join();
  check(w.parties[0].got() && w.parties[1].result == status::closed, "outcomes");
  w.one_outcome(2, w.said[0]);
}

}  // namespace afflux::model::scenarios
