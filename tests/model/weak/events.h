// SPDX-License-Identifier: MIT OR Apache-2.0
// What conditions and events add: wakes without permits, and an event as a semaphore of limit 1.
#pragma once
#include "protocol.h"

// Completes the first n in line without permits; returns how many.
static int wake(semaphore *s, int n) {
  // A read-modify-write: either it comes before that of a newcomer, which then sees the
  // condition that was stored before it, or after, and then QUEUED or LOCKED is seen here.
  const word seen = BUG == WAKE_ONLY_LOADS ? load(&s->word, memory_order_acquire)
                                           : atomic_fetch_or_explicit(&s->word, 0, WAKE_LOOK);
  if (!(seen & (QUEUED | LOCKED))) return 0;
  const word w = lock(s, BUSY);
  take_in(s);
  waiter *done = NULL;
  int woken = 0;
  for (waiter *x = s->first, *next; x && woken < n; x = next) {
    next = x->next;
    woken += take_off(s, x, OK, &done);
  }
  complete(unlock(s, w, 0, done));
  return woken;
}

// An event is a semaphore of limit 1: set is one permit available, wait() is acquire(). To notify
// one that is set is a refused release; that takes the lock and gives it back, and so writes, too.
static bool notify(semaphore *event) { return release(event, 1) == OK; }

static bool reset(semaphore *event) {
  word w = load(&event->word, RESET_LOOK);
  for (;;) {
    if (w & LOCKED) {
      w = lock(event, BUSY);
      const bool was_set = available(w) > 0;
      leave(event, w, was_set);
      return was_set;
    }
    if (available(w) < 1) return false;
    if (swap(&event->word, &w, w - permits(1), RESET_TAKE, RESET_TAKE_FAILED)) return true;
  }
}
