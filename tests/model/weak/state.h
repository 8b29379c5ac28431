// SPDX-License-Identifier: MIT OR Apache-2.0
// The hot protocol of the semaphore, by itself, in plain C11: for GenMC, which tries every
// execution that C11 allows, and for a reader. Priorities, time, limits of queues and statistics
// are left out.
//
//    63                         20 19       10 9                                               0
//   +-----------------------------+-----------+-------------------------------------------------+
//   | permits available, signed   |  shrinks  | DEAD CLOSED WAITED BUSY MAIL QUEUED LOCKED      |
//   +-----------------------------+-----------+-------------------------------------------------+
//
// WK1  While LOCKED only the holder lowers `available`, and only by the exchange that unlocks:
//      what is granted under the lock is final.
// WK2  Unlocked: MAIL, BUSY and WAITED are clear, QUEUED says whether the line is empty, and the
//      first in line that is not CLAIMED does not fit, or a canceller is on its way to the lock.
// WK3  That exchange is the holder's last touch of the semaphore; completions come after it.
// WK4  The semaphore lives while a waiter is in the line, or expelled with its canceller still
//      to come (`comers`). One that is ARRIVING or ASKING is inside the call of its caller, who has
//      a reference.
// WK5  While BUSY only the holder changes `available`, CLOSED, DEAD or the line. (A pusher
//      who saw the word before BUSY may still set MAIL.)
//
// Where a waiter is:
//   OUT       not queued, or not any more
//   ARRIVING  in the inbox or the line; its thread is not done with the semaphore, and tells itself
//             if it is taken off
//   ASKING    the same, until its thread has asked whether to wait at all
//   IN        in the inbox or the line; the thread that takes it off tells it
//   CLAIMED   in the line; its canceller will unlink it
//   EXPELLED  was CLAIMED; a granter has unlinked it, and its canceller counts in `comers`
//
//   OUT -> ARRIVING, ASKING    its thread, before the push
//   OUT -> IN, ASKING          its thread, with the lock
//   ARRIVING, ASKING -> IN     its thread
//   ASKING -> CLAIMED          its thread: the condition holds
//   IN -> CLAIMED              a canceller
//   ARRIVING, ASKING, IN -> OUT, CLAIMED -> EXPELLED     a holder of the lock
//   CLAIMED, EXPELLED -> OUT   the canceller, with the lock
#pragma once
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "orders.h"

// A thread that waits for another. For GenMC an execution ends there: there is another one in which
// the other thread was quicker.
#ifdef GENMC
#  include <genmc.h>
#  define block() __VERIFIER_assume(false)
#else
#  include <sched.h>
#  define block() sched_yield()
#endif
#include "exchange.h"

// How often a holder that hands out looks again before it sets BUSY. The smallest that there is:
// what hides behind a larger one is never reached by so few threads.
#ifndef PATIENCE
#  define PATIENCE 1
#endif

typedef uint64_t word;
#define LOCKED ((word)1)   // a thread is at the line
#define QUEUED ((word)2)   // the line is not empty
#define MAIL ((word)4)     // with LOCKED: the inbox is not empty
#define BUSY ((word)8)     // with LOCKED: the holder takes nothing more; wait for the lock
#define WAITED ((word)16)  // with LOCKED: a thread sleeps for the lock
#define CLOSED ((word)32)
#define DEAD ((word)64)  // the last reference is gone
#define FLAGS ((word)1023)
// Shrinks are counted, so that no exchange succeeds that was decided by an older limit.
#define SHRUNK ((word)1024)
#define SHRINKS (1023 * SHRUNK)

static inline int64_t available(word w) { return (int64_t)w >> 20; }
static inline word permits(int64_t n) { return (word)n << 20; }

enum { OK = 1, PENDING, NOT_NEEDED, EAGAIN_, ECLOSED, EALREADY_, EINVALID, EOVER };

enum where { OUT, ARRIVING, ASKING, IN, CLAIMED, EXPELLED };

enum completion {
  WAKES_A_THREAD,  // that sleeps on `told`
  BY_VALUE,        // told, then a function is called with what was read from the waiter before
  CALLS,           // a function is called with the waiter, which is its own from then on
};

typedef struct waiter {
  struct waiter *prev, *next;  // prev: through the inbox, too
  struct semaphore *owner;
  int64_t permits;
  enum completion completion;
  int action, index;  // what the scenario wants to be done, and which of its waiters this is
  int result;
  _Atomic(unsigned) where, told;
} waiter;

typedef struct semaphore {
  _Atomic(word) word;
  _Atomic(int64_t) limit;
  _Atomic(waiter *) inbox;
  _Atomic(unsigned) references;
  waiter *first, *last;  // the line; with the lock
  int comers;            // cancellers of expelled waiters; with the lock
} semaphore;
