// SPDX-License-Identifier: MIT OR Apache-2.0
//
// lease.lua does what ledger.cpp does, on a real server; and what the engine says when there is
// none, or when it refuses.
#include "fleet/redis_engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "fleet/clock.h"
#include "fleet/ledger.h"
#include "redis_server.h"

namespace afflux_test {
namespace {

using namespace afflux::fleet;

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t soon() { return now_ns() + 10 * kSecond; }

class FleetRedis : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (has_redis()) server_ = new redis_server;
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override {
    if (server_ == nullptr) GTEST_SKIP() << "no redis-server";
    server_->run({"FLUSHALL"});
    std::string error;
    engine_ = make_engine(server_->url(), error);
    ASSERT_NE(engine_, nullptr) << error;
  }

  static redis_server* server_;
  std::unique_ptr<engine> engine_;
};

redis_server* FleetRedis::server_ = nullptr;

TEST_F(FleetRedis, BeginsAnEpochAfterARestartWithOldData) {
  request q;
  q.holder = "a";
  q.sequence = 1;
  q.nonce = 7;
  q.limit = 10;
  q.demand = 10;
  q.lease = 1;
  q.fresh = true;
  reply a;
  ASSERT_TRUE(engine_->exchange("r", q, soon(), a));
  EXPECT_EQ(a.permits, 10u);
  server_->run({"CONFIG", "SET", "save", "1 1"});
  server_->run({"SAVE"});
  server_->stop();
  q.sequence = 2;
  EXPECT_EQ(engine_->exchange("r", q, soon(), a).failure, failure::unreachable);
  server_->start();
  q.nonce = 8;
  q.holder = "b";
  ASSERT_TRUE(engine_->exchange("r", q, soon(), a));
  EXPECT_EQ(a.epoch, 8u);
  EXPECT_TRUE(a.silent);
  EXPECT_EQ(a.permits, 0u);
  EXPECT_EQ(a.limit, 10u);
}

TEST_F(FleetRedis, IsUnreachableWhereAServerDoesNotAnswerInTime) {
  request q;
  q.holder = "a";
  q.sequence = 1;
  q.nonce = 1;
  q.limit = 1;
  reply a;
  ASSERT_TRUE(engine_->exchange("t", q, soon(), a));
  server_->freeze();
  q.sequence = 2;
  const outcome o = engine_->exchange("t", q, now_ns() + kSecond / 50, a);
  server_->thaw();
  EXPECT_EQ(o.failure, failure::unreachable);
  EXPECT_FALSE(o.text.empty());
  // It was done all the same, or comes too late now: the next one counts.
  q.sequence = 3;
  ASSERT_TRUE(engine_->exchange("t", q, soon(), a));
  EXPECT_EQ(a.answer, answer::done);
}

TEST_F(FleetRedis, IsRefusedWithAWrongPassword) {
  server_->run({"CONFIG", "SET", "requirepass", "secret"});
  std::string error;
  request q;
  q.holder = "a";
  q.sequence = 1;
  q.nonce = 1;
  q.limit = 1;
  reply a;
  const auto wrong = make_engine(server_->url() + "?password=wrong", error);
  EXPECT_EQ(wrong->exchange("p", q, soon(), a).failure, failure::refused);
  EXPECT_EQ(engine_->exchange("p", q, soon(), a).failure, failure::refused);
  const auto right = make_engine(server_->url() + "?password=secret&db=3", error);
  EXPECT_TRUE(right->exchange("p", q, soon(), a));
  record r;
  // Take it away again, by a connection that may.
  redisContext* const c = redisConnectUnix(server_->socket().c_str());
  freeReplyObject(redisCommand(c, "AUTH secret"));
  freeReplyObject(redisCommand(c, "CONFIG SET requirepass %s", ""));
  redisFree(c);
  ASSERT_TRUE(engine_->read("p", soon(), r));
  EXPECT_EQ(r.epoch, 0u) << "db 3 is another one";
}

TEST_F(FleetRedis, ReloadsItsScript) {
  request q;
  q.holder = "a";
  q.nonce = 1;
  q.limit = 1;
  reply a;
  for (q.sequence = 1; q.sequence <= 3; ++q.sequence) {
    ASSERT_TRUE(engine_->exchange("s", q, soon(), a));
    server_->run({"SCRIPT", "FLUSH"});
  }
}

TEST_F(FleetRedis, CountsNoExchangeThatReplicasDoNotHave) {
  std::string error;
  const auto strict = make_engine(server_->url() + "?replicas=1", error);
  request q;
  q.holder = "a";
  q.sequence = 1;
  q.nonce = 1;
  q.limit = 1;
  reply a;
  EXPECT_EQ(strict->exchange("w", q, now_ns() + kSecond / 20, a).failure, failure::unreachable);
}

TEST_F(FleetRedis, RefusesARecordOfAnotherFormat) {
  server_->run({"HSET", "afflux:fleet:f", "#", "9 1 2 3"});
  request q;
  q.holder = "a";
  q.sequence = 1;
  q.nonce = 1;
  q.limit = 1;
  reply a;
  EXPECT_EQ(engine_->exchange("f", q, soon(), a).failure, failure::refused);
  record r;
  EXPECT_EQ(engine_->read("f", soon(), r).failure, failure::refused);
  server_->run({"SET", "afflux:fleet:g", "text"});
  EXPECT_EQ(engine_->exchange("g", q, soon(), a).failure, failure::refused);
}

// Not a test: AFFLUX_TEST_RATE=1 prints how many exchanges one server does in a second.
TEST_F(FleetRedis, RateOfExchanges) {
  if (std::getenv("AFFLUX_TEST_RATE") == nullptr) GTEST_SKIP() << "only with AFFLUX_TEST_RATE";
  for (const std::uint64_t demand : {0u, 1u, 10u}) {
    std::vector<request> all(500);
    std::vector<record> known(500);
    const std::string name = "rate" + std::to_string(demand);
    for (std::size_t i = 0; i < all.size(); ++i) {
      request& q = all[i];
      q.holder = "0123456789abcdef0123456789ab" + std::to_string(1000 + i);
      q.nonce = i + 1;
      q.limit = 2000;
      q.lease = 1;
      q.keep = kMaxPermits;
      q.fresh = true;
      q.label = "host.example.com/1234";
    }
    constexpr int kRounds = 40;
    const std::int64_t begun = now_ns();
    for (int round = 0; round < kRounds; ++round) {
      for (request& q : all) {
        q.demand = demand == 0 ? 0 : demand + q.nonce % 3 + static_cast<std::uint64_t>(round % 2);
        ++q.sequence;
        reply a;
        ASSERT_TRUE(engine_->exchange(name, q, soon(), a));
        q.epoch = a.epoch;
        q.seen = a.stamp;
      }
    }
    const double s = static_cast<double>(now_ns() - begun) / 1e9;
    std::cout << "[ rate     ] demand " << demand << ": " << 500 * kRounds / s
              << " exchanges/s, one connection, 500 holders\n";
  }
}

}  // namespace
}  // namespace afflux_test
