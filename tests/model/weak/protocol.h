// SPDX-License-Identifier: MIT OR Apache-2.0
// What is done with the state of state.h: taking permits, lining up, giving back, leaving, closing.
#pragma once
#include "bugs.h"
#include "state.h"

// The scenario's: a completion, the condition of those who ask, the end of a semaphore.
static void completed(waiter *x, int action, int index, int result);
static bool condition_holds(void);
static void destroyed(semaphore *s);

static _Thread_local bool unlocking;  // this thread holds a lock
static _Thread_local int self;        // which of the scenario's threads this is

// ---- Completions: without the lock; the semaphore may be gone

static void tell(waiter *x) { atomic_exchange_explicit(&x->told, 1, TELL); }

static void complete(waiter *done) {
  for (waiter *x = done, *next; x; x = next) {
    next = x->next;
    if (x->completion == WAKES_A_THREAD) {
      tell(x);
    } else if (x->completion == CALLS) {
      completed(x, x->action, x->index, x->result);
    } else if (BUG == TOLD_TOO_EARLY) {
      tell(x);
      completed(NULL, x->action, x->index, x->result);
    } else {
      const int action = x->action, index = x->index, result = x->result;
      tell(x);  // the last touch
      completed(NULL, action, index, result);
    }
  }
}

static void wait_until_told(waiter *x) {
  while (!load(&x->told, TOLD)) block();
}

// ---- The lock

#ifdef SLEEPS
#  include "sleep.h"
#endif

// The word, seen unlocked.
static word await_unlocked(semaphore *s) {
  for (;;) {
    word w = load(&s->word, LOCK_LOOK);
    if (!(w & LOCKED)) return w;
    assert(!unlocking);  // for itself it would wait for ever
#ifdef SLEEPS
    if ((w & WAITED) || swap(&s->word, &w, w | WAITED, WAITED_SET, WAITED_SET_FAILED))
      sleep_while(&s->word, w | WAITED);
#else
    block();
#endif
  }
}

// With BUSY: for those who are not to hand out on behalf of others.
static word lock(semaphore *s, word busy) {
  for (;;) {
    word w = await_unlocked(s);
    const word locked = w | LOCKED | busy;
    if (swap(&s->word, &w, locked, LOCK_TAKE, LOCK_TAKE_FAILED)) return locked;
  }
}

static void append(semaphore *s, waiter *oldest, waiter *newest) {
  oldest->prev = s->last;
  newest->next = NULL;
  if (s->last)
    s->last->next = oldest;
  else
    s->first = oldest;
  s->last = newest;
}

static void unlink_from(semaphore *s, waiter *prev, waiter *next) {
  if (prev)
    prev->next = next;
  else
    s->first = next;
  if (next)
    next->prev = prev;
  else
    s->last = prev;
}

// The inbox is linked from the newest to the oldest.
static void take_in(semaphore *s) {
  waiter *const newest = atomic_exchange_explicit(&s->inbox, NULL, TAKE_IN);
  if (!newest) return;
  waiter *oldest = newest;
  for (waiter *older; (older = oldest->prev) != NULL; oldest = older) older->next = oldest;
  append(s, oldest, newest);
}

// Takes x off the line. True if it is x's end, by `result`; then x may be gone unless it is in
// `done`.
static bool take_off(semaphore *s, waiter *x, int result, waiter **done) {
  waiter *const prev = x->prev, *const next = x->next;
  unsigned was = load(&x->where, TAKE_OFF_LOOK), then;
  do {
    then = was == CLAIMED && BUG != CLAIMED_IS_GRANTED ? EXPELLED : OUT;
    if (then == OUT) x->result = result;
  } while (!swap(&x->where, &was, then, TAKE_OFF, TAKE_OFF_FAILED));
  unlink_from(s, prev, next);
  if (then == EXPELLED) {
    if (BUG != COMERS_NOT_COUNTED) s->comers++;
    return false;
  }
  if (was != ARRIVING && was != ASKING) {
    x->next = *done;
    *done = x;
  }
  return true;
}

// Takes off all who are to be told now; returns the permits that they take.
static int64_t hand_out(semaphore *s, word w, int64_t available_now, waiter **done) {
  const int64_t limit = load(&s->limit, LIMIT);
  int64_t taken = 0;
  for (waiter *x = s->first, *next; x; x = next) {
    next = x->next;
    const int64_t n = x->permits;
    if (w & CLOSED)
      take_off(s, x, ECLOSED, done);
    else if (n > limit)
      take_off(s, x, EINVALID, done);
    else if (n <= available_now - taken)
      taken += take_off(s, x, OK, done) ? n : 0;
    else if (load(&x->where, PASS_LOOK) == CLAIMED)
      take_off(s, x, OK, done);
    else
      break;
  }
  return taken;
}

// Hands out and unlocks; returns those who are to be completed, behind `done`. `taken` leaves
// `available` in the same exchange (negative: comes to it).
static waiter *unlock(semaphore *s, word w, int64_t taken, waiter *done) {
  unlocking = true;
  for (int rounds = 0;; rounds++) {
    const word noted = (w & ~MAIL) | (rounds >= PATIENCE ? BUSY : 0);
    if (noted != w) {
      if (BUG == MAIL_CLEARED_LATE && (w & MAIL)) take_in(s);
      if (!swap(&s->word, &w, noted, MAIL_CLEAR, MAIL_CLEAR_FAILED)) continue;
      if (BUG != MAIL_CLEARED_LATE && (w & MAIL)) take_in(s);
      w = noted;
    }
    taken += hand_out(s, w, available(w) - taken, &done);
    if (BUG == UNLOCK_OVERWRITES) w = load(&s->word, memory_order_acquire);
    if (BUG == COMPLETED_BEFORE_UNLOCK) {
      complete(done);
      done = NULL;
    }
    const bool unused = !s->first && (!s->comers || BUG == DEAD_DESPITE_COMERS);
    const word flags = (w & FLAGS & ~(LOCKED | QUEUED | BUSY | WAITED)) | (s->first ? QUEUED : 0);
    const word open = (((w & ~FLAGS) | flags)) - permits(taken);
    if (!swap(&s->word, &w, open, UNLOCK, UNLOCK_FAILED)) continue;
    unlocking = false;
#ifdef SLEEPS
    if ((w & WAITED) && BUG != SLEEPERS_FORGOTTEN) wake_sleepers();  // the address only
#endif
    if ((w & DEAD) && unused) destroyed(s);
    return done;
  }
}

static void leave(semaphore *s, word w, int64_t taken) { complete(unlock(s, w, taken, NULL)); }

// ---- Taking permits

static int try_acquire(semaphore *s, int64_t n) {
  word w = load(&s->word, TRY_LOOK);
  for (;;) {
    if (w & CLOSED) return ECLOSED;
    if (w & QUEUED) return EAGAIN_;
    if (available(w) < n) return n > load(&s->limit, LIMIT) ? EINVALID : EAGAIN_;
    if (w & LOCKED) {  // a thread is at an empty line: rare and short, and "again" would be wrong
      w = lock(s, 0);
      const bool fits = !(w & (CLOSED | QUEUED)) && available(w) >= n;
      leave(s, w, fits ? n : 0);
      return fits ? OK : w & CLOSED ? ECLOSED : EAGAIN_;
    }
    if (swap(&s->word, &w, w - permits(n), TRY_TAKE, TRY_TAKE_FAILED)) return OK;
  }
}

// Leaves the line; x is CLAIMED, or EXPELLED by now, and keeps the semaphore.
static void withdraw(semaphore *s, waiter *x) {
  word w = lock(s, BUSY);
  if (load(&x->where, WITHDRAW_LOOK) == EXPELLED && BUG != EXPELLED_NOT_SEEN)
    s->comers -= BUG != COMERS_NOT_COUNTED;
  else
    unlink_from(s, x->prev, x->next);
  store(&x->where, OUT, WITHDRAW_OUT);
  if (BUG == CANCEL_DOES_NOT_LOOK) {
    while (!swap(&s->word, &w, w & ~(LOCKED | BUSY), UNLOCK, UNLOCK_FAILED)) {
    }
    return;
  }
  leave(s, w, 0);
}

// x is lined up in state ASKING: now that no waker can miss it, is it to wait at all?
static int ask(semaphore *s, waiter *x, bool held_before) {
  unsigned was = ASKING;
  if (!(BUG == ASKED_TOO_EARLY ? held_before : condition_holds())) {
    if (swap(&x->where, &was, IN, SETTLE, SETTLE_FAILED)) return PENDING;
  } else if (swap(&x->where, &was, CLAIMED, ASK_CLAIM, ASK_CLAIM_FAILED)) {
    withdraw(s, x);
    return NOT_NEEDED;
  }
  return x->result;
}

// A thread is at the line: x goes to the inbox, and the holder is told, or, where it has just left,
// its place is taken.
static int arrive(semaphore *s, waiter *x, bool asks, bool held_before) {
  store(&x->where, asks ? ASKING : ARRIVING, ARRIVE_STATE);
  waiter *newest = load(&s->inbox, PUSH_LOOK);
  do x->prev = newest;
  while (!swap(&s->inbox, &newest, x, PUSH, PUSH_FAILED));
  if (BUG == ARRIVING_IS_IN) store(&x->where, IN, memory_order_release);
  waiter *done = NULL;
  word w = load(&s->word, MAIL_LOOK);
  for (;;) {
    if (BUG == SECOND_PUSHER_IS_SILENT && x->prev) break;
    if (w & LOCKED) {
      // Even where MAIL is set: this exchange is what orders the push before the holder's look.
      if (BUG == MAIL_NOT_REPEATED && (w & MAIL)) break;
      if (swap(&s->word, &w, w | MAIL, MAIL_SET, MAIL_SET_FAILED)) break;
    } else if (swap(&s->word, &w, w | LOCKED | MAIL, ARRIVE_LOCK, MAIL_SET_FAILED)) {
      done = unlock(s, w | LOCKED | MAIL, 0, NULL);
      break;
    }
  }
  // From here on without the semaphore, unless x asks.
  int result = PENDING;
  unsigned was = ARRIVING;
  if (asks)
    result = ask(s, x, held_before);
  else if (BUG != ARRIVING_IS_IN && !swap(&x->where, &was, IN, SETTLE, SETTLE_FAILED))
    result = x->result;
  complete(done);
  return result;
}

static int enqueue(semaphore *s, waiter *x, int64_t n, bool asks) {
  x->permits = n;
  x->owner = s;
  const bool held_before = BUG == ASKED_TOO_EARLY && asks && condition_holds();
  word w = load(&s->word, ENQUEUE_LOOK);
  for (;;) {
    if (w & CLOSED) return ECLOSED;
    if (n > load(&s->limit, LIMIT)) return EINVALID;
    if (w & LOCKED) {
      if (!(w & BUSY)) return arrive(s, x, asks, held_before);
      w = lock(s, 0);
      break;
    }
    if (swap(&s->word, &w, w | LOCKED, ENQUEUE_LOCK, ENQUEUE_LOCK_FAILED)) {
      w |= LOCKED;
      break;
    }
  }
  // Much may have happened while it waited for the lock: a shrink, too.
  const bool too_large = n > load(&s->limit, LIMIT) && BUG != LIMIT_NOT_SEEN_AGAIN;
  const bool fits = !(w & QUEUED) && available(w) >= n;
  if ((w & CLOSED) || too_large || fits) {
    const int result = w & CLOSED ? ECLOSED : too_large ? EINVALID : OK;
    leave(s, w, result == OK ? n : 0);
    return result;
  }
  store(&x->where, asks ? ASKING : IN, ENQUEUE_IN);
  append(s, x, x);
  // The first in line does not fit, as before (WK2).
  if (!swap(&s->word, &w, (w & ~LOCKED) | QUEUED, ENQUEUE_UNLOCK, ENQUEUE_UNLOCK_FAILED))
    leave(s, w, 0);
  return asks ? ask(s, x, held_before) : PENDING;
}

// PENDING: exactly one completion, or a cancel() that answers OK.
static int acquire_async(semaphore *s, waiter *x, int64_t n) {
  word w = load(&s->word, ACQUIRE_LOOK);
  if (!(w & FLAGS) && available(w) >= n &&
      swap(&s->word, &w, w - permits(n), ACQUIRE_TAKE, ACQUIRE_TAKE_FAILED))
    return OK;
  return enqueue(s, x, n, false);
}

static int acquire(semaphore *s, waiter *x, int64_t n) {
  const int result = acquire_async(s, x, n);
  if (result != PENDING) return result;
  wait_until_told(x);
  return x->result;
}

// Waits unless the condition holds. NOT_NEEDED: it does, and x is not queued.
static int wait_unless(semaphore *s, waiter *x, int64_t n) { return enqueue(s, x, n, true); }

// ---- Giving them back

// Exactly: BUSY keeps other releases out.
static int release_locked(semaphore *s, int64_t n) {
  const word w = lock(s, BUSY);
  const bool held = available(w) + n <= load(&s->limit, LIMIT);
  leave(s, w, held ? -n : 0);
  return held ? OK : EOVER;
}

static int release(semaphore *s, int64_t n) {
  word w = load(&s->word, RELEASE_LOOK);
  for (;;) {
    if ((w & BUSY) && BUG != RELEASE_IGNORES_BUSY) {
      // Not by lock(): without BUSY what was decided there would not stay true, for others may put
      // permits in meanwhile; with BUSY it would keep them out.
      await_unlocked(s);
      w = load(&s->word, RELEASE_LOOK);
      continue;
    }
    if (available(w) + n > load(&s->limit, LIMIT)) {
      if (BUG == NOTIFY_ONLY_LOADS) return EOVER;
      return release_locked(s, n);
    }
    const word more = w + permits(n);
    if ((w & (LOCKED | QUEUED)) == QUEUED) {
      if (swap(&s->word, &w, more | LOCKED, RELEASE_LOCK, RELEASE_LOCK_FAILED)) {
        leave(s, more | LOCKED, 0);
        return OK;
      }
    } else if (swap(&s->word, &w, more, BUG == RELEASE_IS_RELAXED ? RELAXED : RELEASE_ADD,
                    RELEASE_ADD_FAILED)) {
      return OK;  // with LOCKED the holder sees to it: its unlocking exchange fails
    }
  }
}

// ---- Leaving, closing, ending

// OK: x will never complete. EALREADY: it has or will, or its own thread answers; the semaphore was
// not touched. By value: x is the caller's after either answer; for such an x the call comes after
// the one that answered PENDING.
static int cancel(waiter *x) {
  for (unsigned was = IN; !swap(&x->where, &was, CLAIMED, CANCEL_CLAIM, CANCEL_CLAIM_FAILED);
       was = IN) {
    if (BUG == ASKING_IS_CANCELLED && was == ASKING &&
        swap(&x->where, &was, CLAIMED, CANCEL_CLAIM, CANCEL_CLAIM_FAILED))
      break;
    if (was != ARRIVING) {
      if (x->completion == BY_VALUE && was == OUT && BUG != CANCEL_DOES_NOT_WAIT_TOLD)
        wait_until_told(x);
      return EALREADY_;
    }
    while (load(&x->where, CANCEL_ARRIVING) == ARRIVING) block();
  }
  withdraw(x->owner, x);
  return OK;
}

static int close_by(semaphore *s, word flags) {
  word w = load(&s->word, CLOSE_LOOK);
  for (;;) {
    if ((w & flags) == flags) return EALREADY_;
    if ((w & BUSY) && BUG != CLOSE_IGNORES_BUSY) {
      w = await_unlocked(s);
    } else if (swap(&s->word, &w, w | flags | LOCKED, CLOSE_MARK, CLOSE_MARK_FAILED)) {
      if (!(w & LOCKED)) leave(s, w | flags | LOCKED, 0);  // else the holder sees to it
      return OK;
    }
  }
}

static int close_for_good(semaphore *s) { return close_by(s, CLOSED); }

static void unref(semaphore *s) {
  if (atomic_fetch_sub_explicit(&s->references, 1, UNREF) == 1) close_by(s, CLOSED | DEAD);
}

static void resize(semaphore *s, int64_t limit) {
  word w = lock(s, BUSY);
  const int64_t growth = limit - load(&s->limit, LIMIT);
  if (growth < 0) {
    word counted;
    do counted = BUG == SHRINK_NOT_COUNTED ? w : (w & ~SHRINKS) | ((w + SHRUNK) & SHRINKS);
    while (!swap(&s->word, &w, counted, RESIZE_COUNT, RESIZE_COUNT_FAILED));
    w = counted;
  }
  store(&s->limit, limit, LIMIT);
  waiter *done = NULL;
  for (waiter *x = s->first, *next; x; x = next) {
    next = x->next;
    if (x->permits > limit) take_off(s, x, EINVALID, &done);
  }
  complete(unlock(s, w, -growth, done));
}
