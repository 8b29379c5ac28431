// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One contract, every parker (src/park/park.h).
#include "park/park.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "park/spin.h"
#include "time/clock.h"

namespace {

using afflux::time::deadline_after;
using afflux::time::kNever;
using afflux::time::now_ns;

constexpr std::int64_t kMs = 1'000'000;

template <class Parker>
struct Park : testing::Test {};

#if defined(AFFLUX_PARK_FUTEX)
using Parkers = testing::Types<afflux::park::futex, afflux::park::generic>;
#elif defined(AFFLUX_PARK_WAIT_ON_ADDRESS)
using Parkers = testing::Types<afflux::park::wait_on_address, afflux::park::generic>;
#else
using Parkers = testing::Types<afflux::park::generic>;
#endif
TYPED_TEST_SUITE(Park, Parkers);

// Sleeps until the word differs from `seen`, as every user of a parker does.
template <class Parker>
void await_change(const std::atomic<std::uint32_t>& word, std::uint32_t seen) {
  while (word.load(std::memory_order_acquire) == seen) Parker::wait(word, seen, kNever);
}

TYPED_TEST(Park, DoesNotSleepOnAnotherValue) {
  std::atomic<std::uint32_t> word{1};
  EXPECT_TRUE(TypeParam::wait(word, 0, kNever));
  EXPECT_TRUE(TypeParam::wait(word, 2, now_ns() + 3'600'000 * kMs));
}

TYPED_TEST(Park, PastDeadlineReturnsAtOnce) {
  std::atomic<std::uint32_t> word{0};
  EXPECT_FALSE(TypeParam::wait(word, 0, now_ns()));
  EXPECT_FALSE(TypeParam::wait(word, 0, 1));
  EXPECT_FALSE(TypeParam::wait(word, 0, 0));
  EXPECT_FALSE(TypeParam::wait(word, 0, -1));
  EXPECT_FALSE(TypeParam::wait(word, 0, INT64_MIN));
}

// L4: never early.
TYPED_TEST(Park, DeadlineIsNeverEarly) {
  std::atomic<std::uint32_t> word{0};
  for (const std::int64_t timeout : {std::int64_t{1}, std::int64_t{999}, kMs / 10, kMs, 3 * kMs}) {
    const std::int64_t deadline = deadline_after(timeout);
    while (TypeParam::wait(word, 0, deadline)) {
    }
    EXPECT_GE(now_ns(), deadline) << timeout;
  }
}

TYPED_TEST(Park, LeavesErrnoAlone) {
  std::atomic<std::uint32_t> word{0};
  errno = 4711;
  TypeParam::wait(word, 0, 1);
  TypeParam::wait(word, 1, kNever);
  TypeParam::wake(&word);
  EXPECT_EQ(errno, 4711);
}

TYPED_TEST(Park, FarDeadlineSleepsAndIsWoken) {
  for (const std::int64_t deadline : {kNever, kNever - 1, now_ns() + 1'000'000'000 * kMs}) {
    std::atomic<std::uint32_t> word{0};
    std::thread sleeper([&] {
      while (word.load(std::memory_order_acquire) == 0) {
        EXPECT_TRUE(TypeParam::wait(word, 0, deadline));
      }
    });
    word.store(1, std::memory_order_release);
    TypeParam::wake(&word);
    sleeper.join();
  }
}

TYPED_TEST(Park, WakesEverySleeper) {
  std::atomic<std::uint32_t> word{0};
  std::vector<std::thread> sleepers;
  for (int i = 0; i < 16; ++i) sleepers.emplace_back([&] { await_change<TypeParam>(word, 0); });
  word.store(1, std::memory_order_release);
  TypeParam::wake(&word);
  for (auto& sleeper : sleepers) sleeper.join();
}

TYPED_TEST(Park, WakeWithoutSleeperIsNotRemembered) {
  std::atomic<std::uint32_t> word{0};
  TypeParam::wake(&word);
  const std::int64_t deadline = deadline_after(kMs);
  while (TypeParam::wait(word, 0, deadline)) {
  }
  EXPECT_GE(now_ns(), deadline);
}

// S9: the waker's store lets the sleeper free the word; only the address follows.
TYPED_TEST(Park, WakeNeedsTheAddressOnly) {
  for (int round = 0; round < 2000; ++round) {
    auto word = std::make_unique<std::atomic<std::uint32_t>>(0);
    std::atomic<std::uint32_t>* const raw = word.get();
    std::thread waker([raw] {
      raw->store(1, std::memory_order_release);
      TypeParam::wake(raw);  // perhaps freed by now
    });
    await_change<TypeParam>(*word, 0);
    word.reset();
    waker.join();
  }
  TypeParam::wake(nullptr);
}

// L1: a lost wake would hang here.
TYPED_TEST(Park, PingPongLosesNoWake) {
  constexpr int kPairs = 4;
  constexpr std::uint32_t kRounds = 5000;
  struct alignas(64) table {
    std::atomic<std::uint32_t> ball{0};
    std::uint64_t plain = 0;  // S11: passed on with the ball
  };
  std::vector<table> tables(kPairs);
  std::vector<std::thread> players;
  for (auto& table : tables) {
    for (std::uint32_t side = 0; side < 2; ++side) {
      players.emplace_back([&table, side] {
        for (std::uint32_t turn = side; turn < 2 * kRounds; turn += 2) {
          for (std::uint32_t ball; (ball = table.ball.load(std::memory_order_acquire)) != turn;) {
            TypeParam::wait(table.ball, ball, kNever);
          }
          ++table.plain;
          table.ball.store(turn + 1, std::memory_order_release);
          TypeParam::wake(&table.ball);
        }
      });
    }
  }
  for (auto& player : players) player.join();
  for (auto& table : tables) EXPECT_EQ(table.plain, 2 * kRounds);
}

// Timeouts and wakes at the same moment: the word decides.
TYPED_TEST(Park, ShortDeadlinesAgainstWakes) {
  constexpr std::uint32_t kRounds = 2000;
  std::atomic<std::uint32_t> word{0};
  std::thread sleeper([&] {
    for (std::uint32_t seen = 0; seen < kRounds;) {
      const std::int64_t deadline = deadline_after(20'000);
      if (!TypeParam::wait(word, seen, deadline)) {
        EXPECT_GE(now_ns(), deadline);
      }
      seen = word.load(std::memory_order_acquire);
    }
  });
  for (std::uint32_t i = 1; i <= kRounds; ++i) {
    word.store(i, std::memory_order_release);
    TypeParam::wake(&word);
  }
  sleeper.join();
}

TYPED_TEST(Park, MutexExcludes) {
  constexpr std::uint64_t kThreads = 4;
  constexpr std::uint64_t kRounds = 20'000;
  static typename TypeParam::mutex mutex;
  std::uint64_t plain = 0;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&plain] {
      for (std::uint64_t i = 0; i < kRounds; ++i) {
        const std::lock_guard lock(mutex);
        ++plain;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(plain, kThreads * kRounds);
}

TEST(Spin, CountIsSteadyAndBounded) {
  const std::uint32_t turns = afflux::park::spins();
  EXPECT_EQ(afflux::park::spins(), turns);
  EXPECT_LE(turns, 1000u);
  for (std::uint32_t i = 0; i < turns; ++i) afflux::park::pause();
}

TEST(Clock, DeadlineSaturates) {
  EXPECT_EQ(deadline_after(-1), kNever);
  EXPECT_EQ(deadline_after(INT64_MIN), kNever);
  EXPECT_EQ(deadline_after(kNever), kNever);
  EXPECT_EQ(deadline_after(kNever - 1), kNever);
  const std::int64_t before = now_ns();
  const std::int64_t soon = deadline_after(kMs);
  EXPECT_GE(soon, before + kMs);
  EXPECT_LE(soon, now_ns() + kMs);
}

}  // namespace
