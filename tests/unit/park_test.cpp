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
#include "policy.h"
#include "time/clock.h"

#ifndef _WIN32
#  include <pthread.h>
#endif
#ifdef __linux__
#  include <sched.h>
#endif

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

// ---- on the low half of a 64-bit word

constexpr std::uint64_t kHigh = std::uint64_t{1} << 32;

// Sleeps until the low half differs from that of `seen`.
template <class Parker>
std::uint64_t await_low_half(const std::atomic<std::uint64_t>& word, std::uint64_t seen) {
  for (;;) {
    const std::uint64_t now = word.load(std::memory_order_acquire);
    if (static_cast<std::uint32_t>(now) != static_cast<std::uint32_t>(seen)) return now;
    Parker::wait_on(word, seen);
  }
}

TYPED_TEST(Park, DoesNotSleepOnAnotherLowHalf) {
  const std::atomic<std::uint64_t> word{5 * kHigh + 1};
  errno = 4711;
  TypeParam::wait_on(word, 5 * kHigh);
  TypeParam::wait_on(word, 5 * kHigh + 2);
  TypeParam::wait_on(word, 5);
  TypeParam::wake_on(&word);
  TypeParam::wake_on(nullptr);
  EXPECT_EQ(errno, 4711);
}

// Whatever the sleeper took the high half to be.
TYPED_TEST(Park, WakesEverySleeperOnALowHalf) {
  std::atomic<std::uint64_t> word{3 * kHigh};
  std::vector<std::thread> sleepers;
  for (std::uint64_t i = 0; i < 16; ++i) {
    sleepers.emplace_back([&word, i] { await_low_half<TypeParam>(word, i * kHigh); });
  }
  word.fetch_add(kHigh, std::memory_order_relaxed);  // ends no sleep, and needs no wake
  word.fetch_add(1, std::memory_order_release);
  TypeParam::wake_on(&word);
  for (auto& sleeper : sleepers) sleeper.join();
}

// S9, as above.
TYPED_TEST(Park, WakeOnALowHalfNeedsTheAddressOnly) {
  for (int round = 0; round < 2000; ++round) {
    auto word = std::make_unique<std::atomic<std::uint64_t>>(kHigh);
    std::atomic<std::uint64_t>* const raw = word.get();
    std::thread waker([raw] {
      raw->store(kHigh + 1, std::memory_order_release);
      TypeParam::wake_on(raw);  // perhaps freed by now
    });
    await_low_half<TypeParam>(*word, kHigh);
    word.reset();
    waker.join();
  }
}

// L1: the high half changes all the time, by a third thread, and ends or hides nothing.
TYPED_TEST(Park, PingPongOnALowHalfLosesNoWake) {
  constexpr std::uint32_t kRounds = 5000;
  std::atomic<std::uint64_t> ball{0};
  std::uint64_t plain = 0;  // S11: passed on with the ball
  std::vector<std::thread> players;
  for (std::uint32_t side = 0; side < 2; ++side) {
    players.emplace_back([&, side] {
      for (std::uint32_t turn = side; turn < 2 * kRounds; turn += 2) {
        if (turn != 0) await_low_half<TypeParam>(ball, turn - 1);
        ++plain;
        ball.fetch_add(1, std::memory_order_release);
        TypeParam::wake_on(&ball);
      }
    });
  }
  std::atomic<bool> stop{false};
  std::thread disturber([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      ball.fetch_add(kHigh, std::memory_order_relaxed);
      std::this_thread::yield();
    }
  });
  for (auto& player : players) player.join();
  stop.store(true, std::memory_order_relaxed);
  disturber.join();
  EXPECT_EQ(plain, 2 * kRounds);
}

#ifndef _WIN32  // no pthread_cancel() there

// A pending cancel ends no sleep and no thread before pthread_testcancel().
TYPED_TEST(Park, IsNoCancellationPoint) {
  static std::atomic<std::uint32_t> word;
  static std::atomic<std::uint64_t> wide;
  static std::atomic<int> slept;
  word = 0;
  wide = 0;
  slept = 0;
  pthread_t sleeper{};
  ASSERT_EQ(pthread_create(
                &sleeper, nullptr,
                [](void*) -> void* {
                  pthread_cancel(pthread_self());
                  await_change<TypeParam>(word, 0);
                  while (TypeParam::wait(word, 1, deadline_after(kMs))) {
                  }
                  await_low_half<TypeParam>(wide, 0);
                  TypeParam::wake(&word);
                  slept = 1;
                  pthread_testcancel();
                  return nullptr;
                },
                nullptr),
            0);
  word = 1;
  TypeParam::wake(&word);
  wide = 1;
  TypeParam::wake_on(&wide);
  void* result = nullptr;
  ASSERT_EQ(pthread_join(sleeper, &result), 0);
  EXPECT_EQ(result, PTHREAD_CANCELED);
  EXPECT_EQ(slept, 1);
}

#endif

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

// ---- waits that are short by construction

template <class Parker>
struct WaitForChange : testing::Test {};
TYPED_TEST_SUITE(WaitForChange, Parkers);

TYPED_TEST(WaitForChange, PassesWhatHasChangedAndComesBackOtherwise) {
  using policy = afflux::real_policy<TypeParam>;
  std::atomic<std::uint64_t> word{1};
  errno = 4711;
  policy::wait_for_change(word, 0);
  policy::wait_for_change(word, 1);  // nobody changes it
  EXPECT_EQ(errno, 4711);
}

TYPED_TEST(WaitForChange, SeesEveryTurn) {
  using policy = afflux::real_policy<TypeParam>;
  constexpr std::uint32_t kTurns = 2000;
  std::atomic<std::uint32_t> turn{0};
  const auto play = [&turn](std::uint32_t side) {
    for (std::uint32_t mine = side; mine < kTurns; mine += 2) {
      for (std::uint32_t seen; (seen = turn.load(std::memory_order_acquire)) != mine;) {
        policy::wait_for_change(turn, seen);
      }
      turn.store(mine + 1, std::memory_order_release);
    }
  };
  std::thread other([&play] { play(1); });
  play(0);
  other.join();
  EXPECT_EQ(turn, kTurns);
}

#ifdef __linux__

// The first one of those that this process may use.
bool pin_to_one_core() {
  cpu_set_t mine;
  if (sched_getaffinity(0, sizeof mine, &mine) != 0) return false;
  for (unsigned i = 0; i < CPU_SETSIZE; ++i) {
    if (!CPU_ISSET(i, &mine)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(i, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
  }
  return false;
}

// A thread that comes before all others on its core waits for one of them, again and again. One
// that only gave way would go on for ever, or until the system, where it is set up so, takes the
// core from it for a twentieth of each second: that is one turn a second.
TYPED_TEST(WaitForChange, LetsAThreadOfLowerPriorityEndIt) {
  using policy = afflux::real_policy<TypeParam>;
  constexpr std::uint32_t kTurns = 1000;
  std::atomic<std::uint32_t> turn{0};
  std::atomic<int> allowed{-1};
  std::thread first([&] {
    const sched_param lowest{1};
    allowed = pin_to_one_core() && pthread_setschedparam(pthread_self(), SCHED_FIFO, &lowest) == 0;
    if (allowed == 0) return;
    for (std::uint32_t mine = 0; mine < kTurns; mine += 2) {
      turn.store(mine + 1, std::memory_order_release);
      while (turn.load(std::memory_order_acquire) == mine + 1) {
        policy::wait_for_change(turn, mine + 1);
      }
    }
  });
  std::thread([&] {
    pin_to_one_core();
    while (allowed == -1) std::this_thread::yield();
    if (allowed == 0) return;
    for (std::uint32_t seen; (seen = turn.load(std::memory_order_acquire)) != kTurns;) {
      if (seen % 2 == 0) {
        policy::wait_for_change(turn, seen);
      } else {
        turn.store(seen + 1, std::memory_order_release);
      }
    }
  }).join();
  first.join();
  if (allowed == 0) GTEST_SKIP() << "no real-time threads here";
  EXPECT_EQ(turn, kTurns);
}

#endif

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
