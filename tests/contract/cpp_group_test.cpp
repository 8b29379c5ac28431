// SPDX-License-Identifier: MIT OR Apache-2.0
//
// co_await any(...) and all(...): what they answer, where they resume, and their end by
// destruction (D1 to D6 of afflux.hpp, chapter 4).
#include <gtest/gtest.h>
#include <afflux/afflux.hpp>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "support/coroutines.h"

namespace {

using namespace std::chrono_literals;
using afflux::event;
using afflux::permit;
using afflux::semaphore;
using afflux::status;
using afflux_test::owned;

/// Handles to be resumed by hand; an executor that can discard.
struct later {
  std::deque<std::coroutine_handle<>> ready;
  void operator()(std::coroutine_handle<> h) { ready.push_back(h); }
  void discard(std::coroutine_handle<> h) { std::erase(ready, h); }
  void run() {
    while (!ready.empty()) {
      const std::coroutine_handle<> h = ready.front();
      ready.pop_front();
      h.resume();
    }
  }
};

struct outcome {
  std::optional<status> result;
  std::size_t index = 99;
  std::uint64_t count = 0;
};

/// Waits for any, and keeps what it got until it is destroyed.
template <class Operation>
owned keep_any(Operation op, outcome& out) {
  const auto [index, p] = co_await std::move(op);
  out = {p.status(), index, p.count()};
  co_await std::suspend_always{};
}

/// The same for all.
template <class Operation>
owned keep_all(Operation op, outcome& out) {
  const auto permits = co_await std::move(op);
  out.count = 0;
  for (const permit& p : permits) {
    EXPECT_EQ(out.result.value_or(p.status()), p.status());
    out.result = p.status();
    out.count += p.count();
  }
  co_await std::suspend_always{};
}

void expect_free(const semaphore& sem) {
  EXPECT_EQ(sem.held(), 0u);
  EXPECT_EQ(sem.waiters(), 0u);
}

TEST(CppAny, TakesTheFirstThatIsFreeWithoutSuspending) {
  const semaphore a(1), b(3);
  const permit held = a.try_acquire();
  {
    outcome out;
    const owned c = keep_any(any(a.acquire(), b.acquire(2)), out);
    EXPECT_EQ(out.result, status::ok);
    EXPECT_EQ(out.index, 1u);
    EXPECT_EQ(out.count, 2u);
    EXPECT_EQ(b.held(), 2u);
  }
  expect_free(b);
}

TEST(CppAny, IsResumedByTheFirstThatComes) {
  const semaphore a(1), b(1);
  permit first = a.try_acquire();
  permit second = b.try_acquire();
  outcome out;
  owned c = keep_any(any(a.acquire(), b.acquire()), out);
  EXPECT_FALSE(out.result);
  second.release();
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.index, 1u);
  EXPECT_EQ(a.waiters(), 0u);
  first.release();
  EXPECT_EQ(a.held(), 0u);
  EXPECT_EQ(b.held(), 1u);
  c.destroy();
  expect_free(b);
}

TEST(CppAny, AnEventIsOneOfThem) {
  const semaphore a(1);
  const event stop(afflux::reset::automatic);
  permit held = a.try_acquire();
  outcome out;
  const owned c = keep_any(any(a.acquire(), stop.wait()), out);
  EXPECT_FALSE(out.result);
  EXPECT_EQ(stop.waiters(), 1u);
  EXPECT_EQ(stop.notify_one(), status::ok);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.index, 1u);
  EXPECT_EQ(out.count, 0u);
  EXPECT_FALSE(stop.is_set());
  EXPECT_EQ(a.waiters(), 0u);
}

TEST(CppAny, ASemaphoreLeavesTheEventAlone) {
  const semaphore a(1);
  const event stop(afflux::reset::automatic);
  permit held = a.try_acquire();
  outcome out;
  const owned c = keep_any(any(stop.wait(), a.acquire()), out);
  held.release();
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.index, 1u);
  EXPECT_EQ(out.count, 1u);
  EXPECT_EQ(stop.waiters(), 0u);
  EXPECT_EQ(stop.notify_one(), status::ok);
  EXPECT_TRUE(stop.is_set());
}

TEST(CppAll, AnEventIsOneOfThem) {
  const semaphore a(2);
  const event go(afflux::reset::manual);
  outcome out;
  owned c = keep_all(all(a.acquire(2), go.wait()), out);
  EXPECT_FALSE(out.result);
  EXPECT_EQ(go.notify_one(), status::ok);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(out.count, 2u);
  c.destroy();
  expect_free(a);
}

// An executor has the handle; the notification has no owner yet.
TEST(CppGroupDestroy, PassesAnEventsNotificationOn) {
  const semaphore a(1);
  const event stop(afflux::reset::automatic);
  permit held = a.try_acquire();
  later here;
  outcome out;
  owned c = keep_any(any(a.acquire(), stop.wait()).resume_on(std::ref(here)), out);
  EXPECT_EQ(stop.notify_one(), status::ok);
  EXPECT_FALSE(stop.is_set());
  c.destroy();
  here.run();
  EXPECT_FALSE(out.result);
  EXPECT_TRUE(stop.is_set());
  EXPECT_EQ(a.waiters(), 0u);
}

TEST(CppAny, EveryFailureIsAnEmptyPermitWithItsStatus) {
  const semaphore a(1), b(1);
  const permit first = a.try_acquire();
  const permit second = b.try_acquire();
  const auto answer = [](auto op) {
    outcome out;
    const owned c = keep_any(std::move(op), out);
    EXPECT_EQ(out.count, 0u);
    return out.result;
  };
  EXPECT_EQ(answer(any(a.acquire(), b.acquire().within(0s))), status::again);
  EXPECT_EQ(answer(any(a.acquire(), b.acquire(2))), status::too_big);
  b.close();
  EXPECT_EQ(answer(any(a.acquire(), b.acquire())), status::closed);
  EXPECT_EQ(a.waiters(), 0u);
}

TEST(CppAny, TheShortestTimeEndsIt) {
  ASSERT_EQ(afflux::timers_manual(true), status::ok);
  const semaphore a(1), b(1);
  const permit first = a.try_acquire();
  const permit second = b.try_acquire();
  outcome out;
  const owned c = keep_any(any(a.acquire().within(1h), b.acquire().within(1ms)), out);
  while (!out.result) afflux::timers_advance();
  EXPECT_EQ(out.result, status::timed_out);
  EXPECT_EQ(a.waiters() + b.waiters(), 0u);
  EXPECT_EQ(afflux::timers_manual(false), status::ok);
}

TEST(CppAny, TheHighestPriorityCounts) {
  const semaphore a(1), b(1);
  permit first = a.try_acquire();
  const permit second = b.try_acquire();
  outcome low, high;
  const owned c = keep_any(any(a.acquire()), low);
  const owned d = keep_any(any(a.acquire(), b.acquire().priority(afflux::priority::high)), high);
  first.release();
  EXPECT_FALSE(low.result);
  EXPECT_EQ(high.index, 0u);
}

TEST(CppAll, TakesAllOrNone) {
  const semaphore slots(1), bytes(10);
  outcome out;
  owned c = keep_all(all(bytes.acquire(7), slots.acquire()), out);
  EXPECT_EQ(out.count, 8u);
  EXPECT_EQ(slots.held(), 1u);
  EXPECT_EQ(bytes.held(), 7u);
  outcome refused;
  const owned d = keep_all(all(slots.acquire().within(0s), bytes.acquire()), refused);
  EXPECT_EQ(refused.result, status::again);
  EXPECT_EQ(bytes.held(), 7u);
  outcome waits;
  owned e = keep_all(all(slots.acquire(), bytes.acquire(10)), waits);
  EXPECT_FALSE(waits.result);
  c.destroy();
  EXPECT_EQ(waits.result, status::ok);
  EXPECT_EQ(waits.count, 11u);
  e.destroy();
  expect_free(slots);
  expect_free(bytes);
}

TEST(CppAll, ACloseGivesBackWhatItHeld) {
  const semaphore a(1), b(1);
  const permit held = b.try_acquire();
  outcome out;
  const owned c = keep_all(all(a.acquire(), b.acquire()), out);
  b.close();
  EXPECT_EQ(out.result, status::closed);
  expect_free(a);
}

TEST(CppGroupExecutor, ResumesWhereItChooses) {
  const semaphore a(1), b(1);
  permit first = a.try_acquire();
  permit second = b.try_acquire();
  later loop;
  outcome out;
  const owned c = keep_any(any(a.acquire(), b.acquire()).resume_on(std::ref(loop)), out);
  first.release();
  second.release();
  EXPECT_FALSE(out.result);
  EXPECT_EQ(a.held(), 1u);
  expect_free(b);
  loop.run();
  EXPECT_EQ(out.index, 0u);
}

TEST(CppGroupDestroy, TakesAllRequestsBack) {  // D1
  const semaphore one(1), other(1);
  // All are acquired in the order of their handles: so a is held when b is waited for.
  const bool in_order = std::less<>()(one.handle(), other.handle());
  const semaphore& a = in_order ? one : other;
  const semaphore& b = in_order ? other : one;
  permit held = b.try_acquire();
  outcome out;
  owned c = keep_all(all(a.acquire(), b.acquire()), out);
  owned d = keep_any(any(a.acquire(), b.acquire()), out);
  std::thread([&] { d.destroy(); }).join();
  c.destroy();
  expect_free(a);
  EXPECT_EQ(b.waiters(), 0u);
  held.release();
  expect_free(b);
  EXPECT_FALSE(out.result);
}

// Completed, and on its way to be resumed by the release that destroys it: D3.
TEST(CppGroupDestroy, OfOneThatWaitsForItsTurn) {
  const semaphore a(1), b(1), door(1);
  permit first = a.try_acquire();
  permit entry = door.try_acquire();
  outcome out;
  owned c;
  const auto destroyer = [](const semaphore& at, permit& release, owned& victim) -> owned {
    const permit p = co_await at.acquire();
    release.release();  // completes the victim, which comes after this one
    victim.destroy();
  };
  const owned d = destroyer(door, first, c);
  permit second = b.try_acquire();
  c = keep_any(any(a.acquire(), b.acquire()), out);
  entry.release();
  EXPECT_FALSE(out.result);
  expect_free(a);
}

TEST(CppGroupDestroy, OfTheNextInTheBatchOfACCall) {  // D6
  const semaphore sem(2);
  ASSERT_EQ(sem.try_acquire_raw(2), status::ok);
  outcome out;
  owned c;
  const auto destroyer = [](const semaphore& at, owned& victim) -> owned {
    const permit p = co_await at.acquire();
    victim.destroy();
  };
  owned d = destroyer(sem, c);
  c = keep_any(any(sem.acquire()), out);
  EXPECT_EQ(afflux_sem_release(sem.handle(), 2), AFFLUX_OK);
  EXPECT_FALSE(out.result);
  d.destroy();
  expect_free(sem);
}

TEST(CppGroupDestroy, AfterTheHandOverReturnsThePermits) {  // D5
  const semaphore a(1), b(1);
  permit held = b.try_acquire();
  later loop;
  outcome out;
  owned c = keep_all(all(a.acquire(), b.acquire()).resume_on(std::ref(loop)), out);
  held.release();
  EXPECT_EQ(loop.ready.size(), 1u);
  EXPECT_EQ(a.held() + b.held(), 2u);
  c.destroy();
  EXPECT_TRUE(loop.ready.empty());
  expect_free(a);
  expect_free(b);
}

// D1, D2: the owner destroys while others complete; whichever comes first, nothing is lost.
TEST(CppGroupDestroyStress, WhileOthersComplete) {
  constexpr int kRounds = 2000;
  const semaphore a(1), b(1);
  for (int round = 0; round < kRounds; ++round) {
    permit first = a.try_acquire();
    permit second = b.try_acquire();
    ASSERT_TRUE(first && second);
    outcome out;
    const bool both = round % 2 == 0;
    owned c = both ? keep_all(all(a.acquire(), b.acquire()), out)
                   : keep_any(any(a.acquire(), b.acquire()), out);
    std::atomic<bool> go{false};
    std::thread other([&] {
      while (!go.load(std::memory_order_acquire)) std::this_thread::yield();
      second.release();
    });
    go.store(true, std::memory_order_release);
    // With all() the other thread never resumes it, for a is not free: it may be destroyed. With
    // any() it may, and a coroutine must not be destroyed while it runs (D4).
    if (!both) other.join();
    c.destroy();
    if (both) other.join();
    first.release();
    expect_free(a);
    expect_free(b);
  }
}

struct chain_state {
  const semaphore& a;
  const semaphore& b;
  int done = 0;
};

owned link(chain_state& chain) {
  const auto permits = co_await all(chain.a.acquire(), chain.b.acquire());
  EXPECT_TRUE(permits[0] && permits[1]);
  ++chain.done;
}

TEST(CppGroupDepth, AChainRunsToItsEnd) {
  constexpr int kLinks = 10000;
  const semaphore a(1), b(1);
  chain_state chain{a, b};
  permit held = a.try_acquire();
  std::vector<owned> links;
  for (int i = 0; i < kLinks; ++i) links.push_back(link(chain));
  held.release();
  EXPECT_EQ(chain.done, kLinks);
  links.clear();
  expect_free(a);
  expect_free(b);
}

}  // namespace
