// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The event's statuses: every one that its calls document, provoked. Where:
//
//   event_create      OK                           all
//                     EINVAL ENOTSUP               EventStatus.Create…
//                     ENOMEM                       c_wait_fault_test
//   event_ref, _unref, is_set, waiters   NULL      EventStatus.TheRest…
//   event_wait        OK ETIMEDOUT EINVAL          EventStatus.Wait…
//                     ECLOSED                      Event.TheLastReference…
//                     ENOMEM                       c_wait_fault_test
//   event_wait_async  OK PENDING EAGAIN            EventStatus.WaitAsync…
//                     EINVAL ENOTSUP               EventStatus.WaitAsync…
//                     EOS                          c_wait_fault_test
//                     ENOMEM                       c_wait_fault_test
//                     ECLOSED                      by its completion only: a caller that may call
//                                                  has a reference, and only the last one closes
//   notify_one, notify_all, clear        OK        all
//                     EINVAL                       EventStatus.TheRest…
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "support/per_queue.h"
#include "support/recorder.h"

namespace afflux_test {
namespace {

class EventStatus : public per_queue {};

void expect_state(const afflux_event* event, bool set, std::uint64_t waiters) {
  EXPECT_EQ(afflux_event_is_set(event), set ? 1 : 0);
  EXPECT_EQ(afflux_event_waiters(event), waiters);
}

TEST(EventCreate, AnswersForEveryStrategyByName) {
  for (const std::uint32_t queue :
       {AFFLUX_QUEUE_AUTO, AFFLUX_QUEUE_INTRUSIVE, AFFLUX_QUEUE_LOCKFREE, AFFLUX_QUEUE_HYBRID,
        AFFLUX_QUEUE_MUTEX}) {
    afflux_event* event = nullptr;
    EXPECT_EQ(afflux_event_create(0, queue, &event), built_in(queue) ? AFFLUX_OK : AFFLUX_ENOTSUP);
    EXPECT_EQ(event != nullptr, built_in(queue));
    afflux_event_unref(event);
  }
}

TEST_P(EventStatus, CreateRefusesNullAndEnumeratorsAndWritesNothing) {
  afflux_event* const untouched = reinterpret_cast<afflux_event*>(this);
  afflux_event* event = untouched;
  EXPECT_EQ(afflux_event_create(0, GetParam(), nullptr), AFFLUX_EINVAL);
  for (const std::int32_t bad : {-1, 2, std::numeric_limits<std::int32_t>::max()}) {
    EXPECT_EQ(afflux_event_create(bad, GetParam(), &event), AFFLUX_EINVAL) << bad;
  }
  for (const std::uint32_t bad : {5u, 256u, 0xffffffffu}) {
    EXPECT_EQ(afflux_event_create(0, bad, &event), AFFLUX_EINVAL) << bad;
  }
  EXPECT_EQ(event, untouched);
}

TEST_P(EventStatus, TheRestTakesOrRefusesNull) {
  pending p;
  EXPECT_EQ(afflux_event_ref(nullptr), nullptr);
  afflux_event_unref(nullptr);
  EXPECT_EQ(afflux_event_wait(nullptr, 0), AFFLUX_EINVAL);
  EXPECT_EQ(start(static_cast<afflux_event*>(nullptr), p), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_event_notify_one(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_event_notify_all(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_event_clear(nullptr), AFFLUX_EINVAL);
  expect_state(nullptr, false, 0);
}

TEST_P(EventStatus, WaitAnswersOkEtimedoutAndEinval) {
  for (const bool manual : {false, true}) {
    const event_guard event(manual, GetParam());
    for (const bool set : {false, true}) {
      if (set) {
        ASSERT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
      }
      for (const std::int64_t bad : {std::int64_t{-2}, std::numeric_limits<std::int64_t>::min()}) {
        EXPECT_EQ(afflux_event_wait(event, bad), AFFLUX_EINVAL);
      }
      expect_state(event, set, 0);
    }
    EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_OK);
    EXPECT_EQ(afflux_event_clear(event), AFFLUX_OK);
    EXPECT_EQ(afflux_event_wait(event, 0), AFFLUX_ETIMEDOUT);
    const std::int64_t before = now_ns();
    EXPECT_EQ(afflux_event_wait(event, 3 * kMillisecond), AFFLUX_ETIMEDOUT);
    EXPECT_GE(now_ns() - before, 3 * kMillisecond);
    expect_state(event, false, 0);
    ASSERT_EQ(afflux_event_notify_all(event), AFFLUX_OK);
    EXPECT_EQ(afflux_event_wait(event, AFFLUX_FOREVER), AFFLUX_OK);
  }
}

TEST_P(EventStatus, WaitAsyncAnswersOkPendingAndEagain) {
  const event_guard event(false, GetParam());
  pending never_waits, queued, at_once;
  never_waits.request.timeout_ns = 0;
  EXPECT_EQ(start(event, never_waits), AFFLUX_EAGAIN);
  EXPECT_EQ(never_waits.cancel(), AFFLUX_EALREADY);
  for_each_good_size(queued.request, [&](const afflux_request& r) {
    EXPECT_EQ(afflux_event_wait_async(event, &r, &queued.waiter), AFFLUX_PENDING);
    EXPECT_EQ(queued.cancel(), AFFLUX_OK);
  });
  EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
  EXPECT_EQ(start(event, at_once), AFFLUX_OK);
  EXPECT_EQ(at_once.cancel(), AFFLUX_EALREADY);
  EXPECT_EQ(never_waits.completions() + queued.completions() + at_once.completions(), 0);
  expect_state(event, false, 0);
}

TEST_P(EventStatus, WaitAsyncRefusesBadRequestsAndChangesNothing) {
  for (const bool set : {false, true}) {
    const event_guard event(false, GetParam());
    if (set) {
      ASSERT_EQ(afflux_event_notify_one(event), AFFLUX_OK);
    }
    pending p;
    EXPECT_EQ(afflux_event_wait_async(event, nullptr, &p.waiter), AFFLUX_EINVAL);
    EXPECT_EQ(afflux_event_wait_async(event, &p.request, nullptr), AFFLUX_EINVAL);
    for_each_bad_wait(p.request, [&](const afflux_request& r, afflux_status expected) {
      EXPECT_EQ(afflux_event_wait_async(event, &r, &p.waiter), expected);
      expect_state(event, set, 0);
    });
    EXPECT_EQ(p.cancel(), AFFLUX_EALREADY);
    EXPECT_EQ(p.completions(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, EventStatus, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
