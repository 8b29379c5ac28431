// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Threads that go on with what another one cannot do, which is inside an application's callback
// that blocks. One pool per process, so this is a plain function.
#pragma once

#include <atomic>
#include <cstdint>

namespace afflux::threads {

// At most so many helpers at a time.
inline constexpr unsigned kMostHelpers = 256;

// Sees to it that a helper which is not inside run_one() at this moment calls that again and again
// until it answers false: one that is idle, or one more thread "afflux-helper". Each call gets a
// helper of its own, so a run that blocks holds up no run of a later call, until there are
// kMostHelpers; from then on those that are busy look again before they go idle. An idle one ends
// after about a second.
//
// run_one: the first one counts; nothing of the library's may be held by its caller that it takes.
// What happens before the call is visible to the runs that come of it.
//
// 0; or the errno value of a thread that could not be started, if there is no helper at all:
// nothing has changed then. In the child of a fork() there is none at first.
int help(bool (*run_one)()) noexcept;

// What is left to helpers, as run_one() keeps it; nullptr in the child of a fork().
std::atomic<void*>& left_to_helpers() noexcept;

// Differs in the child of a fork(). What was left to helpers before that is the parent's.
std::uint32_t forks() noexcept;

}  // namespace afflux::threads
