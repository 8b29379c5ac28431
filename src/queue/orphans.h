// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The callbacks that a thread has to run: one after the other, by the outermost call on that
// thread.
//
// One of them may block, for something that another of them is to do, behind it. So a thread that
// is about to sleep within a callback leaves those behind it to helper threads, as *orphans*: a
// chain, and in the end all of them have run before the call that let them in returns, for its
// thread waits for them.
//
//   O1  Each orphan is counted in its origin's `orphans`, before it can be found, until it has run.
//       The origin, a thread's own, stays until they are 0.
//   O2  Chains stand in a stack. The first waiter of a chain has the last one in `prev` and the
//       origin in `owner` and their number in `cost_bytes`, the last one has the next chain in
//       `next`. So a thread that leaves or takes a chain walks along none.
//   O3  A helper's own list has the orphans first, then what they let in.
//   O4  After a fork() orphans stay with the parent, whose threads run them: the child's stack is
//       empty (threads/helpers.h), and no thread of it waits for them.
#pragma once

#include <cstdint>

#include "queue/publish.h"

namespace afflux::queue {

template <class P>
struct completing {
  waiter_list<P> todo;                      // callbacks that wait for their turn
  waiter_queue<P>* to_return_to = nullptr;  // see waiter_queue::come_back(); by `next_return`
  bool running = false;                     // a callback or a note is under way
  bool noting = false;                      // a note is
  bool telling_slow = false;                // a slow_wait function is
  bool advancing = false;                   // expired timers are told
  bool returning = false;                   // to_return_to is being emptied
  bool on_demand = false;                   // afflux_completions_run() is under way
  // A helper's: the first so many of `todo` are another thread's.
  completing* origin = nullptr;
  std::uint32_t adopted = 0;
  typename P::template atomic<std::uint32_t> orphans{0};  // O1 ...
  std::uint32_t forks = 0;                                // ... of the process in which they are
};

// An orphan of that origin has run. The origin may be gone then.
template <class P>
void orphan_has_run(completing<P>& origin) {
  const void* const address = &origin.orphans;
  // [last] release, pairs with await_orphans(); acquire: as a chain of such.
  if (origin.orphans.fetch_sub(1, std::memory_order_acq_rel) == 1) P::unpark(address);
}

// By the outermost call, or on the user's demand by a callback. Returns how many.
template <class P>
std::uint64_t run_completions(completing<P>& mine) {
  std::uint64_t count = 0;
  while (waiter<P>* const x = mine.todo.pop()) {
    completing<P>* const origin = mine.adopted != 0 ? mine.origin : nullptr;
    if (origin != nullptr) --mine.adopted;
    if (!x->has(traits::kTimed | traits::kAccounted | traits::kPort)) {
      call(*x);
    } else if (may_publish(*x)) {
      publish(*x);
    }
    if (origin != nullptr) {
      if (mine.adopted == 0) mine.origin = nullptr;
      orphan_has_run(*origin);
    }
    ++count;
  }
  return count;
}

// A chain, or several, of which `last` is the last waiter of the oldest.
template <class P>
void push_chains(waiter<P>& first, waiter<P>& last) {
  auto& newest = P::left_to_helpers();
  void* before = newest.load(std::memory_order_relaxed);  // confirmed by the exchange
  do {
    last.next = static_cast<waiter<P>*>(before);
    // [orphans] release, pairs with take_chain().
  } while (!newest.compare_exchange_strong(before, &first, std::memory_order_release,
                                           std::memory_order_relaxed));
}

template <class P>
bool run_orphans() noexcept;

// One chain becomes this thread's, which has nothing to do. False: there is none.
template <class P>
bool take_chain(completing<P>& mine) {
  // All of them, so that there is no ABA; the others go back. [orphans] acquire.
  auto* const chain =
      static_cast<waiter<P>*>(P::left_to_helpers().exchange(nullptr, std::memory_order_acquire));
  if (chain == nullptr) return false;
  waiter<P>& last = *static_cast<waiter<P>*>(chain->prev);
  if (waiter<P>* const others = last.next; others != nullptr) {
    waiter<P>* oldest = others->prev;
    while (waiter<P>* const next = oldest->next) oldest = next->prev;
    push_chains(*others, *oldest);
    // A helper that looked meanwhile has found none, and what this thread runs now may wait for
    // them. Without a thread to be had they come first, as in leave_to_helpers().
    if (P::kMutant != mutant::orphans_hidden && P::help(&run_orphans<P>) != 0 && take_chain(mine)) {
      run_completions(mine);
    }
  }
  last.next = nullptr;
  mine.origin = reinterpret_cast<completing<P>*>(chain->owner.load(std::memory_order_relaxed));
  mine.adopted = static_cast<std::uint32_t>(chain->cost_bytes);
  mine.todo.append(*chain, last, mine.adopted);
  return true;
}

template <class P>
void run_outermost(completing<P>& mine);

// A helper's: false if there was none.
template <class P>
bool run_orphans() noexcept {
  completing<P>& mine = P::template per_thread<completing<P>>();
  if (!take_chain(mine)) return false;
  run_outermost(mine);
  return true;
}

// Returns when those that this thread has left to others, or others have left to it, have run.
template <class P>
void await_orphans(completing<P>& mine) {
  for (;;) {
    if (mine.forks != P::forks()) {  // this is a child, and they are the parent's
      mine.forks = P::forks();
      mine.orphans.store(0, std::memory_order_relaxed);
    }
    // [last] acquire.
    const std::uint32_t left = mine.orphans.load(std::memory_order_acquire);
    if (left == 0) return;
    if (take_chain(mine)) {
      run_completions(mine);
    } else {
      P::park(mine.orphans, left, time::kNever);
    }
  }
}

template <class P>
void run_outermost(completing<P>& mine) {
  if (mine.running && P::kMutant != mutant::completions_recurse) return;
  mine.running = true;
  run_completions(mine);
  await_orphans(mine);
  mine.running = false;
}

// Leaves all that waits behind a callback to helpers. How many.
template <class P>
std::uint32_t leave_to_helpers(completing<P>& mine) {
  const std::uint32_t count = mine.todo.count();
  if (count == 0) return 0;
  waiter<P>& first = *mine.todo.first();
  waiter<P>& last = *mine.todo.last();
  completing<P>& origin = mine.origin != nullptr ? *mine.origin : mine;
  if (&origin == &mine && mine.forks != P::forks()) {
    mine.forks = P::forks();
    mine.orphans.store(0, std::memory_order_relaxed);
  }
  // relaxed: published by [orphans], and the origin waits for no more than is counted.
  origin.orphans.fetch_add(count - mine.adopted, std::memory_order_relaxed);
  mine.todo.clear();
  mine.adopted = 0;
  first.prev = &last;
  first.cost_bytes = count;
  first.owner.store(reinterpret_cast<waiter_queue<P>*>(&origin), std::memory_order_relaxed);
  push_chains(first, last);
  // While this thread's callback runs the origin waits: it may take them as well.
  if (&origin != &mine) P::unpark(&origin.orphans);
  // Without a thread to be had they run here, on a deeper stack, rather than never.
  if (P::help(&run_orphans<P>) != 0 && take_chain(mine)) run_completions(mine);
  return count;
}

// This thread is about to sleep, perhaps within a callback.
template <class P>
void before_blocking() {
  completing<P>& mine = P::template per_thread<completing<P>>();
  if (mine.running && P::kMutant != mutant::callbacks_wait_for_blocked) leave_to_helpers(mine);
}

// afflux_completions_run(). Within one that it runs itself they are left to helpers, so that the
// stack does not grow.
template <class P>
std::uint64_t run_on_demand() {
  completing<P>& mine = P::template per_thread<completing<P>>();
  if (mine.on_demand) return leave_to_helpers(mine);
  mine.on_demand = true;
  const std::uint64_t count = run_completions(mine);
  mine.on_demand = false;
  return count;
}

}  // namespace afflux::queue
