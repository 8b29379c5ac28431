// SPDX-License-Identifier: MIT OR Apache-2.0
//
// condition_variable_any with a std::stop_token: the predicate, a request to stop or the time ends
// the wait, and no request is missed.
#include <version>
#ifdef __cpp_lib_jthread

#  include <afflux/afflux.hpp>

#  include <gtest/gtest.h>

#  include <atomic>
#  include <chrono>
#  include <mutex>
#  include <shared_mutex>
#  include <stop_token>
#  include <thread>

#  include "support/build_kind.h"

namespace {

using namespace std::chrono_literals;
using afflux::condition_variable_any;
using afflux_test::kSanitized;

const auto kNever = [] { return false; };

void until_waiting(const condition_variable_any& on, std::uint64_t n) {
  while (on.waiters() != n) std::this_thread::yield();
}

// A thread that waits for a request to stop, and for nothing else, until it has joined.
struct waits_for_a_request {
  condition_variable_any changed{};
  std::mutex mutex{};
  std::stop_source source{};
  std::thread waiter{[this] {
    std::unique_lock lock(mutex);
    EXPECT_FALSE(changed.wait(lock, source.get_token(), kNever));
    EXPECT_TRUE(lock.owns_lock());
  }};
};

TEST(CppConditionStop, ARequestEndsTheWait) {
  waits_for_a_request w;
  until_waiting(w.changed, 1);
  EXPECT_TRUE(w.source.request_stop());
  w.waiter.join();
  EXPECT_EQ(w.changed.waiters(), 0u);
}

TEST(CppConditionStop, ARequestWithTheLockHeldEndsTheWait) {
  waits_for_a_request w;
  until_waiting(w.changed, 1);
  {
    const std::lock_guard lock(w.mutex);
    EXPECT_TRUE(w.source.request_stop());
  }
  w.waiter.join();
}

TEST(CppConditionStop, TimedWaitsEndByARequestToo) {
  condition_variable_any changed;
  std::shared_mutex mutex;  // any lock
  std::stop_source source;
  std::thread for_some_time([&] {
    std::shared_lock lock(mutex);
    EXPECT_FALSE(changed.wait_for(lock, source.get_token(), 1h, kNever));
    EXPECT_TRUE(lock.owns_lock());
  });
  std::thread until_some_time([&] {
    std::shared_lock lock(mutex);
    const auto when = std::chrono::system_clock::now() + 1h;
    EXPECT_FALSE(changed.wait_until(lock, source.get_token(), when, kNever));
    EXPECT_TRUE(lock.owns_lock());
  });
  until_waiting(changed, 2);
  EXPECT_TRUE(source.request_stop());
  for_some_time.join();
  until_some_time.join();
}

TEST(CppConditionStop, ThePredicateEndsTheWait) {
  condition_variable_any changed;
  std::mutex mutex;
  std::stop_source source;
  int value = 0;
  std::thread waiter([&] {
    const auto token = source.get_token();
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait(lock, token, [&] { return value == 1; }));
    value = 2;
    changed.notify_all();
    EXPECT_TRUE(changed.wait_for(lock, token, 1h, [&] { return value == 3; }));
    value = 4;
    changed.notify_all();
    const auto when = std::chrono::steady_clock::now() + 1h;
    EXPECT_TRUE(changed.wait_until(lock, token, when, [&] { return value == 5; }));
  });
  for (const int next : {1, 3, 5}) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return value == next - 1; });
    value = next;
    lock.unlock();
    changed.notify_all();
  }
  waiter.join();
  EXPECT_FALSE(source.stop_requested());
}

TEST(CppConditionStop, TheTimeEndsTheWait) {
  condition_variable_any changed;
  std::mutex mutex;
  std::unique_lock lock(mutex);
  const std::stop_source source;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(changed.wait_for(lock, source.get_token(), 2ms, kNever));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 2ms);
  EXPECT_FALSE(changed.wait_until(lock, source.get_token(), begin + 4ms, kNever));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 4ms);
  EXPECT_TRUE(changed.wait_for(lock, source.get_token(), 0s, [] { return true; }));
  EXPECT_TRUE(lock.owns_lock());
}

// What counts is the predicate, asked once, as for std::condition_variable_any.
TEST(CppConditionStop, ARequestBeforeTheWaitAsksThePredicateOnce) {
  condition_variable_any changed;
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::stop_source source;
  source.request_stop();
  const auto token = source.get_token();
  for (const bool answer : {false, true}) {
    int asked = 0;
    const auto ask = [&] {
      ++asked;
      return answer;
    };
    EXPECT_EQ(changed.wait(lock, token, ask), answer);
    EXPECT_EQ(changed.wait_for(lock, token, 1h, ask), answer);
    EXPECT_EQ(changed.wait_until(lock, token, std::chrono::steady_clock::now() + 1h, ask), answer);
    EXPECT_EQ(asked, 3);
  }
}

TEST(CppConditionStop, ATokenThatNobodyCanRequestByIsFine) {
  condition_variable_any changed;
  std::mutex mutex;
  bool ready = false;
  std::thread waiter([&] {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait(lock, std::stop_token(), [&] { return ready; }));
  });
  until_waiting(changed, 1);
  {
    const std::lock_guard lock(mutex);
    ready = true;
  }
  changed.notify_one();
  waiter.join();
}

TEST(CppConditionStop, ARequestByThePredicateEndsTheWait) {
  condition_variable_any changed;
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::stop_source source;
  EXPECT_FALSE(changed.wait(lock, source.get_token(), [&] {
    source.request_stop();
    return false;
  }));
}

TEST(CppConditionStop, ARequestWhileTheLockIsLetGoEndsTheWait) {
  struct requesting_lock {
    std::stop_source& source;
    void lock() {}
    void unlock() { source.request_stop(); }
  };
  condition_variable_any changed;
  std::stop_source source;
  requesting_lock lock{source};
  EXPECT_FALSE(changed.wait(lock, source.get_token(), kNever));
}

TEST(CppConditionStop, NoRequestIsMissed) {
  constexpr int kRounds = kSanitized ? 500 : 5000;
  condition_variable_any changed;
  std::mutex mutex;
  for (int round = 0; round < kRounds; ++round) {
    std::stop_source source;
    std::atomic<bool> begun{false};
    std::thread waiter([&] {
      std::unique_lock lock(mutex);
      begun.store(true);
      EXPECT_FALSE(changed.wait(lock, source.get_token(), kNever));
    });
    while (!begun.load()) std::this_thread::yield();
    source.request_stop();
    waiter.join();
  }
}

/// A request wakes all; those of another token find their predicate as it was.
TEST(CppConditionStop, OthersGoOnWaiting) {
  condition_variable_any changed;
  std::mutex mutex;
  std::stop_source source;
  bool ready = false;
  std::thread stays([&] {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ready; });
  });
  until_waiting(changed, 1);
  std::thread leaves([&] {
    std::unique_lock lock(mutex);
    EXPECT_FALSE(changed.wait(lock, source.get_token(), kNever));
  });
  until_waiting(changed, 2);
  source.request_stop();
  leaves.join();
  until_waiting(changed, 1);
  {
    const std::lock_guard lock(mutex);
    ready = true;
  }
  changed.notify_one();
  stays.join();
}

}  // namespace

#endif  // __cpp_lib_jthread
