// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Queue limits while requests are granted, cancelled, timed out, refused by a shrink and queued,
// all at the same moment on two CPUs.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <thread>

#include "support/aligned.h"
#include "support/build_kind.h"
#include "support/per_queue.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

// A release decides, a shrink takes the decision back, and meanwhile requests leave by cancel and
// by time and others come: at rest the bound holds, and in the end the whole of it is there again.
class AdversaryLimits : public per_queue {
 protected:
  static constexpr std::uint64_t kWaiters = 8;
  static constexpr std::uint64_t kBytes = 36;  // 1 + 2 + … + 8

  void SetUp() override { ASSERT_EQ(afflux_timers_manual(1), AFFLUX_OK); }
  void TearDown() override { ASSERT_EQ(afflux_timers_manual(0), AFFLUX_OK); }

  // Each bound admits the first half of the requests and nothing more.
  void repeat_rounds(std::uint64_t max_waiters, std::uint64_t max_bytes) {
    AFFLUX_NEEDS_TWO_CPUS();
    constexpr int kRounds = kSanitized ? 1'000 : 10'000;
    afflux_sem_options o;
    ASSERT_EQ(afflux_sem_options_init(&o), AFFLUX_OK);
    o.queue = GetParam();
    o.permits = kWaiters;
    o.max_waiters = max_waiters_ = max_waiters;
    o.max_queue_bytes = max_bytes_ = max_bytes;
    o.overflow = AFFLUX_OVERFLOW_FAIL;
    const sem_guard own(o);
    sem_ = own;
    aligned_sides sides({[&] { EXPECT_EQ(afflux_sem_release(sem_, kWaiters - 1), AFFLUX_OK); },
                         [&] {
                           EXPECT_EQ(afflux_sem_resize(sem_, 2), AFFLUX_OK);
                           (*queue_)[leaves_].cancel();
                           afflux_timers_advance();
                           for (std::size_t i = kWaiters; i < 2 * kWaiters; ++i) start(i);
                         }});
    for (int round = 0; round < kRounds && !HasFailure(); ++round) {
      SCOPED_TRACE(testing::Message() << "round " << round);
      play(sides, round % 64 == 0);
      if (max_bytes != 0) expect_room_for_one_of(max_bytes);
    }
  }

 private:
  void start(std::size_t i) { answers_[i] = (*queue_)[i].start(sem_); }
  bool queued(std::size_t i) const {
    return answers_[i] == AFFLUX_PENDING && (*queue_)[i].completions() == 0;
  }

  void play(aligned_sides& sides, bool timed) {
    std::deque<pending> requests(2 * kWaiters);
    queue_ = &requests;
    ASSERT_EQ(afflux_sem_try_acquire(sem_, kWaiters), AFFLUX_OK);
    for (std::size_t i = 0; i < 2 * kWaiters; ++i) {
      requests[i].request.cost_bytes = i % kWaiters + 1;
      if (timed && i % 3 == 0 && i < kWaiters) requests[i].request.timeout_ns = 1;
    }
    for (std::size_t i = 0; i < kWaiters; ++i) {
      start(i);
      ASSERT_EQ(answers_[i], AFFLUX_PENDING);
    }
    if (timed) pass_time(AFFLUX_TIMER_TICK_NS + 1000);
    leaves_ = random_() % kWaiters;
    sides.round([&](std::size_t) { return random_() % (stamps_of(400) + 1); });
    expect_bound();
    for (std::size_t i = 0; i < 2 * kWaiters; ++i) {
      if (answers_[i] == AFFLUX_PENDING) requests[i].cancel();
    }
    while (afflux_timers_advance() != AFFLUX_FOREVER) {
    }
    EXPECT_EQ(afflux_sem_waiters(sem_), 0u);
    if (const std::uint64_t held = afflux_sem_held(sem_); held != 0) {
      ASSERT_EQ(afflux_sem_release(sem_, held), AFFLUX_OK);
    }
    ASSERT_EQ(afflux_sem_resize(sem_, kWaiters), AFFLUX_OK);
  }

  void expect_bound() const {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < 2 * kWaiters; ++i) {
      if (queued(i) && i != leaves_) bytes += i % kWaiters + 1;
    }
    if (max_waiters_ != 0) {
      EXPECT_LE(afflux_sem_waiters(sem_), max_waiters_);
    }
    if (max_bytes_ != 0) {
      EXPECT_LE(bytes, max_bytes_);
    }
  }

  void expect_room_for_one_of(std::uint64_t bytes) {
    ASSERT_EQ(afflux_sem_try_acquire(sem_, kWaiters), AFFLUX_OK);
    pending whole, more;
    whole.request.cost_bytes = bytes;
    more.request.cost_bytes = 1;
    EXPECT_EQ(whole.start(sem_), AFFLUX_PENDING);
    EXPECT_EQ(more.start(sem_), AFFLUX_EREJECTED);
    whole.cancel();
    more.cancel();
    ASSERT_EQ(afflux_sem_release(sem_, kWaiters), AFFLUX_OK);
  }

  afflux_sem* sem_ = nullptr;
  std::uint64_t max_waiters_ = 0;
  std::uint64_t max_bytes_ = 0;
  std::deque<pending>* queue_ = nullptr;
  std::array<afflux_status, 2 * kWaiters> answers_{};
  std::size_t leaves_ = 0;  // who is cancelled
  std::mt19937_64 random_{1};
};

TEST_P(AdversaryLimits, OfNumberAreExactHoweverRequestsLeaveAtOnce) { repeat_rounds(kWaiters, 0); }

TEST_P(AdversaryLimits, OfBytesAreExactHoweverRequestsLeaveAtOnce) { repeat_rounds(0, kBytes); }

INSTANTIATE_TEST_SUITE_P(Each, AdversaryLimits, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
