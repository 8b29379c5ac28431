// SPDX-License-Identifier: MIT OR Apache-2.0
//
// L1 for ports: loops that sleep as their system lets them while other threads complete their
// requests. A ring that is lost shows as a hang, which the watchdog ends: nothing here has a time
// limit.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#ifdef __linux__
#  include <sys/epoll.h>
#  include <unistd.h>
#endif

#include "support/build_kind.h"
#include "support/port.h"
#include "support/recorder.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kCompletions = kSanitized ? 4000 : 40000;

class PortWakeup : public per_port {};

// Permits that loops were granted, and that these threads give back: each is one more
// completion for some loop. Between two of them a loop has nothing to do but sleep.
class releasers {
 public:
  releasers(afflux_sem* sem, int threads) : sem_(sem) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  }
  ~releasers() {
    stop_.store(true);
    for (std::thread& each : threads_) each.join();
  }
  releasers(const releasers&) = delete;
  releasers& operator=(const releasers&) = delete;

  void give_back(std::uint64_t permits) { owed_.fetch_add(permits, std::memory_order_release); }

 private:
  void run() {
    while (!stop_.load()) {
      std::uint64_t owed = owed_.load(std::memory_order_acquire);
      if (owed == 0) {
        std::this_thread::yield();
      } else if (owed_.compare_exchange_strong(owed, owed - 1)) {
        EXPECT_EQ(afflux_sem_release(sem_, 1), AFFLUX_OK);
      }
    }
  }

  afflux_sem* const sem_;
  std::atomic<std::uint64_t> owed_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

// Requests of one loop, each begun anew when it has completed.
class worker {
 public:
  worker(afflux_sem* sem, releasers& others, afflux_port* port, std::size_t requests)
      : sem_(sem), others_(others) {
    for (std::size_t i = 0; i < requests; ++i) all_.emplace_back(port);
  }
  void begin() {
    for (ported& p : all_) again(p);
  }
  void handle(const afflux_completion& done) {
    EXPECT_EQ(done.status, AFFLUX_OK);
    others_.give_back(1);
    ++completed_;
    again(*static_cast<ported*>(done.ctx));
  }
  // Granted at once is no completion, and takes the permit back.
  void again(ported& p) {
    afflux_status status = p.start(sem_);
    while (status == AFFLUX_OK) {
      others_.give_back(1);
      status = p.start(sem_);
    }
    EXPECT_EQ(status, AFFLUX_PENDING);
  }
  void end(port_guard& port) {
    for (ported& p : all_) p.cancel();
    // What comes too late for its cancel may still be on its way into the port.
    do {
      others_.give_back(port.drain_all().size());
    } while (afflux_port_close(port) == AFFLUX_EBUSY);
  }
  std::uint64_t completed() const { return completed_; }

 private:
  afflux_sem* const sem_;
  releasers& others_;
  std::deque<ported> all_;
  std::uint64_t completed_ = 0;
};

// How a loop sleeps and drains.
enum class style { single_drains, to_zero };

void run_loop(worker& w, port_guard& port, style how, std::uint64_t until) {
  w.begin();
  std::array<afflux_completion, 3> done;
  while (w.completed() < until) {
    port.sleep();
    std::size_t n = 0;
    do {
      n = afflux_port_drain(port, done.data(), done.size());
      for (std::size_t i = 0; i < n; ++i) w.handle(done[i]);
    } while (n != 0 && how == style::to_zero);
  }
}

void hunt(afflux_sem* sem, std::uint32_t kind, std::uint32_t flags, style how, int loops,
          std::size_t requests) {
  releasers others(sem, 2);
  std::vector<std::thread> threads;
  for (int i = 0; i < loops; ++i) {
    threads.emplace_back([&] {
      port_guard port(kind, flags);
      worker w(sem, others, port, requests);
      run_loop(w, port, how, kCompletions / static_cast<std::uint64_t>(loops));
      w.end(port);
    });
  }
  for (std::thread& each : threads) each.join();
}

TEST_P(PortWakeup, ALoopThatDrainsToZeroMissesNothing) {
  for (const std::uint32_t flags : {0u, std::uint32_t{AFFLUX_PORT_DRAINS_ALL}}) {
    const sem_guard sem(options(2));
    hunt(sem, kind(), flags, style::to_zero, 1, 4);
  }
}

TEST_P(PortWakeup, ALoopPolledByLevelMayDrainOnceAWake) {
  if (!port_guard(kind()).by_level()) GTEST_SKIP() << "not polled by level";
  const sem_guard sem(options(2));
  hunt(sem, kind(), 0, style::single_drains, 1, 8);
}

TEST_P(PortWakeup, SeveralLoopsShareOneSemaphore) {
  const sem_guard sem(options(3));
  hunt(sem, kind(), 0, style::to_zero, 4, 3);
}

#ifdef __linux__
// An edge is an edge: what is written while the loop is between two drains must not be lost.
TEST_P(PortWakeup, EdgeTriggeredEpollNeedsDrainsToZeroOnly) {
  if (kind() == AFFLUX_PORT_CALLBACK) GTEST_SKIP() << "nothing to poll";
  const sem_guard sem(options(2));
  releasers others(sem, 2);
  port_guard port(kind());
  worker w(sem, others, port, 4);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  ASSERT_GE(epoll, 0);
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLET;
  ASSERT_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, static_cast<int>(port.handle()), &wanted), 0);
  w.begin();
  while (w.completed() < kCompletions) {
    epoll_event got;
    ASSERT_EQ(epoll_wait(epoll, &got, 1, -1), 1);
    afflux_completion done;
    while (afflux_port_drain(port, &done, 1) == 1) w.handle(done);
  }
  w.end(port);
  close(epoll);
}
#endif

// The thread that drains sees what the releaser wrote (S11), although no lock is between them.
TEST_P(PortWakeup, ADrainHappensAfterTheReleaseThatCausedIt) {
  constexpr std::uint64_t kRounds = kCompletions / 4;
  const sem_guard sem(options(1));
  port_guard port(kind());
  ported p(port);
  std::atomic<std::uint64_t> round{0};
  std::uint64_t data = 0;  // written by the releaser, read after the drain
  full(sem);
  std::thread releaser([&] {
    for (std::uint64_t i = 1; i <= kRounds; ++i) {
      await([&] { return round.load(std::memory_order_acquire) == i; });
      data = i;
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  });
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 1; i <= kRounds; ++i) {
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    round.store(i, std::memory_order_release);
    port.collect(1);
    wrong += data == i ? 0u : 1u;
  }
  releaser.join();
  EXPECT_EQ(wrong, 0u);
}

INSTANTIATE_TEST_SUITE_P(Each, PortWakeup, all_port_variants(), port_variant_name);

}  // namespace
}  // namespace afflux_test
