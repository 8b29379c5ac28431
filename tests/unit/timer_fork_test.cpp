// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The timer's thread, fork() and signals: where there are such things.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "../contract/support/forked_threads.h"
#include "support/child.h"
#include "support/timer_runner.h"
#include "threads/timer_thread.h"

namespace afflux_test {
namespace {

using afflux::threads::ensure_runner;

TEST(TimerThread, BlocksSignals) {
  EXPECT_EQ(in_child([]() -> std::string {
              static std::atomic<int> blocked{-1};
              CHECK_THAT(ensure_runner([]() -> std::int64_t {
                           sigset_t mask;
                           pthread_sigmask(SIG_BLOCK, nullptr, &mask);
                           blocked = sigismember(&mask, SIGINT) + sigismember(&mask, SIGTERM) +
                                     sigismember(&mask, SIGUSR1) + sigismember(&mask, SIGALRM);
                           g_calls.fetch_add(1);
                           policy::unpark(&g_calls);
                           return -1;
                         }) == 0);
              await(g_calls, 1);
              CHECK_THAT(blocked == 4);
              sigset_t mine;
              pthread_sigmask(SIG_BLOCK, nullptr, &mine);
              CHECK_THAT(sigismember(&mine, SIGINT) == 0);
              return kFine;
            }),
            kFine);
}

TEST(TimerFork, ChildOfForkStartsItsOwn) {
  AFFLUX_STARTS_THREADS_IN_CHILD();
  EXPECT_EQ(in_child([]() -> std::string {
              static entry old;
              static entry fresh;
              CHECK_THAT(policy::start_timers(advance) == 0);
              arm(old, 3'600'000 * kMs);
              await(g_calls, 1);
              const std::string grandchild = in_child([]() -> std::string {
                CHECK_THAT(threads_named("afflux-timer") == 0);
                CHECK_THAT(policy::timers().size() == 1);  // still armed
                policy::timers().disarm(old);
                g_created = 0;
                CHECK_THAT(policy::start_timers(advance) == 0);
                CHECK_THAT(g_created == 1);
                arm(old, 0);
                arm(fresh, kMs);
                await(g_fired, 2);
                return kFine;
              });
              CHECK_THAT(g_fired == 0);
              arm(fresh, 0);  // the parent's thread goes on
              await(g_fired, 1);
              return grandchild;
            }),
            kFine);
}

// The mutex of the service is free in the child, whichever thread forks when.
TEST(TimerFork, ForkWhileOthersArm) {
  AFFLUX_FORKS_BESIDE_STARTING_THREADS();
  EXPECT_EQ(in_child([]() -> std::string {
              CHECK_THAT(policy::start_timers(advance) == 0);
              std::atomic<bool> stop{false};
              std::thread busy([&] {
                static entry e;  // a thread's stack is not there in a child
                while (!stop) {
                  arm(e, 3'600'000 * kMs);
                  policy::timers().disarm_and_wait(e);
                }
              });
              std::string answer = kFine;
              for (int i = 0; i < 50 && answer == kFine; ++i) {
                answer = in_child([]() -> std::string {
                  static entry mine;
                  CHECK_THAT(policy::start_timers(advance) == 0);
                  const std::uint32_t before = g_fired;
                  arm(mine, 0);
                  await(g_fired, before + 1);
                  return kFine;
                });
              }
              stop = true;
              busy.join();
              return answer;
            }),
            kFine);
}

// A callback that forks: the copy of the timer thread that comes back from it in
// the child is the runner there.
TEST(TimerFork, ForkFromTheTimerThread) {
  EXPECT_EQ(in_child([]() -> std::string {
              static int ends[2];
              CHECK_THAT(pipe(ends) == 0);
              CHECK_THAT(ensure_runner([]() -> std::int64_t {
                           static pid_t child = -1;
                           if (child == -1) {
                             child = fork();
                             if (child == 0) alarm(60);
                             return 1;
                           }
                           if (child != 0) return -1;
                           const char byte = 'x';
                           const ssize_t n = write(ends[1], &byte, 1);
                           _exit(n == 1 ? 0 : 1);
                         }) == 0);
              char byte = 0;
              CHECK_THAT(read(ends[0], &byte, 1) == 1 && byte == 'x');
              return kFine;
            }),
            kFine);
}

}  // namespace
}  // namespace afflux_test
