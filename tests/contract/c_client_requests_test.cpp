// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Requests to semaphores that name a client: each is accounted to it once, however it ends, with or
// without statistics of the semaphore's own.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "support/client.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

class ClientRequests : public per_variant {
 protected:
  static afflux_sem_options quiet(std::uint64_t permits) {
    afflux_sem_options made = options(permits);
    made.statistics = AFFLUX_STATS_OFF;
    return made;
  }
  static afflux_request blocking(afflux_client* client, std::uint64_t permits = 1) {
    afflux_request made;
    afflux_request_init(&made);
    made.permits = permits;
    made.client = client;
    return made;
  }
};

TEST_P(ClientRequests, AtOnceWithoutAWait) {
  for (const afflux_sem_options& how : {options(5), quiet(5)}) {
    const client_guard client;
    const sem_guard sem(how);
    pending one(2);
    one.request.client = client;
    ASSERT_EQ(one.start(sem), AFFLUX_OK);
    afflux_permit_token permit;
    const afflux_request three = blocking(client, 3);
    ASSERT_EQ(afflux_sem_acquire_permit(sem, &three, 0, &permit), AFFLUX_OK);
    one.request.timeout_ns = 0;
    ASSERT_EQ(one.start(sem), AFFLUX_EAGAIN);  // nothing came of it
    EXPECT_EQ(client.summary().acquired, 5u);
    EXPECT_EQ(client.summary().waits, 0u);
    ASSERT_EQ(afflux_permit_release(&permit), AFFLUX_OK);
    ASSERT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
    expect_all_free(sem, 5);
  }
}

TEST_P(ClientRequests, GrantedAfterAWait) {
  for (const afflux_sem_options& how : {options(2), quiet(2)}) {
    const client_guard client;
    const sem_guard sem(how);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
    pending one(2);
    one.request.client = client;
    std::uint64_t seen_in_completion = 0;
    one.then = [&](afflux_status) { seen_in_completion = client.summary().acquired; };
    ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
    EXPECT_EQ(client.summary().waits, 0u);  // not ended yet
    pass_time(2 * kMillisecond);
    ASSERT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
    EXPECT_EQ(seen_in_completion, 2u);  // before its owner learns of it
    const afflux_client_summary_t now = client.summary();
    EXPECT_EQ(now.acquired, 2u);
    EXPECT_EQ(now.waits, 1u);
    EXPECT_GE(now.wait_sum_ns, 2u * kMillisecond - 1024);
    EXPECT_EQ(now.wait_max_ns, now.wait_sum_ns);
    ASSERT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  }
}

TEST_P(ClientRequests, OfABlockedThread) {
  const client_guard client;
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  std::thread thread([&] {
    afflux_permit_token permit;
    const afflux_request one = blocking(client);
    ASSERT_EQ(afflux_sem_acquire_permit(sem, &one, AFFLUX_FOREVER, &permit), AFFLUX_OK);
    EXPECT_EQ(client.summary().acquired, 1u);
    EXPECT_EQ(afflux_permit_release(&permit), AFFLUX_OK);
  });
  await_waiters(sem, 1);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  thread.join();
  EXPECT_EQ(client.summary().waits, 1u);
  expect_all_free(sem, 1);
}

TEST_P(ClientRequests, TimedOut) {
  const client_guard client;
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  afflux_permit_token permit;
  const afflux_request one = blocking(client);
  EXPECT_EQ(afflux_sem_acquire_permit(sem, &one, kMillisecond, &permit), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(client.summary().timed_out, 1u);
  pending late;
  late.request.client = client;
  late.request.timeout_ns = kMillisecond;
  ASSERT_EQ(late.start(sem), AFFLUX_PENDING);
  await([&] { return late.completions() == 1; });
  const afflux_client_summary_t now = client.summary();
  EXPECT_EQ(now.timed_out, 2u);
  EXPECT_EQ(now.waits, 2u);
  EXPECT_EQ(now.acquired, 0u);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
}

TEST_P(ClientRequests, CanceledAndClosedOut) {
  const client_guard client;
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pending one;
  pending two;
  one.request.client = two.request.client = client;
  ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(two.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(one.cancel(), AFFLUX_OK);
  EXPECT_EQ(one.cancel(), AFFLUX_EALREADY);  // counts once
  EXPECT_EQ(client.summary().canceled, 1u);
  ASSERT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_TRUE(two.completed_once_with(AFFLUX_ECLOSED));
  const afflux_client_summary_t now = client.summary();
  EXPECT_EQ(now.waits, 2u);
  EXPECT_EQ(now.acquired + now.rejected + now.timed_out, 0u);
}

TEST_P(ClientRequests, RefusedAndDropped) {
  for (const std::uint32_t overflow : {AFFLUX_OVERFLOW_DROP_NEWEST, AFFLUX_OVERFLOW_DROP_OLDEST}) {
    const client_guard client;
    afflux_sem_options limited = options(1);
    limited.max_waiters = 1;
    limited.overflow = overflow;
    const sem_guard sem(limited);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    pending one;
    pending two;
    one.request.client = two.request.client = client;
    ASSERT_EQ(one.start(sem), AFFLUX_PENDING);
    const bool drops = overflow == AFFLUX_OVERFLOW_DROP_OLDEST;
    EXPECT_EQ(two.start(sem), drops ? AFFLUX_PENDING : AFFLUX_EREJECTED);
    EXPECT_EQ(client.summary().rejected, 1u);
    EXPECT_EQ(client.summary().waits, drops ? 1u : 0u);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(client.summary().acquired, 1u);
    EXPECT_EQ(client.summary().waits, drops ? 2u : 1u);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    expect_all_free(sem, 1);
  }
}

// Grants, cancels and time limits at the same moment: every request is accounted once.
TEST_P(ClientRequests, EachOnceWhateverHappens) {
  const client_guard client;
  const sem_guard sem(options(2));
  constexpr int kThreads = 4;
  constexpr int kTimes = 300;
  std::atomic<std::uint64_t> granted{0};
  std::atomic<std::uint64_t> canceled{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTimes; ++i) {
        pending one;
        one.request.client = client;
        if ((i + t) % 3 == 0) one.request.timeout_ns = kMillisecond / 10;
        const afflux_status s = one.start(sem);
        if (s == AFFLUX_OK) {
          granted.fetch_add(1);
          ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
          continue;
        }
        ASSERT_EQ(s, AFFLUX_PENDING);
        if (i % 4 == 0 && one.cancel() == AFFLUX_OK) {
          canceled.fetch_add(1);
          continue;
        }
        await([&] { return one.completions() == 1; });
        if (one.status() != AFFLUX_OK) continue;
        granted.fetch_add(1);
        ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      }
    });
  }
  for (std::thread& each : threads) each.join();
  const afflux_client_summary_t now = client.summary();
  EXPECT_EQ(now.acquired, granted.load());
  EXPECT_EQ(now.canceled, canceled.load());
  EXPECT_EQ(now.acquired + now.canceled + now.timed_out, std::uint64_t{kThreads * kTimes});
  expect_all_free(sem, 2);
}

TEST_P(ClientRequests, ABlockingCallWithoutTimeTimesOut) {
  for (const afflux_sem_options& how : {options(1), quiet(1)}) {
    const client_guard client;
    const sem_guard sem(how);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    afflux_permit_token permit;
    const afflux_request one = blocking(client);
    EXPECT_EQ(afflux_sem_acquire_permit(sem, &one, 0, &permit), AFFLUX_ETIMEDOUT);
    EXPECT_EQ(client.summary().timed_out, 1u);
    EXPECT_EQ(client.summary().waits, 0u);
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  }
}

INSTANTIATE_TEST_SUITE_P(, ClientRequests, all_variants(), variant_name);

// Elsewhere a client means nothing, and is refused.
TEST(ClientElsewhere, IsRefused) {
  const client_guard client;
  afflux_request request;
  afflux_request_init(&request);
  request.wake = [](void*, afflux_status) {};
  request.client = client;
  afflux_waiter waiter = {};
  afflux_event* event = nullptr;
  ASSERT_EQ(afflux_event_create(0, AFFLUX_QUEUE_AUTO, &event), AFFLUX_OK);
  EXPECT_EQ(afflux_event_wait_async(event, &request, &waiter), AFFLUX_EINVAL);
  afflux_queue* queue = nullptr;
  ASSERT_EQ(afflux_queue_create(AFFLUX_QUEUE_AUTO, &queue), AFFLUX_OK);
  EXPECT_EQ(afflux_queue_add_waiter_if(queue, nullptr, nullptr, &request, &waiter), AFFLUX_EINVAL);
  afflux_wait_item item = {};
  item.event = event;
  item.permits = 1;
  afflux_wait_group group = {};
  EXPECT_EQ(afflux_acquire_all_async(&group, &item, 1, &request), AFFLUX_EINVAL);
  afflux_queue_unref(queue);
  afflux_event_unref(event);
}

}  // namespace
}  // namespace afflux_test
