// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The explorer must be able to find things before its silence means anything:
// each kind of bug is planted here in a few lines, beside the correct version.
#include <gtest/gtest.h>

#include <cstdint>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

#include "engine/checking_policy.h"
#include "engine/fails_with.h"

namespace afflux::model {
namespace {

using policy = checking_policy<>;
template <class T>
using atomic = policy::atomic<T>;
template <class T>
using var = policy::var<T>;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;

constexpr options kUnbounded{.preemptions = 1000, .first_preemptions = 1000};

// ---- the search

std::uint64_t interleavings(int fibres, int operations, const options& wanted) {
  const auto found = explore(wanted, [=](explorer& run) {
    atomic<int> word{0};
    for (int i = 0; i < fibres; ++i) {
      run.spawn([&word, operations] {
        for (int k = 0; k < operations; ++k) word.fetch_add(1, kRelaxed);
      });
    }
    run.join();
    check(word.peek() == fibres * operations, "an increment was lost");
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
  return found.executions;
}

TEST(Explorer, RunsEveryInterleavingOnce) {
  EXPECT_EQ(interleavings(1, 5, kUnbounded), 1u);
  EXPECT_EQ(interleavings(2, 4, kUnbounded), 70u);         // 8! / (4! 4!)
  EXPECT_EQ(interleavings(3, 3, kUnbounded), 1680u);       // 9! / 3!^3
  EXPECT_EQ(interleavings(4, 2, kUnbounded), 2520u);       // 8! / 2!^4
  EXPECT_EQ(interleavings(3, 4, {.preemptions = 0}), 6u);  // the orders of three fibres
  // One preemption of two fibres: either goes first and is cut at one of three places.
  EXPECT_EQ(interleavings(2, 4, {.preemptions = 1}), 2u + 2u * 3u);
}

void racing_increments(explorer& run) {
  atomic<int> word{0};
  run.label(&word, "word");
  for (int i = 0; i < 2; ++i) {
    run.spawn([&] { word.store(word.load(kRelaxed) + 1, kRelaxed); });
  }
  run.join();
  check(word.load(kRelaxed) == 2, "an increment was lost");
}

TEST(Explorer, FindsAndRepeatsAFailure) {
  const auto found = explore({}, racing_increments);
  ASSERT_TRUE(fails_with(found, "an increment was lost"));
  EXPECT_EQ(found.preemptions, 1);
  EXPECT_NE(found.trace.find("word"), std::string::npos) << found.trace;

  const auto again = replay({}, found.choices, racing_increments);
  EXPECT_EQ(again.failure, found.failure);
  EXPECT_EQ(again.trace, found.trace);
  EXPECT_EQ(again.choices, found.choices);
  EXPECT_EQ(again.executions, 1u);
  EXPECT_TRUE(replay({}, "0:0", racing_increments).passed());
  EXPECT_TRUE(fails_with(replay({}, "nonsense", racing_increments), "not a choice string"));
}

// 0 -> 1 -> ... -> 5 by turns: only with three preemptions, the last switch being free.
void five_turns(explorer& run) {
  atomic<int> turn{0};
  const auto pass = [&turn](int from) {
    turn.compare_exchange_strong(from, from + 1, kRelaxed, kRelaxed);
  };
  run.spawn([&] { pass(0), pass(2), pass(4); });
  run.spawn([&] { pass(1), pass(3); });
  run.join();
  check(turn.load(kRelaxed) != 5, "five turns");
}

TEST(Explorer, CountsPreemptions) {
  const auto two = explore({.preemptions = 2}, five_turns);
  EXPECT_TRUE(two.passed() && two.complete) << two;
  const auto three = explore({.preemptions = 3}, five_turns);
  EXPECT_TRUE(fails_with(three, "five turns"));
  EXPECT_EQ(three.preemptions, 3);
}

TEST(Explorer, SaysWhenItIsCapped) {
  options few = kUnbounded;
  few.max_executions = 5;
  const auto found = explore(few, five_turns);
  EXPECT_TRUE(found.passed() && !found.complete) << found;
  EXPECT_EQ(found.executions, 5u);
}

TEST(Explorer, ExploresChoicesForFree) {
  std::multiset<int> seen;
  const auto found = explore({.preemptions = 0}, [&](explorer& run) {
    const int first = choose(3);
    int second = -1;
    run.spawn([&] { second = choose(4); });
    run.join();
    seen.insert(first * 10 + second);
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
  EXPECT_EQ(seen.size(), 12u);
  EXPECT_EQ(std::set<int>(seen.begin(), seen.end()).size(), 12u);
}

TEST(Explorer, RandomModeFindsAndRepeats) {
  const options wanted{.random_executions = 10'000, .seed = 7};
  const auto many = [](explorer& run) {
    atomic<int> turn{0};
    for (int i = 0; i < kMaxFibres; ++i) {
      run.spawn([&turn, i] {
        for (int k = 0; k < 3; ++k) {
          int from = (i + 1) % 4;
          turn.compare_exchange_strong(from, from + 1, kRelaxed, kRelaxed);
        }
      });
    }
    run.join();
    check(turn.load(kRelaxed) != 4, "four turns");
  };
  const auto found = explore(wanted, many);
  ASSERT_TRUE(fails_with(found, "four turns"));
  options again = wanted;
  again.random_executions = 1;
  again.seed = found.seed;
  EXPECT_EQ(explore(again, many).trace, found.trace);
  EXPECT_EQ(replay(wanted, found.choices, many).trace, found.trace);
}

TEST(Explorer, NoticesAScenarioThatDoesNotRepeatItself) {
  int executions = 0;
  const auto found = explore({}, [&](explorer& run) {
    ++executions;
    atomic<int> word{0};
    for (int i = 0; i < 2; ++i) {
      run.spawn([&] {
        for (int k = 0; k < executions; ++k) word.fetch_add(1, kRelaxed);
      });
    }
    run.join();
  });
  EXPECT_TRUE(fails_with(found, "not deterministic") || fails_with(found, "livelock"));
}

TEST(Explorer, FindsALivelock) {
  const auto found = explore({}, [](explorer& run) {
    atomic<bool> go{false};
    run.spawn([&] {
      while (!go.load(kAcquire)) {
      }
    });
    run.spawn([&] { go.store(true, kRelease); });
    run.join();
  });
  EXPECT_TRUE(fails_with(found, "livelock"));
}

TEST(Explorer, CatchesAnExceptionThatLeavesAFibre) {
  const auto found = explore({}, [](explorer& run) {
    run.spawn([] { throw std::runtime_error("lost"); });
    run.join();
  });
  EXPECT_TRUE(fails_with(found, "exception"));
}

TEST(Explorer, JoinsMoreThanOnce) {
  const auto found = explore({}, [](explorer& run) {
    var<int> data = 0;
    run.spawn([&] { data = 1; });
    run.join();
    run.spawn([&] { data += 1; });  // ordered by the join
    run.join();
    check(data == 2, "lost");
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
}

// ---- blocking

result check_then_sleep(bool word_changes) {
  return explore({}, [=](explorer& run) {
    atomic<bool> flag{false};
    atomic<std::uint32_t> word{0};
    run.spawn([&] {
      while (!flag.load(kAcquire)) policy::park(word, 0, kForever);
    });
    run.spawn([&] {
      flag.store(true, kRelease);
      if (word_changes) word.store(1, kRelaxed);
      policy::unpark(&word);
    });
    run.join();
  });
}

TEST(Park, ALostWakeupIsADeadlock) {
  EXPECT_TRUE(fails_with(check_then_sleep(false), "deadlock"));
  const auto good = check_then_sleep(true);
  EXPECT_TRUE(good.passed() && good.complete) << good;
}

TEST(Park, TimesOutOrNotAndMovesTheClock) {
  std::set<bool> outcomes;
  const auto found = explore({}, [&](explorer& run) {
    atomic<std::uint32_t> word{0};
    const std::int64_t deadline = policy::now() + 500;
    bool woken = false;
    run.spawn([&] {
      woken = policy::park(word, 0, deadline);
      check(woken || policy::now() >= deadline, "timed out early");
    });
    run.spawn([&] {
      word.store(1, kRelaxed);
      policy::unpark(&word);
    });
    run.join();
    outcomes.insert(woken);
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
  EXPECT_EQ(outcomes.size(), 2u);
}

TEST(Park, ADeadlineIsNoDeadlock) {
  const auto found = explore({}, [](explorer& run) {
    atomic<std::uint32_t> word{0};
    run.spawn([&] {
      check(!policy::park(word, 0, kClockStart + 10), "woken by nobody");
      check(!policy::park(word, 0, kClockStart + 10), "slept past its deadline");
    });
    run.join();
    check(run.time() == kClockStart + 10, "the clock stands wrong");
  });
  EXPECT_TRUE(found.passed()) << found;
}

TEST(Park, ReturnsWithoutCauseIfAllowed) {
  const auto once = [](explorer& run) {
    atomic<std::uint32_t> word{0};
    run.spawn([&] {
      policy::park(word, 0, kForever);
      check(word.load(kRelaxed) == 1, "woken without cause");
    });
    run.spawn([&] {
      word.store(1, kRelaxed);
      policy::unpark(&word);
    });
    run.join();
  };
  EXPECT_TRUE(explore({}, once).passed());
  EXPECT_TRUE(fails_with(explore({.spurious = 1}, once), "woken without cause"));
}

TEST(WaitForChange, WaitsWithoutSpinning) {
  const auto found = explore({}, [](explorer& run) {
    atomic<bool> flag{false};
    var<int> data = 0;
    run.spawn([&] {
      policy::wait_for_change(flag, false);
      check(flag.load(kAcquire), "passed too early");
      check(data == 1, "not seen");
    });
    run.spawn([&] {
      data = 1;
      flag.store(true, kRelease);
    });
    run.join();
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
  EXPECT_TRUE(fails_with(explore({},
                                 [](explorer& run) {
                                   atomic<int> word{0};
                                   run.spawn([&] { policy::wait_for_change(word, 0); });
                                   run.join();
                                 }),
                         "deadlock"));
}

result two_locks(bool same_order) {
  return explore({}, [=](explorer& run) {
    policy::mutex a;
    policy::mutex b;
    var<int> data = 0;
    const auto work = [&data](policy::mutex& first, policy::mutex& second) {
      std::lock_guard outer(first);
      std::lock_guard inner(second);
      ++data;
    };
    run.spawn([&] { work(a, b); });
    run.spawn([&] { same_order ? work(a, b) : work(b, a); });
    run.join();
    check(data == 2, "not exclusive");
  });
}

TEST(Mutex, OrdersAndDeadlocks) {
  const auto good = two_locks(true);
  EXPECT_TRUE(good.passed() && good.complete) << good;
  EXPECT_TRUE(fails_with(two_locks(false), "deadlock"));
}

TEST(Mutex, UnlockAfterDestroyIsFound) {
  struct guarded {
    policy::mutex mutex;
    atomic<bool> done{false};
  };
  const auto found = explore({}, [](explorer& run) {
    guarded* shared = policy::create<guarded>();
    run.spawn([=] {
      shared->mutex.lock();
      shared->done.store(true, kRelease);
      shared->mutex.unlock();
    });
    run.spawn([=] {
      policy::wait_for_change(shared->done, false);
      if (shared->done.load(kAcquire)) policy::destroy(shared);
    });
    run.join();
  });
  EXPECT_TRUE(fails_with(found, "destroy of"));  // nothing orders it after the unlock
}

}  // namespace
}  // namespace afflux::model
