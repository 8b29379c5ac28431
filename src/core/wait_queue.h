// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The waiter queue by itself, for those who build their own primitive: a semaphore
// without a free permit. None is granted; waiters are woken, or leave.
//
// The gap between "is there a reason to wait?" and being in the queue is closed by
// asking after the enqueue, while the waiter is `asking` (waiter.h): it has
// its place and may be woken, but its completion is left to its own thread, so that a
// callback does not run, and free everything, before the question has been answered.
#pragma once

#include <cstdint>

#include "core/semaphore.h"

namespace afflux::core {

// By `create(settings)`, which answers nullptr without memory.
template <class Create>
auto create_wait_queue(const queue::settings& settings, Create&& create) {
  auto* const made = create(settings);
  if (made != nullptr) made->try_acquire(1);
  return made;
}

// Gives x its place unless `holds()`, which is asked once, while x has it. ok: it holds, x
// is the caller's. pending: x waits, and has a completion to come. os_error: `error` says why.
template <class P, class Condition>
status add_unless(semaphore<P>& waiters, Condition&& holds, const demand& want,
                  std::int64_t timeout, const queue::destination<P>& to, queue::waiter<P>& x,
                  int& error) {
  const std::int64_t deadline = deadline_for(waiters, timeout);
  if (deadline != time::kNever) {
    error = P::start_timers(&queue::advance_timers<P>);
    if (error != 0) return status::os_error;
  }
  if (!expect(to)) return status::closed;
  fill_in<P>(x, want, to);
  const status s =
      queue_until(x, deadline, [&] { return waiters.enqueue(x, queue::place::asking); });
  if (s != status::pending) {
    withdraw(x);
    return s;
  }
  const bool timed = x.has(queue::traits::kTimed);
  if (!holds()) {
    const status ended = queue::stop_arriving(x, queue::place::asking);
    if (ended == status::pending) return ended;  // that was the last touch
    // It was woken while it asked, and has been left to this thread.
    if (timed) P::timers().disarm_and_wait(x.deadline);
    x.traits.set(x.traits.get() & (queue::traits::kPort | queue::traits::kNote));
    queue::complete(x);
    return status::pending;
  }
  queue::place asking = queue::place::asking;
  // acquire, pairs with [off], which has left the result; release as in queue::withdraw().
  const bool taken_back = x.where.compare_exchange_strong(
      asking, queue::place::claimed, std::memory_order_acq_rel, std::memory_order_acquire);
  if (taken_back) waiters.withdraw(x, status::again, [] {});
  const bool woken = !taken_back && x.result == status::ok;
  if (timed) P::timers().disarm_and_wait(x.deadline);
  withdraw(x);
  if (x.has(queue::traits::kNote)) queue::signal_done(x);  // a cancel may wait for the note
  P::returned(&x, sizeof x);
  // It was meant for one that waits.
  if (woken && P::kMutant != mutant::wake_not_passed_on) waiters.wake(1);
  return status::ok;
}

// Blocks the thread until it is woken; `between` runs when it has its place.
template <class P, class Between>
status wait_in(semaphore<P>& waiters, const demand& want, std::int64_t timeout, Between&& between) {
  const std::int64_t deadline = deadline_for(waiters, timeout);
  queue::waiter<P> x;
  fill_in<P>(x, want, {});
  const status s = waiters.enqueue(x);
  if (s != status::pending && s != status::ok) return s;
  between();
  return s == status::pending ? wait(x, deadline) : s;
}

}  // namespace afflux::core
