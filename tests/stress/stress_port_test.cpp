// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Loops over ports under threads that release, while they cancel and time out at random. The
// oracle: never more in than the limit allows (S1), every request ends exactly once (S3), nothing
// is held in the end (S2). A ring that is lost shows as a hang, which the watchdog ends.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "../contract/support/port.h"
#include "stress.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kLimit = 6;
constexpr std::size_t kRequests = 12;

// What was granted and not yet given back, and who gives it back.
class ledger {
 public:
  explicit ledger(afflux_sem* sem) : sem_(sem) {}
  void granted(std::uint64_t permits) {
    if (in_.fetch_add(permits) + permits > kLimit) wrong_.fetch_add(1);
    owed_.fetch_add(permits);
  }
  // Gives some back, if there are any.
  bool give_back(random_engine& random) {
    std::uint64_t owed = owed_.load();
    if (owed == 0) return false;
    const std::uint64_t n = 1 + below(random, owed);
    if (!owed_.compare_exchange_strong(owed, owed - n)) return true;
    in_.fetch_sub(n);
    if (afflux_sem_release(sem_, n) != AFFLUX_OK) wrong_.fetch_add(1);
    return true;
  }
  std::uint64_t wrong() const { return wrong_.load(); }

 private:
  afflux_sem* const sem_;
  std::atomic<std::uint64_t> in_{0};
  std::atomic<std::uint64_t> owed_{0};
  std::atomic<std::uint64_t> wrong_{0};
};

// One loop: its port, its requests, its random numbers.
class loop {
 public:
  loop(afflux_sem* sem, ledger& book, std::uint32_t kind, std::uint32_t flags, random_engine random)
      : sem_(sem), book_(book), port_(kind, flags), random_(random) {
    for (std::size_t i = 0; i < kRequests; ++i) all_.emplace_back(port_, i);
    waits_.resize(kRequests);
  }

  void begin(std::size_t which) {
    ported& p = all_[which];
    p.request.permits = 1 + below(random_, 3);
    p.request.priority = static_cast<std::uint32_t>(below(random_, 4));
    p.request.timeout_ns = below(random_, 4) == 0
                               ? static_cast<std::int64_t>(1 + below(random_, 3000000))
                               : std::int64_t{AFFLUX_FOREVER};
    const afflux_status status = p.start(sem_);
    if (status == AFFLUX_OK) {
      book_.granted(p.request.permits);
    } else if (status == AFFLUX_PENDING) {
      waits_[which] = true;
      ++pending_;
    } else {
      ADD_FAILURE() << status;
    }
  }
  void begin_some() {
    for (std::size_t i = 0; i < kRequests; ++i) {
      if (!waits_[i] && below(random_, 2) == 0) begin(i);
    }
  }
  void cancel_some(bool all) {
    for (std::size_t i = 0; i < kRequests; ++i) {
      if (!waits_[i] || (!all && below(random_, 8) != 0)) continue;
      if (all_[i].cancel() == AFFLUX_OK) ended(i);
    }
  }
  // Sleeps only while something is to come, as a loop does.
  void drain(bool to_zero) {
    std::array<afflux_completion, 4> done;
    std::size_t n = 0;
    do {
      n = afflux_port_drain(port_, done.data(), 1 + below(random_, done.size()));
      for (std::size_t i = 0; i < n; ++i) take(done[i]);
    } while (n != 0 && (to_zero || below(random_, 4) != 0));
  }
  void sleep() {
    if (pending_ != 0) port_.sleep();
  }
  void end() {
    cancel_some(true);
    while (pending_ != 0) drain(true);
    EXPECT_TRUE(port_.drain_all().empty());
    await([this] { return afflux_port_pending(port_) == 0; });
    EXPECT_EQ(afflux_port_close(port_), AFFLUX_OK);
  }
  bool by_level() const { return port_.by_level(); }
  std::uint64_t wrong() const { return wrong_; }
  std::uint64_t drained() const { return drained_; }

 private:
  void take(const afflux_completion& done) {
    ++drained_;
    const auto which = static_cast<std::size_t>(done.user_data);
    if (which >= kRequests || !waits_[which] || done.ctx != &all_[which]) {
      ++wrong_;
      return;
    }
    if (done.status == AFFLUX_OK) {
      book_.granted(all_[which].request.permits);
    } else if (done.status != AFFLUX_ETIMEDOUT && done.status != AFFLUX_ECLOSED) {
      ++wrong_;
    }
    ended(which);
  }
  void ended(std::size_t which) {
    waits_[which] = false;
    --pending_;
  }

  afflux_sem* const sem_;
  ledger& book_;
  port_guard port_;
  random_engine random_;
  std::deque<ported> all_;
  std::vector<bool> waits_;  // begun, and not ended as far as this thread knows
  std::uint64_t pending_ = 0;
  std::uint64_t drained_ = 0;
  std::uint64_t wrong_ = 0;
};

class StressPort : public stress {};

// Half of the loops sleep between two turns, the others are always awake; by level, some drain
// once a wake, so that the rest must go on showing.
TEST_P(StressPort, LoopsReleasersCancelsAndTimeoutsLoseNothing) {
  const std::vector<std::uint32_t> heard = loop_kinds();
  const std::vector<std::uint32_t> kinds = {heard.front(), heard.back(), AFFLUX_PORT_CALLBACK,
                                            AFFLUX_PORT_CALLBACK};
  const sem_guard sem(options(kLimit));
  ledger book(sem);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> drained{0};
  std::vector<std::thread> loops, releasers;
  for (std::uint64_t t = 0; t < kinds.size(); ++t) {
    loops.emplace_back([&, t] {
      random_engine random = engine(t);
      loop mine(sem, book, kinds[t], t % 2 == 0 ? 0u : std::uint32_t{AFFLUX_PORT_DRAINS_ALL},
                engine(50 + t));
      while (time_left()) {
        mine.begin_some();
        // What is not polled by level sleeps only after a drain that left nothing.
        if (!mine.by_level()) mine.drain(true);
        if (below(random, 2) == 0) mine.sleep();
        mine.drain(!mine.by_level());
        mine.cancel_some(false);
      }
      mine.end();
      EXPECT_EQ(mine.wrong(), 0u);
      drained.fetch_add(mine.drained());
    });
  }
  for (std::uint64_t t = 0; t < 2; ++t) {
    releasers.emplace_back([&, t] {
      random_engine random = engine(100 + t);
      while (!stop.load()) {
        if (!book.give_back(random)) std::this_thread::yield();
      }
      while (book.give_back(random)) {
      }
    });
  }
  for (std::thread& each : loops) each.join();
  stop.store(true);
  for (std::thread& each : releasers) each.join();
  EXPECT_EQ(book.wrong(), 0u);
  EXPECT_GT(drained.load(), 0u);
  expect_all_free(sem, kLimit);
}

// The semaphore closes under loops that sleep: each hears of every request of its own (L3).
TEST_P(StressPort, AClosingSemaphoreReachesEveryLoop) {
  std::uint64_t round = 0;
  for (; time_left(); ++round) {
    const sem_guard sem(options(1));
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    std::atomic<int> ready{0};
    std::vector<std::thread> loops;
    for (std::uint64_t t = 0; t < 3; ++t) {
      loops.emplace_back([&, t] {
        port_guard port(t == 0 ? std::uint32_t{AFFLUX_PORT_CALLBACK} : loop_kinds().back());
        std::deque<ported> mine;
        std::size_t waiting = 0;
        for (std::size_t i = 0; i < kRequests; ++i) {
          if (i == kRequests / 2) ready.fetch_add(1);
          const afflux_status status = mine.emplace_back(port, i).start(sem);
          if (status == AFFLUX_PENDING) ++waiting;
          EXPECT_TRUE(status == AFFLUX_PENDING || status == AFFLUX_ECLOSED);
        }
        const std::vector<afflux_completion> done = port.collect(waiting);
        EXPECT_EQ(done.size(), waiting);
        EXPECT_TRUE(all_are(done, AFFLUX_ECLOSED));
      });
    }
    await([&] { return ready.load() == 3; });
    EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
    for (std::thread& each : loops) each.join();
  }
  EXPECT_GT(round, 0u);
}

INSTANTIATE_TEST_SUITE_P(Each, StressPort, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
