// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/etcd_url.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fleet/base64.h"

namespace afflux_test {
namespace {

using namespace afflux::fleet;

TEST(FleetEtcdUrl, HasEndpointsAndAPrefix) {
  etcd_url u;
  std::string error;
  ASSERT_TRUE(parse("etcd://host", u, error));
  EXPECT_EQ(u.endpoints, std::vector<std::string>{"host:2379"});
  EXPECT_EQ(u.prefix, "afflux/fleet");
  EXPECT_FALSE(u.is_tls);
  ASSERT_TRUE(parse("etcds://me:p%40ss@a:1,b,[::1]:3/x%20y/z/?cacert=/c%2fa", u, error));
  EXPECT_EQ(u.endpoints, (std::vector<std::string>{"a:1", "b:2379", "[::1]:3"}));
  EXPECT_EQ(u.prefix, "x y/z");
  EXPECT_EQ(u.user, "me");
  EXPECT_EQ(u.password, "p@ss");
  EXPECT_EQ(u.cacert, "/c/a");
  EXPECT_TRUE(u.is_tls);
  ASSERT_TRUE(parse("etcd://[::1]?user=u&password=p", u, error));
  EXPECT_EQ(u.endpoints, std::vector<std::string>{"[::1]:2379"});
  EXPECT_EQ(u.user, "u");
}

TEST(FleetEtcdUrl, RefusesWhatIsNone) {
  for (const char* bad : {"",
                          "etcd:",
                          "etcd://",
                          "http://h",
                          "etcd://:1",
                          "etcd://h:0",
                          "etcd://h:70000",
                          "etcd://h:x",
                          "etcd://h,",
                          "etcd://,h",
                          "etcd://u@h",
                          "etcd://u:p@",
                          "etcd://u:%zz@h",
                          "etcd://h/%",
                          "etcd://h h",
                          "etcd://h\\@i",
                          "etcd://h?x=1",
                          "etcd://h?user",
                          "etcd://h?user=u",
                          "etcd://h?cacert=/x",
                          "etcd://[::1",
                          "etcd://[::1]x"}) {
    etcd_url u;
    u.prefix = "untouched";
    std::string error;
    EXPECT_FALSE(parse(bad, u, error)) << bad;
    EXPECT_NE(error, "") << bad;
    EXPECT_EQ(u.prefix, "untouched") << bad;
  }
}

TEST(FleetEtcdUrl, SaysNoPasswordInAnError) {
  etcd_url u;
  std::string error;
  EXPECT_FALSE(parse("etcd://me:secret@h:x", u, error));
  EXPECT_EQ(error.find("secret"), error.npos);
}

TEST(FleetBase64, GoesThereAndBack) {
  std::string bytes;
  for (int i = 0; i < 700; ++i) {
    std::string back;
    ASSERT_TRUE(from_base64(to_base64(bytes), back));
    EXPECT_EQ(back, bytes);
    bytes += static_cast<char>(i * 7);
  }
  EXPECT_EQ(to_base64("a"), "YQ==");
  EXPECT_EQ(to_base64("ab?"), "YWI/");
  for (const char* bad : {"a", "YQ=", "Y Q=", "====a", "YQ==YQ=="}) {
    std::string back;
    EXPECT_FALSE(from_base64(bad, back)) << bad;
  }
}

}  // namespace
}  // namespace afflux_test
