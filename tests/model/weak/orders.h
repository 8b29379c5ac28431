// SPDX-License-Identifier: MIT OR Apache-2.0
// Every memory order of the protocol, by name. `./run verify --orders` weakens each by one step and
// tells which scenario shows it; README.md has the table.
//
// Everything that changes the word is a read-modify-write. So each exchange on it continues the
// release sequences of all before it: who acquires the word has all that was released to it.
#pragma once
#include <stdatomic.h>

#define RELAXED memory_order_relaxed
#define ACQUIRE memory_order_acquire
#define RELEASE memory_order_release
#define ACQ_REL memory_order_acq_rel

// ---- try_acquire()

// Who is refused because of CLOSED sees what the closer did before. Pairs with CLOSE_MARK.
#define TRY_LOOK ACQUIRE
#define TRY_TAKE_FAILED ACQUIRE
// Who takes permits sees what those did who released them. Pairs with RELEASE_ADD and UNLOCK.
#define TRY_TAKE ACQUIRE

// ---- acquire_async()

// A hint: the exchange, or enqueue(), decides.
#define ACQUIRE_LOOK RELAXED
#define ACQUIRE_TAKE_FAILED RELAXED
// As TRY_TAKE.
#define ACQUIRE_TAKE ACQUIRE

// ---- enqueue()

// CLOSED as in TRY_LOOK; and the limit, which is read next, is at least as new as the word: a
// request that a shrink has made impossible is not lined up. Pairs with CLOSE_MARK and UNLOCK.
#define ENQUEUE_LOOK ACQUIRE
#define ENQUEUE_LOCK_FAILED ACQUIRE
// The line as the holder before left it. Pairs with UNLOCK and ENQUEUE_UNLOCK. For one who asks a
// condition afterwards: sees what a waker stored before its look. Pairs with WAKE_LOOK.
#define ENQUEUE_LOCK ACQUIRE
// The waiter's fields, for a canceller whom nothing else orders after this. Pairs with
// CANCEL_CLAIM.
#define ENQUEUE_IN RELEASE
// The line with the new waiter in it. Pairs with whatever takes the lock next.
#define ENQUEUE_UNLOCK RELEASE
// What made it fail has left something to do: permits with their data, the mark of a closer. Pairs
// with RELEASE_ADD and CLOSE_MARK.
#define ENQUEUE_UNLOCK_FAILED ACQUIRE

// ---- arrive()

// relaxed: PUSH publishes it.
#define ARRIVE_STATE RELAXED
// relaxed: nothing behind the pointer is read by who pushes.
#define PUSH_LOOK RELAXED
#define PUSH_FAILED RELAXED
// The waiter's fields. Pairs with TAKE_IN.
#define PUSH RELEASE
// A hint; the exchange decides.
#define MAIL_LOOK RELAXED
#define MAIL_SET_FAILED RELAXED
// Release: the push comes before the mark; pairs with MAIL_CLEAR, after which the inbox is looked
// at. Acquire: who asks a condition after it sees what a waker stored before its look; pairs with
// WAKE_LOOK.
#define MAIL_SET ACQ_REL
// As ENQUEUE_LOCK.
#define ARRIVE_LOCK ACQUIRE
// ARRIVING or ASKING -> IN. Release: all that the pusher did, for the granter or canceller who has
// the waiter from here on; pairs with TAKE_OFF and CANCEL_CLAIM. Acquire: C11 wants
// it no weaker than its failure.
#define SETTLE ACQ_REL
// A granter has taken it off: its result, and the data that came with the permits. Pairs with
// TAKE_OFF.
#define SETTLE_FAILED ACQUIRE
// ASKING -> CLAIMED by the waiter's own thread: relaxed would do, for it alone acts on CLAIMED
// and LOCK_TAKE orders what it does to the line; but C11 wants it no weaker than its failure.
#define ASK_CLAIM ACQUIRE
// As SETTLE_FAILED.
#define ASK_CLAIM_FAILED ACQUIRE

// ---- release()

// The limit, which is read next, is at least as new as the word: an over-release is refused
// exactly. Pairs with UNLOCK.
#define RELEASE_LOOK ACQUIRE
#define RELEASE_ADD_FAILED ACQUIRE
#define RELEASE_LOCK_FAILED ACQUIRE
// What the releaser did with its permits. Pairs with the takes above, and with UNLOCK_FAILED.
#define RELEASE_ADD RELEASE
// Release as RELEASE_ADD: the permits are in the word from here on. Acquire as LOCK_TAKE.
#define RELEASE_LOCK ACQ_REL

// ---- lock()

// A hint; the exchange decides.
#define LOCK_LOOK RELAXED
#define LOCK_TAKE_FAILED RELAXED
// The line and the limit as the holder before left them. Pairs with UNLOCK and ENQUEUE_UNLOCK.
#define LOCK_TAKE ACQUIRE
// relaxed: says only that a thread sleeps; the kernel compares the word under a lock of its own.
#define WAITED_SET RELAXED
#define WAITED_SET_FAILED RELAXED

// ---- With the lock

// The fields of those who were pushed. Pairs with PUSH.
#define TAKE_IN ACQUIRE
// A hint; the exchange decides.
#define TAKE_OFF_LOOK RELAXED
#define TAKE_OFF_FAILED RELAXED
// IN, ARRIVING or ASKING -> OUT. Release: the result, for a pusher whose exchange fails by it;
// pairs with SETTLE_FAILED. Acquire: the pusher's last touch of the waiter and of the semaphore
// comes before the completion; pairs with SETTLE.
#define TAKE_OFF ACQ_REL
// relaxed: whether one that does not fit is claimed; only the lock's holder turns CLAIMED into
// something else.
#define PASS_LOOK RELAXED
// The mark is cleared before the inbox is looked at. Pairs with MAIL_SET.
#define MAIL_CLEAR ACQUIRE
// As UNLOCK_FAILED.
#define MAIL_CLEAR_FAILED ACQUIRE
// The line, the limit and all that the holder did, for the next holder; and, where permits are put
// back or an event is notified that is set, the data that goes with them. Pairs with every acquire
// of the word.
#define UNLOCK RELEASE
// What made it fail: permits with their data, mail, a closer's or the last owner's mark. Pairs with
// RELEASE_ADD, MAIL_SET and CLOSE_MARK.
#define UNLOCK_FAILED ACQUIRE

// ---- cancel(), and leaving the line

// The waiter's fields and its place in the line. Pairs with ENQUEUE_IN and SETTLE.
#define CANCEL_CLAIM ACQUIRE
// relaxed: the answer is "already"; what came with the completion comes by TELL.
#define CANCEL_CLAIM_FAILED RELAXED
// relaxed: the exchange that follows looks again.
#define CANCEL_ARRIVING RELAXED
// relaxed: under the lock, and EXPELLED was written under it.
#define WITHDRAW_LOOK RELAXED
// relaxed: the owner of the waiter does it, for itself.
#define WITHDRAW_OUT RELAXED

// ---- close(), unref(), resize(), wake(), reset()

// A hint; the exchange decides.
#define CLOSE_LOOK RELAXED
#define CLOSE_MARK_FAILED RELAXED
// Release: what the closer or the last owner did, for those whom it refuses (TRY_LOOK,
// ENQUEUE_LOOK) and for the holder who frees the semaphore (UNLOCK_FAILED). Acquire: it may take
// the lock.
#define CLOSE_MARK ACQ_REL
// Release: what this owner did with the semaphore comes before its end. Acquire: so it is for all.
#define UNREF ACQ_REL
// relaxed: LOCKED and BUSY are set, so nothing can have come since but mail and sleepers.
#define RESIZE_COUNT RELAXED
#define RESIZE_COUNT_FAILED RELAXED
// relaxed: written under the lock; those who read it without have acquired the word.
#define LIMIT RELAXED
// The exchange that orders waker and waiter. Release: the condition that the waker stored, for who
// lines up afterwards (ENQUEUE_LOCK, ARRIVE_LOCK, MAIL_SET) and asks it.
#define WAKE_LOOK ACQ_REL
// A hint; the exchange decides.
#define RESET_LOOK RELAXED
#define RESET_TAKE_FAILED RELAXED
// What was written before the notify that is taken back. Pairs with RELEASE_ADD and UNLOCK.
#define RESET_TAKE ACQUIRE

// ---- The end of a wait

// The granter's last touch of the waiter: its result, and the data that came with the permits.
// Pairs with TOLD.
#define TELL RELEASE
#define TOLD ACQUIRE
