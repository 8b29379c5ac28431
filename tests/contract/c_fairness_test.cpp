// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Priorities with ageing, and the bounds of AFFLUX_THROUGHPUT (L2).
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

class SemPriority : public per_variant {
 protected:
  pending& add(afflux_sem* sem, int id, std::uint32_t priority, std::uint64_t permits = 1) {
    pending& p = queue_.emplace_back(permits, book_, id);
    p.request.priority = priority;
    EXPECT_EQ(p.start(sem), AFFLUX_PENDING);
    return p;
  }
  void release_one_by_one(afflux_sem* sem, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  }
  journal book_;
  std::deque<pending> queue_;
};

TEST_P(SemPriority, HigherGoesFirstAndArrivalDecidesWithin) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  const std::uint32_t arrivals[] = {AFFLUX_PRIORITY_LOW,      AFFLUX_PRIORITY_HIGH,
                                    AFFLUX_PRIORITY_NORMAL,   AFFLUX_PRIORITY_CRITICAL,
                                    AFFLUX_PRIORITY_HIGH,     AFFLUX_PRIORITY_LOW,
                                    AFFLUX_PRIORITY_CRITICAL, AFFLUX_PRIORITY_NORMAL};
  int id = 0;
  for (const std::uint32_t priority : arrivals) add(sem, id++, priority);
  release_one_by_one(sem, 8);
  EXPECT_EQ(book_.ids(), (std::vector<int>{3, 6, 1, 4, 2, 7, 0, 5}));
}

TEST_P(SemPriority, OneReleaseServesThePrioritiesInOrder) {
  const sem_guard sem(options(4));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 4), AFFLUX_OK);
  for (int id = 0; id < 4; ++id) add(sem, id, static_cast<std::uint32_t>(id));
  ASSERT_EQ(afflux_sem_release(sem, 4), AFFLUX_OK);
  EXPECT_EQ(book_.ids(), (std::vector<int>{3, 2, 1, 0}));
}

TEST_P(SemPriority, ABlockedThreadIsNormal) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending& low = add(sem, 0, AFFLUX_PRIORITY_LOW);
  blocked normal(sem, 1);
  await_waiters(sem, 2);
  pending& high = add(sem, 2, AFFLUX_PRIORITY_HIGH);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  // The thread may be on its way out of the queue's code still, and hand out instead of us.
  await([&] { return high.completions() != 0 || low.completions() != 0 || normal.returned(); });
  EXPECT_TRUE(high.completed_once_with(AFFLUX_OK));
  EXPECT_FALSE(normal.returned());
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(normal.join(), AFFLUX_OK);
  EXPECT_EQ(low.completions(), 0);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(low.completed_once_with(AFFLUX_OK));
}

TEST_P(SemPriority, ATokensRequestHasItsOwn) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending& normal = add(sem, 0, AFFLUX_PRIORITY_NORMAL);
  afflux_request request;
  afflux_request_init(&request);
  request.priority = AFFLUX_PRIORITY_CRITICAL;
  afflux_permit_token token{};
  std::thread critical([&] {
    EXPECT_EQ(afflux_sem_acquire_permit(sem, &request, AFFLUX_FOREVER, &token), AFFLUX_OK);
  });
  await_waiters(sem, 2);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  critical.join();
  EXPECT_EQ(normal.completions(), 0);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  EXPECT_TRUE(normal.completed_once_with(AFFLUX_OK));
}

// L1: the head of the queue is now the newcomer, and it fits. It is served before the call returns,
// by its answer or by its completion.
TEST_P(SemPriority, ANewcomerThatFitsGoesBeforeALargerLowerOneAtOnce) {
  const sem_guard sem(options(4));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  pending& large = add(sem, 0, AFFLUX_PRIORITY_NORMAL, 4);
  pending high(2);
  high.request.priority = AFFLUX_PRIORITY_HIGH;
  const afflux_status status = high.start(sem);
  EXPECT_TRUE(status == AFFLUX_OK ? high.completions() == 0
                                  : status == AFFLUX_PENDING && high.completed_once_with(AFFLUX_OK))
      << status << ", " << high.completions();
  EXPECT_EQ(state_of(sem), (sem_state{4, 0, 4, 1}));
  EXPECT_EQ(large.completions(), 0);
  EXPECT_EQ(afflux_sem_release(sem, 4), AFFLUX_OK);
  EXPECT_TRUE(large.completed_once_with(AFFLUX_OK));
}

TEST_P(SemPriority, ALargerHigherOneHoldsBackLowerOnes) {
  const sem_guard sem(options(4));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  pending& high = add(sem, 0, AFFLUX_PRIORITY_HIGH, 3);
  pending& normal = add(sem, 1, AFFLUX_PRIORITY_NORMAL, 1);
  EXPECT_EQ(normal.completions(), 0);
  EXPECT_EQ(high.cancel(), AFFLUX_OK);  // S7 across priorities
  EXPECT_TRUE(normal.completed_once_with(AFFLUX_OK));
}

TEST_P(SemPriority, AgeingServesTheLowOneAfterTheDocumentedNumberOfGrants) {
  constexpr int kHigh = 3 * AFFLUX_AGEING_BOUND;
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  add(sem, -1, AFFLUX_PRIORITY_LOW);
  for (int i = 0; i < kHigh; ++i) add(sem, i, static_cast<std::uint32_t>(2 + i % 2));
  release_one_by_one(sem, kHigh + 1);
  const std::vector<int> order = book_.ids();
  ASSERT_EQ(order.size(), static_cast<std::size_t>(kHigh) + 1);
  std::size_t at = 0;
  while (order[at] != -1) ++at;
  EXPECT_EQ(at, static_cast<std::size_t>(AFFLUX_AGEING_BOUND));
}

TEST_P(SemPriority, AgeingCountsAnewForTheNextLowOne) {
  constexpr int kHigh = 4 * AFFLUX_AGEING_BOUND;
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  add(sem, -1, AFFLUX_PRIORITY_LOW);
  add(sem, -2, AFFLUX_PRIORITY_LOW);
  for (int i = 0; i < kHigh; ++i) add(sem, i, AFFLUX_PRIORITY_HIGH);
  release_one_by_one(sem, kHigh + 2);
  const std::vector<int> order = book_.ids();
  std::vector<std::size_t> low;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i] < 0) low.push_back(i);
  }
  ASSERT_EQ(low.size(), 2u);
  EXPECT_EQ(order[low[0]], -1);
  EXPECT_EQ(low[0], static_cast<std::size_t>(AFFLUX_AGEING_BOUND));
  EXPECT_EQ(low[1], 2u * AFFLUX_AGEING_BOUND + 1);
}

// A large request of a low priority is not starved by newcomers that never stop fitting: after
// the bound they queue behind it although they would fit.
TEST_P(SemPriority, AgeingHoldsForNewcomersThatFit) {
  const sem_guard sem(options(2));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending& low = add(sem, -1, AFFLUX_PRIORITY_LOW, 2);
  int passed = 0;
  for (;;) {
    pending high;
    high.request.priority = AFFLUX_PRIORITY_HIGH;
    if (high.start(sem) == AFFLUX_PENDING && high.completions() == 0) {
      EXPECT_EQ(high.cancel(), AFFLUX_OK);
      break;
    }
    ++passed;
    ASSERT_LE(passed, AFFLUX_AGEING_BOUND);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    ASSERT_EQ(low.completions(), 0);
  }
  EXPECT_GT(passed, 0);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(low.completed_once_with(AFFLUX_OK));
}

// The last to come, behind however long a backlog.
TEST_P(SemPriority, ALowerOneAgesBehindABacklog) {
  constexpr int kBacklog = 10 * AFFLUX_AGEING_BOUND;
  const sem_guard sem(options(1));
  std::deque<pending> backlog;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (int i = 0; i < kBacklog; ++i) {
    backlog.emplace_back().request.priority = AFFLUX_PRIORITY_CRITICAL;
    ASSERT_EQ(backlog.back().start(sem), AFFLUX_PENDING);
  }
  pending low;
  ASSERT_EQ(low.start(sem), AFFLUX_PENDING);
  int passed = 0;
  for (; low.completions() == 0; ++passed) {
    ASSERT_LE(passed, AFFLUX_AGEING_BOUND);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  }
  EXPECT_EQ(passed, AFFLUX_AGEING_BOUND + 1);  // its own grant included
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
}

class SemThroughput : public per_variant {};

// Newcomers take one permit again and again, and the request that needs both would starve.
TEST_P(SemThroughput, ALargeRequestIsPassedAtMostTheDocumentedNumberOfTimes) {
  const sem_guard sem(options(2));
  pending large(2);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  int passed = 0;
  while (afflux_sem_try_acquire(sem, 1) == AFFLUX_OK) {
    ++passed;
    ASSERT_LE(passed, AFFLUX_OVERTAKING_BOUND);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    ASSERT_EQ(large.completions(), 0);
  }
  // Newcomers queue now, however they come.
  pending late;
  EXPECT_EQ(late.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_acquire(sem, 1, kMillisecond), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(large.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(late.completions(), 0);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_TRUE(late.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_all_free(sem, 2);
}

// Higher requests that come and are cancelled give newcomers no further turn.
TEST_P(SemThroughput, TheBoundHoldsWhoeverComesAndGoes) {
  const sem_guard sem(options(2));
  pending large(2);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  int passed = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < AFFLUX_OVERTAKING_BOUND / 4; ++i) {
      if (afflux_sem_try_acquire(sem, 1) != AFFLUX_OK) continue;
      ++passed;
      ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
    pending higher(2);
    higher.request.priority = AFFLUX_PRIORITY_HIGH;
    ASSERT_EQ(higher.start(sem), AFFLUX_PENDING);
    ASSERT_EQ(higher.cancel(), AFFLUX_OK);
  }
  EXPECT_LE(passed, AFFLUX_OVERTAKING_BOUND);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(large.completed_once_with(AFFLUX_OK));
}

// One permit goes round between its releaser and the newcomer that is the same thread, while
// another thread sleeps: it is passed at most so often, and then the permit is its own.
TEST_P(SemThroughput, ABlockedThreadIsPassedAtMostTheDocumentedNumberOfTimes) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  blocked waiter(sem, 1);
  await_waiters(sem, 1);
  int passed = 0;
  for (;;) {
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    if (afflux_sem_try_acquire(sem, 1) != AFFLUX_OK) break;
    ++passed;
    // The sleeper was inside its acquire call when it became the first: the "one for each thread".
    ASSERT_LE(passed, AFFLUX_OVERTAKING_BOUND + 1);
  }
  EXPECT_EQ(waiter.join(), AFFLUX_OK);
  EXPECT_EQ(state_of(sem), (sem_state{1, 0, 1, 0}));
}

TEST_P(SemThroughput, ARequestBehindOthersIsPassedAtMostSoOftenForEach) {
  constexpr int kBefore = 3;
  const sem_guard sem(options(2));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  journal book;
  std::deque<pending> queue;
  for (int i = 0; i <= kBefore; ++i) {
    ASSERT_EQ(queue.emplace_back(2, book, i).start(sem), AFFLUX_PENDING);
  }
  int passed = 0;
  for (int granted = 0; granted <= kBefore; ++granted) {
    while (afflux_sem_try_acquire(sem, 1) == AFFLUX_OK) {
      ++passed;
      ASSERT_LE(passed, (kBefore + 1) * AFFLUX_OVERTAKING_BOUND);
      ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    ASSERT_EQ(book.size(), static_cast<std::size_t>(granted) + 1);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);  // it keeps one of its two
  }
  EXPECT_EQ(book.ids(), (std::vector<int>{0, 1, 2, 3}));
}

// Queued requests keep their order among themselves.
TEST_P(SemThroughput, QueuedRequestsDoNotPassEachOther) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  journal book;
  std::deque<pending> queue;
  std::vector<int> expected;
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(queue.emplace_back(1, book, i).start(sem), AFFLUX_PENDING);
    expected.push_back(i);
  }
  while (book.size() < expected.size()) ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(book.ids(), expected);
}

// L1: a thread that was woken for a permit, lost it to a newcomer and sleeps again must not be
// forgotten when a request of a higher priority is served first.
TEST_P(SemThroughput, ASleeperThatLostItsPermitIsWokenAfterAHigherRequest) {
  for (int round = 0; round < 100; ++round) {
    const sem_guard sem(options(1));
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    blocked sleeper(sem, 1);
    await_waiters(sem, 1);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    if (afflux_sem_try_acquire(sem, 1) != AFFLUX_OK) {
      ASSERT_EQ(sleeper.join(), AFFLUX_OK);  // it was faster
      continue;
    }
    pass_time(kMillisecond / 5);  // it finds nothing and sleeps again, which nothing shows
    pending high;
    high.request.priority = AFFLUX_PRIORITY_HIGH;
    ASSERT_EQ(high.start(sem), AFFLUX_PENDING);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    await([&] { return high.completions() != 0 || sleeper.returned(); });
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    await([&] { return high.completions() != 0 && sleeper.returned(); });
    ASSERT_TRUE(high.completed_once_with(AFFLUX_OK));
    ASSERT_EQ(sleeper.join(), AFFLUX_OK);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    expect_all_free(sem, 1);
  }
}

// With real threads: each gets through all rounds, and never two at once. (How often one was
// passed cannot be told from outside: between a look at a counter and the queueing lies a nap of
// any length.)
TEST_P(SemThroughput, NoThreadStarvesAmongThreads) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  const sem_guard sem(options(1));
  std::int64_t grants = 0;  // plain: the permit guards it (S11)
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        ASSERT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_OK);
        ++grants;
        ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(grants, std::int64_t{kThreads} * kRounds);
  expect_all_free(sem, 1);
}

INSTANTIATE_TEST_SUITE_P(Each, SemPriority, fair_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, SemThroughput, throughput_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
