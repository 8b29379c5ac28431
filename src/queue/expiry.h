// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The end of a request's time. The timer service has taken the waiter's timer out
// and holds it `firing`: the waiter's memory stays valid until conclude() or
// retry(), for a thread that completes the waiter meanwhile leaves the rest to this one.
#pragma once

#include "queue/queue.h"
#include "time/timer_service.h"

namespace afflux::queue {

// What the timer service calls for an entry whose time has come.
template <class P>
void expire(time::timer_entry<P>& entry) {
  waiter<P>& x = static_cast<timer<P>&>(entry).whole;
  auto& timers = P::timers();
  const removal found = claim(x, true);  // this thread never waits
  if (found == removal::claimed) {
    // relaxed: [claim] has brought it.
    x.owner.load(std::memory_order_relaxed)->expire(x, [&](finished<P>& done) {
      timers.conclude(x.deadline);
      done.push(x);
    });
    return;
  }
  const bool retry = found == removal::early && P::kMutant != mutant::expiry_before_queued;
  const time::concluded then =
      retry ? timers.retry(x.deadline, P::now() + time::kTickNs) : timers.conclude(x.deadline);
  if (then == time::concluded::publish && P::kMutant != mutant::handed_published_twice) complete(x);
}

// Runs the timers of every semaphore of this policy; see afflux_timers_advance(). 0, by a note that
// this has told, so as not to recurse with their number: at once, once more.
template <class P>
std::int64_t advance_timers() {
  completing<P>& mine = P::template per_thread<completing<P>>();
  if (mine.noting && mine.advancing) return 0;
  const bool was_advancing = std::exchange(mine.advancing, true);
  const std::int64_t rest =
      P::timers().advance(P::now(), [](time::timer_entry<P>& entry) { expire<P>(entry); });
  mine.advancing = was_advancing;
  return rest;
}

}  // namespace afflux::queue
