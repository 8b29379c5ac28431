// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the checked types must find: missing order, stale and lost memory. Each
// bug is planted beside the correct version; engine_test.cpp does so for the search.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <set>
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
constexpr auto kAcqRel = std::memory_order_acq_rel;

// ---- happens-before

// `data` is written before the flag is stored and read after it was seen; `touch`
// runs in between, on a third fibre.
template <class Touch>
result message(std::memory_order store, std::memory_order load, Touch touch) {
  return explore({}, [=](explorer& run) {
    atomic<int> flag{0};
    var<int> data = 0;
    run.spawn([&] {
      data = 1;
      flag.store(1, store);
    });
    run.spawn([&flag, &touch] { touch(flag); });
    run.spawn([&] {
      if (flag.load(load) != 0) check(data == 1, "not seen");
    });
    run.join();
  });
}

TEST(Order, OnlyReleaseAndAcquirePublish) {
  const auto nothing = [](atomic<int>&) {};
  const auto good = message(kRelease, kAcquire, nothing);
  EXPECT_TRUE(good.passed() && good.complete) << good;
  EXPECT_TRUE(message(std::memory_order_seq_cst, std::memory_order_seq_cst, nothing).passed());
  EXPECT_TRUE(fails_with(message(kRelaxed, kAcquire, nothing), "data race"));
  EXPECT_TRUE(fails_with(message(kRelease, kRelaxed, nothing), "data race"));
}

TEST(Order, ARelaxedReadModifyWriteContinuesARelease) {
  const auto add = [](atomic<int>& flag) {
    int one = 1;
    flag.compare_exchange_strong(one, 2, kRelaxed, kRelaxed);
  };
  const auto good = message(kRelease, kAcquire, add);
  EXPECT_TRUE(good.passed() && good.complete) << good;
  const auto store = [](atomic<int>& flag) {
    if (flag.load(kRelaxed) == 1) flag.store(2, kRelaxed);
  };
  EXPECT_TRUE(fails_with(message(kRelease, kAcquire, store), "data race"));
}

TEST(Order, WritesRaceWithReads) {
  const auto found = explore({.preemptions = 0}, [](explorer& run) {
    var<int> data = 0;
    run.spawn([&] { (void)data.get(); });
    run.spawn([&] { data = 1; });
    run.join();
  });
  EXPECT_TRUE(fails_with(found, "data race: write of"));
}

TEST(Order, ConstructionMustBePublished) {
  const auto published = [](std::memory_order store) {
    return explore({}, [=](explorer& run) {
      run.allow_leaks();
      struct node {
        atomic<int> word{7};
      };
      atomic<node*> box{nullptr};
      run.spawn([&] { box.store(policy::create<node>(), store); });
      run.spawn([&] {
        if (node* seen = box.load(kAcquire)) check(seen->word.load(kRelaxed) == 7, "not made");
      });
      run.join();
    });
  };
  EXPECT_TRUE(published(kRelease).passed());
  EXPECT_TRUE(fails_with(published(kRelaxed), "just constructed"));
}

// ---- memory

struct counted {
  atomic<int> references{2};
  var<int> data = 0;
};

// `looker`: the fibre that looks after it has dropped its reference; -1: none.
result drop_references(std::memory_order order, int looker) {
  return explore({}, [=](explorer& run) {
    counted* shared = policy::create<counted>();
    for (int i = 0; i < 2; ++i) {
      run.spawn([=] {
        if (i == 0) shared->data = 1;
        if (shared->references.fetch_sub(1, order) == 1) policy::destroy(shared);
        if (i == looker) (void)shared->references.load(kRelaxed);
      });
    }
    run.join();
  });
}

TEST(Memory, UseAfterDestroyIsFound) {
  const auto good = drop_references(kAcqRel, -1);
  EXPECT_TRUE(good.passed() && good.complete) << good;
  EXPECT_TRUE(fails_with(drop_references(kAcqRel, 1), "touched after destroy"));
  // In time in the first schedule that is run, but by chance: nothing orders it.
  const auto early = drop_references(kAcqRel, 0);
  EXPECT_TRUE(fails_with(early, "destroy of"));
  EXPECT_EQ(early.executions, 1u);
  // The last one frees what the other may still be writing to.
  EXPECT_TRUE(fails_with(drop_references(kRelease, -1), "destroy of"));
}

TEST(Memory, LeaksAndBadDestroysAreFound) {
  EXPECT_TRUE(fails_with(explore({}, [](explorer&) { policy::create<counted>(); }), "leak"));
  EXPECT_TRUE(
      explore({.leaks_allowed = true}, [](explorer&) { policy::create<counted>(); }).passed());
  EXPECT_TRUE(fails_with(explore({},
                                 [](explorer&) {
                                   auto* x = policy::create<counted>();
                                   policy::destroy(x);
                                   policy::destroy(x);
                                 }),
                         "destroyed twice"));
}

TEST(Memory, CreateFailsWhenTold) {
  const auto found = explore({}, [](explorer& run) {
    const int n = choose(4);
    run.fail_create(static_cast<std::uint64_t>(n));  // 0: never
    std::array<counted*, 3> made{};
    for (auto& x : made) x = policy::create<counted>();
    for (int i = 0; i < 3; ++i) {
      check((made[static_cast<std::size_t>(i)] == nullptr) == (i + 1 == n), "the wrong one");
    }
    for (auto* x : made) policy::destroy(x);
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
  EXPECT_EQ(found.executions, 4u);
}

// The granter gives a node back; a late look at it is the bug. `ordered`: the
// owner learns of the return by an acquire.
result give_back(bool late_look, bool ordered) {
  struct node {
    atomic<int> word{0};
    var<int> data = 0;
  };
  return explore({}, [=](explorer& run) {
    node x;
    run.label(&x.word, "x.word");
    atomic<bool> gone{false};
    run.spawn([&] {
      x.data = 1;
      policy::returned(&x, sizeof x);
      gone.store(true, kRelease);
      if (late_look) (void)x.word.load(kRelaxed);
    });
    run.spawn([&] {
      policy::wait_for_change(gone, false);
      check(gone.load(ordered ? kAcquire : kRelaxed), "not gone");
      policy::reused(&x, sizeof x);
      x.data = 2;
    });
    run.join();
  });
}

TEST(Memory, UseAfterReturnIsFound) {
  const auto good = give_back(false, true);
  EXPECT_TRUE(good.passed() && good.complete) << good;
  EXPECT_TRUE(fails_with(give_back(true, true), "touched after return: x.word"));
  EXPECT_TRUE(fails_with(give_back(false, false), "data race: reuse of"));
}

TEST(Memory, ConstructionOnTheSameSpotIsReuse) {
  const auto found = explore({}, [](explorer& run) {
    run.spawn([] {
      for (int i = 0; i < 2; ++i) {
        counted waiter;  // at the same address both times
        waiter.data = i;
        policy::returned(&waiter, sizeof waiter);
      }
    });
    run.join();
  });
  EXPECT_TRUE(found.passed()) << found;
}

// ---- the rest of the policy

TEST(Var, StandsForAPlainMember) {
  struct pair {
    int a, b;
  };
  enum class colour { red, green };
  struct list {
    var<list*> next;
    var<int> value = 3;
  };
  list tail;
  list head{&tail, 1};
  EXPECT_EQ(head.next->value, 3);
  EXPECT_TRUE(head.next && !tail.next && head.next == &tail && tail.next == nullptr);
  head.next->value += 2;
  tail.value++;
  EXPECT_TRUE(tail.value == 6 && tail.value > head.value && tail.value - head.value == 5);
  head.next = tail.next;
  EXPECT_TRUE(head.next == nullptr);
  var<colour> c = colour::red;
  c = colour::green;
  EXPECT_TRUE(c == colour::green);
  var<bool> yes = true;
  if (!yes) ADD_FAILURE();
  var<int (*)(int)> function = +[](int n) { return n + 1; };
  EXPECT_EQ(function(1), 2);
  var<pair> both = pair{1, 2};
  EXPECT_EQ(both.get().b, 2);
  static constinit atomic<std::uint64_t> global{5};
  EXPECT_EQ(global.load(kRelaxed), 5u);
}

TEST(Policy, WhatIsOfTheProcessIsNewInEachExecution) {
  const auto found = explore({}, [](explorer& run) {
    static int something;
    check(policy::left_to_helpers().peek() == nullptr, "left over from another execution");
    for (int i = 0; i < 2; ++i) {
      run.spawn([] { policy::left_to_helpers().store(&something, kRelaxed); });
    }
    run.join();
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
}

// An entry that is armed by one fibre, fired by another, taken back by a third.
TEST(Policy, TimersFireOrAreTakenBack) {
  static int fired;
  std::set<int> outcomes;
  const auto found = explore({.preemptions = 2}, [&](explorer& run) {
    fired = 0;
    time::timer_entry<policy> entry;
    run.spawn([&] {
      const int error = policy::start_timers([] {
        return policy::timers().advance(policy::now(), [](auto& due) {
          ++fired;
          policy::timers().conclude(due);
        });
      });
      check(error == 0, "no timers");
      if (policy::timers().arm(entry, policy::now() + 5 * time::kTickNs)) policy::timers_changed();
      policy::timers().disarm_and_wait(entry);
    });
    run.spawn([] { policy::run_timers(3); });
    run.join();
    check(policy::timers().empty(), "still armed");
    outcomes.insert(fired);
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
  EXPECT_EQ(outcomes, (std::set<int>{0, 1}));
  EXPECT_EQ(explore({},
                    [](explorer&) {
                      policy::refuse_timers(11);
                      check(policy::start_timers(nullptr) == 11, "not refused");
                    })
                .failure,
            "");
}

}  // namespace
}  // namespace afflux::model
