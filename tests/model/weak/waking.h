// SPDX-License-Identifier: MIT OR Apache-2.0
// Scenarios: conditions, wakes, events, and completions by value.
#pragma once
#include "world.h"

// 64: line up unless the condition holds | condition, wake: it is seen, or the waiter is
static void condition_meets_wake(enum step step) {
  if (step == SETUP) start_with(1, 1, 1, CALLS, NOTE);
  if (step == FIRST) it.answers[0] = begin_unless(0);
  if (step == SECOND) {
    store(&it.condition, 1, RELAXED);
    it.answers[1] = wake(it.sem, 1);
  }
  if (step == REST) {
    asked_or_woken(0);
    assert(it.answers[1] == (it.answers[0] != NOT_NEEDED));
    at_rest(1, 1, 0);
  }
}

// 65: line up unless the condition holds | enqueue | condition, wake of both
static void arrival_meets_wake(enum step step) {
  if (step == SETUP) start_with(1, 1, 2, CALLS, NOTE);
  if (step == FIRST) it.answers[0] = begin_unless(0);
  if (step == SECOND) begin(1, 1);
  if (step == THIRD) {
    store(&it.condition, 1, RELAXED);
    it.answers[2] = wake(it.sem, 2);
  }
  if (step == REST) {
    asked_or_woken(0);
    assert(it.answers[2] == it.completions[1] + (it.answers[0] != NOT_NEEDED));
    at_rest(1, 1, it.completions[1] ? 0 : QUEUED);
  }
}

// 66: one in line; one arrives, and its condition holds | release for both
static void asked_meets_release(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 2, CALLS, NOTE);
    in_line(1, 1);
    store(&it.condition, 1, RELAXED);
  }
  if (step == FIRST) it.answers[0] = begin_unless(0);
  if (step == SECOND) release_ok(2);
  if (step == REST) {
    assert(it.completions[1] == 1 && !it.completions[0] && it.answers[0] != PENDING);
    at_rest(2, it.answers[0] == OK ? 2 : 1, 0);
  }
}

// 67: one in line; one arrives, and its condition does not hold | release for both, with data
static void asking_meets_release(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 2, CALLS, NOTE);
    in_line(1, 1);
  }
  if (step == FIRST) {
    it.answers[0] = begin_unless(0);
    if (it.answers[0] == OK) assert(it.data == 42);
  }
  if (step == SECOND) {
    it.data = 42;
    release_ok(2);
  }
  if (step == REST) {
    assert(it.completions[1] == 1 && (it.answers[0] == OK) + it.completions[0] == 1);
    at_rest(2, 2, 0);
  }
}

// 68: line up unless the condition holds (it does) | cancel, not ordered after it: "already",
// without a wait
static void asking_meets_cancel(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 1, CALLS, NOTE);
    store(&it.condition, 1, RELAXED);
  }
  if (step == FIRST) it.answers[0] = begin_unless(0);
  if (step == SECOND) it.answers[1] = cancel(it.waiters[0]);
  if (step == REST) {
    assert(it.answers[0] == NOT_NEEDED && it.answers[1] == EALREADY_);
    at_rest(1, 1, 0);
  }
}

// 83: line up unless the condition holds (it does not) | cancel, not ordered after it
static void asked_meets_cancel(enum step step) {
  if (step == SETUP) start_with(1, 1, 1, CALLS, NOTE);
  if (step == FIRST) it.answers[0] = begin_unless(0);
  if (step == SECOND) it.answers[1] = cancel(it.waiters[0]);
  if (step == REST) {
    assert(it.answers[0] == PENDING);
    at_rest(1, 1, it.answers[1] == OK ? 0 : QUEUED);
  }
}

// 69: one in line, whose callback drops a reference; one arrives and its condition holds, then
// drops its own | release
static void asking_meets_end(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 2, CALLS, NOTE_AND_UNREF);
    store(&it.sem->references, 2, RELAXED);
    in_line(1, 1);
    store(&it.condition, 1, RELAXED);
  }
  if (step == FIRST) {
    it.answers[0] = begin_unless(0);
    unref(it.sem);
  }
  if (step == SECOND) release_ok(1);
  if (step == REST)
    assert(it.answers[0] == NOT_NEEDED && it.completions[1] == 1 && it.destroyed == 1);
}

// 70: one in line; wake | wake: one of them has it
static void two_wakes(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 1, CALLS, NOTE);
    in_line(0, 1);
  }
  if (step == FIRST) it.answers[0] = wake(it.sem, 1);
  if (step == SECOND) it.answers[1] = wake(it.sem, 1);
  if (step == REST) {
    assert(it.completions[0] == 1 && it.answers[0] + it.answers[1] == 1);
    at_rest(1, 1, 0);
  }
}

// 71: two in line; wake of one | cancel of the first
static void wake_meets_cancel(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) it.answers[0] = wake(it.sem, 1);
  if (step == SECOND) cancel_and_free(0);
  if (step == REST) {
    completed_or_cancelled(0, 1);
    assert(it.answers[0] == 1 && it.completions[0] + it.completions[1] == 1);
    at_rest(1, 1, it.answers[1] == OK ? 0 : QUEUED);
  }
}

// 72: two in line; wake of one | release: both end, the permit is held or free
static void wake_meets_release(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE);
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) it.answers[0] = wake(it.sem, 1);
  if (step == SECOND) release_ok(1);
  if (step == REST) {
    assert(it.answers[0] == 1 && it.completions[0] == 1 && it.completions[1] == 1);
    at_rest(1, 1, 0);
  }
}

// 73: one in line; one arrives | wake of two | release
static void wake_meets_arrival(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE_AND_FREE);
    in_line(1, 1);
  }
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) it.answers[1] = wake(it.sem, 2);
  if (step == THIRD) release_ok(1);
  if (step == REST) {
    assert(it.completions[1] == 1);
    at_rest(1, it.completions[0] + 1 - it.answers[1], it.completions[0] ? 0 : QUEUED);
  }
}

// 74: the event is set; news, notify | wait, and wait again if there are no news
static void notify_meets_wait(enum step step) {
  if (step == SETUP) start_with(1, 0, 2, CALLS, READ_NEWS);
  if (step == FIRST) {
    store(&it.news[0], 1, RELAXED);
    it.answers[0] = notify(it.sem);
  }
  if (step == SECOND) {
    begin(0, 1);
    if (!it.seen[0]) {
      begin(1, 1);
    }
  }
  if (step == REST) {
    assert(it.completions[0] == 1 && it.seen[0]);
    at_rest(1, it.answers[0] == it.completions[1], 0);
  }
}

// 75: news, notify | other news, notify | wait: it sees the news of a notify that was merged
static void two_notifies(enum step step) {
  if (step == SETUP) start_with(1, 1, 1, CALLS, READ_NEWS);
  if (step == FIRST) {
    store(&it.news[0], 1, RELAXED);
    it.answers[0] = notify(it.sem);
  }
  if (step == SECOND) {
    store(&it.news[1], 1, RELAXED);
    it.answers[1] = notify(it.sem);
  }
  if (step == THIRD) begin(0, 1);
  if (step == REST)
    assert(it.completions[0] == 1 && it.seen[0] + it.seen[1] >= (word_now() ? 1 : 2));
}

// 76: data, notify | reset: what it takes back is seen
static void notify_meets_reset(enum step step) {
  if (step == SETUP) start_with(1, 1, 0, CALLS, NOTE);
  if (step == FIRST) {
    it.data = 42;
    it.answers[0] = notify(it.sem);
  }
  if (step == SECOND) {
    it.answers[1] = reset(it.sem);
    if (it.answers[1]) assert(it.data == 42);
  }
  if (step == REST) {
    assert(it.answers[0] == true);
    at_rest(1, it.answers[1], 0);
  }
}

// 77: the event is set; notify | reset: they come one after the other
static void merged_notify_meets_reset(enum step step) {
  if (step == SETUP) start_with(1, 0, 0, CALLS, NOTE);
  if (step == FIRST) it.answers[0] = notify(it.sem);
  if (step == SECOND) it.answers[1] = reset(it.sem);
  if (step == REST) {
    assert(it.answers[1] == true);
    at_rest(1, !it.answers[0], 0);
  }
}

// 78: notify | reset | wait: the permit goes to one of them
static void notify_reset_wait(enum step step) {
  if (step == SETUP) start_with(1, 1, 1, CALLS, NOTE);
  if (step == FIRST) it.answers[0] = notify(it.sem);
  if (step == SECOND) it.answers[1] = reset(it.sem);
  if (step == THIRD) begin(0, 1);
  if (step == REST) {
    assert(it.answers[0] == true && it.completions[0] + it.answers[1] == 1);
    at_rest(1, 1, it.completions[0] ? 0 : QUEUED);
  }
}

// 79: cancel, the waiter freed after either answer | release
static void cancel_by_value(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 1, BY_VALUE, NOTE);
    in_line(0, 1);
  }
  if (step == FIRST) cancel_and_free(0);
  if (step == SECOND) release_ok(1);
  if (step == REST) {
    completed_or_cancelled(0, 0);
    at_rest(1, it.completions[0], 0);
  }
}

// 80: enqueue, freed when its status is final | release, with data
static void told_by_value(enum step step) {
  if (step == SETUP) start_with(1, 1, 1, BY_VALUE, NOTE);
  if (step == FIRST) {
    it.answers[0] = acquire(it.sem, it.waiters[0], 1);
    assert(it.answers[0] == OK && it.data == 42);
    free(it.waiters[0]);
  }
  if (step == SECOND) {
    it.data = 42;
    release_ok(1);
  }
  if (step == REST) at_rest(1, 1, 0);
}

// 81: two in line, each freed by its notification; release for both | enqueue
static void freed_in_notification(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 3, BY_VALUE, NOTE_AND_FREE);
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) release_ok(2);
  if (step == SECOND) begin(2, 1);
  if (step == REST) {
    assert(it.completions[0] == 1 && it.completions[1] == 1);
    at_rest(2, 2, QUEUED);
  }
}

// 82: two in line by value, one is cancelled | the last reference goes | cancel of the other
static void cancel_by_value_meets_end(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, BY_VALUE, NOTE);
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) cancel_and_free(0);
  if (step == SECOND) unref(it.sem);
  if (step == THIRD) cancel_and_free(1);
  if (step == REST) {
    completed_or_cancelled(0, 0);
    completed_or_cancelled(1, 2);
    assert(it.destroyed == 1);
  }
}
