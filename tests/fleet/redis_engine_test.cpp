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

// Requests as holders might send them, and as they never would.
class requests {
 public:
  requests(std::uint64_t seed, int holders) : random_(seed), holders_(holders) {}

  std::uint64_t below(std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
  }
  request next(const record& now) {
    request q;
    const std::uint64_t dice = below(100);
    q.kind = dice < 90   ? kind::renew
             : dice < 96 ? kind::leave
             : dice < 98 ? kind::resize
                         : kind::expire;
    q.holder = "h" + std::to_string(below(static_cast<std::uint64_t>(holders_)));
    q.sequence = below(20) == 0 ? below(sequence_ + 1) : ++sequence_;
    q.nonce = below(kMaxNumber) + 1;
    q.epoch = below(10) == 0 ? below(3) : now.epoch;
    q.seen = below(200) == 0 ? now.stamp + below(3) : below(now.stamp + 1);
    // Sometimes nothing is heard of the holders for a while.
    q.proof = below(30) == 0 ? now.stamp - std::min(now.stamp, below(40)) : 0;
    q.proof_lease = below(10) == 0 ? 1 : 5'000'000'000;
    q.lease = below(20) == 0 ? 6'000'000'000 : 5'000'000'000;
    if (q.lease > q.proof_lease && below(2) == 0) q.proof_lease = q.lease;
    q.keep = below(3) == 0 ? below(20) : kMaxPermits;
    q.adopt = std::min(below(6), q.keep);
    q.demand = below(8) == 0 ? below(most_) : below(12);
    q.weight = below(5) == 0 ? below(kMaxWeight) + 1 : 1 + below(3);
    if (below(10) == 0) q.weight = q.demand = 0;
    q.minimum = below(4) == 0 ? below(9) : 0;
    q.limit = 100 + below(5);
    q.version = below(50) == 0 ? now.version + below(3) : 0;
    if (q.kind == kind::resize) q.limit = below(4) == 0 ? below(most_) : below(200);
    q.label = below(2) == 0 ? "a name, with spaces" : "";
    q.fresh = below(2) == 0;
    return q;
  }
  void most(std::uint64_t n) { most_ = n; }

 private:
  std::mt19937_64 random_;
  int holders_;
  std::uint64_t sequence_ = 0;
  std::uint64_t most_ = 300;
};

std::string line_of(const reply& a) {
  std::string text;
  for (const std::uint64_t n :
       {std::uint64_t(a.answer), std::uint64_t(a.silent), std::uint64_t(a.wanted),
        std::uint64_t(a.begun), a.epoch, a.stamp, a.limit, a.version, a.lease, a.proven, a.permits,
        a.target, a.total, a.holders}) {
    text += std::to_string(n) + " ";
  }
  return text;
}

TEST_F(FleetRedis, TheScriptDoesWhatTheLedgerDoes) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const std::string name = "same" + std::to_string(seed);
    requests from(seed, seed % 2 == 0 ? 40 : 5);
    from.most(seed == 5 ? kMaxPermits : 300);
    record expected;
    record found;
    for (int i = 0; i < 600; ++i) {
      if (from.below(150) == 0) {
        server_->run({"DEL", "afflux:fleet:" + name});
        expected = {};
      }
      const request q = from.next(expected);
      reply a;
      ASSERT_TRUE(engine_->exchange(name, q, soon(), a));
      ASSERT_TRUE(engine_->read(name, soon(), found));
      // The server's own id and time are what only it knows.
      const std::uint64_t time = found.stamp == 0 ? 0 : found.stamp - 1;
      const reply same = exchange(expected, q, {found.engine, time});
      ASSERT_EQ(line_of(a), line_of(same)) << "seed " << seed << ", request " << i;
      ASSERT_EQ(to_text(found), to_text(expected)) << "seed " << seed << ", request " << i;
      std::uint64_t total = 0;
      for (const auto& [id, h] : found.holders) total += h.permits;
      ASSERT_EQ(total, found.total);
    }
  }
}

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
