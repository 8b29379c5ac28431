// SPDX-License-Identifier: MIT OR Apache-2.0
//
// AFFLUX_WAIT_FOR_URING: one request, one entry of the ring. Every outcome of the request meets
// every order of fill, submit and completion.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <thread>

#include "support/build_kind.h"
#include "support/per_queue.h"
#include "support/recorder.h"
#include "support/ring.h"
#include "support/tenant.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kWait = 0xa1;
constexpr std::uint64_t kLinked = 0xa2;
constexpr std::uint64_t kCancel = 0xa3;
constexpr std::uint8_t kAsyncCancel = 14;  // IORING_OP_ASYNC_CANCEL

class UringWait : public per_queue {
 protected:
  void SetUp() override {
    if ((afflux_uring_features() & AFFLUX_URING_FUTEX) == 0) {
      GTEST_SKIP() << "this kernel cannot wait on a futex for a ring";
    }
    afflux_request_init(&request);
    request.flags = AFFLUX_WAIT_FOR_URING;
  }
  afflux_status start(afflux_sem* sem) { return afflux_sem_acquire_async(sem, &request, &waiter); }
  // All permits held, and this request behind them.
  void queue_behind(const sem_guard& sem) {
    ASSERT_EQ(afflux_sem_try_acquire(sem, afflux_sem_limit(sem)), AFFLUX_OK);
    ASSERT_EQ(start(sem), AFFLUX_PENDING);
    EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_PENDING);
  }
  io_uring_sqe* fill() {
    io_uring_sqe* const sqe = ring.entry();
    sqe->user_data = kWait;
    EXPECT_EQ(afflux_waiter_prep_uring(&waiter, sqe), AFFLUX_OK);
    EXPECT_EQ(sqe->user_data, kWait);
    return sqe;
  }
  void submit_wait() {
    fill();
    ring.submit();
  }
  // Its event, and nothing after it.
  void expect_event() {
    EXPECT_EQ(ring.wait().user_data, kWait);
    EXPECT_TRUE(ring.quiet());
  }

  ring_guard ring;
  afflux_request request;
  alignas(64) afflux_waiter waiter{};
};

TEST_P(UringWait, AGrantCompletesWhateverCameFirst) {
  for (int step = 0; step < 3; ++step) {
    SCOPED_TRACE(step);
    const sem_guard sem(options(1));
    queue_behind(sem);
    const auto release = [&] { EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK); };
    if (step == 0) release();
    fill();
    if (step == 1) release();
    ring.submit();
    if (step == 2) {
      EXPECT_TRUE(ring.quiet());
      std::thread(release).join();
    }
    expect_event();
    EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_OK);
    EXPECT_EQ(afflux_waiter_cancel(&waiter), AFFLUX_EALREADY);
    EXPECT_EQ(afflux_sem_held(sem), 1u);
  }
}

TEST_P(UringWait, ATenantsRequestCompletesThereToo) {
  const sem_guard sem(options(1));
  const tenant_guard tenant(sem, capped(1));
  request.tenant = tenant;
  queue_behind(sem);
  submit_wait();
  EXPECT_TRUE(ring.quiet());
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_event();
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_OK);
  EXPECT_EQ(tenant.held(), 1u);
  ASSERT_EQ(start(sem), AFFLUX_PENDING);  // its cap holds it back
  submit_wait();
  EXPECT_EQ(afflux_tenant_close(tenant), AFFLUX_OK);
  expect_event();
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_tenant_release(tenant, 1), AFFLUX_OK);
}

TEST_P(UringWait, AnAnswerAtOnceNeedsNoEntry) {
  const sem_guard sem(options(1));
  EXPECT_EQ(start(sem), AFFLUX_OK);
  request.timeout_ns = 0;
  EXPECT_EQ(start(sem), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_sem_waiters(sem), 0u);
}

TEST_P(UringWait, EveryEndOfARequestReachesTheRing) {
  const auto ends_with = [&](afflux_status expected, auto prepare, auto end) {
    SCOPED_TRACE(expected);
    afflux_sem_options o = options(2);
    prepare(o);
    const sem_guard sem(o);
    queue_behind(sem);
    submit_wait();
    EXPECT_TRUE(ring.quiet());
    end(static_cast<afflux_sem*>(sem));
    expect_event();
    EXPECT_EQ(afflux_waiter_status(&waiter), expected);
    EXPECT_EQ(afflux_waiter_status(&waiter), expected);  // it may be asked again
    EXPECT_EQ(afflux_waiter_cancel(&waiter), AFFLUX_EALREADY);
  };
  const auto nothing = [](afflux_sem_options&) {};
  ends_with(AFFLUX_ECLOSED, nothing,
            [](afflux_sem* sem) { EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK); });
  ends_with(AFFLUX_ECANCELED, nothing,
            [&](afflux_sem*) { EXPECT_EQ(afflux_waiter_cancel(&waiter), AFFLUX_OK); });
  request.permits = 2;
  ends_with(AFFLUX_E2BIG, nothing,
            [](afflux_sem* sem) { EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK); });
  request.permits = 1;
  pending other;
  ends_with(
      AFFLUX_EREJECTED,
      [](afflux_sem_options& o) {
        o.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
        o.max_waiters = 1;
      },
      [&](afflux_sem* sem) { EXPECT_EQ(other.start(sem), AFFLUX_PENDING); });
}

TEST_P(UringWait, TheRequestsOwnTimeRunsOut) {
  const sem_guard sem(options(1));
  request.timeout_ns = 5 * kMillisecond;
  const std::int64_t begin = now_ns();
  queue_behind(sem);
  submit_wait();
  expect_event();
  EXPECT_GE(now_ns() - begin, 5 * kMillisecond);
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(afflux_sem_waiters(sem), 0u);
}

TEST_P(UringWait, AGrantBeforeItsTimeDisarmsIt) {
  const sem_guard sem(options(1));
  request.timeout_ns = 3600 * 1000 * kMillisecond;
  for (int i = 0; i < 3; ++i) {
    queue_behind(sem);
    submit_wait();
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    expect_event();
    EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  }
}

// A time limit of the ring's ends the entry, not the request.
TEST_P(UringWait, ALinkedTimeoutLeavesTheRequestInTheQueue) {
  const sem_guard sem(options(1));
  queue_behind(sem);
  fill()->flags |= IOSQE_IO_LINK;
  __kernel_timespec limit{0, 2 * kMillisecond};
  io_uring_sqe* const sqe = ring.entry();
  io_uring_prep_link_timeout(sqe, &limit, 0);
  sqe->user_data = kLinked;
  ring.submit();
  for (int i = 0; i < 2; ++i) {
    const io_uring_cqe event = ring.wait();
    EXPECT_TRUE(event.user_data == kWait ? event.res == -ECANCELED : event.user_data == kLinked);
  }
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_waiters(sem), 1u);
  // Another entry waits on.
  submit_wait();
  EXPECT_TRUE(ring.quiet());
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_event();
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_OK);
}

TEST_P(UringWait, AnAsyncCancelThenACancelTakesItBack) {
  const sem_guard sem(options(1));
  queue_behind(sem);
  submit_wait();
  io_uring_sqe* const sqe = ring.entry();
  io_uring_prep_nop(sqe);
  sqe->opcode = kAsyncCancel;
  sqe->addr = kWait;
  sqe->user_data = kCancel;
  ring.submit();
  for (int i = 0; i < 2; ++i) {
    const io_uring_cqe event = ring.wait();
    EXPECT_TRUE(event.user_data == kWait ? event.res == -ECANCELED : event.res >= 0);
  }
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_PENDING);
  EXPECT_EQ(afflux_waiter_cancel(&waiter), AFFLUX_OK);
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_ECANCELED);
  EXPECT_EQ(afflux_sem_waiters(sem), 0u);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(ring.quiet());
}

TEST_P(UringWait, ACancelBeforeSubmitCompletesTheEntry) {
  const sem_guard sem(options(1));
  queue_behind(sem);
  fill();
  EXPECT_EQ(afflux_waiter_cancel(&waiter), AFFLUX_OK);
  ring.submit();
  expect_event();
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_ECANCELED);
}

// The granter has one wake to give, and gives it to the one whose request it is.
TEST_P(UringWait, ManyInOneRingEachHearTheirOwn) {
  constexpr std::size_t kCount = 12;
  const sem_guard sem(options(kCount));
  ASSERT_EQ(afflux_sem_try_acquire(sem, kCount), AFFLUX_OK);
  std::array<afflux_waiter, kCount> all{};
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(afflux_sem_acquire_async(sem, &request, &all[i]), AFFLUX_PENDING);
    io_uring_sqe* const sqe = ring.entry();
    sqe->user_data = i;
    ASSERT_EQ(afflux_waiter_prep_uring(&all[i], sqe), AFFLUX_OK);
  }
  ring.submit();
  std::thread releaser([&] {
    for (std::size_t i = 0; i < kCount; ++i) EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  });
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    const io_uring_cqe event = ring.wait();
    EXPECT_EQ(afflux_waiter_status(&all[event.user_data]), AFFLUX_OK);
    seen |= 1U << event.user_data;
  }
  releaser.join();
  EXPECT_EQ(seen, (1U << kCount) - 1);
  EXPECT_EQ(afflux_sem_held(sem), kCount);
}

// Threads that complete while the loop is anywhere between its acquire and its sleep.
TEST_P(UringWait, ASleepingLoopMissesNothing) {
  constexpr std::uint64_t kTimes = kSanitized ? 2000 : 20000;
  const sem_guard sem(options(1));
  std::atomic<std::uint64_t> begun{0};
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  std::thread releaser([&] {
    for (std::uint64_t i = 1; i <= kTimes; ++i) {
      await([&] { return begun.load(std::memory_order_acquire) == i; });
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  });
  for (std::uint64_t i = 1; i <= kTimes; ++i) {
    ASSERT_EQ(start(sem), AFFLUX_PENDING);
    begun.store(i, std::memory_order_release);
    do {
      submit_wait();
      EXPECT_EQ(ring.wait().user_data, kWait);
    } while (afflux_waiter_status(&waiter) == AFFLUX_PENDING);
    EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_OK);
  }
  releaser.join();
}

TEST_P(UringWait, AnEventCompletesInARingToo) {
  const event_guard event(false, GetParam());
  ASSERT_EQ(afflux_event_wait_async(event, &request, &waiter), AFFLUX_PENDING);
  submit_wait();
  EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
  expect_event();
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_OK);
}

TEST_P(UringWait, IdlenessCompletesInARingToo) {
  for (const bool cancels : {false, true}) {
    const sem_guard sem(options(2));
    EXPECT_EQ(afflux_sem_wait_idle_async(sem, &request, &waiter), AFFLUX_OK);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
    ASSERT_EQ(afflux_sem_wait_idle_async(sem, &request, &waiter), AFFLUX_PENDING);
    submit_wait();
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_TRUE(ring.quiet());
    EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_PENDING);
    if (cancels) {
      EXPECT_EQ(afflux_waiter_cancel(&waiter), AFFLUX_OK);
    }
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    expect_event();
    EXPECT_EQ(afflux_waiter_status(&waiter), cancels ? AFFLUX_ECANCELED : AFFLUX_OK);
  }
}

TEST_P(UringWait, TheLastReferenceEndsAWaitForIdleness) {
  afflux_sem* const sem = sem_guard(options(1)).give();
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_wait_idle_async(sem, &request, &waiter), AFFLUX_PENDING);
  submit_wait();
  afflux_sem_unref(sem);
  expect_event();
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_ECLOSED);
}

TEST_P(UringWait, BadArgumentsAreRefused) {
  const sem_guard sem(options(1));
  io_uring_sqe entry{};
  EXPECT_EQ(afflux_waiter_prep_uring(nullptr, &entry), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_waiter_prep_uring(&waiter, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_waiter_status(nullptr), AFFLUX_EINVAL);
  // A waiter of another request, and one of none.
  pending p;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_waiter_prep_uring(&p.waiter, &entry), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_waiter_status(&p.waiter), AFFLUX_PENDING);
  EXPECT_EQ(afflux_waiter_prep_uring(&waiter, &entry), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_waiter_status(&waiter), AFFLUX_EINVAL);
  EXPECT_EQ(p.cancel(), AFFLUX_OK);
  // Neither a wake function nor a port may be set.
  request.wake = [](void*, afflux_status) {};
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, start(sem));
  request.wake = nullptr;
  const ring_guard another;
  const uring_port port(another, 0);
  request.port = port;
  EXPECT_REFUSED(sem, AFFLUX_EINVAL, start(sem));
  request.port = nullptr;
  // Not for queues.
  const queue_guard line(GetParam());
  EXPECT_EQ(afflux_queue_add_waiter_if(line, nullptr, nullptr, &request, &waiter), AFFLUX_EINVAL);
}

INSTANTIATE_TEST_SUITE_P(Each, UringWait, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
