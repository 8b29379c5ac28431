// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs a check in a child process: for what must begin without a timer thread,
// and for what must work after fork().
#pragma once

#include <gtest/gtest.h>

#include <cstdio>

#include "forked_threads.h"

#if __has_include(<sys/wait.h>)
#  include <sys/wait.h>
#  include <unistd.h>

#  include <cerrno>
#else
#  include "respawn_windows.h"
#endif

namespace afflux_test {

// The child's exit: 0 when every check held. GoogleTest's own state stays the
// parent's, so the child tells what failed on standard error.
class child_checks {
 public:
  void expect(bool condition, const char* text) {
    if (condition) return;
    std::fprintf(stderr, "in the child: not true: %s\n", text);
    failed_ = true;
  }
  int code() const { return failed_ ? 1 : 0; }

 private:
  bool failed_ = false;
};

#define CHILD_EXPECT(checks, condition) (checks).expect((condition), #condition)

#if __has_include(<sys/wait.h>)

// In a test that is about fork() itself.
#  define AFFLUX_NEEDS_FORK() (void)0

template <class Body>
void expect_in_child(Body body) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // The parent's watchdog thread is not here: an alarm ends a child that hangs.
    alarm(120);
    child_checks checks;
    body(checks);
    _exit(checks.code());
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) ASSERT_EQ(errno, EINTR);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  if (WIFEXITED(status)) {
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
}

#else

#  define AFFLUX_NEEDS_FORK() GTEST_SKIP() << "there is no fork() on this system"

// There the child is not a copy of this process: it runs this test anew, up to here.
template <class Body>
void expect_in_child(Body body) {
  if (!respawned()) {
    EXPECT_EQ(run_this_test_again(), 0);
    return;
  }
  child_checks checks;
  body(checks);
  _exit(checks.code());
}

#endif

}  // namespace afflux_test
