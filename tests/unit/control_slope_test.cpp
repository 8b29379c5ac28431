// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The default algorithm, on made windows where its answer is known, and on a toy server in virtual
// time. Seeds are fixed: a test passes always or never.
#include "control/slope.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "control/toy_server.h"

namespace afflux::control {
namespace {

constexpr double kMs = 1e6;

// ---- Made windows

// Shows windows in which latency (ns, a function of limit and time) is spread by a fifth, and all
// that the limit allows is in flight.
class made_windows {
 public:
  made_windows(slope& shown, std::function<double(double limit, double seconds)> latency)
      : shown_(shown), latency_(std::move(latency)) {}

  double used = 1;     // share of the limit that is in flight
  double dropped = 0;  // share
  double least = 1e9;  // limits that were asked for
  double most = 0;

  void show(int windows) {
    for (int i = 0; i < windows; ++i) show();
  }

 private:
  void show() {
    const closing wanted = shown_.next();
    const double limit = shown_.limit();
    least = std::min(least, limit);
    most = std::max(most, limit);
    window seen;
    seen.from = now_;
    seen.to = now_ += std::max<std::int64_t>(wanted.least_time, 1'000'000);
    const double latency = latency_(limit, static_cast<double>(now_) / 1e9);
    const double flies = std::max(1.0, std::floor(used * limit + 0.5));
    for (int i = 0; i < kSamples; ++i) {
      const auto one = static_cast<std::int64_t>(latency * (0.8 + 0.1 * (i % 5)));
      const bool is_dropped = i < dropped * kSamples;
      ++(is_dropped ? seen.dropped : seen.served);
      seen.capped_sum += is_dropped ? wanted.cap : std::min(one, wanted.cap);
      seen.below_cap += !is_dropped && one < wanted.cap ? 1 : 0;
      seen.all_served += is_dropped ? 0 : 1;
      seen.all_latency_sum += is_dropped ? 0 : one;
    }
    seen.quantile = dropped < 1 ? static_cast<std::int64_t>(latency) : 0;
    seen.in_flight_sum = static_cast<std::uint64_t>(flies * kSamples);
    seen.in_flight_most = static_cast<std::uint64_t>(flies);
    seen.full = used < 1 ? 0 : kSamples;
    shown_.update(seen);
  }

  static constexpr int kSamples = 200;
  slope& shown_;
  const std::function<double(double, double)> latency_;
  std::int64_t now_ = 0;
};

double flat(double, double) { return 10 * kMs; }
// 50 workers: what is beyond them waits.
double queued(double limit, double) { return 10 * kMs * std::max(1.0, limit / 50); }

TEST(ControlSlope, GrowsToTheMostWhileLatencyStays) {
  slope tested;
  made_windows windows(tested, flat);
  windows.show(60);
  EXPECT_EQ(tested.center(), 1000);
  EXPECT_EQ(windows.most, 1000);
}

TEST(ControlSlope, StaysWhereQueueingBegins) {
  for (const double initial : {5.0, 20.0, 60.0, 200.0}) {
    slope_options options;
    options.initial = initial;
    slope tested(options);
    made_windows windows(tested, queued);
    windows.show(initial > 100 ? 2000 : 400);
    windows.least = 1e9;
    windows.most = 0;
    windows.show(400);
    EXPECT_GE(windows.least, 46) << initial;
    EXPECT_LE(windows.most, 56) << initial;
  }
}

TEST(ControlSlope, TakesNoNoteOfLatencyThatRisesByItself) {
  // Ten times within some seconds, whatever the limit is.
  slope tested;
  made_windows windows(
      tested, [](double, double seconds) { return 10 * kMs * std::min(10.0, 1 + seconds); });
  double before = tested.center();
  for (int i = 0; i < 200; ++i) {
    windows.show(1);
    if (tested.searching()) continue;
    EXPECT_GE(tested.center(), before * 0.97) << i;
    before = tested.center();
  }
  EXPECT_EQ(tested.center(), 1000);
}

TEST(ControlSlope, TakesNoNoteOfAStepBetweenItsWindows) {
  slope_options options;
  options.max = 60;
  slope tested(options);
  double factor = 1;
  made_windows windows(tested, [&](double, double) { return 10 * kMs * factor; });
  windows.show(60);
  ASSERT_EQ(tested.center(), 60);
  for (const double next : {1.5, 1.0, 3.0, 0.5}) {
    factor = next;
    windows.show(1);  // only a half of a pair sees it before
    windows.show(39);
    EXPECT_GE(tested.center(), 55) << next;
  }
}

// In the order + - + - the limit that comes first would always look quicker.
TEST(ControlSlope, FindsWhereQueueingBeginsWhileLatencyRisesByItself) {
  slope tested;
  double factor = 1;
  made_windows windows(tested, [&](double limit, double) { return queued(limit, 0) * factor; });
  windows.show(100);
  for (int i = 0; i < 200; ++i) {
    factor *= 1.05;
    windows.show(1);
    ASSERT_LE(tested.center(), 60) << i;
  }
  EXPECT_GE(tested.center(), 45);
}

TEST(ControlSlope, StaysWhileTheLimitIsNotReached) {
  for (const double used : {0.02, 0.8}) {
    slope tested;
    made_windows windows(tested, queued);
    windows.show(200);
    windows.used = used;
    windows.show(4);  // the first may be a half of a pair, or of a search
    const double before = tested.center();
    windows.show(1000);
    EXPECT_EQ(tested.center(), before) << used;
    windows.used = 1;  // and is right when it is
    windows.show(60);
    EXPECT_NEAR(tested.center(), 50, 6) << used;
  }
}

// Requests of the limit before are still served, and slow down those that follow.
TEST(ControlSlope, LeavesOutWhatTheLimitBeforeHasLeft) {
  slope tested;
  made_windows windows(tested, queued);
  windows.show(1);  // it knows no latency before
  ASSERT_TRUE(tested.searching());
  EXPECT_TRUE(tested.next().own_only);
  EXPECT_GE(static_cast<double>(tested.next().settle), 2 * 9.9 * kMs);
  windows.show(200);
  ASSERT_FALSE(tested.searching());
  EXPECT_FALSE(tested.next().own_only);
  EXPECT_GE(static_cast<double>(tested.next().settle), 2 * 9.9 * kMs);
  EXPECT_GE(static_cast<double>(tested.next().least_time), 4 * 9.9 * kMs);
}

TEST(ControlSlope, KeepsWithinMinAndMax) {
  slope_options options;
  options.min = 70;
  options.max = 90;
  options.initial = 80;
  slope above(options);  // the knee is below
  made_windows wants_less(above, queued);
  wants_less.show(1000);
  EXPECT_EQ(above.center(), 70);
  EXPECT_EQ(wants_less.least, 70);
  slope below(options);
  made_windows wants_more(below, flat);
  wants_more.show(1000);
  EXPECT_EQ(below.center(), 90);
  EXPECT_EQ(wants_more.most, 90);
  options.max = options.initial = 70;
  slope fixed(options);
  made_windows wants_any(fixed, queued);
  wants_any.show(100);
  EXPECT_EQ(wants_any.least, 70);
  EXPECT_EQ(wants_any.most, 70);
}

TEST(ControlSlope, ShrinksWhileMostAreDropped) {
  for (const double dropped : {0.7, 1.0}) {
    slope tested;
    made_windows windows(tested, flat);
    windows.show(100);
    ASSERT_EQ(tested.center(), 1000);
    windows.dropped = dropped;
    windows.show(100);
    EXPECT_LT(tested.center(), 100) << dropped;
    windows.dropped = 0;
    windows.show(100);
    EXPECT_EQ(tested.center(), 1000) << dropped;
  }
}

TEST(ControlSlope, ShrinksWhereAllAreDroppedFromTheStart) {
  slope tested;
  made_windows windows(tested, flat);
  windows.dropped = 1;
  windows.show(200);
  EXPECT_LE(windows.most, 21);  // the higher of the two limits around 20
  EXPECT_EQ(tested.center(), 1);
}

TEST(ControlSlope, TakesTheSameStepsWithTheSameSeed) {
  const auto steps = [](std::uint64_t seed) {
    slope tested({}, seed);
    toy_server server(tested, 20,
                      [](splitmix& r) { return -10 * kMs * std::log1p(-r.between(0, 1)); });
    server.per_second = 3000;
    std::vector<double> limits;
    for (int i = 0; i < 50; ++i) {
      server.run(0.1);
      limits.push_back(tested.center());
    }
    return limits;
  };
  EXPECT_EQ(steps(3), steps(3));
  EXPECT_NE(steps(3), steps(4));
}

// ---- On a server

struct law {
  const char* name;
  std::function<double(splitmix&)> draw;  // with a mean of 10 ms
};

const std::vector<law>& laws() {
  static const std::vector<law> all = {
      {"exponential", [](splitmix& r) { return -10 * kMs * std::log1p(-r.between(0, 1)); }},
      {"constant", [](splitmix&) { return 10 * kMs; }},
      {"bimodal", [](splitmix& r) { return (r.between(0, 1) < 0.05 ? 162 : 2) * kMs; }},
  };
  return all;
}

// Overloaded by half. What a limit is worth is what it makes of the server: nearly all work done,
// and no long queue.
TEST(ControlSlope, FindsTheKnee) {
  for (const law& served : laws()) {
    for (const int workers : {20, 50, 150}) {
      slope tested;
      toy_server server(tested, workers, served.draw);
      server.per_second = 150 * workers;
      server.run(20);
      server.run(20);
      const double possible = 100.0 * workers * 20;
      EXPECT_GE(static_cast<double>(server.served), 0.93 * possible) << served.name << workers;
      EXPECT_LE(server.mean_limit(), 1.7 * workers) << served.name << workers;
    }
  }
}

// Requests that share the workers are slowed down each by a multiple of its own time: nothing is
// added to all of them alike, and the long ones, which end last, tell most of it.
TEST(ControlSlope, FindsTheKneeWhereRequestsShareTheServer) {
  for (const law& served : laws()) {
    if (std::string(served.name) == "bimodal") continue;  // adaptive-limits.md tells of that
    slope tested;
    toy_server server(tested, 50, served.draw);
    server.shares = true;
    server.per_second = 10'000;
    server.run(20);
    server.run(20);
    EXPECT_GE(static_cast<double>(server.served), 0.95 * 100 * 50 * 20) << served.name;
    EXPECT_LE(server.mean_limit(), 1.7 * 50) << served.name;
  }
}

TEST(ControlSlope, DoesNotDriftUnderOverload) {
  slope tested;
  toy_server server(tested, 30, laws()[0].draw);
  server.per_second = 1.3 * 3000;
  server.run(120);
  std::vector<double> minutes;
  for (int i = 0; i < 8; ++i) {
    server.run(60);
    minutes.push_back(server.mean_limit());
  }
  const auto [least, most] = std::minmax_element(minutes.begin(), minutes.end());
  EXPECT_LE(*most / *least, 1.3);
  EXPECT_GE(*least, 27);
}

TEST(ControlSlope, FollowsCapacityDownAndUp) {
  slope tested;
  toy_server server(tested, 40, laws()[0].draw);
  server.per_second = 1.5 * 4000;
  server.run(20);
  const double before = tested.center();
  EXPECT_GE(before, 36);
  server.workers = 20;
  server.run(10);
  server.run(5);
  EXPECT_LE(server.mean_limit(), 0.75 * before);
  EXPECT_GE(static_cast<double>(server.served), 0.9 * 2000 * 5);
  server.workers = 40;
  server.run(10);
  server.run(5);
  EXPECT_GE(static_cast<double>(server.served), 0.93 * 4000 * 5);
}

TEST(ControlSlope, GrowsQuicklyWithCapacity) {
  slope tested;
  toy_server server(tested, 20, laws()[0].draw);
  server.per_second = 1.2 * 20000;
  server.run(10);
  EXPECT_LE(tested.center(), 40);
  server.workers = 200;
  server.run(2.5);
  server.run(1);
  EXPECT_GE(static_cast<double>(server.served), 0.9 * 20000);
}

TEST(ControlSlope, AcceptsAStepAfterIdling) {
  slope tested;
  toy_server server(tested, 50, laws()[0].draw);
  server.per_second = 50;
  server.run(300);
  EXPECT_EQ(server.refused, 0u);
  server.per_second = 4500;
  server.run(1);
  EXPECT_LE(server.refused, 450u);
}

// One worker: two in flight keep it busy, and there are no fractions of a request.
TEST(ControlSlope, WorksWithALimitOfOneOrTwo) {
  slope tested;
  toy_server server(tested, 1, laws()[0].draw);
  server.per_second = 200;
  server.run(240);
  server.run(120);
  EXPECT_GE(server.limit_least, 1);
  EXPECT_LE(server.mean_limit(), 4);
  EXPECT_GE(static_cast<double>(server.served), 0.7 * 100 * 120);
}

}  // namespace
}  // namespace afflux::control
