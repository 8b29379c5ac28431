// SPDX-License-Identifier: MIT OR Apache-2.0
// Scenarios: limits that change, requests that have become impossible, waiting for the lock.
#pragma once
#include "world.h"

// 18: one in line; release | shrink | cancel
static void shrink_meets_release_and_cancel(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 1, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
  }
  if (step == FIRST) release_ok(1);
  if (step == SECOND) resize(it.sem, 1);
  if (step == THIRD) cancel_and_free(0);
  if (step == REST) {
    completed_or_cancelled(0, 2);
    at_rest(1, it.completions[0] ? 2 : 1, 0);
  }
}

// 19: two in line; release for both | shrink to one | cancel of the second
static void shrink_meets_release_of_two(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 2, CALLS, NOTE_AND_TELL);
    it.waiters[0]->action = NOTE_AND_FREE;
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) release_ok(2);
  if (step == SECOND) resize(it.sem, 1);
  if (step == THIRD) cancel_and_free(1);
  if (step == REST) {
    completed_or_cancelled(1, 2);
    assert(it.completions[0] == 1);
    at_rest(1, 1 + it.completions[1], 0);
  }
}

// 20: shrink | enqueue of more than the new limit | release
static void shrink_meets_enqueue(enum step step) {
  if (step == SETUP) start_with(2, 2, 1, CALLS, NOTE);
  if (step == FIRST) resize(it.sem, 1);
  if (step == SECOND) begin(0, 2);
  if (step == THIRD) release_ok(2);
  if (step == REST) {
    assert(it.completions[0] == 1);
    at_rest(1, it.results[0] == OK ? 2 : 0, 0);
  }
}

// 27: try | resize to the same: never "again" with the permit free
static void try_meets_resize(enum step step) {
  if (step == SETUP) start_with(2, 1, 0, CALLS, NOTE);
  if (step == FIRST) {
    it.answers[0] = try_acquire(it.sem, 1);
    assert(it.answers[0] == OK);
  }
  if (step == SECOND) resize(it.sem, 2);
  if (step == REST) at_rest(2, 2, 0);
}

// 28: grow, shrink back | enqueue | release
static void growth_and_shrink(enum step step) {
  if (step == SETUP) start_with(1, 1, 1, CALLS, PASS_ON);
  if (step == FIRST) {
    resize(it.sem, 2);
    resize(it.sem, 1);
  }
  if (step == SECOND) begin(0, 1);
  if (step == THIRD) release_ok(1);
  if (step == REST) {
    assert(it.completions[0] == 1);
    at_rest(1, 0, 0);
  }
}

// 29: shrink | grow | cancel: they sleep for the lock
static void three_sleep(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 1, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
  }
  if (step == FIRST) resize(it.sem, 1);
  if (step == SECOND) resize(it.sem, 3);
  if (step == THIRD) cancel_and_free(0);
}

// 30: release | cancel: it sleeps for the lock
static void canceller_sleeps(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 1, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
  }
  if (step == FIRST) release_ok(1);
  if (step == SECOND) cancel_and_free(0);
  if (step == REST) {
    completed_or_cancelled(0, 1);
    at_rest(2, 1 + it.completions[0], 0);
  }
}

// 33: shrink | enqueue of more than the new limit | release: the word is what it was
static void word_comes_back(enum step step) {
  if (step == SETUP) start_with(2, 1, 1, CALLS, NOTE);
  if (step == FIRST) resize(it.sem, 1);
  if (step == SECOND) begin(0, 2);
  if (step == THIRD) release_ok(1);
  if (step == REST) {
    assert(it.completions[0] == 1);
    at_rest(1, it.results[0] == OK ? 2 : 0, 0);
  }
}

// 34: shrink, release | enqueue of more than the new limit
static void word_comes_back_in_one_thread(enum step step) {
  if (step == SETUP) start_with(2, 1, 1, CALLS, NOTE);
  if (step == FIRST) {
    resize(it.sem, 1);
    release_ok(1);
  }
  if (step == SECOND) begin(0, 2);
  if (step == REST) {
    assert(it.completions[0] == 1);
    at_rest(1, it.results[0] == OK ? 2 : 0, 0);
  }
}

// 37: one in line for 2; release, shrink, release | enqueue 2: it waits for the lock because of
// BUSY, and looks at the limit again
static void busy_then_shrunk(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 2, CALLS, NOTE);
    in_line(1, 2);
  }
  if (step == FIRST) {
    release_ok(1);
    resize(it.sem, 1);
    it.answers[0] = release(it.sem, 1);
    assert(it.answers[0] == OK);
  }
  if (step == SECOND) begin(0, 2);
  if (step == REST) {
    assert(it.completions[0] == 1 && it.results[0] == EINVALID);
    assert(it.completions[1] == 1 && it.results[1] == EINVALID);
    at_rest(1, 0, 0);
  }
}

// 38: shrink | enqueue of more than the new limit: refused
static void shrink_meets_two_permits(enum step step) {
  if (step == SETUP) start_with(2, 1, 1, CALLS, NOTE);
  if (step == FIRST) resize(it.sem, 1);
  if (step == SECOND) begin(0, 2);
  if (step == REST) {
    assert(it.completions[0] == 1 && it.results[0] == EINVALID);
    at_rest(1, 1, 0);
  }
}

// 40: release | shrink, release: the word is what it was
static void over_release_by_older_limit(enum step step) {
  if (step == SETUP) start_with(4, 2, 0, CALLS, NOTE);
  if (step == FIRST) it.answers[0] = release(it.sem, 2);
  if (step == SECOND) {
    resize(it.sem, 2);
    it.answers[1] = release(it.sem, 1);
  }
  if (step == REST) assert(available(word_now()) <= limit_now());
}

// 41: one in line; release, with its data | resize to the same
static void resize_carries_data(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 1, CALLS, PASS_ON);
    in_line(0, 1);
  }
  if (step == FIRST) {
    it.data = 42;
    release_ok(1);
  }
  if (step == SECOND) resize(it.sem, 1);
  if (step == REST) {
    assert(it.data == 43 && it.completions[0] == 1);
    at_rest(1, 0, 0);
  }
}

// 46: a holder with BUSY leaves, shrinks, releases | enqueue of more than the new limit
static void holder_leaves_busy(enum step step) {
  if (step == SETUP) {
    start_with(2, 1, 1, CALLS, NOTE);
    it.held_word = word_now() | LOCKED | BUSY;
    store(&it.sem->word, it.held_word, RELAXED);
  }
  if (step == FIRST) {
    leave(it.sem, it.held_word, 0);
    resize(it.sem, 1);
    release_ok(1);
  }
  if (step == SECOND) begin(0, 2);
  if (step == REST) {
    assert(it.completions[0] == 1);
    at_rest(1, it.results[0] == OK ? 2 : 0, 0);
  }
}

// 47: shrink | grow: they sleep for the lock
static void two_resizers_sleep(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 1, CALLS, NOTE);
    in_line(0, 1);
  }
  if (step == FIRST) resize(it.sem, 1);
  if (step == SECOND) resize(it.sem, 3);
  if (step == REST) assert(limit_now() == 1 || it.completions[0] == 1);
}

// 48: cancel | cancel: they sleep for the lock
static void two_cancellers_sleep(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE_AND_TELL);
    in_line(0, 1);
    in_line(1, 1);
  }
  if (step == FIRST) cancel_and_free(0);
  if (step == SECOND) cancel_and_free(1);
  if (step == REST) {
    assert(it.answers[0] == OK && it.answers[1] == OK);
    at_rest(1, 1, 0);
  }
}

// 49: release | cancel, shrink, release (3 of 4 held)
static void over_release_past_line_by_older_limit(enum step step) {
  if (step == SETUP) {
    start_with(4, 3, 1, CALLS, NOTE);
    in_line(0, 2);
  }
  if (step == FIRST) it.answers[0] = release(it.sem, 3);
  if (step == SECOND) {
    it.answers[1] = cancel(it.waiters[0]);
    resize(it.sem, 2);
    it.answers[2] = release(it.sem, 1);
  }
  if (step == REST) assert(available(word_now()) <= limit_now());
}

// 62: release | shrink: never more available than the limit
static void over_release_during_shrink(enum step step) {
  if (step == SETUP) start_with(2, 1, 0, CALLS, NOTE);
  if (step == FIRST) it.answers[0] = release(it.sem, 1);
  if (step == SECOND) resize(it.sem, 1);
  if (step == REST) {
    assert(it.answers[0] == OK);
    at_rest(1, 0, 0);
  }
}

// 63: release of what is not held | grow: refused, before and after
static void over_release_during_growth(enum step step) {
  if (step == SETUP) start_with(1, 0, 0, CALLS, NOTE);
  if (step == FIRST) it.answers[0] = release(it.sem, 1);
  if (step == SECOND) resize(it.sem, 2);
  if (step == REST) {
    assert(it.answers[0] == EOVER);
    at_rest(2, 0, 0);
  }
}

// 55: release | shrink, release of as many: the word is what it was
static void word_comes_back_for_release(enum step step) {
  if (step == SETUP) start_with(4, 2, 0, CALLS, NOTE);
  if (step == FIRST) it.answers[0] = release(it.sem, 2);
  if (step == SECOND) {
    resize(it.sem, 2);
    it.answers[1] = release(it.sem, 2);
  }
  if (step == REST) assert(available(word_now()) <= limit_now());
}
