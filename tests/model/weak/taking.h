// SPDX-License-Identifier: MIT OR Apache-2.0
// Scenarios: permits are taken, given back and handed on; who arrives meets who hands out.
#pragma once
#include "world.h"

// 1: two threads acquire the only permit, touch the data, release
static void two_acquire(enum step step) {
  if (step == SETUP) start_with(1, 0, 2, WAKES_A_THREAD, NOTE);
  if (step == FIRST) acquire_and_pass_on(0);
  if (step == SECOND) acquire_and_pass_on(1);
  if (step == REST) {
    assert(it.data == 2);
    at_rest(1, 0, 0);
  }
}

// 2: three threads do
static void three_acquire(enum step step) {
  if (step == SETUP) start_with(1, 0, 3, WAKES_A_THREAD, NOTE);
  if (step == FIRST) acquire_and_pass_on(0);
  if (step == SECOND) acquire_and_pass_on(1);
  if (step == THIRD) acquire_and_pass_on(2);
  if (step == REST) {
    assert(it.data == 3);
    at_rest(1, 0, 0);
  }
}

// 3: two acquire by callbacks that free their waiter: nobody is left waiting
static void two_by_callback(enum step step) {
  if (step == SETUP) start_with(1, 0, 2, CALLS, PASS_ON);
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) begin(1, 1);
  if (step == REST) {
    assert(it.data == 2 && it.completions[0] == 1 && it.completions[1] == 1);
    at_rest(1, 0, 0);
  }
}

// 4: enqueue | release, with its data
static void enqueue_meets_release(enum step step) {
  if (step == SETUP) start_with(1, 1, 1, CALLS, PASS_ON);
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) {
    it.data = 42;
    release_ok(1);
  }
  if (step == REST) {
    assert(it.data == 43 && it.completions[0] == 1);
    at_rest(1, 0, 0);
  }
}

// 5: enqueue | enqueue | release, with its data
static void two_enqueue_meet_release(enum step step) {
  if (step == SETUP) start_with(1, 1, 2, CALLS, PASS_ON);
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) begin(1, 1);
  if (step == THIRD) {
    it.data = 42;
    release_ok(1);
  }
  if (step == REST) {
    assert(it.data == 44 && it.completions[0] == 1 && it.completions[1] == 1);
    at_rest(1, 0, 0);
  }
}

// 6: one in line; one arrives | release for both
static void arrive_meets_grant(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 2, CALLS, NOTE_AND_FREE);
    in_line(0, 1);
  }
  if (step == FIRST) begin(1, 1);
  if (step == SECOND) release_ok(2);
  if (step == REST) {
    assert(it.completions[0] == 1 && it.completions[1] == 1);
    at_rest(2, 2, 0);
  }
}

// 7: one in line; one arrives | one arrives | release for three
static void two_arrive_meet_grant(enum step step) {
  if (step == SETUP) {
    start_with(3, 3, 3, CALLS, NOTE_AND_FREE);
    in_line(0, 1);
  }
  if (step == FIRST) begin(1, 1);
  if (step == SECOND) begin(2, 1);
  if (step == THIRD) release_ok(3);
  if (step == REST) {
    assert(it.completions[0] == 1 && it.completions[1] == 1 && it.completions[2] == 1);
    at_rest(3, 3, 0);
  }
}

// 26: try, touch the data, release | the same by callback
static void try_meets_callback(enum step step) {
  if (step == SETUP) start_with(1, 0, 1, CALLS, PASS_ON);
  if (step == FIRST) {
    if (try_acquire(it.sem, 1) == OK) {
      it.data++;
      release_ok(1);
    } else {
      it.in_turn = 1;
    }
  }
  if (step == SECOND) begin(0, 1);
  if (step == REST) {
    assert(it.completions[0] == 1 && it.data + it.in_turn == 2);
    at_rest(1, 0, 0);
  }
}

// 36: one in line; one arrives | release, with its data, passed on by callbacks
static void arrive_meets_data(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, PASS_ON);
    in_line(1, 1);
  }
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) {
    it.data = 42;
    release_ok(1);
  }
  if (step == REST) {
    assert(it.data == 44 && it.completions[0] == 1 && it.completions[1] == 1);
    at_rest(1, 0, 0);
  }
}

// 42: enqueue | enqueue; nobody releases
static void two_line_up(enum step step) {
  if (step == SETUP) start_with(1, 1, 2, CALLS, NOTE);
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) begin(1, 1);
  if (step == REST) {
    assert(!it.completions[0] && !it.completions[1]);
    line_has(2);
    at_rest(1, 1, QUEUED);
  }
}

// 43: enqueue | enqueue | enqueue; nobody releases: mail upon mail
static void three_line_up(enum step step) {
  if (step == SETUP) start_with(1, 1, 3, CALLS, NOTE);
  if (step == FIRST) begin(0, 1);
  if (step == SECOND) begin(1, 1);
  if (step == THIRD) begin(2, 1);
  if (step == REST) {
    line_has(3);
    at_rest(1, 1, QUEUED);
  }
}

// 51: one in line for 2; two release, each with data that the completion reads
static void release_data_of_both(enum step step) {
  if (step == SETUP) {
    start_with(2, 2, 1, CALLS, READ_DATA);
    in_line(0, 2);
  }
  if (step == FIRST) {
    it.part[0] = 1;
    release_ok(1);
  }
  if (step == SECOND) {
    it.part[1] = 2;
    release_ok(1);
  }
  if (step == REST) {
    assert(it.completions[0] == 1 && it.data == 3);
    at_rest(2, 2, 0);
  }
}

// 52: one in line for 2; release 2, one too many | release 1: decided exactly
static void over_release_past_line(enum step step) {
  if (step == SETUP) {
    start_with(2, 1, 1, CALLS, NOTE);
    in_line(0, 2);
  }
  if (step == FIRST) it.answers[0] = release(it.sem, 2);
  if (step == SECOND) release_ok(1);
  if (step == REST) {
    assert(it.completions[0] == 1);
    at_rest(2, it.answers[0] == OK ? 0 : 2, 0);
  }
}

// 53: two release, one permit is held: one is refused
static void over_release_meets_release(enum step step) {
  if (step == SETUP) start_with(2, 1, 0, CALLS, NOTE);
  if (step == FIRST) it.answers[0] = release(it.sem, 1);
  if (step == SECOND) it.answers[1] = release(it.sem, 1);
  if (step == REST) {
    assert((it.answers[0] == OK) + (it.answers[1] == OK) == 1);
    at_rest(2, 0, 0);
  }
}

// 54: one in line for 2; over-release | one arrives | release
static void over_release_meets_arrival(enum step step) {
  if (step == SETUP) {
    start_with(2, 1, 2, CALLS, NOTE);
    in_line(0, 2);
  }
  if (step == FIRST) it.answers[0] = release(it.sem, 2);
  if (step == SECOND) begin(1, 1);
  if (step == THIRD) release_ok(1);
  if (step == REST) {
    assert(it.completions[0] == 1 && it.completions[1] == (it.answers[0] == OK));
    at_rest(2, it.answers[0] == OK ? 1 : 2, it.answers[0] == OK ? 0 : QUEUED);
  }
}

// 84: a holder leaves | one arrives | one arrives: mail comes while mail is taken
static void two_arrive_as_holder_leaves(enum step step) {
  if (step == SETUP) {
    start_with(1, 1, 2, CALLS, NOTE);
    it.held_word = word_now() | LOCKED;
    store(&it.sem->word, it.held_word, RELAXED);
  }
  if (step == FIRST) leave(it.sem, it.held_word, 0);
  if (step == SECOND) begin(0, 1);
  if (step == THIRD) begin(1, 1);
  if (step == REST) {
    line_has(2);
    at_rest(1, 1, QUEUED);
  }
}
