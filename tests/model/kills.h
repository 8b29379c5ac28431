// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a test proves that a seeded bug of src/mutants.h is found: a scenario that the library passes
// fails with it.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "mutants.h"
#include "world.h"

namespace afflux::model {

template <int Mutant>
using intrusive = world<checking_policy<Mutant>, queue::intrusive_queue>;
template <int Mutant>
using locked = world<checking_policy<Mutant>, queue::mutex_queue>;
template <int Mutant>
using hybrid = world<checking_policy<Mutant>, queue::hybrid_queue>;
template <int Mutant>
using lockfree = world<checking_policy<Mutant>, queue::lockfree_queue>;
template <int Mutant>
using no_queue = checking_policy<Mutant>;

// In a child: a bug may well end in a crash.
inline void is_killed(void (*scenario)(explorer&), const options& wanted = {.preemptions = 3}) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(explore(wanted, scenario).passed() ? EXIT_SUCCESS : EXIT_FAILURE);
  int how = 0;
  ASSERT_EQ(waitpid(child, &how, 0), child);
  EXPECT_FALSE(WIFEXITED(how) && WEXITSTATUS(how) == EXIT_SUCCESS) << "the bug was not found";
}

}  // namespace afflux::model

#define AFFLUX_KILLS(suite, queue, bug, scenario) \
  TEST(suite, bug) { afflux::model::is_killed(&scenarios::scenario<queue<mutant::bug>>); }
// The same with other options of the exploration.
#define AFFLUX_KILLS_WITH(suite, queue, bug, scenario, ...)                            \
  TEST(suite, bug) {                                                                   \
    afflux::model::is_killed(&scenarios::scenario<queue<mutant::bug>>, {__VA_ARGS__}); \
  }
