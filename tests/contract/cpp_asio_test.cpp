// SPDX-License-Identifier: MIT OR Apache-2.0
//
// asio.hpp: what a user of Asio expects of an asynchronous operation.
#include <afflux/asio.hpp>

#include <gtest/gtest.h>

#include <asio/awaitable.hpp>
#include <asio/bind_allocator.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/build_kind.h"

namespace {

using namespace std::chrono_literals;
using afflux::async_acquire;
using afflux::event;
using afflux::permit;
using afflux::semaphore;
using afflux::status;
using afflux_test::kSanitized;

struct outcome {
  std::optional<asio::error_code> error;
  permit held;
  std::thread::id where;

  auto handler() {
    return [this](asio::error_code ec, permit p) {
      error = ec;
      held = std::move(p);
      where = std::this_thread::get_id();
    };
  }
};

struct CppAsio : testing::Test {
  asio::io_context io;
  const semaphore sem{1};
  permit busy = sem.try_acquire();
  outcome out;
};

// ---------------------------------------------------------------------------------------------
// Results
// ---------------------------------------------------------------------------------------------

TEST_F(CppAsio, FreePermitsArePosted) {
  busy.release();
  async_acquire(io, sem, 1, out.handler());
  EXPECT_FALSE(out.error);
  EXPECT_EQ(sem.held(), 1u);
  EXPECT_EQ(io.run(), 1u);
  EXPECT_FALSE(*out.error);
  EXPECT_EQ(out.held.count(), 1u);
}

// Also where permits are free: an inline acquire would not be accounted.
TEST_F(CppAsio, AnAcquireIsAccountedToItsClient) {
  const afflux::client tenant;
  busy.release();
  async_acquire(io, sem.acquire().account_to(tenant), out.handler());
  io.run();
  EXPECT_TRUE(out.held);
  EXPECT_EQ(tenant.summary().acquired, 1u);

  outcome later;
  io.restart();
  async_acquire(io, sem.acquire().account_to(tenant), later.handler());
  out.held.release();
  io.run();
  EXPECT_TRUE(later.held);
  EXPECT_EQ(tenant.summary().acquired, 2u);
  EXPECT_EQ(tenant.summary().waits, 1u);
}

TEST_F(CppAsio, AnAcquireMayBeATenants) {
  const afflux::tenant gold(sem);
  busy.release();
  async_acquire(io, gold.acquire(), out.handler());
  io.run();
  EXPECT_TRUE(out.held);
  EXPECT_EQ(gold.stats().held, 1u);

  outcome later;
  io.restart();
  async_acquire(io, sem.acquire().of(gold), later.handler());
  out.held.release();
  io.run();
  EXPECT_TRUE(later.held);
  EXPECT_EQ(gold.stats().waits, 1u);
  later.held.release();
  EXPECT_EQ(gold.stats().held, 0u);
  EXPECT_EQ(sem.held(), 0u);
}

TEST_F(CppAsio, AReleaseElsewhereCompletesInTheContext) {
  async_acquire(io, sem, 1, out.handler());
  std::thread releaser([&] { busy.release(); });
  io.run();  // comes back: nothing is pending any more
  releaser.join();
  EXPECT_FALSE(*out.error);
  EXPECT_EQ(out.held.status(), status::ok);
  EXPECT_EQ(out.where, std::this_thread::get_id());
  EXPECT_EQ(sem.held(), 1u);
}

TEST_F(CppAsio, PendingOperationsAreWork) {
  async_acquire(io, sem, 1, out.handler());
  EXPECT_EQ(io.run_for(1ms), 0u);
  EXPECT_FALSE(io.stopped());
  busy.release();
  io.run();
  EXPECT_TRUE(io.stopped());
  EXPECT_TRUE(out.held);
}

TEST_F(CppAsio, AContextThatRanOutOfWorkGoesOnWatching) {
  for (int i = 0; i < 3; ++i) {
    async_acquire(io, sem, 1, out.handler());
    busy.release();
    io.run();
    ASSERT_TRUE(out.held) << i;
    busy = std::move(out.held);
    io.restart();
  }
}

TEST_F(CppAsio, ManyCompleteInOrder) {
  constexpr int kCount = 300;  // more than a batch
  std::vector<int> order;
  for (int i = 0; i < kCount; ++i) {
    async_acquire(io, sem, 1, [&order, i](asio::error_code, permit) { order.push_back(i); });
  }
  busy.release();
  io.run();
  ASSERT_EQ(order.size(), static_cast<std::size_t>(kCount));
  for (int i = 0; i < kCount; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(sem.held(), 0u);
}

TEST_F(CppAsio, EveryFailureIsAnErrorCodeAndAnEmptyPermit) {
  outcome zero;
  outcome none;
  outcome late;
  outcome closed;
  async_acquire(io, sem, 0, zero.handler());
  async_acquire(io, sem.acquire().within(0s), none.handler());
  async_acquire(io, sem.acquire().within(1ms), late.handler());
  io.run();
  io.restart();
  async_acquire(io, sem, 1, closed.handler());
  sem.close();
  io.run();
  EXPECT_EQ(zero.error, status::invalid);
  EXPECT_EQ(none.error, status::again);
  EXPECT_EQ(late.error, status::timed_out);
  EXPECT_EQ(late.error, std::errc::timed_out);
  EXPECT_EQ(closed.error, status::closed);
  EXPECT_EQ(closed.held.status(), status::closed);
  EXPECT_FALSE(zero.held || none.held || late.held || closed.held);
}

TEST(CppAsioErrors, CodesSayWhatAStatusMeans) {
  const std::error_code ok = status::ok;
  const std::error_code closed = status::closed;
  EXPECT_FALSE(ok);
  EXPECT_TRUE(closed);
  EXPECT_STREQ(closed.category().name(), "afflux");
  EXPECT_EQ(closed.message(), afflux::to_string(status::closed));
  EXPECT_EQ(std::error_code(status::no_memory), std::errc::not_enough_memory);
  EXPECT_EQ(std::error_code(status::canceled), std::errc::operation_canceled);
}

TEST_F(CppAsio, AwaitableAnswersAPermitOrThrows) {
  std::uint64_t count = 0;
  std::error_code thrown;
  asio::error_code redirected;
  const auto task = [&]() -> asio::awaitable<void> {
    {
      const permit p = co_await async_acquire(io, sem, 1, asio::use_awaitable);
      count = p.count();
    }
    try {
      co_await async_acquire(io, sem, 2, asio::use_awaitable);
    } catch (const std::system_error& e) {
      thrown = e.code();
    }
    const permit none =
        co_await async_acquire(io, sem, 2, asio::redirect_error(asio::use_awaitable, redirected));
  };
  asio::co_spawn(io, task(), asio::detached);
  io.poll();
  busy.release();
  io.run();
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(thrown, status::too_big);
  EXPECT_EQ(redirected, status::too_big);
  EXPECT_EQ(sem.held(), 0u);
}

TEST_F(CppAsio, EventsCompleteToo) {
  const event ready(afflux::reset::automatic);
  // Each by itself: the time may run out before the notification comes.
  std::optional<asio::error_code> notified, limited;
  afflux::async_wait(io, ready, [&](asio::error_code ec) { notified = ec; });
  afflux::async_wait(io, ready.wait().within(1ms), [&](asio::error_code ec) { limited = ec; });
  EXPECT_EQ(ready.notify_one(), status::ok);
  io.run();
  ASSERT_TRUE(notified && limited);
  EXPECT_FALSE(*notified);
  EXPECT_EQ(*limited, status::timed_out);
}

// ---------------------------------------------------------------------------------------------
// Cancellation
// ---------------------------------------------------------------------------------------------

TEST_F(CppAsio, CancelledWhileItWaitsHoldsNothing) {
  asio::cancellation_signal signal;
  outcome next;
  async_acquire(io, sem, 1, asio::bind_cancellation_slot(signal.slot(), out.handler()));
  async_acquire(io, sem, 1, next.handler());
  signal.emit(asio::cancellation_type::none);
  EXPECT_EQ(sem.waiters(), 2u);
  signal.emit(asio::cancellation_type::total);
  EXPECT_EQ(sem.waiters(), 1u);
  EXPECT_FALSE(out.error);
  busy.release();
  io.run();
  EXPECT_EQ(out.error, asio::error::operation_aborted);
  EXPECT_EQ(out.held.status(), status::canceled);
  EXPECT_TRUE(next.held);
  EXPECT_EQ(sem.held(), 1u);
}

TEST_F(CppAsio, CancelledTheLastOneLetsRunReturn) {
  asio::cancellation_signal signal;
  async_acquire(io, sem, 1, asio::bind_cancellation_slot(signal.slot(), out.handler()));
  EXPECT_EQ(io.run_for(1ms), 0u);
  signal.emit(asio::cancellation_type::terminal);
  io.run();
  EXPECT_EQ(out.error, asio::error::operation_aborted);
}

TEST_F(CppAsio, CancelledWhenItsCompletionIsInThePortHoldsNothing) {
  asio::cancellation_signal signal;
  outcome next;
  async_acquire(io, sem, 1, asio::bind_cancellation_slot(signal.slot(), out.handler()));
  async_acquire(io, sem, 1, next.handler());
  busy.release();
  signal.emit(asio::cancellation_type::partial);
  signal.emit(asio::cancellation_type::partial);
  io.run();
  EXPECT_EQ(out.error, asio::error::operation_aborted);
  EXPECT_TRUE(next.held);
  EXPECT_EQ(sem.held(), 1u);
}

TEST_F(CppAsio, CancelledTooLateChangesNothing) {
  asio::cancellation_signal signal;
  async_acquire(io, sem, 1, asio::bind_cancellation_slot(signal.slot(), out.handler()));
  busy.release();
  io.run();
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_TRUE(out.held);
}

TEST_F(CppAsio, CancelledWaitPassesTheNotificationOn) {
  const event ready(afflux::reset::automatic);
  asio::cancellation_signal signal;
  std::optional<asio::error_code> first;
  std::optional<asio::error_code> second;
  afflux::async_wait(
      io, ready,
      asio::bind_cancellation_slot(signal.slot(), [&](asio::error_code ec) { first = ec; }));
  afflux::async_wait(io, ready, [&](asio::error_code ec) { second = ec; });
  EXPECT_EQ(ready.notify_one(), status::ok);
  signal.emit(asio::cancellation_type::terminal);
  io.run();
  EXPECT_EQ(first, asio::error::operation_aborted);
  EXPECT_EQ(second, asio::error_code());
}

TEST(CppAsioLife, ASignalMayOutliveTheContext) {
  asio::cancellation_signal signal;
  const semaphore sem(1);
  const permit busy = sem.try_acquire();
  outcome out;
  {
    asio::io_context io;
    async_acquire(io, sem, 1, asio::bind_cancellation_slot(signal.slot(), out.handler()));
  }
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_FALSE(out.error);
}

// ---------------------------------------------------------------------------------------------
// Associated executor and allocator, lifetime
// ---------------------------------------------------------------------------------------------

TEST_F(CppAsio, HandlersRunByTheirAssociatedExecutor) {
  asio::thread_pool pool(1);
  outcome waits;
  async_acquire(io, sem, 1, asio::bind_executor(pool.get_executor(), waits.handler()));
  busy.release();
  io.run();
  pool.join();
  EXPECT_TRUE(waits.held);
  EXPECT_NE(waits.where, std::this_thread::get_id());
}

TEST_F(CppAsio, FreePermitsToo) {
  busy.release();
  asio::thread_pool pool(1);
  async_acquire(io, sem, 1, asio::bind_executor(pool.get_executor(), out.handler()));
  EXPECT_EQ(io.run(), 0u);
  pool.join();
  EXPECT_TRUE(out.held);
  EXPECT_NE(out.where, std::this_thread::get_id());
}

TEST_F(CppAsio, AStrandWillDoAsAnExecutor) {
  auto strand = asio::make_strand(io);
  bool inside = false;
  async_acquire(strand, sem, 1,
                [&](asio::error_code, permit) { inside = strand.running_in_this_thread(); });
  busy.release();
  io.run();
  EXPECT_TRUE(inside);
}

struct counts {
  int made = 0;
  int freed = 0;
};

template <class T>
struct counting {
  using value_type = T;

  explicit counting(counts& c) : of(&c) {}
  template <class U>
  counting(const counting<U>& other) : of(other.of) {}  // NOLINT(google-explicit-constructor)

  T* allocate(std::size_t n) {
    ++of->made;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) {
    ++of->freed;
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(const counting& a, const counting& b) { return a.of == b.of; }

  counts* of;
};

TEST_F(CppAsio, WaitsInMemoryOfTheAssociatedAllocator) {
  counts c;
  async_acquire(io, sem, 1, asio::bind_allocator(counting<void>(c), out.handler()));
  EXPECT_EQ(c.made, 1);
  EXPECT_EQ(c.freed, 0);
  busy.release();
  io.run();
  EXPECT_TRUE(out.held);
  EXPECT_GE(c.made, 1);
  EXPECT_EQ(c.freed, c.made);
}

TEST_F(CppAsio, TakesHandlersThatOnlyMove) {
  auto owned = std::make_unique<int>(7);
  int seen = 0;
  async_acquire(io, sem, 1, [&seen, o = std::move(owned)](asio::error_code, permit) { seen = *o; });
  busy.release();
  io.run();
  EXPECT_EQ(seen, 7);
}

TEST(CppAsioLife, DestroyingTheContextReturnsEverything) {
  const semaphore sem(2);
  permit busy = sem.try_acquire(2);
  const auto alive = std::make_shared<int>();
  {
    asio::io_context io;
    const auto add = [&] {
      async_acquire(io, sem, 1, [alive](asio::error_code, permit) { FAIL(); });
    };
    for (int i = 0; i < 4; ++i) add();
    permit one = busy.split(1);
    one.release();  // its completion is in the port
    EXPECT_EQ(sem.held(), 2u);
    EXPECT_EQ(alive.use_count(), 5);
  }
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_EQ(sem.waiters(), 0u);
  EXPECT_EQ(sem.held(), 1u);
}

TEST(CppAsioLife, DestroyingTheContextDropsWhatIsPosted) {
  const semaphore sem(1);
  {
    asio::io_context io;
    async_acquire(io, sem, 1, [](asio::error_code, permit) { FAIL(); });
    EXPECT_EQ(sem.held(), 1u);
  }
  EXPECT_EQ(sem.held(), 0u);
}

// ---------------------------------------------------------------------------------------------
// Many threads
// ---------------------------------------------------------------------------------------------

TEST(CppAsioStress, NeverMoreInsideThanTheLimit) {
  constexpr int kTasks = 64;
  constexpr int kTurns = kSanitized ? 50 : 500;
  constexpr std::uint64_t kLimit = 3;
  const semaphore sem(kLimit);
  asio::thread_pool pool(3);
  std::atomic<std::uint64_t> inside{0};
  std::atomic<bool> broken{false};
  const auto task = [&](std::uint64_t n) -> asio::awaitable<void> {
    for (int i = 0; i < kTurns; ++i) {
      const permit p = co_await async_acquire(pool, sem, n, asio::use_awaitable);
      if (inside.fetch_add(n) + n > kLimit) broken = true;
      co_await asio::post(pool, asio::use_awaitable);
      inside.fetch_sub(n);
    }
  };
  for (int i = 0; i < kTasks; ++i) {
    asio::co_spawn(pool, task(1 + static_cast<std::uint64_t>(i) % kLimit), asio::detached);
  }
  pool.join();
  EXPECT_FALSE(broken);
  EXPECT_EQ(sem.held(), 0u);
  EXPECT_EQ(sem.waiters(), 0u);
}

TEST(CppAsioStress, CancelsRacingCompletionsLoseNothing) {
  constexpr int kTurns = kSanitized ? 1'000 : 10'000;
  const semaphore sem(1);
  asio::thread_pool pool(2);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop.load()) {
      const permit p = sem.acquire_blocking();
      ASSERT_TRUE(p);
    }
  });
  std::atomic<int> finished{0};
  std::atomic<int> taken{0};
  // One at a time: the signal is used by this thread only, the handler runs on another.
  for (int i = 0; i < kTurns; ++i) {
    asio::cancellation_signal signal;
    std::atomic<bool> done{false};
    async_acquire(pool, sem, 1,
                  asio::bind_cancellation_slot(signal.slot(), [&](asio::error_code ec, permit p) {
                    EXPECT_EQ(static_cast<bool>(p), !ec);
                    if (p) ++taken;
                    p.release();
                    ++finished;
                    done.store(true);
                    done.notify_one();
                  }));
    signal.emit(asio::cancellation_type::total);
    done.wait(false);
  }
  stop = true;
  other.join();
  pool.join();
  EXPECT_EQ(finished, kTurns);
  EXPECT_EQ(sem.held(), 0u);
  RecordProperty("taken", taken.load());
}

}  // namespace
