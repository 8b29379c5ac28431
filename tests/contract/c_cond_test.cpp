// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The condition. Every status that its calls document, provoked. Where:
//
//   cond_create      OK                       all
//                    EINVAL ENOTSUP           CondStatus.Create…, CondCreate.*
//                    ENOMEM                   c_wait_fault_test
//   cond_ref, _unref, waiters   NULL          CondStatus.TheRest…
//   cond_wait        OK ETIMEDOUT             Cond.*
//                    EINVAL                   CondStatus.WaitRefuses…
//                    ECLOSED                  Cond.TheLastReference…
//                    ENOMEM                   c_wait_fault_test
//   notify_one, notify_all      OK            Cond.*
//                    EINVAL                   CondStatus.TheRest…
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <thread>

#include "support/per_queue.h"
#include "support/recorder.h"

namespace afflux_test {
namespace {

constexpr std::int64_t kHour = 3600 * 1000 * kMillisecond;

class CondStatus : public per_queue {};
class Cond : public per_queue {};

// The caller's lock: a mutex that counts, and knows who holds it.
class counted_lock {
 public:
  void lock() {
    mutex_.lock();
    owner_.store(std::this_thread::get_id());
  }
  void unlock() {
    owner_.store({});
    mutex_.unlock();
  }
  bool is_mine() const { return owner_.load() == std::this_thread::get_id(); }

  // Called in the midst of a wait, after it is queued and before the lock is let go.
  std::function<void()> before_unlock;
  // Only for the thread that holds it.
  int locks = 0;
  int unlocks = 0;

  static void lock_fn(void* self) {
    static_cast<counted_lock*>(self)->lock();
    ++static_cast<counted_lock*>(self)->locks;
  }
  static void unlock_fn(void* self) {
    auto* const mine = static_cast<counted_lock*>(self);
    EXPECT_TRUE(mine->is_mine());
    ++mine->unlocks;
    if (mine->before_unlock) mine->before_unlock();
    mine->unlock();
  }

 private:
  std::mutex mutex_;
  std::atomic<std::thread::id> owner_{};
};

afflux_status wait(afflux_cond* cond, counted_lock& lock,
                   std::int64_t timeout_ns = AFFLUX_FOREVER) {
  const afflux_status status =
      afflux_cond_wait(cond, counted_lock::lock_fn, counted_lock::unlock_fn, &lock, timeout_ns);
  EXPECT_TRUE(lock.is_mine());
  return status;
}

void await_waiting(const afflux_cond* cond, std::uint64_t count) {
  await([&] { return afflux_cond_waiters(cond) == count; });
}

// ---- statuses

TEST(CondCreate, AnswersForEveryStrategyByName) {
  for (const std::uint32_t queue : {0u, 1u, 2u, 3u, 4u}) {
    afflux_cond* cond = nullptr;
    EXPECT_EQ(afflux_cond_create(queue, &cond), built_in(queue) ? AFFLUX_OK : AFFLUX_ENOTSUP);
    EXPECT_EQ(cond != nullptr, built_in(queue));
    afflux_cond_unref(cond);
  }
}

TEST_P(CondStatus, CreateRefusesNullAndEnumeratorsAndWritesNothing) {
  afflux_cond* const untouched = reinterpret_cast<afflux_cond*>(this);
  afflux_cond* cond = untouched;
  EXPECT_EQ(afflux_cond_create(GetParam(), nullptr), AFFLUX_EINVAL);
  for (const std::uint32_t bad : {5u, 256u, 0xffffffffu}) {
    EXPECT_EQ(afflux_cond_create(bad, &cond), AFFLUX_EINVAL) << bad;
  }
  EXPECT_EQ(cond, untouched);
}

TEST_P(CondStatus, TheRestTakesOrRefusesNull) {
  EXPECT_EQ(afflux_cond_ref(nullptr), nullptr);
  afflux_cond_unref(nullptr);
  EXPECT_EQ(afflux_cond_notify_one(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_cond_notify_all(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_cond_waiters(nullptr), 0u);
}

TEST_P(CondStatus, WaitRefusesWithoutTouchingTheLock) {
  const cond_guard cond(GetParam());
  counted_lock lock;
  const auto lock_fn = counted_lock::lock_fn;
  const auto unlock_fn = counted_lock::unlock_fn;
  EXPECT_EQ(afflux_cond_wait(nullptr, lock_fn, unlock_fn, &lock, kHour), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_cond_wait(cond, nullptr, unlock_fn, &lock, kHour), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_cond_wait(cond, lock_fn, nullptr, &lock, kHour), AFFLUX_EINVAL);
  for (const std::int64_t bad : {std::int64_t{-2}, std::numeric_limits<std::int64_t>::min()}) {
    EXPECT_EQ(afflux_cond_wait(cond, lock_fn, unlock_fn, &lock, bad), AFFLUX_EINVAL);
  }
  // Of time 0: at once, without unlocking.
  EXPECT_EQ(afflux_cond_wait(cond, lock_fn, unlock_fn, &lock, 0), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(lock.locks + lock.unlocks, 0);
  EXPECT_EQ(afflux_cond_waiters(cond), 0u);
}

// ---- waiting

TEST_P(Cond, ATimeoutLocksAgainAndIsNotEarly) {
  const cond_guard cond(GetParam());
  counted_lock lock;
  lock.lock();
  const std::int64_t before = now_ns();
  EXPECT_EQ(wait(cond, lock, 3 * kMillisecond), AFFLUX_ETIMEDOUT);
  EXPECT_GE(now_ns() - before, 3 * kMillisecond);
  EXPECT_EQ(lock.locks, 1);
  EXPECT_EQ(lock.unlocks, 1);
  EXPECT_EQ(afflux_cond_waiters(cond), 0u);
  lock.unlock();
}

TEST_P(Cond, ANotificationWithNobodyWaitingIsForgotten) {
  const cond_guard cond(GetParam());
  counted_lock lock;
  EXPECT_EQ(afflux_cond_notify_one(cond), AFFLUX_OK);
  EXPECT_EQ(afflux_cond_notify_all(cond), AFFLUX_OK);
  lock.lock();
  EXPECT_EQ(wait(cond, lock, kMillisecond), AFFLUX_ETIMEDOUT);
  lock.unlock();
}

TEST_P(Cond, WhoeverTakesTheLockFindsTheWaiterQueued) {
  const cond_guard cond(GetParam());
  counted_lock lock;
  std::atomic<bool> notified{false};
  in_thread notifier([&] {
    // No sooner than the wait lets it go.
    await([&] { return afflux_cond_waiters(cond) == 1; });
    const std::lock_guard held(lock);
    EXPECT_EQ(afflux_cond_waiters(cond), 1u);
    notified.store(true);
    return afflux_cond_notify_one(cond);
  });
  lock.lock();
  EXPECT_EQ(wait(cond, lock), AFFLUX_OK);
  EXPECT_TRUE(notified.load());
  lock.unlock();
}

// Queued is queued: a notification before the thread sleeps, even before it unlocks, counts.
TEST_P(Cond, ANotificationBetweenQueueingAndSleepingIsNotLost) {
  const cond_guard cond(GetParam());
  counted_lock lock;
  for (const bool all : {false, true}) {
    lock.before_unlock = [&] {
      EXPECT_EQ(afflux_cond_waiters(cond), 1u);
      EXPECT_EQ(all ? afflux_cond_notify_all(cond) : afflux_cond_notify_one(cond), AFFLUX_OK);
      EXPECT_EQ(afflux_cond_waiters(cond), 0u);
    };
    lock.lock();
    EXPECT_EQ(wait(cond, lock), AFFLUX_OK);
    lock.unlock();
  }
}

TEST_P(Cond, NotifyOneWakesExactlyTheFirst) {
  const cond_guard cond(GetParam());
  counted_lock lock;
  std::deque<in_thread> threads;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    threads.emplace_back([&] {
      const std::lock_guard held(lock);
      return wait(cond, lock);
    });
    await_waiting(cond, i);
  }
  for (std::size_t i = 0; i < threads.size(); ++i) {
    EXPECT_EQ(afflux_cond_notify_one(cond), AFFLUX_OK);
    EXPECT_EQ(threads[i].join(), AFFLUX_OK);
    for (std::size_t k = i + 1; k < threads.size(); ++k) EXPECT_FALSE(threads[k].returned());
    EXPECT_EQ(afflux_cond_waiters(cond), threads.size() - 1 - i);
  }
}

TEST_P(Cond, WhoTimesOutSwallowsNothing) {
  const cond_guard cond(GetParam());
  counted_lock lock;
  in_thread late([&] {
    const std::lock_guard held(lock);
    return wait(cond, lock, 20 * kMillisecond);
  });
  in_thread last([&] {
    // The late one is queued, or gone already on a slow machine.
    await([&] { return afflux_cond_waiters(cond) == 1 || late.returned(); });
    const std::lock_guard held(lock);
    return wait(cond, lock);
  });
  EXPECT_EQ(late.join(), AFFLUX_ETIMEDOUT);
  await_waiting(cond, 1);
  EXPECT_EQ(afflux_cond_notify_one(cond), AFFLUX_OK);
  EXPECT_EQ(last.join(), AFFLUX_OK);
}

TEST_P(Cond, NotifyAllWakesFiftyThreadsWhichAllSeeTheChange) {
  constexpr std::uint64_t kThreads = 50;
  const cond_guard cond(GetParam());
  counted_lock lock;
  for (int round = 1; round <= 3; ++round) {
    int state = 0;
    int seen = 0;
    std::deque<in_thread> threads;
    for (std::uint64_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        const std::lock_guard held(lock);
        int turns = 0;
        while (state != round) {
          EXPECT_EQ(wait(cond, lock), AFFLUX_OK);
          ++turns;
        }
        EXPECT_EQ(turns, 1);  // nobody woke it for nothing
        ++seen;
        return AFFLUX_OK;
      });
    }
    await_waiting(cond, kThreads);
    {
      const std::lock_guard held(lock);
      state = round;
      EXPECT_EQ(afflux_cond_notify_all(cond), AFFLUX_OK);
      EXPECT_EQ(afflux_cond_waiters(cond), 0u);
    }
    for (in_thread& thread : threads) thread.join();
    EXPECT_EQ(seen, 50);
  }
}

// Waits end by notifications only: each turn takes one wait, at most.
TEST_P(Cond, TwoThreadsPingPongTenThousandTimes) {
  constexpr int kTurns = 10000;
  const cond_guard cond(GetParam());
  counted_lock lock;
  int turn = 0;
  const auto player = [&](int parity) {
    int waits = 0;
    int mine = 0;
    const std::lock_guard held(lock);
    while (turn < kTurns) {
      if (turn % 2 == parity) {
        ++turn;
        ++mine;
        EXPECT_EQ(afflux_cond_notify_one(cond), AFFLUX_OK);
      } else {
        EXPECT_EQ(wait(cond, lock), AFFLUX_OK);
        ++waits;
      }
    }
    EXPECT_EQ(mine, kTurns / 2);
    EXPECT_LE(waits, kTurns / 2 + 1);
    return AFFLUX_OK;
  };
  in_thread other([&] { return player(1); });
  player(0);
  other.join();
  EXPECT_EQ(turn, kTurns);
  EXPECT_EQ(afflux_cond_waiters(cond), 0u);
}

// ---- the end

TEST_P(Cond, TheLastReferenceEndsWaitsWithTheLockHeld) {
  cond_guard cond(GetParam());
  afflux_cond* const handle = cond;
  counted_lock lock;
  EXPECT_EQ(afflux_cond_ref(handle), handle);
  std::deque<in_thread> threads;
  for (const std::int64_t time : {std::int64_t{AFFLUX_FOREVER}, kHour}) {
    threads.emplace_back([&lock, handle, time] {
      const std::lock_guard held(lock);
      return wait(handle, lock, time);
    });
  }
  await_waiting(handle, 2);
  afflux_cond_unref(handle);
  EXPECT_EQ(afflux_cond_waiters(handle), 2u);
  afflux_cond_unref(cond.give());
  for (in_thread& thread : threads) EXPECT_EQ(thread.join(), AFFLUX_ECLOSED);
}

TEST_P(Cond, ANotifiedThreadMayDropTheLastReference) {
  for (int i = 0; i < 200; ++i) {
    cond_guard cond(GetParam());
    afflux_cond* const handle = cond.give();
    counted_lock lock;
    in_thread waiter([&lock, handle] {
      const std::lock_guard held(lock);
      const afflux_status status = wait(handle, lock);
      afflux_cond_unref(handle);  // while the notification may still be returning
      return status;
    });
    await_waiting(handle, 1);
    EXPECT_EQ(afflux_cond_notify_one(handle), AFFLUX_OK);
    EXPECT_EQ(waiter.join(), AFFLUX_OK);
  }
}

// ---- within a completion of something else

TEST_P(Cond, AWakeFunctionMayNotify) {
  const cond_guard cond(GetParam());
  const event_guard event(false, GetParam());
  counted_lock lock;
  in_thread thread([&] {
    const std::lock_guard held(lock);
    return wait(cond, lock);
  });
  await_waiting(cond, 1);
  pending p;
  p.then = [&](afflux_status) { EXPECT_EQ(afflux_cond_notify_one(cond), AFFLUX_OK); };
  ASSERT_EQ(start(event, p), AFFLUX_PENDING);
  EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
  EXPECT_EQ(thread.join(), AFFLUX_OK);
}

INSTANTIATE_TEST_SUITE_P(Each, CondStatus, all_queues(), queue_name);
INSTANTIATE_TEST_SUITE_P(Each, Cond, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
