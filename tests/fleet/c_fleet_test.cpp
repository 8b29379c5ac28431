// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fleets over a real redis-server: sharing, losses, fencing, and the operator's calls.
#include <afflux/fleet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "await.h"
#include "redis_server.h"

namespace afflux_test {
namespace {

constexpr std::int64_t kMs = 1'000'000;

struct unref {
  void operator()(afflux_fleet* f) const { afflux_fleet_unref(f); }
};
using fleet_ptr = std::unique_ptr<afflux_fleet, unref>;

class Fleet : public testing::Test {
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
    url_ = server_->url();
  }

  afflux_fleet_options options(const char* label) const {
    afflux_fleet_options o;
    afflux_fleet_options_init(&o);
    o.flags = AFFLUX_FLEET_FRESH;
    o.url = url_.c_str();
    o.name = "backend";
    o.label = label;
    o.limit = 20;
    o.lease_ns = 400 * kMs;
    o.refresh_ns = 16 * kMs;
    o.margin_ns = 20 * kMs;
    return o;
  }
  fleet_ptr open(const char* label) const {
    const afflux_fleet_options o = options(label);
    afflux_fleet* f = nullptr;
    EXPECT_EQ(afflux_fleet_open(&o, &f), AFFLUX_OK);
    return fleet_ptr(f);
  }
  static afflux_fleet_stats stats(const fleet_ptr& f) {
    afflux_fleet_stats s{};
    EXPECT_EQ(afflux_fleet_get_stats(f.get(), &s), AFFLUX_OK);
    return s;
  }
  static afflux_fleet_fence fence(const fleet_ptr& f) {
    afflux_fleet_fence x{};
    EXPECT_EQ(afflux_fleet_get_fence(f.get(), &x), AFFLUX_OK);
    return x;
  }
  static void acquire(const fleet_ptr& f, std::uint64_t n) {
    ASSERT_EQ(afflux_sem_acquire(afflux_fleet_sem(f.get()), n, AFFLUX_FOREVER), AFFLUX_OK);
  }
  static void release(const fleet_ptr& f, std::uint64_t n) {
    ASSERT_EQ(afflux_sem_release(afflux_fleet_sem(f.get()), n), AFFLUX_OK);
  }
  static std::string id(const fleet_ptr& f) {
    char text[33];
    EXPECT_EQ(afflux_fleet_id(f.get(), text, sizeof text, nullptr), AFFLUX_OK);
    return text;
  }
  static afflux_fleet_totals totals(const fleet_ptr& f) {
    afflux_fleet_totals t{};
    EXPECT_EQ(afflux_fleet_holders(f.get(), nullptr, nullptr, &t), AFFLUX_OK);
    return t;
  }

  static redis_server* server_;
  std::string url_;
};

redis_server* Fleet::server_ = nullptr;

TEST_F(Fleet, LeasesTheWholeLimitToOne) {
  const fleet_ptr a = open("a");
  acquire(a, 20);
  EXPECT_EQ(afflux_sem_try_acquire(afflux_fleet_sem(a.get()), 1), AFFLUX_EAGAIN);
  const afflux_fleet_stats s = stats(a);
  EXPECT_EQ(s.permits, 20u);
  EXPECT_EQ(s.held, 20u);
  EXPECT_EQ(s.limit, 20u);
  EXPECT_EQ(s.fleet_holders, 1u);
  EXPECT_EQ(s.state, std::uint32_t{AFFLUX_FLEET_LEASED});
  EXPECT_GT(s.round_trip_ns, 0);
  release(a, 20);
}

TEST_F(Fleet, MovesPermitsToThoseWhoWantThem) {
  const fleet_ptr a = open("a");
  acquire(a, 20);
  const fleet_ptr b = open("b");
  std::thread waits([&] { acquire(b, 8); });
  await([&] { return stats(b).waiters == 1; });
  release(a, 20);
  waits.join();
  EXPECT_LE(stats(a).permits, 12u);
  release(b, 8);
}

// Every piece of work counts itself in; the count is the witness.
TEST_F(Fleet, NeverHoldsMoreThanTheLimitTogether) {
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<bool> is_over{false};
  std::vector<fleet_ptr> fleets;
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) fleets.push_back(open("worker"));
  std::atomic<int> done{0};
  for (int i = 0; i < 40; ++i) {
    workers.emplace_back([&, &f = fleets[static_cast<std::size_t>(i) % 4]] {
      while (!is_over) {
        if (afflux_sem_acquire(afflux_fleet_sem(f.get()), 1, 100 * kMs) != AFFLUX_OK) continue;
        const int now = ++inside;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        --inside;
        ++done;
        release(f, 1);
      }
    });
  }
  await([&] { return done > 2000 && most >= 20; });
  server_->run({"FLUSHALL"});
  const int before = done;
  await([&] { return done > before + 4000; });
  is_over = true;
  for (std::thread& w : workers) w.join();
  EXPECT_EQ(most, 20);
  for (const fleet_ptr& f : fleets) EXPECT_EQ(stats(f).failures, 0u);
}

TEST_F(Fleet, KeepsWhatItHasWhenTheServerIsEmptied) {
  const fleet_ptr a = open("a");
  acquire(a, 20);
  const fleet_ptr b = open("b");
  await([&] { return stats(b).exchanges > 0; });
  const afflux_fleet_fence before = fence(a);
  server_->run({"FLUSHALL"});
  await([&] { return stats(a).epochs == 1 && stats(b).epochs == 1; });
  EXPECT_EQ(stats(a).permits, 20u);
  EXPECT_EQ(stats(b).permits, 0u);
  EXPECT_EQ(fence(a).tenure, before.tenure);
  EXPECT_GT(fence(a).token, before.token);
  release(a, 20);
  acquire(b, 10);
  release(b, 10);
}

TEST_F(Fleet, StopsAndGoesOnWithTheServer) {
  const fleet_ptr a = open("a");
  acquire(a, 1);
  const afflux_fleet_fence before = fence(a);
  server_->stop();
  await([&] { return stats(a).permits == 0; });
  EXPECT_EQ(stats(a).state, std::uint32_t{AFFLUX_FLEET_LAPSED});
  EXPECT_EQ(afflux_sem_try_acquire(afflux_fleet_sem(a.get()), 1), AFFLUX_EAGAIN);
  char text[100];
  std::size_t n = 0;
  EXPECT_EQ(afflux_fleet_last_failure(a.get(), text, sizeof text, &n), AFFLUX_OK);
  EXPECT_GT(n, 0u);
  EXPECT_EQ(afflux_fleet_resize(a.get(), 30), AFFLUX_ETIMEDOUT);
  server_->start();
  acquire(a, 1);
  EXPECT_GT(fence(a).tenure, before.tenure) << "the one that was held has lapsed";
  EXPECT_GT(fence(a).token, before.token);
  release(a, 2);
}

TEST_F(Fleet, FencesOneThatHasDied) {
  const fleet_ptr a = open("a");
  acquire(a, 20);
  const fleet_ptr b = open("b");
  // As one that is stopped: its agent sends nothing.
  const afflux_fleet_fence old = fence(a);
  ASSERT_EQ(afflux_fleet_expire(a.get(), id(a).c_str()), AFFLUX_OK);
  acquire(b, 1);
  EXPECT_GT(fence(b).token, old.token);
  await([&] { return fence(a).tenure != old.tenure; });
  // In time all tokens of before are below the floor, which is what a resource refuses by.
  await([&] { return fence(b).floor > old.token; });
  EXPECT_LT(fence(b).floor, fence(b).token);
  release(b, 1);
  release(a, 20);
}

// As one that is stopped for longer than a lease just after its acquire, or just before it: its
// agent gets another lease before anybody looks.
TEST_F(Fleet, RefusesAPermitOfALeaseThatIsOver) {
  for (const bool acquires_late : {false, true}) {
    afflux_fleet_options o = options("stopped");
    o.name = acquires_late ? "late" : "early";
    o.limit = 1;
    o.flags |= AFFLUX_FLEET_MANUAL;
    afflux_fleet* f = nullptr;
    ASSERT_EQ(afflux_fleet_open(&o, &f), AFFLUX_OK);
    const fleet_ptr stopped(f);
    EXPECT_EQ(afflux_fleet_advance(f, nullptr), AFFLUX_OK);
    afflux_fleet_fence begun{};
    ASSERT_EQ(afflux_fleet_begin(f, &begun), AFFLUX_OK);
    const std::uint64_t tenure = begun.tenure;
    if (!acquires_late) acquire(stopped, 1);
    o.flags = AFFLUX_FLEET_FRESH;
    f = nullptr;
    ASSERT_EQ(afflux_fleet_open(&o, &f), AFFLUX_OK);
    const fleet_ptr other(f);
    acquire(other, 1);
    afflux_fleet_fence none{};
    EXPECT_EQ(afflux_fleet_begin(stopped.get(), &none), AFFLUX_EAGAIN);
    if (acquires_late) acquire(stopped, 1);  // its semaphore does not know
    await([&] {
      EXPECT_EQ(afflux_fleet_advance(stopped.get(), nullptr), AFFLUX_OK);
      return fence(stopped).tenure != tenure && fence(stopped).remaining_ns > 0;
    });
    EXPECT_EQ(afflux_fleet_check(stopped.get(), &begun), AFFLUX_ECANCELED);
    EXPECT_EQ(afflux_fleet_check(stopped.get(), &begun), AFFLUX_ECANCELED) << "for good";
    EXPECT_EQ(begun.tenure, tenure);
    EXPECT_EQ(afflux_fleet_check(stopped.get(), &none), AFFLUX_ECANCELED);
    release(stopped, 1);
    release(other, 1);
  }
}

TEST_F(Fleet, PassesAPermitOfALeaseThatRuns) {
  const fleet_ptr a = open("a");
  acquire(a, 1);  // now there is a lease
  await([&] {
    afflux_fleet_fence begun{};
    if (afflux_fleet_begin(a.get(), &begun) != AFFLUX_OK) return false;
    acquire(a, 1);
    const std::uint64_t exchanges = stats(a).exchanges;
    await([&] { return stats(a).exchanges > exchanges; });
    const std::uint64_t before = begun.token;
    const bool passes = afflux_fleet_check(a.get(), &begun) == AFFLUX_OK;  // else it was stopped
    if (passes) {
      EXPECT_GT(begun.token, before);
    }
    release(a, 1);
    return passes;
  });
  release(a, 1);
}

TEST_F(Fleet, ResizesForAll) {
  const fleet_ptr a = open("a");
  acquire(a, 20);
  EXPECT_EQ(afflux_fleet_resize(a.get(), 25), AFFLUX_OK);
  acquire(a, 5);
  EXPECT_EQ(afflux_fleet_resize(a.get(), 3), AFFLUX_OK);
  await([&] { return stats(a).permits == 3; });
  EXPECT_EQ(stats(a).held, 25u) << "no permit is revoked";
  EXPECT_EQ(stats(a).limit, 3u);
  EXPECT_EQ(stats(a).version, 2u);
  release(a, 25);
  await([&] { return totals(a).leased == 3; });
  acquire(a, 3);
  release(a, 3);
  // What was set stays, whatever a newcomer names.
  const fleet_ptr b = open("b");
  await([&] { return stats(b).exchanges > 0; });
  EXPECT_EQ(stats(b).limit, 3u);
}

// Otherwise the next holder would tell of the limit before, with the higher version.
TEST_F(Fleet, ResizesAServerThatWasEmptied) {
  afflux_fleet_options o = options("by hand");
  o.flags = AFFLUX_FLEET_MANUAL | AFFLUX_FLEET_FRESH;
  afflux_fleet* f = nullptr;
  ASSERT_EQ(afflux_fleet_open(&o, &f), AFFLUX_OK);
  const fleet_ptr a(f);
  EXPECT_EQ(afflux_fleet_resize(a.get(), 25), AFFLUX_OK);
  EXPECT_EQ(afflux_fleet_resize(a.get(), 30), AFFLUX_OK);
  EXPECT_EQ(afflux_fleet_advance(a.get(), nullptr), AFFLUX_OK);
  EXPECT_EQ(stats(a).version, 2u);
  server_->run({"FLUSHALL"});
  EXPECT_EQ(afflux_fleet_resize(a.get(), 5), AFFLUX_OK);
  EXPECT_EQ(totals(a).version, 3u);
  EXPECT_EQ(totals(a).silent, 1u) << "it was used before, as this one knows";
}

TEST_F(Fleet, WaitsForALimitThatNobodyNames) {
  afflux_fleet_options o = options("a");
  o.limit = 0;
  afflux_fleet* made = nullptr;
  ASSERT_EQ(afflux_fleet_open(&o, &made), AFFLUX_OK);
  const fleet_ptr a(made);
  await([&] { return stats(a).state == AFFLUX_FLEET_UNDEFINED; });
  EXPECT_EQ(afflux_fleet_holders(a.get(), nullptr, nullptr, nullptr), AFFLUX_EAGAIN);
  EXPECT_EQ(afflux_fleet_resize(a.get(), 7), AFFLUX_OK);
  acquire(a, 7);
  release(a, 7);
}

TEST_F(Fleet, ListsItsHolders) {
  const fleet_ptr a = open("machine one");
  const fleet_ptr b = open(nullptr);
  acquire(a, 4);
  await([&] { return totals(a).holders == 2 && totals(a).demand >= 4; });
  struct seen {
    std::string one, other;
    std::uint64_t permits = 0;
    int count = 0;
  } s;
  afflux_fleet_totals t{};
  const auto see = [](void* ctx, const afflux_fleet_holder* h) -> std::int32_t {
    auto& into = *static_cast<seen*>(ctx);
    (std::strcmp(h->label, "machine one") == 0 ? into.one : into.other) = h->id;
    into.permits += h->permits;
    ++into.count;
    return 0;
  };
  EXPECT_EQ(afflux_fleet_holders(a.get(), see, &s, &t), AFFLUX_OK);
  EXPECT_EQ(s.count, 2);
  EXPECT_EQ(s.one, id(a));
  EXPECT_EQ(s.other, id(b));
  EXPECT_EQ(s.permits, t.leased);
  EXPECT_EQ(t.limit, 20u);
  EXPECT_EQ(t.silent, 0u);
  EXPECT_EQ(t.lease_ns, 400 * kMs);
  EXPECT_EQ(afflux_fleet_holders(
                a.get(), [](void*, const afflux_fleet_holder*) -> std::int32_t { return 1; },
                nullptr, nullptr),
            AFFLUX_ECANCELED);
  release(a, 4);
}

TEST_F(Fleet, ListsTheLimitsOfItsEngine) {
  const fleet_ptr a = open("a");
  EXPECT_EQ(afflux_fleet_resize(a.get(), 20), AFFLUX_OK);
  std::vector<std::string> names;
  const auto see = [](void* ctx, const char* name) -> std::int32_t {
    static_cast<std::vector<std::string>*>(ctx)->emplace_back(name);
    return 0;
  };
  EXPECT_EQ(afflux_fleet_names(a.get(), see, &names), AFFLUX_OK);
  EXPECT_EQ(std::count(names.begin(), names.end(), afflux_fleet_name(a.get())), 1);
  EXPECT_EQ(afflux_fleet_names(
                a.get(), [](void*, const char*) -> std::int32_t { return 1; }, nullptr),
            AFFLUX_ECANCELED);
}

TEST_F(Fleet, ClosesAndGivesBack) {
  const fleet_ptr a = open("a");
  acquire(a, 1);
  release(a, 1);
  EXPECT_EQ(afflux_fleet_close(a.get(), 0), AFFLUX_OK);
  EXPECT_EQ(afflux_fleet_close(a.get(), 0), AFFLUX_EALREADY);
  EXPECT_EQ(totals(a).holders, 0u) << "the operator's calls work on";
  EXPECT_EQ(afflux_sem_try_acquire(afflux_fleet_sem(a.get()), 1), AFFLUX_ECLOSED);
  EXPECT_EQ(stats(a).state, std::uint32_t{AFFLUX_FLEET_CLOSED});
}

TEST_F(Fleet, IsNoHolderWhereItIsOnlyToOperate) {
  afflux_fleet_options o = options("operator");
  o.flags = AFFLUX_FLEET_MANUAL;
  afflux_fleet* made = nullptr;
  ASSERT_EQ(afflux_fleet_open(&o, &made), AFFLUX_OK);
  const fleet_ptr a(made);
  EXPECT_EQ(afflux_fleet_resize(a.get(), 7), AFFLUX_OK);
  EXPECT_EQ(totals(a).holders, 0u);
  EXPECT_EQ(totals(a).silent, 1u);
  EXPECT_EQ(afflux_fleet_close(a.get(), 0), AFFLUX_OK);
}

// Prometheus refuses a page on which a series comes twice.
TEST_F(Fleet, HasSeriesOfItsOwnBesideAnotherOfItsName) {
  const fleet_ptr a = open("a");
  const fleet_ptr b = open("b");
  std::string text;
  const auto sink = [](void* ctx, const char* piece, std::size_t size) -> std::int32_t {
    static_cast<std::string*>(ctx)->append(piece, size);
    return 0;
  };
  const afflux_fleet* const all[] = {a.get(), b.get()};
  ASSERT_EQ(afflux_fleet_write(all, 2, AFFLUX_EXPORT_PROMETHEUS, sink, &text), AFFLUX_OK);
  std::set<std::string> seen;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second || line[0] == '#') << line;
  }
  EXPECT_GT(seen.size(), 40u);
}

TEST_F(Fleet, HasANameOfUtf8AndALabelMadeSo) {
  afflux_fleet_options o = options("m\xfcnchen");
  afflux_fleet* made = nullptr;
  for (const char* name :
       {"\xff", "a\x80", "\xc3", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xc0\xaf"}) {
    o.name = name;
    EXPECT_EQ(afflux_fleet_open(&o, &made), AFFLUX_EINVAL) << name;
  }
  o.name = "caf\xc3\xa9 \xf0\x9f\x8d\xb5";
  ASSERT_EQ(afflux_fleet_open(&o, &made), AFFLUX_OK);
  const fleet_ptr a(made);
  acquire(a, 1);
  std::string label;
  const auto visit = [](void* ctx, const afflux_fleet_holder* h) -> std::int32_t {
    *static_cast<std::string*>(ctx) = h->label;
    return 0;
  };
  ASSERT_EQ(afflux_fleet_holders(a.get(), visit, &label, nullptr), AFFLUX_OK);
  EXPECT_EQ(label, "m\xef\xbf\xbdnchen");
  release(a, 1);
}

TEST_F(Fleet, IsRenderedForPrometheus) {
  const fleet_ptr a = open("a");
  acquire(a, 3);
  std::string text;
  const auto sink = [](void* ctx, const char* piece, std::size_t size) -> std::int32_t {
    static_cast<std::string*>(ctx)->append(piece, size);
    return 0;
  };
  const afflux_fleet* const all[] = {a.get()};
  EXPECT_EQ(afflux_fleet_write(all, 1, AFFLUX_EXPORT_PROMETHEUS, sink, &text), AFFLUX_OK);
  const auto value_of = [&text](const std::string& series) {
    const std::size_t at = text.find("\n" + series + "{fleet=\"backend\",id=\"");
    if (at == text.npos) return std::string("none");
    const std::size_t value = text.find("\"} ", at) + 3;
    return text.substr(value, text.find('\n', value) - value);
  };
  EXPECT_EQ(value_of("afflux_fleet_permits_held"), "3") << text;
  EXPECT_EQ(value_of("afflux_fleet_limit"), "20") << text;
  EXPECT_NE(text.find("# TYPE afflux_fleet_exchanges_total counter\n"), text.npos);
  EXPECT_NE(text.find("\",state=\"leased\"} 1\n"), text.npos);
  text.clear();
  EXPECT_EQ(afflux_fleet_write(all, 1, AFFLUX_EXPORT_OPENMETRICS, sink, &text), AFFLUX_OK);
  EXPECT_NE(text.find("# TYPE afflux_fleet_exchanges counter\n"), text.npos);
  EXPECT_NE(text.find("\nafflux_fleet_exchanges_total{"), text.npos);
  release(a, 3);
}

}  // namespace
}  // namespace afflux_test
