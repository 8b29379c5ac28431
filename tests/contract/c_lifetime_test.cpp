// SPDX-License-Identifier: MIT OR Apache-2.0
//
// References, the last unref and what it does to waiting requests (S9, S10),
// and the end of a semaphore while a release on it is still returning.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "support/build_kind.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

class SemLifetime : public per_variant {
 protected:
  static afflux_sem* create(std::uint64_t permits) { return sem_guard(options(permits)).give(); }
};

TEST_P(SemLifetime, LastsUntilTheLastReference) {
  afflux_sem* sem = create(1);
  EXPECT_EQ(afflux_sem_ref(sem), sem);
  EXPECT_EQ(afflux_sem_ref(sem), sem);
  afflux_sem_unref(sem);
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  afflux_sem_unref(sem);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_all_free(sem, 1);
  afflux_sem_unref(sem);
}

TEST_P(SemLifetime, AnEarlierUnrefDoesNotClose) {
  afflux_sem* sem = create(1);
  pending p;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  afflux_sem_ref(sem);
  afflux_sem_unref(sem);
  EXPECT_EQ(p.completions(), 0);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
  afflux_sem_unref(sem);
}

TEST_P(SemLifetime, TheLastUnrefCompletesWaitingRequestsOnItsThread) {
  afflux_sem* sem = create(1);
  std::deque<pending> queue;
  std::thread::id on;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (std::uint32_t i = 0; i < 300; ++i) {
    pending& p = queue.emplace_back();
    p.request.priority = i % 4;
    p.then = [&on](afflux_status) { on = std::this_thread::get_id(); };
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  }
  afflux_sem_unref(sem);
  for (const pending& p : queue) ASSERT_TRUE(p.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_EQ(on, std::this_thread::get_id());
}

TEST_P(SemLifetime, PermitsMayBeHeldAtTheEnd) {
  afflux_sem* sem = create(3);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  afflux_sem_unref(sem);  // the leak check of the address sanitizer sees what stays behind
}

TEST_P(SemLifetime, UnrefAfterCloseIsFine) {
  afflux_sem* sem = create(1);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  afflux_sem_unref(sem);
}

TEST_P(SemLifetime, ACompletionMayDropTheLastReferenceOfItsSemaphore) {
  for (const bool by_close : {false, true}) {
    afflux_sem* sem = create(1);
    pending first, second, third;
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    first.then = [sem](afflux_status) { afflux_sem_unref(sem); };
    ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
    ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
    ASSERT_EQ(third.start(sem), AFFLUX_PENDING);
    // The reference is the completion's: neither call may touch the handle after it.
    if (by_close) {
      EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
    } else {
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
    EXPECT_TRUE(first.completed_once_with(by_close ? AFFLUX_ECLOSED : AFFLUX_OK));
    EXPECT_TRUE(second.completed_once_with(AFFLUX_ECLOSED));
    EXPECT_TRUE(third.completed_once_with(AFFLUX_ECLOSED));
  }
}

TEST_P(SemLifetime, TheLastCompletionOfABatchMayFreeSemaphoreAndWaiters) {
  constexpr std::uint64_t kCount = 600;  // more than one batch
  afflux_sem* sem = create(kCount);
  auto queue = std::make_unique<std::deque<pending>>();
  std::uint64_t done = 0;
  ASSERT_EQ(afflux_sem_try_acquire(sem, kCount), AFFLUX_OK);
  for (std::uint64_t i = 0; i < kCount; ++i) {
    pending& p = queue->emplace_back();
    p.then = [&](afflux_status) {
      if (++done != kCount) return;
      afflux_sem_unref(sem);
      queue.reset();
    };
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_sem_release(sem, kCount), AFFLUX_OK);
  EXPECT_EQ(done, kCount);
}

TEST_P(SemLifetime, AnUnrefInTheCompletionOfACancelledHeadsFollower) {
  afflux_sem* sem = create(2);
  pending head(2), follower(1);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  follower.then = [sem](afflux_status) { afflux_sem_unref(sem); };
  ASSERT_EQ(head.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(follower.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(head.cancel(), AFFLUX_OK);
  EXPECT_TRUE(follower.completed_once_with(AFFLUX_OK));
}

// The usual pattern (glibc's bug 12674): the semaphore guards an object that is freed, semaphore
// and all, by the thread whose acquire has just returned, while the release may still be on its
// way out. A touch afterwards is for the address and thread sanitizers to see (S9).
TEST_P(SemLifetime, AThreadMayFreeTheSemaphoreAsSoonAsItsAcquireReturned) {
  const int rounds = kSanitized ? 2000 : 10000;
  std::atomic<afflux_sem*> offered{nullptr};
  std::atomic<bool> stop{false};
  std::thread releaser([&] {
    for (;;) {
      afflux_sem* sem = offered.exchange(nullptr);
      if (sem != nullptr) {
        EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      } else if (stop.load()) {
        return;
      } else {
        std::this_thread::yield();
      }
    }
  });
  for (int i = 0; i < rounds; ++i) {
    afflux_sem* sem = create(1);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    offered.store(sem);
    if (i % 3 == 2) {
      // By trying: the permits can be seen before the release has returned.
      await([&] { return afflux_sem_try_acquire(sem, 1) == AFFLUX_OK; });
    } else if (i % 3 == 1) {
      pending p;
      if (p.start(sem) == AFFLUX_PENDING) await([&] { return p.completions() != 0; });
    } else {
      ASSERT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_OK);
    }
    afflux_sem_unref(sem);
  }
  stop.store(true);
  releaser.join();
}

TEST_P(SemLifetime, ReferencesMayBeTakenAndDroppedByManyThreads) {
  afflux_sem* sem = create(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    afflux_sem_ref(sem);
    threads.emplace_back([sem] {
      for (int i = 0; i < 2000; ++i) {
        afflux_sem_ref(sem);
        EXPECT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_OK);
        EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
        afflux_sem_unref(sem);
      }
      afflux_sem_unref(sem);
    });
  }
  afflux_sem_unref(sem);
  for (std::thread& thread : threads) thread.join();
}

TEST_P(SemLifetime, ManySemaphoresDoNotShareAnything) {
  std::vector<afflux_sem*> sems;
  for (std::uint64_t i = 1; i <= 500; ++i) sems.push_back(create(i));
  for (std::size_t i = 0; i < sems.size(); ++i) {
    expect_all_free(sems[i], i + 1);
    EXPECT_EQ(afflux_sem_try_acquire(sems[i], i + 1), AFFLUX_OK);
  }
  for (std::size_t i = 0; i < sems.size(); ++i) {
    EXPECT_EQ(state_of(sems[i]), (sem_state{i + 1, 0, i + 1, 0}));
    afflux_sem_unref(sems[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, SemLifetime, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
