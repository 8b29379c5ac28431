// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Permit tokens: released once however often it is tried, split, merged,
// forgotten, and each a reference to its semaphore. Bad input to
// afflux_sem_acquire_permit(): c_status_request_test.cpp, c_input_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

class Permit : public per_variant {
 protected:
  static void take(afflux_sem* sem, std::uint64_t n, afflux_permit_token* token) {
    afflux_request request;
    afflux_request_init(&request);
    request.permits = n;
    ASSERT_EQ(afflux_sem_acquire_permit(sem, &request, AFFLUX_FOREVER, token), AFFLUX_OK);
  }
  static void expect_empty(const afflux_permit_token& token) {
    EXPECT_EQ(afflux_permit_count(&token), 0u);
    EXPECT_EQ(afflux_permit_id(&token), 0u);
    EXPECT_EQ(afflux_permit_held_ns(&token), 0);
  }
};

TEST_P(Permit, NullAndEmptyTokensAnswerAsDocumented) {
  afflux_permit_token empty{}, other{};
  EXPECT_EQ(afflux_permit_release(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_permit_forget(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_permit_count(nullptr), 0u);
  EXPECT_EQ(afflux_permit_id(nullptr), 0u);
  EXPECT_EQ(afflux_permit_held_ns(nullptr), 0);
  EXPECT_EQ(afflux_permit_split(nullptr, 1, &other), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_permit_merge(nullptr, &other), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_permit_merge(&other, nullptr), AFFLUX_EINVAL);
  expect_empty(empty);
  EXPECT_EQ(afflux_permit_release(&empty), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_permit_forget(&empty), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_permit_split(&empty, 1, &other), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_permit_merge(&empty, &other), AFFLUX_EALREADY);
  expect_empty(empty);
  expect_empty(other);
}

TEST_P(Permit, IsReleasedOnce) {
  const sem_guard sem(options(4));
  afflux_permit_token token{};
  take(sem, 3, &token);
  EXPECT_EQ(afflux_permit_count(&token), 3u);
  EXPECT_EQ(afflux_sem_held(sem), 3u);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_EALREADY);
  expect_empty(token);
  expect_all_free(sem, 4);
}

TEST_P(Permit, WithoutARequestHoldsOne) {
  const sem_guard sem(options(4));
  afflux_permit_token token{};
  EXPECT_EQ(afflux_sem_acquire_permit(sem, nullptr, 0, &token), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_count(&token), 1u);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
}

TEST_P(Permit, OverwritesWhatTheStorageHeldBefore) {
  const sem_guard sem(options(4));
  afflux_permit_token token;
  std::memset(&token, 0xa5, sizeof token);
  take(sem, 2, &token);
  EXPECT_EQ(afflux_permit_count(&token), 2u);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  take(sem, 1, &token);  // used again after it was emptied
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  expect_all_free(sem, 4);
}

TEST_P(Permit, RacedByEightThreadsIsReleasedOnce) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 300;
  const sem_guard sem(options(2));
  afflux_permit_token token{};
  std::atomic<int> round{0};
  std::atomic<int> finished{0};
  std::atomic<int> ok{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 1; i <= kRounds; ++i) {
        await([&] { return round.load(std::memory_order_acquire) == i; });
        const afflux_status status = afflux_permit_release(&token);
        EXPECT_TRUE(status == AFFLUX_OK || status == AFFLUX_EALREADY) << status;
        if (status == AFFLUX_OK) ok.fetch_add(1);
        finished.fetch_add(1, std::memory_order_acq_rel);
      }
    });
  }
  for (int i = 1; i <= kRounds; ++i) {
    take(sem, 2, &token);
    round.store(i, std::memory_order_release);
    await([&] { return finished.load(std::memory_order_acquire) == i * kThreads; });
    EXPECT_EQ(ok.load(), i);
    EXPECT_EQ(afflux_sem_held(sem), 0u);
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(Permit, SplitsIntoTwoThatCountAlone) {
  const sem_guard sem(options(10));
  afflux_permit_token a{}, b{};
  take(sem, 7, &a);
  const std::uint64_t id = afflux_permit_id(&a);
  const std::int64_t held_before = afflux_permit_held_ns(&a);
  ASSERT_EQ(afflux_permit_split(&a, 3, &b), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_count(&a), 4u);
  EXPECT_EQ(afflux_permit_count(&b), 3u);
  EXPECT_EQ(afflux_permit_id(&a), id);
  EXPECT_NE(afflux_permit_id(&b), id);
  EXPECT_NE(afflux_permit_id(&b), 0u);
  EXPECT_GE(afflux_permit_held_ns(&b), held_before);  // the same time of acquisition
  EXPECT_EQ(afflux_sem_held(sem), 7u);
  EXPECT_EQ(afflux_permit_release(&a), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_held(sem), 3u);
  EXPECT_EQ(afflux_permit_release(&b), AFFLUX_OK);
  expect_all_free(sem, 10);
}

TEST_P(Permit, SplitRefusesWhatLeavesNothingAndWritesNothing) {
  const sem_guard sem(options(4));
  afflux_permit_token a{}, b;
  take(sem, 3, &a);
  std::memset(&b, 0x5a, sizeof b);
  const afflux_permit_token untouched = b;
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{4}, kMaxPermits,
                                kMaxPermits + 1, ~std::uint64_t{0}}) {
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_permit_split(&a, n, &b));
  }
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_permit_split(&a, 1, nullptr));
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_permit_split(&a, 1, &a));
  EXPECT_EQ(std::memcmp(&b, &untouched, sizeof b), 0);
  EXPECT_EQ(afflux_permit_count(&a), 3u);
  EXPECT_EQ(afflux_permit_release(&a), AFFLUX_OK);
}

TEST_P(Permit, MergesTwoIntoOne) {
  const sem_guard sem(options(10));
  afflux_permit_token a{}, b{};
  take(sem, 2, &a);
  take(sem, 5, &b);
  const std::uint64_t id = afflux_permit_id(&a);
  ASSERT_EQ(afflux_permit_merge(&a, &b), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_count(&a), 7u);
  EXPECT_EQ(afflux_permit_id(&a), id);
  expect_empty(b);
  EXPECT_EQ(afflux_permit_release(&b), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_sem_held(sem), 7u);
  EXPECT_EQ(afflux_permit_release(&a), AFFLUX_OK);
  expect_all_free(sem, 10);
}

TEST_P(Permit, MergeRefusesItselfStrangersAndEmptyOnes) {
  const sem_guard sem(options(4));
  const sem_guard elsewhere(options(4));
  afflux_permit_token a{}, b{}, empty{};
  take(sem, 1, &a);
  take(elsewhere, 2, &b);
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_permit_merge(&a, &a));
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_permit_merge(&a, &b));
  EXPECT_REFUSED(sem, AFFLUX_EALREADY, afflux_permit_merge(&a, &empty));
  EXPECT_REFUSED(sem, AFFLUX_EALREADY, afflux_permit_merge(&empty, &a));
  EXPECT_EQ(afflux_permit_count(&a), 1u);
  EXPECT_EQ(afflux_permit_count(&b), 2u);
  EXPECT_EQ(afflux_permit_release(&a), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&b), AFFLUX_OK);
}

TEST_P(Permit, ForgottenStaysCountedUntilSomebodyReleasesAsMany) {
  const sem_guard sem(options(4));
  afflux_permit_token token{};
  take(sem, 3, &token);
  EXPECT_EQ(afflux_permit_forget(&token), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_forget(&token), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_EALREADY);
  expect_empty(token);
  EXPECT_EQ(state_of(sem), (sem_state{4, 1, 3, 0}));
  EXPECT_EQ(afflux_sem_resize(sem, 7), AFFLUX_OK);  // makes up for them
  EXPECT_EQ(afflux_sem_available(sem), 4u);
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  expect_all_free(sem, 7);
}

TEST_P(Permit, IdsAreUniqueInTheProcess) {
  const sem_guard sem(options(1000));
  const sem_guard elsewhere(options(1000));
  constexpr int kThreads = 4;
  constexpr std::size_t kEach = 200;
  std::vector<std::vector<std::uint64_t>> ids(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kEach; ++i) {
        afflux_permit_token a{}, b{};
        take(t % 2 == 0 ? sem : elsewhere, 2, &a);
        ids[t].push_back(afflux_permit_id(&a));
        ASSERT_EQ(afflux_permit_split(&a, 1, &b), AFFLUX_OK);
        ids[t].push_back(afflux_permit_id(&b));
        ASSERT_EQ(afflux_permit_release(&a), AFFLUX_OK);
        ASSERT_EQ(afflux_permit_release(&b), AFFLUX_OK);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::uint64_t> all;
  for (const auto& of_thread : ids) all.insert(of_thread.begin(), of_thread.end());
  EXPECT_EQ(all.count(0), 0u);
  EXPECT_EQ(all.size(), kThreads * kEach * 2);
}

TEST_P(Permit, CountsTheTimeSinceItsAcquisition) {
  const sem_guard sem(options(1));
  afflux_permit_token token{};
  const std::int64_t before = now_ns();
  take(sem, 1, &token);
  const std::int64_t after = now_ns();
  pass_time(2 * kMillisecond);
  const std::int64_t look = now_ns();
  const std::int64_t held = afflux_permit_held_ns(&token);
  EXPECT_GE(held, look - after);  // it was acquired before `after`
  EXPECT_LE(held, now_ns() - before);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
}

TEST_P(Permit, KeepsItsSemaphoreAlive) {
  for (int how = 0; how < 3; ++how) {
    afflux_sem* sem = sem_guard(options(3)).give();
    afflux_permit_token a{}, b{};
    take(sem, 3, &a);
    ASSERT_EQ(afflux_permit_split(&a, 1, &b), AFFLUX_OK);
    afflux_sem_unref(sem);
    // Two tokens, two references: the handle is good until both are gone, and open.
    EXPECT_EQ(afflux_permit_release(&a), AFFLUX_OK);
    EXPECT_EQ(state_of(sem), (sem_state{3, 2, 1, 0}));
    EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    if (how == 0) {
      EXPECT_EQ(afflux_permit_release(&b), AFFLUX_OK);  // the last reference: it is gone
    } else if (how == 1) {
      EXPECT_EQ(afflux_permit_forget(&b), AFFLUX_OK);
    } else {
      take(sem, 1, &a);
      EXPECT_EQ(afflux_permit_merge(&a, &b), AFFLUX_OK);
      EXPECT_EQ(afflux_permit_release(&a), AFFLUX_OK);
    }
  }
}

TEST_P(Permit, MayBeReleasedAfterClose) {
  const sem_guard sem(options(2));
  afflux_permit_token token{};
  take(sem, 2, &token);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_held(sem), 0u);
}

TEST_P(Permit, ItsReleaseCompletesTheNextRequest) {
  const sem_guard sem(options(1));
  afflux_permit_token token{};
  pending p;
  take(sem, 1, &token);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
}

// Threads split, merge and release the same two tokens: what is held never exceeds what was
// taken, and at the end exactly nothing is.
TEST_P(Permit, SplitMergeAndReleaseRacedKeepTheCount) {
  constexpr int kRounds = 300;
  const sem_guard sem(options(8));
  for (int i = 0; i < kRounds; ++i) {
    afflux_permit_token a{}, b{};
    take(sem, 4, &a);
    take(sem, 4, &b);
    std::thread merging([&] {
      afflux_permit_token part{};
      if (afflux_permit_split(&a, 1, &part) == AFFLUX_OK) {
        EXPECT_EQ(afflux_permit_count(&part), 1u);
        EXPECT_EQ(afflux_permit_release(&part), AFFLUX_OK);
      }
      const afflux_status status = afflux_permit_merge(&a, &b);
      EXPECT_TRUE(status == AFFLUX_OK || status == AFFLUX_EALREADY) << status;
    });
    std::thread back([&] {
      const afflux_status status = afflux_permit_merge(&b, &a);
      EXPECT_TRUE(status == AFFLUX_OK || status == AFFLUX_EALREADY) << status;
    });
    if (i % 2 == 0) afflux_permit_release(&a);
    merging.join();
    back.join();
    EXPECT_EQ(afflux_permit_count(&a) + afflux_permit_count(&b), afflux_sem_held(sem));
    afflux_permit_release(&a);
    afflux_permit_release(&b);
    expect_all_free(sem, 8);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Permit, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
