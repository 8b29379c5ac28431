// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Shedding: requests that have waited too long leave the line with `rejected`, so that those who
// are served have not waited long. No thread and no timer: the holder of the lock looks, at the
// ends of the line, when it is about to grant.
//
//   SD1  The queue stands once the line has not been empty for an interval, until it is empty.
//   SD2  A request that is granted has waited no longer than the interval, and while the queue
//        stands no longer than the target; but for a thread that was woken in time, and competes
//        (THROUGHPUT).
//   SD3  While the queue stands, and if the rule says so, the newest of a priority is the next to
//        be granted; else the oldest (S5).
//   SD4  An act that is to let in no others than its own (kBusy) sheds only ahead of a grant.
//   SD5  One hold sheds at most P::kShedAtOnce; its thread comes back for the rest.
//
// Source: B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015, after the CoDel of K. Nichols and
// V. Jacobson ("Controlling Queue Delay", ACM Queue 10(5), 2012).
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

// In place of the rest of decide().
template <class P>
bool waiter_queue<P>::shed_and_grant(std::uint64_t w, std::int64_t& take, finished<P>& done) {
  // A release's, or for what a hold had no room for; where a thread is to come back, then.
  const bool may_shed = (w & kBusy) == 0 || (may_shed_ && !returning_);
  if (may_shed && may_shed_) may_shed_ = false;
  std::uint32_t room = P::kShedAtOnce;
  for (bool looked = false; waiter<P>* const first = line_.first();) {
    const stats::stamp now = moment(done);
    waiter<P>& x = newest_goes_first(now) ? *line_.newest_of(first->priority()) : *first;
    const auto n = static_cast<std::int64_t>(x.permits);
    const bool fits = available(w) - take >= n;
    if (!fits && !may_shed) return false;
    if (!looked) {
      if (!shed_oldest(now, room, done)) return P::kMutant != mutant::rest_not_shed;
      looked = true;
    } else if (too_old(x, now)) {
      // It came late into the line, and so stands among younger ones.
      if (!shed(x, room, done)) return P::kMutant != mutant::rest_not_shed;
    } else if (!fits || (settings_.throughput && (w & kHandover) == 0 && x.blocks_a_thread() &&
                         poke(x, done))) {
      return false;
    } else if (no_room(x, done)) {
      return true;
    } else if (take_off(x, status::ok, done)) {
      take += settings_.weight(n);
    }
  }
  return false;
}

// Of each priority. False: there is no room for more.
template <class P>
bool waiter_queue<P>::shed_oldest(stats::stamp now, std::uint32_t& room, finished<P>& done) {
  for (std::uint32_t p = kPriorities; p-- > 0;) {
    for (waiter<P>* x = nullptr; (x = line_.oldest_of(p)) != nullptr && too_old(*x, now);) {
      if (!shed(*x, room, done)) return false;
    }
  }
  return true;
}

// False: there is no room.
template <class P>
bool waiter_queue<P>::shed(waiter<P>& x, std::uint32_t& room, finished<P>& done) {
  if (room == 0 || no_room(x, done)) {
    may_shed_ = true;
    return false;
  }
  --room;
  if (take_off(x, status::rejected, done)) counts_.shed();
  return true;
}

// x comes into an empty line.
template <class P>
void waiter_queue<P>::begin_to_stand(const waiter<P>& x) {
  standing_since_ = x.queued_at();
  stands_ = false;
  may_shed_ = false;
}

// The line is not empty.
template <class P>
bool waiter_queue<P>::stands(stats::stamp now) {
  // Kept, for stamps come round.
  if (!stands_ && stats::since_or_none(standing_since_, now) > settings_.shed.interval) {
    stands_ = true;
  }
  return stands_;
}

template <class P>
bool waiter_queue<P>::too_old(const waiter<P>& x, stats::stamp now) {
  const std::int64_t most = stands(now) ? settings_.shed.target : settings_.shed.interval;
  return stats::since_or_none(x.queued_at(), now) > most && &x != poked_;
}

}  // namespace afflux::queue
