// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports of the kind URING in a real ring: plain and deferred, by a multishot poll and by
// messages. The second way, WAIT_FOR_URING, is c_uring_wait_test's; a kernel that refuses is
// c_port_refused_test's.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "support/build_kind.h"
#include "support/port.h"
#include "support/recorder.h"
#include "support/ring.h"

namespace afflux_test {
namespace {

class Uring : public testing::TestWithParam<ring_variant> {
 protected:
  void SetUp() override {
    if ((afflux_uring_features() & AFFLUX_URING_RINGS) == 0) GTEST_SKIP() << "no io_uring here";
    if (by_message() && (afflux_uring_features() & AFFLUX_URING_MSG_RING) == 0) {
      GTEST_SKIP() << "this kernel has no messages from outside a ring";
    }
    if (!ring_guard(GetParam().ring_flags).open()) GTEST_SKIP() << "this kernel has no such ring";
  }
  static bool by_message() { return (GetParam().port_flags & AFFLUX_PORT_MSG_RING) != 0; }
  static sem_guard* make_full(std::uint64_t permits) {
    afflux_sem_options o;
    afflux_sem_options_init(&o);
    o.permits = permits;
    auto* const sem = new sem_guard(o);
    EXPECT_EQ(afflux_sem_try_acquire(*sem, permits), AFFLUX_OK);
    return sem;
  }
  static std::vector<afflux_completion> drain_all(afflux_port* port) {
    std::vector<afflux_completion> all;
    std::array<afflux_completion, 16> some;
    while (const std::size_t n = afflux_port_drain(port, some.data(), some.size())) {
      all.insert(all.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return all;
  }
  // A loop's turn: whether the event was the doorbell; armed anew where that is needed.
  static bool heard(ring_guard& ring, afflux_port* port, const io_uring_cqe& event) {
    const afflux_status answer = afflux_port_check_uring(port, &event);
    if (answer == AFFLUX_EAGAIN) ring.arm(port);
    return answer == AFFLUX_OK || answer == AFFLUX_EAGAIN;
  }
};

TEST_P(Uring, SaysWhatItIsAndTellsItsOwnEvents) {
  ring_guard ring(GetParam().ring_flags);
  const uring_port port(ring, GetParam().port_flags);
  EXPECT_EQ(afflux_port_kind(port), static_cast<std::uint32_t>(AFFLUX_PORT_URING));
  const std::unique_ptr<sem_guard> sem(make_full(1));
  ported p(port, 5);
  ring.arm(port);
  ASSERT_EQ(p.start(*sem), AFFLUX_PENDING);
  EXPECT_TRUE(ring.quiet());
  ring.submit_nop(17);
  const io_uring_cqe others = ring.wait();
  EXPECT_EQ(others.user_data, 17u);
  EXPECT_EQ(afflux_port_check_uring(port, &others), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_sem_release(*sem, 1), AFFLUX_OK);
  const io_uring_cqe bell = ring.wait();
  EXPECT_EQ(bell.user_data, kBell);
  EXPECT_EQ(afflux_port_check_uring(port, &bell), AFFLUX_OK);
  EXPECT_EQ(user_data_of(drain_all(port)), std::vector<std::uint64_t>{5});
  EXPECT_TRUE(ring.quiet());
}

TEST_P(Uring, AMessageNeedsNothingArmed) {
  ring_guard ring(GetParam().ring_flags);
  const uring_port port(ring, GetParam().port_flags);
  EXPECT_EQ(afflux_port_prep_uring(port, ring.entry()), by_message() ? AFFLUX_EALREADY : AFFLUX_OK);
  ring.submit();
  EXPECT_TRUE(ring.quiet());  // the entry does nothing and leaves no event
}

TEST_P(Uring, ABurstIsOneEvent) {
  constexpr std::uint64_t kBurst = 1024;
  ring_guard ring(GetParam().ring_flags);
  const uring_port port(ring, GetParam().port_flags);
  const std::unique_ptr<sem_guard> sem(make_full(2 * kBurst));
  ring.arm(port);
  std::deque<ported> waiting;
  queue_up(waiting, *sem, port, 2 * kBurst);
  for (std::uint64_t round = 0; round < 2; ++round) {
    EXPECT_EQ(afflux_sem_release(*sem, kBurst), AFFLUX_OK);
    EXPECT_TRUE(heard(ring, port, ring.wait()));
    EXPECT_TRUE(ring.quiet());
    EXPECT_EQ(user_data_of(drain_all(port)), numbers_to((round + 1) * kBurst, round * kBurst));
    EXPECT_TRUE(ring.quiet());
  }
}

// From a thread that completes while the loop sleeps in the kernel: a lost event is a hang.
TEST_P(Uring, ASleepingLoopMissesNothing) {
  constexpr std::uint64_t kTimes = kSanitized ? 2000 : 20000;
  ring_guard ring(GetParam().ring_flags);
  const uring_port port(ring, GetParam().port_flags);
  const std::unique_ptr<sem_guard> sem(make_full(1));
  ported p(port);
  std::atomic<std::uint64_t> begun{0};
  ring.arm(port);
  std::thread releaser([&] {
    for (std::uint64_t i = 1; i <= kTimes; ++i) {
      await([&] { return begun.load(std::memory_order_acquire) == i; });
      EXPECT_EQ(afflux_sem_release(*sem, 1), AFFLUX_OK);
    }
  });
  for (std::uint64_t i = 1; i <= kTimes; ++i) {
    ASSERT_EQ(p.start(*sem), AFFLUX_PENDING);
    begun.store(i, std::memory_order_release);
    while (drain_all(port).empty()) heard(ring, port, ring.wait());
  }
  releaser.join();
}

// The loop reaps so slowly that the completion queue overflows again and again: events of its own
// and the doorbell's. Whatever the kernel does with the poll then, nothing is lost.
TEST_P(Uring, TenThousandGrantsAgainstASmallRing) {
  constexpr std::uint64_t kGrants = 10000;
  constexpr std::uint64_t kAtOnce = 10;
  ring_guard ring(GetParam().ring_flags, 4, 4);
  ASSERT_TRUE(ring.open());
  const uring_port port(ring, GetParam().port_flags);
  const std::unique_ptr<sem_guard> sem(make_full(kAtOnce));
  ring.arm(port);
  std::deque<ported> waiting;
  queue_up(waiting, *sem, port, kAtOnce);
  std::uint64_t drained = 0;
  std::uint64_t nops = 0;
  std::uint64_t nops_seen = 0;
  while (drained < kGrants) {
    for (int i = 0; i < 6; ++i) ring.submit_nop(++nops);
    for (std::uint64_t i = 0; i < kAtOnce; ++i) EXPECT_EQ(afflux_sem_release(*sem, 1), AFFLUX_OK);
    bool rung = false;
    while (!rung) {
      const io_uring_cqe event = ring.wait();
      rung = heard(ring, port, event);
      nops_seen += rung ? 0u : 1u;
    }
    for (const afflux_completion& done : drain_all(port)) {
      ++drained;
      ASSERT_EQ(static_cast<ported*>(done.ctx)->start(*sem), AFFLUX_PENDING);
    }
  }
  io_uring_cqe event;
  while (ring.look(event)) nops_seen += heard(ring, port, event) ? 0u : 1u;
  EXPECT_EQ(nops_seen, nops);
  for (ported& p : waiting) p.cancel();
}

// The end of a poll says so; what completes before the next one is armed shows there.
TEST_P(Uring, APollThatHasEndedIsArmedAgain) {
  if (by_message()) GTEST_SKIP() << "there is no poll";
  ring_guard ring(GetParam().ring_flags);
  const uring_port port(ring, GetParam().port_flags);
  const std::unique_ptr<sem_guard> sem(make_full(8));
  std::deque<ported> waiting;
  queue_up(waiting, *sem, port, 8);
  ring.arm(port);
  for (std::uint64_t round = 0; round < 4; ++round) {
    io_uring_sqe* const sqe = ring.entry();
    io_uring_prep_poll_remove(sqe, kBell);
    sqe->user_data = 1;
    ring.submit();
    bool ended = false;
    bool removed = false;
    while (!ended || !removed) {
      const io_uring_cqe event = ring.wait();
      const afflux_status answer = afflux_port_check_uring(port, &event);
      ended = ended || answer == AFFLUX_EAGAIN;
      removed = removed || event.user_data == 1;
    }
    EXPECT_EQ(afflux_sem_release(*sem, 2), AFFLUX_OK);  // nobody listens
    EXPECT_TRUE(ring.quiet());
    ring.arm(port);
    EXPECT_TRUE(heard(ring, port, ring.wait()));
    EXPECT_EQ(drain_all(port).size(), 2u);
  }
}

// The ring goes, the semaphore stays: releases go on, and calls drain.
TEST_P(Uring, TheRingMayBeTornDownWhileRequestsWait) {
  const std::unique_ptr<sem_guard> sem(make_full(3));
  std::deque<ported> waiting;
  auto ring = std::make_unique<ring_guard>(GetParam().ring_flags);
  {
    const uring_port port(*ring, GetParam().port_flags);
    ring->arm(port);
    queue_up(waiting, *sem, port, 3);
    ring->exit();
    ring.reset();
    EXPECT_EQ(afflux_sem_release(*sem, 1), AFFLUX_OK);
    EXPECT_EQ(user_data_of(drain_all(port)), numbers_to(1));
    EXPECT_EQ(afflux_sem_release(*sem, 1), AFFLUX_OK);
    EXPECT_EQ(user_data_of(drain_all(port)), numbers_to(2, 1));
    EXPECT_EQ(waiting[2].cancel(), AFFLUX_OK);
    EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
  }
  EXPECT_EQ(afflux_sem_held(*sem), 3u);
}

// The number of a ring that is gone names another file by the time of the ring: it is left alone.
TEST_P(Uring, AnotherFileUnderTheRingsNumberIsLeftAlone) {
  const std::unique_ptr<sem_guard> sem(make_full(1));
  auto ring = std::make_unique<ring_guard>(GetParam().ring_flags);
  const int number = ring->descriptor();
  const uring_port port(*ring, GetParam().port_flags);
  ported p(port);
  ring->arm(port);
  ASSERT_EQ(p.start(*sem), AFFLUX_PENDING);
  ring->exit();
  ring.reset();
  ring_guard other(GetParam().ring_flags);
  if (other.descriptor() != number) GTEST_SKIP() << "the number was not given again";
  EXPECT_EQ(afflux_sem_release(*sem, 1), AFFLUX_OK);
  EXPECT_TRUE(other.quiet());
  EXPECT_EQ(drain_all(port).size(), 1u);
}

// The thread of a ring ends with requests waiting: another one drains for it.
TEST_P(Uring, AnotherThreadDrainsForALoopThatIsGone) {
  const std::unique_ptr<sem_guard> sem(make_full(4));
  std::deque<ported> waiting;
  std::unique_ptr<ring_guard> ring;
  std::unique_ptr<uring_port> port;
  std::thread([&] {
    ring = std::make_unique<ring_guard>(GetParam().ring_flags);
    port = std::make_unique<uring_port>(*ring, GetParam().port_flags);
    ring->arm(*port);
    queue_up(waiting, *sem, *port, 4);
    EXPECT_EQ(afflux_sem_release(*sem, 1), AFFLUX_OK);
  }).join();
  EXPECT_EQ(afflux_sem_release(*sem, 2), AFFLUX_OK);
  EXPECT_EQ(user_data_of(drain_all(*port)), numbers_to(3));
  EXPECT_EQ(afflux_sem_release(*sem, 1), AFFLUX_OK);
  EXPECT_EQ(user_data_of(drain_all(*port)), numbers_to(4, 3));
  EXPECT_EQ(afflux_port_close(*port), AFFLUX_OK);
}

TEST(UringCreate, MessagesNeedARing) {
  if ((afflux_uring_features() & AFFLUX_URING_MSG_RING) == 0) {
    GTEST_SKIP() << "this kernel has no messages from outside a ring";
  }
  afflux_port_options o;
  afflux_port_options_init(&o);
  o.kind = AFFLUX_PORT_URING;
  o.flags = AFFLUX_PORT_MSG_RING;
  afflux_port* port = nullptr;
  const port_guard no_ring(AFFLUX_PORT_EVENTFD);
  o.handle = no_ring.handle();
  EXPECT_EQ(afflux_port_create(&o, &port), AFFLUX_EINVAL);
  o.handle = 1'000'000;  // no file at all
  EXPECT_EQ(afflux_port_create(&o, &port), AFFLUX_EOS);
  EXPECT_EQ(afflux_last_os_error(), EBADF);
  EXPECT_EQ(port, nullptr);
}

INSTANTIATE_TEST_SUITE_P(Each, Uring,
                         testing::Values(ring_variant{0, 0}, ring_variant{0, AFFLUX_PORT_MSG_RING},
                                         ring_variant{kSingleIssuer | kDeferTaskrun, 0},
                                         ring_variant{kSingleIssuer | kDeferTaskrun,
                                                      AFFLUX_PORT_MSG_RING}),
                         ring_variant_name);

}  // namespace
}  // namespace afflux_test
