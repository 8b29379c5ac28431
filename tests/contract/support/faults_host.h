// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What faults.cpp and the file for this system (faults_posix.cpp,
// faults_windows.cpp) have of each other.
#pragma once

#include <cstddef>

namespace afflux_test {

// Memory for operator new; nullptr when there is none.
void* host_allocate(std::size_t size, std::size_t align) noexcept;
void host_free(void* memory) noexcept;

// Whether the host's file counts each malloc itself, operator new's among them.
extern const bool kCountsMalloc;
void count_one();

// What fail_threads() was told.
int error_of_thread_start();

}  // namespace afflux_test
