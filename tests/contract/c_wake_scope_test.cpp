// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Whose wake functions run in whose call: cancel, close, resize, an expiring wait and observers
// run those that their own act lets in or ends, and no others, whatever others release at the
// same moment (S12).
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "support/build_kind.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

// Which call this thread is inside.
enum class act { none, free_to_run, cancel, close, resize, timers, observe };
thread_local act current = act::none;

template <class Call>
auto during(act what, Call call) {
  const act before = std::exchange(current, what);
  const auto answer = call();
  current = before;
  return answer;
}

// Asks for one permit, again and again. Wake functions note where they run.
class worker {
 public:
  worker(afflux_sem* sem, std::atomic<int>& strangers) : sem_(sem), strangers_(strangers) {
    afflux_request_init(&request_);
    request_.wake = &worker::wake;
    request_.ctx = this;
  }
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  // False: closed.
  bool turn(int i) {
    request_.timeout_ns = i % 5 == 0 ? 1 : AFFLUX_FOREVER;
    ended_.store(kNotCompleted);
    afflux_status got = during(act::free_to_run,
                               [&] { return afflux_sem_acquire_async(sem_, &request_, &waiter_); });
    if (got == AFFLUX_PENDING) {
      if (i % 3 == 0 &&
          during(act::cancel, [&] { return afflux_waiter_cancel(&waiter_); }) == AFFLUX_OK) {
        return true;
      }
      await([&] {
        if (i % 7 == 0) during(act::timers, [] { return afflux_timers_advance(); });
        if (i % 11 == 0) during(act::observe, [&] { return observe(); });
        return ended_.load() != kNotCompleted;
      });
      got = ended_.load();
    }
    if (got == AFFLUX_ECLOSED) return false;
    if (got == AFFLUX_OK) {
      EXPECT_EQ(during(act::free_to_run, [&] { return afflux_sem_release(sem_, 1); }), AFFLUX_OK);
    } else {
      EXPECT_TRUE(got == AFFLUX_ETIMEDOUT || got == AFFLUX_EREJECTED) << got;  // shed
    }
    return true;
  }

 private:
  std::uint64_t observe() const {
    afflux_sem_stats stats;
    afflux_sem_stats_init(&stats);
    afflux_sem_get_stats(sem_, &stats);
    return afflux_sem_waiters(sem_) + afflux_sem_available(sem_) + afflux_sem_held(sem_) +
           static_cast<std::uint64_t>(afflux_sem_is_closed(sem_)) +
           static_cast<std::uint64_t>(afflux_sem_wait_idle(sem_, 0) == AFFLUX_OK);
  }

  static void wake(void* context, afflux_status status) {
    auto& self = *static_cast<worker*>(context);
    bool own = true;
    switch (current) {
      case act::free_to_run:  // acquire, release
        break;
      case act::cancel:  // all ask for one: one that leaves lets none in
      case act::observe:
      case act::resize:  // to the same limit
        own = false;
        break;
      case act::none:    // the thread of the timers
      case act::timers:  // also one that was granted as its own time ran out
        own = self.request_.timeout_ns != AFFLUX_FOREVER;
        break;
      case act::close:
        own = status == AFFLUX_ECLOSED;
        break;
    }
    if (!own) {
      self.strangers_.fetch_add(1);
      ADD_FAILURE() << "a completion with " << afflux_strerror(status) << " ran in act "
                    << static_cast<int>(current);
    }
    self.ended_.store(status);
  }

  afflux_sem* const sem_;
  std::atomic<int>& strangers_;
  std::atomic<afflux_status> ended_{kNotCompleted};
  afflux_request request_;
  alignas(64) afflux_waiter waiter_{};
};

class WakeScopeCrowd : public per_variant {
 protected:
  static void run(const afflux_sem_options& how, int rounds);
};

void WakeScopeCrowd::run(const afflux_sem_options& how, int rounds) {
  constexpr int kThreads = 3;
  ASSERT_EQ(afflux_timers_manual(1), AFFLUX_OK);
  const sem_guard sem(how);
  std::atomic<int> strangers{0};
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      worker mine(sem, strangers);
      for (int i = 0; i < rounds && strangers.load() < 5; ++i) {
        if (!mine.turn(i + t)) break;
      }
      done.fetch_add(1);
    });
  }
  while (done.load() != kThreads) {
    during(act::resize, [&] { return afflux_sem_resize_by(sem, 0, nullptr); });
    during(act::resize, [&] { return afflux_sem_resize(sem, 2); });
    during(act::timers, [] { return afflux_timers_advance(); });
    // Two do not always fit; the one that leaves may let in the others.
    pending more(2);
    afflux_status got = during(act::free_to_run, [&] { return more.start(sem); });
    if (got == AFFLUX_PENDING) {
      if (during(act::free_to_run, [&] { return more.cancel(); }) == AFFLUX_OK) continue;
      await([&] { return more.completions() != 0; });
      got = more.status();
    }
    if (got == AFFLUX_EREJECTED && how.shed_target_ns != 0) continue;
    EXPECT_EQ(got, AFFLUX_OK);
    during(act::free_to_run, [&] { return afflux_sem_release(sem, 2); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(strangers.load(), 0);
  expect_all_free(sem, 2);
  ASSERT_EQ(afflux_timers_manual(0), AFFLUX_OK);
}

TEST_P(WakeScopeCrowd, NobodysWakeFunctionRunsInACallThatDidNotLetItIn) {
  run(options(2), kSanitized ? 500 : 3000);
}

TEST_P(WakeScopeCrowd, NorDoesThatOfOneWhoIsShed) {
  afflux_sem_options how = options(2);
  how.shed_target_ns = 2000;
  how.shed_interval_ns = 10000;
  run(how, kSanitized ? 200 : 1000);
}

class WakeScope : public per_variant {};

// A close ends all, and grants nothing.
TEST_P(WakeScope, ACloseRunsNoGrantOfAnothersRelease) {
  constexpr int kThreads = 3;
  for (int round = 0; round < (kSanitized ? 20 : 100); ++round) {
    const sem_guard sem(options(1));
    std::atomic<int> strangers{0};
    std::atomic<int> begun{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        worker mine(sem, strangers);
        for (int i = t + 1; mine.turn(i * 6 + 1); ++i) begun.fetch_add(1);
      });
    }
    await([&] { return begun.load() > 10 + round; });
    EXPECT_EQ(during(act::close, [&] { return afflux_sem_close(sem); }), AFFLUX_OK);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(strangers.load(), 0);
    expect_all_free(sem, 1);
  }
}

class WakeScopeFair : public per_variant {};

// What their own act does let in they run, before they answer.
TEST_P(WakeScopeFair, WhoLetsSomebodyInRunsTheWakeFunction) {
  const auto runs_here = [](pending& p) {
    p.then = [mine = std::this_thread::get_id()](afflux_status) {
      EXPECT_EQ(std::this_thread::get_id(), mine);
    };
  };
  const sem_guard sem(options(2));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending large(2), small, next, last;
  for (pending* p : {&small, &next, &last}) runs_here(*p);
  ASSERT_EQ(large.start(sem), AFFLUX_PENDING);
  for (pending* p : {&small, &next, &last}) ASSERT_EQ(p->start(sem), AFFLUX_PENDING);
  EXPECT_EQ(large.cancel(), AFFLUX_OK);
  EXPECT_EQ(small.completions(), 1);
  EXPECT_EQ(next.completions(), 0);
  EXPECT_EQ(afflux_sem_resize_by(sem, 1, nullptr), AFFLUX_OK);
  EXPECT_EQ(next.completions(), 1);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_TRUE(last.completed_once_with(AFFLUX_ECLOSED));
}

INSTANTIATE_TEST_SUITE_P(Each, WakeScopeCrowd, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, WakeScope, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, WakeScopeFair, fair_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
