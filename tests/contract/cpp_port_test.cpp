// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Waits that complete in an event loop, and what becomes of them when the coroutine is
// destroyed (D7 of afflux.hpp, chapter 4).
#include <afflux/afflux.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/build_kind.h"
#include "support/coroutines.h"
#include "support/port.h"

namespace {

using namespace std::chrono_literals;
using afflux::event;
using afflux::permit;
using afflux::port;
using afflux::port_kind;
using afflux::semaphore;
using afflux::status;
using afflux_test::kSanitized;
using afflux_test::owned;

static_assert(std::is_nothrow_move_constructible_v<port> && !std::is_copy_constructible_v<port>);
static_assert(!afflux::executor<port&>);

constexpr std::size_t kAll = SIZE_MAX;

struct outcome {
  std::optional<status> result;
  std::thread::id where;
  int order = 0;
};

int next_in_order = 0;

/// Acquires and keeps the permits until it is destroyed.
template <class Operation>
owned keep(Operation op, outcome& out) {
  const permit p = co_await std::move(op);
  out = {p.status(), std::this_thread::get_id(), ++next_in_order};
  co_await std::suspend_always{};
}

template <class Operation>
owned note(Operation op, outcome& out) {
  const status s = co_await std::move(op);
  out = {s, std::this_thread::get_id(), ++next_in_order};
}

/// Over the kinds that a loop hears by its system.
class CppPort : public testing::TestWithParam<port_kind> {
 protected:
  CppPort() : loop(options()) { ear.listen(loop.handle()); }
  void SetUp() override { next_in_order = 0; }

  afflux::port_options options() const {
    afflux::port_options o{.kind = GetParam()};
    ear.prepare(o);
    return o;
  }
  /// Whether the loop, if it slept now, would be woken at once.
  bool rings() { return ear.shows(); }
  /// The loop's sleep.
  void hear() { ear.sleep(); }

  afflux_test::listener ear;
  port loop;
  semaphore sem{1};
};

std::vector<port_kind> kinds() {
  std::vector<port_kind> all{port_kind::automatic};
  for (const std::uint32_t kind : afflux_test::loop_kinds()) {
    all.push_back(static_cast<port_kind>(kind));
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Kinds, CppPort, testing::ValuesIn(kinds()));

// ---------------------------------------------------------------------------------------------
// The owner
// ---------------------------------------------------------------------------------------------

TEST(CppPortOwner, SaysWhyItCannotBeMade) {
  status why = status::ok;
  EXPECT_FALSE(port::create({.kind = port_kind::callback}, why));
  EXPECT_EQ(why, status::invalid);
  EXPECT_THROW(port(static_cast<port_kind>(99)), afflux::error);
  EXPECT_FALSE(port::from_handle(nullptr, why));
  EXPECT_EQ(why, status::invalid);
}

TEST_P(CppPort, TellsItsKind) {
  const port_kind automatic = static_cast<port_kind>(afflux_test::loop_kinds().front());
  EXPECT_EQ(loop.kind(), GetParam() == port_kind::automatic ? automatic : GetParam());
}

TEST_P(CppPort, TakesOverAReference) {
  const auto o = static_cast<afflux_port_options>(options());
  afflux_port* handle = nullptr;
  ASSERT_EQ(afflux_port_create(&o, &handle), AFFLUX_OK);
  status why = status::pending;
  const port p = port::from_handle(handle, why);
  EXPECT_EQ(why, status::ok);
  EXPECT_EQ(p.handle(), handle);
}

// ---------------------------------------------------------------------------------------------
// Where it resumes, with what
// ---------------------------------------------------------------------------------------------

TEST_P(CppPort, ResumesInRunReadyOfTheLoopsThread) {
  permit held = sem.try_acquire();
  outcome out;
  const owned task = keep(sem.acquire().resume_on(loop), out);
  EXPECT_EQ(loop.pending(), 1u);
  EXPECT_FALSE(rings());
  std::thread releaser([&] { held.release(); });
  hear();
  EXPECT_FALSE(out.result);
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.where, std::this_thread::get_id());
  EXPECT_EQ(sem.held(), 1u);
  releaser.join();
  EXPECT_EQ(loop.run_ready(kAll), 0u);
  EXPECT_FALSE(rings());
}

TEST_P(CppPort, GoesOnAtOnceWhereItNeedNotWait) {
  outcome out;
  const owned task = keep(sem.acquire().resume_on(loop), out);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(loop.run_ready(kAll), 0u);
}

TEST_P(CppPort, ResumesInTheOrderOfCompletionAndAtMostMax) {
  permit held = sem.try_acquire();
  std::array<outcome, 5> out;
  std::vector<owned> tasks;
  for (outcome& o : out) tasks.push_back(keep(sem.acquire().resume_on(loop), o));
  ASSERT_EQ(sem.resize(6), status::ok);
  EXPECT_EQ(loop.run_ready(2), 2u);
  EXPECT_TRUE(out[1].result && !out[2].result);
  if (afflux_test::listener::kByLevel) {
    EXPECT_TRUE(rings());  // it goes on showing
  }
  EXPECT_EQ(loop.run_ready(kAll), 3u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(out[static_cast<std::size_t>(i)].order, i + 1);
}

TEST_P(CppPort, WhatBecomesReadyMeanwhileIsResumedToo) {
  constexpr std::size_t kCount = 1000;
  permit held = sem.try_acquire();
  std::size_t ran = 0;
  const auto one = [](const semaphore& s, const port& p, std::size_t& n) -> owned {
    const permit mine = co_await s.acquire().resume_on(p);
    ++n;
  };
  std::vector<owned> tasks;
  for (std::size_t i = 0; i < kCount; ++i) tasks.push_back(one(sem, loop, ran));
  held.release();
  EXPECT_EQ(loop.run_ready(kAll), kCount);
  EXPECT_EQ(ran, kCount);
}

TEST_P(CppPort, TimesOutInTheLoop) {
  const permit held = sem.try_acquire();
  outcome out;
  const owned task = keep(sem.acquire().within(2ms).resume_on(loop), out);
  hear();
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_EQ(out.result, status::timed_out);
  EXPECT_EQ(out.where, std::this_thread::get_id());
}

TEST_P(CppPort, ClosedSemaphoreCompletesInTheLoop) {
  const permit held = sem.try_acquire();
  outcome out;
  const owned task = keep(sem.acquire().resume_on(loop), out);
  sem.close();
  EXPECT_FALSE(out.result);
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_EQ(out.result, status::closed);
}

TEST_P(CppPort, ThrowsWhereAsked) {
  const permit held = sem.try_acquire();
  status code = status::ok;
  const auto one = [](const semaphore& s, const port& p, status& c) -> owned {
    try {
      const permit mine = co_await s.acquire().or_throw().resume_on(p);
    } catch (const afflux::error& e) {
      c = e.code();
    }
  };
  const owned task = one(sem, loop, code);
  sem.close();
  loop.run_ready(kAll);
  EXPECT_EQ(code, status::closed);
}

TEST_P(CppPort, EventsAndQueuesCompleteThereToo) {
  const event ready(afflux::reset::automatic);
  const afflux::wait_queue queue(afflux::queue_strategy::automatic);
  outcome of_event;
  outcome of_queue;
  const owned a = note(ready.wait().resume_on(loop), of_event);
  const owned b = note(queue.wait_unless([] { return false; }).resume_on(loop), of_queue);
  EXPECT_EQ(ready.notify_one(), status::ok);
  queue.wake_one();
  EXPECT_FALSE(of_event.result || of_queue.result);
  EXPECT_EQ(loop.run_ready(kAll), 2u);
  EXPECT_EQ(of_event.result, status::ok);
  EXPECT_EQ(of_queue.result, status::ok);
}

TEST_P(CppPort, EnterMovesToTheLoopsThread) {
  outcome out;
  owned task;
  std::thread([&] { task = note(loop.enter(), out); }).join();
  EXPECT_FALSE(out.result);
  hear();
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.where, std::this_thread::get_id());
}

TEST_P(CppPort, MayBeMovedWhileSomebodyWaits) {
  permit held = sem.try_acquire();
  outcome out;
  const owned task = keep(sem.acquire().resume_on(loop), out);
  port other = std::move(loop);
  held.release();
  EXPECT_EQ(other.run_ready(kAll), 1u);
  EXPECT_EQ(out.result, status::ok);
  loop = std::move(other);
}

TEST_P(CppPort, ClosesOnlyWhenNothingIsOnItsWay) {
  permit held = sem.try_acquire();
  outcome out;
  owned task = keep(sem.acquire().resume_on(loop), out);
  EXPECT_EQ(loop.close(), status::busy);
  held.release();
  EXPECT_EQ(loop.close(), status::busy);
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_EQ(loop.close(), status::ok);
  EXPECT_EQ(loop.close(), status::already);
  outcome late;
  const owned refused = keep(sem.acquire().resume_on(loop), late);
  EXPECT_EQ(late.result, status::closed);
}

TEST(CppPortKinds, CallbackRingsOnceForABurst) {
  int rung = 0;
  port loop({.kind = port_kind::callback,
             .doorbell = [](void* ctx) { ++*static_cast<int*>(ctx); },
             .ctx = &rung});
  const semaphore sem(1);
  permit held = sem.try_acquire();
  std::array<outcome, 10> out;
  std::vector<owned> tasks;
  for (outcome& o : out) tasks.push_back(keep(sem.acquire().resume_on(loop), o));
  sem.resize(11);
  EXPECT_EQ(rung, 1);
  EXPECT_EQ(loop.run_ready(kAll), 10u);
}

// ---------------------------------------------------------------------------------------------
// Requests of the C API in the same port
// ---------------------------------------------------------------------------------------------

TEST_P(CppPort, RequestsAndCoroutinesShareThePort) {
  constexpr std::size_t kCount = 200;  // more than a batch
  permit held = sem.try_acquire();
  std::vector<afflux_waiter> waiters(kCount);
  std::vector<outcome> out(kCount);
  std::vector<owned> tasks;
  afflux_request request;
  ASSERT_EQ(afflux_request_init(&request), AFFLUX_OK);
  request.port = loop.handle();
  for (std::size_t i = 0; i < kCount; ++i) {
    request.user_data = i;
    ASSERT_EQ(afflux_sem_acquire_async(sem.handle(), &request, &waiters[i]), AFFLUX_PENDING);
    tasks.push_back(keep(sem.acquire().resume_on(loop), out[i]));
  }
  ASSERT_EQ(sem.resize(2 * kCount + 1), status::ok);

  std::size_t resumed = 0;
  std::vector<std::uint64_t> drained;
  for (bool more = true; more;) {
    const std::size_t now = loop.run_ready(10);
    std::array<afflux_completion, 7> done;
    const std::size_t count = loop.drain(done);
    for (std::size_t i = 0; i < count; ++i) drained.push_back(done[i].user_data);
    resumed += now;
    more = now + count != 0;
  }
  EXPECT_EQ(resumed, kCount);
  ASSERT_EQ(drained.size(), kCount);
  for (std::size_t i = 0; i < kCount; ++i) EXPECT_EQ(drained[i], i);
  if (afflux_test::listener::kByLevel) {
    EXPECT_FALSE(rings());
  }
  EXPECT_EQ(loop.close(), status::ok);
  sem.release(kCount);
}

TEST_P(CppPort, WhatIsLeftForTheOtherCallStillRings) {
  permit held = sem.try_acquire();
  afflux_waiter waiter{};
  afflux_request request;
  ASSERT_EQ(afflux_request_init(&request), AFFLUX_OK);
  request.port = loop.handle();
  outcome out;
  const owned task = keep(sem.acquire().resume_on(loop), out);
  ASSERT_EQ(afflux_sem_acquire_async(sem.handle(), &request, &waiter), AFFLUX_PENDING);
  ASSERT_EQ(sem.resize(3), status::ok);
  hear();
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_TRUE(rings());
  hear();
  EXPECT_EQ(loop.close(), status::busy);
  EXPECT_TRUE(rings());  // close() has looked at what was left, too
  hear();
  std::array<afflux_completion, 4> done;
  EXPECT_EQ(loop.drain(done), 1u);
  EXPECT_EQ(loop.run_ready(kAll) + loop.drain(done), 0u);
  EXPECT_FALSE(rings());
  sem.release();
}

// ---------------------------------------------------------------------------------------------
// Destroyed
// ---------------------------------------------------------------------------------------------

TEST_P(CppPort, DestroyedWhileItWaitsLeavesTheQueue) {
  permit held = sem.try_acquire();
  outcome out;
  owned task = keep(sem.acquire().resume_on(loop), out);
  task.destroy();
  EXPECT_EQ(sem.waiters(), 0u);
  EXPECT_EQ(loop.pending(), 0u);
  held.release();
  EXPECT_EQ(loop.run_ready(kAll), 0u);
}

TEST_P(CppPort, DestroyedWhenItsCompletionIsInThePort) {
  permit held = sem.try_acquire();
  outcome out;
  outcome next;
  owned task = keep(sem.acquire().resume_on(loop), out);
  const owned behind = keep(sem.acquire().resume_on(loop), next);
  held.release();
  EXPECT_EQ(sem.held(), 1u);
  hear();
  task.destroy();  // its permit goes to the next one
  EXPECT_EQ(sem.held(), 1u);
  EXPECT_TRUE(rings());
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_FALSE(out.result);
  EXPECT_EQ(next.result, status::ok);
}

TEST_P(CppPort, DestructionLosesNoOthersRing) {
  permit held = sem.try_acquire();
  std::array<outcome, 3> out;
  std::vector<owned> tasks;
  for (outcome& o : out) tasks.push_back(keep(sem.acquire().resume_on(loop), o));
  ASSERT_EQ(sem.resize(4), status::ok);
  hear();
  tasks[1].destroy();  // takes all out
  EXPECT_TRUE(rings());
  hear();
  std::array<afflux_completion, 4> none;
  EXPECT_EQ(loop.drain(none), 0u);  // down to nothing: silenced
  EXPECT_TRUE(rings());
  hear();
  EXPECT_EQ(loop.run_ready(kAll), 2u);
  EXPECT_EQ(out[0].order, 1);
  EXPECT_EQ(out[2].order, 2);
  EXPECT_EQ(loop.run_ready(kAll), 0u);
  EXPECT_FALSE(rings());
}

TEST_P(CppPort, DestroyedByOneThatIsResumedBeforeIt) {
  permit held = sem.try_acquire();
  outcome out;
  owned second;
  const auto killer = [](const semaphore& s, const port& p, owned& victim) -> owned {
    const permit mine = co_await s.acquire().resume_on(p);
    victim.destroy();
  };
  const owned first = killer(sem, loop, second);
  second = keep(sem.acquire().resume_on(loop), out);
  ASSERT_EQ(sem.resize(3), status::ok);
  EXPECT_EQ(loop.run_ready(kAll), 1u);
  EXPECT_TRUE(first.done());
  EXPECT_FALSE(out.result);
  EXPECT_EQ(sem.held(), 1u);
}

TEST_P(CppPort, DestroyedWithAnAutoResetNotificationPassesItOn) {
  const event ready(afflux::reset::automatic);
  outcome first;
  outcome second;
  owned a = note(ready.wait().resume_on(loop), first);
  const owned b = note(ready.wait().resume_on(loop), second);
  EXPECT_EQ(ready.notify_one(), status::ok);
  a.destroy();
  loop.run_ready(kAll);
  EXPECT_FALSE(first.result);
  EXPECT_EQ(second.result, status::ok);
}

TEST(CppPortKinds, DestroyedInsideItsOwnDoorbell) {
  struct state {
    owned task;
  } all;
  port loop({.kind = port_kind::callback,
             .doorbell = [](void* ctx) { static_cast<state*>(ctx)->task.destroy(); },
             .ctx = &all});
  const semaphore sem(1);
  permit held = sem.try_acquire();
  outcome out;
  all.task = keep(sem.acquire().resume_on(loop), out);
  held.release();
  EXPECT_FALSE(out.result);
  EXPECT_EQ(sem.held(), 0u);
  EXPECT_EQ(loop.run_ready(kAll), 0u);
}

TEST(CppPortKinds, DestroyedByACallbackThatComesBeforeItInTheSameBatch) {
  // A doorbell that calls back is rung in its turn, so its port's completions have theirs, too.
  port loop({.kind = port_kind::callback, .doorbell = [](void*) {}});
  const semaphore sem(1);
  permit held = sem.try_acquire();
  outcome out;
  owned victim;
  const auto killer = [](const semaphore& s, owned& v) -> owned {
    const permit mine = co_await s.acquire();
    v.destroy();
  };
  const owned first = killer(sem, victim);
  victim = keep(sem.acquire().resume_on(loop), out);
  ASSERT_EQ(afflux_sem_resize(sem.handle(), 3), AFFLUX_OK);  // no scope of this header's
  EXPECT_TRUE(first.done());
  EXPECT_FALSE(out.result);
  EXPECT_EQ(sem.held(), 1u);
  EXPECT_EQ(loop.run_ready(kAll), 0u);
}

// ---------------------------------------------------------------------------------------------
// Many threads
// ---------------------------------------------------------------------------------------------

TEST_P(CppPort, DestructionRacingCompletionsLosesNothing) {
  constexpr int kTurns = kSanitized ? 2'000 : 20'000;
  constexpr std::size_t kTasks = 4;
  const semaphore pool(2);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {  // takes and gives back: completes the loop's from outside
      while (!stop.load()) {
        const permit p = pool.acquire_blocking();
        ASSERT_TRUE(p);
      }
    });
  }
  std::minstd_rand random(1);
  std::array<outcome, kTasks> out;
  std::array<owned, kTasks> tasks;
  for (int i = 0; i < kTurns; ++i) {
    const std::size_t at = random() % kTasks;
    out[at].result.reset();
    tasks[at].destroy();
    tasks[at] = keep(pool.acquire().within(1s).resume_on(loop), out[at]);
    if (random() % 3 == 0) loop.run_ready(1 + random() % 3);
  }
  // The last ones are waited for, which they can only be if no ring is lost.
  for (std::size_t i = 1; i < kTasks; ++i) tasks[i].destroy();
  while (!out[0].result) {
    if (loop.run_ready(kAll) == 0 && !out[0].result) hear();
  }
  tasks[0].destroy();
  stop = true;
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(pool.held(), 0u);
  EXPECT_EQ(pool.waiters(), 0u);
  EXPECT_EQ(loop.run_ready(kAll), 0u);
  EXPECT_EQ(loop.close(), status::ok);
}

TEST_P(CppPort, EntersFromManyThreadsAllArrive) {
  constexpr int kThreads = 3;
  constexpr int kTurns = kSanitized ? 300 : 3'000;
  std::atomic<int> started{0};
  int arrived = 0;  // the loop's
  struct detached {
    struct promise_type {
      detached get_return_object() noexcept { return {}; }
      std::suspend_never initial_suspend() noexcept { return {}; }
      std::suspend_never final_suspend() noexcept { return {}; }
      void return_void() noexcept {}
      void unhandled_exception() noexcept { std::terminate(); }
    };
  };
  const auto one = [](const port& p, int& n) -> detached {
    if (co_await p.enter() == status::ok) ++n;
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kTurns; ++i) {
        one(loop, arrived);
        started.fetch_add(1);
      }
    });
  }
  while (arrived < kThreads * kTurns) {
    if (loop.run_ready(16) == 0) hear();
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(started.load(), arrived);
}

}  // namespace
