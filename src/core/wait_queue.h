// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The waiter queue by itself, for those who build their own primitive: a semaphore
// without a free permit. Nobody is granted; waiters are woken, or leave.
//
// The gap between "is there a reason to wait?" and being in the queue is closed by
// asking after the enqueue. The waiter is *conditional* until then (waiter.h): it has
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
// is the caller's. pending: x waits, and has a completion to come. os: `error` says why.
template <class P, class Condition>
status add_unless(semaphore<P>& waiters, Condition&& holds, const demand& want,
                  std::int64_t timeout, const queue::sink<P>& to, queue::waiter<P>& x, int& error) {
  const std::int64_t deadline = deadline_for(waiters, timeout);
  if (deadline != time::kNever) {
    error = P::start_timers(&queue::advance_timers<P>);
    if (error != 0) return status::os;
  }
  if (!expect(to)) return status::closed;
  fill_in<P>(x, want, to);
  x.traits = static_cast<std::uint8_t>(x.traits | queue::traits::kConditional);
  status s = enqueue_until(waiters, x, deadline);
  if (s != status::pending && s != status::ok) {
    withdraw(x);
    return s;
  }
  bool done = s == status::ok;  // woken by this thread's own pass; the timer is disarmed
  const bool was_done = done;

  if (!holds()) {
    // release: whoever completes it finds its owner done with it; acquire: pairs with the
    // completion's exchange.
    std::uint32_t seen = queue::signals::kWaiting;
    if (!done &&
        x.signal.compare_exchange_strong(seen, queue::signals::kParked, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
      return status::pending;
    }
    if (!was_done && x.has(queue::traits::kTimed)) P::timers().disarm_and_wait(x.deadline);
    // Its time is over, and its thread has made up its mind.
    x.traits = x.traits & (queue::traits::kPort | queue::traits::kRingsAtOnce);
    if (was_done) x.result = status::ok;
    queue::finished_list<P> finished;
    finished.push(x);
    queue::complete_all<P>(finished, nullptr);
    return status::pending;
  }

  if (!done && queue::remove(x, status::again) != queue::removal::removed) {
    // [settled] acquire, pairs with left_to_its_thread(), which is on its way.
    while (x.signal.load(std::memory_order_acquire) != queue::signals::kDone) {
      P::wait_for_change(x.signal, queue::signals::kWaiting);
    }
    done = true;
  }
  const bool woken = done && (was_done || x.result == status::ok);
  if (!was_done && x.has(queue::traits::kTimed)) P::timers().disarm_and_wait(x.deadline);
  withdraw(x);
  P::returned(&x, sizeof x);
  if (woken && P::kMutant != mutant::wake_not_passed_on)
    waiters.wake(1);  // it was meant for one that waits
  return status::ok;
}

// Blocks the thread until it is woken; `between` runs when it has its place.
template <class P, class Between>
status wait_in(semaphore<P>& waiters, const demand& want, std::int64_t timeout, Between&& between) {
  const std::int64_t deadline = deadline_for(waiters, timeout);
  queue::waiter<P> x;
  fill_in<P>(x, want, {});
  if (P::template per_thread<queue::completing<P>>().running) waiters.catch_up();
  const status s = waiters.enqueue(x);
  if (s != status::pending && s != status::ok) return s;
  between();
  return s == status::pending ? wait(waiters, x, deadline) : s;
}

}  // namespace afflux::core
