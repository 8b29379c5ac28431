// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Seeded bugs of ports; see queue/mutants.h, whose numbers go on here.
#pragma once

namespace afflux::mutant {

enum : int {
  sleeps_over_ready = 37,        // a loop goes to sleep although something is ready
  silences_the_sleeper = 38,     // ... and silences what has just rung
  rest_not_shown = 39,           // a small drain leaves some behind a silent bell
  rings_each_time = 40,          // every completion rings, not only the first one after a sleep
  rings_without_reference = 41,  // a port is rung that its loop may have freed
  closes_while_pending = 42,     // a port closes with requests on their way
  relaxed_push = 43,             // what led to a completion is not visible to the loop
  refusal_forgotten = 70,        // a ring that the system refuses counts as rung
};

}  // namespace afflux::mutant
