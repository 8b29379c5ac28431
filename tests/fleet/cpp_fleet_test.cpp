// SPDX-License-Identifier: MIT OR Apache-2.0
//
// fleet.hpp: it owns, and says what the C calls say.
#include <gtest/gtest.h>
#include <afflux/afflux.hpp>
#include <afflux/fleet.hpp>

#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "await.h"
#include "redis_server.h"

namespace afflux_test {
namespace {

using namespace std::chrono_literals;
using afflux::fleet;
using afflux::status;

TEST(CppFleet, ThrowsOrTellsWhyItCantBeOpened) {
  EXPECT_THROW(fleet({.url = "redis://", .name = "x"}), afflux::error);
  status why = status::ok;
  const fleet none = fleet::open({.url = "http://h", .name = "x"}, why);
  EXPECT_EQ(why, status::not_supported);
  EXPECT_FALSE(none);
  EXPECT_FALSE(none.sem());
}

TEST(CppFleet, OwnsAReference) {
  fleet a({.url = "unix:///nonexistent/afflux-fleet", .name = "x", .limit = 3, .manual = true});
  EXPECT_STREQ(a.name(), "x");
  fleet b = std::move(a);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): it is empty
  fleet c = b.share();
  EXPECT_EQ(b.handle(), c.handle());
  b = fleet::from_handle(nullptr);
  EXPECT_EQ(c.id(), c.share().id());
  std::chrono::nanoseconds next{};
  EXPECT_EQ(c.advance(next), status::ok);
  EXPECT_GT(next.count(), 0);
  EXPECT_NE(c.last_failure(), "");
  afflux_fleet_fence f;
  EXPECT_EQ(c.begin(f), status::again);
  EXPECT_EQ(c.check(f), status::canceled);
  EXPECT_EQ(c.resize(2), status::timed_out);
  EXPECT_EQ(c.expire("x"), status::timed_out);
  EXPECT_EQ(c.close(), status::again);
  EXPECT_EQ(c.close_within(0s), status::already);
}

TEST(CppFleet, LeasesForItsSemaphore) {
  if (!has_redis()) GTEST_SKIP() << "no redis-server";
  const redis_server server;
  const std::string url = server.url();
  const fleet a({.url = url.c_str(), .name = "x", .limit = 3, .refresh = 10ms, .fresh = true});
  {
    const afflux::permit p = a.sem().acquire_blocking(3);
    EXPECT_TRUE(p);
    EXPECT_FALSE(a.sem().try_acquire());
    EXPECT_EQ(a.stats().held, 3u);
    EXPECT_GT(a.fence().token, 0u);
    afflux_fleet_fence f;
    EXPECT_EQ(a.begin(f), status::ok);
    EXPECT_EQ(a.check(f), status::ok);
    f.tenure = 0;
    EXPECT_EQ(a.check(f), status::canceled);
  }
  int seen = 0;
  EXPECT_EQ(a.holders([&](const afflux_fleet_holder& h) {
    ++seen;
    EXPECT_EQ(h.id, a.id());
  }),
            status::ok);
  EXPECT_EQ(seen, 1);
  int named = 0;
  EXPECT_EQ(a.names([&](const char* name) { named += std::strcmp(name, a.name()) == 0; }),
            status::ok);
  EXPECT_EQ(named, 1);
  EXPECT_EQ(a.close_within(10s), status::ok);
}

}  // namespace
}  // namespace afflux_test
