// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the rest of the library does with a client: requests are accounted to it, the registry
// reads it.
#include "stats/client.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace afflux::stats {
namespace {

struct release {
  void operator()(client* c) const { c->unref(); }
};
using owned = std::unique_ptr<client, release>;

afflux_client_options defaults() {
  afflux_client_options options;
  afflux_client_options_init(&options);
  return options;
}

owned make(const afflux_client_options& options = defaults()) {
  return owned(client::create(options));
}

struct accounted {
  std::uint64_t acquired, waits, wait_sum, wait_max, rejected, timed_out, canceled;
  bool operator==(const accounted&) const = default;
};

accounted of(const owned& c) {
  afflux_client_summary_t s;
  c->read(s, time::rough_now_ns());
  return {s.acquired, s.waits, s.wait_sum_ns, s.wait_max_ns, s.rejected, s.timed_out, s.canceled};
}

TEST(ClientAccount, CountsPermitsAndNoWaitForARequestThatNeverQueued) {
  const owned c = make();
  c->account(outcome::acquired, 5, -1);
  c->account(outcome::rejected, 7, -1);
  EXPECT_EQ(of(c), (accounted{5, 0, 0, 0, 1, 0, 0}));
}

TEST(ClientAccount, CountsEachOutcomeAndTheWaitsOfAll) {
  const owned c = make();
  c->account(outcome::acquired, 3, 100);
  c->account(outcome::acquired, 1, 50);
  c->account(outcome::rejected, 1, 20);
  c->account(outcome::timed_out, 1, 200);
  c->account(outcome::canceled, 1, 0);
  c->account(outcome::ended, 1, 7);
  EXPECT_EQ(of(c), (accounted{4, 6, 377, 200, 1, 1, 1}));
}

TEST(ClientNames, AreThoseGivenOrNumbers) {
  const owned plain = make();
  EXPECT_STREQ(plain->name(), "");
  const char* const numbers[] = {"0", "1", "2", "3"};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_STREQ(plain->class_name(i), numbers[i]);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_STREQ(plain->pipeline_name(i), numbers[i]);

  afflux_client_options o = defaults();
  o.name = "name";
  o.classes[0] = "";
  o.classes[2] = "manifest";
  o.pipelines[1] = "errors";
  const owned named = make(o);
  EXPECT_STREQ(named->name(), "name");
  const char* const classes[] = {"", "1", "manifest", "3"};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_STREQ(named->class_name(i), classes[i]);
  EXPECT_STREQ(named->pipeline_name(0), "0");
  EXPECT_STREQ(named->pipeline_name(1), "errors");
}

TEST(ClientRegistration, IsNullAtFirst) { EXPECT_EQ(make()->registration.load(), 0u); }

TEST(ClientRead, LeavesTheSizeOfTheStructAlone) {
  const owned c = make();
  afflux_client_summary_t s;
  s.struct_size = 17;
  c->read(s, time::rough_now_ns());
  EXPECT_EQ(s.struct_size, 17u);
}

}  // namespace
}  // namespace afflux::stats
