// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports in trouble, each with its stated outcome:
//
//   closed with requests or completions on their way   EBUSY, nothing changed
//   last unref with requests pending     the doorbell lives until the last of them has ended;
//                                        what completed is lost, sem_held tells
//   the loop's thread is gone            any other thread drains on
//   unref by the loop, completer still there   no touch of freed memory (the sanitizers look)
//
// Full doorbells and a lack of descriptors are c_port_descriptors_test's, fork() is
// c_port_fork_test's, what io_uring may be refused c_port_refused_test's, completion ports that are
// none c_iocp_test's.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <thread>

#include "support/build_kind.h"
#include "support/port.h"
#include "support/recorder.h"

namespace afflux_test {
namespace {

class PortFault : public per_port {};

TEST_P(PortFault, CloseWithAnythingOnItsWayIsBusyAndChangesNothing) {
  const sem_guard sem(options(2));
  port_guard port(kind());
  ported a(port, 0), b(port, 1), c(port, 2);
  ASSERT_EQ(a.start(full(sem)), AFFLUX_PENDING);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_EBUSY);
  ASSERT_EQ(b.start(sem), AFFLUX_PENDING);  // it is as open as before
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_port_pending(port), 0u);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_EBUSY);  // ready
  EXPECT_EQ(port.drain(1).size(), 1u);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_EBUSY);  // taken, not drained
  EXPECT_EQ(port.drain(1).size(), 1u);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
  EXPECT_EQ(c.start(sem), AFFLUX_ECLOSED);
}

TEST_P(PortFault, TheLastUnrefLeavesRequestsToEndByThemselves) {
  const sem_guard sem(options(3));
  port_guard made(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), made, 3);
  afflux_port_unref(made.give());
  // One completes, one is cancelled, the last one ends with the semaphore.
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_held(sem), 3u);  // granted to a request that cannot be told
  EXPECT_EQ(waiting[1].cancel(), AFFLUX_OK);
  EXPECT_NE(made.bell_is_open(), made.calls_back());
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_FALSE(made.bell_is_open());
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);  // anybody may
}

TEST_P(PortFault, TheLastUnrefForgetsWhatIsReady) {
  const sem_guard sem(options(3));
  port_guard made(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), made, 3);
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  EXPECT_EQ(made.drain(1).size(), 1u);
  EXPECT_NE(made.bell_is_open(), made.calls_back());
  afflux_port_unref(made.give());
  EXPECT_FALSE(made.bell_is_open());
  EXPECT_EQ(afflux_sem_held(sem), 3u);
}

TEST_P(PortFault, AnotherThreadDrainsForALoopThatIsGone) {
  const sem_guard sem(options(5));
  port_guard port(kind());
  std::deque<ported> waiting;
  full(sem);
  std::thread([&] {
    queue_up(waiting, sem, port, 5);
    EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
    EXPECT_EQ(port.drain(1).size(), 1u);
  }).join();
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(user_data_of(port.drain_all()), numbers_to(4, 1));
  EXPECT_EQ(waiting[4].cancel(), AFFLUX_OK);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
}

// A completion in hand, the loop drops the port, while its thread may still be on its way to ring.
TEST_P(PortFault, TheLoopUnrefsWhileOthersAreStillRinging) {
  constexpr int kRounds = kSanitized ? 3000 : 20000;
  const sem_guard sem(options(1));
  std::atomic<int> begun{0};
  full(sem);
  std::thread releaser([&] {
    for (int i = 1; i <= kRounds; ++i) {
      await([&] { return begun.load(std::memory_order_acquire) == i; });
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  });
  // One function for all, whose context outlives every port.
  std::atomic<std::uint64_t> rings{0};
  const listener ear;
  afflux_port_options o;
  afflux_port_options_init(&o);
  o.kind = kind();
  if (kind() == AFFLUX_PORT_CALLBACK) {
    o.doorbell = [](void* ctx) { static_cast<std::atomic<std::uint64_t>*>(ctx)->fetch_add(1); };
    o.ctx = &rings;
  } else {
    ear.prepare(o);
  }
  for (int i = 1; i <= kRounds; ++i) {
    afflux_port* port = nullptr;
    ASSERT_EQ(afflux_port_create(&o, &port), AFFLUX_OK);
    std::optional<ported> p(std::in_place, port);
    ASSERT_EQ(p->start(sem), AFFLUX_PENDING);
    begun.store(i, std::memory_order_release);
    afflux_completion done;
    await([&] { return afflux_port_drain(port, &done, 1) == 1; });
    p.reset();  // its memory is free
    afflux_port_unref(port);
  }
  releaser.join();
}

INSTANTIATE_TEST_SUITE_P(Each, PortFault, all_port_variants(), port_variant_name);

}  // namespace
}  // namespace afflux_test
