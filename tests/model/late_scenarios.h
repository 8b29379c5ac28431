// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios for store buffers: what is stored before a notification must be seen by the wait that
// it ends, though stores become visible late. The data is atomic and relaxed, so that nothing but
// the calls can order it.
#pragma once

#include "primitive_scenarios.h"

namespace afflux::model::scenarios {

// The event is set already. Who takes it and does not see the data waits for the next one.
template <class W>
void event_shows_what_came_before(explorer& run) {
  event_world<W> w(run, false);
  typename W::P::template atomic<int> data{0};
  core::notify_one(*w.sem);
  run.spawn([&] {
    data.store(1, std::memory_order_relaxed);
    core::notify_one(*w.sem);
  });
  run.spawn([&] {
    do {
      check(w.acquire(1) == status::ok, "a wait");
    } while (data.load(std::memory_order_relaxed) == 0);
  });
  run.join();
  w.sem->unref();
}

// Of a manual-reset one, whose waiter resets it and then looks.
template <class W>
void event_reset_shows_what_came_before(explorer& run) {
  event_world<W> w(run, true);
  typename W::P::template atomic<int> data{0};
  core::notify_one(*w.sem);
  run.spawn([&] {
    data.store(1, std::memory_order_relaxed);
    core::notify_one(*w.sem);
  });
  run.spawn([&] {
    do {
      check(w.acquire(1) == status::ok, "a wait");
      core::reset(*w.sem);
    } while (data.load(std::memory_order_relaxed) == 0);
  });
  run.join();
  w.sem->unref();
}

}  // namespace afflux::model::scenarios
