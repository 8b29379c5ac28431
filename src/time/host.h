// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What parking and the timer need from the host beyond the standard library. The
// build picks one file: host_posix.cpp or host_windows.cpp.
#pragma once

namespace afflux::time {

struct thread_start {
  const char* name;  // at most 15 characters; used where threads have names
  void (*body)() noexcept;
};

// Starts a detached thread that no signal is delivered to, faults of its own
// aside. `start` is static: the thread reads it in its own time. Returns 0 or an
// errno value.
int start_detached(const thread_start& start) noexcept;

// While one lives, no pthread_cancel() takes effect on this thread. For calls that are cancellation
// points: within a noexcept function one would end the process, and no call of this library is one.
// Does nothing where threads cannot be cancelled.
class no_thread_cancel {
 public:
  no_thread_cancel() noexcept;
  no_thread_cancel(const no_thread_cancel&) = delete;
  no_thread_cancel& operator=(const no_thread_cancel&) = delete;
  ~no_thread_cancel();

 private:
  int before_ = 0;
};

// pthread_atfork(): nullptr for what is not wanted. Returns 0 or an errno value; 0
// and nothing else where there is no fork().
int at_fork(void (*before)(), void (*parent)(), void (*child)()) noexcept;

}  // namespace afflux::time
