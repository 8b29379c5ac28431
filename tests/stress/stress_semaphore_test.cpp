// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Threads do everything to one semaphore at random, while an oracle beside it
// counts who is inside: S1 (never more than the limit), S3 (each request
// completes exactly once), S2 at the end (all permits free, no request queued), L1
// and L3 (each thread gets through: else the watchdog barks).
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "stress.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kMaxLimit = 8;
constexpr int kThreads = 4;
constexpr std::size_t kSlots = 16;

// Counts the permits in use, apart from the semaphore.
class oracle {
 public:
  void enter(std::uint64_t n) {
    const std::uint64_t now = inside_.fetch_add(n) + n;
    if (now > kMaxLimit) broken_.store(true);
    entered_.fetch_add(1, std::memory_order_relaxed);
  }
  void leave(std::uint64_t n) { inside_.fetch_sub(n); }
  bool broken() const { return broken_.load(); }
  std::uint64_t inside() const { return inside_.load(); }
  std::uint64_t entered() const { return entered_.load(); }

 private:
  std::atomic<std::uint64_t> inside_{0};
  std::atomic<std::uint64_t> entered_{0};
  std::atomic<bool> broken_{false};
};

// Gives back what completions were granted, on a thread of its own: a worker that did it later
// might be blocked itself by then.
class returner {
 public:
  returner(afflux_sem* sem, oracle& count) : sem_(sem), count_(count), thread_([this] { run(); }) {}
  ~returner() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  void give(std::uint64_t n) {
    // Notifies under the lock: a thread that sees that all has been given may end this object.
    const std::lock_guard lock(mutex_);
    owed_.push_back(n);
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stop_ || !owed_.empty(); });
      if (owed_.empty()) return;
      const std::uint64_t n = owed_.front();
      owed_.pop_front();
      lock.unlock();
      count_.leave(n);
      EXPECT_EQ(afflux_sem_release(sem_, n), AFFLUX_OK);
      lock.lock();
    }
  }

  afflux_sem* sem_;
  oracle& count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::uint64_t> owed_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses all of the above
};

// One request after another in the same memory.
struct slot {
  alignas(64) afflux_waiter waiter{};
  afflux_sem* sem = nullptr;
  oracle* count = nullptr;
  returner* back = nullptr;
  std::uint64_t permits = 0;
  bool queued = false;         // the owner's: PENDING and not yet seen to be over
  std::uint64_t expected = 0;  // the owner's: completions that must have come in the end
  std::atomic<std::uint64_t> completions{0};

  static void wake(void* ctx, afflux_status status) {
    auto* self = static_cast<slot*>(ctx);
    const std::uint64_t n = self->permits;
    afflux_sem* sem = self->sem;
    oracle* count = self->count;
    returner* back = self->back;
    if (status == AFFLUX_OK) count->enter(n);
    // From here on the owner may use the slot again.
    self->completions.fetch_add(1);
    if (status != AFFLUX_OK) return;
    if (n % 2 == 0) {
      count->leave(n);
      EXPECT_EQ(afflux_sem_release(sem, n), AFFLUX_OK);
    } else {
      back->give(n);
    }
  }
};

class worker {
 public:
  worker(afflux_sem* sem, oracle& count, returner& back, random_engine random, bool limits_move)
      : sem_(sem), count_(count), random_(random), limits_move_(limits_move), slots_(kSlots) {
    for (slot& s : slots_) {
      s.sem = sem;
      s.count = &count;
      s.back = &back;
    }
  }

  void step() {
    switch (below(random_, 8)) {
      case 0:
      case 1:
        blocking();
        break;
      case 2:
        trying();
        break;
      case 3:
        cancel_one();
        break;
      default:
        start_one();
    }
  }

  // Everything that was started is cancelled or waited for.
  void finish() {
    for (slot& s : slots_) {
      cancel(s);
      await([&] { return s.completions.load() >= s.expected; });
      EXPECT_EQ(s.completions.load(), s.expected);
    }
  }

  // After a close: everything has completed without being cancelled.
  void expect_over() {
    for (slot& s : slots_) {
      await([&] { return s.completions.load() >= s.expected; });
      EXPECT_EQ(s.completions.load(), s.expected);
    }
  }

 private:
  std::uint64_t weight() { return 1 + below(random_, below(random_, 8) == 0 ? kMaxLimit : 2); }

  bool allowed(afflux_status status, std::uint64_t n) const {
    if (status == AFFLUX_EREJECTED || status == AFFLUX_ECLOSED) return true;
    return status == AFFLUX_E2BIG && limits_move_ && n > 1;
  }

  void use(std::uint64_t n) {
    count_.enter(n);
    if (below(random_, 4) == 0) std::this_thread::yield();
    count_.leave(n);
    EXPECT_EQ(afflux_sem_release(sem_, n), AFFLUX_OK);
  }

  void blocking() {
    const std::uint64_t n = weight();
    const std::uint64_t kind = below(random_, 4);
    std::int64_t time = AFFLUX_FOREVER;
    if (kind != 0) time = kind == 1 ? 0 : static_cast<std::int64_t>(below(random_, 200000));
    const afflux_status status = afflux_sem_acquire(sem_, n, time);
    if (status == AFFLUX_OK) {
      use(n);
    } else {
      EXPECT_TRUE(allowed(status, n) || (status == AFFLUX_ETIMEDOUT && time >= 0)) << status;
    }
  }

  void trying() {
    const std::uint64_t n = weight();
    const afflux_status status = afflux_sem_try_acquire(sem_, n);
    if (status == AFFLUX_OK) {
      use(n);
    } else {
      EXPECT_TRUE(allowed(status, n) || status == AFFLUX_EAGAIN) << status;
    }
  }

  void start_one() {
    slot& s = slots_[below(random_, kSlots)];
    if (s.queued && s.completions.load() < s.expected) return;
    afflux_request request;
    afflux_request_init(&request);
    request.permits = s.permits = weight();
    request.priority = static_cast<std::uint32_t>(below(random_, 4));
    request.cost_bytes = below(random_, 100);
    request.wake = &slot::wake;
    request.ctx = &s;
    if (below(random_, 3) == 0) {
      request.timeout_ns = static_cast<std::int64_t>(below(random_, 4000000));
    }
    ++s.expected;  // before the call: the completion may come before it returns
    const afflux_status status = afflux_sem_acquire_async(sem_, &request, &s.waiter);
    s.queued = status == AFFLUX_PENDING;
    if (s.queued) return;
    --s.expected;
    if (status == AFFLUX_OK) {
      use(request.permits);
    } else {
      EXPECT_TRUE(allowed(status, request.permits) ||
                  (status == AFFLUX_EAGAIN && request.timeout_ns == 0))
          << status;
    }
  }

  void cancel_one() { cancel(slots_[below(random_, kSlots)]); }

  void cancel(slot& s) {
    const afflux_status status = afflux_waiter_cancel(&s.waiter);
    if (status == AFFLUX_OK) {
      EXPECT_TRUE(s.queued);
      s.queued = false;
      --s.expected;
    } else {
      EXPECT_EQ(status, AFFLUX_EALREADY);
    }
  }

  afflux_sem* sem_;
  oracle& count_;
  random_engine random_;
  const bool limits_move_;
  std::deque<slot> slots_;
};

class StressSemaphore : public stress {
 protected:
  struct plan {
    std::uint32_t overflow = AFFLUX_OVERFLOW_SUSPEND;
    bool limits_move = false;
    bool close = false;  // in the midst of it
    std::int64_t shed_ns = 0;
  };

  void run(const plan& p) {
    afflux_sem_options o = options(kMaxLimit);
    o.overflow = p.overflow;
    o.max_waiters = p.overflow == AFFLUX_OVERFLOW_SUSPEND ? 0 : 12;
    o.max_queue_bytes = p.overflow == AFFLUX_OVERFLOW_SUSPEND ? 0 : 600;
    o.shed_target_ns = p.shed_ns;
    o.shed_interval_ns = 4 * p.shed_ns;
    o.adaptive_lifo = p.shed_ns != 0 && o.fairness == AFFLUX_FAIR ? 1 : 0;
    const sem_guard sem(o);
    oracle count;
    {
      returner back(sem, count);
      std::vector<std::thread> threads;
      for (std::uint64_t t = 0; t < kThreads; ++t) {
        threads.emplace_back([this, t, &p, &sem, &count, &back] {
          worker w(sem, count, back, engine(t), p.limits_move);
          while (time_left()) w.step();
          if (p.close) {
            if (t == 0) {
              EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
            }
            w.expect_over();
          } else {
            w.finish();
          }
        });
      }
      if (p.limits_move) move_limits(sem);
      for (std::thread& thread : threads) thread.join();
    }
    EXPECT_FALSE(count.broken()) << "more permits in use than the limit allows";
    EXPECT_EQ(count.inside(), 0u);
    EXPECT_GT(count.entered(), 0u);
    EXPECT_EQ(state_of(sem), (sem_state{kMaxLimit, kMaxLimit, 0, 0}));
  }

  void move_limits(afflux_sem* sem) {
    random_engine random = engine(100);
    while (time_left()) {
      EXPECT_EQ(afflux_sem_resize(sem, 1 + below(random, kMaxLimit)), AFFLUX_OK);
      const std::int64_t until = now_ns() + static_cast<std::int64_t>(below(random, 100000));
      await([&] { return now_ns() >= until; });
    }
    EXPECT_EQ(afflux_sem_resize(sem, kMaxLimit), AFFLUX_OK);
  }
};

TEST_P(StressSemaphore, EverybodyGetsThroughAndNothingIsLost) { run({}); }

TEST_P(StressSemaphore, WhileTheLimitMoves) { run({.limits_move = true}); }

TEST_P(StressSemaphore, WhileTheOldestAreDropped) {
  run({.overflow = AFFLUX_OVERFLOW_DROP_OLDEST, .limits_move = true});
}

TEST_P(StressSemaphore, WhileNewcomersAreRefused) { run({.overflow = AFFLUX_OVERFLOW_FAIL}); }

TEST_P(StressSemaphore, WhileTheQueueIsShed) { run({.limits_move = true, .shed_ns = 20000}); }

TEST_P(StressSemaphore, ClosedInTheMidst) { run({.limits_move = true, .close = true}); }

// S1 and S11 to the letter: one permit, plain data behind it.
TEST_P(StressSemaphore, OnePermitGuardsPlainData) {
  const sem_guard sem(options(1));
  std::uint64_t guarded = 0;
  std::atomic<std::uint64_t> expected{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      random_engine random = engine(t);
      std::uint64_t mine = 0;
      while (time_left()) {
        const std::uint64_t kind = below(random, 3);
        if (kind == 0 && afflux_sem_try_acquire(sem, 1) != AFFLUX_OK) continue;
        if (kind == 1 && afflux_sem_acquire(sem, 1, 50000) != AFFLUX_OK) continue;
        if (kind == 2) {
          pending p;
          const afflux_status status = p.start(sem);
          if (status == AFFLUX_PENDING) await([&] { return p.completions() != 0; });
        }
        ++guarded;
        ++mine;
        EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      }
      expected.fetch_add(mine);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(guarded, expected.load());
  expect_all_free(sem, 1);
}

INSTANTIATE_TEST_SUITE_P(Each, StressSemaphore, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
