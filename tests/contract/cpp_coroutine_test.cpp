// SPDX-License-Identifier: MIT OR Apache-2.0
//
// co_await sem.acquire(n): where it resumes, with what, how deep, and what becomes of it when the
// coroutine is destroyed (D1 ... D5 of afflux.hpp, chapter 4).
#include <afflux/afflux.hpp>

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/build_kind.h"
#include "support/coroutines.h"
#include "support/gate.h"

// A sanitizer has its own operator new; clang's refuses a second one.
#if !AFFLUX_TEST_ASAN && !AFFLUX_TEST_TSAN

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

// Counted, so that a co_await can be shown to make none. Out of line, or g++ takes the pairing of
// new and free() for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }

#endif

namespace {

using namespace std::chrono_literals;
using afflux::permit;
using afflux::semaphore;
using afflux::status;
using afflux_test::fire_and_forget;
using afflux_test::kSanitized;
using afflux_test::owned;

// ---------------------------------------------------------------------------------------------
// How tests drive coroutines
// ---------------------------------------------------------------------------------------------

/// A loop on whatever thread calls run(); an executor that can discard.
class loop {
 public:
  loop() = default;
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;

  void operator()(std::coroutine_handle<> h) {
    const std::lock_guard lock(mutex_);
    ready_.push_back(h);
    more_.notify_one();
  }
  void discard(std::coroutine_handle<> h) {
    const std::lock_guard lock(mutex_);
    const auto at = std::find(ready_.begin(), ready_.end(), h);
    if (at == ready_.end()) {
      ++missed_;
    } else {
      ready_.erase(at);
    }
  }
  bool run_one() {
    std::unique_lock lock(mutex_);
    if (ready_.empty()) return false;
    const std::coroutine_handle<> h = ready_.front();
    ready_.pop_front();
    lock.unlock();
    h.resume();
    return true;
  }
  void wait() {
    std::unique_lock lock(mutex_);
    more_.wait(lock, [&] { return !ready_.empty(); });
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return ready_.size();
  }
  int missed() {
    const std::lock_guard lock(mutex_);
    return missed_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::coroutine_handle<>> ready_;
  int missed_ = 0;
};
static_assert(afflux::discarding_executor<std::reference_wrapper<loop>>);

/// A C waiter whose completion stops its thread until it is let go.
class gate {
 public:
  void queue(const semaphore& sem) {
    afflux_request request;
    ASSERT_EQ(afflux_request_init(&request), AFFLUX_OK);
    request.wake = [](void* ctx, afflux_status) {
      auto* self = static_cast<gate*>(ctx);
      self->reached_.count_down();
      self->open_.wait();
    };
    request.ctx = this;
    ASSERT_EQ(afflux_sem_acquire_async(sem.handle(), &request, &waiter_), AFFLUX_PENDING);
  }
  void wait_until_reached() { reached_.wait(); }
  void open() { open_.count_down(); }

 private:
  afflux_test::latch reached_{1};
  afflux_test::latch open_{1};
  afflux_waiter waiter_{};
};

constexpr auto kLongEnough = kSanitized ? 300ms : 100ms;

struct outcome {
  std::optional<status> result;
  std::uint64_t count = 0;
  std::thread::id where;
};

/// Acquires, notes what came of it, and gives back at its end.
template <class Operation>
fire_and_forget note(Operation op, outcome& out) {
  const permit p = co_await std::move(op);
  out.count = p.count();
  out.where = std::this_thread::get_id();
  out.result = p.status();
}

/// Acquires and keeps the permits until it is destroyed.
template <class Operation>
owned keep(Operation op, outcome& out) {
  const permit p = co_await std::move(op);
  out.count = p.count();
  out.where = std::this_thread::get_id();
  out.result = p.status();
  co_await std::suspend_always{};
}

// ---------------------------------------------------------------------------------------------
// What it answers, where it resumes
// ---------------------------------------------------------------------------------------------

TEST(CppCoroutine, TakesFreePermitsWithoutSuspending) {
  const semaphore sem(2);
  outcome out;
  note(sem.acquire(2), out);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.count, 2u);
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppCoroutine, NothingHappensBeforeTheAwait) {
  const semaphore sem(2);
  { [[maybe_unused]] const auto op = sem.acquire(2).priority(afflux::priority::high); }
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppCoroutine, IsResumedByTheReleaseOnItsThread) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  outcome out;
  note(sem.acquire(), out);
  EXPECT_FALSE(out.result);
  EXPECT_EQ(sem.waiters(), 1u);
  std::thread::id releaser;
  std::thread([&] {
    releaser = std::this_thread::get_id();
    held.release();
    EXPECT_EQ(out.result, status::ok);  // it ran inside the release
  }).join();
  EXPECT_EQ(out.where, releaser);
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppCoroutine, IsResumedByACCallToo) {
  const semaphore sem(1);
  ASSERT_EQ(sem.try_acquire_raw(), status::ok);
  outcome out;
  note(sem.acquire(), out);
  ASSERT_EQ(afflux_sem_release(sem.handle(), 1), AFFLUX_OK);
  EXPECT_EQ(out.result, status::ok);
}

TEST(CppCoroutine, PermitIsHeldByTheCoroutine) {
  const semaphore sem(3);
  permit held = sem.try_acquire(3);
  outcome out;
  owned task = keep(sem.acquire(2), out);
  held.release();
  EXPECT_EQ(out.count, 2u);
  EXPECT_EQ(sem.held(), 2u);
  task.destroy();
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppCoroutine, GrantsFollowArrival) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  std::vector<int> order;
  const auto task = [](const semaphore& s, std::vector<int>& o, int i) -> fire_and_forget {
    const permit p = co_await s.acquire();
    o.push_back(i);
  };
  for (int i = 0; i < 5; ++i) task(sem, order, i);
  held.release();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(CppCoroutine, HigherPriorityGoesFirst) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  std::vector<afflux::priority> order;
  const auto task = [](const semaphore& s, std::vector<afflux::priority>& o,
                       afflux::priority p) -> fire_and_forget {
    const permit got = co_await s.acquire().priority(p);
    o.push_back(p);
  };
  using enum afflux::priority;
  for (const auto p : {low, critical, normal, high}) task(sem, order, p);
  held.release();
  EXPECT_EQ(order, (std::vector{critical, high, normal, low}));
}

TEST(CppCoroutine, CostCountsAgainstTheQueueLimit) {
  const semaphore sem(
      {.permits = 1, .overflow = afflux::overflow_policy::fail, .max_queue_bytes = 100});
  permit held = sem.try_acquire();
  outcome first;
  outcome second;
  note(sem.acquire().cost(60), first);
  note(sem.acquire().cost(60), second);
  EXPECT_FALSE(first.result);
  EXPECT_EQ(second.result, status::rejected);
  held.release();
  EXPECT_EQ(first.result, status::ok);
}

TEST(CppCoroutine, WaitsForAResizeWhereAsked) {
  const semaphore sem(1);
  outcome refused;
  outcome waits;
  note(sem.acquire(3), refused);
  note(sem.acquire(3).wait_for_resize(), waits);
  EXPECT_EQ(refused.result, status::too_big);
  EXPECT_FALSE(waits.result);
  EXPECT_EQ(sem.resize(3), status::ok);
  EXPECT_EQ(waits.result, status::ok);
  EXPECT_EQ(waits.count, 3u);
}

TEST(CppCoroutine, EveryFailureIsAnEmptyPermitWithItsStatus) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  outcome zero;
  outcome none;
  outcome waiting;
  outcome closed;
  note(sem.acquire(0), zero);
  note(sem.acquire().within(0s), none);
  note(sem.acquire(), waiting);
  sem.close();
  note(sem.acquire(), closed);
  EXPECT_EQ(zero.result, status::invalid);
  EXPECT_EQ(none.result, status::again);
  EXPECT_EQ(waiting.result, status::closed);
  EXPECT_EQ(closed.result, status::closed);
  EXPECT_EQ(zero.count + none.count + waiting.count + closed.count, 0u);
  EXPECT_EQ(sem.held(), 1u);
}

TEST(CppCoroutine, ImpossibleAfterAShrinkIsTooBig) {
  const semaphore sem(3);
  permit held = sem.try_acquire(3);
  outcome out;
  note(sem.acquire(3), out);
  EXPECT_EQ(sem.resize(2), status::ok);
  EXPECT_EQ(out.result, status::too_big);
}

TEST(CppCoroutine, LastOwnerResumesThemWithClosed) {
  outcome out;
  {
    const semaphore sem(1);
    ASSERT_EQ(sem.try_acquire_raw(), status::ok);
    note(sem.acquire(), out);
  }
  EXPECT_EQ(out.result, status::closed);
}

TEST(CppCoroutine, ThrowsOnlyWhereAsked) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  const auto task = [](const semaphore& s, status& code, bool& quiet) -> fire_and_forget {
    const permit p = co_await s.acquire().within(0s);
    quiet = !p;
    try {
      const permit q = co_await s.acquire().within(0s).or_throw();
    } catch (const afflux::error& e) {
      code = e.code();
    }
  };
  status code = status::ok;
  bool quiet = false;
  task(sem, code, quiet);
  EXPECT_TRUE(quiet);
  EXPECT_EQ(code, status::again);
}

TEST(CppCoroutine, ThrowsAfterAWaitToo) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  status code = status::ok;
  const auto task = [](const semaphore& s, status& c) -> fire_and_forget {
    try {
      const permit p = co_await s.acquire().or_throw();
    } catch (const afflux::error& e) {
      c = e.code();
    }
  };
  task(sem, code);
  sem.close();
  EXPECT_EQ(code, status::closed);
}

#if !AFFLUX_TEST_ASAN && !AFFLUX_TEST_TSAN
TEST(CppCoroutine, MakesNoAllocation) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  bool resumed = false;
  std::uint64_t before = 0;
  const auto task = [](const semaphore& s, std::uint64_t& counted, bool& r) -> fire_and_forget {
    counted = allocations.load();  // the frame is there already
    const permit p = co_await s.acquire().priority(afflux::priority::high);
    r = true;
  };
  task(sem, before, resumed);
  held.release();
  EXPECT_TRUE(resumed);
  EXPECT_EQ(allocations.load(), before);
}
#endif

// ---------------------------------------------------------------------------------------------
// Deadlines
// ---------------------------------------------------------------------------------------------

template <class Operation>
fire_and_forget note_and_count(Operation op, outcome& out, afflux_test::latch& done) {
  {
    const permit p = co_await std::move(op);
    out.count = p.count();
    out.where = std::this_thread::get_id();
    out.result = p.status();
  }
  done.count_down();
}

TEST(CppCoroutine, TimesOutNeverEarly) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  const auto begin = std::chrono::steady_clock::now();
  outcome within;
  outcome until_steady;
  outcome until_system;
  afflux_test::latch done(3);
  note_and_count(sem.acquire().within(100ms), within, done);
  note_and_count(sem.acquire().until(begin + 100ms), until_steady, done);
  note_and_count(sem.acquire().until(std::chrono::system_clock::now() + 100ms), until_system, done);
  done.wait();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 100ms);
  EXPECT_EQ(within.result, status::timed_out);
  EXPECT_EQ(until_steady.result, status::timed_out);
  EXPECT_EQ(until_system.result, status::timed_out);
  EXPECT_NE(within.where, std::this_thread::get_id());
  EXPECT_EQ(sem.waiters(), 0u);
}

TEST(CppCoroutine, PastAndExtremeDeadlinesAreSound) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  using clock = std::chrono::steady_clock;
  outcome past;
  outcome least;
  outcome most;
  outcome longest;
  note(sem.acquire().until(clock::now() - 1h), past);
  note(sem.acquire().until(clock::time_point::min()), least);
  note(sem.acquire().until(clock::time_point::max()), most);
  note(sem.acquire().within(std::chrono::hours::max()), longest);
  EXPECT_EQ(past.result, status::again);
  EXPECT_EQ(least.result, status::again);
  EXPECT_EQ(sem.waiters(), 2u);
  held.release();
  EXPECT_EQ(most.result, status::ok);
  EXPECT_EQ(longest.result, status::ok);
}

TEST(CppCoroutine, DeadlineIsNotMovedByALateAwait) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  auto op = sem.acquire().until(std::chrono::steady_clock::now() + 1ms);
  std::this_thread::sleep_for(2ms);
  outcome out;
  note(std::move(op), out);
  EXPECT_EQ(out.result, status::again);
}

TEST(CppCoroutine, ManualTimersResumeOnTheAdvancingThread) {
  ASSERT_EQ(afflux::timers_manual(true), status::ok);
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  outcome out;
  note(sem.acquire().within(1ms), out);
  while (!out.result) {
    afflux::timers_advance();
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(out.result, status::timed_out);
  EXPECT_EQ(out.where, std::this_thread::get_id());
  ASSERT_EQ(afflux::timers_manual(false), status::ok);
}

// ---------------------------------------------------------------------------------------------
// Executors
// ---------------------------------------------------------------------------------------------

TEST(CppExecutor, ResumesWhereItChooses) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  loop here;
  outcome out;
  note(sem.acquire().resume_on(std::ref(here)), out);
  std::thread([&] { held.release(); }).join();
  EXPECT_FALSE(out.result);
  EXPECT_EQ(here.size(), 1u);
  EXPECT_TRUE(here.run_one());
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.where, std::this_thread::get_id());
}

TEST(CppExecutor, IsNotAskedWhereNothingHadToWait) {
  const semaphore sem(1);
  outcome out;
  int calls = 0;
  note(sem.acquire().resume_on([&calls](std::coroutine_handle<> h) {
    ++calls;
    h.resume();
  }),
       out);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(calls, 0);
}

TEST(CppExecutor, MayBeMoveOnlyAndEndTheCoroutineAtOnce) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  outcome out;
  auto state = std::make_unique<int>(0);
  int* const calls = state.get();
  int seen = 0;
  note(sem.acquire().resume_on([s = std::move(state), &seen](std::coroutine_handle<> h) {
    ++*s;
    h.resume();  // the frame, where this object was stored, is gone now
    seen = *s;
  }),
       out);
  EXPECT_EQ(*calls, 0);
  held.release();
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(seen, 1);
}

TEST(CppExecutor, GoesTogetherWithOrThrow) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  loop here;
  status code = status::ok;
  const auto task = [](const semaphore& s, loop& l, status& c) -> fire_and_forget {
    try {
      const permit p = co_await s.acquire().or_throw().resume_on(std::ref(l)).cost(1);
    } catch (const afflux::error& e) {
      c = e.code();
    }
  };
  task(sem, here, code);
  sem.close();
  EXPECT_TRUE(here.run_one());
  EXPECT_EQ(code, status::closed);
}

TEST(CppExecutor, ResumesConcurrentlyWithTheHandOver) {
  // Another thread resumes the handle, and ends the coroutine, while the completing thread is
  // still inside the executor's call.
  const semaphore sem(1);
  loop other;
  std::atomic<bool> stop{false};
  std::thread runner([&] {
    while (!stop || other.size() != 0) {
      if (!other.run_one()) std::this_thread::yield();  // let the others at the mutex
    }
  });
  constexpr int kTurns = kSanitized ? 2000 : 20000;
  for (int i = 0; i < kTurns; ++i) {
    permit held = sem.acquire_blocking();
    afflux_test::latch done(1);
    outcome out;
    note_and_count(sem.acquire().resume_on(std::ref(other)), out, done);
    held.release();
    done.wait();
    ASSERT_EQ(out.result, status::ok);
  }
  stop = true;
  runner.join();
}

// ---------------------------------------------------------------------------------------------
// Cancelled by destruction
// ---------------------------------------------------------------------------------------------

TEST(CppCoroutineDestroy, TakesTheRequestBack) {  // D1
  const semaphore sem(1);
  permit held = sem.try_acquire();
  outcome out;
  owned task = keep(sem.acquire(), out);
  EXPECT_EQ(sem.waiters(), 1u);
  task.destroy();
  EXPECT_EQ(sem.waiters(), 0u);
  held.release();
  EXPECT_EQ(sem.available(), 1u);
  EXPECT_FALSE(out.result);
}

TEST(CppCoroutineDestroy, MayHappenOnAnotherThread) {  // D1
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  outcome out;
  owned task = keep(sem.acquire(), out);
  std::thread([&] { task.destroy(); }).join();
  EXPECT_EQ(sem.waiters(), 0u);
}

TEST(CppCoroutineDestroy, GrantsThoseBehindItThatNowFit) {
  const semaphore sem(3);
  const permit held = sem.try_acquire(2);
  outcome large;
  outcome small;
  owned first = keep(sem.acquire(3), large);
  owned second = keep(sem.acquire(1), small);
  EXPECT_FALSE(small.result);
  first.destroy();
  EXPECT_EQ(small.result, status::ok);
  EXPECT_EQ(sem.held(), 3u);
}

TEST(CppCoroutineDestroy, FromTheMiddleOfTheQueueKeepsTheOrder) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  std::vector<outcome> out(3);
  std::vector<owned> tasks;
  for (auto& o : out) tasks.push_back(keep(sem.acquire(), o));
  tasks[1].destroy();
  held.release();
  EXPECT_EQ(out[0].result, status::ok);
  EXPECT_FALSE(out[2].result);
  tasks[0].destroy();
  EXPECT_FALSE(out[1].result);
  EXPECT_EQ(out[2].result, status::ok);
}

TEST(CppCoroutineDestroy, WithATimeLimitLeavesNoTimerBehind) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  outcome out;
  owned task = keep(sem.acquire().within(5ms), out);
  task.destroy();
  std::this_thread::sleep_for(15ms);
  EXPECT_FALSE(out.result);
}

TEST(CppCoroutineDestroy, OfAFinishedOrNeverQueuedWaitIsNothingSpecial) {
  const semaphore sem(1);
  outcome first;
  outcome second;
  owned fast = keep(sem.acquire(), first);
  owned refused = keep(sem.acquire(9), second);
  fast.destroy();
  refused.destroy();
  EXPECT_EQ(sem.available(), 1u);
}

TEST(CppCoroutineDestroy, AfterTheSemaphoreWasClosedAndFreed) {
  outcome out;
  owned task;
  {
    const semaphore sem(1);
    ASSERT_EQ(sem.try_acquire_raw(), status::ok);
    task = keep(sem.acquire(), out);
  }
  EXPECT_EQ(out.result, status::closed);
  task.destroy();
}

// D2: a release on another thread has granted it, and is held up in the callback before it.
template <class Release, class Operation>
void destroy_while_the_completion_is_under_way(Release release, Operation make) {
  const semaphore sem(2);
  ASSERT_EQ(sem.try_acquire_raw(2), status::ok);
  gate before;
  before.queue(sem);
  outcome out;
  owned task = keep(make(sem), out);
  std::thread completer([&] { release(sem); });
  before.wait_until_reached();
  std::atomic<bool> destroyed{false};
  afflux_test::latch begun(1);
  std::thread destroyer([&] {
    begun.count_down();
    task.destroy();
    destroyed = true;
  });
  begun.wait();
  std::this_thread::sleep_for(kLongEnough);
  EXPECT_FALSE(destroyed);  // the completing thread will still come to the frame
  before.open();
  destroyer.join();
  completer.join();
  EXPECT_FALSE(out.result);
  EXPECT_EQ(sem.held(), 1u);  // the gate's own; the coroutine's has come back
  EXPECT_EQ(sem.release(), status::ok);
}

TEST(CppCoroutineDestroy, WinsOverACompletionUnderWay) {
  destroy_while_the_completion_is_under_way([](const semaphore& s) { s.release(2); },
                                            [](const semaphore& s) { return s.acquire(); });
}

TEST(CppCoroutineDestroy, WinsOverACCallersCompletionUnderWay) {
  destroy_while_the_completion_is_under_way(
      [](const semaphore& s) { afflux_sem_release(s.handle(), 2); },
      [](const semaphore& s) { return s.acquire(); });
}

TEST(CppCoroutineDestroy, WinsOverAHandOverUnderWay) {
  int calls = 0;
  destroy_while_the_completion_is_under_way(
      [](const semaphore& s) { s.release(2); },
      [&](const semaphore& s) {
        return s.acquire().resume_on([&calls](std::coroutine_handle<>) { ++calls; });
      });
  EXPECT_EQ(calls, 0);
}

TEST(CppCoroutineDestroy, WinsOverACloseUnderWay) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  gate before;
  before.queue(sem);
  outcome out;
  owned task = keep(sem.acquire(), out);
  std::thread completer([&] { sem.close(); });
  before.wait_until_reached();
  afflux_test::latch begun(1);
  std::thread destroyer([&] {
    begun.count_down();
    task.destroy();
  });
  begun.wait();
  std::this_thread::sleep_for(kLongEnough);
  before.open();
  destroyer.join();
  completer.join();
  EXPECT_FALSE(out.result);
  EXPECT_EQ(sem.held(), 1u);  // nothing was granted, nothing is returned
}

TEST(CppCoroutineDestroy, WinsOverACompletionThatWaitsForItsTurnElsewhere) {  // D2
  const semaphore sem(2);
  permit held = sem.try_acquire(2);
  afflux_test::latch first_runs(1);
  afflux_test::latch go_on(1);
  const auto blocker = [](const semaphore& s, afflux_test::latch& runs,
                          afflux_test::latch& go) -> fire_and_forget {
    const permit p = co_await s.acquire();
    runs.count_down();
    go.wait();
  };
  blocker(sem, first_runs, go_on);
  outcome out;
  owned task = keep(sem.acquire(), out);
  std::thread completer([&] { held.release(); });
  first_runs.wait();  // the second is granted and queued behind the first, on that thread
  std::atomic<bool> destroyed{false};
  afflux_test::latch begun(1);
  std::thread destroyer([&] {
    begun.count_down();
    task.destroy();
    destroyed = true;
  });
  begun.wait();
  std::this_thread::sleep_for(kLongEnough);
  EXPECT_FALSE(destroyed);
  go_on.count_down();
  destroyer.join();
  completer.join();
  EXPECT_FALSE(out.result);
  EXPECT_EQ(sem.available(), 2u);
}

// A C call's batch: the first is resumed from it and destroys the next.
TEST(CppCoroutineDestroy, OfTheNextInTheBatchOfACCall) {  // D6
  const semaphore sem(2);
  ASSERT_EQ(sem.try_acquire_raw(2), status::ok);
  outcome out;
  owned victim;
  const auto first = [](const semaphore& s, owned& v) -> fire_and_forget {
    const permit p = co_await s.acquire();
    v.destroy();
  };
  first(sem, victim);
  victim = keep(sem.acquire(), out);
  EXPECT_EQ(afflux_sem_release(sem.handle(), 2), AFFLUX_OK);
  EXPECT_FALSE(out.result);
  EXPECT_EQ(sem.held(), 0u);
  EXPECT_EQ(sem.waiters(), 0u);
}

TEST(CppCoroutineDestroy, OfOneThatWaitsForItsTurnOnThisThread) {  // D3
  const semaphore sem(4);
  permit held = sem.try_acquire(4);
  std::vector<outcome> out(3);
  std::vector<owned> others;
  const auto destroyer = [](const semaphore& s, std::vector<owned>& o) -> fire_and_forget {
    const permit p = co_await s.acquire();
    o[1].destroy();  // from the middle, the front and the back of those who wait behind
    o[0].destroy();
    o[2].destroy();
  };
  destroyer(sem, others);
  for (auto& o : out) others.push_back(keep(sem.acquire(), o));
  held.release();
  for (const auto& o : out) EXPECT_FALSE(o.result);
  EXPECT_EQ(sem.available(), 4u);
}

TEST(CppCoroutineDestroy, OfOneThatWaitsForItsTurnHandsItsPermitsOn) {  // D3
  const semaphore sem(2);
  permit held = sem.try_acquire(2);
  outcome second;
  outcome third;
  owned victim;
  const auto destroyer = [](const semaphore& s, owned& v) -> fire_and_forget {
    const permit p = co_await s.acquire();
    v.destroy();
  };
  destroyer(sem, victim);
  victim = keep(sem.acquire(), second);
  owned follower = keep(sem.acquire(), third);
  held.release();
  EXPECT_FALSE(second.result);
  EXPECT_EQ(third.result, status::ok);
  follower.destroy();
  EXPECT_EQ(sem.available(), 2u);
}

TEST(CppCoroutineDestroy, AfterTheHandOverReturnsThePermits) {  // D5
  const semaphore sem(1);
  permit held = sem.try_acquire();
  int handed = 0;
  outcome out;
  // An executor that drops what it is given, as at the end of a program.
  owned task = keep(sem.acquire().resume_on([&handed](std::coroutine_handle<>) { ++handed; }), out);
  held.release();
  EXPECT_EQ(handed, 1);
  EXPECT_EQ(sem.held(), 1u);
  task.destroy();
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppCoroutineDestroy, AfterTheHandOverDiscardsTheHandle) {  // D5
  const semaphore sem(1);
  permit held = sem.try_acquire();
  loop here;
  outcome out;
  owned task = keep(sem.acquire().resume_on(std::ref(here)), out);
  held.release();
  EXPECT_EQ(here.size(), 1u);
  task.destroy();
  EXPECT_EQ(here.size(), 0u);
  EXPECT_EQ(here.missed(), 0);
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppCoroutineDestroy, WaitsForTheEndOfAHandOver) {  // D5
  // Posts late: the completion has been claimed, the handle is not in the loop yet.
  struct slow_loop {
    loop inner;
    afflux_test::latch called{1};
    afflux_test::latch go_on{1};
    void operator()(std::coroutine_handle<> h) {
      called.count_down();
      go_on.wait();
      inner(h);
    }
    void discard(std::coroutine_handle<> h) { inner.discard(h); }
  };
  const semaphore sem(1);
  permit held = sem.try_acquire();
  slow_loop here;
  outcome out;
  owned task = keep(sem.acquire().resume_on(std::ref(here)), out);
  std::thread completer([&] { held.release(); });
  here.called.wait();
  std::atomic<bool> destroyed{false};
  std::thread destroyer([&] {
    task.destroy();
    destroyed = true;
  });
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(destroyed);
  here.go_on.count_down();
  destroyer.join();
  completer.join();
  EXPECT_EQ(here.inner.size(), 0u);
  EXPECT_EQ(here.inner.missed(), 0);
  EXPECT_EQ(sem.held(), 0u);
}

std::uint64_t printed_seed() {
  const char* given = std::getenv("AFFLUX_TEST_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::cout << "seed " << seed << '\n';
  return seed;
}

/// Takes and gives back on threads of its own, so that waits end on them.
class churn {
 public:
  churn(const semaphore& sem, int threads, std::uint64_t seed) {
    for (int t = 0; t < threads; ++t) {
      threads_.emplace_back(
          [this, &sem, r = std::mt19937_64(seed + static_cast<unsigned>(t))]() mutable {
            while (!stop_) {
              permit p = r() % 2 == 0 ? sem.try_acquire(1 + r() % 2)
                                      : sem.acquire_blocking_for(50us, 1 + r() % 2);
              if (r() % 4 == 0) std::this_thread::yield();
            }
          });
    }
  }
  churn(const churn&) = delete;
  churn& operator=(const churn&) = delete;
  ~churn() {
    stop_ = true;
    for (auto& t : threads_) t.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

constexpr auto kStressTime = kSanitized ? 2s : 1s;

TEST(CppCoroutineDestroyStress, OnAnyThreadWhileOthersComplete) {  // D1, D2, D5
  for (const auto queue : {afflux::queue_strategy::intrusive, afflux::queue_strategy::mutex}) {
    const std::uint64_t seed = printed_seed();
    const semaphore sem({.permits = 2, .queue = queue});
    std::atomic<std::uint64_t> handed{0};
    std::atomic<std::uint64_t> destroyed{0};
    {
      const churn others(sem, 2, seed);
      std::mt19937_64 r(seed);
      const auto end = std::chrono::steady_clock::now() + kStressTime;
      const auto drop = [&handed](std::coroutine_handle<>) { ++handed; };
      std::vector<owned> tasks(16);
      std::vector<outcome> out(tasks.size());
      while (std::chrono::steady_clock::now() < end) {
        const std::size_t i = r() % tasks.size();
        tasks[i].destroy();
        tasks[i] = r() % 4 == 0 ? keep(sem.acquire().within(1ms).resume_on(drop), out[i])
                                : keep(sem.acquire(1 + r() % 2).resume_on(drop), out[i]);
        ++destroyed;
      }
    }
    EXPECT_EQ(sem.held(), 0u);
    EXPECT_EQ(sem.waiters(), 0u);
    std::cout << destroyed << " destroyed, " << handed << " of them handed over\n";
  }
}

TEST(CppCoroutineDestroyStress, OnTheLoopWhileOthersComplete) {  // D5
  for (const auto queue : {afflux::queue_strategy::intrusive, afflux::queue_strategy::mutex}) {
    const std::uint64_t seed = printed_seed();
    const semaphore sem({.permits = 2, .queue = queue});
    loop here;
    std::uint64_t resumed = 0;
    std::uint64_t destroyed = 0;
    {
      const churn others(sem, 2, seed);
      std::mt19937_64 r(seed);
      const auto end = std::chrono::steady_clock::now() + kStressTime;
      std::vector<owned> tasks(16);
      std::vector<outcome> out(tasks.size());
      while (std::chrono::steady_clock::now() < end) {
        const std::size_t i = r() % tasks.size();
        ++destroyed;
        tasks[i].destroy();
        tasks[i] = r() % 4 == 0 ? keep(sem.acquire().within(1ms).resume_on(std::ref(here)), out[i])
                                : keep(sem.acquire(1 + r() % 2).resume_on(std::ref(here)), out[i]);
        while (r() % 2 == 0 && here.run_one()) ++resumed;
      }
    }
    EXPECT_EQ(here.size(), 0u);
    EXPECT_EQ(here.missed(), 0);
    EXPECT_EQ(sem.held(), 0u);
    EXPECT_EQ(sem.waiters(), 0u);
    std::cout << destroyed << " destroyed, " << resumed << " resumed\n";
  }
}

// ---------------------------------------------------------------------------------------------
// Depth
// ---------------------------------------------------------------------------------------------

/// How far apart the stack frames of resumed coroutines lie.
struct depth_meter {
  std::uintptr_t least = ~std::uintptr_t{0};
  std::uintptr_t most = 0;
  std::size_t count = 0;
  [[gnu::noinline]] void measure() {
    // Not a local's address: under ASan locals may live in a fake stack on the heap.
    const auto at = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    least = std::min(least, at);
    most = std::max(most, at);
    ++count;
  }
  [[nodiscard]] std::uintptr_t spread() const { return count == 0 ? 0 : most - least; }
};

fire_and_forget one_of_a_chain(const semaphore& sem, depth_meter& depth) {
  const permit p = co_await sem.acquire();
  depth.measure();
}  // the permit's destructor completes the next

void on_a_small_stack(std::size_t bytes, const std::function<void()>& body) {
#if defined(PTHREAD_STACK_MIN)
  bytes = std::max(bytes, static_cast<std::size_t>(PTHREAD_STACK_MIN));  // 128 KiB on aarch64
#endif
  pthread_attr_t attr;
  ASSERT_EQ(pthread_attr_init(&attr), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attr, bytes), 0);
  pthread_t thread;
  const auto start = [](void* arg) -> void* {
    (*static_cast<const std::function<void()>*>(arg))();
    return nullptr;
  };
  void* arg = const_cast<std::function<void()>*>(&body);
  ASSERT_EQ(pthread_create(&thread, &attr, start, arg), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attr);
}

constexpr std::size_t kSmallStack = kSanitized ? 1024 * 1024 : 64 * 1024;

TEST(CppCoroutineDepth, TenThousandOnOnePermit) {
  const semaphore sem(1);
  depth_meter depth;
  permit held = sem.try_acquire();
  for (int i = 0; i < 10'000; ++i) one_of_a_chain(sem, depth);
  EXPECT_EQ(sem.waiters(), 10'000u);
  held.release();
  EXPECT_EQ(depth.count, 10'000u);
  EXPECT_EQ(sem.available(), 1u);
}

TEST(CppCoroutineDepth, ChainOfReleasesRunsAtConstantDepth) {
  constexpr std::size_t kCount = 100'000;
  const semaphore sem(1);
  depth_meter depth;
  permit held = sem.try_acquire();
  for (std::size_t i = 0; i < kCount; ++i) one_of_a_chain(sem, depth);
  on_a_small_stack(kSmallStack, [&] { held.release(); });
  EXPECT_EQ(depth.count, kCount);
  EXPECT_LE(depth.spread(), 4096u);
  std::cout << "stack spread of " << kCount << " resumptions: " << depth.spread() << " bytes\n";
}

TEST(CppCoroutineDepth, ChainBegunByACCallRunsAtConstantDepth) {
  constexpr std::size_t kCount = 100'000;
  const semaphore sem(1);
  depth_meter depth;
  ASSERT_EQ(sem.try_acquire_raw(), status::ok);
  for (std::size_t i = 0; i < kCount; ++i) one_of_a_chain(sem, depth);
  on_a_small_stack(kSmallStack, [&] { afflux_sem_release(sem.handle(), 1); });
  EXPECT_EQ(depth.count, kCount);
  EXPECT_LE(depth.spread(), 4096u);
}

TEST(CppCoroutineDepth, ChainBegunByADestructionRunsAtConstantDepth) {
  constexpr std::size_t kCount = 100'000;
  const semaphore sem(2);
  const permit held = sem.try_acquire();
  depth_meter depth;
  outcome out;
  owned large = keep(sem.acquire(2), out);
  for (std::size_t i = 0; i < kCount; ++i) one_of_a_chain(sem, depth);
  on_a_small_stack(kSmallStack, [&] { large.destroy(); });
  EXPECT_EQ(depth.count, kCount);
  EXPECT_LE(depth.spread(), 4096u);
}

TEST(CppCoroutineDepth, CloseResumesAllAtConstantDepth) {
  constexpr std::size_t kCount = 100'000;
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  depth_meter depth;
  for (std::size_t i = 0; i < kCount; ++i) one_of_a_chain(sem, depth);
  on_a_small_stack(kSmallStack, [&] { sem.close(); });
  EXPECT_EQ(depth.count, kCount);
  EXPECT_LE(depth.spread(), 4096u);
}

TEST(CppCoroutineDepth, OneCoroutineManyWaitsRunsAtConstantDepth) {
  // Two of them hand one permit back and forth: every release completes the other.
  constexpr std::size_t kCount = 100'000;
  const semaphore sem(1);
  depth_meter depth;
  const auto task = [](const semaphore& s, depth_meter& d) -> fire_and_forget {
    for (std::size_t i = 0; i < kCount; ++i) {
      permit p = co_await s.acquire();
      d.measure();
    }
  };
  permit held = sem.try_acquire();
  task(sem, depth);
  task(sem, depth);
  on_a_small_stack(kSmallStack, [&] { held.release(); });
  EXPECT_EQ(depth.count, 2 * kCount);
  EXPECT_LE(depth.spread(), 4096u);
}

TEST(CppCoroutineDepth, NestedReleaseReturnsBeforeWhomItCompleted) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  std::vector<std::string> events;
  const auto first = [](const semaphore& s, std::vector<std::string>& e) -> fire_and_forget {
    permit p = co_await s.acquire();
    e.emplace_back("first");
    p.release();
    e.emplace_back("released");
  };
  const auto second = [](const semaphore& s, std::vector<std::string>& e) -> fire_and_forget {
    const permit p = co_await s.acquire();
    e.emplace_back("second");
  };
  first(sem, events);
  second(sem, events);
  held.release();
  EXPECT_EQ(events, (std::vector<std::string>{"first", "released", "second"}));
}

TEST(CppCoroutineDepth, BlockingAcquireRunsThemFirst) {
  // The first blocks its thread for the permits that the second, completed on the same thread,
  // has just been given.
  const semaphore sem(2);
  permit held = sem.try_acquire(2);
  std::vector<int> order;
  const auto first = [](const semaphore& s, std::vector<int>& o) -> fire_and_forget {
    const permit p = co_await s.acquire();
    o.push_back(1);
    const permit q = s.acquire_blocking();
    o.push_back(q ? 3 : -3);
  };
  const auto second = [](const semaphore& s, std::vector<int>& o) -> fire_and_forget {
    const permit p = co_await s.acquire();
    o.push_back(2);
  };
  first(sem, order);
  second(sem, order);
  held.release();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(sem.available(), 2u);
}

// ---------------------------------------------------------------------------------------------
// Many threads
// ---------------------------------------------------------------------------------------------

TEST(CppCoroutineStress, NeverMoreInsideThanTheLimit) {
  constexpr std::uint64_t kLimit = 3;
  constexpr int kThreads = 4;
  constexpr int kTasks = 8;
  constexpr int kTurns = kSanitized ? 300 : 3000;
  struct shared {
    semaphore sem{kLimit};
    std::atomic<std::uint64_t> inside{0};
    std::atomic<bool> broken{false};
    afflux_test::latch done{kThreads * kTasks};
  };
  shared all;
  const auto task = [](shared& s, std::uint64_t n) -> fire_and_forget {
    for (int i = 0; i < kTurns; ++i) {
      const permit p = co_await s.sem.acquire(n);
      if (!p || s.inside.fetch_add(n) + n > kLimit) s.broken = true;
      s.inside.fetch_sub(n);
    }
    s.done.count_down();
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kTasks; ++i) task(all, 1 + static_cast<std::uint64_t>(i) % kLimit);
    });
  }
  for (auto& t : threads) t.join();
  all.done.wait();
  EXPECT_FALSE(all.broken);
  EXPECT_EQ(all.sem.held(), 0u);
  EXPECT_EQ(all.sem.waiters(), 0u);
}

TEST(CppCoroutineStress, TimeoutsRacingGrantsLoseNoPermit) {
  constexpr int kTasks = 32;
  constexpr int kTurns = kSanitized ? 20 : 100;
  const semaphore sem(2);
  afflux_test::latch done(kTasks);
  std::atomic<std::uint64_t> ok{0};
  std::atomic<std::uint64_t> late{0};
  const auto task = [](const semaphore& s, std::atomic<std::uint64_t>& o,
                       std::atomic<std::uint64_t>& l, afflux_test::latch& d) -> fire_and_forget {
    for (int i = 0; i < kTurns; ++i) {
      const permit p = co_await s.acquire().within(1ms);
      ++(p ? o : l);
      if (p) std::this_thread::sleep_for(100us);
    }
    d.count_down();
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kTasks / 4; ++i) task(sem, ok, late, done);
    });
  }
  for (auto& t : threads) t.join();
  done.wait();
  EXPECT_EQ(ok + late, static_cast<std::uint64_t>(kTasks) * kTurns);
  EXPECT_EQ(sem.held(), 0u);
  EXPECT_EQ(sem.available(), 2u);
}

}  // namespace
