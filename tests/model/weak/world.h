// SPDX-License-Identifier: MIT OR Apache-2.0
// What the scenarios are written with: one semaphore, a few waiters, what their completions do, and
// what must hold at rest.
#pragma once
#include <string.h>

#include "events.h"

// A scenario is one function, called for each step: SETUP, then the threads at once, then REST when
// all have ended.
enum step { SETUP, FIRST, SECOND, THIRD, REST };

enum action {
  NOTE,                 // note the result
  NOTE_AND_TELL,        // and tell the waiter's owner that its completion is done with it
  NOTE_AND_FREE,        // and free the waiter
  PASS_ON,              // note, free the waiter, touch the data, release
  RELEASE_AND_UNREF,    // note, release, drop a reference
  NOTE_AND_UNREF,       // note, drop a reference
  LAST_UNREFS,          // count; the last of `expected` drops the reference
  PASS_ON_LAST_UNREFS,  // one after the other, by the only permit; the last drops the reference
  READ_DATA,            // note, add up the data of two releasers
  READ_NEWS,            // note, look for the news of two notifiers
};

static struct {
  semaphore *sem;
  waiter *waiters[3];
  int completions[3], results[3], by[3];  // of each waiter; by: which thread completed it
  int answers[3];                         // of each thread's call
  _Atomic(int) done_with[3], arrived;
  int expected, in_turn;
  int data;              // goes along with the only permit
  int part[2];           // go along with a permit each
  _Atomic(int) news[2];  // go along with a notify each
  int seen[2];           // which news a completion saw
  int destroyed;         // how many semaphores have ended
  _Atomic(int) condition;
  word held_word;
} it;

static bool condition_holds(void) { return load(&it.condition, RELAXED) != 0; }

static void destroyed(semaphore *s) {
  it.destroyed++;
  free(s);
}

static void completed(waiter *x, int action, int index, int result) {
  if (action == LAST_UNREFS) {
    if (atomic_fetch_add_explicit(&it.arrived, 1, ACQ_REL) + 1 == it.expected) unref(it.sem);
    return;
  }
  if (action == PASS_ON_LAST_UNREFS) {
    if (++it.in_turn == it.expected)
      unref(it.sem);
    else
      release(it.sem, 1);
    return;
  }
  const int64_t n = x ? x->permits : 1;
  it.completions[index]++;
  it.results[index] = result;
  it.by[index] = self;
  switch (action) {
    case NOTE_AND_TELL:
      store(&it.done_with[index], 1, RELEASE);
      break;
    case NOTE_AND_FREE:
      free(it.waiters[index]);
      break;
    case PASS_ON:
      free(it.waiters[index]);
      if (result == OK) {
        it.data++;
        release(it.sem, n);
      }
      break;
    case RELEASE_AND_UNREF:
      if (result == OK) release(it.sem, n);
      unref(it.sem);
      break;
    case NOTE_AND_UNREF:
      unref(it.sem);
      break;
    case READ_DATA:
      it.data = it.part[0] + it.part[1];
      break;
    case READ_NEWS:
      for (int i = 0; i < 2; i++) it.seen[i] |= load(&it.news[i], RELAXED);
      break;
    default:
      break;
  }
}

// ---- Setting up

static void semaphore_of(int64_t limit, int64_t held) {
  semaphore *s = malloc(sizeof *s);
  atomic_init(&s->word, permits(limit - held));
  atomic_init(&s->limit, limit);
  atomic_init(&s->inbox, NULL);
  atomic_init(&s->references, 1);
  s->first = s->last = NULL;
  s->comers = 0;
  it.sem = s;
}

static void one_waiter(int index, enum completion completion, int action) {
  waiter *x = malloc(sizeof *x);
  x->prev = x->next = NULL;
  x->owner = NULL;
  x->permits = 0;
  x->completion = completion;
  x->action = action;
  x->index = index;
  x->result = 0;
  atomic_init(&x->where, OUT);
  atomic_init(&x->told, 0);
  it.waiters[index] = x;
}

static void start_with(int64_t limit, int64_t held, int waiters, enum completion completion,
                       int action) {
  semaphore_of(limit, held);
  for (int i = 0; i < waiters; i++) one_waiter(i, completion, action);
}

static void in_line(int index, int64_t n) {
  const int answer = acquire_async(it.sem, it.waiters[index], n);
  assert(answer == PENDING);
}

// ---- What threads do

// An answer that comes at once is treated as the completion would be.
static int settle(int index, int64_t n, int answer) {
  waiter *x = it.waiters[index];
  if (answer == PENDING) return answer;
  x->permits = n;
  completed(x, x->action, index, answer);
  return answer;
}

// The waiter may be gone by then, so it is asked before for what it does.
static int begin(int index, int64_t n) {
  waiter *x = it.waiters[index];
  return settle(index, n, acquire_async(it.sem, x, n));
}

static int begin_unless(int index) { return wait_unless(it.sem, it.waiters[index], 1); }

static void release_ok(int64_t n) {
  const int answer = release(it.sem, n);
  assert(answer == OK);
}

static void free_when_done(int index) {
  while (!load(&it.done_with[index], ACQUIRE)) block();
  free(it.waiters[index]);
}

// NOTE_AND_TELL: the waiter goes as soon as it may. By value: at once.
static void cancel_and_free(int index) {
  waiter *x = it.waiters[index];
  const bool by_value = x->completion == BY_VALUE;
  it.answers[self] = cancel(x);
  if (it.answers[self] == EALREADY_ && !by_value)
    free_when_done(index);
  else
    free(x);
}

static void acquire_and_pass_on(int index) {
  const int answer = acquire(it.sem, it.waiters[index], 1);
  assert(answer == OK);
  it.data++;
  free(it.waiters[index]);
  release_ok(1);
}

// ---- At rest

static word word_now(void) { return load(&it.sem->word, RELAXED); }
static int64_t limit_now(void) { return load(&it.sem->limit, RELAXED); }

static void at_rest(int64_t limit, int64_t held, word flags) {
  assert((word_now() & ~SHRINKS) == (permits(limit - held) | flags));
  assert(limit_now() == limit);
  assert(!load(&it.sem->inbox, RELAXED));
  assert(!(flags & QUEUED) == !it.sem->first);
  assert(!it.sem->comers);
  for (waiter *x = it.sem->first; x; x = x->next) assert(x->permits <= limit);
}

// One of the two, exactly: its completion, or a cancel that thread `canceller` saw succeed.
static void completed_or_cancelled(int index, int canceller) {
  assert(it.completions[index] + (it.answers[canceller] == OK) == 1);
}

// Lined up by wait_unless() in the thread of the same number, beside a wake() with the condition:
// it was seen, or the waiter was, and not both.
static void asked_or_woken(int index) {
  assert(it.completions[index] == (it.answers[index] == PENDING));
}

static void line_has(int count) {
  waiter *last = NULL;
  for (waiter *x = it.sem->first; x; last = x, x = x->next, count--) assert(x->prev == last);
  assert(it.sem->last == last && count == 0);
}
