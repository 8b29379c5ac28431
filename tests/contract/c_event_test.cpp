// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The event: what is remembered, whom a notification wakes, the end, and what a
// completion may do. The statuses of its calls are in c_event_status_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "support/per_queue.h"
#include "support/recorder.h"

namespace afflux_test {
namespace {

constexpr std::int64_t kHour = 3600 * 1000 * kMillisecond;
// More than one pass of a granter completes at once.
constexpr std::size_t kMany = 3000;

class Event : public per_queue {
 protected:
  event_guard auto_reset() const { return {false, GetParam()}; }
  event_guard manual_reset() const { return {true, GetParam()}; }
};

void expect_state(const afflux_event* event, bool set, std::uint64_t waiters) {
  EXPECT_EQ(afflux_event_is_set(event), set ? 1 : 0);
  EXPECT_EQ(afflux_event_waiters(event), waiters);
}

// ---- what is remembered

TEST_P(Event, AutoResetRemembersExactlyOneAndTheWaitTakesIt) {
  const event_guard event = auto_reset();
  expect_state(event, false, 0);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
    EXPECT_EQ(afflux_event_notify_all(event), AFFLUX_OK);
    expect_state(event, true, 0);
  }
  EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_OK);
  expect_state(event, false, 0);
  EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(afflux_event_clear(event), AFFLUX_OK);  // not set anyway
  EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
  EXPECT_EQ(afflux_event_clear(event), AFFLUX_OK);
  EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_ETIMEDOUT);
}

TEST_P(Event, ManualResetPassesAllUntilClear) {
  const event_guard event = manual_reset();
  std::deque<pending> queue(5);
  in_thread thread([&] { return afflux_event_wait(event, AFFLUX_FOREVER); });
  for (pending& p : queue) EXPECT_EQ(start(event, p), AFFLUX_PENDING);
  await([&] { return afflux_event_waiters(event) == 6; });
  EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
  for (pending& p : queue) EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(thread.join(), AFFLUX_OK);
  expect_state(event, true, 0);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(afflux_event_notify_all(event), AFFLUX_OK);
    EXPECT_EQ(afflux_event_wait(event, i % 2 == 0 ? 0 : AFFLUX_FOREVER), AFFLUX_OK);
    pending p;
    EXPECT_EQ(start(event, p), AFFLUX_OK);
    expect_state(event, true, 0);
  }
  EXPECT_EQ(afflux_event_clear(event), AFFLUX_OK);
  EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_ETIMEDOUT);
  expect_state(event, false, 0);
}

TEST_P(Event, NotifyAllWakesAllAndIsRememberedOnlyWithNobodyWaiting) {
  const event_guard event = auto_reset();
  for (const std::size_t count : {std::size_t{1}, std::size_t{5}, kMany}) {
    std::deque<pending> queue(count);
    for (pending& p : queue) ASSERT_EQ(start(event, p), AFFLUX_PENDING);
    expect_state(event, false, count);
    EXPECT_EQ(afflux_event_notify_all(event), AFFLUX_OK);
    for (pending& p : queue) ASSERT_TRUE(p.completed_once_with(AFFLUX_OK));
    expect_state(event, false, 0);
  }
  EXPECT_EQ(afflux_event_notify_all(event), AFFLUX_OK);
  expect_state(event, true, 0);
  EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_OK);
}

TEST_P(Event, ClearLeavesThoseWhoWaitWaiting) {
  const event_guard event = manual_reset();
  pending p;
  ASSERT_EQ(start(event, p), AFFLUX_PENDING);
  in_thread thread([&] { return afflux_event_wait(event, AFFLUX_FOREVER); });
  await([&] { return afflux_event_waiters(event) == 2; });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(afflux_event_clear(event), AFFLUX_OK);
  EXPECT_FALSE(thread.returned());
  EXPECT_EQ(p.completions(), 0);
  expect_state(event, false, 2);
  EXPECT_EQ(afflux_event_notify_all(event), AFFLUX_OK);
  EXPECT_EQ(thread.join(), AFFLUX_OK);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
}

// ---- whom a notification wakes

TEST_P(Event, NotifyOneWakesExactlyTheFirst) {
  const event_guard event = auto_reset();
  journal book;
  std::deque<pending> queue;
  std::vector<int> expected;
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(start(event, queue.emplace_back(1, book, i)), AFFLUX_PENDING);
  }
  for (int i = 0; i < 20; ++i) {
    expected.push_back(i);
    EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
    ASSERT_EQ(book.ids(), expected);
    expect_state(event, false, 19u - static_cast<unsigned>(i));
  }
}

TEST_P(Event, NotifyOneWakesBlockedThreadsOneByOneInOrder) {
  const event_guard event = auto_reset();
  std::deque<in_thread> threads;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    threads.emplace_back([&] { return afflux_event_wait(event, AFFLUX_FOREVER); });
    await([&] { return afflux_event_waiters(event) == i; });
  }
  for (std::size_t i = 0; i < threads.size(); ++i) {
    EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
    EXPECT_EQ(threads[i].join(), AFFLUX_OK);
    for (std::size_t k = i + 1; k < threads.size(); ++k) EXPECT_FALSE(threads[k].returned());
    expect_state(event, false, threads.size() - 1 - i);
  }
}

TEST_P(Event, AHigherPriorityIsNotifiedFirst) {
  for (const bool all : {false, true}) {
    const event_guard event = auto_reset();
    journal book;
    std::deque<pending> queue;
    for (int i = 0; i < 12; ++i) {
      pending& p = queue.emplace_back(1, book, (3 - i % 4) * 10 + i / 4);
      p.request.priority = static_cast<std::uint32_t>(i % 4);
      ASSERT_EQ(start(event, p), AFFLUX_PENDING);
    }
    for (int i = 0; i < (all ? 1 : 12); ++i) {
      EXPECT_EQ(all ? afflux_event_notify_all(event) : afflux_event_notify_one(event), AFFLUX_OK);
    }
    EXPECT_EQ(book.ids(), (std::vector<int>{0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32}));
  }
}

// Two notifications with at least two waiting complete two, however they meet.
TEST_P(Event, NotificationsAtTheSameMomentWakeOneEach) {
  constexpr int kRounds = 10000;
  constexpr int kThreads = 2;
  const event_guard event = auto_reset();
  std::atomic<int> round{0};
  std::atomic<int> done{0};
  std::vector<std::thread> notifiers;
  for (int t = 0; t < kThreads; ++t) {
    notifiers.emplace_back([&] {
      for (int i = 1; i <= kRounds; ++i) {
        await([&] { return round.load() >= i; });
        EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
        done.fetch_add(1);
      }
    });
  }
  int lost = 0;
  for (int i = 1; i <= kRounds; ++i) {
    std::deque<pending> queue(kThreads + 1);
    for (pending& p : queue) EXPECT_EQ(start(event, p), AFFLUX_PENDING);
    round.store(i);
    await([&] { return done.load() == kThreads * i; });
    if (queue[0].completions() + queue[1].completions() != kThreads) ++lost;
    EXPECT_EQ(queue[kThreads].completions(), 0);
    for (pending& p : queue) p.cancel();
    expect_state(event, false, 0);
  }
  for (std::thread& thread : notifiers) thread.join();
  EXPECT_EQ(lost, 0) << "rounds of " << kRounds << " in which a waiter was forgotten";
}

TEST_P(Event, WhoCancelsOrTimesOutSwallowsNothing) {
  ASSERT_EQ(afflux_timers_manual(1), AFFLUX_OK);
  const event_guard event = auto_reset();
  pending cancelled, late, last;
  late.request.timeout_ns = kMillisecond;
  const std::int64_t before = now_ns();
  for (pending* p : {&cancelled, &late, &last}) ASSERT_EQ(start(event, *p), AFFLUX_PENDING);
  EXPECT_EQ(afflux_event_waiters(event), 3u);
  EXPECT_EQ(cancelled.cancel(), AFFLUX_OK);
  EXPECT_EQ(afflux_event_waiters(event), 2u);
  await([&] { return afflux_timers_advance(), late.completions() != 0; });
  EXPECT_TRUE(late.completed_once_with(AFFLUX_ETIMEDOUT));
  EXPECT_GE(late.completed_at - before, kMillisecond);
  EXPECT_EQ(afflux_event_wait(event, kMillisecond), AFFLUX_ETIMEDOUT);
  expect_state(event, false, 1);
  EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
  EXPECT_TRUE(last.completed_once_with(AFFLUX_OK));
  expect_state(event, false, 0);
  // With none left the notification is kept.
  ASSERT_EQ(start(event, cancelled), AFFLUX_PENDING);
  EXPECT_EQ(cancelled.cancel(), AFFLUX_OK);
  EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
  expect_state(event, true, 0);
  EXPECT_EQ(cancelled.completions(), 0);
  EXPECT_EQ(afflux_timers_manual(0), AFFLUX_OK);
}

// ---- the end

TEST_P(Event, TheLastReferenceEndsEveryWaitWithEclosed) {
  for (const bool manual : {false, true}) {
    event_guard event(manual, GetParam());
    afflux_event* const handle = event;
    EXPECT_EQ(afflux_event_ref(handle), handle);
    std::deque<pending> queue(100);
    queue[7].request.timeout_ns = kHour;
    for (pending& p : queue) ASSERT_EQ(start(handle, p), AFFLUX_PENDING);
    in_thread thread([=] { return afflux_event_wait(handle, AFFLUX_FOREVER); });
    in_thread timed([=] { return afflux_event_wait(handle, kHour); });
    await([&] { return afflux_event_waiters(handle) == 102; });
    afflux_event_unref(handle);
    expect_state(handle, false, 102);
    afflux_event_unref(event.give());
    for (pending& p : queue) EXPECT_TRUE(p.completed_once_with(AFFLUX_ECLOSED));
    EXPECT_EQ(thread.join(), AFFLUX_ECLOSED);
    EXPECT_EQ(timed.join(), AFFLUX_ECLOSED);
  }
}

// ---- within completions

TEST_P(Event, ACompletionMayWaitAgainNotifyAndClear) {
  const event_guard event = auto_reset();
  pending first, second, again;
  first.then = [&](afflux_status) {
    EXPECT_EQ(start(event, again), AFFLUX_PENDING);        // behind the second
    EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);  // the second's
    EXPECT_EQ(afflux_event_clear(event), AFFLUX_OK);
    EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_ETIMEDOUT);
  };
  ASSERT_EQ(start(event, first), AFFLUX_PENDING);
  ASSERT_EQ(start(event, second), AFFLUX_PENDING);
  EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
  EXPECT_TRUE(first.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(second.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(again.completions(), 0);
  expect_state(event, false, 1);
  again.then = [&](afflux_status) { EXPECT_EQ(afflux_event_notify_all(event), AFFLUX_OK); };
  EXPECT_EQ(afflux_event_notify_all(event), AFFLUX_OK);
  EXPECT_TRUE(again.completed_once_with(AFFLUX_OK));
  expect_state(event, true, 0);  // the completion's own, with nobody waiting
}

TEST_P(Event, ACompletionMayDropTheLastReference) {
  for (const bool manual : {false, true}) {
    for (const bool all : {false, true}) {
      event_guard event(manual, GetParam());
      pending first, second;
      first.then = [&](afflux_status) { afflux_event_unref(event.give()); };
      ASSERT_EQ(start(event, first), AFFLUX_PENDING);
      ASSERT_EQ(start(event, second), AFFLUX_PENDING);
      EXPECT_EQ(all ? afflux_event_notify_all(event) : afflux_event_notify_one(event), AFFLUX_OK);
      EXPECT_TRUE(first.completed_once_with(AFFLUX_OK));
      EXPECT_TRUE(second.completed_once_with(manual || all ? AFFLUX_OK : AFFLUX_ECLOSED));
    }
  }
}

// "All who wait complete" holds whatever the first of them does.
TEST_P(Event, ManualResetNotifiesAllAlthoughTheFirstCompletionClears) {
  const event_guard event = manual_reset();
  std::deque<pending> queue(kMany);
  queue.front().then = [&](afflux_status) { EXPECT_EQ(afflux_event_clear(event), AFFLUX_OK); };
  for (pending& p : queue) ASSERT_EQ(start(event, p), AFFLUX_PENDING);
  EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
  std::size_t forgotten = 0;
  for (pending& p : queue) {
    if (p.cancel() == AFFLUX_OK) ++forgotten;
  }
  EXPECT_EQ(forgotten, 0u) << "of " << kMany;
  expect_state(event, false, 0);
}

// "Once set, every wait passes": one of time 0 too, in the midst of the completions.
TEST_P(Event, ManualResetPassesAWaitFromEachCompletion) {
  const event_guard event = manual_reset();
  std::deque<pending> queue(kMany);
  std::size_t passed = 0;
  for (pending& p : queue) {
    p.then = [&](afflux_status) {
      passed += afflux_event_is_set(event) == 1 && afflux_event_wait(event, 0) == AFFLUX_OK;
    };
    ASSERT_EQ(start(event, p), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_event_notify_all(event), AFFLUX_OK);
  EXPECT_EQ(passed, kMany);
  expect_state(event, true, 0);
}

INSTANTIATE_TEST_SUITE_P(Each, Event, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
