// SPDX-License-Identifier: MIT OR Apache-2.0
// Seeded bugs, by -DBUG=: verify.py knows which scenarios must find each.
#pragma once
#ifndef BUG
#  define BUG 0
#endif
enum bug {
  ARRIVING_IS_IN = 1,       // a pusher may be completed before it has set MAIL
  CLAIMED_IS_GRANTED,       // a granter takes a waiter that a canceller has claimed
  MAIL_CLEARED_LATE,        // the inbox is taken first, the mark cleared then
  CANCEL_DOES_NOT_LOOK,     // who leaves the line does not grant those who now fit
  COMPLETED_BEFORE_UNLOCK,  // completions come first, the unlock then
  UNLOCK_OVERWRITES,        // the unlocking exchange does not notice what came meanwhile
  SLEEPERS_FORGOTTEN,       // unlocks without waking those who sleep for the lock
  DEAD_DESPITE_COMERS,      // frees the semaphore although a canceller has still to come
  COMERS_NOT_COUNTED,       // an expelled waiter does not keep the semaphore
  EXPELLED_NOT_SEEN,        // a canceller unlinks what a granter has unlinked
  SECOND_PUSHER_IS_SILENT,  // who pushes onto a non-empty inbox leaves the mark to who came before
  MAIL_NOT_REPEATED,        // a pusher that sees MAIL does without an exchange
  SHRINK_NOT_COUNTED,       // an exchange may succeed that was decided by an older limit
  LIMIT_NOT_SEEN_AGAIN,     // a newcomer that waited for the lock does not look at the limit again
  RELEASE_IS_RELAXED,       // the permits come, the data does not
  RELEASE_IGNORES_BUSY,     // permits are put in while a holder decides by the limit
  CLOSE_IGNORES_BUSY,       // a closer leaves its work to a holder that takes nothing more
  NOTIFY_ONLY_LOADS,        // who finds the event set does not write
  WAKE_ONLY_LOADS,          // a waker looks for waiters by a load
  ASKED_TOO_EARLY,          // the condition is asked before the waiter is lined up
  ASKING_IS_CANCELLED,      // a canceller takes a waiter that still asks
  TOLD_TOO_EARLY,           // a notification by value is read from the waiter after it was told
  CANCEL_DOES_NOT_WAIT_TOLD,  // "already", although the granter is not done with the waiter
};
