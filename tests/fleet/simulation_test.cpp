// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The promise of the leases, in virtual time: whatever happens to messages, holders and the engine,
// all holders together never use more than the limit.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "simulation.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kLimit = 100;

void want(simulation& s, std::uint64_t each) {
  for (auto& n : s.nodes()) n.wants = each;
}

// Demand that comes and goes.
void vary(simulation& s) {
  for (auto& n : s.nodes()) {
    if (s.chance(0.01)) n.wants = static_cast<std::uint64_t>(s.between(0, 12));
  }
}

TEST(FleetSimulation, UsesTheWholeLimitInQuietTimes) {
  simulation s(1, 50, kLimit, {});
  want(s, 10);
  s.run(20 * kSecond);
  const std::uint64_t before = s.worked();
  const std::uint64_t steps = s.steps();
  const std::uint64_t sent = s.exchanges();
  s.run(60 * kSecond);
  const double used =
      static_cast<double>(s.worked() - before) / static_cast<double>((s.steps() - steps) * kLimit);
  std::cout << "[ used     ] " << used << " of the limit, "
            << static_cast<double>(s.exchanges() - sent) / 60 / 50 << " exchanges/s each\n";
  EXPECT_GE(used, 0.97);
  EXPECT_LE(s.peak(), kLimit);
}

TEST(FleetSimulation, SendsOnceInARefreshIntervalAtRest) {
  simulation s(2, 50, kLimit, {});
  want(s, 0);
  s.run(20 * kSecond);
  const std::uint64_t sent = s.exchanges();
  s.run(60 * kSecond);
  EXPECT_LE(s.exchanges() - sent, 50u * 60);
}

TEST(FleetSimulation, MovesAShareFromAnIdleHolderWithinTwoRefreshIntervals) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    simulation s(seed, 2, kLimit, {});
    s.nodes()[0].wants = 100;
    s.run(20 * kSecond + static_cast<std::int64_t>(seed) * 50 * kMs);
    EXPECT_EQ(s.nodes()[0].held, kLimit);
    s.nodes()[0].wants = 0;
    s.nodes()[1].wants = 100;
    s.run(s.hold_ns);  // the work that runs holds its permits
    s.run(2 * s.refresh_ns);
    EXPECT_GE(s.nodes()[1].held, 97u) << "seed " << seed;
  }
}

// Of many: half of them want everything, then the other half.
TEST(FleetSimulation, MovesTheLimitBetweenHalvesOfAFleet) {
  for (const std::size_t count : {10u, 50u, 200u}) {
    const std::uint64_t limit = 4 * count;
    simulation s(count, static_cast<int>(count), limit, {});
    const auto want_half = [&](std::size_t half) {
      for (std::size_t i = 0; i < count; ++i) s.nodes()[i].wants = i % 2 == half ? 20 : 0;
    };
    want_half(0);
    s.run(20 * kSecond);
    want_half(1);
    s.run(s.hold_ns);
    s.run(2 * s.refresh_ns);
    std::uint64_t held = 0;
    for (std::size_t i = 1; i < count; i += 2) held += s.nodes()[i].held;
    EXPECT_GE(held * 100, limit * 97) << count;
    EXPECT_LE(s.peak(), limit);
  }
}

TEST(FleetSimulation, TakesTurnsWhereThereAreMoreHoldersThanPermits) {
  simulation s(3, 50, 10, {});
  want(s, 3);
  s.run(120 * kSecond);
  std::uint64_t least = UINT64_MAX, most = 0;
  for (const auto& n : s.nodes()) {
    least = std::min(least, n.worked);
    most = std::max(most, n.worked);
  }
  std::cout << "[ turns    ] " << least << " … " << most << "\n";
  EXPECT_GT(least * 4, most);
}

struct storm {
  const char* name;
  weather what;
};

class FleetStorm : public testing::TestWithParam<storm> {};

TEST_P(FleetStorm, NeverUsesMoreThanTheLimit) {
  const char* given = std::getenv("AFFLUX_TEST_SEEDS");
  const std::uint64_t seeds = given != nullptr ? std::strtoull(given, nullptr, 10) : 3;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    simulation s(seed, 50, kLimit, GetParam().what);
    want(s, 4);
    s.run(120 * kSecond, [](simulation& now) { vary(now); });
    ASSERT_LE(s.peak(), kLimit) << GetParam().name << ", seed " << seed;
    EXPECT_GT(s.worked(), 0u);
    if (seed == 1) {
      std::cout << "[ used     ] "
                << static_cast<double>(s.worked()) / static_cast<double>(s.steps() * kLimit)
                << ", peak " << s.peak() << "\n";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Every, FleetStorm,
    testing::Values(storm{"lost", {.lost = 0.2}}, storm{"doubled", {.doubled = 0.3}},
                    storm{"late", {.lost = 0.05, .late = 0.2}}, storm{"stops", {.stops = 0.05}},
                    storm{"deaths", {.deaths = 0.02}}, storm{"forgets", {.forgets = 0.05}},
                    storm{"moves", {.moves = 0.05}},
                    storm{"all",
                          {.lost = 0.1,
                           .doubled = 0.1,
                           .late = 0.05,
                           .stops = 0.02,
                           .deaths = 0.01,
                           .forgets = 0.02,
                           .moves = 0.03}}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace afflux_test
