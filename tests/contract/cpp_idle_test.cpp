// SPDX-License-Identifier: MIT OR Apache-2.0
//
// afflux::semaphore: waiting for it to be idle, on threads, in coroutines and on a loop.
#include <afflux/afflux.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "support/coroutines.h"
#include "support/gate.h"

namespace {

using namespace std::chrono_literals;
using afflux::permit;
using afflux::semaphore;
using afflux::status;
using afflux_test::fire_and_forget;
using afflux_test::owned;

struct outcome {
  std::optional<status> result;
  std::thread::id where;
};

template <class Operation>
owned note(Operation op, outcome& out) {
  const status s = co_await std::move(op);
  out.where = std::this_thread::get_id();
  out.result = s;
}

template <class Operation>
fire_and_forget note_and_count(Operation op, outcome& out, afflux_test::latch& done) {
  out.result = co_await std::move(op);
  done.count_down();
}

// ---------------------------------------------------------------------------------------------
// Threads
// ---------------------------------------------------------------------------------------------

TEST(CppIdle, IsAnsweredAtOnceWhereNothingIsHeld) {
  const semaphore sem(2);
  EXPECT_EQ(sem.wait_idle_blocking(), status::ok);
  EXPECT_EQ(sem.wait_idle_blocking_for(0s), status::ok);
  EXPECT_EQ(sem.wait_idle_blocking_until(std::chrono::steady_clock::now()), status::ok);
  EXPECT_EQ(sem.close(), status::ok);
  EXPECT_EQ(sem.wait_idle_blocking(), status::ok);
}

TEST(CppIdle, TimesOutNeverEarly) {
  const semaphore sem({.permits = 2, .waiter_timeout = 1ms});
  const permit held = sem.try_acquire();
  EXPECT_EQ(sem.wait_idle_blocking_for(0s), status::timed_out);
  EXPECT_EQ(sem.wait_idle_blocking_for(-1s), status::timed_out);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(sem.wait_idle_blocking_for(2ms), status::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now(), begin + 2ms);
  const auto when = std::chrono::steady_clock::now() + 2ms;
  EXPECT_EQ(sem.wait_idle_blocking_until(when), status::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now(), when);
}

TEST(CppIdle, WakesABlockedThread) {
  const semaphore sem(2);
  permit held = sem.try_acquire(2);
  std::atomic<bool> back{false};
  std::thread waiting([&] {
    EXPECT_EQ(sem.wait_idle_blocking(), status::ok);
    EXPECT_EQ(sem.held(), 0u);
    back.store(true);
  });
  permit part = held.split(1);
  EXPECT_EQ(part.release(), status::ok);
  EXPECT_FALSE(back.load());
  EXPECT_EQ(held.release(), status::ok);
  waiting.join();
}

// A thread that is about to wait resumes those first that wait for their turn on it.
TEST(CppIdle, ABlockingWaitResumesWhomThisThreadCompleted) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  status waited = status::invalid;
  const auto uses = [](const semaphore& s) -> owned {
    const permit p = co_await s.acquire();  // gives it back at its end
    EXPECT_TRUE(p);
  };
  const auto shuts = [&waited](const semaphore& s) -> owned {
    permit p = co_await s.acquire();
    p.release();  // the other one is completed, and waits for its turn
    waited = s.wait_idle_blocking();
  };
  const owned first = shuts(sem);
  const owned second = uses(sem);
  held.release();
  EXPECT_TRUE(first.done());
  EXPECT_TRUE(second.done());
  EXPECT_EQ(waited, status::ok);
}

// ---------------------------------------------------------------------------------------------
// Coroutines
// ---------------------------------------------------------------------------------------------

TEST(CppIdle, CoroutineGoesOnWhereItIsIdle) {
  const semaphore sem(1);
  outcome out;
  const owned waiting = note(sem.wait_idle(), out);
  EXPECT_EQ(out.result, status::ok);
}

TEST(CppIdle, CoroutineIsResumedByTheLastReleaseOnItsThread) {
  const semaphore sem(2);
  permit held = sem.try_acquire();
  permit other = sem.try_acquire();
  outcome out;
  const owned waiting = note(sem.wait_idle(), out);
  EXPECT_EQ(held.release(), status::ok);
  EXPECT_FALSE(out.result);
  std::thread::id there;
  std::thread([&] {
    there = std::this_thread::get_id();
    EXPECT_EQ(other.release(), status::ok);
  }).join();
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.where, there);
}

TEST(CppIdle, CoroutineShutsDown) {
  std::optional<semaphore> sem(2);
  permit held = sem->try_acquire();
  outcome last_one;
  const auto shuts_down = [](std::optional<semaphore>& s, outcome& out) -> owned {
    EXPECT_EQ(s->close(), status::ok);
    out.result = co_await s->wait_idle();
    s.reset();
  };
  const owned shutting = shuts_down(sem, last_one);
  EXPECT_TRUE(sem->is_closed());
  EXPECT_EQ(sem->try_acquire().status(), status::closed);
  EXPECT_FALSE(last_one.result);
  EXPECT_EQ(held.release(), status::ok);
  EXPECT_EQ(last_one.result, status::ok);
  EXPECT_FALSE(sem.has_value());
}

TEST(CppIdle, CoroutineTimesOut) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  outcome at_once, later;
  const owned none = note(sem.wait_idle().within(0s), at_once);
  EXPECT_EQ(at_once.result, status::again);
  afflux_test::latch done(1);
  const auto begin = std::chrono::steady_clock::now();
  note_and_count(sem.wait_idle().within(2ms), later, done);
  done.wait();
  EXPECT_EQ(later.result, status::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now(), begin + 2ms);
}

TEST(CppIdle, LastOwnerResumesItWithClosed) {
  std::optional<semaphore> sem(1);
  const std::uint64_t owed = sem->try_acquire().detach();
  EXPECT_EQ(owed, 1u);
  outcome out;
  const owned waiting = note(sem->wait_idle(), out);
  sem.reset();
  EXPECT_EQ(out.result, status::closed);
}

TEST(CppIdle, ResumesByAnExecutorAndInALoop) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  std::vector<std::coroutine_handle<>> posted;
  outcome by_executor, in_loop;
  const owned first =
      note(sem.wait_idle().resume_on([&](std::coroutine_handle<> h) { posted.push_back(h); }),
           by_executor);
  afflux::port loop({.kind = afflux::port_kind::callback, .doorbell = [](void*) {}});
  const owned second = note(sem.wait_idle().resume_on(loop), in_loop);
  EXPECT_EQ(held.release(), status::ok);
  EXPECT_FALSE(by_executor.result);
  ASSERT_EQ(posted.size(), 1u);
  posted[0].resume();
  EXPECT_EQ(by_executor.result, status::ok);
  EXPECT_FALSE(in_loop.result);
  EXPECT_EQ(loop.run_ready(8), 1u);
  EXPECT_EQ(in_loop.result, status::ok);
}

TEST(CppIdle, DestroyedWhileWaitingLeavesNothing) {  // D1
  const semaphore sem(1);
  permit held = sem.try_acquire();
  outcome out;
  { const owned waiting = note(sem.wait_idle(), out); }
  {
    afflux::port loop({.kind = afflux::port_kind::callback, .doorbell = [](void*) {}});
    { const owned waiting = note(sem.wait_idle().resume_on(loop), out); }
    EXPECT_EQ(loop.close(), status::ok);
  }
  EXPECT_EQ(held.release(), status::ok);
  EXPECT_FALSE(out.result);
  EXPECT_EQ(sem.available(), 1u);
}

TEST(CppIdle, DestroyedOnOneThreadWhileAnotherMakesItIdle) {  // D1, D2
  constexpr int kRounds = 1000;
  const semaphore sem(1);
  std::atomic<int> turn{0};
  std::thread releaser([&] {
    for (int i = 1; i <= kRounds; ++i) {
      while (turn.load(std::memory_order_acquire) != 2 * i - 1) std::this_thread::yield();
      EXPECT_EQ(sem.release(), status::ok);
      turn.store(2 * i, std::memory_order_release);
    }
  });
  const auto never = [](std::coroutine_handle<>) {};  // D4 is not for an executor
  for (int i = 1; i <= kRounds; ++i) {
    EXPECT_EQ(sem.try_acquire_raw(), status::ok);
    outcome out;
    owned waiting = note(sem.wait_idle().resume_on(never), out);
    turn.store(2 * i - 1, std::memory_order_release);
    for (int spin = i % 64; spin > 0; --spin) std::atomic_signal_fence(std::memory_order_seq_cst);
    waiting.destroy();
    while (turn.load(std::memory_order_acquire) != 2 * i) std::this_thread::yield();
    EXPECT_FALSE(out.result);
  }
  releaser.join();
  EXPECT_EQ(sem.held(), 0u);
}

}  // namespace
