// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Groups: bad input, cancel, references, what a completion may do, and races. What any and all
// mean: c_any_all_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "support/group.h"
#include "support/recorder.h"
#include "support/sem_guard.h"
#include "support/states.h"

namespace afflux_test {
namespace {

class Group : public per_variant {};

// ---- bad input

TEST_P(Group, BadInputIsRefusedAndChangesNothing) {
  const sem_guard sem(options(kLimit));
  const event_handle event(false);
  std::vector<std::vector<afflux_wait_item>> bad = {
      {},
      std::vector<afflux_wait_item>(AFFLUX_WAIT_ITEMS_MAX + 1, of(sem)),
      {of(sem), of(static_cast<afflux_sem*>(nullptr))},
      {of(sem), of(static_cast<afflux_event*>(nullptr))},
      {of(sem), of(event), of(sem, 0)},
  };
  afflux_wait_item both = of(sem);
  both.event = event;
  afflux_wait_item two_signals = of(event);
  two_signals.permits = 2;
  bad.push_back({both});
  bad.push_back({two_signals});
  for (const std::uint64_t n : kBadCounts) bad.push_back({of(event), of(sem, n)});
  for (std::vector<afflux_wait_item>& items : bad) {
    SCOPED_TRACE(items.size());
    group g(items);
    std::size_t index = kNoIndex;
    const bool large = !items.empty() && items.back().sem != nullptr &&
                       items.back().event == nullptr && items.back().permits > kLimit;
    const afflux_status refusal = large ? AFFLUX_E2BIG : AFFLUX_EINVAL;
    EXPECT_REFUSED(sem, refusal, g.any());
    EXPECT_REFUSED(sem, refusal, g.all());
    EXPECT_REFUSED(sem, refusal, afflux_acquire_any(items.data(), items.size(), 0, &index));
    EXPECT_REFUSED(sem, refusal, afflux_acquire_all(items.data(), items.size(), 0));
    EXPECT_EQ(index, kNoIndex);
    EXPECT_EQ(g.index, kNoIndex);
    EXPECT_EQ(g.completions(), 0);
    EXPECT_EQ(g.cancel(), AFFLUX_EALREADY);
  }
}

TEST_P(Group, NullAndBadTimesAndRequestsAreRefused) {
  const sem_guard sem(options(kLimit));
  std::size_t index = kNoIndex;
  group g({of(sem)});
  afflux_wait_item* const items = g.items.data();
  EXPECT_EQ(afflux_acquire_any(nullptr, 1, 0, &index), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_acquire_any(items, 1, 0, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_acquire_all(nullptr, 1, 0), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_acquire_any_async(nullptr, items, 1, &g.request, &index), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_acquire_any_async(&g.storage, nullptr, 1, &g.request, &index), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_acquire_any_async(&g.storage, items, 1, nullptr, &index), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_acquire_all_async(nullptr, items, 1, &g.request), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_acquire_all_async(&g.storage, nullptr, 1, &g.request), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_acquire_all_async(&g.storage, items, 1, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_wait_group_cancel(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_wait_group_index(nullptr), 0u);
  for (const std::int64_t time : kBadTimes) {
    EXPECT_EQ(afflux_acquire_any(items, 1, time, &index), AFFLUX_EINVAL);
    EXPECT_EQ(afflux_acquire_all(items, 1, time), AFFLUX_EINVAL);
    g.request.timeout_ns = time;
    EXPECT_EQ(g.any(), AFFLUX_EINVAL);
    EXPECT_EQ(g.all(), AFFLUX_EINVAL);
    g.request.timeout_ns = AFFLUX_FOREVER;
  }
  const auto both_answer = [&g](afflux_status expected, auto change) {
    const afflux_request before = g.request;
    change(g.request);
    EXPECT_EQ(g.any(), expected);
    EXPECT_EQ(g.all(), expected);
    g.request = before;
  };
  both_answer(AFFLUX_EINVAL, [](afflux_request& r) { r.wake = nullptr; });
  both_answer(AFFLUX_EINVAL, [](afflux_request& r) { r.flags = 2; });
  both_answer(AFFLUX_EINVAL, [](afflux_request& r) { r.priority = 4; });
  both_answer(AFFLUX_EINVAL, [](afflux_request& r) { r.reserved = 1; });
  both_answer(AFFLUX_EINVAL, [](afflux_request& r) { r.struct_size = 4; });
  expect_all_free(sem, kLimit);
  EXPECT_EQ(index, kNoIndex);
}

TEST_P(Group, PermitsOfTheRequestAreIgnored) {
  const sem_guard sem(options(2));
  group g({of(sem, 2)});
  g.request.permits = 0;
  EXPECT_EQ(g.any(), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
}

// ---- cancel, references, completions

TEST_P(Group, CancelTakesItBack) {
  const sem_guard a(options(1)), b(options(1));
  hold(b, 1);
  group g({of(b), of(b)});
  EXPECT_EQ(g.cancel(), AFFLUX_EALREADY);  // never used
  ASSERT_EQ(g.any(), AFFLUX_PENDING);
  EXPECT_EQ(g.cancel(), AFFLUX_OK);
  EXPECT_EQ(g.cancel(), AFFLUX_EALREADY);
  group h({of(a), of(b)});
  ASSERT_EQ(h.all(), AFFLUX_PENDING);
  EXPECT_EQ(h.cancel(), AFFLUX_OK);
  EXPECT_EQ(h.cancel(), AFFLUX_EALREADY);
  expect_held({{a, 0}, {b, 1}});
  EXPECT_EQ(afflux_sem_release(b, 1), AFFLUX_OK);
  EXPECT_EQ(g.completions() + h.completions(), 0);
  expect_held({{a, 0}, {b, 0}});
  EXPECT_EQ(g.any(), AFFLUX_OK);  // used again
  EXPECT_EQ(g.cancel(), AFFLUX_EALREADY);
}

TEST_P(Group, CancelLetsThoseBehindItThrough) {
  const sem_guard sem(options(2));
  hold(sem, 1);
  group g({of(sem, 2)});
  ASSERT_EQ(g.any(), AFFLUX_PENDING);
  pending behind;
  const afflux_status started = behind.start(sem);  // THROUGHPUT lets it pass
  EXPECT_EQ(g.cancel(), AFFLUX_OK);
  EXPECT_TRUE(started == AFFLUX_OK || behind.completed_once_with(AFFLUX_OK));
}

TEST_P(Group, KeepsItsSemaphoresAlive) {
  sem_guard a(options(1)), b(options(1));
  hold(a, 1);
  hold(b, 1);
  group g({of(a), of(b)});
  ASSERT_EQ(g.any(), AFFLUX_PENDING);
  afflux_sem_unref(a.give());  // the group has the last one
  EXPECT_EQ(g.completions(), 0);
  EXPECT_EQ(afflux_sem_release(b, 1), AFFLUX_OK);
  EXPECT_TRUE(g.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(g.winner(), 1u);
}

TEST_P(Group, CompletionMayDoAnything) {
  sem_guard a(options(1)), b(options(1));
  hold(a, 1);
  hold(b, 1);
  auto* const g = new group({of(a), of(b)});
  auto* const h = new group({of(a), of(b)});
  afflux_sem* const one = a;
  afflux_sem* const two = b;
  int done = 0;
  g->then = [&](afflux_status status) {
    EXPECT_EQ(status, AFFLUX_OK);
    EXPECT_EQ(g->winner(), 0u);
    EXPECT_EQ(afflux_wait_group_cancel(&g->storage), AFFLUX_EALREADY);
    delete g;
    ++done;
    EXPECT_EQ(afflux_sem_release(two, 1), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_release(one, 1), AFFLUX_OK);
  };
  h->then = [&](afflux_status status) {
    EXPECT_EQ(status, AFFLUX_OK);
    ++done;
    h->items = {of(one)};
    EXPECT_EQ(h->any(), AFFLUX_PENDING);  // the same memory, in its own completion
    EXPECT_EQ(h->cancel(), AFFLUX_OK);
    delete h;
    afflux_sem_unref(a.give());
    afflux_sem_unref(b.give());
  };
  ASSERT_EQ(g->any(), AFFLUX_PENDING);
  ASSERT_EQ(h->all(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(a, 1), AFFLUX_OK);
  EXPECT_EQ(done, 2);
}

// A completion that blocks for a group whose items this very thread has completed.
TEST_P(Group, MayBeWaitedForInACompletion) {
  const sem_guard a(options(1)), b(options(1));
  hold(a, 1);
  hold(b, 1);
  pending first;
  first.then = [&](afflux_status) {
    EXPECT_EQ(afflux_sem_release(a, 1), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_release(b, 1), AFFLUX_OK);
    std::vector<afflux_wait_item> items = {of(a), of(b)};
    EXPECT_EQ(afflux_acquire_all(items.data(), 2, AFFLUX_FOREVER), AFFLUX_OK);
  };
  ASSERT_EQ(first.start(a), AFFLUX_PENDING);
  pending second;
  second.then = [&](afflux_status) { EXPECT_EQ(afflux_sem_release(a, 1), AFFLUX_OK); };
  ASSERT_EQ(second.start(a), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(a, 1), AFFLUX_OK);
  EXPECT_TRUE(first.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(second.completed_once_with(AFFLUX_OK));
  expect_held({{a, 1}, {b, 1}});
}

// As many items as there may be, all of which answer at once, and one that does not.
TEST_P(Group, TakesManyItems) {
  std::vector<afflux_wait_item> items;
  for (int i = 0; i < AFFLUX_WAIT_ITEMS_MAX; ++i) {
    afflux_sem* sem = nullptr;
    const afflux_sem_options one = options(1);
    ASSERT_EQ(afflux_sem_create(&one, &sem), AFFLUX_OK);
    items.push_back(of(sem));
  }
  hold(items[31].sem, 1);
  group g(items);
  ASSERT_EQ(g.all(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(items[31].sem, 1), AFFLUX_OK);
  EXPECT_TRUE(g.completed_once_with(AFFLUX_OK));
  group h(items);
  ASSERT_EQ(h.any(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(items[63].sem, 1), AFFLUX_OK);
  EXPECT_TRUE(h.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(h.winner(), 63u);
  for (const afflux_wait_item& i : items) {
    EXPECT_EQ(afflux_sem_held(i.sem), 1u);
    EXPECT_EQ(afflux_sem_waiters(i.sem), 0u);
    EXPECT_EQ(afflux_sem_release(i.sem, 1), AFFLUX_OK);
    afflux_sem_unref(i.sem);
  }
}

// Winners, losers, cancels and timeouts at once: in the end everything is free.
TEST_P(Group, LosesNoPermitWhateverRaces) {
  constexpr int kRounds = 300;
  const sem_guard a(options(2)), b(options(3));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < kRounds; ++round) {
        group g({of(t % 2 == 0 ? a : b, round % 2 == 0 ? 1u : 2u), of(t % 2 == 0 ? b : a, 2)});
        if (round % 3 == 0) g.request.timeout_ns = 1000;
        const bool all = (round + t) % 2 == 0;
        afflux_status s = all ? g.all() : g.any();
        if (s == AFFLUX_PENDING) {
          std::this_thread::yield();
          s = round % 3 == 1 ? g.cancel() : AFFLUX_EALREADY;
          if (s == AFFLUX_OK) continue;
          await([&g] { return g.completions() == 1; });
          s = g.completed_once_with(AFFLUX_OK) ? AFFLUX_OK : AFFLUX_ETIMEDOUT;
        }
        if (s != AFFLUX_OK) continue;
        for (std::size_t i = 0; i < 2; ++i) {
          if (!all && i != g.winner()) continue;
          EXPECT_EQ(afflux_sem_release(g.items[i].sem, g.items[i].permits), AFFLUX_OK);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect_all_free(a, 2);
  expect_all_free(b, 3);
}

INSTANTIATE_TEST_SUITE_P(Variants, Group, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
