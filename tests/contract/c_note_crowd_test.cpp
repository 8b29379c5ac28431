// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Many notes at once (up to the 128 of chapter 8): what one act lets in or ends it tells to all of
// them, whatever the first of them does. And what may block elsewhere keeps no note's owner
// waiting.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <future>
#include <thread>

#include "support/gate.h"
#include "support/note.h"
#include "support/per_queue.h"
#include "support/port.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kCrowd = 100;
constexpr std::int64_t kTooLong = 2000 * kMillisecond;  // only what has failed waits that long

class NoteCrowd : public per_queue {
 protected:
  // kCrowd of them, numbered, by start(noted&).
  template <class Start>
  void crowd(std::uint64_t permits, Start start) {
    for (std::uint64_t i = 0; i < kCrowd; ++i) {
      ASSERT_EQ(start(all.emplace_back(book, i, permits)), AFFLUX_PENDING);
    }
  }
  // The first note does so.
  template <class Act>
  void first_note(Act act) {
    book.then = [act](std::uint64_t which) {
      if (which == 0) act();
    };
  }
  void TearDown() override {
    for (noted& p : all) p.cancel();
  }

  note_book book;
  std::deque<noted> all;
};

// ---- a pulse, wake_all, wake_n, notify_all of an auto-reset event

TEST_P(NoteCrowd, APulseWakesThoseWhoWaitedAndNobodyWhoCameLaterWithAHigherPriority) {
  const event_guard event(false, GetParam());
  note_book of_late;
  noted late(of_late);
  late.request.priority = AFFLUX_PRIORITY_HIGH;
  first_note([&] { EXPECT_EQ(late.start(event), AFFLUX_PENDING); });
  crowd(1, [&](noted& p) { return p.start(event); });
  EXPECT_EQ(afflux_event_pulse(event), AFFLUX_OK);
  EXPECT_EQ(book.size(), kCrowd);
  EXPECT_EQ(late.status(), AFFLUX_PENDING);
  late.cancel();
}

TEST_P(NoteCrowd, APulseWakesNobodyWhoCameLaterInPlaceOfOneThatCancelled) {
  const event_guard event(false, GetParam());
  note_book of_late;
  noted late(of_late);
  first_note([&] {
    EXPECT_EQ(all[90].cancel(), AFFLUX_EALREADY);  // it is woken already
    EXPECT_EQ(late.start(event), AFFLUX_PENDING);
  });
  crowd(1, [&](noted& p) { return p.start(event); });
  EXPECT_EQ(afflux_event_pulse(event), AFFLUX_OK);
  EXPECT_EQ(book.size(), kCrowd);
  EXPECT_EQ(late.status(), AFFLUX_PENDING);
  late.cancel();
}

TEST_P(NoteCrowd, WakeNTellsHowManyItHasWoken) {
  const queue_guard queue(GetParam());
  first_note([&] { EXPECT_EQ(all[90].cancel(), AFFLUX_EALREADY); });
  crowd(1, [&](noted& p) {
    return afflux_queue_add_waiter_if(queue, nullptr, nullptr, &p.request, &p.waiter);
  });
  std::uint64_t woken = 0;
  EXPECT_EQ(afflux_queue_wake_n(queue, kCrowd, &woken), AFFLUX_OK);
  EXPECT_EQ(woken, book.size());
}

// ---- what was true for all of them at once

TEST_P(NoteCrowd, AMomentOfIdlenessIsToldToAllWhoWaitForIt) {
  const sem_guard sem(options(1));
  first_note([&] { EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK); });
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  crowd(1, [&](noted& p) { return p.start_idle(sem); });
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(book.size(), kCrowd);
}

TEST_P(NoteCrowd, AManualEventNotifiesAllAlthoughTheFirstNoteClears) {
  const event_guard event(true, GetParam());
  first_note([&] { EXPECT_EQ(afflux_event_clear(event), AFFLUX_OK); });
  crowd(1, [&](noted& p) { return p.start(event); });
  EXPECT_EQ(afflux_event_notify_all(event), AFFLUX_OK);
  EXPECT_EQ(book.size(), kCrowd);
}

TEST_P(NoteCrowd, AShrinkEndsAllImpossibleOnesAlthoughTheFirstNoteGrowsAgain) {
  const sem_guard sem(options(2));
  first_note([&] { EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK); });
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  crowd(2, [&](noted& p) { return p.start(sem); });
  EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
  EXPECT_EQ(book.size(), kCrowd);
}

// ---- no thread's time is wasted

TEST_P(NoteCrowd, AThreadBehindThemIsWokenBeforeTheFirstNote) {
  const sem_guard sem(options(kCrowd + 1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, kCrowd + 1), AFFLUX_OK);
  crowd(1, [&](noted& p) { return p.start(sem); });
  blocked thread(sem, 1);
  await_waiters(sem, kCrowd + 1);
  first_note([&] {
    const std::int64_t end = now_ns() + kTooLong;
    while (!thread.returned() && now_ns() < end) std::this_thread::yield();
    EXPECT_TRUE(thread.returned());
  });
  EXPECT_EQ(afflux_sem_release(sem, kCrowd + 1), AFFLUX_OK);
}

// ---- a wake function blocks in an acquire for what a note behind it gives back

TEST_P(NoteCrowd, AWakeFunctionMayBlockForWhatTheLastNoteGivesBack) {
  const sem_guard line(options(kCrowd + 1));
  const sem_guard other(options(1));
  afflux_status got = kNotCompleted;
  pending first;
  first.then = [&](afflux_status) { got = afflux_sem_acquire(other, 1, kTooLong); };
  book.then = [&](std::uint64_t which) {
    if (which != kCrowd - 1) return;
    EXPECT_EQ(afflux_sem_release(other, 1), AFFLUX_OK);
  };
  ASSERT_EQ(afflux_sem_try_acquire(other, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_try_acquire(line, kCrowd + 1), AFFLUX_OK);
  ASSERT_EQ(first.start(line), AFFLUX_PENDING);
  crowd(1, [&](noted& p) { return p.start(line); });
  EXPECT_EQ(afflux_sem_release(line, kCrowd + 1), AFFLUX_OK);
  EXPECT_EQ(got, AFFLUX_OK);
  EXPECT_EQ(book.size(), kCrowd);
}

// ---- a slow_wait function that blocks keeps a note's owner waiting

TEST_P(NoteCrowd, ASlowWaitFunctionThatBlocksKeepsNoCancelWaiting) {
  struct {
    latch inside{1}, blocks{1};
  } state;
  afflux_sem_options o = options(2);
  o.statistics = AFFLUX_STATS_FULL;
  o.slow_wait = [](void* ctx, const afflux_slow_wait* wait) {
    if (wait->priority != AFFLUX_PRIORITY_HIGH) return;
    auto& s = *static_cast<decltype(state)*>(ctx);
    s.inside.count_down();
    s.blocks.wait();
  };
  o.slow_wait_ctx = &state;
  const sem_guard sem(o);
  noted p(book, 1);
  pending callback;
  callback.request.priority = AFFLUX_PRIORITY_HIGH;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  ASSERT_EQ(callback.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  std::thread releaser([&] { EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK); });
  state.inside.wait();
  auto cancelled = std::async(std::launch::async, [&] { return p.cancel(); });
  EXPECT_EQ(cancelled.wait_for(std::chrono::seconds(2)), std::future_status::ready);
  state.blocks.count_down();
  releaser.join();
}

// ---- within a note no other note can be told (chapter 8)

TEST_P(NoteCrowd, WithinANoteANewcomerThatWouldDropOneIsRefused) {
  afflux_sem_options o = options(1);
  o.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
  o.max_waiters = 1;
  const sem_guard full(o);
  const sem_guard sem(options(1));
  noted victim(book, 1), newcomer(book, 2), trigger(book, 0);
  afflux_status answer = kNotCompleted;
  first_note([&] { answer = newcomer.start(full); });
  ASSERT_EQ(afflux_sem_try_acquire(full, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(victim.start(full), AFFLUX_PENDING);
  ASSERT_EQ(trigger.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(answer, AFFLUX_EREJECTED);
  EXPECT_EQ(victim.cancel(), AFFLUX_OK);
}

INSTANTIATE_TEST_SUITE_P(Each, NoteCrowd, all_queues(), queue_name);

// ---- idle already, and the port is closed

class IdlePort : public per_variant {};

TEST_P(IdlePort, AClosedPortIsRefusedOnlyWhereThereIsSomethingToWaitFor) {
  port_guard port(AFFLUX_PORT_CALLBACK);
  ported p(port);
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_port_close(port), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_wait_idle_async(sem, &p.request, &p.waiter), AFFLUX_OK);
}

INSTANTIATE_TEST_SUITE_P(Each, IdlePort, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
