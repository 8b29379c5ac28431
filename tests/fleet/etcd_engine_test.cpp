// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is particular to etcd: lost and late messages of a compare-and-swap, several endpoints,
// users, TLS, and a cluster that was restored from a backup.
#include "fleet/etcd_engine.h"

#include <afflux/fleet.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

#include "etcd_server.h"
#include "fleet/clock.h"
#include "slow_proxy.h"

namespace afflux_test {
namespace {

using namespace afflux::fleet;

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t soon() { return now_ns() + 20 * kSecond; }

request holder(const std::string& id, std::uint64_t sequence) {
  request q;
  q.holder = id;
  q.sequence = sequence;
  q.nonce = sequence + 100;
  q.limit = 10;
  q.demand = 4;
  q.keep = kMaxPermits;
  q.lease = 1;
  q.fresh = true;
  return q;
}

std::unique_ptr<engine> connect(const std::string& url) {
  std::string error;
  auto made = make_engine(url, error);
  EXPECT_NE(made, nullptr) << error;
  return made;
}

class FleetEtcd : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (has_program("etcd")) server_ = new etcd_server;
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override {
    if (server_ == nullptr) GTEST_SKIP() << "no etcd";
    server_->remove_all();
    engine_ = connect(server_->url());
  }
  record stored(const std::string& name) {
    record r;
    EXPECT_TRUE(engine_->read(name, soon(), r));
    return r;
  }

  static etcd_server* server_;
  std::unique_ptr<engine> engine_;
};

etcd_server* FleetEtcd::server_ = nullptr;

TEST_F(FleetEtcd, FindsItsOwnWriteWhoseAnswerWasLost) {
  slow_proxy proxy(server_->port());
  const auto both = connect("etcd://" + proxy.address() + "," + server_->address());
  reply a, b;
  ASSERT_TRUE(both->exchange("l", holder("a", 1), soon(), a));
  proxy.lose_answer("/v3/kv/txn");
  const outcome o = both->exchange("l", holder("a", 2), soon(), b);
  ASSERT_TRUE(o) << o.text;
  EXPECT_NE(proxy.answer(), "");
  EXPECT_EQ(b.answer, answer::done);
  EXPECT_EQ(b.stamp, a.stamp + 1) << "once";
  EXPECT_EQ(b.permits, 10u);
  EXPECT_EQ(stored("l").stamp, b.stamp);
}

TEST_F(FleetEtcd, SendsAnOperatorsRequestOnce) {
  slow_proxy proxy(server_->port());
  const auto both = connect("etcd://" + proxy.address() + "," + server_->address());
  reply a;
  ASSERT_TRUE(both->exchange("o", holder("a", 1), soon(), a));
  proxy.lose_answer("/v3/kv/txn");
  request q;
  q.kind = kind::resize;
  q.limit = 20;
  EXPECT_EQ(both->exchange("o", q, soon(), a).failure, failure::unreachable);
  EXPECT_EQ(stored("o").version, 1u);
}

TEST_F(FleetEtcd, GivesASilentEndpointItsPartOfTheTime) {
  slow_proxy proxy(server_->port());
  const auto both = connect("etcd://" + proxy.address() + "," + server_->address());
  proxy.hold("/v3/kv/txn");
  reply a;
  const outcome o = both->exchange("s", holder("a", 1), now_ns() + kSecond, a);
  ASSERT_TRUE(o) << o.text;
  const record before = stored("s");
  EXPECT_EQ(before.stamp, a.stamp);
  proxy.release();
  EXPECT_EQ(proxy.answer().find("succeeded"), std::string::npos);
  EXPECT_EQ(stored("s"), before);
}

TEST_F(FleetEtcd, SendsAnOperatorsRequestToOneEndpoint) {
  slow_proxy proxy(server_->port());
  const auto both = connect("etcd://" + proxy.address() + "," + server_->address());
  proxy.hold("/v3/kv/txn");
  request q;
  q.kind = kind::resize;
  q.limit = 20;
  q.nonce = 1;
  reply a;
  EXPECT_EQ(both->exchange("p", q, now_ns() + kSecond / 10, a).failure, failure::unreachable);
  EXPECT_EQ(stored("p").epoch, 0u);
  proxy.release();  // and so it may be done later
  EXPECT_NE(proxy.answer().find("succeeded"), std::string::npos);
  EXPECT_EQ(stored("p").version, 1u);
}

TEST_F(FleetEtcd, AWriteThatComesLateChangesNothing) {
  slow_proxy proxy(server_->port());
  const auto slow = connect("etcd://" + proxy.address());
  reply a;
  ASSERT_TRUE(slow->exchange("late", holder("a", 1), soon(), a));
  request q = holder("a", 2);
  q.demand = 9;
  proxy.hold("/v3/kv/txn");
  EXPECT_EQ(slow->exchange("late", q, now_ns() + kSecond / 20, a).failure, failure::unreachable);
  ASSERT_TRUE(engine_->exchange("late", holder("a", 3), soon(), a));
  const record before = stored("late");
  proxy.release();
  EXPECT_EQ(proxy.answer().find("succeeded"), std::string::npos);
  EXPECT_EQ(stored("late"), before);
  EXPECT_EQ(before.holders.at("a").sequence, 3u);
}

TEST_F(FleetEtcd, TakesTheNextEndpointWhereOneFails) {
  int port = 0;
  const int closed = listen_anywhere(port);
  close(closed);
  const std::string dead = "127.0.0.1:" + std::to_string(port);
  const auto both = connect("etcd://" + dead + "," + server_->address() + "/some/prefix");
  reply a;
  for (std::uint64_t i = 1; i <= 2; ++i) {
    ASSERT_TRUE(both->exchange("e", holder("a", i), soon(), a));
  }
  record r;
  ASSERT_TRUE(both->read("e", soon(), r));
  EXPECT_EQ(r.stamp, a.stamp);
  EXPECT_EQ(stored("e").epoch, 0u) << "another prefix is another place";
  EXPECT_EQ(connect("etcd://" + dead)->exchange("e", holder("a", 3), soon(), a).failure,
            failure::unreachable);
}

TEST_F(FleetEtcd, RemembersThroughARestart) {
  reply a, b;
  ASSERT_TRUE(engine_->exchange("r", holder("a", 1), soon(), a));
  server_->stop();
  EXPECT_EQ(engine_->exchange("r", holder("a", 2), soon(), b).failure, failure::unreachable);
  server_->start();
  ASSERT_TRUE(engine_->exchange("r", holder("a", 3), soon(), b));
  EXPECT_EQ(b.epoch, a.epoch);
  EXPECT_EQ(b.permits, 10u);
  EXPECT_FALSE(b.silent);
}

TEST_F(FleetEtcd, RefusesWhatIsNoRecord) {
  EXPECT_NE(server_->post("/v3/kv/put",  // afflux/fleet/x = "9 1 2"
                          R"({"key":"YWZmbHV4L2ZsZWV0L3g=","value":"OSAxIDI="})"),
            "");
  reply a;
  record r;
  EXPECT_EQ(engine_->exchange("x", holder("a", 1), soon(), a).failure, failure::refused);
  EXPECT_EQ(engine_->read("x", soon(), r).failure, failure::refused);
}

// Two agents, as a program has them.
TEST_F(FleetEtcd, HasAFleet) {
  const std::string url = server_->url();
  afflux_fleet_options o;
  afflux_fleet_options_init(&o);
  o.flags = AFFLUX_FLEET_FRESH;
  o.url = url.c_str();
  o.name = "fleet";
  o.limit = 20;
  o.max_request = 20;
  o.lease_ns = kSecond;
  o.refresh_ns = kSecond / 20;
  afflux_fleet* both[2] = {};
  for (afflux_fleet*& f : both) ASSERT_EQ(afflux_fleet_open(&o, &f), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_acquire(afflux_fleet_sem(both[0]), 12, AFFLUX_FOREVER), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_acquire(afflux_fleet_sem(both[1]), 8, AFFLUX_FOREVER), AFFLUX_OK);
  EXPECT_EQ(stored("fleet").total, 20u);
  EXPECT_EQ(afflux_sem_release(afflux_fleet_sem(both[0]), 12), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_acquire(afflux_fleet_sem(both[1]), 12, AFFLUX_FOREVER), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(afflux_fleet_sem(both[1]), 20), AFFLUX_OK);
  for (afflux_fleet* f : both) {
    EXPECT_EQ(afflux_fleet_close(f, AFFLUX_FOREVER), AFFLUX_OK);
    afflux_fleet_unref(f);
  }
  EXPECT_TRUE(stored("fleet").holders.empty());
}

// The cluster has the same id and its first terms again: only its log is shorter.
TEST_F(FleetEtcd, IsSilentAfterARestoreFromABackup) {
  if (!has_program("etcdctl")) GTEST_SKIP() << "no etcdctl";
  etcd_server own;
  const auto old = connect(own.url());
  reply a;
  std::uint64_t n = 0;
  while (++n <= 20) ASSERT_TRUE(old->exchange("b", holder("a", n), soon(), a));
  request leaves = holder("a", n);
  leaves.kind = kind::leave;
  ASSERT_TRUE(old->exchange("b", leaves, soon(), a));
  const std::string backup = own.folder() + "/backup";
  ASSERT_TRUE(own.control("snapshot save " + backup));
  // What the backup does not have: permits of another.
  reply b;
  ASSERT_TRUE(old->exchange("b", holder("b", 1), soon(), b));
  EXPECT_EQ(b.permits, 10u);
  own.stop();
  ASSERT_TRUE(own.restore(backup));
  own.start();
  // One that never saw more than the backup has.
  const auto stranger = connect(own.url());
  request q = holder("c", 1);
  q.nonce = 777;
  reply c;
  ASSERT_TRUE(stranger->exchange("b", q, soon(), c));
  EXPECT_EQ(c.epoch, 777u);
  EXPECT_TRUE(c.silent);
  EXPECT_EQ(c.permits, 0u);
  // The cluster goes on from there, for others, too.
  ASSERT_TRUE(old->exchange("b", holder("a", n + 1), soon(), a));
  EXPECT_EQ(a.epoch, 777u);
  ASSERT_TRUE(connect(own.url())->exchange("b", holder("d", 1), soon(), a));
  EXPECT_EQ(a.epoch, 777u);
}

TEST_F(FleetEtcd, NamesItsUser) {
  etcd_server own;
  own.post("/v3/auth/user/add", R"({"name":"root","password":"s e:c@ret"})");
  own.post("/v3/auth/role/add", R"({"name":"root"})");
  own.post("/v3/auth/user/grant", R"({"user":"root","role":"root"})");
  ASSERT_NE(own.post("/v3/auth/enable", "{}").find("200"), std::string::npos);
  reply a;
  EXPECT_EQ(connect(own.url())->exchange("u", holder("a", 1), soon(), a).failure, failure::refused);
  EXPECT_EQ(connect("etcd://root:wrong@" + own.address())
                ->exchange("u", holder("a", 1), soon(), a)
                .failure,
            failure::refused);
  const auto root = connect("etcd://root:s%20e%3Ac%40ret@" + own.address());
  outcome o = root->exchange("u", holder("a", 1), soon(), a);
  ASSERT_TRUE(o) << o.text;
  // A restart forgets its tokens.
  own.stop();
  own.start();
  o = root->exchange("u", holder("a", 2), soon(), a);
  EXPECT_TRUE(o) << o.text;
}

TEST_F(FleetEtcd, ChecksCertificates) {
  etcd_server own("--auto-tls");
  reply a;
  EXPECT_EQ(connect("etcds://" + own.address())->exchange("t", holder("a", 1), soon(), a).failure,
            failure::unreachable)
      << "it is of no authority that the system knows";
  const std::string file = own.data() + "/fixtures/client/cert.pem";
  const outcome o = connect("etcds://" + own.address() + "?cacert=" + file)
                        ->exchange("t", holder("a", 2), soon(), a);
  EXPECT_TRUE(o) << o.text;
}

}  // namespace
}  // namespace afflux_test
