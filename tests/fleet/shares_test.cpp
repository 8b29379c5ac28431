// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a limit is shared.
#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>

#include "fleet/ledger.h"
#include "fleet/shares.h"

namespace afflux_test {
namespace {

using namespace afflux::fleet;

record with(std::uint64_t limit, std::initializer_list<holder> holders) {
  record r;
  r.limit = limit;
  r.stamp = 1000;
  char id = 'a';
  for (const holder& h : holders) r.holders[std::string(1, id++)] = h;
  share_out(r);
  return r;
}
holder wants(std::uint64_t demand, std::uint64_t weight = 1, std::uint64_t minimum = 0) {
  holder h;
  h.demand = demand;
  h.weight = weight;
  h.minimum = minimum;
  return h;
}
std::uint64_t target(const record& r, const char* id) { return r.holders.at(id).target; }

TEST(FleetShares, AreTheDemandAndAPartOfTheRest) {
  const record r = with(100, {wants(10), wants(0), wants(20, 2)});
  EXPECT_EQ(target(r, "a"), 10u + 17);
  EXPECT_EQ(target(r, "b"), 0u + 17);
  EXPECT_EQ(target(r, "c"), 20u + 35);
}

TEST(FleetShares, AreByWeightWhereDemandIsMore) {
  const record r = with(100, {wants(1000), wants(1000, 3), wants(4)});
  EXPECT_EQ(target(r, "a"), 24u);
  EXPECT_EQ(target(r, "b"), 72u);
  EXPECT_EQ(target(r, "c"), 4u);
}

TEST(FleetShares, GiveMinimumsFirst) {
  const record r = with(100, {wants(1000, 1, 60), wants(1000, 100), wants(0, 1, 30)});
  EXPECT_EQ(target(r, "a"), 60u);
  EXPECT_EQ(target(r, "b"), 40u);
  EXPECT_EQ(target(r, "c"), 0u) << "it does not ask for it";
}

TEST(FleetShares, AreNothingForOneThatHasLeft) {
  record r = with(100, {wants(0, 0), wants(10)});
  EXPECT_EQ(target(r, "a"), 0u);
  EXPECT_EQ(target(r, "b"), 100u);
  r = with(100, {wants(0, 0)});
  EXPECT_EQ(target(r, "a"), 0u);
  r = with(100, {wants(0, 0), wants(200)});
  EXPECT_EQ(target(r, "b"), 100u);
}

TEST(FleetShares, CutMinimumsThatAreTooManyInProportion) {
  const record r = with(100, {wants(1000, 1, 150), wants(1000, 1, 50)});
  EXPECT_EQ(target(r, "a"), 75u);
  EXPECT_EQ(target(r, "b"), 25u);
}

TEST(FleetShares, LeaveNothingOverByRounding) {
  const record r = with(100, {wants(50), wants(50), wants(50)});
  EXPECT_EQ(target(r, "a") + target(r, "b") + target(r, "c"), 100u);
}

TEST(FleetShares, AreNeverMoreThanTheLimitTogetherAndNeverMuchLess) {
  std::mt19937_64 random(7);
  const auto below = [&](std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random);
  };
  for (int round = 0; round < 3000; ++round) {
    record r;
    r.stamp = 1000;
    r.limit = below(round % 7 == 0 ? kMaxPermits : 1000) + 1;
    const std::uint64_t n = 1 + below(40);
    std::uint64_t demand = 0;
    for (std::uint64_t i = 0; i < n; ++i) {
      holder h =
          wants(below(1 + 4 * r.limit / n), below(9) == 0 ? 1 + below(kMaxWeight) : 1 + below(4),
                below(4) == 0 ? below(r.limit) : 0);
      h.permits = below(10);
      h.turn = below(1000);
      demand += h.demand;
      r.holders[std::to_string(i)] = h;
    }
    share_out(r);
    std::uint64_t sum = 0;
    for (const auto& [id, h] : r.holders) {
      sum += h.target;
      EXPECT_TRUE(demand > r.limit ? h.target <= h.demand : h.target >= h.demand);
    }
    // A double has 53 bits: the rest that is spread may be off by one in the last place.
    EXPECT_LE(sum, r.limit + n) << round;
    EXPECT_TRUE(demand <= r.limit || sum == r.limit) << round;
  }
}

}  // namespace
}  // namespace afflux_test
