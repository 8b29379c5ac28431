// SPDX-License-Identifier: MIT OR Apache-2.0
//
// afflux::permit and afflux::permit_token: who owes what, when it is given back.
#include <afflux/afflux.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using afflux::permit;
using afflux::permit_token;
using afflux::semaphore;
using afflux::status;

// ---------------------------------------------------------------------------------------------
// permit
// ---------------------------------------------------------------------------------------------

TEST(CppPermit, DestructorReleases) {
  const semaphore sem(3);
  {
    const permit p = sem.try_acquire(2);
    EXPECT_EQ(sem.held(), 2u);
  }
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppPermit, ReleasesOnce) {
  const semaphore sem(3);
  permit p = sem.try_acquire(2);
  EXPECT_EQ(p.release(), status::ok);
  EXPECT_EQ(p.release(), status::already);
  EXPECT_FALSE(p);
  EXPECT_EQ(p.count(), 0u);
  EXPECT_EQ(p.status(), status::already);
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppPermit, DefaultMadeIsEmpty) {
  permit p;
  EXPECT_FALSE(p);
  EXPECT_EQ(p.count(), 0u);
  EXPECT_EQ(p.status(), status::already);
  EXPECT_EQ(p.release(), status::already);
  EXPECT_EQ(p.detach(), 0u);
  EXPECT_EQ(p.split(1).status(), status::invalid);
}

TEST(CppPermit, MoveConstructionHandsOver) {
  static_assert(!std::is_copy_constructible_v<permit>);
  static_assert(!std::is_copy_assignable_v<permit>);
  static_assert(std::is_nothrow_move_constructible_v<permit>);
  const semaphore sem(3);
  permit a = sem.try_acquire(2);
  const permit b(std::move(a));
  EXPECT_FALSE(a);  // NOLINT: what moving leaves is promised
  EXPECT_EQ(a.status(), status::already);
  EXPECT_EQ(b.count(), 2u);
  EXPECT_EQ(b.status(), status::ok);
  EXPECT_EQ(sem.held(), 2u);
}

TEST(CppPermit, MoveAssignmentReleasesWhatItHeld) {
  static_assert(std::is_nothrow_move_assignable_v<permit>);
  const semaphore first(1);
  const semaphore second(1);
  permit a = first.try_acquire();
  permit b = second.try_acquire();
  a = std::move(b);
  EXPECT_EQ(first.held(), 0u);
  EXPECT_EQ(second.held(), 1u);
  EXPECT_TRUE(a);
  EXPECT_FALSE(b);  // NOLINT
}

TEST(CppPermit, MovesTheReasonOfAFailure) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  permit failed = sem.try_acquire();
  const permit moved(std::move(failed));
  EXPECT_EQ(moved.status(), status::again);
}

TEST(CppPermit, SelfMoveKeepsIt) {
  const semaphore sem(2);
  permit p = sem.try_acquire(2);
  permit& same = p;
  p = std::move(same);
  EXPECT_EQ(p.count(), 2u);
  EXPECT_EQ(sem.held(), 2u);
}

TEST(CppPermit, SplitMovesAPart) {
  const semaphore sem(5);
  permit p = sem.try_acquire(5);
  {
    const permit two = p.split(2);
    EXPECT_EQ(two.count(), 2u);
    EXPECT_EQ(p.count(), 3u);
    EXPECT_EQ(sem.held(), 5u);
  }
  EXPECT_EQ(sem.held(), 3u);
}

TEST(CppPermit, SplitRefusesNothingAndAll) {
  const semaphore sem(5);
  permit p = sem.try_acquire(2);
  for (const std::uint64_t n : {0u, 2u, 3u}) {
    const permit other = p.split(n);
    EXPECT_FALSE(other) << n;
    EXPECT_EQ(other.status(), status::invalid) << n;
    EXPECT_EQ(p.count(), 2u) << n;
  }
}

TEST(CppPermit, MergeTakesOver) {
  const semaphore sem(5);
  permit a = sem.try_acquire(2);
  permit b = sem.try_acquire(3);
  EXPECT_EQ(a.merge(std::move(b)), status::ok);
  EXPECT_EQ(a.count(), 5u);
  EXPECT_FALSE(b);  // NOLINT
  EXPECT_EQ(b.status(), status::already);
  EXPECT_EQ(sem.held(), 5u);
  permit all;  // an empty one gathers
  EXPECT_EQ(all.merge(std::move(a)), status::ok);
  EXPECT_EQ(all.count(), 5u);
  EXPECT_EQ(all.release(), status::ok);
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppPermit, MergeRefusesWithoutTakingAnything) {
  const semaphore first(2);
  const semaphore second(2);
  permit a = first.try_acquire();
  permit b = second.try_acquire();
  permit none;
  permit& same = a;
  EXPECT_EQ(a.merge(std::move(b)), status::invalid);
  EXPECT_EQ(a.merge(std::move(none)), status::already);
  EXPECT_EQ(a.merge(std::move(same)), status::invalid);
  EXPECT_EQ(a.count(), 1u);
  EXPECT_EQ(b.count(), 1u);  // NOLINT
}

TEST(CppPermit, DetachLeavesTheDebtToTheCaller) {
  const semaphore sem(3);
  {
    permit p = sem.try_acquire(2);
    EXPECT_EQ(p.detach(), 2u);
    EXPECT_FALSE(p);
  }
  EXPECT_EQ(sem.held(), 2u);
  {
    const permit again = sem.adopt(2);
    EXPECT_EQ(again.count(), 2u);
  }
  EXPECT_EQ(sem.held(), 0u);
  EXPECT_FALSE(sem.adopt(0));
}

TEST(CppPermit, TellsThatSomebodyElseReleased) {
  const semaphore sem(1);
  permit p = sem.try_acquire();
  EXPECT_EQ(sem.release(), status::ok);
  EXPECT_EQ(p.release(), status::overflow);
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppPermit, SurvivesTheMoveOfItsSemaphore) {
  semaphore a(1);
  permit p = a.try_acquire();
  const semaphore b(std::move(a));
  EXPECT_EQ(p.release(), status::ok);
  EXPECT_EQ(b.available(), 1u);
}

TEST(CppPermit, ReleasesOnAnotherThread) {
  const semaphore sem(1);
  permit p = sem.try_acquire();
  std::thread([q = std::move(p)] {}).join();
  EXPECT_EQ(sem.available(), 1u);
}

TEST(CppPermit, ReleaseHandsOverToWhoWaits) {
  const semaphore sem(2);
  permit held = sem.try_acquire(2);
  std::thread waiter([&] { EXPECT_TRUE(sem.acquire_blocking(2)); });
  while (sem.waiters() == 0) std::this_thread::yield();
  EXPECT_EQ(held.release(), status::ok);
  waiter.join();
  EXPECT_EQ(sem.available(), 2u);
}

// ---------------------------------------------------------------------------------------------
// permit_token
// ---------------------------------------------------------------------------------------------

TEST(CppPermitToken, HoldsUntilDestroyed) {
  const semaphore sem(3);
  {
    const permit_token t = sem.acquire_token(2);
    EXPECT_TRUE(t);
    EXPECT_EQ(t.status(), status::ok);
    EXPECT_EQ(t.count(), 2u);
    EXPECT_EQ(sem.held(), 2u);
  }
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppPermitToken, TellsWhyItIsEmpty) {
  const semaphore sem(1);
  const permit_token held = sem.acquire_token();
  const permit_token none = sem.acquire_token_for(1ms);
  EXPECT_FALSE(none);
  EXPECT_EQ(none.status(), status::timed_out);
  EXPECT_EQ(none.id(), 0u);
  EXPECT_EQ(none.held_for(), 0ns);
  EXPECT_EQ(sem.acquire_token(2).status(), status::too_big);
  EXPECT_EQ(permit_token().status(), status::already);
}

TEST(CppPermitToken, HasAnIdentityAndAnAge) {
  const semaphore sem(2);
  const permit_token a = sem.acquire_token();
  const permit_token b = sem.acquire_token();
  EXPECT_NE(a.id(), 0u);
  EXPECT_NE(a.id(), b.id());
  std::this_thread::sleep_for(2ms);
  EXPECT_GE(a.held_for(), 2ms);
}

TEST(CppPermitToken, IsReleasedByExactlyOneOfManyThreads) {
  const semaphore sem(4);
  for (int turn = 0; turn < 500; ++turn) {
    permit_token t = sem.acquire_token(4);
    std::atomic<int> ok{0};
    std::atomic<int> already{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        const status s = t.release();
        ++(s == status::ok ? ok : already);
      });
    }
    for (auto& thread : threads) thread.join();
    ASSERT_EQ(ok, 1);
    ASSERT_EQ(already, 2);
    ASSERT_EQ(sem.held(), 0u);
  }
}

TEST(CppPermitToken, KeepsItsSemaphoreAlive) {
  auto sem = std::make_unique<semaphore>(1);
  permit_token t = sem->acquire_token();
  sem.reset();
  EXPECT_EQ(t.count(), 1u);
  EXPECT_EQ(t.release(), status::ok);  // frees the semaphore
  EXPECT_EQ(t.release(), status::already);
}

TEST(CppPermitToken, SplitsAndMerges) {
  const semaphore sem(5);
  permit_token a = sem.acquire_token(5);
  permit_token b = a.split(2);
  EXPECT_EQ(a.count(), 3u);
  EXPECT_EQ(b.count(), 2u);
  EXPECT_NE(a.id(), b.id());
  EXPECT_EQ(a.split(3).status(), status::invalid);
  EXPECT_EQ(a.merge(a), status::invalid);
  EXPECT_EQ(a.merge(b), status::ok);
  EXPECT_EQ(a.count(), 5u);
  EXPECT_FALSE(b);
  EXPECT_EQ(a.merge(b), status::already);
  EXPECT_EQ(b.split(1).status(), status::already);
}

TEST(CppPermitToken, ForgetLeavesThePermitsCounted) {
  const semaphore sem(2);
  {
    permit_token t = sem.acquire_token();
    EXPECT_EQ(t.forget(), status::ok);
    EXPECT_EQ(t.forget(), status::already);
  }
  EXPECT_EQ(sem.held(), 1u);
  EXPECT_EQ(sem.release(), status::ok);
}

TEST(CppPermitToken, AdoptsWhatTheCallerOwes) {
  const semaphore sem(5);
  ASSERT_EQ(sem.try_acquire_raw(3), status::ok);
  {
    const permit_token token = sem.adopt_token(2, "by hand");
    EXPECT_EQ(token.status(), status::ok);
    EXPECT_EQ(token.count(), 2u);
    EXPECT_NE(token.id(), 0u);
    EXPECT_EQ(sem.held(), 3u);
  }
  EXPECT_EQ(sem.held(), 1u);
  EXPECT_EQ(sem.adopt_token(2).status(), status::overflow);
  EXPECT_EQ(sem.adopt_token(0).status(), status::invalid);
  EXPECT_EQ(sem.release(), status::ok);
}

TEST(CppPermitToken, TakesOverAPermit) {
  auto sem = std::make_unique<semaphore>(4);
  permit p = sem->try_acquire(3);
  permit_token token(std::move(p), "from a permit");
  EXPECT_EQ(p.status(), status::already);  // NOLINT(bugprone-use-after-move): what is promised
  EXPECT_EQ(p.release(), status::already);
  EXPECT_EQ(token.status(), status::ok);
  EXPECT_EQ(token.count(), 3u);
  EXPECT_EQ(sem->held(), 3u);
  sem.reset();  // the token keeps it
  EXPECT_EQ(token.release(), status::ok);
  EXPECT_EQ(token.release(), status::already);
}

TEST(CppPermitToken, OfAnEmptyPermitTellsWhyThatIs) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  EXPECT_EQ(permit_token(sem.try_acquire()).status(), status::again);
  EXPECT_EQ(permit_token(permit()).status(), status::already);
  EXPECT_FALSE(permit_token(permit()));
}

TEST(CppPermitToken, LeavesAPermitOfMoreThanIsHeldAlone) {
  const semaphore sem(2);
  permit p = sem.try_acquire(2);
  ASSERT_EQ(sem.release(2), status::ok);  // by mistake
  const permit_token token(std::move(p));
  EXPECT_EQ(token.status(), status::overflow);
  EXPECT_FALSE(token);
  EXPECT_EQ(p.count(), 2u);  // NOLINT(bugprone-use-after-move): what is promised
  EXPECT_EQ(p.release(), status::overflow);
}

TEST(CppPermitToken, TellsThatSomebodyElseReleased) {
  const semaphore sem(3);
  permit_token token = sem.acquire_token(3);
  ASSERT_EQ(sem.release(), status::ok);
  EXPECT_EQ(token.release(), status::overflow);
  EXPECT_EQ(sem.held(), 0u);
  EXPECT_EQ(token.release(), status::already);
}

}  // namespace
