// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fibres that stop for ever: at which points, and what becomes of the others.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <set>

#include "engine/checking_policy.h"
#include "engine/fails_with.h"

namespace afflux::model {
namespace {

using policy = checking_policy<>;
template <class T>
using atomic = policy::atomic<T>;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kRelease = std::memory_order_release;

// ---- a stopped fibre

TEST(Stall, StopsOnceAtEachPointOrNever) {
  std::map<int, int> executions;  // by how far the fibre came; 100 more: not stopped
  const auto found = explore({.preemptions = 0}, [&](explorer& run) {
    int done = 0;
    atomic<int> word{0};
    run.spawn([&] {
      for (; done < 4; ++done) word.fetch_add(1, kRelaxed);
    });
    run.may_stall(0);
    run.join();
    check(run.stalled() == (done < 4), "stopped and ended");
    check(word.load(kRelaxed) == done, "went on after it had stopped");
    ++executions[done + (run.stalled() ? 0 : 100)];
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
  EXPECT_EQ(executions, (std::map<int, int>{{0, 1}, {1, 1}, {2, 1}, {3, 1}, {104, 1}}));
}

TEST(Stall, TheOthersGoOnAndAreJoined) {
  std::set<int> stopped;
  const auto found = explore({.preemptions = 2}, [&](explorer& run) {
    atomic<int> ended{0};
    for (int i = 0; i < 3; ++i) {
      run.spawn([&] {
        auto* held = policy::create<atomic<int>>(0);
        held->fetch_add(1, kRelaxed);
        policy::destroy(held);
        ended.fetch_add(1, kRelaxed);
      });
    }
    run.may_stall(0);
    run.may_stall(2);
    run.join();
    check(ended.load(kRelaxed) == (run.stalled() ? 2 : 3), "join() came too early");
    stopped.insert(run.stalled_fibre());
    run.spawn([&] { ended.fetch_add(1, kRelaxed); });  // and no other fibre
    run.join();
    check(ended.load(kRelaxed) == (run.stalled() ? 3 : 4), "it went on in a later join()");
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
  EXPECT_EQ(stopped, (std::set<int>{-1, 0, 2}));
}

void critical_section(explorer& run, bool allowed) {
  policy::mutex mutex;
  int entered = 0;
  for (int i = 0; i < 2; ++i) {
    run.spawn([&] {
      std::lock_guard inside(mutex);
      ++entered;
    });
  }
  run.may_stall(0);
  if (allowed) run.may_wait_for_stalled();
  run.join();
  check(!run.waits_for_stalled(0), "the stopped fibre waits for itself");
  check(!run.waits_for_stalled(1) || run.stalled(), "waits for one that went on");
  check(entered == 2 || run.stalled(), "not entered");
}
void must_not_wait(explorer& run) { critical_section(run, false); }
void may_wait(explorer& run) { critical_section(run, true); }

TEST(Stall, WhoWaitsForAStoppedFibreIsFound) {
  const auto found = explore({}, must_not_wait);
  ASSERT_TRUE(fails_with(found, "waits for a stopped fibre: fibre 1 in lock"));
  EXPECT_EQ(replay({}, found.choices, must_not_wait).trace, found.trace);

  const auto good = explore({}, may_wait);
  EXPECT_TRUE(good.passed() && good.complete) << good;
  // A real deadlock keeps its name.
  EXPECT_TRUE(fails_with(explore({},
                                 [](explorer& run) {
                                   atomic<int> word{0};
                                   run.spawn([&] { policy::wait_for_change(word, 0); });
                                   run.may_stall(0);
                                   run.may_wait_for_stalled();
                                   run.join();
                                 }),
                         "deadlock"));
}

TEST(Stall, AStoppedFibreIsNotWoken) {
  std::set<bool> outcomes;
  const auto found = explore({}, [&](explorer& run) {
    atomic<std::uint32_t> word{0};
    bool woken = false;
    run.spawn([&] {
      policy::park(word, 0, kForever);
      (void)word.load(kRelaxed);
      woken = true;
    });
    run.spawn([&] {
      word.store(1, kRelaxed);
      policy::unpark(&word);
    });
    run.may_stall(0);
    run.join();
    check(woken != run.stalled(), "woken and stopped");
    outcomes.insert(woken);
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
  EXPECT_EQ(outcomes.size(), 2u);
}

TEST(Stall, RandomModeStopsToo) {
  const options wanted{.random_executions = 1'000, .seed = 3};
  int stopped = 0;
  const auto good = explore(wanted, [&](explorer& run) {
    may_wait(run);
    if (run.stalled()) ++stopped;
  });
  EXPECT_TRUE(good.passed()) << good;
  EXPECT_GT(stopped, 50);
  EXPECT_LT(stopped, 950);
  const auto found = explore(wanted, must_not_wait);
  ASSERT_TRUE(fails_with(found, "waits for a stopped fibre"));
  EXPECT_EQ(replay(wanted, found.choices, must_not_wait).trace, found.trace);
}

// Stores that a stopped fibre has made still drain: the machine does not stop.
TEST(Stall, ItsStoresDrain) {
  const auto found = explore({.store_buffers = 2}, [](explorer& run) {
    atomic<int> word{0};
    atomic<int> more{0};
    bool stored = false;
    run.spawn([&] {
      word.store(1, kRelease);
      stored = true;
      more.store(1, kRelease);
    });
    run.spawn([&] {
      if (!stored) return;
      policy::wait_for_change(word, 0);
    });
    run.may_stall(0);
    run.join();
    check(word.load(kRelaxed) == (stored ? 1 : 0), "its store was lost");
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
}

}  // namespace
}  // namespace afflux::model
