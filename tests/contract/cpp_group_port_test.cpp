// SPDX-License-Identifier: MIT OR Apache-2.0
//
// co_await any(...) and all(...) that complete in an event loop, and their end by destruction (D7
// of afflux.hpp, chapter 4).
#include <afflux/afflux.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>

#include "support/build_kind.h"
#include "support/coroutines.h"
#include "support/gate.h"

namespace {

using namespace std::chrono_literals;
using afflux::event;
using afflux::permit;
using afflux::port;
using afflux::semaphore;
using afflux::status;
using afflux_test::kSanitized;
using afflux_test::owned;

constexpr std::size_t kAll = SIZE_MAX;

struct outcome {
  std::optional<status> result;
  std::size_t index = 99;
  std::uint64_t count = 0;
  std::thread::id where;
};

/// Waits for any, and keeps what it got until it is destroyed.
template <class Operation>
owned keep_any(Operation op, outcome& out) {
  const auto [index, p] = co_await std::move(op);
  out = {p.status(), index, p.count(), std::this_thread::get_id()};
  co_await std::suspend_always{};
}

/// The same for all.
template <class Operation>
owned keep_all(Operation op, outcome& out) {
  const auto permits = co_await std::move(op);
  out.result = permits[0].status();
  for (const permit& p : permits) out.count += p.count();
  out.where = std::this_thread::get_id();
  co_await std::suspend_always{};
}

class CppGroupPort : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(loop.run_ready(kAll), 0u) << "something is left in it";
    // Another thread that rang the doorbell may still be on its way out.
    status closed = loop.close();
    while (closed == status::busy) {
      std::this_thread::yield();
      closed = loop.close();
    }
    EXPECT_EQ(closed, status::ok);
  }

  static void expect_free(const semaphore& sem) {
    EXPECT_EQ(sem.held(), 0u);
    EXPECT_EQ(sem.waiters(), 0u);
  }

  afflux_test::counting_semaphore rung{0};
  port loop{afflux::port_options{
      .kind = afflux::port_kind::callback,
      .doorbell = [](void* ctx) { static_cast<afflux_test::counting_semaphore*>(ctx)->release(); },
      .ctx = &rung}};
  semaphore a{1};
  semaphore b{2};
};

TEST_F(CppGroupPort, AnyGoesOnInTheLoop) {
  const permit first = a.try_acquire();
  permit second = b.try_acquire(2);
  outcome out;
  owned c = keep_any(any(a.acquire(), b.acquire(2)).resume_on(loop), out);
  std::thread([&] { second.release(); }).join();
  EXPECT_FALSE(out.result);
  rung.acquire();
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.index, 1u);
  EXPECT_EQ(out.count, 2u);
  EXPECT_EQ(out.where, std::this_thread::get_id());
  EXPECT_EQ(a.waiters(), 0u);
  c.destroy();
  expect_free(b);
}

TEST_F(CppGroupPort, AllGoesOnInTheLoop) {
  permit first = a.try_acquire();
  permit second = b.try_acquire(2);
  outcome out;
  owned c = keep_all(all(a.acquire(), b.acquire(2)).resume_on(loop), out);
  second.release();
  EXPECT_EQ(loop.run_ready(kAll), 0u);
  std::thread([&] { first.release(); }).join();
  EXPECT_FALSE(out.result);
  rung.acquire();
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.count, 3u);
  EXPECT_EQ(out.where, std::this_thread::get_id());
  c.destroy();
  expect_free(a);
  expect_free(b);
}

TEST_F(CppGroupPort, JustGoesOnWhereItNeedNotWait) {
  outcome out;
  const owned c = keep_all(all(a.acquire(), b.acquire()).resume_on(loop), out);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.count, 2u);
  EXPECT_EQ(loop.run_ready(kAll), 0u);
}

TEST_F(CppGroupPort, AnEventIsOneOfThem) {
  const permit held = a.try_acquire();
  const event stop;
  outcome out;
  const owned c = keep_any(any(a.acquire(), stop.wait()).resume_on(loop), out);
  EXPECT_EQ(stop.notify_one(), status::ok);
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.index, 1u);
  EXPECT_EQ(a.waiters(), 0u);
}

TEST_F(CppGroupPort, TheTimeAndACloseEndIt) {
  const permit first = a.try_acquire();
  // By hand: where the time ran out before the last of them has begun, it would not wait at all.
  ASSERT_EQ(afflux::timers_manual(true), status::ok);
  outcome late;
  const owned c = keep_any(any(a.acquire().within(1ms), a.acquire()).resume_on(loop), late);
  EXPECT_FALSE(late.result);
  while (afflux::timers_advance()) {
  }
  ASSERT_EQ(afflux::timers_manual(false), status::ok);
  rung.acquire();
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_EQ(late.result, status::timed_out);

  outcome closed;
  const owned d = keep_all(all(a.acquire(), b.acquire()).resume_on(loop), closed);
  EXPECT_EQ(a.close(), status::ok);
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_EQ(closed.result, status::closed);
  EXPECT_EQ(closed.count, 0u);
  expect_free(b);
}

TEST_F(CppGroupPort, DestroyedWhileItWaitsItLeavesTheQueues) {
  const permit first = a.try_acquire();
  const permit second = b.try_acquire(2);
  outcome out;
  owned one = keep_any(any(a.acquire(), b.acquire()).resume_on(loop), out);
  owned both = keep_all(all(a.acquire(), b.acquire()).resume_on(loop), out);
  one.destroy();
  both.destroy();
  EXPECT_EQ(a.waiters() + b.waiters(), 0u);
  EXPECT_EQ(loop.run_ready(kAll), 0u);
  EXPECT_FALSE(out.result);
}

TEST_F(CppGroupPort, DestroyedWhenItLiesInThePortItGivesBackWhatItHeld) {
  permit first = a.try_acquire();
  permit second = b.try_acquire(2);
  outcome out;
  owned one = keep_any(any(a.acquire(), b.acquire(2)).resume_on(loop), out);
  second.release();
  EXPECT_EQ(b.held(), 2u);
  one.destroy();
  expect_free(b);

  owned both = keep_all(all(a.acquire(), b.acquire()).resume_on(loop), out);
  first.release();
  EXPECT_EQ(a.held(), 1u);
  both.destroy();
  expect_free(a);
  expect_free(b);
  EXPECT_EQ(loop.run_ready(kAll), 0u);
  EXPECT_FALSE(out.result);
}

TEST_F(CppGroupPort, DestroyedWithAnAutoResetNotificationItPassesItOn) {
  const permit held = a.try_acquire();
  const event stop;
  outcome out;
  owned c = keep_any(any(a.acquire(), stop.wait()).resume_on(loop), out);
  EXPECT_EQ(stop.notify_one(), status::ok);
  EXPECT_FALSE(stop.is_set());
  c.destroy();
  EXPECT_TRUE(stop.is_set());
}

// Other coroutines' completions are kept while one is taken out of the port.
TEST_F(CppGroupPort, DestroyedItLeavesOthersInThePort) {
  permit first = a.try_acquire();
  permit second = b.try_acquire(2);
  outcome stays;
  outcome goes;
  const owned other = keep_any(any(a.acquire(), a.acquire()).resume_on(loop), stays);
  owned c = keep_any(any(b.acquire(), b.acquire()).resume_on(loop), goes);
  first.release();
  second.release();
  c.destroy();
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_EQ(stays.result, status::ok);
  EXPECT_FALSE(goes.result);
  expect_free(b);
}

// Another thread completes it while the loop's thread destroys it, at whatever moment.
TEST_F(CppGroupPort, DestroyedBesideAReleaseNothingIsLost) {
  constexpr int kRounds = kSanitized ? 300 : 1000;
  for (int round = 0; round < kRounds; ++round) {
    permit first = a.try_acquire();
    permit second = b.try_acquire(2);
    ASSERT_TRUE(first && second);
    outcome out;
    owned c = round % 2 == 0 ? keep_any(any(a.acquire(), b.acquire()).resume_on(loop), out)
                             : keep_all(all(a.acquire(), b.acquire()).resume_on(loop), out);
    std::atomic<int> at_the_start{0};
    const auto together = [&at_the_start] {
      ++at_the_start;
      while (at_the_start.load() != 2) std::this_thread::yield();
    };
    std::thread releases([&] {
      together();
      first.release();
      second.release();
    });
    together();
    for (int step = round % 64; step > 0; --step) (void)a.waiters();
    if (round % 5 == 0) loop.run_ready(kAll);
    c.destroy();
    releases.join();
    loop.run_ready(kAll);
    expect_free(a);
    expect_free(b);
  }
}

}  // namespace
