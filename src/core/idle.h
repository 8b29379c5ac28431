// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Waiting for a semaphore to be idle: nothing is held and no request queues. A waiter for that
// stands beside the line, and makes releases take the lock (queue::kWatched).
#pragma once

#include <cstdint>

#include "core/semaphore.h"

namespace afflux::core {

template <class P>
void make_watcher(queue::waiter<P>& x) {
  x.permits = 0;
  x.add(queue::traits::kWatches);
}

template <class P>
status wait_idle(semaphore<P>& sem, std::int64_t timeout) {
  if (timeout == 0) return sem.idle() ? status::ok : status::timed_out;
  // The semaphore's own limit of time is for requests.
  const std::int64_t deadline = deadline_in<P>(timeout);
  queue::waiter<P> x;
  fill_in<P>(x, {}, {});
  make_watcher(x);
  const status s = sem.watch(x);
  return s == status::pending ? wait(x, deadline) : s;
}

template <class P>
status wait_idle_async(semaphore<P>& sem, std::int64_t timeout, const queue::destination<P>& to,
                       queue::waiter<P>& x, int& error) {
  if (sem.idle()) return status::ok;
  if (timeout == 0) return status::again;
  return wait_async(deadline_in<P>(timeout), {}, to, x, error, [&sem, &x] {
    make_watcher(x);
    return sem.watch(x);
  });
}

}  // namespace afflux::core
