// SPDX-License-Identifier: MIT OR Apache-2.0
//
// lease.lua does what ledger.cpp does, on a real server; and what the engine says when there is
// none, or when it refuses.
#include "fleet/redis_engine.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "etcd_server.h"
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

request first_request() {
  request q;
  q.holder = "a";
  q.sequence = 1;
  q.nonce = 1;
  q.limit = 1;
  return q;
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
  request q = first_request();
  reply a;
  ASSERT_TRUE(engine_->exchange("t", q, soon(), a));
  server_->freeze();
  q.sequence = 2;
  const outcome o = engine_->exchange("t", q, now_ns() + kSecond / 50, a);
  server_->thaw();
  EXPECT_EQ(o.failure, failure::unreachable);
  EXPECT_NE(o.text.find("no answer in time"), o.text.npos) << o.text;
  // It was done all the same, or comes too late now: the next one counts.
  q.sequence = 3;
  ASSERT_TRUE(engine_->exchange("t", q, soon(), a));
  EXPECT_EQ(a.answer, answer::done);
}

TEST_F(FleetRedis, IsRefusedWithAWrongPassword) {
  server_->run({"CONFIG", "SET", "requirepass", "secret"});
  std::string error;
  request q = first_request();
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
  request q = first_request();
  reply a;
  const outcome o = strict->exchange("w", q, now_ns() + kSecond / 20, a);
  EXPECT_EQ(o.failure, failure::unreachable);
  EXPECT_EQ(o.text, "redis: fewer replicas than wanted have it in time");
}

TEST_F(FleetRedis, RefusesARecordOfAnotherFormat) {
  server_->run({"HSET", "afflux:fleet:f", "#", "9 1 2 3"});
  request q = first_request();
  reply a;
  EXPECT_EQ(engine_->exchange("f", q, soon(), a).failure, failure::refused);
  record r;
  EXPECT_EQ(engine_->read("f", soon(), r).failure, failure::refused);
  server_->run({"SET", "afflux:fleet:g", "text"});
  EXPECT_EQ(engine_->exchange("g", q, soon(), a).failure, failure::refused);
}

TEST_F(FleetRedis, NamesLimitsAndNoOtherKeys) {
  request q = first_request();
  reply a;
  std::vector<std::string> names;
  ASSERT_TRUE(engine_->names(soon(), names));
  EXPECT_TRUE(names.empty());
  ASSERT_TRUE(engine_->exchange("n", q, soon(), a));
  ASSERT_TRUE(engine_->exchange("m", q, soon(), a));
  server_->run({"SET", "afflux:fleet:text", "x"});
  server_->run({"HSET", "afflux:fleet:hash", "x", "y"});
  server_->run({"HSET", "other", "#", "y"});
  ASSERT_TRUE(engine_->names(soon(), names));
  EXPECT_EQ(names, (std::vector<std::string>{"m", "n"}));
}

TEST_F(FleetRedis, RefusesADamagedRecord) {
  request q = first_request();
  reply a;
  ASSERT_TRUE(engine_->exchange("d", q, soon(), a));
  const std::string head = server_->run({"HGET", "afflux:fleet:d", "#"});
  for (const char* line : {"", "1 2 3", "x 1 1 1 1 1 1 1 label"}) {
    server_->run({"HSET", "afflux:fleet:d", "a", line});
    ++q.sequence;
    const outcome o = engine_->exchange("d", q, soon(), a);
    EXPECT_EQ(o.failure, failure::refused);
    EXPECT_EQ(o.text, "redis: the record is of a format not known here") << line;
    // Another holder's message reads all.
    q.holder = "b";
    EXPECT_EQ(engine_->exchange("d", q, soon(), a).failure, failure::refused);
    q.holder = "a";
  }
  EXPECT_EQ(server_->run({"HGET", "afflux:fleet:d", "#"}), head) << "nothing is written";
  server_->run({"HSET", "afflux:fleet:d", "#", "1 2 3"});
  EXPECT_EQ(engine_->exchange("d", q, soon(), a).text,
            "redis: the record is of a format not known here");
}

// A server that answers each message with `what`, and each byte of it when `step` returns.
class odd_server {
 public:
  odd_server(std::string what, std::function<bool()> step)
      : what_(std::move(what)), step_(std::move(step)), listener_(listen_anywhere(port_)) {
    thread_ = std::thread([this] { serve(); });
  }
  odd_server(const odd_server&) = delete;
  odd_server& operator=(const odd_server&) = delete;
  ~odd_server() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }

 private:
  void serve() {
    const int client = accept(listener_, nullptr, nullptr);
    char bytes[16384];
    if (recv(client, bytes, sizeof bytes, 0) > 0) {
      for (std::size_t i = 0; i < what_.size() && step_(); ++i) {
        if (send(client, &what_[i], 1, MSG_NOSIGNAL) != 1) break;
      }
    }
    // Until the client has gone.
    while (recv(client, bytes, sizeof bytes, 0) > 0) continue;
    close(client);
  }

  std::string what_;
  std::function<bool()> step_;
  int port_ = 0;
  int listener_;
  std::thread thread_;
};

TEST(FleetRedisTime, AnAnswerThatDripsInIsLate) {
  // A byte each 5 ms: none is late by itself, and all together take a minute.
  const auto slowly = [] { return poll(nullptr, 0, 5) == 0; };
  const odd_server server("+" + std::string(12'000, 'a') + "\r\n", slowly);
  std::string error;
  const auto engine = make_engine(server.url(), error);
  ASSERT_NE(engine, nullptr) << error;
  record r;
  const outcome o = engine->read("d", now_ns() + kSecond / 20, r);
  EXPECT_EQ(o.failure, failure::unreachable);
  EXPECT_EQ(o.text, "redis: HGETALL: no answer in time");
}

TEST(FleetRedisTime, AConnectionsFirstMessagesAreWithinTheSameTime) {
  const odd_server server("+" + std::string(12'000, 'a') + "\r\n",
                          [] { return poll(nullptr, 0, 5) == 0; });
  std::string error;
  const auto engine = make_engine(server.url() + "/3?password=x", error);
  ASSERT_NE(engine, nullptr) << error;
  record r;
  EXPECT_EQ(engine->read("d", now_ns() + kSecond / 20, r).text, "redis: AUTH: no answer in time");
}

TEST(FleetRedisTime, AnAbsurdAnswerIsNotWaitedFor) {
  for (const char* what : {"*1000000000\r\n", "*2\r\n*1048577\r\n", "garbage\r\n"}) {
    const odd_server server(what, [] { return true; });
    std::string error;
    const auto engine = make_engine(server.url(), error);
    ASSERT_NE(engine, nullptr) << error;
    record r;
    const outcome o = engine->read("d", soon(), r);
    EXPECT_EQ(o.failure, failure::unreachable) << what;
    EXPECT_EQ(o.text, what[0] == '*' ? "redis: HGETALL: the answer is too large"
                                     : "redis: HGETALL: not an answer of Redis'");
  }
}

}  // namespace
}  // namespace afflux_test
