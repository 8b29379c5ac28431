// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a scenario asks for by name: memory that is handed out again, sleep on half a
// word, a helper.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <set>

#include "engine/checking_policy.h"
#include "engine/fails_with.h"

namespace afflux::model {
namespace {

using policy = checking_policy<>;
template <class T>
using atomic = policy::atomic<T>;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kAcqRel = std::memory_order_acq_rel;

// ---- memory that is handed out again

struct node {
  atomic<int> word;
  explicit node(int value) : word(value) {}
};
struct larger {
  atomic<int> words[2];
};

TEST(ReusedMemory, TheSameSizeGetsTheSameAddress) {
  const auto same_address = [](explorer& run, bool asks) {
    if (asks) run.reuse_memory();
    node* first = policy::create<node>(1);
    node* second = policy::create<node>(2);
    policy::destroy(first);
    policy::destroy(second);
    larger* other = policy::create<larger>();
    check(static_cast<void*>(other) != first && static_cast<void*>(other) != second, "too small");
    node* third = policy::create<node>(3);  // what was destroyed last comes first
    node* fourth = policy::create<node>(4);
    const bool same = third == second && fourth == first;
    check(third->word.load(kRelaxed) == 3 && fourth->word.load(kRelaxed) == 4, "not constructed");
    policy::destroy(third);
    policy::destroy(fourth);
    policy::destroy(other);
    return same;
  };
  const auto one = [&](const options& wanted, bool asks, bool same) {
    const auto found = explore(wanted, [&](explorer& run) {
      check(same_address(run, asks) == same, same ? "not reused" : "reused");
    });
    EXPECT_TRUE(found.passed()) << found;
  };
  one({}, false, false);
  one({}, true, true);
  one({.reuse_memory = true}, false, true);
}

TEST(ReusedMemory, LeaksAndStaleAccessesBeforeTheReuseAreFound) {
  EXPECT_TRUE(fails_with(explore({.reuse_memory = true},
                                 [](explorer&) {
                                   policy::destroy(policy::create<node>(1));
                                   policy::create<node>(2);
                                 }),
                         "leak"));
  EXPECT_TRUE(fails_with(explore({.reuse_memory = true},
                                 [](explorer&) {
                                   node* x = policy::create<node>(1);
                                   policy::destroy(x);
                                   (void)x->word.load(kRelaxed);
                                 }),
                         "touched after destroy"));
}

// A stack pops by a compare-exchange of its top. Fresh nodes never meet; a node at the
// address of a former one is taken for it (ABA). Nodes are only pushed and popped by
// their addresses, so that no access is stale.
void push_and_pop(explorer& run) {
  atomic<node*> top{nullptr};
  node* const old = policy::create<node>(1);
  top.store(old, kRelaxed);
  bool swapped = false;
  run.spawn([&] {
    node* seen = top.load(kAcquire);
    const bool known = seen == old;
    swapped = known && top.compare_exchange_strong(seen, nullptr, kAcqRel);
  });
  bool replaced = false;
  run.spawn([&] {
    node* seen = top.exchange(nullptr, kAcqRel);
    if (seen == nullptr) return;
    policy::destroy(seen);
    top.store(policy::create<node>(2), kRelease);
    replaced = true;
  });
  run.join();
  run.allow_leaks();
  check(!(swapped && replaced && top.peek() == nullptr), "took the new for the old");
}

TEST(ReusedMemory, AnAddressThatComesBackIsFound) {
  const auto fresh = explore({}, push_and_pop);
  EXPECT_TRUE(fresh.passed() && fresh.complete) << fresh;
  EXPECT_TRUE(
      fails_with(explore({.reuse_memory = true}, push_and_pop), "took the new for the old"));
}

// What was done to the former object, and known to who destroyed it, is no race with
// the end of the next one at that address.
TEST(ReusedMemory, TheFormerObjectsAccessesAreForgotten) {
  const auto found = explore({.reuse_memory = true}, [](explorer& run) {
    for (int i = 0; i < 2; ++i) {
      run.spawn([] {
        node* x = policy::create<node>(1);
        x->word.fetch_add(1, kRelaxed);
        policy::destroy(x);
      });
    }
    run.join();
  });
  EXPECT_TRUE(found.passed() && found.complete) << found;
}

// ---- the low half of a word

TEST(ParkOn, SleepsOnTheLowHalf) {
  constexpr std::uint64_t kHigh = std::uint64_t{1} << 32;
  const auto change = [](std::uint64_t by, bool wakes) {
    return explore({}, [=](explorer& run) {
      atomic<std::uint64_t> word{7};
      run.spawn([&] { policy::park_on(word, 7); });
      run.spawn([&word, by, wakes] {
        word.fetch_add(by, kRelease);
        if (wakes) policy::unpark_on(&word);
      });
      run.join();
    });
  };
  const auto good = change(1, true);
  EXPECT_TRUE(good.passed() && good.complete) << good;
  EXPECT_TRUE(fails_with(change(1, false), "deadlock"));
  // Asleep although the word has changed; an early unpark_on() is lost.
  EXPECT_TRUE(fails_with(change(kHigh, true), "deadlock"));
  EXPECT_TRUE(explore({}, [](explorer& run) {
                atomic<std::uint64_t> word{kHigh + 7};
                run.spawn([&] { policy::park_on(word, 2 * kHigh + 8); });
                run.join();
              }).passed());
}

// ---- the helper

struct work {
  atomic<int> left;
  atomic<int> by_helper{0};
};
work* all_work;

bool run_one() {
  if (all_work->left.load(kAcquire) == 0) return false;
  all_work->left.fetch_sub(1, kRelaxed);
  all_work->by_helper.fetch_add(1, kRelaxed);
  return true;
}

result with_helper(int turns, int calls, std::set<int>& refused) {
  return explore({.preemptions = 2}, [&, turns, calls](explorer& run) {
    work all{.left{0}};
    all_work = &all;
    int refusals = 0;
    run.spawn([&, calls] {
      for (int i = 0; i < calls; ++i) {
        all.left.fetch_add(1, kRelease);
        const int error = policy::help(&run_one);
        if (error == 0) continue;
        check(error == EAGAIN, "another error");
        all.left.fetch_sub(1, kRelaxed);
        ++refusals;
      }
    });
    if (turns >= 0) run.spawn([turns] { policy::run_helper(turns); });
    run.join();
    check(all.left.load(kRelaxed) == 0, "something is left undone");
    refused.insert(refusals);
  });
}

TEST(Helper, RunsWhatItIsCalledFor) {
  std::set<int> refused;
  for (const int turns : {2, 5}) {
    const auto found = with_helper(turns, 2, refused);
    EXPECT_TRUE(found.passed() && found.complete) << found;
  }
  EXPECT_EQ(refused, (std::set<int>{0}));
}

TEST(Helper, IsRefusedWithoutAFibreForIt) {
  std::set<int> refused;
  EXPECT_TRUE(with_helper(-1, 2, refused).passed());
  EXPECT_EQ(refused, (std::set<int>{2}));
  EXPECT_EQ(explore({}, [](explorer&) { check(policy::help(&run_one) == EAGAIN, "not refused"); })
                .failure,
            "");
}

TEST(Helper, IsRefusedAfterItsLastTurn) {
  std::set<int> refused;
  EXPECT_TRUE(with_helper(0, 2, refused).passed());
  EXPECT_EQ(refused, (std::set<int>{2}));
}

// No fibre calls: it ends with the others.
TEST(Helper, EndsWithTheOthers) {
  std::set<int> refused;
  const auto found = with_helper(3, 0, refused);
  EXPECT_TRUE(found.passed() && found.complete) << found;
}

struct wider : default_traits {
  static constexpr std::uint32_t kPatience = 3;
};
static_assert(policy::kPatience == 1 && policy::kNotesAtOnce == 1 && policy::kResizeBits == 2);
static_assert(checking_policy<0, wider>::kPatience == 3);

}  // namespace
}  // namespace afflux::model
