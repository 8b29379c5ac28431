// SPDX-License-Identifier: MIT OR Apache-2.0
//
// 100,000 operations of threads that use a semaphore, are accounted to a client, count, read all of
// that, also by a registry, and come to it and go, at once: they come to an end (the watchdog tells
// when not), and nothing is lost.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "../contract/support/client.h"
#include "../contract/support/gate.h"
#include "stress.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kThreads = 10;
constexpr std::uint64_t kOperations = 100'000;
constexpr std::uint64_t kPermits = 3;

struct done {
  std::uint64_t acquired = 0, tried_in_vain = 0, requests = 0, responses = 0, read = 0, dropped = 0,
                visits = 0;
};

class StressStatus : public stress {
 protected:
  static afflux_sem_options counted() {
    afflux_sem_options o = options(kPermits);
    o.statistics = AFFLUX_STATS_FULL;
    return o;
  }

  // One operation, by dice; false if an answer was wrong.
  bool act(random_engine& random, done& own) {
    switch (below(random, 10)) {
      case 0:
      case 1:
        return acquire(1 + below(random, 2), own);
      case 2:
        return try_acquire(own);
      case 3:
        ++own.requests;
        return afflux_client_count_requests(client_, 2, 1) == AFFLUX_OK;
      case 4:
        ++own.responses;
        return afflux_client_count_response(
                   client_, static_cast<std::uint32_t>(500 + below(random, 100))) == AFFLUX_OK;
      case 5:
        own.read += 2;
        own.dropped += 1;
        return afflux_client_count_lines(client_, 0, 2, 1) == AFFLUX_OK;
      case 6:
        return read_client();
      case 7:
        return read_sem();
      case 8:
        return read_registry();
      default:
        ++own.visits;
        return visit();
    }
  }

  void expect(const done& all) const {
    afflux_sem_stats now;
    afflux_sem_stats_init(&now);
    ASSERT_EQ(afflux_sem_get_stats(sem_, &now), AFFLUX_OK);
    EXPECT_EQ(now.acquired_fast + now.acquired_after_wait, all.acquired);
    EXPECT_EQ(now.released, all.acquired);
    EXPECT_EQ(now.try_failed, all.tried_in_vain);
    EXPECT_EQ(now.queued, now.granted);
    EXPECT_EQ(now.held, 0u);
    EXPECT_EQ(now.waiters, 0u);
    const afflux_client_summary_t mine = client_.summary();
    EXPECT_EQ(mine.requests[2], all.requests);
    EXPECT_EQ(mine.responses_5xx, all.responses);
    EXPECT_EQ(mine.lines_read[0], all.read);
    EXPECT_EQ(mine.lines_dropped[0], all.dropped);
    EXPECT_EQ(mine.acquired + by_try_, all.acquired);
    // One that was granted while its own call was still queueing it has queued, but not waited.
    EXPECT_LE(mine.waits, now.queued);
    EXPECT_EQ(mine.wait_sum_ns == 0, mine.waits == 0);
    afflux_registry_summary_t together;
    afflux_registry_summary_init(&together);
    ASSERT_EQ(afflux_registry_summary(registry_, &together), AFFLUX_OK);
    EXPECT_EQ(together.clients, 1u);
    EXPECT_EQ(together.sem.released, all.acquired);
    EXPECT_EQ(together.client.requests[2], all.requests);
    EXPECT_EQ(together.client.timeouts, all.visits);
  }

  void SetUp() override {
    stress::SetUp();
    ASSERT_EQ(afflux_registry_create(&registry_), AFFLUX_OK);
    ASSERT_EQ(afflux_registry_add_sem(registry_, sem_), AFFLUX_OK);
    ASSERT_EQ(afflux_registry_add_client(registry_, client_), AFFLUX_OK);
  }
  void TearDown() override { afflux_registry_unref(registry_); }

  std::atomic<std::uint64_t> by_try_{0};  // permits that no request has named a client for

 private:
  bool acquire(std::uint64_t n, done& own) {
    afflux_request request;
    afflux_request_init(&request);
    request.permits = n;
    request.client = client_;
    afflux_permit_token permit;
    if (afflux_sem_acquire_permit(sem_, &request, AFFLUX_FOREVER, &permit) != AFFLUX_OK) {
      return false;
    }
    own.acquired += n;
    return afflux_permit_release(&permit) == AFFLUX_OK;
  }

  bool try_acquire(done& own) {
    const afflux_status status = afflux_sem_try_acquire(sem_, 1);
    if (status == AFFLUX_EAGAIN) {
      ++own.tried_in_vain;
      return true;
    }
    if (status != AFFLUX_OK) return false;
    ++own.acquired;
    by_try_.fetch_add(1);
    return afflux_sem_release(sem_, 1) == AFFLUX_OK;
  }

  bool read_client() const {
    afflux_client_summary_t s = zero_summary();
    return afflux_client_summary(client_, &s) == AFFLUX_OK && s.lines_dropped[0] <= s.lines_read[0];
  }

  bool read_sem() const {
    afflux_sem_stats now;
    afflux_sem_stats_init(&now);
    afflux_health health = {};
    afflux_histogram waits = {};
    return afflux_sem_get_stats(sem_, &now) == AFFLUX_OK && now.held <= kPermits &&
           afflux_sem_health(sem_, nullptr, &health) == AFFLUX_OK && health.healthy == 1 &&
           afflux_sem_wait_times(sem_, &waits) == AFFLUX_OK;
  }

  bool read_registry() const {
    afflux_registry_summary_t all;
    afflux_registry_summary_init(&all);
    std::size_t size = 0;
    return afflux_registry_summary(registry_, &all) == AFFLUX_OK && all.sems == 1 &&
           all.clients >= 1 && all.client.lines_dropped[0] <= all.client.lines_read[0] &&
           afflux_registry_print(registry_, nullptr, nullptr, 0, &size) == AFFLUX_EOVERFLOW &&
           size > 0;
  }

  // Another client comes, counts and goes.
  bool visit() const {
    const client_guard other;
    return afflux_registry_add_client(registry_, other) == AFFLUX_OK &&
           afflux_client_count_timeout(other) == AFFLUX_OK &&
           afflux_registry_remove_client(registry_, other) == AFFLUX_OK;
  }

  const afflux_sem_options options_ = counted();
  const sem_guard sem_{options_};
  const client_guard client_;
  afflux_registry* registry_ = nullptr;
};

TEST_P(StressStatus, AHundredThousandOperationsEndAndNoneIsLost) {
  latch begin(kThreads);
  std::array<done, kThreads> own;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      random_engine random = engine(t);
      begin.arrive_and_wait();
      bool right = true;
      for (std::uint64_t i = 0; i < kOperations / kThreads; ++i) right &= act(random, own[t]);
      EXPECT_TRUE(right);
    });
  }
  for (std::thread& thread : threads) thread.join();
  done all;
  for (const done& each : own) {
    all.acquired += each.acquired;
    all.tried_in_vain += each.tried_in_vain;
    all.requests += each.requests;
    all.responses += each.responses;
    all.read += each.read;
    all.dropped += each.dropped;
    all.visits += each.visits;
  }
  expect(all);
}

INSTANTIATE_TEST_SUITE_P(All, StressStatus, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
