// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A fibre that stops for ever, as a thread does that is suspended or has died: at
// each of its points it goes on or stops, and it stops at most once in an
// execution. To stop in its sleep is not offered: the others cannot tell that from
// stopping at the next point after it.
#include "explorer.h"

namespace afflux::model {

void explorer::may_stall(int fibre) {
  if (current_ >= 0 || fibre < 0 || fibre >= count_) fail("may_stall() of no spawned fibre");
  stallable_ |= bit(fibre);
  // As for the changes of priority: how many points there will be is unknown.
  if (randomly_) stall_in_ = 1 + random() % (std::uint64_t{4} << random() % 6);
}

// The point that the running fibre has just reached.
void explorer::consider_stall() {
  if (current_ < 0 || stalled_ >= 0) return;
  const mask self = bit(current_);
  if ((stallable_ & unfinished_ & ~asleep_ & self) == 0) return;
  constexpr mask kGoOnOrStop = 3;
  int stops = 0;
  if (randomly_) {
    stops = --stall_in_ == 0 ? 1 : 0;
    path_.push_back({kGoOnOrStop, 0, static_cast<std::uint8_t>(stops), true});
    ++depth_;
  } else {
    stops = decide(kGoOnOrStop, 0, true);
  }
  if (stops == 0) return;
  record(op::stalled, nullptr, 0, 0);
  stalled_ = current_;
  leaks_allowed_ = true;  // of what it holds
  unfinished_ &= ~self;
  ready_ &= ~self;
  waiting_ &= ~self;
}

// -1: the body goes on.
int explorer::nobody_can_go() {
  if (unfinished_ == 0) return -1;  // the last of the others has ended
  if (stalled_ < 0 || !may_wait_for_stalled_) stuck();
  waiting_for_stalled_ = unfinished_;
  unfinished_ = ready_ = waiting_ = asleep_ = 0;
  return -1;
}

}  // namespace afflux::model
