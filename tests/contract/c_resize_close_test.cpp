// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The limit in motion, and its end: growth, exact debt (S1, S2), requests that
// became impossible, AFFLUX_WAIT_FOR_RESIZE, close (S8, L3), drain.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <thread>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

class SemResizing : public per_variant {};

TEST_P(SemResizing, GrowthGrantsAtOnce) {
  const sem_guard sem(options(1));
  pending a(1), b(1), c(1);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (pending* p : {&a, &b, &c}) ASSERT_EQ(p->start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_resize(sem, 3), AFFLUX_OK);
  EXPECT_TRUE(a.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(b.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(c.completions(), 0);
  EXPECT_EQ(state_of(sem), (sem_state{3, 0, 3, 1}));
  EXPECT_EQ(c.cancel(), AFFLUX_OK);
}

TEST_P(SemResizing, GrowthWakesABlockedThread) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  blocked thread(sem, 1);
  await_waiters(sem, 1);
  EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  EXPECT_EQ(thread.join(), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_held(sem), 2u);
}

TEST_P(SemResizing, AShrinkLeavesADebtPaidExactly) {
  const sem_guard sem(options(10));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 8), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_resize(sem, 3), AFFLUX_OK);
  // S2: five too many are held; none is revoked, and no request gets in before they are back.
  for (std::uint64_t held = 8; held > 3; --held) {
    EXPECT_EQ(state_of(sem), (sem_state{3, 0, held, 0}));
    EXPECT_REFUSED(sem, AFFLUX_EAGAIN, afflux_sem_try_acquire(sem, 1));
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  }
  EXPECT_REFUSED(sem, AFFLUX_EAGAIN, afflux_sem_try_acquire(sem, 1));
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(state_of(sem), (sem_state{3, 1, 2, 0}));
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  expect_all_free(sem, 3);
}

TEST_P(SemResizing, AQueuedRequestWaitsForTheDebtToBePaid) {
  const sem_guard sem(options(4));
  pending p(2);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 4), AFFLUX_OK);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(p.completions(), 0);  // S1: held + 2 is still above 2
  }
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
}

TEST_P(SemResizing, DownAndUpAgainChangesNothingForTheHolders) {
  const sem_guard sem(options(5));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 5), AFFLUX_OK);
  for (const std::uint64_t limit : {std::uint64_t{0}, std::uint64_t{1}, kMaxPermits}) {
    EXPECT_EQ(afflux_sem_resize(sem, limit), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_held(sem), 5u);
    EXPECT_EQ(afflux_sem_limit(sem), limit);
  }
  EXPECT_EQ(afflux_sem_resize(sem, 6), AFFLUX_OK);
  EXPECT_EQ(state_of(sem), (sem_state{6, 1, 5, 0}));
  EXPECT_EQ(afflux_sem_release(sem, 5), AFFLUX_OK);
  expect_all_free(sem, 6);
}

TEST_P(SemResizing, ImpossibleRequestsCompleteAtOnceWhereverTheyStand) {
  const sem_guard sem(options(4));
  pending head(1), large(3), small(1), larger(4), last(2);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 4), AFFLUX_OK);
  for (pending* p : {&head, &large, &small, &larger, &last}) {
    ASSERT_EQ(p->start(sem), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  EXPECT_TRUE(large.completed_once_with(AFFLUX_E2BIG));
  EXPECT_TRUE(larger.completed_once_with(AFFLUX_E2BIG));
  EXPECT_EQ(head.completions() + small.completions() + last.completions(), 0);
  EXPECT_EQ(state_of(sem), (sem_state{2, 0, 4, 3}));
  EXPECT_EQ(afflux_sem_release(sem, 4), AFFLUX_OK);
  EXPECT_TRUE(head.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(small.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_TRUE(last.completed_once_with(AFFLUX_OK));
}

TEST_P(SemResizing, ABlockedThreadMadeImpossibleReturns) {
  const sem_guard sem(options(2));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  blocked thread(sem, 2);
  await_waiters(sem, 1);
  EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
  EXPECT_EQ(thread.join(), AFFLUX_E2BIG);
}

TEST_P(SemResizing, WaitForResizeSurvivesAShrinkAndHoldsBackItsFollowers) {
  const sem_guard sem(options(3));
  pending patient(3), follower(1);
  patient.request.flags = AFFLUX_WAIT_FOR_RESIZE;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  ASSERT_EQ(patient.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(follower.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  EXPECT_EQ(patient.completions() + follower.completions(), 0);
  EXPECT_EQ(state_of(sem), (sem_state{2, 0, 0, 2}));
  EXPECT_EQ(afflux_sem_resize(sem, 4), AFFLUX_OK);
  EXPECT_TRUE(patient.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(follower.completed_once_with(AFFLUX_OK));
}

TEST_P(SemResizing, WaitForResizeMayAskForMoreThanTheLimit) {
  const sem_guard sem(options(1));
  pending plain(2), patient(2), at_once(2);
  EXPECT_REFUSED(sem, AFFLUX_E2BIG, plain.start(sem));
  patient.request.flags = AFFLUX_WAIT_FOR_RESIZE;
  EXPECT_EQ(patient.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  EXPECT_TRUE(patient.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  at_once.request.flags = AFFLUX_WAIT_FOR_RESIZE;
  EXPECT_EQ(at_once.start(sem), AFFLUX_OK);
}

TEST_P(SemResizing, ATokensRequestMayWaitForAResizeToo) {
  const sem_guard sem(options(1));
  afflux_request request;
  afflux_request_init(&request);
  request.permits = 2;
  request.flags = AFFLUX_WAIT_FOR_RESIZE;
  afflux_permit_token token{};
  std::thread waiter([&] {
    EXPECT_EQ(afflux_sem_acquire_permit(sem, &request, AFFLUX_FOREVER, &token), AFFLUX_OK);
  });
  await_waiters(sem, 1);
  EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  waiter.join();
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
}

TEST_P(SemResizing, WithALimitOfZeroNobodyGetsInUntilItGrows) {
  const sem_guard sem(options(0));
  pending plain, patient;
  expect_all_free(sem, 0);
  EXPECT_REFUSED(sem, AFFLUX_E2BIG, afflux_sem_try_acquire(sem, 1));
  EXPECT_REFUSED(sem, AFFLUX_E2BIG, plain.start(sem));
  std::uint64_t drained = 77;
  EXPECT_EQ(afflux_sem_drain(sem, &drained), AFFLUX_OK);
  EXPECT_EQ(drained, 0u);
  patient.request.flags = AFFLUX_WAIT_FOR_RESIZE;
  EXPECT_EQ(patient.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(patient.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_resize(sem, 0), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_E2BIG, afflux_sem_try_acquire(sem, 1));
}

TEST_P(SemResizing, TheWholeRangeWorks) {
  const sem_guard sem(options(1));
  EXPECT_EQ(afflux_sem_resize(sem, kMaxPermits), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_try_acquire(sem, kMaxPermits - 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EAGAIN, afflux_sem_try_acquire(sem, kMaxPermits));
  pending p(kMaxPermits);
  EXPECT_EQ(p.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, kMaxPermits), AFFLUX_OK);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_sem_held(sem), kMaxPermits);
  EXPECT_EQ(afflux_sem_release(sem, kMaxPermits), AFFLUX_OK);
  expect_all_free(sem, kMaxPermits);
}

TEST_P(SemResizing, OverReleaseIsExactAroundADebt) {
  const sem_guard sem(options(4));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 4), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_sem_release(sem, 5));
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_sem_release(sem, 2));
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_sem_release(sem, 1));
  // It never lets an extra holder in.
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_EAGAIN, afflux_sem_try_acquire(sem, 1));
}

class SemClosing : public per_variant {};

TEST_P(SemClosing, CompletesEveryQueuedRequestAndThread) {
  const sem_guard sem(options(2));
  std::deque<pending> queue;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  blocked thread(sem, 1);
  await_waiters(sem, 1);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    pending& p = queue.emplace_back(1 + i % 2);
    p.request.priority = i % 4;
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  for (const pending& p : queue) {
    await([&] { return p.completions() != 0; });
    ASSERT_TRUE(p.completed_once_with(AFFLUX_ECLOSED));
  }
  EXPECT_EQ(thread.join(), AFFLUX_ECLOSED);
  EXPECT_EQ(state_of(sem), (sem_state{2, 0, 2, 0}));
}

TEST_P(SemClosing, IsFinalWhateverIsReleasedOrResized) {
  const sem_guard sem(options(3));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  const auto expect_closed = [&] {
    pending p, patient;
    std::uint64_t drained;
    afflux_permit_token token{};
    patient.request.flags = AFFLUX_WAIT_FOR_RESIZE;
    EXPECT_EQ(afflux_sem_available(sem), afflux_sem_limit(sem) - afflux_sem_held(sem));  // S2
    EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_sem_try_acquire(sem, 1));
    EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_sem_acquire(sem, 1, AFFLUX_FOREVER));
    EXPECT_REFUSED(sem, AFFLUX_ECLOSED, p.start(sem));
    EXPECT_REFUSED(sem, AFFLUX_ECLOSED, patient.start(sem));
    EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_sem_drain(sem, &drained));
    EXPECT_REFUSED(sem, AFFLUX_ECLOSED, afflux_sem_acquire_permit(sem, nullptr, 0, &token));
    EXPECT_REFUSED(sem, AFFLUX_EALREADY, afflux_sem_close(sem));
  };
  expect_closed();
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_held(sem), 2u);  // still counted
  expect_closed();
  EXPECT_EQ(afflux_sem_resize(sem, 10), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_limit(sem), 10u);
  expect_closed();
  EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_sem_release(sem, 3));
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  expect_closed();
}

TEST_P(SemClosing, IsToldWhateverElseHappens) {
  const sem_guard sem(options(2));
  EXPECT_EQ(afflux_sem_is_closed(nullptr), 0);
  EXPECT_EQ(afflux_sem_is_closed(sem), 0);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_resize(sem, 0), AFFLUX_OK);  // nobody gets in: not closed for that
  EXPECT_EQ(afflux_sem_is_closed(sem), 0);
  EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  pending queued;
  std::int32_t in_completion = -1;
  queued.then = [&](afflux_status) { in_completion = afflux_sem_is_closed(sem); };
  ASSERT_EQ(queued.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(in_completion, 1);
  EXPECT_EQ(afflux_sem_is_closed(sem), 1);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_resize(sem, 5), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_sem_is_closed(sem), 1);
}

TEST_P(SemClosing, IsSeenWithWhatCameBefore) {
  for (int round = 0; round < 200; ++round) {
    const sem_guard sem(options(1));
    int written = 0;
    std::thread closer([&] {
      written = 1;
      EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
    });
    await([&] { return afflux_sem_is_closed(sem) == 1; });
    EXPECT_EQ(written, 1);
    closer.join();
  }
}

TEST_P(SemClosing, FromACompletionOfTheSameSemaphore) {
  const sem_guard sem(options(1));
  pending first, second;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  first.then = [&](afflux_status) { EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK); };
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(first.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(second.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_EQ(state_of(sem), (sem_state{1, 0, 1, 0}));
}

class SemDraining : public per_variant {};

TEST_P(SemDraining, TakesWhatIsFreeAndCountsIt) {
  const sem_guard sem(options(10));
  std::uint64_t n = 0;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_drain(sem, &n), AFFLUX_OK);
  EXPECT_EQ(n, 7u);
  EXPECT_EQ(state_of(sem), (sem_state{10, 0, 10, 0}));
  // In debt there is nothing to take.
  EXPECT_EQ(afflux_sem_resize(sem, 5), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_drain(sem, &n), AFFLUX_OK);
  EXPECT_EQ(n, 0u);
  EXPECT_EQ(afflux_sem_release(sem, 10), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_drain(sem, &n), AFFLUX_OK);
  EXPECT_EQ(n, 5u);
}

INSTANTIATE_TEST_SUITE_P(Each, SemResizing, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, SemClosing, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, SemDraining, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
