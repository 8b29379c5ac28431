// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The end of a request's time. The timer service has taken the waiter's timer out
// and holds it `firing`: the waiter's memory stays valid until conclude() or
// retry(), for whoever completes the waiter meanwhile leaves that to this thread.
#pragma once

#include "queue/completion.h"
#include "queue/mutants.h"
#include "queue/queue.h"
#include "queue/request.h"
#include "time/timer_service.h"

namespace afflux::queue {

// After the removal was tried, before anything is completed: the waiter comes into
// `finished` if its completion falls to this thread.
template <class P>
void conclude_expiry(waiter<P>& x, removal outcome, finished_list<P>& finished) {
  auto& timers = P::timers();
  if (outcome == removal::removed) {
    x.result = status::timed_out;
    timers.conclude(x.deadline);
    finished.push(x);
    return;
  }
  const bool retry = outcome == removal::unqueued && P::kMutant != mutant::expiry_before_queued;
  const time::concluded then =
      retry ? timers.retry(x.deadline, P::now() + time::kTickNs) : timers.conclude(x.deadline);
  if (then == time::concluded::publish && P::kMutant != mutant::handed_published_twice) {
    finished.push(x);
  }
}

// What the timer service calls for an entry whose time has come.
template <class P>
void expire(time::timer_entry<P>& entry) {
  waiter<P>& x = static_cast<timer<P>&>(entry).whole;
  // [where] acquire, as in remove().
  const place p = x.where.load(std::memory_order_acquire);
  if (p == place::inbox || p == place::listed) {
    waiter_queue<P>* const q = x.owner.load(std::memory_order_relaxed);
    pin<P> guard(q);
    const place again = x.where.load(std::memory_order_acquire);
    if (again == place::inbox || again == place::listed) {
      request<P> r(x, status::timed_out);
      q->remove(r, guard, true);
      return;
    }
  }
  finished_list<P> finished;
  conclude_expiry(x, p == place::none ? removal::unqueued : removal::gone, finished);
  complete_all<P>(finished, nullptr);
}

// Runs the timers of every semaphore of this policy; see afflux_timers_advance().
template <class P>
std::int64_t advance_timers() {
  return P::timers().advance(P::now(), [](time::timer_entry<P>& entry) { expire<P>(entry); });
}

}  // namespace afflux::queue
