// SPDX-License-Identifier: MIT OR Apache-2.0
//
// afflux::semaphore: what it takes, gives back, answers and throws.
#include <afflux/afflux.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using afflux::options;
using afflux::permit;
using afflux::semaphore;
using afflux::statistics_level;
using afflux::status;

// A clock whose epoch is now: its times before the start are negative.
struct late_clock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<late_clock>;
  [[maybe_unused]] static constexpr bool is_steady = true;
  static time_point now() noexcept { return time_point(-5ns); }
};

// ---------------------------------------------------------------------------------------------
// Making, owning
// ---------------------------------------------------------------------------------------------

TEST(CppSemaphore, StartsWithAllPermitsFree) {
  const semaphore sem(3);
  EXPECT_EQ(sem.limit(), 3u);
  EXPECT_EQ(sem.available(), 3u);
  EXPECT_EQ(sem.held(), 0u);
  EXPECT_EQ(sem.waiters(), 0u);
}

TEST(CppSemaphore, TakesDesignatedOptions) {
  const semaphore sem({.permits = 2, .queue = afflux::queue_strategy::mutex, .name = "disk"});
  EXPECT_EQ(sem.limit(), 2u);
  EXPECT_EQ(sem.queue(), afflux::queue_strategy::mutex);
  EXPECT_EQ(afflux_sem_queue(sem.handle()), std::uint32_t{AFFLUX_QUEUE_MUTEX});
  EXPECT_STREQ(afflux_sem_name(sem.handle()), "disk");
}

// ---------------------------------------------------------------------------------------------
// Inline
// ---------------------------------------------------------------------------------------------

const options inline_options{.permits = 3, .statistics = afflux::statistics_level::off};

TEST(CppSemaphoreInline, TakesAndGivesBack) {
  const semaphore sem(inline_options);
  ASSERT_EQ(afflux_sem_fastpath(sem.handle())->reserved, 0u);
  EXPECT_EQ(sem.try_acquire_raw(2), status::ok);
  EXPECT_EQ(sem.held(), 2u);
  EXPECT_EQ(sem.try_acquire_raw(2), status::again);
  EXPECT_EQ(sem.try_acquire_raw(), status::ok);
  EXPECT_EQ(sem.available(), 0u);
  EXPECT_EQ(sem.release(4), status::overflow);
  EXPECT_EQ(sem.release(3), status::ok);
  EXPECT_EQ(sem.release(), status::overflow);
  EXPECT_EQ(sem.try_acquire_raw(4), status::too_big);
  EXPECT_EQ(sem.try_acquire_raw(0), status::invalid);
  EXPECT_EQ(sem.available(), 3u);
  EXPECT_EQ(sem.stats().acquired_fast, 0u);  // nobody counted
}

TEST(CppSemaphoreInline, IsInTheTotals) {
  const semaphore sem(100);
  ASSERT_EQ(afflux_sem_fastpath(sem.handle())->layout, 3u);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(sem.try_acquire_raw(), status::ok);
  EXPECT_EQ(sem.stats().peak_held, 100u);
  EXPECT_EQ(sem.release(40), status::ok);
  EXPECT_EQ(sem.try_acquire_raw(7), status::ok);
  EXPECT_EQ(sem.stats().requests_fast, 101u);
  EXPECT_EQ(sem.stats().acquired_fast, 107u);
  EXPECT_EQ(sem.stats().released, 40u);
  EXPECT_EQ(sem.stats().peak_held, 100u);
  EXPECT_EQ(sem.release(67), status::ok);
}

TEST(CppSemaphoreInline, WaitsAndIsGrantedByTheCalls) {
  semaphore sem(inline_options);
  ASSERT_EQ(sem.try_acquire_raw(3), status::ok);
  std::thread other([&sem] { EXPECT_TRUE(sem.acquire_blocking(2)); });
  while (sem.waiters() == 0) std::this_thread::yield();
  EXPECT_EQ(sem.try_acquire_raw(), status::again);
  EXPECT_EQ(sem.release(3), status::ok);
  other.join();
  EXPECT_EQ(sem.available(), 3u);
  sem.close();
  EXPECT_EQ(sem.try_acquire_raw(), status::closed);
}

TEST(CppSemaphoreInline, ManyThreadsStayWithinTheLimit) {
  const semaphore sem(inline_options);
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5'000; ++i) {
        const permit mine = sem.acquire_blocking(2);
        EXPECT_TRUE(mine);
        EXPECT_LE(inside.fetch_add(2) + 2, 3);
        inside.fetch_sub(2);
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(sem.available(), 3u);
}

TEST(CppSemaphore, Counts) {
  const semaphore sem(3);
  ASSERT_EQ(sem.try_acquire_raw(2), status::ok);
  EXPECT_EQ(sem.try_acquire_raw(2), status::again);
  EXPECT_EQ(sem.release(2), status::ok);
  EXPECT_EQ(sem.stats().acquired_fast, 2u);
  EXPECT_EQ(sem.stats().released, 2u);
  EXPECT_EQ(sem.stats().try_failed, 1u);
  EXPECT_EQ(sem.stats().limit, 3u);
}

TEST(CppSemaphore, OptionsConvertFieldByField) {
  const options o{.permits = 7,
                  .queue = afflux::queue_strategy::intrusive,
                  .fairness = afflux::fairness_policy::throughput,
                  .overflow = afflux::overflow_policy::drop_oldest,
                  .max_waiters = 8,
                  .max_queue_bytes = 9,
                  .waiter_timeout = 10ms,
                  .name = "n"};
  const auto c = static_cast<afflux_sem_options>(o);
  EXPECT_EQ(c.struct_size, sizeof c);
  EXPECT_EQ(c.queue, std::uint32_t{AFFLUX_QUEUE_INTRUSIVE});
  EXPECT_EQ(c.fairness, std::uint32_t{AFFLUX_THROUGHPUT});
  EXPECT_EQ(c.overflow, std::uint32_t{AFFLUX_OVERFLOW_DROP_OLDEST});
  EXPECT_EQ(c.permits, 7u);
  EXPECT_EQ(c.max_waiters, 8u);
  EXPECT_EQ(c.max_queue_bytes, 9u);
  EXPECT_EQ(c.waiter_timeout_ns, 10'000'000);
  EXPECT_STREQ(c.name, "n");
}

TEST(CppSemaphore, DefaultOptionsAreTheLibrarys) {
  afflux_sem_options theirs;
  ASSERT_EQ(afflux_sem_options_init(&theirs), AFFLUX_OK);
  const auto ours = static_cast<afflux_sem_options>(options{});
  EXPECT_EQ(ours.struct_size, theirs.struct_size);
  EXPECT_EQ(ours.queue, theirs.queue);
  EXPECT_EQ(ours.fairness, theirs.fairness);
  EXPECT_EQ(ours.overflow, theirs.overflow);
  EXPECT_EQ(ours.permits, theirs.permits);
  EXPECT_EQ(ours.max_waiters, theirs.max_waiters);
  EXPECT_EQ(ours.max_queue_bytes, theirs.max_queue_bytes);
  EXPECT_EQ(ours.waiter_timeout_ns, theirs.waiter_timeout_ns);
  EXPECT_EQ(ours.name, theirs.name);
}

TEST(CppSemaphore, WaiterTimeoutOfMinusOneIsRefusedNotForever) {
  status made = status::ok;
  EXPECT_FALSE(semaphore::create({.waiter_timeout = -1ns}, made));
  EXPECT_EQ(made, status::invalid);
}

TEST(CppSemaphore, ConstructorThrowsOnBadOptions) {
  try {
    const semaphore sem(std::uint64_t{1} << 42);
    FAIL() << "made a semaphore beyond the largest limit";
  } catch (const afflux::error& e) {
    EXPECT_EQ(e.code(), status::invalid);
    EXPECT_NE(std::string(e.what()).find(to_string(status::invalid)), std::string::npos);
  }
  EXPECT_THROW(semaphore({.queue = static_cast<afflux::queue_strategy>(9)}), afflux::error);
}

TEST(CppSemaphore, CreateAnswersInsteadOfThrowing) {
  static_assert(noexcept(semaphore::create(options{}, std::declval<status&>())));
  status made = status::ok;
  const semaphore bad = semaphore::create({.permits = std::uint64_t{1} << 42}, made);
  EXPECT_FALSE(bad);
  EXPECT_EQ(made, status::invalid);
  const semaphore good = semaphore::create({.permits = 2}, made);
  EXPECT_TRUE(good);
  EXPECT_EQ(made, status::ok);
}

TEST(CppSemaphore, MovesAndLeavesAnEmptyOwner) {
  static_assert(!std::is_copy_constructible_v<semaphore>);
  static_assert(std::is_nothrow_move_constructible_v<semaphore>);
  static_assert(std::is_nothrow_move_assignable_v<semaphore>);
  semaphore a(2);
  afflux_sem* const handle = a.handle();
  semaphore b(std::move(a));
  EXPECT_EQ(b.handle(), handle);
  EXPECT_EQ(a.handle(), nullptr);  // NOLINT: what moving leaves is promised
  semaphore c(5);
  c = std::move(b);
  EXPECT_EQ(c.handle(), handle);
  EXPECT_EQ(c.limit(), 2u);
  swap(a, c);
  EXPECT_EQ(a.handle(), handle);
  EXPECT_FALSE(c);
}

TEST(CppSemaphore, SelfMoveKeepsIt) {
  semaphore sem(2);
  semaphore& same = sem;
  sem = std::move(same);
  EXPECT_EQ(sem.limit(), 2u);
  EXPECT_TRUE(sem.try_acquire(2));
}

TEST(CppSemaphore, ShareKeepsItAlive) {
  std::optional<semaphore> second;
  {
    const semaphore first(1);
    second = first.share();
    EXPECT_EQ(first.handle(), second->handle());
  }
  EXPECT_TRUE(second->try_acquire());
}

TEST(CppSemaphore, LastOwnerCloses) {
  afflux_waiter waiter{};
  afflux_status result = AFFLUX_PENDING;
  {
    const semaphore sem(0);
    afflux_request request;
    ASSERT_EQ(afflux_request_init(&request), AFFLUX_OK);
    request.flags = AFFLUX_WAIT_FOR_RESIZE;
    request.wake = [](void* ctx, afflux_status s) { *static_cast<afflux_status*>(ctx) = s; };
    request.ctx = &result;
    ASSERT_EQ(afflux_sem_acquire_async(sem.handle(), &request, &waiter), AFFLUX_PENDING);
  }
  EXPECT_EQ(result, AFFLUX_ECLOSED);
}

TEST(CppSemaphore, FromHandleOwnsTheReference) {
  const semaphore first(1);
  {
    const semaphore second = semaphore::from_handle(afflux_sem_ref(first.handle()));
    EXPECT_EQ(second.handle(), first.handle());
  }
  EXPECT_TRUE(first.try_acquire());  // still open: only the second reference was dropped
  EXPECT_FALSE(semaphore::from_handle(nullptr));
}

// ---------------------------------------------------------------------------------------------
// Taking and giving back
// ---------------------------------------------------------------------------------------------

TEST(CppSemaphore, TryAcquireTakesWhatIsFree) {
  const semaphore sem(3);
  const permit two = sem.try_acquire(2);
  EXPECT_TRUE(two);
  EXPECT_EQ(two.count(), 2u);
  EXPECT_EQ(two.status(), status::ok);
  EXPECT_EQ(sem.held(), 2u);
  EXPECT_EQ(sem.available(), 1u);
}

TEST(CppSemaphore, TryAcquireTakesNothingWhenItDoesNotFit) {
  const semaphore sem(3);
  const permit two = sem.try_acquire(2);
  const permit more = sem.try_acquire(2);
  EXPECT_FALSE(more);
  EXPECT_EQ(more.status(), status::again);
  EXPECT_EQ(sem.held(), 2u);
}

TEST(CppSemaphore, TryAcquireUpToTakesWhatIsFreeBetweenBoth) {
  for (const auto level : {statistics_level::off, statistics_level::counters}) {
    const semaphore sem({.permits = 5, .statistics = level});
    const permit first = sem.try_acquire_up_to(1, 3);
    EXPECT_EQ(first.count(), 3u);
    const permit second = sem.try_acquire_up_to(1, ~std::uint64_t{0});
    EXPECT_EQ(second.count(), 2u);
    EXPECT_EQ(sem.try_acquire_up_to(1, 2).status(), status::again);
    const permit none = sem.try_acquire_up_to(0, 2);
    EXPECT_FALSE(none);
    EXPECT_EQ(none.status(), status::again);
    EXPECT_EQ(sem.held(), 5u);
  }
}

TEST(CppSemaphore, TryAcquireUpToTellsWhyNot) {
  const semaphore sem(2);
  EXPECT_EQ(sem.try_acquire_up_to(0, 0).status(), status::invalid);
  EXPECT_EQ(sem.try_acquire_up_to(2, 1).status(), status::invalid);
  EXPECT_EQ(sem.try_acquire_up_to(3, 4).status(), status::too_big);
  EXPECT_EQ(sem.close(), status::ok);
  EXPECT_EQ(sem.try_acquire_up_to(1, 2).status(), status::closed);
  EXPECT_EQ(sem.held(), 0u);
}

TEST(CppSemaphore, ResizesByADifference) {
  const semaphore sem(2);
  std::uint64_t limit = 77;
  EXPECT_EQ(sem.resize_by(3, limit), status::ok);
  EXPECT_EQ(limit, 5u);
  EXPECT_EQ(sem.resize_by(-1), status::ok);
  EXPECT_EQ(sem.limit(), 4u);
  EXPECT_EQ(sem.resize_by(-5, limit), status::overflow);
  EXPECT_EQ(sem.resize_by(std::numeric_limits<std::int64_t>::min()), status::overflow);
  EXPECT_EQ(limit, 5u);
  EXPECT_EQ(sem.limit(), 4u);
}

TEST(CppSemaphore, TellsThatItIsClosed) {
  const semaphore sem(1);
  EXPECT_FALSE(sem.is_closed());
  EXPECT_EQ(sem.close(), status::ok);
  EXPECT_TRUE(sem.is_closed());
}

TEST(CppSemaphore, StatisticsHaveTheHighWaterMarks) {
  const semaphore sem(5);
  {
    const permit first = sem.try_acquire_up_to(1, 4);
    EXPECT_EQ(sem.acquire_blocking_for(0s, 2).status(), status::timed_out);
  }
  EXPECT_EQ(sem.held(), 0u);
  EXPECT_EQ(sem.stats().peak_held, 4u);
  EXPECT_EQ(sem.stats().peak_waiters, 0u);
}

TEST(CppSemaphore, RefusesNumbersOutOfRange) {
  const semaphore sem(3);
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{4}, std::uint64_t{1} << 42,
                                std::numeric_limits<std::uint64_t>::max()}) {
    const status refusal = n == 0 ? status::invalid : status::too_big;
    EXPECT_EQ(sem.try_acquire(n).status(), refusal) << n;
    EXPECT_EQ(sem.try_acquire_raw(n), refusal) << n;
    EXPECT_EQ(sem.acquire_blocking(n).status(), refusal) << n;
  }
  EXPECT_EQ(sem.held(), 0u);
  EXPECT_EQ(sem.release(0), status::invalid);
}

TEST(CppSemaphore, LargestLimitWorksInline) {
  constexpr std::uint64_t kMost = (std::uint64_t{1} << 42) - 1;
  const semaphore sem(kMost);
  permit all = sem.try_acquire(kMost);
  EXPECT_TRUE(all);
  EXPECT_EQ(sem.try_acquire().status(), status::again);
  EXPECT_EQ(all.release(), status::ok);
  EXPECT_EQ(sem.available(), kMost);
}

TEST(CppSemaphore, RawFormsAreReleasedByHand) {
  const semaphore sem(2);
  ASSERT_EQ(sem.try_acquire_raw(2), status::ok);
  EXPECT_EQ(sem.try_acquire_raw(), status::again);
  EXPECT_EQ(sem.release(2), status::ok);
  EXPECT_EQ(sem.available(), 2u);
}

TEST(CppSemaphore, RefusesOverRelease) {
  const semaphore sem(2);
  EXPECT_EQ(sem.release(), status::overflow);
  const permit one = sem.try_acquire();
  EXPECT_EQ(sem.release(2), status::overflow);
  EXPECT_EQ(sem.held(), 1u);
}

TEST(CppSemaphore, DrainTakesAllThatIsFree) {
  const semaphore sem(5);
  const permit two = sem.try_acquire(2);
  permit rest = sem.drain();
  EXPECT_EQ(rest.count(), 3u);
  EXPECT_EQ(sem.available(), 0u);
  const permit none = sem.drain();
  EXPECT_FALSE(none);
  EXPECT_EQ(none.status(), status::again);
  EXPECT_EQ(rest.release(), status::ok);
  EXPECT_EQ(sem.available(), 3u);
}

TEST(CppSemaphore, ResizeGrowsAndShrinks) {
  const semaphore sem(1);
  const permit one = sem.try_acquire();
  EXPECT_EQ(sem.resize(3), status::ok);
  EXPECT_EQ(sem.limit(), 3u);
  permit two = sem.try_acquire(2);
  EXPECT_TRUE(two);
  EXPECT_EQ(sem.resize(1), status::ok);
  EXPECT_EQ(sem.available(), 0u);
  EXPECT_EQ(two.release(), status::ok);
  EXPECT_EQ(sem.try_acquire().status(), status::again);  // the debt is paid, not more
  EXPECT_EQ(sem.resize(std::uint64_t{1} << 42), status::invalid);
}

TEST(CppSemaphore, CloseRefusesNewcomersAndStillCountsReleases) {
  const semaphore sem(2);
  permit held = sem.try_acquire();
  EXPECT_EQ(sem.close(), status::ok);
  EXPECT_EQ(sem.close(), status::already);
  EXPECT_EQ(sem.try_acquire().status(), status::closed);
  EXPECT_EQ(sem.acquire_blocking().status(), status::closed);
  EXPECT_EQ(sem.drain().status(), status::closed);
  EXPECT_EQ(held.release(), status::ok);
  EXPECT_EQ(sem.held(), 0u);
}

// ---------------------------------------------------------------------------------------------
// Blocking
// ---------------------------------------------------------------------------------------------

TEST(CppSemaphore, BlocksUntilReleased) {
  const semaphore sem(1);
  permit held = sem.try_acquire();
  std::atomic<bool> got{false};
  std::thread waiter([&] {
    const permit p = sem.acquire_blocking();
    got = static_cast<bool>(p);
  });
  while (sem.waiters() == 0) std::this_thread::yield();
  EXPECT_FALSE(got);
  held.release();
  waiter.join();
  EXPECT_TRUE(got);
  EXPECT_EQ(sem.available(), 1u);
}

TEST(CppSemaphore, TakesNothingOnTimeout) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  const auto before = std::chrono::steady_clock::now();
  const permit p = sem.acquire_blocking_for(5ms);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 5ms);
  EXPECT_FALSE(p);
  EXPECT_EQ(p.status(), status::timed_out);
  EXPECT_EQ(sem.held(), 1u);
}

TEST(CppSemaphore, TimeOfZeroOrLessNeverWaits) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  EXPECT_EQ(sem.acquire_blocking_for(0s).status(), status::timed_out);
  EXPECT_EQ(sem.acquire_blocking_for(-1ns).status(), status::timed_out);  // not "for ever"
  EXPECT_EQ(sem.acquire_blocking_for(std::chrono::hours::min()).status(), status::timed_out);
  EXPECT_EQ(sem.acquire_blocking_for(
                   -std::chrono::duration<double>(std::numeric_limits<double>::infinity()))
                .status(),
            status::timed_out);
}

TEST(CppSemaphore, LargestTimeWaitsAndIsGranted) {
  const semaphore sem(1);
  for (int turn = 0; turn < 2; ++turn) {
    permit held = sem.try_acquire();
    ASSERT_TRUE(held);
    std::thread releaser([&] {
      while (sem.waiters() == 0) std::this_thread::yield();
      held.release();
    });
    const permit p = turn == 0
                         ? sem.acquire_blocking_for(std::chrono::hours::max())
                         : sem.acquire_blocking_until(std::chrono::system_clock::time_point::max());
    EXPECT_EQ(p.status(), status::ok);
    releaser.join();
  }
}

TEST(CppSemaphore, DeadlinesWorkOnAnyClock) {
  const semaphore sem(1);
  const permit held = sem.try_acquire();
  const auto steady = std::chrono::steady_clock::now() + 3ms;
  EXPECT_EQ(sem.acquire_blocking_until(steady).status(), status::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now(), steady);
  const auto system = std::chrono::system_clock::now() + 3ms;
  EXPECT_EQ(sem.acquire_blocking_until(system).status(), status::timed_out);
  EXPECT_EQ(sem.acquire_blocking_until(std::chrono::steady_clock::time_point::min()).status(),
            status::timed_out);
  EXPECT_EQ(sem.acquire_blocking_until(late_clock::time_point::min()).status(), status::timed_out);
}

TEST(CppSemaphore, DeadlineInThePastStillTakesWhatIsFree) {
  const semaphore sem(1);
  EXPECT_TRUE(sem.acquire_blocking_until(std::chrono::steady_clock::now() - 1h));
  EXPECT_TRUE(sem.acquire_blocking_for(-1h));
}

TEST(CppSemaphore, WaiterTimeoutLimitsWaitsWithoutATime) {
  const semaphore sem({.permits = 1, .waiter_timeout = 2ms});
  const permit held = sem.try_acquire();
  EXPECT_EQ(sem.acquire_blocking().status(), status::timed_out);
}

TEST(CppSemaphore, LastOwnerMayGoAsSoonAsTheAcquireReturned) {
  for (int turn = 0; turn < 2000; ++turn) {
    auto* sem = new semaphore(1);
    permit held = sem->try_acquire();
    std::thread releaser([&] { held.release(); });
    {
      const permit p = sem->acquire_blocking();
      ASSERT_TRUE(p);
    }
    // The releaser may still be inside its release.
    delete sem;
    releaser.join();
  }
}

TEST(CppSemaphore, NeverMoreInsideThanTheLimit) {
  constexpr int kThreads = 4;
  constexpr std::uint64_t kLimit = 3;
  const semaphore sem(kLimit);
  std::atomic<std::uint64_t> inside{0};
  std::atomic<bool> broken{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5000; ++i) {
        const std::uint64_t n = 1 + static_cast<std::uint64_t>(i + t) % 2;
        const permit p = i % 3 == 0 ? sem.try_acquire(n) : sem.acquire_blocking(n);
        if (!p) continue;
        if (inside.fetch_add(n) + n > kLimit) broken = true;
        inside.fetch_sub(n);
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_FALSE(broken);
  EXPECT_EQ(sem.held(), 0u);
  EXPECT_EQ(sem.available(), kLimit);
}

TEST(CppSemaphore, ReleasePublishesToTheNextHolder) {
  const semaphore sem(1);
  std::uint64_t plain = 0;  // guarded by the permit alone: the thread sanitizer looks
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 3000; ++i) {
        const permit p = sem.acquire_blocking();
        ++plain;
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(plain, 9000u);
}

// ---------------------------------------------------------------------------------------------
// Exceptions only where asked for
// ---------------------------------------------------------------------------------------------

TEST(CppSemaphore, ThrowsOnlyWhereAsked) {
  const semaphore sem(1);
  static_assert(noexcept(sem.try_acquire()));
  static_assert(noexcept(sem.acquire_blocking()));
  static_assert(noexcept(sem.acquire_blocking_for(std::chrono::seconds::max())));
  static_assert(noexcept(sem.acquire_blocking_until(std::chrono::steady_clock::now())));
  static_assert(noexcept(sem.release()));
  const permit held = sem.acquire_blocking(afflux::throws);
  EXPECT_TRUE(held);
  const auto code_of = [](auto&& call) {
    try {
      static_cast<void>(call());
    } catch (const afflux::error& e) {
      return e.code();
    }
    return status::ok;
  };
  EXPECT_EQ(code_of([&] { return sem.acquire_blocking(afflux::throws, 9); }), status::too_big);
  EXPECT_EQ(code_of([&] { return sem.acquire_blocking_for(afflux::throws, 1ms); }),
            status::timed_out);
  EXPECT_EQ(code_of([&] {
              return sem.acquire_blocking_until(afflux::throws,
                                                std::chrono::steady_clock::now() + 1ms);
            }),
            status::timed_out);
  sem.close();
  EXPECT_EQ(code_of([&] { return sem.acquire_blocking(afflux::throws); }), status::closed);
}

TEST(CppStatus, MirrorsTheCNumbers) {
  EXPECT_EQ(static_cast<std::int32_t>(status::ok), AFFLUX_OK);
  EXPECT_EQ(static_cast<std::int32_t>(status::os_error), AFFLUX_EOS);
  EXPECT_EQ(static_cast<std::int32_t>(status::too_big), AFFLUX_E2BIG);
  for (std::int32_t s = AFFLUX_E2BIG; s <= AFFLUX_PENDING; ++s) {
    EXPECT_STREQ(to_string(static_cast<status>(s)), afflux_strerror(s));
  }
}

// ---------------------------------------------------------------------------------------------
// Time
// ---------------------------------------------------------------------------------------------

TEST(CppTime, RoundsUpToNanoseconds) {
  using afflux::detail::ceil_ns;
  using third = std::chrono::duration<int, std::ratio<1, 3>>;
  using picoseconds = std::chrono::duration<std::int64_t, std::pico>;
  static_assert(ceil_ns(7ns) == 7);
  static_assert(ceil_ns(7ms) == 7'000'000);
  static_assert(ceil_ns(picoseconds(1)) == 1);
  static_assert(ceil_ns(picoseconds(1000)) == 1);
  static_assert(ceil_ns(picoseconds(1001)) == 2);
  static_assert(ceil_ns(third(1)) == 333'333'334);
  EXPECT_EQ(ceil_ns(std::chrono::duration<double, std::nano>(0.25)), 1);
  EXPECT_EQ(ceil_ns(std::chrono::duration<double, std::nano>(2.0)), 2);
  EXPECT_EQ(ceil_ns(std::chrono::duration<std::uint8_t>(200)), 200'000'000'000);
}

TEST(CppTime, IsNeverNegative) {
  using afflux::detail::ceil_ns;
  static_assert(ceil_ns(0ns) == 0);
  static_assert(ceil_ns(-1ns) == 0);
  static_assert(ceil_ns(std::chrono::nanoseconds::min()) == 0);
  static_assert(ceil_ns(std::chrono::hours::min()) == 0);
  EXPECT_EQ(ceil_ns(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())), 0);
}

TEST(CppTime, Saturates) {
  using afflux::detail::ceil_ns;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  static_assert(ceil_ns(std::chrono::hours::max()) == kMost);
  static_assert(ceil_ns(std::chrono::nanoseconds::max()) == kMost);
  static_assert(ceil_ns(std::chrono::duration<std::uint64_t>::max()) == kMost);
  EXPECT_EQ(ceil_ns(std::chrono::duration<double>(std::numeric_limits<double>::infinity())), kMost);
}

TEST(CppTime, DistancesNeitherOverflowNorTurnNegative) {
  using afflux::detail::remaining_ns;
  using clock = std::chrono::steady_clock;
  using hours_point = std::chrono::time_point<clock, std::chrono::hours>;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr clock::time_point kNow(1h);
  static_assert(remaining_ns(kNow + 5ns, kNow) == 5);
  static_assert(remaining_ns(kNow, kNow) == 0);
  static_assert(remaining_ns(kNow - 5ns, kNow) == 0);
  static_assert(remaining_ns(clock::time_point::max(), kNow) == kMost);
  static_assert(remaining_ns(clock::time_point::min(), kNow) == 0);
  static_assert(remaining_ns(hours_point::max(), kNow) == kMost);
  static_assert(remaining_ns(hours_point::min(), kNow) == 0);
  static_assert(remaining_ns(late_clock::time_point::max(), late_clock::time_point(-5ns)) == kMost);
}

// ---------------------------------------------------------------------------------------------
// The inline fast path
// ---------------------------------------------------------------------------------------------

// A word with neither flags nor opaque bits.
std::uint64_t available(std::int64_t n) { return static_cast<std::uint64_t>(n) << 20; }

// A block of no semaphore.
struct lone_block : afflux_fastpath {
  lone_block(std::uint32_t of_layout, std::uint64_t with_word, std::uint64_t with_limit)
      : afflux_fastpath{of_layout, 0, with_word, with_limit, 0, 0, ~std::uint64_t{0}} {}

  bool acquire(std::uint64_t n) { return afflux::detail::fast_acquire({nullptr, this}, n); }
  bool release(std::uint64_t n) { return afflux::detail::fast_release({nullptr, this}, n); }
};

TEST(CppFastPath, LeavesTheOpaqueBitsAsItFoundThem) {
  constexpr std::uint64_t kOpaque = 0xffc00;
  for (const std::uint64_t opaque : {std::uint64_t{0xa5400}, std::uint64_t{0x5a800}, kOpaque}) {
    lone_block block(2, available(4) | opaque, 4);
    ASSERT_TRUE(block.acquire(3));
    EXPECT_EQ(block.word, available(1) | opaque);
    ASSERT_TRUE(block.release(2));
    EXPECT_EQ(block.word, available(3) | opaque);
  }
}

TEST(CppFastPath, CountsInTheWordAndNowAndThenBesideIt) {
  constexpr std::uint64_t kTag = 0xf << 10;
  lone_block block(3, available(1000) | kTag, 1000);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    ASSERT_TRUE(block.acquire(1));
    ASSERT_EQ(block.word & 0x3fff, kTag);
    ASSERT_EQ(block.word >> 20, 1000 - i);
    ASSERT_EQ(block.taken + (block.word >> 14 & 0x3f), i);
  }
  EXPECT_EQ(block.taken, 3u * 33u);
  EXPECT_EQ(block.beyond, 0u);
  ASSERT_TRUE(block.acquire(5));
  EXPECT_EQ(block.beyond, 4u);
  const std::uint64_t before = block.word;
  ASSERT_TRUE(block.release(105));
  EXPECT_EQ(block.word, before + (std::uint64_t{105} << 20));
}

TEST(CppFastPath, MakesTheCallOnAnyFlag) {
  for (std::uint64_t flag = 1; flag < 0x400; flag <<= 1) {
    const std::uint64_t word = available(2) | flag;
    lone_block block(2, word, 4);
    EXPECT_FALSE(block.acquire(1));
    EXPECT_FALSE(block.release(1));
    EXPECT_EQ(block.word, word);
  }
}

TEST(CppFastPath, NeverGoesOutOfRange) {
  lone_block block(2, available(2), 4);
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{1} << 42,
                                ~std::uint64_t{0}, ~std::uint64_t{0} - 1}) {
    EXPECT_FALSE(block.acquire(n)) << n;
    EXPECT_FALSE(block.release(n)) << n;
  }
  EXPECT_EQ(block.word, available(2));
  block = lone_block(2, available(-1), 1);  // in debt: two are held
  EXPECT_FALSE(block.acquire(1));
  EXPECT_FALSE(block.release(3));
  EXPECT_TRUE(block.release(2));
  EXPECT_EQ(block.word, available(1));
  EXPECT_FALSE(block.release(1));
}

TEST(CppFastPath, TakesTheWholeRange) {
  constexpr std::int64_t kMost = (std::int64_t{1} << 42) - 1;
  constexpr auto kAll = static_cast<std::uint64_t>(kMost);
  lone_block block(2, available(kMost), kAll);
  EXPECT_TRUE(block.acquire(kAll));
  EXPECT_EQ(block.word, available(0));
  EXPECT_TRUE(block.release(kAll));
  EXPECT_EQ(block.word, available(kMost));
  block = lone_block(2, available(-kMost), 0);  // shrunk to nothing while all were held
  EXPECT_TRUE(block.release(kAll));
  EXPECT_EQ(block.word, available(0));
}

TEST(CppFastPath, IsUsedWithStatisticsAndWithout) {
  for (const auto level : {statistics_level::off, statistics_level::counters}) {
    options o;
    o.statistics = level;
    const semaphore sem(o);
    const auto target = afflux::detail::target::of(sem.handle());
    EXPECT_EQ(target.sem, sem.handle());
    EXPECT_EQ(target.fast, afflux_sem_fastpath(sem.handle()));
    EXPECT_TRUE(afflux::detail::fast_acquire(target, 1));
    EXPECT_EQ(sem.held(), 1u);
    EXPECT_TRUE(afflux::detail::fast_release(target, 1));
    EXPECT_EQ(sem.held(), 0u);
  }
}

// A later library's block, or one of an older library that counts in its calls alone.
TEST(CppFastPath, IsNotUsedWhereTheLayoutIsAnother) {
  using afflux::detail::is_known;
  lone_block block(2, 0, 0);
  EXPECT_TRUE(is_known(&block));
  block.reserved = AFFLUX_FASTPATH_COUNTED;
  EXPECT_FALSE(is_known(&block));
  block.layout = 3;
  EXPECT_TRUE(is_known(&block));
  for (const std::uint32_t other : {0u, 1u, 4u}) {
    block.layout = other;
    EXPECT_FALSE(is_known(&block)) << other;
  }
  EXPECT_FALSE(is_known(nullptr));
}

TEST(CppFastPath, WithoutABlockMakesTheCall) {
  const afflux::detail::target none{};
  EXPECT_FALSE(afflux::detail::fast_acquire(none, 1));
  EXPECT_FALSE(afflux::detail::fast_release(none, 1));
}

// ---- shedding

TEST(CppSemaphoreShedding, HasThePublishedTimesByDefault) {
  const afflux::shedding published;
  EXPECT_EQ(published.target, 5ms);
  EXPECT_EQ(published.interval, 100ms);
  const auto c = static_cast<::afflux_sem_options>(options{.shed = published});
  EXPECT_EQ(c.shed_target_ns, AFFLUX_SHED_TARGET_NS);
  EXPECT_EQ(c.shed_interval_ns, AFFLUX_SHED_INTERVAL_NS);
  EXPECT_EQ(c.adaptive_lifo, 0u);
  const auto none = static_cast<::afflux_sem_options>(options{});
  EXPECT_EQ(none.shed_target_ns, 0);
  EXPECT_EQ(none.shed_interval_ns, 0);
}

TEST(CppSemaphoreShedding, TimesThatSayNothingAreRefused) {
  for (const afflux::shedding bad : {afflux::shedding{.target = 0ns},
                                     {.target = -1ns},
                                     {.target = 2s, .interval = 1s},
                                     {.interval = -1ns}}) {
    EXPECT_THROW(semaphore(options{.shed = bad}), afflux::error) << bad.target.count();
  }
  EXPECT_NO_THROW(semaphore(options{.shed = afflux::shedding{.adaptive_lifo = true}}));
}

TEST(CppSemaphoreShedding, WhoHasWaitedTooLongIsRejected) {
  semaphore sem(options{.shed = afflux::shedding{.target = 1us, .interval = 1us}});
  ASSERT_EQ(sem.try_acquire_raw(), status::ok);
  status ended = status::ok;
  std::thread other(
      [&] { ended = static_cast<status>(afflux_sem_acquire(sem.handle(), 1, AFFLUX_FOREVER)); });
  while (sem.stats().queued == 0) std::this_thread::yield();
  const auto until = std::chrono::steady_clock::now() + 10us;
  while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_EQ(sem.release(), status::ok);
  other.join();
  EXPECT_EQ(ended, status::rejected);
  EXPECT_EQ(sem.stats().shed, 1u);
}

}  // namespace
