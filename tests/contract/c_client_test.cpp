// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a client counts, and what the numbers of its summary mean.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>

#include "support/client.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kLongest = std::numeric_limits<std::int64_t>::max();

// ---- counts

TEST(Client, CountsEachThingApart) {
  const client_guard client;
  for (std::uint32_t c = 0; c < AFFLUX_CLIENT_CLASSES; ++c) {
    EXPECT_EQ(afflux_client_count_requests(client, c, 10 + c), AFFLUX_OK);
    EXPECT_EQ(afflux_client_count_requests(client, c, 0), AFFLUX_OK);
  }
  EXPECT_EQ(afflux_client_count_bytes(client, 1ull << 40), AFFLUX_OK);
  EXPECT_EQ(afflux_client_count_reconnection(client), AFFLUX_OK);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(afflux_client_count_timeout(client), AFFLUX_OK);
  EXPECT_EQ(afflux_client_count_lines(client, 0, 5, 0), AFFLUX_OK);
  EXPECT_EQ(afflux_client_count_lines(client, 1, 7, 3), AFFLUX_OK);
  afflux_client_summary_t expected = zero_summary();
  for (std::uint32_t c = 0; c < AFFLUX_CLIENT_CLASSES; ++c) expected.requests[c] = 10 + c;
  expected.bytes = 1ull << 40;
  expected.reconnections = 1;
  expected.timeouts = 2;
  expected.lines_read[0] = 5;
  expected.lines_read[1] = 7;
  expected.lines_dropped[1] = 3;
  expected.drop_rate = expected.peak_drop_rate = 3.0 / 12.0;
  afflux_client_summary_t s = client.summary();
  s.uptime_ns = 0;
  EXPECT_EQ(std::memcmp(&s, &expected, sizeof s), 0);
}

void expect_responses(const client_guard& client, std::uint64_t of_4xx, std::uint64_t of_5xx,
                      std::uint64_t others) {
  const afflux_client_summary_t s = client.summary();
  EXPECT_EQ(s.responses_4xx, of_4xx);
  EXPECT_EQ(s.responses_5xx, of_5xx);
  EXPECT_EQ(s.responses_other, others);
}

TEST(Client, HasASlotForEachCodeFrom400To599) {
  const client_guard client;
  std::uint64_t of_4xx = 0;
  std::uint64_t of_5xx = 0;
  // Each code another number of times; sums after each, whether few slots are used or all.
  for (std::uint32_t i = 0; i < 200; ++i) {
    const std::uint32_t code = 400 + i * 77 % 200;
    for (std::uint32_t n = 0; n <= code % 7; ++n) {
      EXPECT_EQ(afflux_client_count_response(client, code), AFFLUX_OK);
      ++(code < 500 ? of_4xx : of_5xx);
    }
    expect_responses(client, of_4xx, of_5xx, 0);
  }
  for (std::uint32_t code = 400; code < 600; ++code) {
    EXPECT_EQ(afflux_client_responses(client, code), code % 7 + 1) << code;
  }
  EXPECT_EQ(afflux_client_responses(client, 200), 0u);
}

TEST(Client, CountsAllOtherCodesTogether) {
  const client_guard client;
  const std::uint32_t others[] = {0, 200, 399, 600, 65'936, 0xffffffff};
  for (const std::uint32_t code : others) {
    EXPECT_EQ(afflux_client_count_response(client, code), AFFLUX_OK);
  }
  for (const std::uint32_t code : others) EXPECT_EQ(afflux_client_responses(client, code), 6u);
  expect_responses(client, 0, 0, 6);
  for (const std::uint32_t code : {400u, 499u, 500u, 599u}) {
    EXPECT_EQ(afflux_client_responses(client, code), 0u);
  }
}

// ---- bytes over several runs

TEST(Client, KeepsTheBytesOfEarlierRuns) {
  const client_guard client;
  const auto expect = [&](std::uint64_t bytes, std::uint64_t runs) {
    EXPECT_EQ(client.summary().bytes, bytes);
    EXPECT_EQ(client.summary().runs, runs);
  };
  EXPECT_EQ(afflux_client_begin_run(client), AFFLUX_OK);
  EXPECT_EQ(afflux_client_set_run_bytes(client, 100), AFFLUX_OK);
  expect(100, 1);
  EXPECT_EQ(afflux_client_set_run_bytes(client, 250), AFFLUX_OK);
  expect(250, 1);
  EXPECT_EQ(afflux_client_begin_run(client), AFFLUX_OK);
  expect(250, 2);
  EXPECT_EQ(afflux_client_set_run_bytes(client, 30), AFFLUX_OK);
  expect(280, 2);
  EXPECT_EQ(afflux_client_set_run_bytes(client, 20), AFFLUX_OK);  // less than before: taken
  expect(270, 2);
  EXPECT_EQ(afflux_client_count_bytes(client, 5), AFFLUX_OK);  // on top
  expect(275, 2);
  EXPECT_EQ(afflux_client_begin_run(client), AFFLUX_OK);
  EXPECT_EQ(afflux_client_begin_run(client), AFFLUX_OK);  // one that had none
  expect(275, 4);
  EXPECT_EQ(afflux_client_set_run_bytes(client, 1), AFFLUX_OK);
  expect(276, 4);
}

TEST(Client, TakesRunBytesBeforeTheFirstRun) {
  const client_guard client;
  EXPECT_EQ(afflux_client_set_run_bytes(client, 40), AFFLUX_OK);
  EXPECT_EQ(client.summary().bytes, 40u);
  EXPECT_EQ(afflux_client_begin_run(client), AFFLUX_OK);
  EXPECT_EQ(afflux_client_set_run_bytes(client, 2), AFFLUX_OK);
  EXPECT_EQ(client.summary().bytes, 42u);
}

// ---- lines

TEST(Client, FollowsThePeakOfTheDropRateOfBothPipelines) {
  const client_guard client;
  const auto expect = [&](double rate, double peak) {
    EXPECT_EQ(client.summary().drop_rate, rate);
    EXPECT_EQ(client.summary().peak_drop_rate, peak);
  };
  EXPECT_EQ(afflux_client_count_lines(client, 0, 0, 0), AFFLUX_OK);
  expect(0, 0);
  EXPECT_EQ(afflux_client_count_lines(client, 0, 6, 0), AFFLUX_OK);
  expect(0, 0);
  EXPECT_EQ(afflux_client_count_lines(client, 1, 2, 2), AFFLUX_OK);
  expect(2.0 / 8, 2.0 / 8);
  EXPECT_EQ(afflux_client_count_lines(client, 0, 8, 0), AFFLUX_OK);
  expect(2.0 / 16, 2.0 / 8);
  EXPECT_EQ(afflux_client_count_lines(client, 0, 4, 1), AFFLUX_OK);  // higher, but no peak
  expect(3.0 / 20, 2.0 / 8);
  EXPECT_EQ(afflux_client_count_lines(client, 0, 12, 12), AFFLUX_OK);
  expect(15.0 / 32, 15.0 / 32);
}

TEST(Client, DropsAllThereWas) {
  const client_guard client;
  EXPECT_EQ(afflux_client_count_lines(client, 1, 3, 3), AFFLUX_OK);
  EXPECT_EQ(client.summary().drop_rate, 1.0);
  EXPECT_EQ(client.summary().peak_drop_rate, 1.0);
}

// ---- speed, stall, drift

TEST(Client, StallsAtOnceWhenItMayNotBeSlowAtAll) {
  afflux_client_options o = client_options();
  o.stall_after_ns = 0;
  const client_guard client(&o);
  EXPECT_EQ(client.summary().stalled, 0u);  // no speed yet
  const auto expect = [&](double speed, std::uint32_t stalled) {
    EXPECT_EQ(afflux_client_set_speed(client, speed), AFFLUX_OK);
    EXPECT_EQ(client.summary().speed, speed);
    EXPECT_EQ(client.summary().stalled, stalled) << speed;
  };
  expect(0.9, 0);
  expect(0.89, 1);
  expect(0, 1);
  expect(1.02, 0);
  expect(0, 1);
  expect(kInfinity, 0);
  expect(0.5, 1);
  EXPECT_EQ(afflux_client_begin_run(client), AFFLUX_OK);
  EXPECT_EQ(client.summary().stalled, 0u);
  EXPECT_EQ(client.summary().speed, 0.0);
}

TEST(Client, StallsOnlyAfterItsTime) {
  afflux_client_options o = client_options();
  o.stall_after_ns = 3 * kMillisecond;
  const client_guard client(&o);
  const std::int64_t before = now_ns();
  EXPECT_EQ(afflux_client_set_speed(client, 0.1), AFFLUX_OK);
  const std::int64_t slow = now_ns();
  bool stalled = false;
  do {
    const std::int64_t asked = now_ns();
    EXPECT_EQ(afflux_client_set_speed(client, 0.2), AFFLUX_OK);  // it goes on, not begins
    stalled = client.summary().stalled == 1;
    if (stalled) {
      EXPECT_GE(now_ns() - before, o.stall_after_ns);
    } else {
      EXPECT_LT(asked - slow, o.stall_after_ns);
    }
  } while (!stalled);
}

TEST(Client, ABetterSpeedBeginsTheTimeAnew) {
  afflux_client_options o = client_options();
  o.stall_after_ns = 3600 * 1000 * kMillisecond;
  for (const std::int64_t after : {o.stall_after_ns, kLongest}) {
    o.stall_after_ns = after;
    const client_guard client(&o);
    for (const double speed : {0.1, 1.0, 0.1}) {
      EXPECT_EQ(afflux_client_set_speed(client, speed), AFFLUX_OK);
      EXPECT_EQ(client.summary().stalled, 0u);
    }
  }
}

TEST(Client, NeverStallsWithoutASpeedToStayBelow) {
  afflux_client_options o = client_options();
  o.stall_after_ns = 0;
  o.stall_speed = 0;
  const client_guard client(&o);
  EXPECT_EQ(afflux_client_set_speed(client, 0), AFFLUX_OK);
  EXPECT_EQ(client.summary().stalled, 0u);
}

TEST(Client, DriftsByWhatItLagsBehindTheClock) {
  const std::int64_t before = now_ns();
  const client_guard client;
  const std::int64_t created = now_ns();
  const std::int64_t asked = now_ns();
  EXPECT_EQ(afflux_client_set_position(client, 0), AFFLUX_OK);
  const afflux_client_summary_t first = client.summary();
  EXPECT_GE(first.drift_ns, asked - created);
  EXPECT_LE(first.drift_ns, now_ns() - before);
  EXPECT_EQ(first.max_drift_ns, first.drift_ns);
  EXPECT_EQ(client.summary().drift_ns, first.drift_ns);  // as of then

  EXPECT_EQ(afflux_client_set_position(client, kLongest), AFFLUX_OK);
  const afflux_client_summary_t ahead = client.summary();
  EXPECT_GE(ahead.drift_ns, -kLongest);
  EXPECT_LT(ahead.drift_ns, 0);
  EXPECT_EQ(ahead.max_drift_ns, first.max_drift_ns);
}

TEST(Client, BeginsEachRunWithoutDrift) {
  const client_guard client;
  pass_time(kMillisecond);
  EXPECT_EQ(afflux_client_set_position(client, 0), AFFLUX_OK);
  EXPECT_GE(client.summary().drift_ns, kMillisecond);
  const std::int64_t before = now_ns();
  EXPECT_EQ(afflux_client_begin_run(client), AFFLUX_OK);
  EXPECT_EQ(client.summary().drift_ns, 0);
  EXPECT_EQ(client.summary().max_drift_ns, 0);
  EXPECT_EQ(afflux_client_set_position(client, 0), AFFLUX_OK);
  EXPECT_LE(client.summary().drift_ns, now_ns() - before);
  EXPECT_EQ(afflux_client_begin_run(client), AFFLUX_OK);
  EXPECT_EQ(afflux_client_set_position(client, kLongest), AFFLUX_OK);
  EXPECT_EQ(client.summary().max_drift_ns, 0);
}

}  // namespace
}  // namespace afflux_test
