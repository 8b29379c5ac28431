// SPDX-License-Identifier: MIT OR Apache-2.0
// Scenarios: cancels, and memory that goes as soon as it may.
#pragma once
#include "world.h"

// 8: cancel, the waiter freed at once | release
static void cancel_meets_grant(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 1, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
  }
  if (step == FIRST) cancel_and_free(0);
  if (step == SECOND) release_ok(1);
  if (step == REST) {
    completed_or_cancelled(0, 0);
    at_rest(1, it.completions[0], 0);
  }
}

// 9: two in line; cancel of the second, freed at once | release to the first
static void cancel_second_meets_grant(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) cancel_and_free(1);
  if (step == SECOND) {
    release_ok(1);
    free_when_done(0);
  }
  if (step == REST) {
    assert(it.completions[0] == 1 && !it.completions[1] && it.answers[0] == OK);
    at_rest(1, 1, 0);
  }
}

// 10: two in line; cancel of one | cancel of the other | release
static void both_cancel_meet_grant(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) cancel_and_free(0);
  if (step == SECOND) cancel_and_free(1);
  if (step == THIRD) release_ok(1);
  if (step == REST) {
    completed_or_cancelled(0, 0);
    completed_or_cancelled(1, 1);
    at_rest(1, it.completions[0] + it.completions[1], 0);
  }
}

// 11: enqueue | cancel by another, not ordered after it | release
static void cancel_unordered(enum step step) {
  if (step == SETUP) start_with(1, 1, 1, CALLS, NOTE);
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) it.answers[1] = cancel(it.waiters[0]);
  if (step == THIRD) release_ok(1);
  if (step == REST) {
    completed_or_cancelled(0, 1);
    at_rest(1, it.completions[0], 0);
  }
}

// 12: cancel, then the same waiter once more | release
static void cancel_and_queue_again(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 1, CALLS, NOTE);
    in_line(0, 1);
  }
  if (step == FIRST) {
    it.answers[0] = cancel(it.waiters[0]);
    if (it.answers[0] == OK) {
      it.waiters[0]->action = NOTE_AND_FREE;
      begin(0, 1);
    }
  }
  if (step == SECOND) release_ok(1);
  if (step == REST) {
    assert(it.completions[0] == 1);
    at_rest(1, 1, 0);
  }
}

// 13: a head that does not fit is cancelled: those behind get theirs | release
static void large_head_cancelled(enum step step) {
  if (step == SETUP) {
    start_with(3, 2, 3, CALLS, NOTE_AND_TELL);
    in_line(0, 2);
    in_line(1, 1);
    in_line(2, 1);
  }
  if (step == FIRST) cancel_and_free(0);
  if (step == SECOND) release_ok(1);
  if (step == REST) {
    completed_or_cancelled(0, 0);
    if (it.answers[0] == OK) assert(it.completions[1] == 1 && it.completions[2] == 1);
  }
}

// 35: one in line; one arrives | cancel of it, not ordered after it | release for both
static void cancel_of_arrival_unordered(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 2, CALLS, NOTE);
    in_line(1, 1);
  }
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) it.answers[1] = cancel(it.waiters[0]);
  if (step == THIRD) release_ok(2);
  if (step == REST) {
    completed_or_cancelled(0, 1);
    assert(it.completions[1] == 1);
    at_rest(2, 1 + it.completions[0], 0);
  }
}

// 58: one in line for 2 is cancelled | enqueue | release: the line is empty although a canceller
// has still to come
static void expelled_then_enqueue(enum step step) {
  if (step == SETUP) {
    start_with(2, 1, 2, CALLS, NOTE_AND_TELL);
    in_line(0, 2);
  }
  if (step == FIRST) cancel_and_free(0);
  if (step == SECOND) begin(1, 1);
  if (step == THIRD) release_ok(1);
  if (step == REST) {
    completed_or_cancelled(0, 0);
    assert(it.answers[0] != OK || it.completions[1] == 1);
    at_rest(2, it.answers[0] == OK ? 1 : 2, it.answers[0] == OK ? 0 : QUEUED);
  }
}

// 59: two in line; cancel of the second | release: only the releaser completes the first
static void cancel_completes_nobody(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE);
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) it.answers[0] = cancel(it.waiters[1]);
  if (step == SECOND) release_ok(1);
  if (step == REST) {
    assert(it.completions[0] == 1 && it.by[0] == 1 && it.answers[0] == OK);
    at_rest(1, 1, 0);
  }
}

// 85: a holder leaves | one arrives, then cancels | one arrives
static void arrival_cancels(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE);
    it.held_word = word_now() | LOCKED;
    store(&it.sem->word, it.held_word, RELAXED);
  }
  if (step == FIRST) leave(it.sem, it.held_word, 0);
  if (step == SECOND) {
    begin(0, 1);
    it.answers[1] = cancel(it.waiters[0]);
  }
  if (step == THIRD) begin(1, 1);
  if (step == REST) {
    assert(it.answers[1] == OK);
    line_has(1);
    at_rest(1, 1, QUEUED);
  }
}
