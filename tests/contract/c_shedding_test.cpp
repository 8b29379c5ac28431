// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Shedding of the queue, as a user has it: options, who ends how and where, by which call. The
// rules of time are shown in tests/unit/shedding_test.cpp, by a clock of its own; here a test lets
// the target pass, or has one that never passes.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <thread>

#include "support/client.h"
#include "support/note.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

constexpr std::int64_t kShort = kMillisecond;
constexpr std::int64_t kLong = 3600 * 1000 * kMillisecond;

afflux_sem_stats stats_of(const afflux_sem* sem) {
  afflux_sem_stats now;
  afflux_sem_stats_init(&now);
  EXPECT_EQ(afflux_sem_get_stats(sem, &now), AFFLUX_OK);
  return now;
}

class SemShedding : public per_variant {
 protected:
  static afflux_sem_options sheds_after(std::int64_t ns, std::uint64_t permits = 1) {
    afflux_sem_options o = options(permits);
    o.shed_target_ns = o.shed_interval_ns = ns;
    return o;
  }
  // All who queue by now are too old then.
  static void grow_old() { pass_time(2 * kShort); }
};

// ---- options

TEST_P(SemShedding, OptionsThatSayNothingAreRefused) {
  const auto answer = [](std::int64_t target, std::int64_t interval, std::uint32_t lifo = 0,
                         std::uint32_t reserved = 0) {
    afflux_sem_options o = options(1);
    o.fairness = AFFLUX_FAIR;
    o.shed_target_ns = target;
    o.shed_interval_ns = interval;
    o.adaptive_lifo = lifo;
    o.reserved = reserved;
    afflux_sem* sem = nullptr;
    const afflux_status status = afflux_sem_create(&o, &sem);
    EXPECT_EQ(sem == nullptr, status != AFFLUX_OK);
    afflux_sem_unref(sem);
    return status;
  };
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(answer(0, 0), AFFLUX_OK);
  EXPECT_EQ(answer(AFFLUX_SHED_TARGET_NS, AFFLUX_SHED_INTERVAL_NS), AFFLUX_OK);
  EXPECT_EQ(answer(AFFLUX_SHED_TARGET_NS, AFFLUX_SHED_INTERVAL_NS, 1), AFFLUX_OK);
  EXPECT_EQ(answer(1, 1), AFFLUX_OK);
  EXPECT_EQ(answer(kMost, kMost), AFFLUX_OK);
  EXPECT_EQ(answer(2, 1), AFFLUX_EINVAL);
  EXPECT_EQ(answer(1, 0), AFFLUX_EINVAL);
  EXPECT_EQ(answer(0, 1), AFFLUX_EINVAL);
  EXPECT_EQ(answer(-1, 1), AFFLUX_EINVAL);
  EXPECT_EQ(answer(-2, -1), AFFLUX_EINVAL);
  EXPECT_EQ(answer(1, -1), AFFLUX_EINVAL);
  EXPECT_EQ(answer(0, -1), AFFLUX_EINVAL);
  EXPECT_EQ(answer(1, 1, 2), AFFLUX_EINVAL);
  EXPECT_EQ(answer(0, 0, 1), AFFLUX_EINVAL);
  EXPECT_EQ(answer(1, 1, 0, 1), AFFLUX_EINVAL);
}

TEST_P(SemShedding, NewestFirstGoesWithArrivalOrderOnly) {
  afflux_sem_options o = sheds_after(kShort);
  o.adaptive_lifo = 1;
  afflux_sem* sem = nullptr;
  EXPECT_EQ(afflux_sem_create(&o, &sem), o.fairness == AFFLUX_FAIR ? AFFLUX_OK : AFFLUX_EINVAL);
  afflux_sem_unref(sem);
}

TEST_P(SemShedding, AStructOfBeforeShedsNone) {
  afflux_sem_options o = sheds_after(kShort);
  o.struct_size = offsetof(afflux_sem_options, shed_target_ns);
  const sem_guard sem(o);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending p;
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  grow_old();
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  await([&] { return p.completions() != 0; });
  EXPECT_EQ(p.status(), AFFLUX_OK);
}

// ---- who is shed, and by whom

TEST_P(SemShedding, AReleaseShedsWhoHasWaitedTooLong) {
  for (const std::uint32_t statistics :
       {AFFLUX_STATS_OFF, AFFLUX_STATS_COUNTERS, AFFLUX_STATS_FULL}) {
    afflux_sem_options o = sheds_after(kShort);
    o.statistics = statistics;
    const sem_guard sem(o);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    std::deque<pending> old(200);
    for (pending& p : old) ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    grow_old();
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    for (pending& p : old) EXPECT_TRUE(p.completed_once_with(AFFLUX_EREJECTED));
    if (statistics != AFFLUX_STATS_OFF) {
      EXPECT_EQ(stats_of(sem).shed, 200u);
      EXPECT_EQ(stats_of(sem).dropped, 200u);
      EXPECT_EQ(stats_of(sem).rejected, 0u);
    }
    expect_all_free(sem, 1);
  }
}

TEST_P(SemShedding, WhoHasNotWaitedTooLongIsGranted) {
  const sem_guard sem(sheds_after(kLong));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending first, second;
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  pass_time(kMillisecond);
  for (pending* p : {&first, &second}) {
    EXPECT_EQ(p->completions(), 0);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_TRUE(p->completed_once_with(AFFLUX_OK));
  }
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(stats_of(sem).shed, 0u);
  expect_all_free(sem, 1);
}

TEST_P(SemShedding, ANewcomerShedsThoseBeforeIt) {
  const sem_guard sem(sheds_after(kShort));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending old, young;
  ASSERT_EQ(old.start(sem), AFFLUX_PENDING);
  grow_old();
  ASSERT_EQ(young.start(sem), AFFLUX_PENDING);
  EXPECT_TRUE(old.completed_once_with(AFFLUX_EREJECTED));
  EXPECT_EQ(young.completions(), 0);
  EXPECT_EQ(young.cancel(), AFFLUX_OK);
  EXPECT_EQ(old.cancel(), AFFLUX_EALREADY);
}

// A thread is shed as a request is, with its time limit and without.
TEST_P(SemShedding, ABlockedThreadLearnsOfIt) {
  const sem_guard sem(sheds_after(kShort));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  blocked forever(sem, 1);
  blocked timed(sem, 1, kLong);
  pending request;
  request.request.timeout_ns = kLong;
  ASSERT_EQ(request.start(sem), AFFLUX_PENDING);
  // Those who came before it may have been shed by then.
  await([&] { return stats_of(sem).queued == 3; });
  grow_old();
  pending newcomer;
  ASSERT_EQ(newcomer.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(forever.join(), AFFLUX_EREJECTED);
  EXPECT_EQ(timed.join(), AFFLUX_EREJECTED);
  EXPECT_TRUE(request.completed_once_with(AFFLUX_EREJECTED));
  EXPECT_EQ(newcomer.cancel(), AFFLUX_OK);
}

TEST_P(SemShedding, NotesAndTheRoomForThem) {
  const sem_guard sem(sheds_after(kShort));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  note_book book;
  std::deque<noted> old;
  for (int i = 0; i < 300; ++i) ASSERT_EQ(old.emplace_back(book).start(sem), AFFLUX_PENDING);
  grow_old();
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  for (noted& p : old) EXPECT_EQ(afflux_waiter_status(&p.waiter), AFFLUX_EREJECTED);
  EXPECT_EQ(book.size(), 300u);
  expect_all_free(sem, 1);
}

// Those whose completion would run are strangers to who cancels, resizes or waits no longer.
TEST_P(SemShedding, ACallThatLetsNoneInShedsNone) {
  const sem_guard sem(sheds_after(kShort));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending old, cancelled;
  ASSERT_EQ(old.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(cancelled.start(sem), AFFLUX_PENDING);
  // The second may have shed the first by now; then there is nothing to be seen.
  const int before = old.completions();
  grow_old();
  EXPECT_EQ(cancelled.cancel(), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_wait_idle(sem, 0), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(old.completions(), before);
  EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);  // which would grant it
  EXPECT_TRUE(old.completed_once_with(AFFLUX_EREJECTED));
}

TEST_P(SemShedding, ACompletionMayDropTheLastReference) {
  afflux_sem_options o = sheds_after(kShort);
  afflux_sem* sem = nullptr;
  ASSERT_EQ(afflux_sem_create(&o, &sem), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending first;
  first.then = [sem](afflux_status) { afflux_sem_unref(sem); };
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  grow_old();
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(first.completed_once_with(AFFLUX_EREJECTED));
}

TEST_P(SemShedding, AClientCountsItAsRejected) {
  const client_guard client;
  const sem_guard sem(sheds_after(kShort));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending p;
  p.request.client = client;
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  grow_old();
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(client.summary().rejected, 1u);
  EXPECT_EQ(client.summary().acquired, 0u);
}

INSTANTIATE_TEST_SUITE_P(Each, SemShedding, all_variants(), variant_name);

// ---- adaptive LIFO

class SemAdaptiveLifo : public per_variant {};

TEST_P(SemAdaptiveLifo, TheNewestGoesFirstOnceTheQueueStands) {
  afflux_sem_options o = options(1);
  o.shed_target_ns = kShort;
  o.shed_interval_ns = 4 * kShort;
  o.adaptive_lifo = 1;
  std::deque<pending> crowd;  // outlives the semaphore, which completes the rest
  const sem_guard sem(o);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  // Kept from being empty until it stands, and beyond.
  const std::int64_t until = now_ns() + 8 * kShort;
  for (; now_ns() < until; pass_time(kShort / 64))
    ASSERT_EQ(crowd.emplace_back().start(sem), AFFLUX_PENDING);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  // Where this thread was stopped for long just before the release, all were too old.
  bool others = false;
  for (std::size_t i = 0; i + 1 < crowd.size(); ++i) others |= crowd[i].status() == AFFLUX_OK;
  EXPECT_FALSE(others);
  EXPECT_EQ(afflux_sem_held(sem), crowd.back().status() == AFFLUX_OK ? 1u : 0u);
  EXPECT_GT(stats_of(sem).shed, 0u);
}

INSTANTIATE_TEST_SUITE_P(Each, SemAdaptiveLifo, fair_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
