// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

#include "build_kind.h"

// In a test that starts a thread in the child of a process with threads: qemu-user (7.2)
// itself fails an assertion there, and so `./run cross` sets this variable.
#define AFFLUX_STARTS_THREADS_IN_CHILD()                                      \
  if (std::getenv("AFFLUX_TEST_NO_THREADS_AFTER_FORK") != nullptr)            \
  GTEST_SKIP() << "the emulator starts no threads in the child of a process " \
                  "that has some"

// ... starts them one after the other: the thread sanitizer takes their numbers for those of the
// parent's, and gives up.
#define AFFLUX_STARTS_MANY_THREADS_IN_CHILD()                                      \
  AFFLUX_STARTS_THREADS_IN_CHILD();                                                \
  if (AFFLUX_TEST_TSAN != 0)                                                       \
  GTEST_SKIP() << "the thread sanitizer loses count of threads in the child of a " \
                  "process that has some"

// ... forks while other threads start, end or are busy: the address sanitizer's allocator is not
// guarded over a fork, and stays locked in the child.
#define AFFLUX_FORKS_BESIDE_STARTING_THREADS()                                   \
  AFFLUX_STARTS_THREADS_IN_CHILD();                                              \
  if (AFFLUX_TEST_ASAN != 0)                                                     \
  GTEST_SKIP() << "the address sanitizer's allocator stays locked in the child " \
                  "of a process that starts threads"
