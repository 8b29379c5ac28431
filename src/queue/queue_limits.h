// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Queue limits: what becomes of a newcomer that finds the line full. They are exact, so newcomers
// take the lock and none is left in the inbox.
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

// x may not join the line as it is.
template <class P>
bool waiter_queue<P>::full_for(const waiter<P>& x) const {
  const std::uint64_t bytes_beside = tenants_ == nullptr ? 0 : tenants_->waiting_bytes();
  return line_.count() + waits_beside() >= settings_.max_waiters ||
         settings_.too_many_bytes(line_.bytes() + bytes_beside, x.cost());
}

// With the lock: the line is full for x.
template <class P>
status waiter_queue<P>::admit_to_full(std::uint64_t w, waiter<P>& x, place as) {
  finished<P> done;
  bool goes_first = line_.goes_first(x.priority());
  if (settings_.shed.on()) {
    // Those who have waited too long make room.
    const stats::stamp now = moment(done);
    std::uint32_t room = P::kShedAtOnce;
    shed_oldest(now, room, done);
    goes_first = line_.goes_first(x.priority()) ||
                 (newest_goes_first(now) && line_.first()->priority() == x.priority());
  }
  if (!settings_.throughput && fits(w, x.permits) && goes_first) {
    // It would be granted at once, and so does not have to queue.
    line_.granted(x.priority());
    if (stats() != nullptr) stats()->took(x.permits);
    settle(w, weight(x), done);
    return status::ok;
  }
  const bool drops =
      settings_.when_full == overflow::drop_oldest && x.cost() <= settings_.max_bytes;
  // Within a note there is never room for another's: the newcomer is refused.
  if (full_for(x) && (!drops || no_room(line_.oldest_of_lowest(), done))) {
    counts_.refused(x.permits);
    done.empty() ? settle(w, 0) : settle(w, 0, done);
    return status::rejected;
  }
  // Those that it takes the place of have kept the queue standing.
  const bool into_empty = line_.empty();
  while (full_for(x)) {
    waiter<P>& victim = line_.oldest_of_lowest();
    if (no_room(victim, done)) {
      settle(w, 0, done);
      return admit(lock(0), x, as);
    }
    take_off(victim, status::rejected, done);
  }
  counts_.arrives(x);
  link(x, into_empty);
  x.where.store(as, std::memory_order_release);  // [in]
  settle(w, 0, done);
  return status::pending;
}

}  // namespace afflux::queue
