// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Seeded bugs of the registry; see queue/mutants.h, whose numbers go on here.
#pragma once

namespace afflux::mutant {

enum : int {
  retires_among_readers = 60,   // what was removed is let go of while a reader is at it
  turns_before_folded = 61,     // readers come to a side whose totals are not ready
  departed_in_place = 62,       // totals of the departed go where readers are adding up
  live_not_rechecked = 63,      // a reading goes beyond what the departed leaves behind
  leaves_while_read = 64,       // ... the same, of one that is just leaving
  slot_without_tag = 65,        // a free slot is taken by an outdated look at its successor
  emptied_after_role = 66,      // slots of the departed are seen again by the next readers
  relaxed_leave = 67,           // what a reader read may be freed before it has been read
  counted_anew_on_return = 68,  // what comes back brings along what it has left behind
};

}  // namespace afflux::mutant
