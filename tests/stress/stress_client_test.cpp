// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Clients under threads that count and read at once: CL1 to CL3 of src/stats/client.h.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "../contract/support/client.h"
#include "../contract/support/gate.h"
#include "stress.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kThreads = 4;

// What one thread has counted, or all of them.
struct counted {
  std::array<std::uint64_t, AFFLUX_CLIENT_CLASSES> requests{};
  std::array<std::uint64_t, AFFLUX_CLIENT_PIPELINES> read{}, dropped{};
  std::array<std::uint64_t, 202> responses{};  // of 399 … 600
  std::uint64_t bytes = 0, reconnections = 0, timeouts = 0;

  void add(const counted& other) {
    for (std::size_t i = 0; i < requests.size(); ++i) requests[i] += other.requests[i];
    for (std::size_t i = 0; i < read.size(); ++i) {
      read[i] += other.read[i];
      dropped[i] += other.dropped[i];
    }
    for (std::size_t i = 0; i < responses.size(); ++i) responses[i] += other.responses[i];
    bytes += other.bytes;
    reconnections += other.reconnections;
    timeouts += other.timeouts;
  }
};

class StressClient : public seeded<testing::Test> {
 protected:
  // Runs body(thread) in kThreads threads that begin together.
  template <class Body>
  static void together(Body body) {
    latch begin(kThreads);
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        begin.arrive_and_wait();
        body(t);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

bool count_something(afflux_client* client, random_engine& random, counted& own) {
  switch (below(random, 6)) {
    case 0: {
      const std::uint64_t c = below(random, AFFLUX_CLIENT_CLASSES);
      const std::uint64_t n = below(random, 3);
      own.requests[c] += n;
      return afflux_client_count_requests(client, static_cast<std::uint32_t>(c), n) == AFFLUX_OK;
    }
    case 1: {
      const std::uint64_t n = below(random, 1 << 20);
      own.bytes += n;
      return afflux_client_count_bytes(client, n) == AFFLUX_OK;
    }
    case 2: {
      const std::uint64_t i = below(random, own.responses.size());
      ++own.responses[i];
      return afflux_client_count_response(client, static_cast<std::uint32_t>(399 + i)) == AFFLUX_OK;
    }
    case 3: {
      const std::uint64_t p = below(random, AFFLUX_CLIENT_PIPELINES);
      const std::uint64_t read = below(random, 10);
      const std::uint64_t dropped = below(random, read + 1);
      own.read[p] += read;
      own.dropped[p] += dropped;
      return afflux_client_count_lines(client, static_cast<std::uint32_t>(p), read, dropped) ==
             AFFLUX_OK;
    }
    case 4:
      ++own.reconnections;
      return afflux_client_count_reconnection(client) == AFFLUX_OK;
    default:
      ++own.timeouts;
      return afflux_client_count_timeout(client) == AFFLUX_OK;
  }
}

// Reads while others count: nothing goes back, and CL2.
void watch(const client_guard& client, const std::atomic<bool>& over) {
  afflux_client_summary_t before = zero_summary();
  while (!over.load(std::memory_order_relaxed)) {
    const afflux_client_summary_t s = client.summary();
    ASSERT_GE(s.requests[0], before.requests[0]);
    ASSERT_GE(s.bytes, before.bytes);
    ASSERT_GE(s.responses_4xx, before.responses_4xx);
    ASSERT_GE(s.responses_5xx, before.responses_5xx);
    ASSERT_GE(s.responses_other, before.responses_other);
    for (int p = 0; p < AFFLUX_CLIENT_PIPELINES; ++p) {
      ASSERT_GE(s.lines_read[p], before.lines_read[p]);
      ASSERT_LE(s.lines_dropped[p], s.lines_read[p]);
    }
    ASSERT_LE(s.drop_rate, s.peak_drop_rate);
    ASSERT_LE(s.peak_drop_rate, 1.0);
    ASSERT_GE(s.peak_drop_rate, before.peak_drop_rate);
    before = s;
  }
}

void expect_exactly(const client_guard& client, const counted& all) {
  const afflux_client_summary_t s = client.summary();
  for (std::size_t c = 0; c < AFFLUX_CLIENT_CLASSES; ++c) EXPECT_EQ(s.requests[c], all.requests[c]);
  EXPECT_EQ(s.bytes, all.bytes);
  std::uint64_t of_4xx = 0;
  std::uint64_t of_5xx = 0;
  for (std::uint32_t code = 400; code < 600; ++code) {
    const std::uint64_t n = all.responses[code - 399];
    EXPECT_EQ(afflux_client_responses(client, code), n) << code;
    (code < 500 ? of_4xx : of_5xx) += n;
  }
  EXPECT_EQ(s.responses_4xx, of_4xx);
  EXPECT_EQ(s.responses_5xx, of_5xx);
  EXPECT_EQ(s.responses_other, all.responses.front() + all.responses.back());
  EXPECT_EQ(s.reconnections, all.reconnections);
  EXPECT_EQ(s.timeouts, all.timeouts);
  for (std::size_t p = 0; p < AFFLUX_CLIENT_PIPELINES; ++p) {
    EXPECT_EQ(s.lines_read[p], all.read[p]);
    EXPECT_EQ(s.lines_dropped[p], all.dropped[p]);
  }
}

TEST_F(StressClient, CountsExactly) {
  std::uint64_t rounds = 0;
  do {
    const client_guard client;
    std::array<counted, kThreads> own;
    std::atomic<bool> over{false};
    std::thread watcher([&] { watch(client, over); });
    together([&](std::uint64_t t) {
      random_engine random = engine(t + kThreads * rounds);
      bool right = true;
      for (int i = 0; i < 5000; ++i) right &= count_something(client, random, own[t]);
      EXPECT_TRUE(right);
    });
    over.store(true);
    watcher.join();
    counted all;
    for (const counted& each : own) all.add(each);
    expect_exactly(client, all);
    ++rounds;
  } while (time_left() && !HasFailure());
}

TEST_F(StressClient, AddsAllOfAnyNumberOfThreads) {
  constexpr std::uint64_t kEach = 100'000;
  const client_guard client;
  together([&](std::uint64_t) {
    for (std::uint64_t i = 0; i < kEach; ++i) afflux_client_count_requests(client, 1, 1);
  });
  EXPECT_EQ(client.summary().requests[1], kThreads * kEach);
}

// CL1, where it is hard: several threads are the first to count the same code.
TEST_F(StressClient, SumsHaveWhatTheirReaderHasCounted) {
  std::uint64_t rounds = 0;
  while (time_left() && !HasFailure()) {
    std::vector<std::unique_ptr<client_guard>> clients;
    for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<client_guard>());
    together([&](std::uint64_t) {
      for (const auto& client : clients) {
        afflux_client_count_response(*client, 404);
        EXPECT_GE(client->summary().responses_4xx, 1u);
      }
    });
    for (const auto& client : clients) EXPECT_EQ(client->summary().responses_4xx, kThreads);
    ++rounds;
  }
  std::printf("%llu rounds\n", static_cast<unsigned long long>(rounds));
}

// Every other line is dropped, by each call: at no moment were more.
TEST_F(StressClient, ThePeakIsNeverAboveWhatTheRateHasBeen) {
  while (time_left() && !HasFailure()) {
    const client_guard client;
    together([&](std::uint64_t t) {
      const auto pipeline = static_cast<std::uint32_t>(t % AFFLUX_CLIENT_PIPELINES);
      for (std::uint64_t i = 1; i <= 2000; ++i) {
        afflux_client_count_lines(client, pipeline, 2 * i, i);
      }
    });
    EXPECT_EQ(client.summary().drop_rate, 0.5);
    EXPECT_EQ(client.summary().peak_drop_rate, 0.5);
  }
}

// CL3.
TEST_F(StressClient, TheBytesAreTheLastOfEachRun) {
  const client_guard client;
  std::uint64_t expected = 0;
  for (std::uint64_t run = 0; time_left() && !HasFailure(); ++run) {
    ASSERT_EQ(afflux_client_begin_run(client), AFFLUX_OK);
    together([&](std::uint64_t t) {
      random_engine random = engine(t + kThreads * run);
      for (int i = 0; i < 1000; ++i) {
        afflux_client_set_run_bytes(client, below(random, 1 << 30));
        afflux_client_count_bytes(client, 1);
      }
    });
    ASSERT_EQ(afflux_client_set_run_bytes(client, run), AFFLUX_OK);
    expected += kThreads * 1000 + run;
    EXPECT_EQ(client.summary().bytes, expected);
  }
}

TEST_F(StressClient, LivesUntilTheLastOfItsOwners) {
  while (time_left() && !HasFailure()) {
    client_guard client;
    for (std::uint64_t t = 0; t < kThreads; ++t) afflux_client_ref(client);
    afflux_client* const shared = client.get();
    client.reset();
    together([shared](std::uint64_t) {
      EXPECT_EQ(afflux_client_count_timeout(shared), AFFLUX_OK);
      afflux_client_unref(shared);
    });
  }
}

}  // namespace
}  // namespace afflux_test
