// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The runner is one per process and stays. So every test runs in a process of its
// own (support/child.h), in which nothing has started it yet.
#include "threads/timer_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "support/child.h"
#include "support/timer_runner.h"

namespace afflux_test {
namespace {

using afflux::threads::ensure_runner;
using afflux::threads::runner_wake;
using afflux::threads::set_manual;

TEST(TimerThread, StartsLazilyAndOnce) {
  EXPECT_EQ(in_child([]() -> std::string {
              CHECK_THAT(policy::timers().empty());
              runner_wake();
              CHECK_THAT(g_created == 0);
              CHECK_THAT(policy::start_timers(advance) == 0);
              for (int i = 0; i < 100; ++i) CHECK_THAT(policy::start_timers(advance) == 0);
              await(g_calls, 1);
              CHECK_THAT(g_created == 1);
              CHECK_THAT(threads_named("afflux-timer") == 1);
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, ManyStartersOneThread) {
  EXPECT_EQ(in_child([]() -> std::string {
              std::atomic<int> errors{0};
              std::vector<std::thread> starters;
              for (int i = 0; i < 8; ++i) {
                starters.emplace_back([&] { errors += policy::start_timers(advance); });
              }
              for (auto& starter : starters) starter.join();
              await(g_calls, 1);
              CHECK_THAT(errors == 0);
              CHECK_THAT(threads_named("afflux-timer") == 1);
              return kFine;
            }),
            kFine);
}

// L4; and no timer is lost.
TEST(TimerThread, FiresAndNeverEarly) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry entries[50];
              CHECK_THAT(policy::start_timers(advance) == 0);
              for (int i = 0; i < 50; ++i) arm(entries[i], i * kMs / 3);
              await(g_fired, 50);
              CHECK_THAT(g_early == 0);
              CHECK_THAT(policy::timers().empty());
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, EarlierDeadlineWakesIt) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry far;
              static entry near;
              CHECK_THAT(policy::start_timers(advance) == 0);
              arm(far, 3'600'000 * kMs);
              await(g_calls, 1);
              for (std::uint32_t i = 1; i <= 500; ++i) {  // asleep, or just about to be
                arm(near, (i % 2) * kMs);
                await(g_fired, i);
              }
              CHECK_THAT(policy::timers().size() == 1);
              return kFine;
            }),
            kFine);
}

// TT1: a ring at any moment leads to a call that begins after it.
TEST(TimerThread, LosesNoRing) {
  EXPECT_EQ(in_child([]() -> std::string {
              static std::atomic<std::uint32_t> asked{0};
              static std::atomic<std::uint32_t> answered{0};
              CHECK_THAT(ensure_runner([]() -> std::int64_t {
                           answered = asked.load();
                           policy::unpark(&answered);
                           return -1;  // sleeps without limit: a lost ring would hang
                         }) == 0);
              for (std::uint32_t i = 1; i <= 20'000; ++i) {
                asked = i;
                runner_wake();
                await(answered, i);
              }
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, SleepsWhileNothingIsArmed) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry e;
              CHECK_THAT(policy::start_timers(advance) == 0);
              arm(e, kMs);
              await(g_fired, 1);
              // A window to look into, nothing waits for it.
              std::this_thread::sleep_for(std::chrono::milliseconds(50));
              CHECK_THAT(g_calls <= 4);
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, ManualModeStartsNone) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry e;
              CHECK_THAT(set_manual(true) == 0);
              CHECK_THAT(policy::start_timers(advance) == 0);
              CHECK_THAT(policy::start_timers(advance) == 0);
              arm(e, 0);
              CHECK_THAT(g_created == 0);
              while (g_fired == 0) advance();
              arm(e, 0);
              CHECK_THAT(set_manual(false) == 0);  // now the thread fires it
              await(g_fired, 2);
              CHECK_THAT(g_created == 1);
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, AutomaticAgainStartsNoneUnlessNeeded) {
  EXPECT_EQ(in_child([]() -> std::string {
              CHECK_THAT(set_manual(true) == 0);
              CHECK_THAT(set_manual(false) == 0);
              CHECK_THAT(g_created == 0);
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, ManualModeStopsTheThread) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry e;
              CHECK_THAT(policy::start_timers(advance) == 0);
              await(g_calls, 1);
              for (std::uint32_t round = 0; round < 200; ++round) {
                CHECK_THAT(set_manual(true) == 0);
                // A call that was under way may still fire it; nothing is lost.
                arm(e, 0);
                while (g_fired < 2 * round + 1) advance();
                arm(e, 0);
                CHECK_THAT(set_manual(false) == 0);
                await(g_fired, 2 * round + 2);
              }
              CHECK_THAT(g_created == 1);
              return kFine;
            }),
            kFine);
}

TEST(TimerThread, FailureToStartIsReported) {
  EXPECT_EQ(in_child([]() -> std::string {
              static entry e;
              g_create_error = EAGAIN;
              CHECK_THAT(policy::start_timers(advance) == EAGAIN);
              CHECK_THAT(policy::start_timers(advance) == EAGAIN);
              CHECK_THAT(set_manual(true) == 0);
              CHECK_THAT(policy::start_timers(advance) == 0);  // not needed
              CHECK_THAT(set_manual(false) == EAGAIN);         // nothing changed: manual
              CHECK_THAT(policy::start_timers(advance) == 0);
              g_create_error = 0;
              arm(e, 0);
              CHECK_THAT(set_manual(false) == 0);
              await(g_fired, 1);
              return kFine;
            }),
            kFine);
}

// Static destructors run while the thread sleeps, and while it fires.
TEST(TimerThread, ProcessExitIsClean) {
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(in_child(
                  []() -> std::string {
                    static entry far;
                    static entry near[20];
                    CHECK_THAT(policy::start_timers(advance) == 0);
                    arm(far, 3'600'000 * kMs);
                    await(g_calls, 1);
                    for (auto& e : near) arm(e, 0);
                    return kFine;
                  },
                  true),
              kFine);
  }
}

}  // namespace
}  // namespace afflux_test
