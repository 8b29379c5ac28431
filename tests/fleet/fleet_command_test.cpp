// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The command line afflux-fleet, beside holders of this process. AFFLUX_FLEET_COMMAND is its path.
#include <afflux/fleet.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "await.h"
#include "redis_server.h"

namespace afflux_test {
namespace {

struct unref {
  void operator()(afflux_fleet* f) const { afflux_fleet_unref(f); }
};
using fleet_ptr = std::unique_ptr<afflux_fleet, unref>;

std::string id_of(const fleet_ptr& f) {
  char text[40];
  EXPECT_EQ(afflux_fleet_id(f.get(), text, sizeof text, nullptr), AFFLUX_OK);
  return text;
}

class FleetCommand : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (has_redis()) server_ = new redis_server;
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override {
    if (std::getenv("AFFLUX_FLEET_COMMAND") == nullptr) GTEST_SKIP() << "no AFFLUX_FLEET_COMMAND";
    if (server_ == nullptr) GTEST_SKIP() << "no redis-server";
    server_->run({"FLUSHALL"});
    url_ = server_->url();
  }

  // Its exit status; text_ is what it printed.
  int run(const std::string& words, const std::string& before = {}) {
    FILE* const pipe =
        popen((before + "\"$AFFLUX_FLEET_COMMAND\" " + words + " 2>&1").c_str(), "r");
    text_.clear();
    for (int c; (c = std::fgetc(pipe)) != EOF;) text_ += static_cast<char>(c);
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  bool has(const std::string& words) const { return text_.find(words) != text_.npos; }

  fleet_ptr open(const char* label) const {
    afflux_fleet_options o;
    afflux_fleet_options_init(&o);
    o.url = url_.c_str();
    o.name = "backend";
    o.label = label;
    o.lease_ns = 400'000'000;
    o.refresh_ns = 50'000'000;
    o.weight = 3;
    o.minimum = 2;
    afflux_fleet* made = nullptr;
    EXPECT_EQ(afflux_fleet_open(&o, &made), AFFLUX_OK);
    return fleet_ptr(made);
  }

  static redis_server* server_;
  std::string url_;
  std::string text_;
};

redis_server* FleetCommand::server_ = nullptr;

TEST_F(FleetCommand, CreatesAndResizesALimit) {
  EXPECT_EQ(run("resize " + url_ + " backend 5"), 1);
  EXPECT_TRUE(has("no such limit")) << text_;
  EXPECT_EQ(run("show " + url_ + " backend"), 1);
  ASSERT_EQ(run("create " + url_ + " backend 20"), 0) << text_;
  EXPECT_EQ(run("create " + url_ + " backend 30"), 1);
  EXPECT_TRUE(has("there is such a limit")) << text_;
  EXPECT_EQ(run("show " + url_ + " backend"), 0);
  EXPECT_TRUE(has("limit 20 ") && has("silent")) << text_;
  EXPECT_EQ(run("resize " + url_ + " backend 7"), 0);
  EXPECT_EQ(run("show " + url_ + " backend --json"), 0);
  EXPECT_TRUE(has("\"limit\":7,\"version\":2,")) << text_;
  EXPECT_TRUE(has("\"silent\":true")) << text_;
  EXPECT_EQ(run("create " + url_ + " other 1 --fresh"), 0);
  EXPECT_EQ(run("show --json " + url_ + " other"), 0);
  EXPECT_TRUE(has("\"silent\":false")) << text_;
  EXPECT_EQ(run("list " + url_), 0);
  EXPECT_EQ(text_, "backend\nother\n");
  EXPECT_EQ(run("list --json " + url_), 0);
  EXPECT_EQ(text_, "[\"backend\",\"other\"]\n");
}

TEST_F(FleetCommand, SaysThatAChangeMayHaveBeenMade) {
  const std::string strict = "'" + url_ + "?replicas=1'";
  EXPECT_EQ(run("create --fresh --timeout 0.05 " + strict + " backend 20"), 1);
  EXPECT_TRUE(has("fewer replicas than wanted") && has("may be done all the same")) << text_;
  EXPECT_EQ(run("show " + url_ + " backend"), 0);
  EXPECT_TRUE(has("limit 20 ")) << text_;
}

TEST_F(FleetCommand, PrintsValidTextWhateverTheRecordHas) {
  ASSERT_EQ(run("create " + url_ + " backend 20 --fresh"), 0) << text_;
  server_->run({"HSET", "afflux:fleet:backend", "b", "0 1 1 0 0 1 0 0 m\xfcnchen"});
  EXPECT_EQ(run("show --json " + url_ + " backend"), 0);
  EXPECT_TRUE(has("\"m\xef\xbf\xbdnchen\"")) << text_;
  EXPECT_EQ(run("show " + url_ + " backend"), 0);
  EXPECT_TRUE(has("m\xef\xbf\xbdnchen")) << text_;
}

TEST_F(FleetCommand, ShowsHoldersWithoutBecomingOne) {
  ASSERT_EQ(run("create " + url_ + " backend 20 --fresh"), 0) << text_;
  const fleet_ptr a = open("machine \"one\"");
  ASSERT_EQ(afflux_sem_acquire(afflux_fleet_sem(a.get()), 4, AFFLUX_FOREVER), AFFLUX_OK);
  ASSERT_EQ(run("show --json " + url_ + " backend"), 0) << text_;
  EXPECT_TRUE(has("\"leased\":20,\"free\":0,")) << text_;
  EXPECT_TRUE(has("\"holders\":[{\"id\":\"" + id_of(a) +
                  "\",\"label\":\"machine \\\"one\\\"\",\"permits\":20,"))
      << text_;
  EXPECT_TRUE(has("\"weight\":3,\"minimum\":2,")) << text_;
  EXPECT_EQ(text_.find("},{"), text_.npos) << "one holder: " << text_;
  ASSERT_EQ(run("show " + url_ + " backend"), 0);
  EXPECT_TRUE(has("machine \"one\"") && has("HOLDER")) << text_;
  // Until its reader has seen three looks.
  ASSERT_EQ(run("show --live --json --interval 0.02 " + url_ + " backend | head -n 3"), 0);
  EXPECT_NE(text_.find("\"unheard_s\":0"), text_.npos) << text_;
  EXPECT_EQ(std::count(text_.begin(), text_.end(), '\n'), 3) << text_;
  afflux_sem_release(afflux_fleet_sem(a.get()), 4);
}

TEST_F(FleetCommand, ExpiresAHolder) {
  ASSERT_EQ(run("create " + url_ + " backend 20 --fresh"), 0) << text_;
  EXPECT_EQ(run("expire " + url_ + " backend 0123"), 1);
  EXPECT_TRUE(has("no such holder")) << text_;
  EXPECT_EQ(run("expire " + url_ + " backend 'NO ID'"), 1);
  EXPECT_TRUE(has("not the id")) << text_;
  const fleet_ptr a = open("a");
  const auto stats = [&a] {
    afflux_fleet_stats s{};
    afflux_fleet_get_stats(a.get(), &s);
    return s;
  };
  await([&] { return stats().leased == 20; });
  EXPECT_EQ(run("expire " + url_ + " backend " + id_of(a)), 0) << text_;
  await([&] { return stats().lapses == 1; });
}

TEST_F(FleetCommand, FailsWhereTheEngineIsAway) {
  EXPECT_EQ(run("show unix:///nonexistent/socket backend --timeout 0.5"), 1);
  EXPECT_TRUE(has("redis: connect")) << text_;
  EXPECT_EQ(run("show foo://host backend"), 2);
  EXPECT_TRUE(has("scheme")) << text_;
  EXPECT_EQ(run("show redis://host:x backend"), 2);
  EXPECT_TRUE(has("malformed")) << text_;
}

TEST_F(FleetCommand, RefusesAMistakenCommandLine) {
  for (const char* words :
       {"", "frob u", "show u", "show u n x", "create u n", "create u n -1", "create u n 1x",
        "create u n 4398046511104", "resize u n 5 --fresh", "list u --live", "create u n 5 --json",
        "show u n --interval 0", "show u n --timeout nan", "show u n --what"}) {
    EXPECT_EQ(run(words), 2) << words << ": " << text_;
    EXPECT_NE(text_, "") << words;
  }
  EXPECT_EQ(run("resize u n -15"), 2);
  EXPECT_TRUE(has("not negative")) << text_;
  EXPECT_EQ(run("--help"), 0);
  EXPECT_TRUE(has("Exit status"));
  EXPECT_EQ(run("--version"), 0);
  EXPECT_EQ(text_, std::string("afflux-fleet ") + afflux_version_string() + "\n");
}

}  // namespace
}  // namespace afflux_test
