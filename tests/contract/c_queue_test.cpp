// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The waiter queue. Every status that its calls document, provoked. Where:
//
//   queue_create     OK                     all
//                    EINVAL ENOTSUP         QueueStatus.Create…, QueueCreate.*
//                    ENOMEM                 c_wait_fault_test
//   queue_ref, _unref, waiters    NULL      QueueStatus.TheRest…
//   add_waiter_if    OK PENDING EAGAIN      QueueStatus.AddAnswers…
//                    EINVAL ENOTSUP         QueueStatus.AddRefuses…
//                    EOS ENOMEM             c_wait_fault_test
//   its completion   OK ETIMEDOUT ECLOSED   Queue.*
//   wake_one         OK EAGAIN              Queue.WakeOne…
//   wake_n, _all     OK                     Queue.WakeN…
//                    EINVAL                 QueueStatus.TheRest…
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <thread>
#include <vector>

#include "support/per_queue.h"
#include "support/recorder.h"

namespace afflux_test {
namespace {

constexpr std::int64_t kHour = 3600 * 1000 * kMillisecond;
constexpr std::size_t kMany = 3000;

class QueueStatus : public per_queue {};
class Queue : public per_queue {};

// A condition that counts how often it is asked, and on which thread.
struct question {
  std::function<bool()> holds;
  int asked = 0;
  std::thread::id on{};

  static std::int32_t ask(void* ctx) {
    auto* const self = static_cast<question*>(ctx);
    ++self->asked;
    self->on = std::this_thread::get_id();
    return self->holds() ? -1 : 0;  // "else yes": any other number than 0
  }
};

afflux_status start_unless(afflux_queue* queue, question& q, pending& p) {
  return start(queue, p, question::ask, &q);
}

// ---- statuses

TEST(QueueCreate, AnswersForEveryStrategyByName) {
  for (const std::uint32_t strategy : {0u, 1u, 2u, 3u, 4u}) {
    afflux_queue* queue = nullptr;
    EXPECT_EQ(afflux_queue_create(strategy, &queue),
              built_in(strategy) ? AFFLUX_OK : AFFLUX_ENOTSUP);
    EXPECT_EQ(queue != nullptr, built_in(strategy));
    afflux_queue_unref(queue);
  }
}

TEST_P(QueueStatus, CreateRefusesNullAndEnumeratorsAndWritesNothing) {
  afflux_queue* const untouched = reinterpret_cast<afflux_queue*>(this);
  afflux_queue* queue = untouched;
  EXPECT_EQ(afflux_queue_create(GetParam(), nullptr), AFFLUX_EINVAL);
  for (const std::uint32_t bad : {5u, 256u, 0xffffffffu}) {
    EXPECT_EQ(afflux_queue_create(bad, &queue), AFFLUX_EINVAL) << bad;
  }
  EXPECT_EQ(queue, untouched);
}

TEST_P(QueueStatus, TheRestTakesOrRefusesNullAndZero) {
  const queue_guard queue(GetParam());
  pending p;
  std::uint64_t woken = 77;
  EXPECT_EQ(afflux_queue_ref(nullptr), nullptr);
  afflux_queue_unref(nullptr);
  EXPECT_EQ(start(static_cast<afflux_queue*>(nullptr), p), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_queue_wake_one(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_queue_wake_all(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_queue_wake_n(nullptr, 1, &woken), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_queue_wake_n(queue, 0, &woken), AFFLUX_EINVAL);
  EXPECT_EQ(woken, 77u);
  EXPECT_EQ(afflux_queue_waiters(nullptr), 0u);
}

TEST_P(QueueStatus, AddAnswersOkPendingAndEagainAndAsksOnce) {
  const queue_guard queue(GetParam());
  for (const bool holds : {true, false}) {
    for (const std::int64_t time : {std::int64_t{0}, kHour, std::int64_t{AFFLUX_FOREVER}}) {
      question q{[=] { return holds; }};
      pending p;
      p.request.timeout_ns = time;
      const afflux_status expected = holds ? AFFLUX_OK : time == 0 ? AFFLUX_EAGAIN : AFFLUX_PENDING;
      EXPECT_EQ(start_unless(queue, q, p), expected);
      EXPECT_EQ(q.asked, 1);
      EXPECT_EQ(q.on, std::this_thread::get_id());
      EXPECT_EQ(afflux_queue_waiters(queue), expected == AFFLUX_PENDING ? 1u : 0u);
      EXPECT_EQ(p.cancel(), expected == AFFLUX_PENDING ? AFFLUX_OK : AFFLUX_EALREADY);
      EXPECT_EQ(p.completions(), 0);
      EXPECT_EQ(afflux_queue_wake_one(queue), AFFLUX_EAGAIN);
    }
  }
}

TEST_P(QueueStatus, AddRefusesBadRequestsWithoutAsking) {
  const queue_guard queue(GetParam());
  question q{[] { return true; }};
  pending p;
  const auto add = [&](const afflux_request* r, afflux_waiter* waiter) {
    return afflux_queue_add_waiter_if(queue, question::ask, &q, r, waiter);
  };
  EXPECT_EQ(add(nullptr, &p.waiter), AFFLUX_EINVAL);
  EXPECT_EQ(add(&p.request, nullptr), AFFLUX_EINVAL);
  for_each_bad_wait(p.request, [&](const afflux_request& r, afflux_status expected) {
    EXPECT_EQ(add(&r, &p.waiter), expected);
  });
  EXPECT_EQ(q.asked, 0);
  EXPECT_EQ(p.cancel(), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_queue_waiters(queue), 0u);
  q.holds = [] { return false; };
  for_each_good_size(p.request, [&](const afflux_request& r) {
    EXPECT_EQ(add(&r, &p.waiter), AFFLUX_PENDING);
    EXPECT_EQ(p.cancel(), AFFLUX_OK);
  });
  EXPECT_EQ(p.completions(), 0);
}

// ---- waking

TEST_P(Queue, WakeOneCompletesTheFirstAndAnswersEagainWithNobodyWaiting) {
  const queue_guard queue(GetParam());
  journal book;
  std::deque<pending> waiting;
  std::vector<int> expected;
  EXPECT_EQ(afflux_queue_wake_one(queue), AFFLUX_EAGAIN);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(start(queue, waiting.emplace_back(1, book, i)), AFFLUX_PENDING);
  }
  for (int i = 0; i < 20; ++i) {
    expected.push_back(i);
    EXPECT_EQ(afflux_queue_wake_one(queue), AFFLUX_OK);
    ASSERT_EQ(book.ids(), expected);
    EXPECT_EQ(afflux_queue_waiters(queue), 19u - static_cast<unsigned>(i));
  }
  EXPECT_EQ(afflux_queue_wake_one(queue), AFFLUX_EAGAIN);
  for (pending& p : waiting) EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
}

// A wake that finds no waiter is not remembered: the next one waits.
TEST_P(Queue, AWakeWithNobodyWaitingIsForgotten) {
  const queue_guard queue(GetParam());
  pending p;
  EXPECT_EQ(afflux_queue_wake_all(queue), AFFLUX_OK);
  EXPECT_EQ(start(queue, p), AFFLUX_PENDING);
  EXPECT_EQ(afflux_queue_waiters(queue), 1u);
  EXPECT_EQ(p.cancel(), AFFLUX_OK);
}

TEST_P(Queue, WakeNCountsExactly) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  const queue_guard queue(GetParam());
  std::deque<pending> waiting(kMany);
  std::uint64_t woken = 77;
  EXPECT_EQ(afflux_queue_wake_n(queue, kMost, &woken), AFFLUX_OK);
  EXPECT_EQ(woken, 0u);
  for (pending& p : waiting) ASSERT_EQ(start(queue, p), AFFLUX_PENDING);
  std::uint64_t done = 0;
  for (const std::uint64_t n : {1u, 2u, 63u, 64u, 65u, 1000u}) {
    EXPECT_EQ(afflux_queue_wake_n(queue, n, &woken), AFFLUX_OK);
    EXPECT_EQ(woken, n);
    done += n;
    EXPECT_EQ(afflux_queue_waiters(queue), kMany - done);
    EXPECT_TRUE(waiting[done - 1].completed_once_with(AFFLUX_OK));
    EXPECT_EQ(waiting[done].completions(), 0);
  }
  EXPECT_EQ(afflux_queue_wake_n(queue, 5, nullptr), AFFLUX_OK);
  done += 5;
  EXPECT_EQ(afflux_queue_wake_n(queue, kMost, &woken), AFFLUX_OK);
  EXPECT_EQ(woken, kMany - done);
  EXPECT_EQ(afflux_queue_wake_n(queue, 1, &woken), AFFLUX_OK);
  EXPECT_EQ(woken, 0u);
  for (pending& p : waiting) ASSERT_TRUE(p.completed_once_with(AFFLUX_OK));
}

TEST_P(Queue, AHigherPriorityIsWokenFirst) {
  const queue_guard queue(GetParam());
  journal book;
  std::deque<pending> waiting;
  for (int i = 0; i < 12; ++i) {
    pending& p = waiting.emplace_back(1, book, (3 - i % 4) * 10 + i / 4);
    p.request.priority = static_cast<std::uint32_t>(i % 4);
    ASSERT_EQ(start(queue, p), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_queue_wake_one(queue), AFFLUX_OK);
  EXPECT_EQ(afflux_queue_wake_n(queue, 3, nullptr), AFFLUX_OK);
  EXPECT_EQ(book.ids(), (std::vector<int>{0, 1, 2, 10}));
  EXPECT_EQ(afflux_queue_wake_all(queue), AFFLUX_OK);
  EXPECT_EQ(book.ids(), (std::vector<int>{0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32}));
}

// ---- the question

TEST_P(Queue, TheConditionIsAskedWhenTheRequestHasItsPlace) {
  const queue_guard queue(GetParam());
  pending p;
  question q{[&] {
    EXPECT_EQ(afflux_queue_waiters(queue), 1u);
    return false;
  }};
  EXPECT_EQ(start_unless(queue, q, p), AFFLUX_PENDING);
  EXPECT_EQ(p.cancel(), AFFLUX_OK);
}

// A wake in the very gap between the place in the queue and the answer, by another thread or by
// this one: never lost, and never before the call has made up its mind.
TEST_P(Queue, AWakeBeforeTheAnswerCompletesTheRequest) {
  for (const bool other_thread : {false, true}) {
    const queue_guard queue(GetParam());
    pending p;
    question q{[&] {
      const auto wake = [&] { return afflux_queue_wake_one(queue); };
      EXPECT_EQ(other_thread ? in_thread(wake).join() : wake(), AFFLUX_OK);
      EXPECT_EQ(p.completions(), 0);
      EXPECT_EQ(afflux_queue_waiters(queue), 0u);
      return false;
    }};
    EXPECT_EQ(start_unless(queue, q, p), AFFLUX_PENDING);
    EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
    EXPECT_EQ(p.cancel(), AFFLUX_EALREADY);
    EXPECT_EQ(afflux_queue_waiters(queue), 0u);
  }
}

TEST_P(Queue, AWakeThatMeetsOneThatNeedNotWaitGoesToTheNext) {
  for (const bool other_thread : {false, true}) {
    const queue_guard queue(GetParam());
    pending spared, next, last;
    question q{[&] {
      EXPECT_EQ(start(queue, next), AFFLUX_PENDING);
      EXPECT_EQ(start(queue, last), AFFLUX_PENDING);
      const auto wake = [&] { return afflux_queue_wake_one(queue); };
      EXPECT_EQ(other_thread ? in_thread(wake).join() : wake(), AFFLUX_OK);
      EXPECT_EQ(next.completions(), 0);
      return true;
    }};
    EXPECT_EQ(start_unless(queue, q, spared), AFFLUX_OK);
    EXPECT_EQ(spared.completions(), 0);
    EXPECT_TRUE(next.completed_once_with(AFFLUX_OK));
    EXPECT_EQ(last.completions(), 0);
    EXPECT_EQ(afflux_queue_waiters(queue), 1u);
    EXPECT_EQ(last.cancel(), AFFLUX_OK);
  }
}

// Its time runs out before the answer: it counts only if the request has to wait.
// No wake takes it from its thread while that asks; its time is over as soon as it waits.
TEST_P(Queue, ATimeThatRunsOutBeforeTheAnswer) {
  ASSERT_EQ(afflux_timers_manual(1), AFFLUX_OK);
  for (const bool holds : {false, true}) {
    const queue_guard queue(GetParam());
    pending p;
    p.request.timeout_ns = kMillisecond;
    const std::int64_t before = now_ns();
    question q{[&] {
      await([&] { return afflux_timers_advance(), now_ns() > before + 3 * kMillisecond; });
      EXPECT_EQ(p.completions(), 0);
      EXPECT_EQ(afflux_queue_waiters(queue), 1u);
      return holds;
    }};
    EXPECT_EQ(start_unless(queue, q, p), holds ? AFFLUX_OK : AFFLUX_PENDING);
    if (!holds) {
      await([&] { return afflux_timers_advance(), p.completions() != 0; });
      EXPECT_EQ(p.status(), AFFLUX_ETIMEDOUT);
    }
    EXPECT_EQ(p.completions(), holds ? 0 : 1);
    EXPECT_EQ(afflux_queue_waiters(queue), 0u);
    EXPECT_EQ(afflux_timers_advance(), AFFLUX_FOREVER);
  }
  EXPECT_EQ(afflux_timers_manual(0), AFFLUX_OK);
}

// ---- leaving

TEST_P(Queue, WhoCancelsOrTimesOutSwallowsNoWake) {
  ASSERT_EQ(afflux_timers_manual(1), AFFLUX_OK);
  const queue_guard queue(GetParam());
  pending cancelled, late, last;
  late.request.timeout_ns = kMillisecond;
  const std::int64_t before = now_ns();
  for (pending* p : {&cancelled, &late, &last}) ASSERT_EQ(start(queue, *p), AFFLUX_PENDING);
  EXPECT_EQ(cancelled.cancel(), AFFLUX_OK);
  EXPECT_EQ(cancelled.cancel(), AFFLUX_EALREADY);
  await([&] { return afflux_timers_advance(), late.completions() != 0; });
  EXPECT_TRUE(late.completed_once_with(AFFLUX_ETIMEDOUT));
  EXPECT_GE(late.completed_at - before, kMillisecond);
  EXPECT_EQ(afflux_queue_waiters(queue), 1u);
  EXPECT_EQ(afflux_queue_wake_one(queue), AFFLUX_OK);
  EXPECT_TRUE(last.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(cancelled.completions(), 0);
  EXPECT_EQ(afflux_timers_manual(0), AFFLUX_OK);
}

TEST_P(Queue, TheLastReferenceCompletesAllWithEclosed) {
  queue_guard queue(GetParam());
  afflux_queue* const handle = queue;
  EXPECT_EQ(afflux_queue_ref(handle), handle);
  std::deque<pending> waiting(100);
  waiting[7].request.timeout_ns = kHour;
  for (pending& p : waiting) ASSERT_EQ(start(handle, p), AFFLUX_PENDING);
  afflux_queue_unref(handle);
  EXPECT_EQ(afflux_queue_waiters(handle), 100u);
  afflux_queue_unref(queue.give());
  for (pending& p : waiting) EXPECT_TRUE(p.completed_once_with(AFFLUX_ECLOSED));
}

// ---- within completions

TEST_P(Queue, ACompletionMayQueueAgainWakeAndCancel) {
  const queue_guard queue(GetParam());
  pending first, second, victim, again;
  first.then = [&](afflux_status) {
    EXPECT_EQ(victim.cancel(), AFFLUX_OK);
    EXPECT_EQ(start(queue, again), AFFLUX_PENDING);
    EXPECT_EQ(afflux_queue_wake_one(queue), AFFLUX_OK);
  };
  for (pending* p : {&first, &second, &victim}) ASSERT_EQ(start(queue, *p), AFFLUX_PENDING);
  EXPECT_EQ(afflux_queue_wake_one(queue), AFFLUX_OK);
  EXPECT_TRUE(first.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(second.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(victim.completions() + again.completions(), 0);
  EXPECT_EQ(afflux_queue_wake_n(queue, 9, nullptr), AFFLUX_OK);
  EXPECT_TRUE(again.completed_once_with(AFFLUX_OK));
}

TEST_P(Queue, ACompletionMayDropTheLastReference) {
  queue_guard queue(GetParam());
  pending first, second;
  first.then = [&](afflux_status) { afflux_queue_unref(queue.give()); };
  ASSERT_EQ(start(queue, first), AFFLUX_PENDING);
  ASSERT_EQ(start(queue, second), AFFLUX_PENDING);
  EXPECT_EQ(afflux_queue_wake_one(queue), AFFLUX_OK);
  EXPECT_TRUE(first.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(second.completed_once_with(AFFLUX_ECLOSED));
}

// Also by the completion of the request that the call itself completes, woken before its answer.
TEST_P(Queue, TheCompletionInsideTheCallMayDropTheLastReference) {
  queue_guard queue(GetParam());
  pending p;
  p.then = [&](afflux_status) { afflux_queue_unref(queue.give()); };
  question q{[&] {
    EXPECT_EQ(afflux_queue_wake_all(queue), AFFLUX_OK);
    return false;
  }};
  EXPECT_EQ(start_unless(queue, q, p), AFFLUX_PENDING);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
}

INSTANTIATE_TEST_SUITE_P(Each, QueueStatus, all_queues(), queue_name);
INSTANTIATE_TEST_SUITE_P(Each, Queue, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
