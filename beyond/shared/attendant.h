// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The thread of this process that looks after the segments in which it waits: it hears of deaths by
// pidfds, and looks now and then for what a stopped process has left undone, of which no event
// tells.
#pragma once

#include "afflux/afflux.h"

namespace afflux::shared {

class handle;

namespace attendant {

// Before the first handle: what fork() needs. 0, or an errno value.
int prepare() noexcept;

// A handle is known from its slot's claim to its end: the lock is held for the claim, so that what
// else this process has in the segment is from before an exec().
void lock() noexcept;
void unlock() noexcept;
void add(handle& one) noexcept;     // locked
void remove(handle& one) noexcept;  // takes the lock
handle* first() noexcept;           // locked: all of them, by next

// Looks after it until it has no waits. AFFLUX_EOS: the thread could not be started, errno why.
afflux_status attend(handle& one) noexcept;

// One more of this handle's requests is in line: behind handles of which the thread may not know
// yet, whose deaths it must hear of.
void look_for_newcomers(handle& one) noexcept;

}  // namespace attendant
}  // namespace afflux::shared
