// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One hold of the lock has room for so many notes (P::kNotesAtOnce). The thread that has filled it
// tells them, and comes back for those that it has left in line. Within a note there is no room at
// all: the outermost call on that thread comes back.
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

// Some were left in line for want of room for notes.
template <class P>
void waiter_queue<P>::return_for_the_rest(finished<P>& done) {
  completing<P>& mine = P::template per_thread<completing<P>>();
  if (mine.noting) {  // within a note, so as not to recurse with their number
    next_return = mine.to_return_to;
    mine.to_return_to = this;
    return complete_all(done);
  }
  // Callbacks wait until no request is left in line: one of them may block for one there.
  constexpr bool first_all = P::kMutant != mutant::callbacks_before_return;
  const bool was_running = std::exchange(mine.running, first_all || mine.running);
  for (bool more = true; more;) {
    complete_all(done);
    const std::uint64_t w = lock(kBusy);
    returning_ = false;
    comers_ = comers_ - 1;
    more = unlock(w, 0, done);
  }
  complete_all(done);
  mine.running = was_running;
  run_outermost(mine);
}

template <class P>
void waiter_queue<P>::come_back() {
  const std::uint64_t w = lock(kBusy);
  returning_ = false;
  comers_ = comers_ - 1;
  settle(w, 0);
}

template <class P>
void come_back_to_all(completing<P>& mine) {
  mine.returning = true;
  const bool was_running = std::exchange(mine.running, true);  // as in return_for_the_rest()
  while (waiter_queue<P>* const q = mine.to_return_to) {
    mine.to_return_to = q->next_return;
    q->come_back();
  }
  mine.running = was_running;
  mine.returning = false;
}

}  // namespace afflux::queue
