// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/redis_url.h"

#include <gtest/gtest.h>

#include <string>

namespace afflux_test {
namespace {

using afflux::fleet::parse;
using afflux::fleet::redis_url;

TEST(FleetUrl, NamesAServer) {
  redis_url u;
  std::string error;
  ASSERT_TRUE(parse("redis://example.org", u, error));
  EXPECT_EQ(u.host, "example.org");
  EXPECT_EQ(u.port, 6379);
  EXPECT_EQ(u.db, 0u);
  EXPECT_EQ(u.replicas, 0u);
  ASSERT_TRUE(parse("redis://joe:p%40ss:w@10.0.0.1:7000/5?replicas=2", u, error));
  EXPECT_EQ(u.host, "10.0.0.1");
  EXPECT_EQ(u.port, 7000);
  EXPECT_EQ(u.user, "joe");
  EXPECT_EQ(u.password, "p@ss:w");
  EXPECT_EQ(u.db, 5u);
  EXPECT_EQ(u.replicas, 2u);
  ASSERT_TRUE(parse("redis://secret@[::1]:7000/", u, error));
  EXPECT_EQ(u.host, "::1");
  EXPECT_EQ(u.port, 7000);
  EXPECT_EQ(u.user, "");
  EXPECT_EQ(u.password, "secret");
  ASSERT_TRUE(parse("redis://:secret@h", u, error));
  EXPECT_EQ(u.user, "");
  EXPECT_EQ(u.password, "secret");
}

TEST(FleetUrl, NamesASocket) {
  redis_url u;
  std::string error;
  ASSERT_TRUE(parse("unix:///run/re%20dis.sock?db=3&user=joe&password=x", u, error));
  EXPECT_TRUE(u.is_unix);
  EXPECT_EQ(u.host, "/run/re dis.sock");
  EXPECT_EQ(u.db, 3u);
  EXPECT_EQ(u.user, "joe");
  EXPECT_EQ(u.password, "x");
}

TEST(FleetUrl, NamesNoSocketWithAPathThatWouldBeCut) {
  redis_url u;
  std::string error;
  const std::string longest = "/" + std::string(106, 'a');  // sockaddr_un
  ASSERT_TRUE(parse("unix://" + longest, u, error)) << error;
  EXPECT_EQ(u.host, longest);
  EXPECT_FALSE(parse("unix://" + longest + "b", u, error));
  EXPECT_NE(error.find("longer"), error.npos) << error;
}

TEST(FleetUrl, IsRefusedWhereItIsMalformed) {
  for (const char* text : {"",
                           "redis",
                           "redis://",
                           "redis://:6379",
                           "redis://h:0",
                           "redis://h:65536",
                           "redis://h:x",
                           "redis://h/x",
                           "redis://h/1000001",
                           "redis://[::1",
                           "redis://h?replicas",
                           "redis://h?x=1",
                           "redis://h?replicas=-1",
                           "redis://a%2@h",
                           "redis://a%zz@h",
                           "redis://a%00@h",
                           "unix://a/b",
                           "unix:///a%2",
                           "http://h",
                           "redis://h?replicas=1&replicas=2",
                           "redis://h/2?db=3",
                           "redis://h/2?db=2",
                           "redis://joe:x@h?user=joe",
                           "redis://x@h?password=x"}) {
    redis_url u;
    std::string error;
    EXPECT_FALSE(parse(text, u, error)) << text;
    EXPECT_FALSE(error.empty()) << text;
  }
}

TEST(FleetUrl, ErrorsDoNotTellThePassword) {
  redis_url u;
  std::string error;
  EXPECT_FALSE(parse("redis://joe:secret@h:x?password=secret", u, error));
  EXPECT_EQ(error.find("secret"), error.npos);
  EXPECT_FALSE(parse("redis://h?password=%0", u, error));
  EXPECT_EQ(error.find("%0"), error.npos);
}

}  // namespace
}  // namespace afflux_test
