// SPDX-License-Identifier: MIT OR Apache-2.0
//
// When a port rings: once for a burst that finds the loop asleep, and not at all while it is
// awake. Rings are counted where they arrive: doorbell calls, the eventfd's counter, the bytes in
// the pipe, the packets in the completion port. As system calls: c_port_syscalls_test.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <thread>

#include "support/port.h"
#include "support/recorder.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kBurst = 1024;

class PortRing : public per_port {};

TEST_P(PortRing, ABurstRingsASleepingLoopOnce) {
  const sem_guard sem(options(kBurst));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, kBurst);
  EXPECT_EQ(port.rings(), 0u);
  EXPECT_EQ(afflux_sem_release(sem, kBurst), AFFLUX_OK);
  EXPECT_EQ(port.rings(), 1u);
  EXPECT_EQ(user_data_of(port.drain_all()), numbers_to(kBurst));
}

TEST_P(PortRing, SeveralBurstsToALoopThatSleepsOnRingOnce) {
  const sem_guard sem(options(kBurst));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, kBurst);
  for (std::uint64_t i = 0; i < kBurst; ++i) EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(port.rings(), 1u);
  EXPECT_EQ(user_data_of(port.drain_all()), numbers_to(kBurst));
}

// Each sleep is ended by a ring of its own.
TEST_P(PortRing, EverySleepIsRungOnce) {
  constexpr std::uint64_t kSleeps = 50;
  const sem_guard sem(options(2 * kSleeps));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, 2 * kSleeps);
  for (std::uint64_t i = 0; i < kSleeps; ++i) {
    EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
    EXPECT_EQ(port.rings(), port.by_level() ? 1u : i + 1);
    EXPECT_EQ(port.drain_all().size(), 2u);
    if (port.by_level()) {
      EXPECT_EQ(port.rings(), 0u);
    }
  }
}

// From its first completion until a drain that answers 0 no other completion rings.
TEST_P(PortRing, AnAwakeLoopIsNotRung) {
  constexpr std::uint64_t kTurns = 20;
  for (const std::uint32_t flags : {0u, std::uint32_t{AFFLUX_PORT_DRAINS_ALL}}) {
    const sem_guard sem(options(4 * kTurns));
    port_guard port(kind(), flags);
    std::deque<ported> waiting;
    queue_up(waiting, full(sem), port, 4 * kTurns);
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(port.rings(), 1u);
    std::uint64_t drained = 0;
    std::uint64_t released = 1;
    // A drain that fills all of its room leaves every kind awake ...
    for (std::uint64_t i = 0; i < kTurns; ++i) {
      EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
      released += 2;
      drained += port.drain(2).size();
      EXPECT_EQ(drained, released - 1);
      EXPECT_EQ(port.rings(), 1u);
    }
    // ... and one that answers less those that are to come again: also for grants of this thread.
    const bool stays = port.by_level() || flags != 0;
    for (std::uint64_t i = 0; stays && i < kTurns; ++i) {
      EXPECT_EQ(port.drain(4).size(), 1u);
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      EXPECT_EQ(port.rings(), 1u);
    }
    EXPECT_FALSE(port.drain_all().empty());
    // Asleep again.
    const std::uint64_t before = port.rings();
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(port.rings(), before + 1);
    EXPECT_EQ(port.drain_all().size(), 1u);
    for (ported& p : waiting) p.cancel();
  }
}

// The same from another thread, while the loop keeps behind it by at least one completion.
TEST_P(PortRing, AnAwakeLoopIsNotRungByOthers) {
  for (const std::uint32_t flags : {0u, std::uint32_t{AFFLUX_PORT_DRAINS_ALL}}) {
    const sem_guard sem(options(kBurst));
    port_guard port(kind(), flags);
    std::deque<ported> waiting;
    queue_up(waiting, full(sem), port, kBurst);
    std::atomic<std::uint64_t> released{0};
    std::thread other([&] {
      for (std::uint64_t i = 0; i < kBurst; ++i) {
        EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
        released.fetch_add(1);
      }
    });
    for (std::uint64_t drained = 0; drained < kBurst - 1; ++drained) {
      await([&] { return released.load() >= drained + 2; });
      EXPECT_EQ(port.drain(1).size(), 1u);
    }
    other.join();
    EXPECT_EQ(port.rings(), 1u);
    EXPECT_EQ(port.drain_all().size(), 1u);
  }
}

// A loop without the promise sleeps after a drain that was not full.
TEST_P(PortRing, WithoutThePromiseAShortDrainIsTheLast) {
  if (port_guard(kind()).by_level()) GTEST_SKIP() << "polled by level: awake until nothing comes";
  const sem_guard sem(options(3));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, 3);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(port.drain(4).size(), 1u);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(port.rings(), 2u);
  EXPECT_EQ(port.drain(4).size(), 1u);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(port.rings(), 3u);
  EXPECT_EQ(port.drain_all().size(), 1u);
}

// No ring is left over that would end a later sleep for nothing.
TEST_P(PortRing, ADrainToZeroLeavesNothingShowing) {
  if (!port_guard(kind()).by_level()) GTEST_SKIP() << "nothing shows";
  const sem_guard sem(options(2));
  port_guard port(kind());
  std::deque<ported> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.clear();
    queue_up(waiting, i == 0 ? full(sem) : static_cast<afflux_sem*>(sem), port, 2);
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(port.drain(4).size(), 1u);
    EXPECT_TRUE(port.shows());
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(port.drain_all().size(), 1u);
    EXPECT_FALSE(port.shows());
    EXPECT_EQ(port.drain(4).size(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, PortRing, port_kinds(), port_variant_name);

}  // namespace
}  // namespace afflux_test
