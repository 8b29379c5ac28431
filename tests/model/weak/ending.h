// SPDX-License-Identifier: MIT OR Apache-2.0
// Scenarios: closing, and the last reference.
#pragma once
#include "world.h"

// 14: cancel | the last reference goes
static void cancel_meets_end(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 1, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
  }
  if (step == FIRST) cancel_and_free(0);
  if (step == SECOND) unref(it.sem);
  if (step == REST) {
    completed_or_cancelled(0, 0);
    assert(it.destroyed == 1);
  }
}

// 15: three in line; the first is cancelled | the third is | the last reference goes
static void two_cancels_meet_end(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 3, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
    in_line(1, 1);
    in_line(2, 1);
  }
  if (step == FIRST) cancel_and_free(0);
  if (step == SECOND) cancel_and_free(2);
  if (step == THIRD) unref(it.sem);
  if (step == REST) {
    completed_or_cancelled(0, 0);
    completed_or_cancelled(2, 1);
    assert(it.completions[1] == 1 && it.results[1] == ECLOSED && it.destroyed == 1);
  }
}

// 16: a reference goes | the other goes | cancel
static void two_owners_and_cancel(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 1, CALLS, NOTE_AND_TELL);
    store(&it.sem->references, 2, RELAXED);
    in_line(0, 1);
  }
  if (step == FIRST) unref(it.sem);
  if (step == SECOND) unref(it.sem);
  if (step == THIRD) cancel_and_free(0);
  if (step == REST) {
    completed_or_cancelled(0, 2);
    assert(it.destroyed == 1);
  }
}

// 17: two in line, the first's callback releases and drops the last reference; cancel of the second
// | release
static void callback_ends_it(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE_AND_TELL);
    it.waiters[0]->action = RELEASE_AND_UNREF;
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) cancel_and_free(1);
  if (step == SECOND) release(it.sem, 1);
  if (step == REST) {
    completed_or_cancelled(1, 0);
    assert(it.completions[0] == 1 && it.destroyed == 1);
  }
}

// 21: a blocked thread drops the last reference when it wakes | release
static void woken_thread_ends_it(enum step step) {
  if (step == SETUP) start_with(1, 1, 1, WAKES_A_THREAD, NOTE);
  if (step == FIRST) {
    it.answers[0] = acquire(it.sem, it.waiters[0], 1);
    assert(it.answers[0] == OK && it.data == 1);
    it.data = 2;
    free(it.waiters[0]);
    unref(it.sem);
  }
  if (step == SECOND) {
    it.data = 1;
    release_ok(1);
  }
  if (step == REST) assert(it.data == 2 && it.destroyed == 1);
}

// 22: two take turns, the second drops the last reference | release
static void last_in_turn_ends_it(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, PASS_ON_LAST_UNREFS);
    it.expected = 2;
  }
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) begin(1, 1);
  if (step == THIRD) release_ok(1);
  if (step == REST) assert(it.in_turn == 2 && it.destroyed == 1);
}

// 23: enqueue, whose callback drops the last reference | cancel, not ordered after it | release
static void callback_ends_it_unordered(enum step step) {
  if (step == SETUP) start_with(1, 1, 1, CALLS, RELEASE_AND_UNREF);
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) it.answers[1] = cancel(it.waiters[0]);
  if (step == THIRD) release_ok(1);
  if (step == REST) {
    completed_or_cancelled(0, 1);
    assert(it.destroyed == it.completions[0]);
  }
}

// 24: enqueue | close | release, with its data
static void close_meets_enqueue(enum step step) {
  if (step == SETUP) start_with(1, 1, 1, CALLS, PASS_ON);
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) close_for_good(it.sem);
  if (step == THIRD) {
    it.data = 1;
    release_ok(1);
  }
  if (step == REST) {
    assert(it.completions[0] == 1 && (it.results[0] == OK || it.results[0] == ECLOSED));
    at_rest(1, 0, CLOSED);
  }
}

// 25: one in line; enqueue | close | cancel
static void close_meets_cancel(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
  }
  if (step == FIRST) begin(1, 1);
  if (step == SECOND) close_for_good(it.sem);
  if (step == THIRD) cancel_and_free(0);
  if (step == REST) {
    completed_or_cancelled(0, 2);
    assert(it.completions[1] == 1 && it.results[1] == ECLOSED);
    at_rest(1, 1, CLOSED);
  }
}

// 31: one in line; enqueue | enqueue | release for three; the last callback drops the last
// reference
static void last_callback_ends_it(enum step step) {
  if (step == SETUP) {
    start_with(3, 3, 3, CALLS, LAST_UNREFS);
    it.expected = 3;
    in_line(2, 1);
  }
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) begin(1, 1);
  if (step == THIRD) release_ok(3);
  if (step == REST) assert(it.destroyed == 1);
}

// 32: one in line; one arrives | release for both; the last callback drops the last reference
static void arrive_meets_end(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 2, CALLS, LAST_UNREFS);
    it.expected = 2;
    in_line(1, 1);
  }
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) release_ok(2);
  if (step == REST) assert(it.destroyed == 1);
}

// 44: close, after data | enqueue: who is refused sees the data
static void closed_seen_by_enqueue(enum step step) {
  if (step == SETUP) start_with(1, 1, 1, CALLS, NOTE);
  if (step == FIRST) {
    it.data = 42;
    close_for_good(it.sem);
  }
  if (step == SECOND) {
    if (begin(0, 1) == ECLOSED) assert(it.data == 42);
  }
  if (step == REST) {
    assert(it.completions[0] == 1 && it.results[0] == ECLOSED);
    at_rest(1, 1, CLOSED);
  }
}

// 45: close, after data | try: who is refused sees the data
static void closed_seen_by_try(enum step step) {
  if (step == SETUP) start_with(1, 1, 0, CALLS, NOTE);
  if (step == FIRST) {
    it.data = 42;
    close_for_good(it.sem);
  }
  if (step == SECOND) {
    if (try_acquire(it.sem, 1) == ECLOSED) assert(it.data == 42);
  }
}

// 50: the same, with a permit free: the exchange of the try may fail
static void closed_seen_by_failed_try(enum step step) {
  if (step == SETUP) start_with(1, 0, 0, CALLS, NOTE);
  if (step == FIRST) {
    it.data = 42;
    close_for_good(it.sem);
  }
  if (step == SECOND) {
    if (try_acquire(it.sem, 1) == ECLOSED) assert(it.data == 42);
  }
}

// 56: two in line, the first is cancelled | release: it is expelled, the second's callback drops
// the last reference
static void expelled_meets_end(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE_AND_TELL);
    it.waiters[1]->action = NOTE_AND_UNREF;
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) cancel_and_free(0);
  if (step == SECOND) {
    release_ok(1);
    if (it.completions[0]) {
      release_ok(1);
    }
  }
  if (step == REST) {
    completed_or_cancelled(0, 0);
    assert(it.completions[1] == 1 && it.destroyed == 1);
  }
}

// 57: two in line; cancel of one | cancel of the other | the last reference goes
static void two_expelled_meet_end(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) cancel_and_free(0);
  if (step == SECOND) cancel_and_free(1);
  if (step == THIRD) unref(it.sem);
  if (step == REST) {
    completed_or_cancelled(0, 0);
    completed_or_cancelled(1, 1);
    assert(it.destroyed == 1);
  }
}

// 60: two in line; cancel of the second | close: only the closer completes the first
static void cancel_closes_nobody(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE);
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) it.answers[0] = cancel(it.waiters[1]);
  if (step == SECOND) close_for_good(it.sem);
  if (step == REST) {
    completed_or_cancelled(1, 0);
    assert(it.completions[0] == 1 && it.by[0] == 1);
    at_rest(1, 1, CLOSED);
  }
}

// 61: two in line; cancel of the second | the last reference goes: its owner completes the first
static void cancel_ends_nobody(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) cancel_and_free(1);
  if (step == SECOND) unref(it.sem);
  if (step == REST) {
    completed_or_cancelled(1, 0);
    assert(it.completions[0] == 1 && it.by[0] == 1 && it.destroyed == 1);
  }
}
