// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Watchers wait for no permits: for the semaphore to be idle, or for a request of so many permits
// to become impossible. Releases take the lock as long as one waits for idleness (kWatched).
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

template <class P>
bool waiter_queue<P>::idle() {
  const std::uint64_t w = lock(kBusy);
  const bool is = idle(w, 0);
  settle(w, 0);
  return is;
}

template <class P>
status waiter_queue<P>::watch(waiter<P>& x) {
  x.owner.store(this, std::memory_order_relaxed);  // both as in enqueue()
  x.signal.store(signals::kWaiting, std::memory_order_release);
  const std::uint64_t w = lock(kBusy);
  const status s = seen_by(x, w, 0);
  if (s == status::pending) {
    watchers_.push_back(x);
    if (x.permits == 0) idlers_ = idlers_ + 1;
    x.where.store(place::in, std::memory_order_release);  // [in]
  }
  settle(w, 0);
  return s;
}

// What a watcher waits for has come; pending: it has not.
template <class P>
status waiter_queue<P>::seen_by(const waiter<P>& x, std::uint64_t w, std::int64_t take) const {
  if (x.permits == 0) {
    if (idle(w, take)) return status::ok;
    return (w & kDead) != 0 ? status::closed : status::pending;
  }
  if ((w & kClosed) != 0) return status::closed;
  return beyond_limit(x) ? status::too_big : status::pending;
}

template <class P>
bool waiter_queue<P>::tell_watchers(std::uint64_t w, std::int64_t take, finished<P>& done) {
  for (waiter<P>* x = watchers_.first(); x != nullptr;) {
    waiter<P>* const next = x->next;
    const status s = seen_by(*x, w, take);
    if (s != status::pending) {
      if (no_room(*x, done)) return true;
      take_off(*x, s, done);
    }
    x = next;
  }
  return false;
}

}  // namespace afflux::queue
