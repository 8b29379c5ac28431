// SPDX-License-Identifier: MIT OR Apache-2.0
//
// afflux_event_pulse(): all who wait go on, and nothing is remembered.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <thread>

#include "support/note.h"
#include "support/per_queue.h"
#include "support/port.h"
#include "support/recorder.h"

namespace afflux_test {
namespace {

class Pulse : public per_queue {};

TEST_P(Pulse, WakesAllWhoWaitAndIsNotRemembered) {
  for (const bool manual : {false, true}) {
    const event_guard event(manual, GetParam());
    std::deque<pending> all(5);
    for (pending& p : all) ASSERT_EQ(start(event, p), AFFLUX_PENDING);
    EXPECT_EQ(afflux_event_pulse(event), AFFLUX_OK);
    for (const pending& p : all) EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
    EXPECT_EQ(afflux_event_is_set(event), 0);
    EXPECT_EQ(afflux_event_waiters(event), 0u);
    EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_ETIMEDOUT);
  }
}

TEST_P(Pulse, WithNobodyWaitingDoesNothing) {
  for (const bool manual : {false, true}) {
    const event_guard event(manual, GetParam());
    EXPECT_EQ(afflux_event_pulse(event), AFFLUX_OK);
    EXPECT_EQ(afflux_event_is_set(event), 0);
    pending p;
    ASSERT_EQ(start(event, p), AFFLUX_PENDING);
    EXPECT_EQ(p.cancel(), AFFLUX_OK);
    EXPECT_EQ(afflux_event_pulse(event), AFFLUX_OK);  // nor for one that has left
    EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_ETIMEDOUT);
    EXPECT_EQ(p.completions(), 0);
  }
}

TEST_P(Pulse, LeavesAnEventSetThatWasSet) {
  for (const bool manual : {false, true}) {
    const event_guard event(manual, GetParam());
    ASSERT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
    EXPECT_EQ(afflux_event_pulse(event), AFFLUX_OK);
    EXPECT_EQ(afflux_event_is_set(event), 1);
    EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_OK);
    EXPECT_EQ(afflux_event_wait(event, 0), manual ? AFFLUX_OK : AFFLUX_ETIMEDOUT);
  }
}

TEST_P(Pulse, WakesBlockedThreadsAndEveryOtherKind) {
  const event_guard event(false, GetParam());
  note_book book;
  noted by_note(book, 1);
  port_guard port(AFFLUX_PORT_CALLBACK);
  ported by_port(port, 2);
  std::deque<in_thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] { return afflux_event_wait(event, AFFLUX_FOREVER); });
  }
  await([&] { return afflux_event_waiters(event) == 3; });
  ASSERT_EQ(by_note.start(event), AFFLUX_PENDING);
  ASSERT_EQ(afflux_event_wait_async(event, &by_port.request, &by_port.waiter), AFFLUX_PENDING);
  EXPECT_EQ(afflux_event_pulse(event), AFFLUX_OK);
  for (in_thread& each : threads) EXPECT_EQ(each.join(), AFFLUX_OK);
  EXPECT_EQ(by_note.status(), AFFLUX_OK);
  EXPECT_EQ(port.drain_all().size(), 1u);
  EXPECT_EQ(afflux_event_waiters(event), 0u);
}

// What a waiter's completion queues comes later, and waits for the next.
TEST_P(Pulse, DoesNotWakeWhoWaitsAgainFromACompletion) {
  const event_guard event(false, GetParam());
  std::deque<pending> all(3);
  for (pending& p : all) {
    p.then = [&](afflux_status) { EXPECT_EQ(start(event, p), AFFLUX_PENDING); };
    ASSERT_EQ(start(event, p), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_event_pulse(event), AFFLUX_OK);
  for (const pending& p : all) EXPECT_EQ(p.completions(), 1);
  EXPECT_EQ(afflux_event_waiters(event), 3u);
  EXPECT_EQ(afflux_event_pulse(event), AFFLUX_OK);
  for (const pending& p : all) EXPECT_EQ(p.completions(), 2);
}

TEST_P(Pulse, RefusesNull) { EXPECT_EQ(afflux_event_pulse(nullptr), AFFLUX_EINVAL); }

// A thread that was told to wait before the pulse is woken by it, and sees what came before.
TEST_P(Pulse, MissesNobodyWhoWaitsAlready) {
  constexpr int kRounds = 500;
  const event_guard event(false, GetParam());
  std::atomic<int> ready{0};
  int written = 0;
  std::thread waiting([&] {
    for (int i = 1; i <= kRounds; ++i) {
      pending p;
      ASSERT_EQ(start(event, p), AFFLUX_PENDING);
      ready.store(i, std::memory_order_release);
      await([&] { return p.completions() == 1; });
      EXPECT_EQ(written, i);
    }
  });
  for (int i = 1; i <= kRounds; ++i) {
    await([&] { return ready.load(std::memory_order_acquire) == i; });
    written = i;
    EXPECT_EQ(afflux_event_pulse(event), AFFLUX_OK);
  }
  waiting.join();
  EXPECT_EQ(afflux_event_is_set(event), 0);
}

// Notifications are not lost to pulses at the same moment: each is taken once.
TEST_P(Pulse, BesideNotificationsSwallowsNone) {
  constexpr std::uint64_t kNotifications = 1000;
  const event_guard event(false, GetParam());
  std::atomic<bool> over{false};
  std::thread pulsing([&] {
    while (!over.load()) EXPECT_EQ(afflux_event_pulse(event), AFFLUX_OK);
  });
  for (std::uint64_t i = 0; i < kNotifications; ++i) {
    EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
    EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_OK);
  }
  over.store(true);
  pulsing.join();
  EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_ETIMEDOUT);
}

INSTANTIATE_TEST_SUITE_P(Each, Pulse, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
