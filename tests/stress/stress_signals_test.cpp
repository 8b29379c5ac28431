// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sleeps that signals interrupt.
#include <afflux/afflux.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "stress.h"

namespace afflux_test {
namespace {

class StressSignals : public stress {};

std::atomic<std::uint64_t> signals_seen{0};
extern "C" void on_signal(int) { signals_seen.fetch_add(1, std::memory_order_relaxed); }

// Some ten thousand signals a second at threads that wait: a sleep that is interrupted neither
// answers early nor gets in without a permit.
TEST_P(StressSignals, SignalsNeitherWakeNorTimeOutAWaiter) {
  struct sigaction action {};
  struct sigaction old {};
  action.sa_handler = &on_signal;  // without SA_RESTART: system calls answer EINTR
  ASSERT_EQ(sigaction(SIGUSR1, &action, &old), 0);
  signals_seen.store(0);
  constexpr int kThreads = 3;
  const sem_guard sem(options(1));
  std::atomic<std::uint64_t> inside{0};
  std::atomic<int> running{kThreads};
  std::atomic<bool> may_exit{false};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      random_engine random = engine(t);
      while (time_left()) {
        std::int64_t time = AFFLUX_FOREVER;
        if (below(random, 3) != 0) time = 1 + static_cast<std::int64_t>(below(random, 3000000));
        const std::int64_t before = now_ns();
        const afflux_status status = afflux_sem_acquire(sem, 1, time);
        if (status == AFFLUX_OK) {
          EXPECT_EQ(inside.fetch_add(1), 0u);
          pass_time(static_cast<std::int64_t>(below(random, 1500000)));
          inside.fetch_sub(1);
          EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
        } else {
          EXPECT_EQ(status, AFFLUX_ETIMEDOUT);
          EXPECT_NE(time, AFFLUX_FOREVER);
          EXPECT_GE(now_ns() - before, time);
        }
      }
      running.fetch_sub(1);
      await([&] { return may_exit.load(); });  // a thread id stays good until its join
    });
  }
  while (running.load() != 0) {
    for (std::thread& thread : threads) pthread_kill(thread.native_handle(), SIGUSR1);
    const timespec pause{0, 100 * 1000};  // the rate of the storm
    nanosleep(&pause, nullptr);
  }
  may_exit.store(true);
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(sigaction(SIGUSR1, &old, nullptr), 0);
  EXPECT_GT(signals_seen.load(), 0u);
  expect_all_free(sem, 1);
}

INSTANTIATE_TEST_SUITE_P(Each, StressSignals, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
