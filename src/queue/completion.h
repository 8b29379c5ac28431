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
// to helper threads (`orphans`): what it waits for may be among them.
#pragma once

#include <cstdint>
#include <utility>

#include "mutants.h"
#include "queue/accounting.h"
#include "queue/waiter.h"

namespace afflux::queue {

// Who is told of long waits.
struct slow_wait {
  afflux_slow_wait_fn tell = nullptr;
  void* context = nullptr;
  std::int64_t from_ns = 0;
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
  slow_wait slow;               // whom to tell of long waits ...
  stats::stamp now = 0;         // ... of those that were granted at this moment
};

template <class P>
struct completing;

// ---- one waiter

// For a cancel of a note's waiter, which somebody else is about to tell.
template <class P>
void wait_until_told(waiter<P>& x) {
  for (std::uint32_t turns = P::spins();;) {
    // [wait] acquire, pairs with [granted].
    std::uint32_t seen = x.signal.load(std::memory_order_acquire);
    if (seen == signals::kDone) return;
    if (turns != 0) {
      --turns;
      P::pause();
    } else if (seen == signals::kParked ||
               x.signal.compare_exchange_strong(seen, signals::kParked, std::memory_order_acq_rel,
                                                std::memory_order_acquire)) {
      P::park(x.signal, signals::kParked, time::kNever);
    }
  }
}

// False: the timer's thread is at it, and will do the publishing.
template <class P>
bool may_publish(waiter<P>& x) {
  return !x.has(traits::kTimed) || P::timers().disarm(x.deadline) == time::disarmed::free ||
         P::kMutant == mutant::handed_published_twice;
}

// The last touch of x, for all but callbacks and ports.
template <class P>
void signal_done(waiter<P>& x) {
  const void* const address = &x.signal;
  constexpr auto order =
      P::kMutant == mutant::relaxed_publish ? std::memory_order_relaxed : std::memory_order_acq_rel;
  // [granted] release, pairs with [wait]: publishes `result` and what the releasers did. acquire:
  // not needed, costs nothing.
  if (x.signal.exchange(signals::kDone, order) == signals::kParked) {
    if constexpr (P::kMutant != mutant::no_unpark) P::unpark(address);
  }
}

// A user's code. An exception or a thread's exit out of it would leave completions untold: it
// ends the process here, where it is seen.
template <class P>
void call(waiter<P>& x) noexcept {
  const wake_function wake = x.wake();
  void* const context = x.context;
  const status result = x.result;
  // release, pairs with status_of(): the owner may look as long as it keeps the memory.
  x.signal.store(signals::kDone, std::memory_order_release);
  P::returned(&x, sizeof x);
  wake(context, static_cast<std::int32_t>(result));
}

// x has been taken off, and nobody else will tell.
template <class P>
void publish(waiter<P>& x) {
  if (x.has(traits::kAccounted)) account(x);
  if (x.sleeps()) return signal_done(x);
  if (x.has(traits::kPort)) return port::outbox<P, waiter<P>>().send(x);
  call(x);
}

// ---- a thread's completions

template <class P>
struct completing {
  waiter_list<P> todo;                      // callbacks that wait for their turn
  waiter_queue<P>* to_return_to = nullptr;  // see waiter_queue::come_back(); by `next_return_`
  bool running = false;                     // a callback or a note is under way
  bool noting = false;                      // a note is
  bool returning = false;                   // somebody empties to_return_to
};

// By the outermost call, or on the user's demand by a callback. Returns how many.
template <class P>
std::uint64_t run_completions(completing<P>& mine) {
  std::uint64_t count = 0;
  while (waiter<P>* const x = mine.todo.pop()) {
    if (may_publish(*x)) publish(*x);
    ++count;
  }
  return count;
}

template <class P>
void run_outermost(completing<P>& mine) {
  if (mine.running && P::kMutant != mutant::completions_recurse) return;
  mine.running = true;
  run_completions(mine);
  mine.running = false;
}

// ---- callbacks of threads that block

// Chains of waiters, the newest first: the first waiter of each has the last one in `prev`, the
// last one has the first of the next chain in `next`. So whoever takes or leaves a chain walks
// along none, however long it is.
template <class P>
struct orphans {
  typename P::template atomic<waiter<P>*> newest{nullptr};
};

// A helper's: false if there were none.
template <class P>
bool run_orphans() noexcept {
  // [orphans] acquire, pairs with the release in before_blocking().
  waiter<P>* chain = P::template per_process<orphans<P>>().newest.exchange(
      nullptr, std::memory_order_acquire);
  if (chain == nullptr) return false;
  completing<P>& mine = P::template per_thread<completing<P>>();
  while (chain != nullptr) {
    waiter<P>& last = *static_cast<waiter<P>*>(chain->prev);
    waiter<P>* const older = last.next;
    last.next = nullptr;
    mine.todo.append(*chain, last);
    chain = older;
  }
  run_outermost(mine);
  return true;
}

// This thread is about to sleep, perhaps within a callback.
template <class P>
void before_blocking() {
  completing<P>& mine = P::template per_thread<completing<P>>();
  if (!mine.running || mine.todo.empty() || P::kMutant == mutant::callbacks_wait_for_blocked) {
    return;
  }
  waiter<P>& first = *mine.todo.first();
  waiter<P>& last = *mine.todo.last();
  mine.todo.clear();
  first.prev = &last;
  auto& newest = P::template per_process<orphans<P>>().newest;
  waiter<P>* before = newest.load(std::memory_order_relaxed);  // confirmed by the exchange
  do {
    last.next = before;
    // [orphans] release.
  } while (!newest.compare_exchange_strong(before, &first, std::memory_order_release,
                                           std::memory_order_relaxed));
  // Without a thread to be had they run here, on a deeper stack, rather than never.
  if (P::help(&run_orphans<P>) != 0) {
    mine.running = false;
    run_orphans<P>();
    mine.running = true;
  }
}

// ---- all of them

template <class P>
void tell_if_slow(const finished<P>& done, const waiter<P>& x, afflux_slow_wait& told) {
  told.struct_size = 0;
  if (x.result != status::ok) return;
  const std::int64_t waited = stats::since(x.queued_at(), done.now);
  if (waited < done.slow.from_ns) return;
  told = {.struct_size = sizeof told,
          .priority = x.priority,
          .permits = x.permits,
          .wait_ns = waited,
          .ctx = x.users_context()};
}

template <class P>
void tell_of_slow_ones(const finished<P>& done) {
  for (const waiter_list<P>* list : {&done.at_once, &done.callbacks}) {
    for (const waiter<P>* x = list->first(); x != nullptr; x = x->next) {
      afflux_slow_wait told;
      tell_if_slow(done, *x, told);
      if (told.struct_size != 0) done.slow.tell(done.slow.context, &told);
    }
  }
}

// Each waiter's memory is its owner's before the first note runs, so that nobody ever waits for
// somebody's note.
template <class P>
void tell_notes(finished<P>& done, completing<P>& mine) {
  struct note {
    note_function tell;
    void* context;
    std::uint64_t user_data;
    afflux_slow_wait slow;
  } notes[P::kNotesAtOnce + 1];  // and one whose time is over
  std::uint32_t count = 0;
  done.note_count = 0;
  while (waiter<P>* const x = done.notes.pop()) {
    if (!may_publish(*x)) continue;
    if (x->has(traits::kAccounted)) account(*x);
    note& n = notes[count++];
    n.tell = x->note(), n.context = x->context, n.user_data = x->user_data;
    n.slow.struct_size = 0;
    if (done.slow.tell != nullptr) tell_if_slow(done, *x, n.slow);
    signal_done(*x);
  }
  const bool was_running = std::exchange(mine.running, true);
  mine.noting = true;
  for (std::uint32_t i = 0; i < count; ++i) {
    const note& n = notes[i];
    if (n.slow.struct_size != 0) done.slow.tell(done.slow.context, &n.slow);
    [&n]() noexcept { n.tell(n.context, n.user_data); }();
  }
  mine.noting = false;
  mine.running = was_running;
}

template <class P>
void come_back_to_all(completing<P>& mine);

template <class P>
void complete_all(finished<P>& done) {
  if (done.poked != nullptr) P::unpark(std::exchange(done.poked, nullptr));
  if (done.empty()) return;
  if (done.slow.tell != nullptr) tell_of_slow_ones(done);
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
  if (done.notes.empty() && done.callbacks.empty()) return;
  completing<P>& mine = P::template per_thread<completing<P>>();
  const bool noted = !done.notes.empty();
  if (noted) tell_notes(done, mine);
  mine.todo.append(done.callbacks);
  if (noted && !mine.returning) come_back_to_all(mine);
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
