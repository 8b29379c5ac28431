// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Seeded bugs. A policy with kMutant != none compiles one of them in; the tests
// prove that the suite kills each (tests/model/mutants*_test.cpp). The library
// is built with `none` and holds nothing of them. Numbered by the compiler.
#pragma once

namespace afflux::mutant {

enum : int {
  none,

  // The protocol.
  publish_before_unlock,   // completes before the permits are gone from the word
  mail_cleared_late,       // kMail is cleared after the inbox was emptied: a post is forgotten
  granted_while_arriving,  // completes a waiter whose thread is still inside the semaphore
  no_regrant_on_cancel,    // the head leaves, those that fit are left asleep
  no_resize_count,         // a release decides over-release by a limit that is no more
  debt_lost,               // a shrink below what is held forgets the difference
  lock_waiter_forgotten,   // who sleeps for the lock is not woken
  ends_over_claimed,       // frees the semaphore under a canceller
  comers_uncounted,        // frees it under one whose waiter was expelled
  claimed_is_granted,      // a granter takes what a canceller has claimed
  works_for_others,        // a cancel hands out what comes in meanwhile
  relaxed_release,         // a plain release without release order
  relaxed_publish,         // the releaser's writes are not visible to the acquirer
  no_unpark,               // a parked thread is granted and not woken
  result_after_off,        // the result is written when its thread may have read it
  arrival_not_rechecked,   // one that became impossible on its way stays in line
  told_while_arriving,     // a cancel waits for the note of one whose thread has its result
  waits_for_another_use,   // a cancel waits for the end of what the memory serves for by now
  mail_without_acquire,    // who asks a condition behind the lock does not see an earlier wake
  granted_after_close,     // one that competes takes permits of a closed semaphore
  wake_forgets_another,    // a wake with too many notes loses what another still has to wake

  // Tenants.
  guarantee_ignored,      // a guaranteed share does not come first
  cap_release_forgotten,  // a tenant at its cap is not looked at when it gives permits back
  tenant_freed_early,     // a tenant's last unref frees it with waiters in line

  // Priorities, limits, time, THROUGHPUT.
  drop_highest,                // DROP_OLDEST takes its victim from the top
  limits_pass_inbox,           // with queue limits newcomers use the inbox
  handed_published_twice,      // granter and timer both complete one waiter
  expiry_before_queued,        // a timer that finds its waiter not queued yet gives up
  overtaking_uncounted,        // newcomers pass the first request without bound
  leaving_renews_bound,        // overtakings are forgotten when the first one cancels
  poked_leaves_flag,           // the poked one leaves, releases still count on it
  completions_recurse,         // a callback's release runs further callbacks on its stack
  callbacks_wait_for_blocked,  // those behind a callback that blocks wait for it
  orphans_hidden,              // while a thread takes a chain of orphans, a helper finds none
  notes_recurse,               // a note's release tells notes on its stack
  callbacks_before_return,     // callbacks run while some are left in line for want of room
  returner_forgotten,          // those left for want of room for notes stay in line
  rest_not_shed,               // a hold that has shed its share grants none, and none comes back
  newest_not_looked_at,        // the newest goes first, but arrivals and cancels look at the oldest

  // What is built on it.
  notify_only_loads,        // a notification of an event that is set publishes nothing
  notify_all_forgotten,     // an event notified without a waiter is not set
  wake_only_loads,          // a wake misses who is just arriving
  wake_not_passed_on,       // a wake is swallowed by one that need not wait
  canceled_while_asking,    // a cancel takes a waiter from a thread that still has it
  done_overwritten,         // a kernel's wait is armed over a completion
  canceled_silently,        // a cancel leaves the kernel waiting
  loser_kept,               // any: what comes after the first is not given back
  losers_left_queued,       // any: the others are not taken back
  claimed_while_started,    // any: an end while items are still started tears the group down
  step_left_while_arrived,  // all: an item that came under the stepper's hands is forgotten
  held_kept,                // all: a failure does not give back what was held

  // Ports.
  sleeps_over_ready,        // a loop goes to sleep although something is ready
  silences_the_sleeper,     // ... and silences what has just rung
  rest_not_shown,           // a small drain leaves some behind a silent bell
  rings_each_time,          // every completion rings, not only the first one after a sleep
  rings_without_reference,  // a port is rung that its loop may have freed
  closes_while_pending,     // a port closes with requests on their way
  relaxed_push,             // what led to a completion is not visible to the loop
  refusal_forgotten,        // a ring that the system refuses counts as rung

  // The registry.
  retires_among_readers,   // what was removed is let go of while a reader is at it
  turns_before_folded,     // readers come to a side whose totals are not ready
  departed_in_place,       // totals of the departed go where readers are adding up
  live_not_rechecked,      // a reading goes beyond what the departed leaves behind
  leaves_while_read,       // ... the same, of one that is just leaving
  slot_without_tag,        // a free slot is taken by an outdated look at its successor
  emptied_after_role,      // slots of the departed are seen again by the next readers
  relaxed_leave,           // what a reader read may be freed before it has been read
  counted_anew_on_return,  // what comes back brings along what it has left behind

  // Adaptive limits.
  collects_in_use,      // what a thread is adding to is collected
  two_collect,          // a collector only looks whether there is another
  collecting_for_ever,  // ... and does not say that it has ended

  // Shared memory.
  order_over_unmarked,    // an order leaves what its own slot took before unmarked for ever
  settles_unchecked,      // a helper does not look whether the transaction is still the last one
  settles_by_state,       // ... and changes a place that others have moved on since
  buries_a_successor,     // a burial empties a place that is another's by now
  recovers_a_successor,   // ... or a slot
  leaves_without_serving  // who leaves the line does not serve those behind it
};

}  // namespace afflux::mutant
