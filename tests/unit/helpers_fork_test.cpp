// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The helper threads and fork(): where there is such a thing.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "../contract/support/forked_threads.h"
#include "support/child.h"
#include "support/helper_jobs.h"

namespace afflux_test {
namespace {

void begin_anew() {
  g_jobs = new job_list;
  g_created = 0;
  g_begun = g_done = g_released = 0;
}

TEST(HelpersFork, AChildStartsItsOwn) {
  AFFLUX_FORKS_BESIDE_STARTING_THREADS();
  EXPECT_EQ(in_child([]() -> std::string {
              // Some that are busy, and some that are idle or about to be.
              for (int i = 0; i < 5; ++i) CHECK_THAT(add(until_released) == 0);
              for (int i = 0; i < 5; ++i) CHECK_THAT(add(quick) == 0);
              await(g_begun, 5);
              await(g_done, 5);
              const std::string grandchild = in_child([]() -> std::string {
                begin_anew();
                CHECK_THAT(threads_named("afflux-helper") == 0);
                for (std::uint32_t i = 0; i < kTooMany; ++i) CHECK_THAT(add(until_released) == 0);
                await(g_begun, kMostHelpers);
                CHECK_THAT(g_created == static_cast<int>(kMostHelpers));
                release_all();
                await(g_done, kTooMany);
                return kFine;
              });
              release_all();  // the parent's go on
              await(g_done, 10);
              CHECK_THAT(add(quick) == 0);
              await(g_done, 11);
              return grandchild;
            }),
            kFine);
}

// A fork at any point of a call for help, of a helper that goes idle or wakes up.
TEST(HelpersFork, AChildIsAtRestWhateverOthersWereAt) {
  AFFLUX_FORKS_BESIDE_STARTING_THREADS();
  EXPECT_EQ(in_child([]() -> std::string {
              std::atomic<bool> stop{false};
              std::thread busy([&stop] {
                while (!stop) add(quick);
              });
              std::string answer = kFine;
              for (int i = 0; i < 50 && answer == kFine; ++i) {
                answer = in_child([]() -> std::string {
                  begin_anew();
                  for (std::uint32_t k = 1; k <= 5; ++k) {
                    CHECK_THAT(add(quick) == 0);
                    await(g_done, k);
                  }
                  return kFine;
                });
              }
              stop = true;
              busy.join();
              return answer;
            }),
            kFine);
}

std::atomic<std::uint32_t> g_code{~0U};

// In the child the thread that forked is a helper, beside those that the child starts: while it is
// busy another one runs what it has to wait for, and later it serves by itself.
void forks() {
  const pid_t child = fork();
  if (child != 0) {
    int how = 0;
    while (waitpid(child, &how, 0) < 0) {
    }
    g_code = static_cast<std::uint32_t>(how);
    count(g_done);
    return;
  }
  alarm(60);
  begin_anew();
  if (add(quick) != 0) _exit(2);
  await(g_done, 1);
  if (g_created != 1) _exit(3);
  // Back into the loop with a job that ends this process, whichever helper takes it.
  if (add([] { _exit(0); }) != 0) _exit(4);
}

TEST(HelpersFork, AJobMayFork) {
  AFFLUX_FORKS_BESIDE_STARTING_THREADS();
  EXPECT_EQ(in_child([]() -> std::string {
              for (std::uint32_t i = 1; i <= 10; ++i) {
                CHECK_THAT(add(forks) == 0);
                await(g_done, i);
                CHECK_THAT(g_code == 0);
              }
              return kFine;
            }),
            kFine);
}

}  // namespace
}  // namespace afflux_test
