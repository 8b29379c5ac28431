// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The event, the condition and the waiter queue under threads that notify, wait,
// cancel and time out at once. A notification that is lost shows as a hang, which
// the watchdog ends: nothing here makes up for one by a time limit.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "../contract/support/per_queue.h"
#include "stress.h"

namespace afflux_test {
namespace {

// Its variants differ by the queue only.
class StressEvent : public stress {
 protected:
  static std::uint32_t queue() { return GetParam().queue; }
};
class StressCond : public StressEvent {};
class StressQueue : public StressEvent {};

// A place where a fixed number of threads meet, by spinning, so that they leave it together.
class meeting {
 public:
  explicit meeting(int threads) : threads_(threads) {}
  void arrive() {
    const int generation = generation_.load();
    if (arrived_.fetch_add(1) + 1 == threads_) {
      arrived_.store(0);
      generation_.store(generation + 1);
      return;
    }
    await([&] { return generation_.load() != generation; });
  }

 private:
  const int threads_;
  std::atomic<int> arrived_{0};
  std::atomic<int> generation_{0};
};

void spin_below(random_engine& random, std::uint64_t bound) {
  for (std::uint64_t n = below(random, bound); n > 0; --n) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

// With more waiters than notifications, each notification completes one.
TEST_P(StressEvent, NotificationsAtTheSameMomentWakeOneEach) {
  constexpr int kNotifiers = 3;
  const event_guard event(false, queue());
  meeting begin(kNotifiers), end(kNotifiers);
  std::atomic<bool> stop{false};
  const auto notify = [&](random_engine& random) {
    begin.arrive();
    if (stop.load()) return false;
    spin_below(random, 200);
    EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
    end.arrive();
    return true;
  };
  std::vector<std::thread> threads;
  for (std::uint64_t t = 1; t < kNotifiers; ++t) {
    threads.emplace_back([&, t] {
      random_engine random = engine(t);
      while (notify(random)) {
      }
    });
  }
  random_engine random = engine(0);
  std::uint64_t rounds = 0;
  std::uint64_t lost = 0;
  for (; time_left() && lost == 0; ++rounds) {
    std::deque<pending> waiting(kNotifiers + 1);
    for (pending& p : waiting) EXPECT_EQ(start(event, p), AFFLUX_PENDING);
    notify(random);
    std::uint64_t left = 0;
    for (pending& p : waiting) left += p.cancel() == AFFLUX_OK ? 1u : 0u;
    lost += left - 1;
    EXPECT_EQ(afflux_event_is_set(event), 0);
  }
  stop.store(true);
  begin.arrive();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lost, 0u) << "after " << rounds << " rounds";
}

// The usual use of an auto-reset event: work is counted, then notified; a woken thread takes
// all that there is. The last notification of a round must reach a waiter, although
// those who wait cancel, or their time runs out, at the same moment.
TEST_P(StressEvent, ACancelStormSwallowsNoNotification) {
  constexpr int kProducers = 2;
  constexpr int kLeavers = 2;
  constexpr std::uint64_t kWaiters = 8;
  const event_guard event(false, queue());
  std::atomic<std::uint64_t> work{0};
  std::atomic<std::uint64_t> made{0};
  std::atomic<bool> stop{false};
  std::atomic<int> producing{kProducers};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kProducers; ++t) {
    threads.emplace_back([&, t] {
      random_engine random = engine(t);
      while (time_left()) {
        work.fetch_add(1);
        made.fetch_add(1);
        EXPECT_EQ(
            below(random, 8) == 0 ? afflux_event_notify_all(event) : afflux_event_notify_one(event),
            AFFLUX_OK);
        spin_below(random, 500);
      }
      // One more, or the worker would not learn of the end.
      producing.fetch_sub(1);
      EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
    });
  }
  // Requests that come and go. One that has been notified passes the notification on.
  for (std::uint64_t t = 0; t < kLeavers; ++t) {
    threads.emplace_back([&, t] {
      random_engine random = engine(100 + t);
      std::deque<pending> waiting;
      while (!stop.load()) {
        waiting.clear();
        for (std::uint64_t i = 0; i < kWaiters; ++i) {
          pending& p = waiting.emplace_back();
          p.request.priority = static_cast<std::uint32_t>(below(random, 4));
          if (below(random, 4) == 0) {
            p.request.timeout_ns = static_cast<std::int64_t>(1 + below(random, 1000000));
          }
          const afflux_status status = start(event, p);
          if (status == AFFLUX_OK) {
            p.request.permits = 0;  // it is done
            EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
          } else {
            EXPECT_EQ(status, AFFLUX_PENDING);
          }
        }
        spin_below(random, 2000);
        for (pending& p : waiting) {
          if (p.request.permits == 0 || p.cancel() == AFFLUX_OK) continue;
          await([&] { return p.completions() != 0; });
          EXPECT_EQ(p.completions(), 1);
          if (p.status() == AFFLUX_OK) {
            EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
          } else {
            EXPECT_EQ(p.status(), AFFLUX_ETIMEDOUT);
          }
        }
      }
    });
  }
  // The only one who works: it sleeps without a limit of time.
  std::uint64_t taken = 0;
  while (producing.load() != 0 || taken != made.load()) {
    EXPECT_EQ(afflux_event_wait(event, AFFLUX_FOREVER), AFFLUX_OK);
    taken += work.exchange(0);
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, made.load());
  EXPECT_EQ(afflux_event_waiters(event), 0u);
}

// From the return of a notification until the clear every wait passes, of time 0 too, whoever
// arrives meanwhile.
TEST_P(StressEvent, AManualResetEventOnceSetLetsEveryWaitPass) {
  const event_guard event(true, queue());
  meeting begin(2), end(2);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    random_engine random = engine(1);
    for (;;) {
      pending p;
      begin.arrive();
      if (stop.load()) return;
      spin_below(random, 200);
      const afflux_status status = start(event, p);
      end.arrive();
      if (status == AFFLUX_PENDING) {
        EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
      } else {
        EXPECT_EQ(status, AFFLUX_OK);
      }
      end.arrive();
    }
  });
  random_engine random = engine(0);
  std::uint64_t rounds = 0;
  std::uint64_t refused = 0;
  for (; time_left(); ++rounds) {
    begin.arrive();
    spin_below(random, 200);
    EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
    for (int i = 0; i < 20; ++i) {
      if (afflux_event_wait(event, 0) != AFFLUX_OK) ++refused;
    }
    end.arrive();
    end.arrive();
    EXPECT_EQ(afflux_event_clear(event), AFFLUX_OK);
  }
  stop.store(true);
  begin.arrive();
  other.join();
  EXPECT_EQ(refused, 0u) << "waits refused in " << rounds << " rounds";
}

TEST_P(StressEvent, BlockedThreadsNotificationsAndTheEndOfTheirTime) {
  constexpr int kSleepers = 4;
  const event_guard event(false, queue());
  std::atomic<int> running{kSleepers};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kSleepers; ++t) {
    threads.emplace_back([&, t] {
      random_engine random = engine(t);
      while (time_left()) {
        const std::int64_t time = below(random, 2) == 0
                                      ? std::int64_t{AFFLUX_FOREVER}
                                      : static_cast<std::int64_t>(below(random, 50000));
        const std::int64_t before = now_ns();
        const afflux_status status = afflux_event_wait(event, time);
        if (status == AFFLUX_ETIMEDOUT) {
          EXPECT_NE(time, AFFLUX_FOREVER);
          EXPECT_GE(now_ns() - before, time);
        } else {
          EXPECT_EQ(status, AFFLUX_OK);
        }
      }
      running.fetch_sub(1);
    });
  }
  random_engine random = engine(99);
  while (running.load() != 0) {
    EXPECT_EQ(
        below(random, 4) == 0 ? afflux_event_notify_all(event) : afflux_event_notify_one(event),
        AFFLUX_OK);
    if (below(random, 16) == 0) afflux_event_clear(event);
    spin_below(random, 2000);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(afflux_event_waiters(event), 0u);
}

// ---- the condition

// A bounded buffer by two conditions and a std::mutex: everything comes out once.
TEST_P(StressCond, ABoundedBufferLosesNothing) {
  constexpr std::size_t kRoom = 3;
  constexpr int kThreads = 3;
  const cond_guard not_full(queue()), not_empty(queue());
  std::mutex mutex;
  const afflux_lock_fn lock = [](void* m) { static_cast<std::mutex*>(m)->lock(); };
  const afflux_lock_fn unlock = [](void* m) { static_cast<std::mutex*>(m)->unlock(); };
  std::deque<std::uint64_t> buffer;
  std::uint64_t put = 0, got = 0;
  int producing = kThreads;
  const auto wait = [&](afflux_cond* cond, random_engine& random) {
    const std::int64_t time = below(random, 8) == 0 ? 20000 : std::int64_t{AFFLUX_FOREVER};
    const afflux_status status = afflux_cond_wait(cond, lock, unlock, &mutex, time);
    EXPECT_TRUE(status == AFFLUX_OK || (status == AFFLUX_ETIMEDOUT && time > 0)) << status;
  };
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      random_engine random = engine(t);
      while (time_left()) {
        const std::lock_guard held(mutex);
        while (buffer.size() == kRoom) wait(not_full, random);
        buffer.push_back(++put);
        EXPECT_EQ(afflux_cond_notify_one(not_empty), AFFLUX_OK);
      }
      const std::lock_guard held(mutex);
      if (--producing == 0) {
        EXPECT_EQ(afflux_cond_notify_all(not_empty), AFFLUX_OK);
      }
    });
    threads.emplace_back([&, t] {
      random_engine random = engine(100 + t);
      for (;;) {
        bool took = false;
        {
          const std::lock_guard held(mutex);
          while (buffer.empty() && producing != 0) wait(not_empty, random);
          if (buffer.empty()) return;
          EXPECT_EQ(buffer.front(), ++got);
          buffer.pop_front();
          took = true;
        }
        // Without the lock, which is allowed as well.
        EXPECT_TRUE(took && afflux_cond_notify_one(not_full) == AFFLUX_OK);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(got, put);
  EXPECT_EQ(afflux_cond_waiters(not_full) + afflux_cond_waiters(not_empty), 0u);
}

// ---- the waiter queue

// One sets a flag and wakes, the other queues unless it is set: at whatever moment they meet,
// the other goes on, and nobody is left in the queue.
TEST_P(StressQueue, AWakeBetweenTheCheckAndTheQueueingIsNeverLost) {
  const queue_guard waiters(queue());
  std::atomic<std::uint64_t> flag{0};
  std::atomic<std::uint64_t> turn{0};
  std::atomic<std::uint64_t> woke{0};
  std::atomic<bool> stop{false};
  std::thread waker([&] {
    random_engine random = engine(1);
    for (std::uint64_t round = 1;; ++round) {
      await([&] { return turn.load() == round || stop.load(); });
      if (turn.load() != round) return;
      spin_below(random, 300);
      // relaxed: what the queue promises is to make up for it.
      flag.store(round, std::memory_order_relaxed);
      const afflux_status status = afflux_queue_wake_one(waiters);
      EXPECT_TRUE(status == AFFLUX_OK || status == AFFLUX_EAGAIN);
      woke.store(round);
    }
  });
  struct question {
    std::atomic<std::uint64_t>& flag;
    std::uint64_t round;
    int asked;
  };
  const afflux_condition_fn is_set = [](void* ctx) -> std::int32_t {
    auto* const q = static_cast<question*>(ctx);
    ++q->asked;
    return q->flag.load(std::memory_order_relaxed) == q->round;
  };
  random_engine random = engine(0);
  std::uint64_t rounds = 0;
  for (; time_left(); ++rounds) {
    question q{flag, rounds + 1, 0};
    pending p;
    turn.store(q.round);
    spin_below(random, 300);
    const afflux_status status = start(waiters, p, is_set, &q);
    EXPECT_EQ(q.asked, 1);
    if (status == AFFLUX_PENDING) {
      await([&] { return p.completions() != 0; });
      EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
    } else {
      EXPECT_EQ(status, AFFLUX_OK);
    }
    EXPECT_EQ(flag.load(), q.round);
    // Or this round's wake could meet the next round's waiter.
    await([&] { return woke.load() == q.round; });
  }
  stop.store(true);
  waker.join();
  EXPECT_EQ(afflux_queue_waiters(waiters), 0u);
}

// A mutex, as its user would write it: an unlock wakes one, which tries again. An
// unlock whose wake goes to a thread that got the lock in another way must reach the next.
TEST_P(StressQueue, AMutexByAFlagAndAQueueExcludesAndStopsNobody) {
  constexpr int kThreads = 4;
  const queue_guard waiters(queue());
  std::atomic<std::uint32_t> locked{0};
  const afflux_condition_fn try_lock = [](void* flag) -> std::int32_t {
    return static_cast<std::atomic<std::uint32_t>*>(flag)->exchange(1, std::memory_order_acquire) ==
           0;
  };
  std::uint64_t guarded = 0;
  std::atomic<std::uint64_t> expected{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      random_engine random = engine(t);
      while (time_left()) {
        bool mine = false;
        while (!mine) {
          pending p;
          if (below(random, 16) == 0) p.request.timeout_ns = 1;
          p.request.priority = static_cast<std::uint32_t>(below(random, 4));
          const afflux_status status = start(waiters, p, try_lock, &locked);
          mine = status == AFFLUX_OK;
          if (mine) break;
          EXPECT_EQ(status, AFFLUX_PENDING);
          if (below(random, 16) == 0 && p.cancel() == AFFLUX_OK) continue;
          await([&] { return p.completions() != 0; });
          EXPECT_TRUE(p.status() == AFFLUX_OK || p.status() == AFFLUX_ETIMEDOUT) << p.status();
        }
        ++guarded;
        expected.fetch_add(1);
        spin_below(random, 100);
        locked.store(0, std::memory_order_release);
        afflux_queue_wake_one(waiters);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(guarded, expected.load());
  EXPECT_EQ(afflux_queue_waiters(waiters), 0u);
}

// What all the wakes together say they woke is what was completed, and cancels had the rest.
TEST_P(StressQueue, WakesCountWhatTheyWakeExactly) {
  constexpr int kWakers = 2;
  const queue_guard waiters(queue());
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> woken{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kWakers; ++t) {
    threads.emplace_back([&, t] {
      random_engine random = engine(1 + t);
      while (!stop.load()) {
        std::uint64_t n = 0;
        EXPECT_EQ(afflux_queue_wake_n(waiters, 1 + below(random, 20), &n), AFFLUX_OK);
        woken.fetch_add(n);
        if (afflux_queue_wake_one(waiters) == AFFLUX_OK) woken.fetch_add(1);
        spin_below(random, 2000);
      }
    });
  }
  random_engine random = engine(0);
  std::uint64_t completed = 0;
  while (time_left()) {
    std::deque<pending> waiting(1 + below(random, 100));
    for (pending& p : waiting) EXPECT_EQ(start(waiters, p), AFFLUX_PENDING);
    for (pending& p : waiting) {
      if (below(random, 4) != 0 && p.cancel() == AFFLUX_OK) {
        EXPECT_EQ(p.completions(), 0);
        continue;
      }
      await([&] { return p.completions() != 0; });
      EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
      ++completed;
    }
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(woken.load(), completed);
  EXPECT_EQ(afflux_queue_waiters(waiters), 0u);
}

INSTANTIATE_TEST_SUITE_P(Each, StressEvent, fair_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, StressCond, fair_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, StressQueue, fair_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
