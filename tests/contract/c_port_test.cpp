// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What completes in a port: order, content, and every way in which a request ends (S3, S4, S12).
// When it rings is c_port_ring_test's; loops that sleep in other threads, c_port_wakeup_test's.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "support/per_queue.h"
#include "support/port.h"
#include "support/recorder.h"

namespace afflux_test {
namespace {

constexpr std::int64_t kHour = 3600 * 1000 * kMillisecond;

class Port : public per_port {};      // over kinds and queues
class PortKind : public per_port {};  // over kinds

TEST_P(Port, CompletesInOrderWithWhatTheRequestSaid) {
  constexpr std::uint64_t kCount = 100;
  const sem_guard sem(options(kCount));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, kCount);
  EXPECT_EQ(afflux_port_pending(port), kCount);
  EXPECT_EQ(port.drain(1).size(), 0u);
  EXPECT_EQ(afflux_port_undrained(port), 0u);
  EXPECT_EQ(afflux_sem_release(sem, 40), AFFLUX_OK);
  EXPECT_EQ(afflux_port_undrained(port), 40u);
  EXPECT_EQ(afflux_sem_release(sem, 60), AFFLUX_OK);
  EXPECT_EQ(afflux_port_pending(port), 0u);
  EXPECT_EQ(afflux_port_undrained(port), kCount);
  const std::vector<afflux_completion> done = port.drain_all();
  EXPECT_EQ(user_data_of(done), numbers_to(kCount));
  EXPECT_TRUE(all_are(done, AFFLUX_OK));
  for (std::size_t i = 0; i < done.size(); ++i) EXPECT_EQ(done[i].ctx, &waiting[i]);
  EXPECT_EQ(afflux_sem_held(sem), kCount);
}

TEST_P(Port, CountsWhatADrainHasLeft) {
  const sem_guard sem(options(4));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, 4);
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  EXPECT_EQ(port.drain(1).size(), 1u);
  EXPECT_EQ(afflux_port_undrained(port), 2u);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_port_undrained(port), 3u);
  EXPECT_EQ(port.drain_all().size(), 3u);
  EXPECT_EQ(afflux_port_undrained(port), 0u);
  EXPECT_EQ(afflux_port_undrained(nullptr), 0u);
}

TEST_P(Port, AnAnswerThatIsNotPendingLeavesNothingThere) {
  afflux_sem_options o = options(1);
  o.overflow = AFFLUX_OVERFLOW_FAIL;
  o.max_waiters = 1;
  const sem_guard sem(o);
  port_guard port(kind());
  ported a(port), never(port), b(port), refused(port), late(port);
  EXPECT_EQ(a.start(sem), AFFLUX_OK);
  never.request.timeout_ns = 0;
  EXPECT_EQ(never.start(sem), AFFLUX_EAGAIN);
  EXPECT_EQ(b.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(refused.start(sem), AFFLUX_EREJECTED);
  EXPECT_EQ(afflux_port_pending(port), 1u);
  EXPECT_EQ(b.cancel(), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(late.start(sem), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_port_pending(port), 0u);
  EXPECT_TRUE(port.drain_all().empty());
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
}

TEST_P(Port, ATimeThatRunsOutCompletesThereAndNeverEarly) {
  const sem_guard sem(options(1));
  port_guard port(kind());
  std::deque<ported> waiting;
  full(sem);
  const std::int64_t begin = now_ns();
  for (const std::uint64_t ms : {30u, 10u, 20u}) {
    ported& p = waiting.emplace_back(port, ms);
    p.request.timeout_ns = static_cast<std::int64_t>(ms) * kMillisecond;
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  }
  std::size_t seen = 0;
  while (seen < 3) {
    for (const afflux_completion& each : port.collect(1)) {
      ++seen;
      EXPECT_EQ(each.status, AFFLUX_ETIMEDOUT);
      EXPECT_GE(now_ns() - begin, static_cast<std::int64_t>(each.user_data) * kMillisecond);
    }
  }
  EXPECT_EQ(afflux_sem_waiters(sem), 0u);
}

TEST_P(Port, AGrantBeforeTheTimeRunsOutIsTheOnlyCompletion) {
  const sem_guard sem(options(1));
  port_guard port(kind());
  ported p(port, 7);
  p.request.timeout_ns = kHour;
  ASSERT_EQ(p.start(full(sem)), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  const std::vector<afflux_completion> done = port.drain_all();
  ASSERT_EQ(user_data_of(done), std::vector<std::uint64_t>{7});
  EXPECT_EQ(done[0].status, AFFLUX_OK);
}

TEST_P(Port, ClosingOrFreeingTheSemaphoreCompletesAll) {
  for (const bool by_unref : {false, true}) {
    port_guard port(kind());
    sem_guard sem(options(1));
    std::deque<ported> waiting;
    queue_up(waiting, full(sem), port, 50);
    if (by_unref) {
      afflux_sem_unref(sem.give());
    } else {
      EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
    }
    const std::vector<afflux_completion> done = port.drain_all();
    EXPECT_EQ(user_data_of(done), numbers_to(50));
    EXPECT_TRUE(all_are(done, AFFLUX_ECLOSED));
    EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
  }
}

TEST_P(Port, TheOldestIsDropped) {
  afflux_sem_options o = options(1);
  o.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
  o.max_waiters = 2;
  const sem_guard sem(o);
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, 4);
  const std::vector<afflux_completion> done = port.drain_all();
  EXPECT_EQ(user_data_of(done), numbers_to(2));
  EXPECT_TRUE(all_are(done, AFFLUX_EREJECTED));
  EXPECT_EQ(afflux_port_pending(port), 2u);
  for (ported& p : waiting) p.cancel();
}

TEST_P(Port, AShrinkMakesARequestImpossible) {
  const sem_guard sem(options(3));
  port_guard port(kind());
  ported three(port, 3, 3), one(port, 1, 1);
  ASSERT_EQ(three.start(full(sem)), AFFLUX_PENDING);
  ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
  const std::vector<afflux_completion> done = port.drain_all();
  ASSERT_EQ(user_data_of(done), std::vector<std::uint64_t>{3});
  EXPECT_EQ(done[0].status, AFFLUX_E2BIG);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);  // one is held still: the debt is paid
  EXPECT_EQ(user_data_of(port.drain_all()), std::vector<std::uint64_t>{1});
}

TEST_P(Port, ACancelTakesARequestBackForGood) {
  const sem_guard sem(options(1));
  port_guard port(kind());
  ported a(port, 0), b(port, 1);
  ASSERT_EQ(a.start(full(sem)), AFFLUX_PENDING);
  ASSERT_EQ(b.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(a.cancel(), AFFLUX_OK);
  EXPECT_EQ(a.cancel(), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_port_pending(port), 1u);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(user_data_of(port.drain_all()), std::vector<std::uint64_t>{1});
  ASSERT_EQ(a.start(sem), AFFLUX_PENDING);  // its memory is free
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(user_data_of(port.drain_all()), std::vector<std::uint64_t>{0});
}

TEST_P(Port, ACancelOfWhatIsReadyComesTooLateAndItIsStillDrained) {
  const sem_guard sem(options(2));
  port_guard port(kind());
  ported a(port, 0), b(port, 1);
  ASSERT_EQ(a.start(full(sem)), AFFLUX_PENDING);
  ASSERT_EQ(b.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_EQ(a.cancel(), AFFLUX_EALREADY);
  EXPECT_EQ(port.drain(1).size(), 1u);
  EXPECT_EQ(b.cancel(), AFFLUX_EALREADY);  // taken out of the list, not yet drained
  EXPECT_EQ(afflux_port_close(port), AFFLUX_EBUSY);
  EXPECT_EQ(user_data_of(port.drain_all()), std::vector<std::uint64_t>{1});
  EXPECT_EQ(a.cancel(), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_sem_held(sem), 2u);  // an OK completion owns its permits
}

// The end that the manual names.
TEST_P(Port, CancelsThenDrainsThenCloses) {
  constexpr std::uint64_t kCount = 20;
  const sem_guard sem(options(kCount));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, kCount);
  EXPECT_EQ(afflux_sem_release(sem, kCount / 2), AFFLUX_OK);
  std::uint64_t canceled = 0;
  for (ported& p : waiting) canceled += p.cancel() == AFFLUX_OK ? 1u : 0u;
  EXPECT_EQ(canceled, kCount / 2);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_EBUSY);
  EXPECT_EQ(port.drain_all().size(), kCount / 2);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_EALREADY);
  ported late(port);
  EXPECT_EQ(late.start(sem), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(late.start(sem), AFFLUX_OK);  // it need not wait
}

TEST_P(Port, AnEventAndAQueueCompleteThere) {
  const event_guard event(false, queue());
  queue_guard line(queue());
  port_guard port(kind());
  ported of_event(port, 1), of_queue(port, 2), holds(port, 3), left(port, 4), during(port, 5);
  ASSERT_EQ(afflux_event_wait_async(event, &of_event.request, &of_event.waiter), AFFLUX_PENDING);
  const auto add = [&](ported& p, afflux_condition_fn condition) {
    return afflux_queue_add_waiter_if(line, condition, line, &p.request, &p.waiter);
  };
  ASSERT_EQ(add(of_queue, nullptr), AFFLUX_PENDING);
  EXPECT_EQ(add(holds, [](void*) { return 1; }), AFFLUX_OK);
  EXPECT_EQ(afflux_port_pending(port), 2u);
  EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
  EXPECT_EQ(afflux_queue_wake_one(line), AFFLUX_OK);
  EXPECT_EQ(user_data_of(port.drain_all()), (std::vector<std::uint64_t>{1, 2}));
  // Woken while it still asks: it waits all the same, and completes at once.
  EXPECT_EQ(add(during,
                [](void* queue) {
                  EXPECT_EQ(afflux_queue_wake_all(static_cast<afflux_queue*>(queue)), AFFLUX_OK);
                  return 0;
                }),
            AFFLUX_PENDING);
  EXPECT_EQ(user_data_of(port.drain_all()), std::vector<std::uint64_t>{5});
  ASSERT_EQ(add(left, nullptr), AFFLUX_PENDING);
  afflux_queue_unref(line.give());
  const std::vector<afflux_completion> done = port.drain_all();
  ASSERT_EQ(user_data_of(done), std::vector<std::uint64_t>{4});
  EXPECT_EQ(done[0].status, AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
}

// One pass completes callbacks, two loops and a thread; to each its own, in its order.
TEST_P(Port, CallbacksThreadsAndSeveralPortsMix) {
  constexpr int kRounds = 40;
  const sem_guard sem(options(4 * kRounds + 1));
  port_guard one(kind()), two(kind());
  std::deque<ported> to_one, to_two, to_one_again;
  std::deque<pending> called;
  journal order;
  full(sem);
  for (int i = 0; i < kRounds; ++i) {
    const auto n = static_cast<std::uint64_t>(i);
    ASSERT_EQ(to_one.emplace_back(one, 2 * n).start(sem), AFFLUX_PENDING);
    ASSERT_EQ(called.emplace_back(1, order, i).start(sem), AFFLUX_PENDING);
    ASSERT_EQ(to_two.emplace_back(two, n).start(sem), AFFLUX_PENDING);
    ASSERT_EQ(to_one_again.emplace_back(one, 2 * n + 1).start(sem), AFFLUX_PENDING);
  }
  blocked thread(sem, 1);
  await_waiters(sem, 4 * kRounds + 1);
  EXPECT_EQ(afflux_sem_release(sem, 4 * kRounds + 1), AFFLUX_OK);
  EXPECT_EQ(thread.join(), AFFLUX_OK);
  EXPECT_EQ(user_data_of(one.drain_all()), numbers_to(2 * kRounds));
  EXPECT_EQ(user_data_of(two.drain_all()), numbers_to(kRounds));
  const std::vector<int> ids = order.ids();
  EXPECT_EQ(ids.size(), static_cast<std::size_t>(kRounds));
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
}

// Chapter 8: what a wake function completes waits for its return only where it calls back.
TEST_P(PortKind, AWakeFunctionsReleaseCompletesThereAtOnceUnlessItCallsBack) {
  const sem_guard outer(options(1)), inner(options(1));
  port_guard port(kind());
  ported p(port);
  ASSERT_EQ(p.start(full(inner)), AFFLUX_PENDING);
  std::size_t within = 99;
  std::uint64_t rings = 99;
  pending w;
  w.then = [&](afflux_status) {
    EXPECT_EQ(afflux_sem_release(inner, 1), AFFLUX_OK);
    rings = port.rings();
    within = port.drain(4).size();
  };
  ASSERT_EQ(w.start(full(outer)), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(outer, 1), AFFLUX_OK);
  const std::size_t calls_back = port.calls_back() ? 1 : 0;
  EXPECT_EQ(within, 1 - calls_back);
  EXPECT_EQ(rings, 1 - calls_back);
  EXPECT_EQ(port.drain_all().size(), calls_back);
}

// The same waiter again and again, each time from the drain before (S4): no stack, no leftovers.
TEST_P(Port, ADrainedWaiterIsFreeForTheNextRequest) {
  constexpr std::uint64_t kTimes = 20000;
  const sem_guard sem(options(1));
  port_guard port(kind());
  ported p(port);
  ASSERT_EQ(p.start(full(sem)), AFFLUX_PENDING);
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 0; i < kTimes; ++i) {
    wrong += afflux_sem_release(sem, 1) == AFFLUX_OK ? 0u : 1u;
    afflux_completion done;
    wrong += afflux_port_drain(port, &done, 1) == 1 && done.user_data == i ? 0u : 1u;
    p.request.user_data = i + 1;
    wrong += p.start(sem) == AFFLUX_PENDING ? 0u : 1u;
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(p.cancel(), AFFLUX_OK);
}

// A doorbell that drains and releases: the next completion rings from within, and still the stack
// stays as it is (S12).
TEST_P(PortKind, ADoorbellThatReleasesDoesNotNest) {
  if (kind() != AFFLUX_PORT_CALLBACK) GTEST_SKIP() << "only CALLBACK runs code";
  constexpr std::uint64_t kLength = 10000;
  const sem_guard sem(options(1));
  port_guard port(kind());
  std::deque<ported> waiting;
  std::uint64_t drained = 0;
  std::uintptr_t deepest = ~std::uintptr_t{0}, highest = 0;
  port.on_ring = [&] {
    // Not a variable's address: ASan's may lie elsewhere.
    const auto at = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    deepest = std::min(deepest, at);
    highest = std::max(highest, at);
    afflux_completion done;
    while (afflux_port_drain(port, &done, 1) == 1) {
      ++drained;
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  };
  queue_up(waiting, full(sem), port, kLength);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(drained, kLength);
  EXPECT_EQ(highest, deepest);
}

// A drain that is too small leaves the handle showing, until nothing is left.
TEST_P(PortKind, SmallDrainsLeaveTheRestShowing) {
  constexpr std::uint64_t kCount = 10;
  const sem_guard sem(options(2 * kCount));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, 2 * kCount);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(afflux_sem_release(sem, kCount), AFFLUX_OK);
    for (std::uint64_t i = 0; i < kCount; ++i) {
      if (port.by_level()) {
        EXPECT_TRUE(port.shows());
      }
      const std::vector<afflux_completion> done = port.drain(1);
      ASSERT_EQ(done.size(), 1u);
      EXPECT_EQ(done[0].user_data, static_cast<std::uint64_t>(round) * kCount + i);
    }
    EXPECT_TRUE(port.drain(1).empty());
    if (port.by_level()) {
      EXPECT_FALSE(port.shows());
    }
  }
}

// "Less than max: that was all", also when what was left of a former drain comes first.
TEST_P(PortKind, ADrainThatIsNotFullWasAll) {
  for (const std::uint32_t flags : {0u, std::uint32_t{AFFLUX_PORT_DRAINS_ALL}}) {
    const sem_guard sem(options(10));
    port_guard port(kind(), flags);
    std::deque<ported> waiting;
    queue_up(waiting, full(sem), port, 10);
    EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
    EXPECT_EQ(port.drain(2).size(), 2u);
    EXPECT_EQ(afflux_sem_release(sem, 7), AFFLUX_OK);
    EXPECT_EQ(user_data_of(port.drain(16)), numbers_to(10, 2));
    EXPECT_TRUE(port.drain(16).empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Port, all_port_variants(), port_variant_name);
INSTANTIATE_TEST_SUITE_P(Each, PortKind, port_kinds(), port_variant_name);

}  // namespace
}  // namespace afflux_test
