// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Seeded bugs. A policy with kMutant != none compiles one of them in; the tests
// prove that the suite kills each (tests/model/mutants_test.cpp). The library
// is built with `none` and holds nothing of them. The next number is 70.
#pragma once

#include "port/mutants.h"   // more of them
#include "stats/mutants.h"  // and more

namespace afflux::mutant {

enum : int {
  none = 0,
  announcer_skips_pass = 1,      // marks the queue, leaves an earlier smaller arrival unannounced
  off_after_giving_up = 2,       // a granted waiter can still be cancelled
  look_after_quiet_push = 3,     // touches the semaphore after its waiter can be granted
  publish_before_commit = 4,     // completes before the permits are counted as held
  idle_without_exchange = 5,     // forgets an arrival between "empty" and "idle"
  take_unannounced = 6,          // links a chain whose announcer has not spoken
  no_regrant_on_cancel = 7,      // the head leaves, those that fit are left asleep
  no_epoch = 8,                  // a shrink is not seen by an acquire under way
  no_pin = 9,                    // cancel does not keep the semaphore from being freed
  batch_not_put_back = 10,       // grants decided before a shrink are committed after it
  relaxed_publish = 11,          // the releaser's writes are not visible to the acquirer
  no_unpark = 12,                // a parked thread is granted and not woken
  debt_lost = 13,                // a shrink below what is held forgets the difference
  urgent_not_announced = 14,     // a higher priority that fits is left in the inbox
  drop_highest = 15,             // DROP_OLDEST takes its victim from the top
  handed_published_twice = 16,   // granter and timer both complete one waiter
  poked_leaves_flag = 17,        // a poked head leaves, releases still count on it
  park_without_handover = 18,    // a poked thread sleeps, releases still count on it
  overtaking_uncounted = 19,     // newcomers pass the first request without bound
  replies_after_callbacks = 20,  // cancel waits for a callback
  mutex_release_unlocked = 21,   // MUTEX: permits visible before the lock is taken
  early_splice_takes_idle = 22,  // "look again" links an unannounced chain
  keepalive_not_taken = 23,      // the long pass comes back to a freed semaphore
  relaxed_release = 24,          // fast release without release order
  expiry_before_queued = 25,     // a timer that finds its waiter not queued yet gives up
  handover_ends_early = 26,      // another is served, the poked thread's hand-over is forgotten
  completions_recurse = 27,      // a callback's release runs further callbacks on its stack
  poke_forgets_another = 28,     // of two threads poked in one pass only the second is woken
  next_not_looked_at = 29,       // a lean hand-over leaves the next one asleep that fits, too
  lower_left_in_inbox = 30,      // a lower priority does not age while higher ones last
  leaving_renews_bound = 31,     // overtakings are forgotten when the first one cancels
  wake_not_passed_on = 32,       // a wake is swallowed by one that need not wait
  notify_all_forgotten = 33,     // an event notified with nobody waiting is not set
  wake_skips_unannounced = 34,   // a wake misses who came behind an announcer that has not spoken
  conditional_at_once = 35,      // a callback runs while its thread still asks whether to wait
  notifications_merge = 36,      // two at a time for two who wait count as one
  batch_counted_twice = 44,      // a hand-out that has to be tried again stays in the statistics
  counted_too_late = 45,         // a grant is counted when the semaphore may be gone
  refusal_counted = 46,          // a refused release stays in the statistics
  arrival_counted_late = 47,     // a request is counted when it may have ended already
  done_overwritten = 48,         // a kernel's wait is armed over a completion
  cancelled_silently = 49,       // a cancel leaves the kernel waiting
  loser_kept = 50,               // any: what comes after the first is not given back
  losers_left_queued = 51,       // any: the others are not taken back
  claimed_while_started = 52,    // any: an end while items are still started tears the group down
  step_left_while_arrived = 53,  // all: an item that came under the stepper's hands is forgotten
  held_kept = 54,                // all: a failure does not give back what was held
  cancelled_while_asking = 55,   // a cancel takes a waiter from a thread that still has it
};

}  // namespace afflux::mutant
