// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What store buffers must show, and what total store order forbids. See
// store_buffer.h.
#include <gtest/gtest.h>

#include <cstdint>
#include <mutex>
#include <set>
#include <utility>

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
constexpr auto kAcqRel = std::memory_order_acq_rel;
constexpr auto kSeqCst = std::memory_order_seq_cst;

constexpr options kBuffered{.store_buffers = 4};

using outcomes = std::set<std::pair<int, int>>;

// x = 1; first = y || y = 1; second = x. `store` writes 1 in the one and the other way.
template <class One, class Other>
outcomes store_buffering(const options& wanted, One one, Other other) {
  outcomes seen;
  const auto found = explore(wanted, [&](explorer& run) {
    atomic<int> x{0};
    atomic<int> y{0};
    int first = -1;
    int second = -1;
    run.spawn([&] { one(x), first = y.load(kSeqCst); });
    run.spawn([&] { other(y), second = x.load(kSeqCst); });
    run.join();
    check(x.load(kRelaxed) == 1 && y.load(kRelaxed) == 1, "a store was lost");
    seen.insert({first, second});
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
  return seen;
}

const auto relaxed_store = [](atomic<int>& word) { word.store(1, kRelaxed); };
const auto release_store = [](atomic<int>& word) { word.store(1, kRelease); };
const auto seq_cst_store = [](atomic<int>& word) { word.store(1, kSeqCst); };
const auto exchange_of_it = [](atomic<int>& word) { word.exchange(1, kRelaxed); };

TEST(StoreBuffers, BothMayMissTheOthersStore) {
  const outcomes ordered{{0, 1}, {1, 0}, {1, 1}};
  outcomes all = ordered;
  all.insert({0, 0});
  EXPECT_EQ(store_buffering({}, relaxed_store, relaxed_store), ordered);
  EXPECT_EQ(store_buffering(kBuffered, relaxed_store, relaxed_store), all);
  EXPECT_EQ(store_buffering(kBuffered, release_store, release_store), all);
  EXPECT_EQ(store_buffering({.store_buffers = 1}, release_store, relaxed_store), all);
  // One late store is enough, without any preemption.
  const outcomes cheapest = store_buffering(
      {.preemptions = 0, .store_buffers = 1, .delayed_stores = 1}, release_store, release_store);
  EXPECT_EQ(cheapest.count({0, 0}), 1u);
  EXPECT_EQ(
      store_buffering({.store_buffers = 1, .delayed_stores = 0}, release_store, release_store),
      ordered);
}

// Two are needed: one alone is not late itself, but may miss the store of the other.
TEST(StoreBuffers, ReadModifyWritesAndSeqCstStoresAreNeverLate) {
  const outcomes ordered{{0, 1}, {1, 0}, {1, 1}};
  EXPECT_EQ(store_buffering(kBuffered, exchange_of_it, exchange_of_it), ordered);
  EXPECT_EQ(store_buffering(kBuffered, seq_cst_store, exchange_of_it), ordered);
  EXPECT_EQ(store_buffering(kBuffered, seq_cst_store, seq_cst_store), ordered);
  EXPECT_EQ(store_buffering(kBuffered, seq_cst_store, release_store).count({0, 0}), 1u);
  EXPECT_EQ(store_buffering(kBuffered, exchange_of_it, release_store).count({0, 0}), 1u);
}

TEST(StoreBuffers, AnythingThatLocksOrCallsTheSystemDrains) {
  const outcomes ordered{{0, 1}, {1, 0}, {1, 1}};
  const auto after = [](auto drains) {
    return [drains](atomic<int>& word) {
      word.store(1, kRelease);
      drains();
    };
  };
  const auto lock = after([] {
    policy::mutex own;
    std::lock_guard held(own);
  });
  const auto wake = after([] { policy::unpark(nullptr); });
  const auto add = after([] {
    atomic<int> own{0};
    own.fetch_add(1, kRelaxed);
  });
  const auto failing_cas = after([] {
    atomic<int> own{0};
    int one = 1;
    own.compare_exchange_strong(one, 2, kRelaxed);
  });
  const auto park = after([] {
    atomic<std::uint32_t> own{0};
    policy::park(own, 1, kForever);
  });
  EXPECT_EQ(store_buffering(kBuffered, lock, wake), ordered);
  EXPECT_EQ(store_buffering(kBuffered, add, failing_cas), ordered);
  EXPECT_EQ(store_buffering(kBuffered, park, park), ordered);
}

// ---- litmus tests, by their usual names

TEST(StoreBuffers, StoresOfOneFibreStayInOrder) {
  const auto found = explore({.store_buffers = 4, .delayed_stores = 4}, [](explorer& run) {
    atomic<int> data{0};
    atomic<int> flag{0};
    run.spawn([&] {
      data.store(1, kRelaxed);
      data.store(2, kRelaxed);
      flag.store(1, kRelaxed);
    });
    run.spawn([&] {
      const int seen = flag.load(kRelaxed);
      const int then = data.load(kRelaxed);
      check(seen == 0 || then == 2, "the flag overtook the data");
      check(data.load(kRelaxed) >= then, "a store was undone");
    });
    run.join();
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
}

TEST(StoreBuffers, AFibreReadsItsOwnStores) {
  std::set<int> others;
  const auto found = explore(kBuffered, [&](explorer& run) {
    atomic<int> word{0};
    atomic<int> done{0};
    int seen = -1;
    run.spawn([&] {
      for (int i = 1; i <= 6; ++i) {  // more than the buffer holds
        word.store(i, kRelaxed);
        check(word.load(kRelaxed) == i, "not its own store");
      }
      check(word.fetch_add(1, kRelaxed) == 6, "not its own store");
      check(word.load(kRelaxed) == 7, "not its own update");
    });
    run.spawn([&] { seen = word.load(kRelaxed); });
    run.join();
    others.insert(seen);
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
  EXPECT_EQ(others, (std::set<int>{0, 1, 2, 3, 4, 5, 6, 7}));
}

// Of Owens, Sarkar and Sewell, n6: the one reads its own x = 1, misses y = 2, and its
// x = 1 still comes after the x = 2 that the other made behind y = 2.
result n6(const options& wanted) {
  return explore(wanted, [](explorer& run) {
    atomic<int> x{0};
    atomic<int> y{0};
    int own = -1;
    int other = -1;
    run.spawn([&] {
      x.store(1, kRelaxed);
      own = x.load(kRelaxed);
      other = y.load(kRelaxed);
    });
    run.spawn([&] {
      y.store(2, kRelaxed);
      x.store(2, kRelaxed);
    });
    run.join();
    check(!(own == 1 && other == 0 && x.load(kRelaxed) == 1), "n6");
  });
}

TEST(StoreBuffers, TheLaterOfTwoStoresMayDrainFirst) {
  EXPECT_TRUE(n6({}).passed());
  EXPECT_TRUE(fails_with(n6(kBuffered), "n6"));
}

// ---- what it was made for

// A notify that leaves the flag alone when it finds it set, against a waiter that takes
// the flag and looks for data before it sleeps.
void notify_and_wait(explorer& run, bool always_exchanges) {
  atomic<int> data{0};
  atomic<int> set{1};
  run.label(&data, "data");
  run.label(&set, "set");
  run.spawn([&, always_exchanges] {
    data.store(1, kRelaxed);
    if (always_exchanges || set.load(kAcquire) == 0) set.exchange(1, kAcqRel);
  });
  bool sleeps = false;
  run.spawn([&] {
    set.exchange(0, kAcqRel);
    if (data.load(kRelaxed) != 0) return;
    sleeps = set.load(kAcquire) == 0;
  });
  run.join();
  check(!sleeps || set.load(kRelaxed) == 1, "lost wakeup");
}
void notify_loads(explorer& run) { notify_and_wait(run, false); }
void notify_exchanges(explorer& run) { notify_and_wait(run, true); }

TEST(StoreBuffers, ANotifyThatOnlyLoadsLosesAWakeup) {
  EXPECT_TRUE(explore({}, notify_loads).passed());
  const auto good = explore(kBuffered, notify_exchanges);
  EXPECT_TRUE(good.passed() && good.complete) << good;

  const auto found = explore(kBuffered, notify_loads);
  ASSERT_TRUE(fails_with(found, "lost wakeup"));
  const auto again = replay(kBuffered, found.choices, notify_loads);
  EXPECT_EQ(again.failure, found.failure);
  EXPECT_EQ(again.trace, found.trace);

  options randomly = kBuffered;
  randomly.random_executions = 10'000;
  const auto by_chance = explore(randomly, notify_loads);
  ASSERT_TRUE(fails_with(by_chance, "lost wakeup"));
  EXPECT_EQ(replay(kBuffered, by_chance.choices, notify_loads).trace, by_chance.trace);
}

// ---- what surrounds the values

result late_message(std::memory_order store) {
  return explore(kBuffered, [=](explorer& run) {
    atomic<int> flag{0};
    var<int> data = 0;
    run.spawn([&, store] {
      data = 1;
      flag.store(1, store);
      (void)flag.load(kRelaxed);
    });
    run.spawn([&] {
      if (flag.load(kAcquire) != 0) check(data == 1, "not seen");
    });
    run.join();
  });
}

TEST(StoreBuffers, AReleaseIsPublishedWithItsValue) {
  const auto good = late_message(kRelease);
  EXPECT_TRUE(good.passed() && good.complete) << good;
  EXPECT_TRUE(fails_with(late_message(kRelaxed), "data race"));
  // To look past the store is to learn nothing from it.
  const auto found = explore(kBuffered, [](explorer& run) {
    atomic<int> flag{0};
    var<int> data = 0;
    run.spawn([&] {
      data = 1;
      flag.store(1, kRelease);
    });
    run.spawn([&] {
      (void)flag.load(kAcquire);
      if (flag.peek() == 1) (void)data.get();
    });
    run.join();
  });
  EXPECT_TRUE(fails_with(found, "data race"));
}

TEST(StoreBuffers, WaitsSeeStoresThatAreLate) {
  const auto found = explore(kBuffered, [](explorer& run) {
    atomic<int> go{0};
    atomic<int> gone{0};
    atomic<std::uint32_t> word{0};
    run.spawn([&] {
      go.store(1, kRelease);  // nothing but time drains this
      policy::wait_for_change(gone, 0);
      word.store(1, kRelease);
      policy::unpark(&word);
    });
    run.spawn([&] {
      policy::wait_for_change(go, 0);
      check(go.load(kAcquire) == 1, "passed too early");
      gone.store(1, kRelease);
      while (word.load(kAcquire) == 0) policy::park(word, 0, kForever);
    });
    run.join();
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
}

// The kernel compares before the store is there; a waker that has drained wakes.
TEST(StoreBuffers, AParkMissesAStoreThatNoSystemCallFollows) {
  const auto sleeper = [](bool wakes) {
    return explore(kBuffered, [=](explorer& run) {
      atomic<std::uint32_t> word{0};
      atomic<int> asleep{0};
      run.spawn([&, wakes] {
        word.store(1, kRelease);
        // No sleeper seen, so none to wake: the bug, without a read-modify-write.
        if (wakes || asleep.load(kAcquire) == 1) policy::unpark(&word);
      });
      run.spawn([&] {
        asleep.exchange(1, kAcqRel);
        while (word.load(kAcquire) == 0) policy::park(word, 0, kForever);
      });
      run.join();
    });
  };
  const auto good = sleeper(true);
  EXPECT_TRUE(good.passed() && good.complete) << good;
  EXPECT_TRUE(fails_with(sleeper(false), "deadlock"));
}

TEST(StoreBuffers, WhatIsMadeAnewHasNoOldStores) {
  const auto found = explore(kBuffered, [](explorer& run) {
    for (int i = 0; i < 2; ++i) {
      run.spawn([] {
        for (int k = 0; k < 2; ++k) {
          atomic<int> word{7};  // at the same address both times
          check(word.load(kRelaxed) == 7, "a store to the former one");
          word.store(8, kRelaxed);
        }
        auto* shared = policy::create<atomic<int>>(1);
        shared->store(2, kRelaxed);
        policy::destroy(shared);
      });
    }
    run.join();
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
}

}  // namespace
}  // namespace afflux::model
