// SPDX-License-Identifier: MIT OR Apache-2.0
//
// For what is one per process: a test's body in a process of its own, and that
// process' threads. child_posix.cpp or child_windows.cpp.
#pragma once

#include <atomic>
#include <string>

namespace afflux_test {

inline constexpr const char* kFine = "fine";

#define CHECK_THAT(condition) \
  if (!(condition)) return std::string(#condition) + " in line " + std::to_string(__LINE__)

// The answer of `body`, which runs in a process that has started no thread yet;
// a body that finds nothing wrong answers kFine. With `orderly_exit` static
// destructors run after it. Where there is fork() the process is a copy of this
// one; elsewhere it is this test, begun anew.
std::string in_child(std::string (*body)(), bool orderly_exit = false);

// Threads of this process by that name.
int threads_named(const std::string& name);

// Threads created so far in this process, by whichever code; and the errno value with
// which each further attempt fails, 0: as usual.
inline std::atomic<int> g_created{0};
inline std::atomic<int> g_create_error{0};

}  // namespace afflux_test
