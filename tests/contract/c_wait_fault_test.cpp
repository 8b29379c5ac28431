// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Exhaustion, for the event, the condition and the waiter queue: no memory and no
// threads, as c_fault_test.cpp has it for the semaphore.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>

#include "support/faults.h"
#include "support/in_child.h"
#include "support/per_queue.h"
#include "support/recorder.h"

namespace afflux_test {
namespace {

constexpr std::int64_t kHour = 3600 * 1000 * kMillisecond;

class WaitFaults : public per_queue {};
class WaitWithoutMemory : public per_queue {
 protected:
  // LOCKFREE may try, and does without where there is none.
  static bool never_allocates() { return GetParam() != AFFLUX_QUEUE_LOCKFREE; }
};

// ---- create

// For each of the allocations that `create` makes, and then with all of them.
template <class Handle, class Create>
void expect_enomem(Create create, void (*unref)(Handle*)) {
  for (std::uint64_t n = 1;; ++n) {
    Handle* handle = nullptr;
    const std::int64_t live = live_allocations();
    fail_allocation(n);
    const afflux_status status = create(&handle);
    const bool failed = allocation_failed();
    fail_allocation(0);
    EXPECT_EQ(status, failed ? AFFLUX_ENOMEM : AFFLUX_OK) << n;
    EXPECT_EQ(handle == nullptr, failed) << n;
    unref(handle);
    EXPECT_EQ(live_allocations(), live) << n;
    if (failed) continue;
    EXPECT_GT(n, 1u) << "the library's allocations do not reach this program's operator new";
    return;
  }
}

TEST_P(WaitFaults, CreateAnswersEnomemForEveryAllocationThatFails) {
  expect_enomem<afflux_event>([](auto ret) { return afflux_event_create(0, GetParam(), ret); },
                              afflux_event_unref);
  expect_enomem<afflux_cond>([](auto ret) { return afflux_cond_create(GetParam(), ret); },
                             afflux_cond_unref);
  expect_enomem<afflux_queue>([](auto ret) { return afflux_queue_create(GetParam(), ret); },
                              afflux_queue_unref);
}

// ---- the event

TEST_P(WaitWithoutMemory, AnEventNeedsMemoryForNothingButCreate) {
  const event_guard event(false, GetParam());
  pending p, q, cancelled;
  // Remembered, not reported at once: GoogleTest's reports allocate.
  bool right = true;
  fail_allocation(kEvery);
  for (pending* each : {&p, &cancelled, &q}) right &= start(event, *each) == AFFLUX_PENDING;
  right &= afflux_event_wait(event, kMillisecond) == AFFLUX_ETIMEDOUT;
  right &= cancelled.cancel() == AFFLUX_OK;
  right &= afflux_event_notify_one(event) == AFFLUX_OK;
  right &= afflux_event_notify_all(event) == AFFLUX_OK;
  right &= afflux_event_notify_all(event) == AFFLUX_OK;
  right &= afflux_event_clear(event) == AFFLUX_OK;
  right &= afflux_event_waiters(event) == 0;
  const bool tried = allocation_failed();
  fail_allocation(0);
  EXPECT_TRUE(right);
  EXPECT_FALSE(tried && never_allocates()) << "a call tried to allocate";
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(q.completed_once_with(AFFLUX_OK));
}

// In a child, because the timer thread of this process may be running already.
TEST_P(WaitFaults, ATimedRequestOfAnEventAnswersEosWithoutAThread) {
  AFFLUX_STARTS_THREADS_IN_CHILD();
  expect_in_child([](child_checks& checks) {
    const event_guard event(false, GetParam());
    pending timed;
    timed.request.timeout_ns = kHour;
    fail_threads(EAGAIN);
    CHILD_EXPECT(checks, start(event, timed) == AFFLUX_EOS);
    CHILD_EXPECT(checks, afflux_last_os_error() == EAGAIN);
    CHILD_EXPECT(checks, timed.cancel() == AFFLUX_EALREADY);
    CHILD_EXPECT(checks, afflux_event_waiters(event) == 0);
    fail_threads(0);
    timed.request.timeout_ns = kMillisecond;
    CHILD_EXPECT(checks, start(event, timed) == AFFLUX_PENDING);
    await([&] { return timed.completions() != 0; });
    CHILD_EXPECT(checks, timed.completed_once_with(AFFLUX_ETIMEDOUT));
  });
}

// ---- the condition

// Counts the calls of either lock function.
afflux_status wait_for(afflux_cond* cond, std::int64_t timeout_ns, int& calls) {
  const afflux_lock_fn count = [](void* ctx) { ++*static_cast<int*>(ctx); };
  return afflux_cond_wait(cond, count, count, &calls, timeout_ns);
}

TEST_P(WaitWithoutMemory, AConditionsWaitNeedsNoMemory) {
  const cond_guard cond(GetParam());
  int calls = 0;
  fail_allocation(kEvery);
  const afflux_status status = wait_for(cond, kMillisecond, calls);
  const bool tried = allocation_failed();
  fail_allocation(0);
  EXPECT_EQ(status, AFFLUX_ETIMEDOUT);
  EXPECT_FALSE(tried && never_allocates()) << "the wait tried to allocate";
}

// ---- the waiter queue

// Counts how often it is asked; does not hold.
std::int32_t never(void* asked) { return ++*static_cast<int*>(asked), 0; }

TEST_P(WaitWithoutMemory, AQueueNeedsMemoryForNothingButCreate) {
  const queue_guard queue(GetParam());
  pending p, q, cancelled;
  int asked = 0;
  std::uint64_t woken = 0;
  bool right = true;
  fail_allocation(kEvery);
  for (pending* each : {&p, &cancelled, &q}) {
    right &= start(queue, *each, never, &asked) == AFFLUX_PENDING;
  }
  right &= cancelled.cancel() == AFFLUX_OK;
  right &= afflux_queue_wake_one(queue) == AFFLUX_OK;
  right &= afflux_queue_wake_n(queue, 5, &woken) == AFFLUX_OK && woken == 1;
  right &= afflux_queue_wake_all(queue) == AFFLUX_OK;
  right &= afflux_queue_waiters(queue) == 0;
  const bool tried = allocation_failed();
  fail_allocation(0);
  EXPECT_TRUE(right);
  EXPECT_FALSE(tried && never_allocates()) << "a call tried to allocate";
  EXPECT_EQ(asked, 3);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
  EXPECT_TRUE(q.completed_once_with(AFFLUX_OK));
}

TEST_P(WaitFaults, ATimedRequestOfAQueueAnswersEosWithoutAThreadAndDoesNotAsk) {
  AFFLUX_STARTS_THREADS_IN_CHILD();
  expect_in_child([](child_checks& checks) {
    const queue_guard queue(GetParam());
    pending timed;
    timed.request.timeout_ns = kHour;
    int asked = 0;
    fail_threads(EAGAIN);
    CHILD_EXPECT(checks, start(queue, timed, never, &asked) == AFFLUX_EOS);
    CHILD_EXPECT(checks, afflux_last_os_error() == EAGAIN);
    CHILD_EXPECT(checks, asked == 0);
    CHILD_EXPECT(checks, timed.cancel() == AFFLUX_EALREADY);
    CHILD_EXPECT(checks, afflux_queue_waiters(queue) == 0);
    fail_threads(0);
    timed.request.timeout_ns = kMillisecond;
    CHILD_EXPECT(checks, start(queue, timed, never, &asked) == AFFLUX_PENDING);
    await([&] { return timed.completions() != 0; });
    CHILD_EXPECT(checks, timed.completed_once_with(AFFLUX_ETIMEDOUT));
  });
}

INSTANTIATE_TEST_SUITE_P(Each, WaitFaults, all_queues(), queue_name);
INSTANTIATE_TEST_SUITE_P(Each, WaitWithoutMemory, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
