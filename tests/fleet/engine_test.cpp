// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What engine.h promises, of every engine of this build; Redis and etcd are real servers.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine_servers.h"
#include "fleet/clock.h"
#include "fleet/engine.h"
#include "requests.h"

namespace afflux_test {
namespace {

using namespace afflux::fleet;

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t soon() { return now_ns() + 20 * kSecond; }

class FleetEngine : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    server_ = engine_server_of(GetParam());
    if (server_ == nullptr) GTEST_SKIP() << "no server, or not in this build";
    server_->forget();
    engine_ = server_->connect();
    ASSERT_NE(engine_, nullptr);
  }

  static request holder(const std::string& id, std::uint64_t sequence) {
    request q;
    q.holder = id;
    q.sequence = sequence;
    q.nonce = sequence + 100;
    q.limit = 10;
    q.demand = 10;
    q.keep = kMaxPermits;
    q.lease = 1;
    q.fresh = true;
    return q;
  }

  engine_server* server_ = nullptr;
  std::unique_ptr<engine> engine_;
};

TEST_P(FleetEngine, DoesWhatTheLedgerDoes) {
  const bool is_fast = GetParam() != std::string("etcd");
  for (std::uint64_t seed = 1; seed <= (is_fast ? 6u : 2u); ++seed) {
    const std::string name = "same" + std::to_string(seed);
    requests from(seed, seed % 2 == 0 ? 40 : 5);
    from.most(seed == 5 ? kMaxPermits : 300);
    record expected;
    record found;
    for (int i = 0; i < (is_fast ? 600 : 150); ++i) {
      if (from.below(150) == 0) {
        server_->forget();
        expected = {};
      }
      const request q = from.next(expected);
      reply a;
      ASSERT_TRUE(engine_->exchange(name, q, soon(), a));
      ASSERT_TRUE(engine_->read(name, soon(), found));
      // The server's own id and time are what only it knows.
      const std::uint64_t time = found.stamp == 0 ? 0 : found.stamp - 1;
      if (expected.epoch != 0) expected.engine = found.engine;
      const reply same = exchange(expected, q, {found.engine, time});
      ASSERT_EQ(line_of(a), line_of(same)) << "seed " << seed << ", request " << i;
      ASSERT_EQ(to_text(found), to_text(expected)) << "seed " << seed << ", request " << i;
      std::uint64_t total = 0;
      for (const auto& [id, h] : found.holders) total += h.permits;
      ASSERT_EQ(total, found.total);
    }
  }
}

TEST_P(FleetEngine, HasNoRecordOfANameThatWasNotUsed) {
  record r;
  r.epoch = 5;
  ASSERT_TRUE(engine_->read("nothing", soon(), r));
  EXPECT_EQ(r.epoch, 0u);
  request q = holder("a", 1);
  q.limit = 0;
  reply a;
  ASSERT_TRUE(engine_->exchange("nothing", q, soon(), a));
  EXPECT_EQ(a.answer, answer::undefined);
}

TEST_P(FleetEngine, DoesExchangesOfManyOneAtATime) {
  constexpr int kHolders = 4;
  constexpr int kEach = 15;
  reply first;
  ASSERT_TRUE(engine_->exchange("many", holder("first", 1), soon(), first));
  std::vector<std::uint64_t> stamps(kHolders * kEach);
  std::vector<std::thread> threads;
  for (int i = 0; i < kHolders; ++i) {
    threads.emplace_back([this, i, &stamps] {
      const std::unique_ptr<engine> own = server_->connect();
      for (int k = 0; k < kEach; ++k) {
        reply a;
        request q = holder("h" + std::to_string(i), static_cast<std::uint64_t>(k) + 1);
        q.demand = static_cast<std::uint64_t>((i + k) % 7);
        EXPECT_TRUE(own->exchange("many", q, soon(), a));
        EXPECT_EQ(a.answer, answer::done);
        EXPECT_LE(a.total, 10u);
        stamps[static_cast<std::size_t>(i * kEach + k)] = a.stamp;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  // Each has a stamp of its own, and none was done twice.
  std::sort(stamps.begin(), stamps.end());
  for (std::size_t i = 0; i < stamps.size(); ++i) EXPECT_EQ(stamps[i], first.stamp + 1 + i);
  record r;
  ASSERT_TRUE(engine_->read("many", soon(), r));
  EXPECT_EQ(r.stamp, stamps.back());
}

TEST_P(FleetEngine, IgnoresAnOlderRequest) {
  reply a;
  ASSERT_TRUE(engine_->exchange("old", holder("a", 5), soon(), a));
  record before, after;
  ASSERT_TRUE(engine_->read("old", soon(), before));
  for (const std::uint64_t sequence : {4u, 5u}) {
    ASSERT_TRUE(engine_->exchange("old", holder("a", sequence), soon(), a));
    EXPECT_EQ(a.answer, answer::stale);
  }
  ASSERT_TRUE(engine_->read("old", soon(), after));
  EXPECT_EQ(before, after);
}

TEST_P(FleetEngine, IsSilentAfterItsMemoryIsLost) {
  reply a;
  request q = holder("a", 1);
  q.fresh = false;
  ASSERT_TRUE(engine_->exchange("lost", q, soon(), a));
  EXPECT_TRUE(a.silent);
  const std::uint64_t epoch = a.epoch, stamp = a.stamp;
  server_->forget();
  q.sequence = 2;
  q.nonce = 999;
  q.epoch = epoch;
  q.seen = stamp;
  ASSERT_TRUE(engine_->exchange("lost", q, soon(), a));
  EXPECT_EQ(a.epoch, 999u);
  EXPECT_TRUE(a.silent);
  EXPECT_EQ(a.permits, 0u);
  EXPECT_GT(a.stamp, stamp);
}

TEST_P(FleetEngine, KeepsNamesApartAndLabelsWhole) {
  const std::vector<std::string> names = {"a", "a/b", "a b", "#", "*", "\xc3\xbc\"\\{}"};
  reply a;
  std::uint64_t n = 0;
  for (const std::string& name : names) {
    request q = holder("a", 1);
    q.limit = ++n;
    q.label = clean_label("\xc3\xa9 = 1 \"x\" \\ {};\n" + name);
    ASSERT_TRUE(engine_->exchange(name, q, soon(), a)) << name;
  }
  std::vector<std::string> listed;
  ASSERT_TRUE(engine_->names(soon(), listed));
  EXPECT_EQ(std::set(listed.begin(), listed.end()), std::set(names.begin(), names.end()));
  EXPECT_EQ(listed.size(), names.size());
  n = 0;
  for (const std::string& name : names) {
    record r;
    ASSERT_TRUE(engine_->read(name, soon(), r)) << name;
    EXPECT_EQ(r.limit, ++n);
    EXPECT_EQ(r.holders["a"].label, "\xc3\xa9 = 1 \"x\" \\ {};?" + name);
  }
}

TEST_P(FleetEngine, IsUnreachableWhereAServerDoesNotAnswerInTime) {
  if (!server_->can_freeze()) GTEST_SKIP() << "it is in this process";
  reply a;
  ASSERT_TRUE(engine_->exchange("t", holder("a", 1), soon(), a));
  server_->freeze();
  const outcome o = engine_->exchange("t", holder("a", 2), now_ns() + kSecond / 50, a);
  record r;
  const outcome on_read = engine_->read("t", now_ns() + kSecond / 50, r);
  server_->thaw();
  EXPECT_EQ(o.failure, failure::unreachable);
  EXPECT_FALSE(o.text.empty());
  EXPECT_EQ(on_read.failure, failure::unreachable);
  // It was done all the same, or comes too late now: the next one counts.
  ASSERT_TRUE(engine_->exchange("t", holder("a", 3), soon(), a));
  EXPECT_EQ(a.answer, answer::done);
}

TEST_P(FleetEngine, GoesOnAfterDisconnect) {
  reply a;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(engine_->exchange("d", holder("a", i), soon(), a));
    EXPECT_EQ(a.epoch, 101u);
    engine_->disconnect();
  }
}

// Not a test: AFFLUX_TEST_RATE=1 prints how many exchanges are done in a second, by holders that
// send one after the other, or one a second.
TEST_P(FleetEngine, RateOfExchanges) {
  if (std::getenv("AFFLUX_TEST_RATE") == nullptr) GTEST_SKIP() << "only with AFFLUX_TEST_RATE";
  struct load {
    int holders;
    std::int64_t apart;
  };
  for (const load& l :
       {load{1, 0}, load{10, 0}, load{50, 0}, load{50, kSecond}, load{200, kSecond}}) {
    std::atomic<std::int64_t> done = 0, failed = 0, longest = 0, sum = 0;
    std::vector<std::thread> threads;
    const std::string name = "rate" + std::to_string(l.holders) + (l.apart != 0 ? "p" : "");
    const std::int64_t begun = now_ns();
    for (int i = 0; i < l.holders; ++i) {
      threads.emplace_back([&, i] {
        const std::unique_ptr<engine> own = server_->connect();
        request q = holder("0123456789abcdef" + std::to_string(1000 + i), 0);
        q.label = "host.example.com/1234";
        for (std::int64_t at = begun + l.apart * i / l.holders; at < begun + 4 * kSecond;) {
          std::this_thread::sleep_for(std::chrono::nanoseconds(at - now_ns()));
          ++q.sequence;
          q.demand = 1 + q.sequence % 3;
          reply a;
          const std::int64_t sent = now_ns();
          ++(own->exchange(name, q, sent + kSecond, a) ? done : failed);
          const std::int64_t took = now_ns() - sent;
          sum += took;
          longest = std::max(longest.load(), took);
          at = l.apart != 0 ? at + l.apart : now_ns();
        }
      });
    }
    for (std::thread& t : threads) t.join();
    const double s = static_cast<double>(now_ns() - begun) / 1e9;
    std::cout << "[ rate     ] " << l.holders << " holders, "
              << (l.apart != 0 ? "one a second: " : "") << static_cast<double>(done) / s
              << " exchanges/s, " << failed << " not within 1 s, mean "
              << static_cast<double>(sum) / 1e6 / static_cast<double>(done + failed)
              << " ms, longest " << static_cast<double>(longest) / 1e6 << " ms\n";
  }
}

INSTANTIATE_TEST_SUITE_P(Every, FleetEngine, testing::Values("memory", "redis", "etcd"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace afflux_test
