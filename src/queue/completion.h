// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Completing waiters, after the role or the lock has been given back: nothing
// internal is held, the semaphore is not touched (S9, S12).
#pragma once

#include "queue/accounting.h"
#include "queue/mutants.h"
#include "queue/waiter.h"

namespace afflux::queue {

// Where a waiter was taken off, under the role: nobody can take it back any more.
template <class P>
void mark_off(waiter<P>& x, status result) {
  x.result = result;
  // relaxed: cancels look at it again under the role, or find it only later.
  x.where.store(place::off, std::memory_order_relaxed);
}

// The last touch of x's memory comes before the wake function runs, or is the
// exchange that ends the thread's wait, or the push into its port. Nobody else references x.
template <class P>
void complete(waiter<P>& x) {
  const wake_function wake = x.wake();
  if (wake != nullptr) {
    if (x.has(traits::kPort)) {
      port::outbox<P, waiter<P>>().send(x);
      return;
    }
    void* const context = x.context;
    const status result = x.result;
    P::returned(&x, sizeof x);
    wake(context, static_cast<std::int32_t>(result));
    return;
  }
  const void* const address = &x.signal;
  constexpr auto order =
      P::kMutant == mutant::relaxed_publish ? std::memory_order_relaxed : std::memory_order_acq_rel;
  // [granted] release, pairs with [wait] in the waiting thread: publishes `result`
  // and what the releasers did. acquire: not needed, costs nothing.
  if (x.signal.exchange(signals::kDone, order) == signals::kParked) {
    if constexpr (P::kMutant != mutant::no_unpark) P::unpark(address);
  }
}

// A conditional waiter whose thread has not made up its mind sees to the completion itself: this
// was the last touch then.
template <class P>
bool left_to_its_thread(waiter<P>& x) {
  // release: publishes `result`, as [granted]; acquire: who armed it is done with it.
  return x.signal.exchange(signals::kDone, std::memory_order_acq_rel) == signals::kWaiting;
}

// False: the timer's thread is at it, and will do the publishing.
template <class P>
bool may_publish(waiter<P>& x) {
  return !x.has(traits::kTimed) || P::timers().disarm(x.deadline) == time::disarmed::free ||
         P::kMutant == mutant::handed_published_twice;
}

// The callbacks that this thread has to run. A callback may release, and so complete others,
// whose callbacks release in their turn: only the outermost call on a thread runs them, one
// after the other, so that the stack does not grow with their number (S12).
template <class P>
struct completing {
  finished_list<P> todo;
  bool running = false;
};

// By the outermost call; and by a callback that is about to block, for what it waits for may
// be among them. Returns how many.
template <class P>
std::uint64_t run_completions(completing<P>& mine) {
  std::uint64_t count = 0;
  while (waiter<P>* const x = mine.todo.pop()) {
    if (may_publish(*x)) complete(*x);
    ++count;
  }
  return count;
}

// Completes all but `self`, whose thread is this one: its result is returned, or `pending`
// if it is not among them. The list is empty afterwards. Threads are woken and loops are rung
// at once, no callback delays them.
template <class P>
status complete_all(finished_list<P>& finished, const waiter<P>* self) {
  if (finished.empty()) return status::pending;
  status result = status::pending;
  if (self != nullptr || finished.any_at_once()) {
    finished_list<P> callbacks;
    port::outbox<P, waiter<P>> loops;
    while (waiter<P>* const x = finished.pop()) {
      if (x->has(traits::kAccounted)) account(*x);
      if (x == self) {
        result = x->result;  // its own thread disarms it
      } else if (x->sleeps()) {
        complete(*x);
      } else if (!x->has(traits::kConditional) || !left_to_its_thread(*x) ||
                 P::kMutant == mutant::conditional_at_once) {
        if (!x->has(traits::kRingsAtOnce)) {
          callbacks.push(*x);
        } else if (may_publish(*x)) {
          loops.send(*x);
        }
      }
    }
    finished.append(callbacks);
  }
  completing<P>& mine = P::template per_thread<completing<P>>();
  mine.todo.append(finished);
  if (!mine.running || P::kMutant == mutant::completions_recurse) {
    mine.running = true;
    run_completions(mine);
    mine.running = false;
  }
  return result;
}

}  // namespace afflux::queue
