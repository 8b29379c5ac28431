// SPDX-License-Identifier: MIT OR Apache-2.0
//
// S14 for ports: nothing is allocated for a wait that completes there, and a port that cannot
// be made for lack of memory leaves nothing behind.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <thread>

#include "support/faults.h"
#include "support/port.h"

namespace afflux_test {
namespace {

constexpr std::size_t kCount = 1000;

class PortAllocations : public per_port {};
class PortMemory : public per_port {};

TEST_P(PortAllocations, NoneInQueueingRingingCancelAndDrain) {
  const sem_guard sem(options(kCount));
  port_guard port(kind());
  const std::unique_ptr<afflux_waiter[]> waiters(new afflux_waiter[kCount]);
  afflux_request request;
  afflux_request_init(&request);
  request.port = port;
  full(sem);
  bool right = true;
  afflux_completion done[64];
  count_allocations();
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < kCount; ++i) {
      right &= afflux_sem_acquire_async(sem, &request, &waiters[i]) == AFFLUX_PENDING;
    }
    for (std::size_t i = 0; i < kCount; i += 2) {
      right &= afflux_waiter_cancel(&waiters[i]) == AFFLUX_OK;
    }
    right &= afflux_sem_release(sem, kCount / 2) == AFFLUX_OK;
    std::size_t drained = 0;
    while (const std::size_t n = afflux_port_drain(port, done, 64)) drained += n;
    right &= drained == kCount / 2;
  }
  EXPECT_EQ(allocations_counted(), 0u);
  EXPECT_TRUE(right);
}

// A completion by another thread, which has never completed one before.
TEST_P(PortAllocations, NoneWhereAnotherThreadCompletes) {
  const sem_guard sem(options(1));
  port_guard port(kind());
  ported p(port);
  ASSERT_EQ(p.start(full(sem)), AFFLUX_PENDING);
  std::uint64_t counted = 99;
  std::thread([&] {
    count_allocations();
    if (afflux_sem_release(sem, 1) == AFFLUX_OK) counted = allocations_counted();
  }).join();
  EXPECT_EQ(counted, 0u);
  EXPECT_EQ(port.drain_all().size(), 1u);
}

TEST_P(PortMemory, CreateAnswersEnomemForEveryAllocationThatFails) {
  afflux_port_options o;
  afflux_port_options_init(&o);
  o.kind = kind();
  const listener ear;
  if (kind() == AFFLUX_PORT_CALLBACK) {
    o.doorbell = [](void*) {};
  } else {
    ear.prepare(o);
  }
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    afflux_port* const untouched = reinterpret_cast<afflux_port*>(&o);
    afflux_port* port = untouched;
    const std::int64_t live = live_allocations();
    const auto resources = ear.resources();
    fail_allocation(n);
    const afflux_status status = afflux_port_create(&o, &port);
    const bool failed = allocation_failed();
    fail_allocation(0);
    if (!failed) {
      ASSERT_EQ(status, AFFLUX_OK);
      afflux_port_unref(port);
      EXPECT_EQ(live_allocations(), live);
      break;
    }
    ++failures;
    EXPECT_EQ(status, AFFLUX_ENOMEM) << n;
    EXPECT_EQ(port, untouched) << n;
    EXPECT_EQ(live_allocations(), live) << n;
    EXPECT_EQ(ear.resources(), resources) << n << ": a descriptor is left behind";
  }
  EXPECT_GE(failures, 2u) << "the library's allocations do not reach this program's operator new";
}

INSTANTIATE_TEST_SUITE_P(Each, PortAllocations,
                         port_variants({AFFLUX_QUEUE_INTRUSIVE, AFFLUX_QUEUE_HYBRID,
                                        AFFLUX_QUEUE_MUTEX}),
                         port_variant_name);
INSTANTIATE_TEST_SUITE_P(Each, PortMemory, port_kinds(), port_variant_name);

}  // namespace
}  // namespace afflux_test
