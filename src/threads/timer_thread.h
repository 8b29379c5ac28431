// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who calls advance() in this process: one thread that starts when it is first
// needed, or the application (manual mode). One per process, so these are plain
// functions.
#pragma once

#include <cstdint>

namespace afflux::threads {

// What the process' timer service does around fork().
struct fork_hooks {
  void (*before)();
  void (*parent)();
  void (*child)();
};

// From now on `hooks` (static; one set per process, the first one counts) run at
// every fork(). One load when that is so already. Returns 0 or an errno value.
int keep_over_fork(const fork_hooks& hooks) noexcept;

// To be called before a timer is armed: starts the thread "afflux-timer" unless it
// runs or the mode is manual. The thread calls `advance` (the first one counts),
// which returns nanoseconds until it wants to be called again, negative: not
// before runner_wake(). One or two loads when there is nothing to do. Returns 0 or
// an errno value: nothing has changed then, and a later call tries again.
// In the child of a fork() no thread runs: the next call starts one.
int ensure_runner(std::int64_t (*advance)()) noexcept;

// An earlier deadline has come up: the thread, if there is one, calls `advance`
// again. Not lost even if the thread is just about to sleep.
void runner_wake() noexcept;

// true: from now on the thread begins no advance (one under way ends by itself);
// false: the thread does it, and is started if timers were ever needed. Returns 0
// or the errno value of a thread that could not be started: nothing has changed.
int set_manual(bool manual) noexcept;

}  // namespace afflux::threads
