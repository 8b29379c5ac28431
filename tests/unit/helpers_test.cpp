// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The helper threads of this process (src/threads/helpers.h).
#include "threads/helpers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "support/child.h"
#include "support/helper_jobs.h"

namespace afflux_test {
namespace {

TEST(Helpers, RunEveryJob) {
  EXPECT_EQ(in_child([]() -> std::string {
              constexpr std::uint32_t kThreads = 4;
              constexpr std::uint32_t kEach = 2000;
              std::vector<std::thread> threads;
              std::atomic<int> errors{0};
              for (std::uint32_t t = 0; t < kThreads; ++t) {
                threads.emplace_back([&errors] {
                  for (std::uint32_t i = 0; i < kEach; ++i) {
                    if (add(quick) != 0) ++errors;
                  }
                });
              }
              for (auto& thread : threads) thread.join();
              await(g_done, kThreads * kEach);
              CHECK_THAT(errors == 0);
              return kFine;
            }),
            kFine);
}

// A ring that an idle helper missed would leave the one job undone.
TEST(Helpers, RunEachJobThatComesAlone) {
  EXPECT_EQ(in_child([]() -> std::string {
              for (std::uint32_t i = 1; i <= 5000; ++i) {
                CHECK_THAT(add(quick) == 0);
                await(g_done, i);
              }
              CHECK_THAT(threads_named("afflux-helper") <= static_cast<int>(kMostHelpers));
              return kFine;
            }),
            kFine);
}

TEST(Helpers, AJobMayWaitForALaterOne) {
  EXPECT_EQ(in_child([]() -> std::string {
              for (std::uint32_t i = 1; i <= 20; ++i) {
                CHECK_THAT(add(until_released) == 0);
                await(g_begun, i);
                CHECK_THAT(add(release_all) == 0);
                await(g_done, i);
                g_released = 0;
              }
              return kFine;
            }),
            kFine);
}

// Also where both come before the first of them has begun.
TEST(Helpers, EachCallHasAHelperOfItsOwn) {
  EXPECT_EQ(in_child([]() -> std::string {
              for (std::uint32_t i = 1; i <= 200; ++i) {
                CHECK_THAT(add(until_released) == 0);
                CHECK_THAT(add(release_all) == 0);
                await(g_done, i);
                g_released = 0;
              }
              return kFine;
            }),
            kFine);
}

TEST(Helpers, AreAtMostSoMany) {
  EXPECT_EQ(in_child([]() -> std::string {
              for (std::uint32_t i = 0; i < kTooMany; ++i) CHECK_THAT(add(until_released) == 0);
              await(g_begun, kMostHelpers);
              CHECK_THAT(g_created == static_cast<int>(kMostHelpers));
              CHECK_THAT(threads_named("afflux-helper") == static_cast<int>(kMostHelpers));
              CHECK_THAT(g_begun == kMostHelpers && g_done == 0);
              release_all();
              await(g_done, kTooMany);
              return kFine;
            }),
            kFine);
}

TEST(Helpers, EndWhenTheyHaveBeenIdleForAWhile) {
  EXPECT_EQ(in_child([]() -> std::string {
              CHECK_THAT(add(until_released) == 0);
              CHECK_THAT(add(until_released) == 0);
              await(g_begun, 2);
              CHECK_THAT(threads_named("afflux-helper") == 2);
              release_all();
              while (threads_named("afflux-helper") > 0) std::this_thread::yield();
              CHECK_THAT(g_done == 2);
              CHECK_THAT(add(quick) == 0);
              await(g_done, 3);
              CHECK_THAT(g_created == 3);
              return kFine;
            }),
            kFine);
}

TEST(Helpers, WithoutAThreadThereIsAnErrorAndTheNextCallTriesAgain) {
  EXPECT_EQ(in_child([]() -> std::string {
              g_create_error = EAGAIN;
              CHECK_THAT(add(quick) == EAGAIN);
              CHECK_THAT(add(quick) == EAGAIN);
              g_create_error = 0;
              CHECK_THAT(add(quick) == 0);
              await(g_done, 3);
              return kFine;
            }),
            kFine);
}

// It looks again before it goes idle.
TEST(Helpers, ABusyOneServesWhereNoMoreCanBeStarted) {
  EXPECT_EQ(in_child([]() -> std::string {
              CHECK_THAT(add(until_released) == 0);
              await(g_begun, 1);
              g_create_error = EAGAIN;
              for (int i = 0; i < 10; ++i) CHECK_THAT(add(quick) == 0);
              CHECK_THAT(g_done == 0);
              release_all();
              await(g_done, 11);
              // Against its going idle: each call finds it there, or on its way.
              for (std::uint32_t i = 12; i < 3000; ++i) {
                if (add(quick) == EAGAIN) break;  // a slow machine: idle for so long that it ended
                await(g_done, i);
              }
              CHECK_THAT(g_created == 1);
              return kFine;
            }),
            kFine);
}

}  // namespace
}  // namespace afflux_test
