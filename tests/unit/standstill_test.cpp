// SPDX-License-Identifier: MIT OR Apache-2.0
//
// When looks find a standstill, by a clock of the test's own.
#include "stats/standstill.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>

namespace afflux {
namespace {

struct plain_policy {
  template <class T>
  using atomic = std::atomic<T>;
};

constexpr std::int64_t kSecond = 1'000'000'000;

// A semaphore as a look sees it.
class standstill_test : public testing::Test {
 protected:
  stats::standstill<plain_policy>::told look_with(
      const stats::standstill<plain_policy>::seen& at_look, std::int64_t seconds) {
    return looks_.look(at_look, seconds * kSecond, seconds * kSecond);
  }
  stats::standstill<plain_policy>::told look(std::int64_t seconds) {
    return look_with(now_, seconds);
  }
  std::int64_t seconds_still(std::int64_t at) { return look(at).ns / kSecond; }

  void acquires() { now_.held = true, ++now_.moved; }
  void releases() { now_.held = false, ++now_.moved; }
  void refuses(std::uint64_t requests) { now_.asked += requests; }
  void queues() { now_.waiting = true, ++now_.asked; }

  stats::standstill<plain_policy>::seen now_ = {};
  stats::standstill<plain_policy> looks_;
};

using Standstill = standstill_test;

TEST_F(Standstill, BeginsWithTheFirstLookThatFindsARequestUnserved) {
  acquires();
  EXPECT_EQ(seconds_still(10), 0);
  queues();
  EXPECT_EQ(seconds_still(20), 0);  // since when is not known: perhaps a moment
  EXPECT_EQ(seconds_still(25), 5);
  EXPECT_EQ(seconds_still(90), 70);
}

TEST_F(Standstill, KnowsRefusalsWithoutAQueue) {
  acquires();
  EXPECT_EQ(seconds_still(1), 0);
  refuses(3);
  EXPECT_EQ(look(2).unserved, 3u);
  refuses(4);
  const auto told = look(8);
  EXPECT_EQ(told.ns, 6 * kSecond);
  EXPECT_EQ(told.unserved, 7u);
}

// One refusal, and then nobody asks: the holder works for long, and that is all.
TEST_F(Standstill, ForgetsOneThatAskedLongAgo) {
  acquires();
  look(0);
  refuses(1);
  EXPECT_EQ(seconds_still(1), 0);
  EXPECT_EQ(seconds_still(6), 5);
  for (std::int64_t at = 7; at < 30; ++at) EXPECT_EQ(look(at).ns, 0);
  refuses(1);
  EXPECT_EQ(seconds_still(30), 0);  // begins anew
  EXPECT_EQ(seconds_still(32), 2);
}

TEST_F(Standstill, EndsWithAnythingThatMoves) {
  acquires();
  look(1);
  queues();
  look(2);
  EXPECT_EQ(seconds_still(9), 7);
  ++now_.moved;  // one came back, or was granted
  EXPECT_EQ(look(10).ns, 0);
  EXPECT_EQ(look(11).ns, 0);  // it still waits: a new one begins
  EXPECT_EQ(seconds_still(15), 4);
}

// Refused as many as it will, as long as something moves between two looks.
TEST_F(Standstill, IsNotOverload) {
  acquires();
  for (std::int64_t at = 0; at < 1000; ++at) {
    refuses(1000);
    queues();
    ++now_.moved;
    const auto told = look(at);
    EXPECT_EQ(told.ns, 0);
    EXPECT_EQ(told.unserved, 0u);
  }
}

TEST_F(Standstill, WantsHoldersAndDemand) {
  refuses(5);
  queues();
  for (std::int64_t at = 0; at < 20; ++at) EXPECT_EQ(look(at).ns, 0);  // a limit of 0, say
  acquires();
  now_.waiting = false;
  for (std::int64_t at = 20; at < 40; ++at) EXPECT_EQ(look(at).ns, 0);  // long work, undisturbed
}

// A look after a long time without one says nothing about the time before.
TEST_F(Standstill, IsNotMeasuredFromALookThatFoundNobodyWaiting) {
  acquires();
  look(0);
  look(1);
  queues();
  EXPECT_EQ(look(3600).ns, 0);
  EXPECT_EQ(seconds_still(3601), 1);
}

// Who queued before the permits moved last, and leaves, takes the demand along.
TEST_F(Standstill, EndsWhenNobodyWaitsAnyMore) {
  queues();
  acquires();
  look(0);
  look(1);
  EXPECT_EQ(seconds_still(3), 2);
  now_.waiting = false;
  EXPECT_EQ(look(4).ns, 0);
  queues();
  EXPECT_EQ(look(100).ns, 0);
  EXPECT_EQ(seconds_still(102), 2);
}

// A thread that read its numbers before other looks, and comes after them.
TEST_F(Standstill, DoesNotBeginWithALateLook) {
  acquires();
  look(0);
  queues();
  const auto late = now_;
  ++now_.moved;
  look(5);
  EXPECT_EQ(look_with(late, 6).ns, 0);
  EXPECT_EQ(look(7).ns, 0);  // here it begins
  EXPECT_EQ(seconds_still(8), 1);
  EXPECT_EQ(look(6).ns, 0);  // never negative
}

// A thread that was stopped while it read.
TEST_F(Standstill, EndsBeforeALookAndBeginsAfterOne) {
  acquires();
  look(0);
  queues();
  looks_.look(now_, 1 * kSecond, 9 * kSecond);
  EXPECT_EQ(looks_.look(now_, 10 * kSecond, 20 * kSecond).ns, kSecond);
}

}  // namespace
}  // namespace afflux
