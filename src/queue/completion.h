// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Telling waiters how they ended, after the lock has been given back: nothing internal is held,
// and the semaphore is not touched (S9, S12).
//
// In this order: sleeping threads, the kernel and loops, which no foreign code may delay; notes,
// whose waiters' memory is all given back before the first note runs; then callbacks.
//
// Only the outermost call on a thread runs callbacks, one after the other, so that the stack does
// not grow with their number. A callback that is about to block leaves those that wait behind it
// to helper threads (orphans.h): what it waits for may be among them.
#pragma once

#include <cstdint>
#include <utility>

#include "mutants.h"
#include "queue/orphans.h"

namespace afflux::queue {

// The function that is told of long waits.
struct slow_wait {
  afflux_slow_wait_fn tell = nullptr;  // nullptr: no function, and the rest has no value
  void* context;
  std::int64_t from_ns;
};

// What left the line in one hold of the lock. Complete_all() leaves it empty.
template <class P>
class finished {
 public:
  finished() = default;
  finished(const finished&) = delete;
  finished& operator=(const finished&) = delete;

  void push(waiter<P>& x) {
    if (x.sleeps() || (x.has(traits::kPort) && !x.destination()->bell().calls_back())) {
      at_once.push(x);
    } else if (x.has(traits::kNote)) {
      notes.push(x);
      ++note_count;
    } else {
      callbacks.push(x);
    }
  }
  bool empty() const { return at_once.empty() && callbacks.empty() && notes.empty(); }

  waiter_list<P> at_once;
  waiter_list<P> notes;  // at most P::kNotesAtOnce from the line
  waiter_list<P> callbacks;
  std::uint32_t note_count = 0;
  const void* poked = nullptr;  // the signal of a thread to be woken
  slow_wait slow;               // the function to tell of long waits,
  stats::stamp now = 0;         // for those that were granted, or shed, at this moment
};

// ---- all of them

// How long x waited, if that is slow and it was granted; else negative.
template <class P>
std::int64_t slow_wait_of(const finished<P>& done, const waiter<P>& x) {
  if (x.result != status::ok) return -1;
  const std::int64_t waited = stats::since_or_none(x.queued_at(), done.now);
  return waited < done.slow.from_ns ? -1 : waited;
}

// The function is not called for what a call of it lets in, so as not to recurse with their number.
template <class P>
void tell_slow_wait(completing<P>& mine, const slow_wait& listener, std::uint32_t priority,
                    std::uint64_t permits, std::int64_t waited, void* context) {
  if (std::exchange(mine.telling_slow, true)) return;
  const afflux_slow_wait told = {.struct_size = sizeof told,
                                 .priority = priority,
                                 .permits = permits,
                                 .wait_ns = waited,
                                 .ctx = context};
  listener.tell(listener.context, &told);
  mine.telling_slow = false;
}

template <class P>
void tell_of_slow_ones(const finished<P>& done, completing<P>& mine) {
  for (const waiter_list<P>* list : {&done.at_once, &done.callbacks}) {
    for (const waiter<P>* x = list->first(); x != nullptr; x = x->next) {
      const std::int64_t waited = slow_wait_of(done, *x);
      if (waited >= 0)
        tell_slow_wait(mine, done.slow, x->priority(), x->permits, waited, x->users_context());
    }
  }
}

// Each waiter's memory is its owner's before the first note runs, so that no thread ever waits for
// a note to return.
template <class P>
void tell_notes(finished<P>& done, completing<P>& mine) {
  struct note {
    note_function tell;
    void* context;
    std::uint64_t user_data;
    std::int64_t slow_wait;  // negative: none
    std::uint64_t permits;
    std::uint32_t priority;
  } notes[P::kNotesAtOnce + 1];  // and one whose time is over
  std::uint32_t count = 0;
  done.note_count = 0;
  while (waiter<P>* const x = done.notes.pop()) {
    if (!may_publish(*x)) continue;
    if (x->has(traits::kAccounted)) account(*x);
    const std::int64_t waited = done.slow.tell != nullptr ? slow_wait_of(done, *x) : -1;
    notes[count++] = {x->note(), x->context, x->user_data, waited, x->permits, x->priority()};
    signal_done(*x);
  }
  const bool was_running = std::exchange(mine.running, true);
  const bool was_noting = std::exchange(mine.noting, true);  // a note may run timers
  for (std::uint32_t i = 0; i < count; ++i) {
    const note& n = notes[i];
    if (n.slow_wait >= 0) {
      tell_slow_wait(mine, done.slow, n.priority, n.permits, n.slow_wait, n.context);
    }
    [&n]() noexcept { n.tell(n.context, n.user_data); }();
  }
  mine.noting = was_noting;
  mine.running = was_running;
}

template <class P>
void come_back_to_all(completing<P>& mine);

template <class P>
void complete_all(finished<P>& done) {
  if (done.poked != nullptr) P::unpark(std::exchange(done.poked, nullptr));
  if (done.at_once.empty() && done.notes.empty() && done.now == 0) {
    if (done.callbacks.empty()) return;
    completing<P>& mine = P::template per_thread<completing<P>>();
    mine.todo.append(done.callbacks);
    return run_outermost(mine);
  }
  const bool noted = !done.notes.empty();
  if (done.slow.tell != nullptr) {
    // That is the user's code: it is to wait for no note.
    completing<P>& mine = P::template per_thread<completing<P>>();
    if (noted) tell_notes(done, mine);
    tell_of_slow_ones(done, mine);
  }
  if (!done.at_once.empty()) {
    port::outbox<P, waiter<P>> loops;
    while (waiter<P>* const x = done.at_once.pop()) {
      if (x->sleeps()) {
        // A thread disarms its own time limit, the kernel's waiter has its owner do so.
        publish(*x);
      } else if (may_publish(*x)) {
        if (x->has(traits::kAccounted)) account(*x);
        loops.send(*x);
      }
    }
  }
  done.now = 0;
  if (!noted && done.callbacks.empty()) return;
  completing<P>& mine = P::template per_thread<completing<P>>();
  if (!done.notes.empty()) tell_notes(done, mine);
  mine.todo.append(done.callbacks);
  if (mine.to_return_to != nullptr && !mine.noting && !mine.returning) come_back_to_all(mine);
  run_outermost(mine);
}

// Of one that the timer's thread, or a group, completes by itself.
template <class P>
void complete(waiter<P>& x) {
  finished<P> done;
  done.push(x);
  complete_all(done);
}

}  // namespace afflux::queue
