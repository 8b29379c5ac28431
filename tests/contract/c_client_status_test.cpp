// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The client's statuses: every one that its calls document, provoked. What the numbers mean is in
// c_client_test.cpp.
//
//   client_options_init, summary_init   OK EINVAL        ClientInit.*
//   client_create                       OK               all
//                                       EINVAL ENOTSUP   ClientCreate.*
//                                       ENOMEM           ClientCreate.AnswersEnomem…
//   client_ref, _unref, _name, _responses   NULL         Client.TheRest…
//   counting calls                      OK               c_client_test
//                                       EINVAL           Client.CountingCallsRefuse…
//   client_summary                      OK EINVAL        ClientSummary.*
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <string>

#include "support/client.h"
#include "support/faults.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// ---- init

TEST(ClientInit, SetsTheDefaultsAndRefusesNull) {
  afflux_client_options o;
  std::memset(&o, 0xa5, sizeof o);
  EXPECT_EQ(afflux_client_options_init(&o), AFFLUX_OK);
  EXPECT_EQ(o.struct_size, sizeof o);
  EXPECT_EQ(o.reserved, 0u);
  EXPECT_EQ(o.name, nullptr);
  for (const char* const name : o.classes) EXPECT_EQ(name, nullptr);
  for (const char* const name : o.pipelines) EXPECT_EQ(name, nullptr);
  EXPECT_EQ(o.stall_speed, 0.9);
  EXPECT_EQ(o.stall_after_ns, 5'000'000'000);
  EXPECT_EQ(afflux_client_options_init(nullptr), AFFLUX_EINVAL);
}

TEST(ClientInit, OfASummarySetsItsSizeAlone) {
  afflux_client_summary_t s;
  std::memset(&s, 0xa5, sizeof s);
  EXPECT_EQ(afflux_client_summary_init(&s), AFFLUX_OK);
  afflux_client_summary_t expected = {};
  expected.struct_size = sizeof expected;
  EXPECT_EQ(std::memcmp(&s, &expected, sizeof s), 0);
  EXPECT_EQ(afflux_client_summary_init(nullptr), AFFLUX_EINVAL);
}

// ---- create

void expect_refused(const afflux_client_options& o, afflux_status status) {
  auto* const untouched = reinterpret_cast<afflux_client*>(const_cast<afflux_client_options*>(&o));
  afflux_client* client = untouched;
  EXPECT_EQ(afflux_client_create(&o, &client), status);
  EXPECT_EQ(client, untouched);
}

TEST(ClientCreate, RefusesBadOptionsAndWritesNothing) {
  const afflux_client_options good = client_options();
  EXPECT_EQ(afflux_client_create(&good, nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_client_create(nullptr, nullptr), AFFLUX_EINVAL);
  const std::function<void(afflux_client_options&)> spoilers[] = {
      [](auto& o) { o.reserved = 1; },
      [](auto& o) { o.stall_speed = -0.1; },
      [](auto& o) { o.stall_speed = -kInfinity; },
      [](auto& o) { o.stall_speed = kNaN; },
      [](auto& o) { o.stall_after_ns = -1; },
      [](auto& o) { o.stall_after_ns = std::numeric_limits<std::int64_t>::min(); },
      [](auto& o) { o.struct_size = 0; },
      [](auto& o) { o.struct_size = offsetof(afflux_client_options, name) - 1; }};
  for (const auto& spoil : spoilers) {
    afflux_client_options bad = good;
    spoil(bad);
    expect_refused(bad, AFFLUX_EINVAL);
  }
}

struct longer_options {
  afflux_client_options known = client_options();
  std::uint64_t beyond = 0;
};

TEST(ClientCreate, RefusesWhatItDoesNotKnow) {
  longer_options longer;
  longer.known.struct_size = sizeof longer;
  longer.beyond = 1;
  expect_refused(longer.known, AFFLUX_ENOTSUP);
  longer.beyond = 0;
  const client_guard client(&longer.known);
  EXPECT_NE(client.get(), nullptr);
}

TEST(ClientCreate, TakesTheDefaultsForWhatAShorterStructLacks) {
  afflux_client_options o = client_options();
  o.name = "named";
  o.stall_speed = kNaN;  // beyond the struct's end: not read
  o.stall_after_ns = -1;
  for (const std::size_t size :
       {offsetof(afflux_client_options, stall_speed), offsetof(afflux_client_options, pipelines),
        offsetof(afflux_client_options, classes) + sizeof o.name,
        offsetof(afflux_client_options, classes) + 1}) {
    o.struct_size = static_cast<std::uint32_t>(size);
    const client_guard client(&o);
    EXPECT_STREQ(afflux_client_name(client), "named") << size;
  }
  o.struct_size = offsetof(afflux_client_options, name);
  EXPECT_STREQ(afflux_client_name(client_guard(&o)), "");
}

TEST(ClientCreate, CopiesTheNames) {
  std::string name = "tenant \xc3\xa4 17";
  std::string other = "reads";
  afflux_client_options o = client_options();
  o.name = name.c_str();
  for (const char*& each : o.classes) each = other.c_str();
  for (const char*& each : o.pipelines) each = other.c_str();
  const client_guard client(&o);
  const std::string copy = name;
  name.assign(name.size(), 'x');
  EXPECT_EQ(afflux_client_name(client), copy);
  EXPECT_STREQ(afflux_client_name(client_guard()), "");
}

TEST(ClientCreate, AnswersEnomemForEveryAllocationThatFails) {
  afflux_client_options o = client_options();
  o.name = "named";
  for (std::uint64_t n = 1;; ++n) {
    afflux_client* client = nullptr;
    const std::int64_t live = live_allocations();
    fail_allocation(n);
    const afflux_status status = afflux_client_create(&o, &client);
    const bool failed = allocation_failed();
    fail_allocation(0);
    EXPECT_EQ(status, failed ? AFFLUX_ENOMEM : AFFLUX_OK) << n;
    EXPECT_EQ(client == nullptr, failed) << n;
    afflux_client_unref(client);
    EXPECT_EQ(live_allocations(), live) << n;
    if (failed) continue;
    EXPECT_GT(n, 1u) << "the library's allocations do not reach this program's operator new";
    return;
  }
}

// ---- references, NULL

TEST(Client, TheLastReferenceFrees) {
  const std::int64_t live = live_allocations();
  client_guard client;
  EXPECT_EQ(afflux_client_ref(client), client.get());
  afflux_client_unref(client);
  EXPECT_EQ(afflux_client_count_bytes(client, 1), AFFLUX_OK);
  client.reset();
  EXPECT_EQ(live_allocations(), live);
}

TEST(Client, TheRestTakesNull) {
  EXPECT_EQ(afflux_client_ref(nullptr), nullptr);
  afflux_client_unref(nullptr);
  EXPECT_STREQ(afflux_client_name(nullptr), "");
  EXPECT_EQ(afflux_client_responses(nullptr, 404), 0u);
}

TEST(Client, CountingCallsRefuseNullAndBadNumbersAndCountNothing) {
  const client_guard client;
  const afflux_client_summary_t before = client.summary();
  EXPECT_EQ(afflux_client_count_requests(nullptr, 0, 1), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_client_count_bytes(nullptr, 1), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_client_set_run_bytes(nullptr, 1), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_client_begin_run(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_client_count_response(nullptr, 404), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_client_count_reconnection(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_client_count_timeout(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_client_count_lines(nullptr, 0, 1, 0), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_client_set_speed(nullptr, 1), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_client_set_position(nullptr, 1), AFFLUX_EINVAL);
  for (const std::uint32_t bad : {4u, 0xffffffffu}) {
    EXPECT_EQ(afflux_client_count_requests(client, bad, 1), AFFLUX_EINVAL);
  }
  for (const std::uint32_t bad : {2u, 0xffffffffu}) {
    EXPECT_EQ(afflux_client_count_lines(client, bad, 1, 0), AFFLUX_EINVAL);
  }
  EXPECT_EQ(afflux_client_count_lines(client, 0, 1, 2), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_client_count_lines(client, 0, 0, 1), AFFLUX_EINVAL);
  for (const double bad : {-0.1, -kInfinity, kNaN}) {
    EXPECT_EQ(afflux_client_set_speed(client, bad), AFFLUX_EINVAL);
  }
  EXPECT_EQ(afflux_client_set_position(client, -1), AFFLUX_EINVAL);
  afflux_client_summary_t after = client.summary();
  after.uptime_ns = before.uptime_ns;
  EXPECT_EQ(std::memcmp(&after, &before, sizeof after), 0);
}

// ---- the summary's struct

TEST(ClientSummary, RefusesNullAndShortStructsAndWritesNothing) {
  const client_guard client;
  afflux_client_summary_t s;
  EXPECT_EQ(afflux_client_summary(client, nullptr), AFFLUX_EINVAL);
  std::memset(&s, 0xa5, sizeof s);
  const afflux_client_summary_t untouched = s;
  EXPECT_EQ(afflux_client_summary(nullptr, &s), AFFLUX_EINVAL);
  EXPECT_EQ(std::memcmp(&s, &untouched, sizeof s), 0);
  for (const std::size_t size : {std::size_t{1}, std::size_t{4}, sizeof s - 1}) {
    s.struct_size = static_cast<std::uint32_t>(size);
    EXPECT_EQ(afflux_client_summary(client, &s), AFFLUX_EINVAL) << size;
    EXPECT_EQ(s.struct_size, size);
    EXPECT_EQ(std::memcmp(&s.stalled, &untouched.stalled,
                          sizeof s - offsetof(afflux_client_summary_t, stalled)),
              0);
  }
}

TEST(ClientSummary, FillsWhatItKnowsAndTellsHowMuch) {
  const client_guard client;
  ASSERT_EQ(afflux_client_count_bytes(client, 7), AFFLUX_OK);
  struct {
    afflux_client_summary_t known;
    std::uint64_t beyond;
  } longer;
  for (const std::size_t size : {std::size_t{0}, sizeof longer.known, sizeof longer}) {
    std::memset(&longer, 0xa5, sizeof longer);
    longer.known.struct_size = static_cast<std::uint32_t>(size);
    EXPECT_EQ(afflux_client_summary(client, &longer.known), AFFLUX_OK);
    EXPECT_EQ(longer.known.struct_size, sizeof longer.known);
    EXPECT_EQ(longer.known.bytes, 7u);
    EXPECT_EQ(longer.known.canceled, 0u);
    EXPECT_EQ(longer.beyond, 0xa5a5a5a5a5a5a5a5u);
  }
}

TEST(ClientSummary, OfANewClientIsZeroButForItsAge) {
  constexpr std::int64_t kTick = 16 * kMillisecond;
  const std::int64_t before = now_ns();
  const client_guard client;
  const std::int64_t created = now_ns();
  pass_time(kTick + 5 * kMillisecond);
  const std::int64_t asked = now_ns();
  afflux_client_summary_t s = client.summary();
  EXPECT_GE(s.uptime_ns, asked - created - kTick);
  EXPECT_LE(s.uptime_ns, now_ns() - before + kTick);
  s.uptime_ns = 0;
  const afflux_client_summary_t expected = zero_summary();
  EXPECT_EQ(std::memcmp(&s, &expected, sizeof s), 0);
}

// ---- no memory needed

TEST(Client, NeedsMemoryForNothingButCreate) {
  const client_guard client;
  bool right = true;
  afflux_client_summary_t s = zero_summary();
  count_allocations();
  for (std::uint32_t code = 399; code <= 600; ++code) {
    right &= afflux_client_count_response(client, code) == AFFLUX_OK;
  }
  right &= afflux_client_count_requests(client, 0, 1) == AFFLUX_OK;
  right &= afflux_client_count_bytes(client, 1) == AFFLUX_OK;
  right &= afflux_client_begin_run(client) == AFFLUX_OK;
  right &= afflux_client_set_run_bytes(client, 1) == AFFLUX_OK;
  right &= afflux_client_count_reconnection(client) == AFFLUX_OK;
  right &= afflux_client_count_timeout(client) == AFFLUX_OK;
  right &= afflux_client_count_lines(client, 0, 2, 1) == AFFLUX_OK;
  right &= afflux_client_set_speed(client, 0.5) == AFFLUX_OK;
  right &= afflux_client_set_position(client, 1) == AFFLUX_OK;
  right &= afflux_client_summary(client, &s) == AFFLUX_OK;
  right &= afflux_client_ref(client) == client.get();
  afflux_client_unref(client);
  const std::uint64_t allocated = allocations_counted();
  EXPECT_TRUE(right);
  EXPECT_EQ(allocated, 0u);
}

}  // namespace
}  // namespace afflux_test
