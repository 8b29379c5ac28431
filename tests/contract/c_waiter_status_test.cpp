// SPDX-License-Identifier: MIT OR Apache-2.0
//
// afflux_waiter_status() for every kind of request and every end of one. By a note:
// c_note_test.cpp; by an io_uring: c_uring_wait_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <thread>

#include "support/per_queue.h"
#include "support/port.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

class WaiterStatus : public per_variant {};

TEST_P(WaiterStatus, OfOneThatHasNeverQueuedIsEinval) {
  EXPECT_EQ(afflux_waiter_status(nullptr), AFFLUX_EINVAL);
  afflux_waiter waiter{};
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_waiter_cancel(&waiter), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_EINVAL);
  const sem_guard sem(options(1));
  pending at_once, refused;
  EXPECT_EQ(at_once.start(sem), AFFLUX_OK);  // leaves the waiter alone
  EXPECT_EQ(afflux_waiter_status(&at_once.waiter), AFFLUX_EINVAL);
  refused.request.timeout_ns = 0;
  EXPECT_EQ(refused.start(sem), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_waiter_status(&refused.waiter), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  refused.request.timeout_ns = AFFLUX_FOREVER;
  EXPECT_EQ(refused.start(sem), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_waiter_status(&refused.waiter), AFFLUX_EINVAL);
}

// Runs `end(sem)` for a request of 2 permits that waits behind 2 of 2 held: how it ends.
template <class Request, class Tell>
void each_end(const afflux_sem_options& made, Request make, Tell tell) {
  const auto ends_with = [&](afflux_status expected, auto prepare, auto end) {
    SCOPED_TRACE(expected);
    afflux_sem_options o = made;
    std::int64_t timeout = AFFLUX_FOREVER;
    prepare(o, timeout);
    const sem_guard sem(o);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
    auto& p = make();
    p.request.permits = 2;
    p.request.timeout_ns = timeout;
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    if (timeout == AFFLUX_FOREVER) {
      EXPECT_EQ(afflux_waiter_status(&p.waiter), AFFLUX_PENDING);
    }
    pending other;
    end(static_cast<afflux_sem*>(sem), p, other);
    tell(p, expected);
    EXPECT_EQ(afflux_waiter_status(&p.waiter), expected);
    EXPECT_EQ(p.cancel(), AFFLUX_EALREADY);
    EXPECT_EQ(afflux_waiter_status(&p.waiter), expected);  // it may be asked again
    other.cancel();
  };
  const auto nothing = [](afflux_sem_options&, std::int64_t&) {};
  ends_with(AFFLUX_OK, nothing, [](afflux_sem* sem, auto&, pending&) {
    EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  });
  ends_with(AFFLUX_ECANCELED, nothing, [](afflux_sem*, auto& p, pending&) {
    EXPECT_EQ(p.cancel(), AFFLUX_OK);
    EXPECT_EQ(afflux_waiter_status(&p.waiter), AFFLUX_ECANCELED);  // at once
  });
  ends_with(AFFLUX_ECLOSED, nothing,
            [](afflux_sem* sem, auto&, pending&) { EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK); });
  ends_with(AFFLUX_E2BIG, nothing, [](afflux_sem* sem, auto&, pending&) {
    EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
  });
  ends_with(
      AFFLUX_ETIMEDOUT, [](afflux_sem_options&, std::int64_t& timeout) { timeout = kMillisecond; },
      [](afflux_sem*, auto&, pending&) {});
  ends_with(
      AFFLUX_EREJECTED,
      [](afflux_sem_options& o, std::int64_t&) {
        o.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
        o.max_waiters = 1;
      },
      [](afflux_sem* sem, auto&, pending& other) { EXPECT_EQ(other.start(sem), AFFLUX_PENDING); });
}

TEST_P(WaiterStatus, OfACallbacksRequestTellsEachEnd) {
  std::deque<pending> all;
  each_end(
      options(2), [&]() -> pending& { return all.emplace_back(); },
      [](pending& p, afflux_status expected) {
        if (expected == AFFLUX_ECANCELED) return;
        await([&] { return p.completions() == 1; });
        EXPECT_EQ(p.status(), expected);
      });
}

TEST_P(WaiterStatus, OfAPortsRequestIsFinalWhenItHasBeenDrained) {
  port_guard port(AFFLUX_PORT_CALLBACK);
  std::deque<ported> all;
  each_end(
      options(2), [&]() -> ported& { return all.emplace_back(port); },
      [&](ported& p, afflux_status expected) {
        if (expected == AFFLUX_ECANCELED) return;
        port.sleep();
        EXPECT_EQ(afflux_waiter_status(&p.waiter), AFFLUX_PENDING);
        const auto drained = port.drain_all();
        ASSERT_EQ(drained.size(), 1u);
        EXPECT_EQ(drained[0].status, expected);
      });
}

TEST_P(WaiterStatus, IsFinalWhenTheWakeFunctionBegins) {
  const sem_guard sem(options(2));
  pending first, second;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  first.then = [&](afflux_status) {
    EXPECT_EQ(afflux_waiter_status(&first.waiter), AFFLUX_OK);
    // The second is granted, too, and waits for its turn.
    EXPECT_EQ(afflux_waiter_status(&second.waiter), AFFLUX_PENDING);
  };
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_waiter_status(&second.waiter), AFFLUX_OK);
  EXPECT_EQ(second.completions(), 1);
}

// Each outcome happens after what caused it.
TEST_P(WaiterStatus, PublishesWhatCameBefore) {
  constexpr int kRounds = 1000;
  const sem_guard sem(options(1));
  std::atomic<int> turn{0};
  int written = 0;
  std::thread releaser([&] {
    for (int i = 1; i <= kRounds; ++i) {
      await([&] { return turn.load(std::memory_order_acquire) == i; });
      written = i;
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  });
  afflux_request request;
  afflux_request_init(&request);
  request.wake = [](void*, afflux_status) {};
  afflux_waiter waiter{};
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (int i = 1; i <= kRounds; ++i) {
    EXPECT_EQ(afflux_sem_acquire_async(sem, &request, &waiter), AFFLUX_PENDING);
    turn.store(i, std::memory_order_release);
    await([&] { return afflux_waiter_status(&waiter) != AFFLUX_PENDING; });
    EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_OK);
    EXPECT_EQ(written, i);
  }
  releaser.join();
}

INSTANTIATE_TEST_SUITE_P(Each, WaiterStatus, all_variants(), variant_name);

class WaiterStatusOf : public per_queue {};

TEST_P(WaiterStatusOf, AnEventAndAQueue) {
  pending p;
  const event_guard event(false, GetParam());
  const queue_guard queue(GetParam());
  ASSERT_EQ(start(event, p), AFFLUX_PENDING);
  EXPECT_EQ(afflux_waiter_status(&p.waiter), AFFLUX_PENDING);
  EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
  EXPECT_EQ(afflux_waiter_status(&p.waiter), AFFLUX_OK);
  ASSERT_EQ(start(queue, p), AFFLUX_PENDING);
  EXPECT_EQ(afflux_waiter_status(&p.waiter), AFFLUX_PENDING);
  EXPECT_EQ(afflux_queue_wake_all(queue), AFFLUX_OK);
  EXPECT_EQ(afflux_waiter_status(&p.waiter), AFFLUX_OK);
  ASSERT_EQ(start(queue, p), AFFLUX_PENDING);
  EXPECT_EQ(p.cancel(), AFFLUX_OK);
  EXPECT_EQ(afflux_waiter_status(&p.waiter), AFFLUX_ECANCELED);
}

INSTANTIATE_TEST_SUITE_P(Each, WaiterStatusOf, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
