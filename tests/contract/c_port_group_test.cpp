// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Groups, any and all, that complete in a port.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/group.h"
#include "support/port.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

class PortGroup : public per_port {
 protected:
  PortGroup() : port(kind()), a(options(1)), b(options(2)) {
    afflux_request_init(&request);
    request.port = port;
    request.user_data = 7;
    request.ctx = this;
    items = {of(a), of(b, 2)};
  }
  afflux_status any() {
    return afflux_acquire_any_async(&group, items.data(), items.size(), &request, nullptr);
  }
  afflux_status all() {
    return afflux_acquire_all_async(&group, items.data(), items.size(), &request);
  }
  // The port has just this one.
  void completes_with(afflux_status status) {
    const std::vector<afflux_completion> done = port.collect(1);
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].status, status);
    EXPECT_EQ(done[0].user_data, 7u);
    EXPECT_EQ(done[0].ctx, this);
    await([this] { return afflux_port_pending(port) == 0; });
    EXPECT_TRUE(port.drain_all().empty());
  }
  void holds(std::uint64_t of_a, std::uint64_t of_b) {
    EXPECT_EQ(afflux_sem_held(a), of_a);
    EXPECT_EQ(afflux_sem_held(b), of_b);
  }

  port_guard port;
  sem_guard a;
  sem_guard b;
  afflux_request request;
  std::array<afflux_wait_item, 2> items;
  afflux_wait_group group{};
};

TEST_P(PortGroup, WhatIsThereDoesNotTouchThePort) {
  EXPECT_EQ(all(), AFFLUX_OK);
  holds(1, 2);
  EXPECT_EQ(afflux_sem_release(a, 1), AFFLUX_OK);
  EXPECT_EQ(any(), AFFLUX_OK);
  holds(1, 2);
  EXPECT_EQ(afflux_port_pending(port), 0u);
  EXPECT_TRUE(port.drain_all().empty());
}

TEST_P(PortGroup, AnyCompletesThereOnce) {
  full(a), full(b);
  ASSERT_EQ(any(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_port_pending(port), 1u);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_EBUSY);
  EXPECT_EQ(afflux_sem_release(b, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(a, 1), AFFLUX_OK);
  completes_with(AFFLUX_OK);
  EXPECT_EQ(afflux_wait_group_index(&group), 1u);
  holds(0, 2);
}

TEST_P(PortGroup, AllCompletesThereWhenTheLastIsHeld) {
  full(a), full(b);
  ASSERT_EQ(all(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(b, 2), AFFLUX_OK);
  EXPECT_TRUE(port.drain_all().empty());
  EXPECT_EQ(afflux_sem_release(a, 1), AFFLUX_OK);
  completes_with(AFFLUX_OK);
  holds(1, 2);
}

TEST_P(PortGroup, ItsTimeRunsOutThere) {
  request.timeout_ns = kMillisecond;
  full(a), full(b);
  for (const bool every : {false, true}) {
    // By hand: where the time ran out during the call, that would be its answer.
    ASSERT_EQ(afflux_timers_manual(1), AFFLUX_OK);
    ASSERT_EQ(every ? all() : any(), AFFLUX_PENDING);
    while (afflux_timers_advance() >= 0) {
    }
    ASSERT_EQ(afflux_timers_manual(0), AFFLUX_OK);
    completes_with(AFFLUX_ETIMEDOUT);
  }
  holds(1, 2);
}

TEST_P(PortGroup, ACloseEndsItThere) {
  full(a), full(b);
  ASSERT_EQ(all(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_close(a), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_close(b), AFFLUX_OK);
  completes_with(AFFLUX_ECLOSED);
  EXPECT_EQ(all(), AFFLUX_ECLOSED);
  EXPECT_EQ(afflux_port_pending(port), 0u);
}

TEST_P(PortGroup, ACancelLeavesNothingThere) {
  full(a), full(b);
  for (const bool every : {false, true}) {
    ASSERT_EQ(every ? all() : any(), AFFLUX_PENDING);
    EXPECT_EQ(afflux_wait_group_cancel(&group), AFFLUX_OK);
    EXPECT_EQ(afflux_port_pending(port), 0u);
    EXPECT_TRUE(port.drain_all().empty());
  }
  EXPECT_EQ(afflux_sem_release(a, 1), AFFLUX_OK);
  holds(0, 2);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
}

TEST_P(PortGroup, ACancelOfWhatIsThereComesTooLate) {
  full(a), full(b);
  ASSERT_EQ(any(), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(a, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_wait_group_cancel(&group), AFFLUX_EALREADY);
  completes_with(AFFLUX_OK);
  holds(1, 2);
}

TEST_P(PortGroup, AClosedPortIsRefused) {
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
  EXPECT_EQ(all(), AFFLUX_OK);  // need not wait for it
  EXPECT_EQ(any(), AFFLUX_ECLOSED);
  EXPECT_EQ(all(), AFFLUX_ECLOSED);
  request.timeout_ns = 0;
  EXPECT_EQ(any(), AFFLUX_EAGAIN);
  EXPECT_EQ(all(), AFFLUX_EAGAIN);
  holds(1, 2);
  EXPECT_EQ(afflux_sem_waiters(a) + afflux_sem_waiters(b), 0u);
  EXPECT_EQ(afflux_port_pending(port), 0u);
}

TEST_P(PortGroup, TheKernelDoesNotWaitForGroups) {
  request.port = nullptr;
  request.flags = AFFLUX_WAIT_FOR_URING;
  EXPECT_EQ(any(), AFFLUX_EINVAL);
  EXPECT_EQ(all(), AFFLUX_EINVAL);
  holds(0, 0);
}

INSTANTIATE_TEST_SUITE_P(Each, PortGroup, all_port_variants(), port_variant_name);

}  // namespace
}  // namespace afflux_test
