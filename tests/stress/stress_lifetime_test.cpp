// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ends: of semaphores while a release or a cancel is still returning (S9, S10), of
// threads whose requests wait.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "stress.h"

namespace afflux_test {
namespace {

class StressLifetime : public stress {
 protected:
  afflux_sem* create(std::uint64_t permits) const { return sem_guard(options(permits)).give(); }
};

// A thread acquires, then frees the semaphore and writes over the memory that it may have had,
// while the release that let it in is still returning. ASan and TSan see a touch; without them
// the fresh allocation that may take its place would be damaged.
TEST_P(StressLifetime, FreedAfterAcquireWhileReleasesReturn) {
  constexpr int kReleasers = 2;
  struct task {
    std::atomic<afflux_sem*> sem{nullptr};
  };
  task tasks[kReleasers];
  std::atomic<bool> stop{false};
  std::vector<std::thread> releasers;
  for (task& mine : tasks) {
    releasers.emplace_back([&mine, &stop] {
      while (!stop.load()) {
        afflux_sem* sem = mine.sem.exchange(nullptr);
        if (sem == nullptr) {
          std::this_thread::yield();
        } else {
          EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
        }
      }
    });
  }
  random_engine random = engine(0);
  while (time_left()) {
    afflux_sem* sem = create(kReleasers);
    EXPECT_EQ(afflux_sem_try_acquire(sem, kReleasers), AFFLUX_OK);
    for (task& t : tasks) t.sem.store(sem);
    // All permits: both releases have been counted, neither need have returned.
    if (below(random, 2) == 0) {
      EXPECT_EQ(afflux_sem_acquire(sem, kReleasers, AFFLUX_FOREVER), AFFLUX_OK);
    } else {
      pending p(kReleasers);
      if (p.start(sem) == AFFLUX_PENDING) await([&] { return p.completions() != 0; });
    }
    afflux_sem_unref(sem);
    const std::unique_ptr<unsigned char[]> next(new unsigned char[256]);
    std::memset(next.get(), 0x5a, 256);
    for (int i = 0; i < 256; ++i) ASSERT_EQ(next[static_cast<std::size_t>(i)], 0x5a);
  }
  stop.store(true);
  for (std::thread& thread : releasers) thread.join();
}

// The last unref while another thread cancels one of the requests and a third releases: each owns
// a reference of its own, and the thread that drops the last one completes the rest.
TEST_P(StressLifetime, LastUnrefAgainstCancelAndRelease) {
  random_engine random = engine(0);
  while (time_left()) {
    constexpr std::size_t kCount = 6;
    afflux_sem* sem = create(1);
    pending queue[kCount];
    EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    for (pending& p : queue) ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    std::atomic<int> ready{0};
    const auto together = [&ready] {
      ready.fetch_add(1);
      await([&] { return ready.load() == 3; });
    };
    const std::size_t victim = below(random, kCount);
    std::atomic<bool> cancelled{false};
    afflux_sem_ref(sem);
    std::thread releaser([&] {
      together();
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      afflux_sem_unref(sem);
    });
    // A cancel borrows no handle of its own: the waiter's memory is enough.
    std::thread canceller([&] {
      together();
      const afflux_status status = queue[victim].cancel();
      EXPECT_TRUE(status == AFFLUX_OK || status == AFFLUX_EALREADY) << status;
      cancelled.store(status == AFFLUX_OK);
    });
    together();
    afflux_sem_unref(sem);
    releaser.join();
    canceller.join();
    for (std::size_t i = 0; i < kCount; ++i) {
      const bool taken = cancelled.load() && i == victim;
      await([&] { return taken || queue[i].completions() != 0; });
      ASSERT_EQ(queue[i].completions(), taken ? 0 : 1);
      if (!taken) {
        EXPECT_TRUE(queue[i].status() == AFFLUX_ECLOSED || queue[i].status() == AFFLUX_OK);
      }
    }
  }
}

// A thread queues requests and is gone before they complete; others wait meanwhile.
TEST_P(StressLifetime, ThreadsExitWhileTheirRequestsWait) {
  const sem_guard sem(options(2));
  random_engine random = engine(0);
  while (time_left()) {
    const std::size_t count = 1 + below(random, 20);
    const std::unique_ptr<pending[]> queue(new pending[count]);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
    blocked other(sem, 1);
    std::thread([&] {
      for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(queue[i].start(sem), AFFLUX_PENDING);
    }).join();
    await_waiters(sem, count + 1);
    for (std::size_t i = 0; i < count + 1; ++i) {
      // THROUGHPUT: a woken thread may still be on its way to its permit, and the rest behind it.
      await([&] { return afflux_sem_held(sem) != 0; });
      ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
    EXPECT_EQ(other.join(), AFFLUX_OK);
    for (std::size_t i = 0; i < count; ++i) {
      await([&] { return queue[i].completions() != 0; });
      ASSERT_TRUE(queue[i].completed_once_with(AFFLUX_OK));
    }
    ASSERT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
    expect_all_free(sem, 2);
  }
}

// A permit may be released by another thread than its acquirer, which is long gone.
TEST_P(StressLifetime, ThreadsExitWithPermitsInHand) {
  const sem_guard sem(options(4));
  while (time_left()) {
    std::thread([&] { EXPECT_EQ(afflux_sem_acquire(sem, 4, AFFLUX_FOREVER), AFFLUX_OK); }).join();
    blocked next(sem, 2);
    await_waiters(sem, 1);
    ASSERT_EQ(afflux_sem_release(sem, 4), AFFLUX_OK);
    ASSERT_EQ(next.join(), AFFLUX_OK);
    ASSERT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  }
  expect_all_free(sem, 4);
}

INSTANTIATE_TEST_SUITE_P(Each, StressLifetime, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
