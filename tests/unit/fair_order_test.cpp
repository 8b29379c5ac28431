// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The order of tenants beside an exact fluid service: at each moment of random traces no member is
// more than about a piece ahead of, or behind, what it would have had there.
#include "queue/fair_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <vector>

namespace afflux::queue {
namespace {

constexpr double kLongestOfAll = 100'000;

struct member : fair_member {
  std::deque<double> pieces;  // that wait in the order
  std::deque<double> fluid;   // that wait in the fluid service; the first in part
  double served = 0;
  double flowed = 0;
};

// What a member is given in the fluid service, by weight among those that wait there.
void flow(std::vector<member>& all, double work) {
  while (work > 1e-6) {
    double weights = 0;
    for (const member& m : all) weights += m.fluid.empty() ? 0 : m.weight();
    if (weights == 0) return;
    double by = work / weights;
    for (const member& m : all) {
      if (!m.fluid.empty()) by = std::min(by, m.fluid.front() / m.weight());
    }
    for (member& m : all) {
      if (m.fluid.empty()) continue;
      m.flowed += by * m.weight();
      m.fluid.front() -= by * m.weight();
      if (m.fluid.front() <= 1e-9) m.fluid.pop_front();
    }
    work -= by * weights;
  }
}

struct trace {
  bool weighted;
  bool of_any_length;
  bool comes_and_goes;
};

class FairOrder : public ::testing::TestWithParam<trace> {
 public:
  // The largest lag of a member, in pieces of the longest kind.
  static double worst_lag(const trace& how, unsigned seed, std::size_t count) {
    std::mt19937_64 random(seed);
    auto order = std::make_unique<fair_order>();
    std::vector<member> all(count);
    for (member& m : all) {
      m.set_weight(how.weighted ? 1 + static_cast<std::uint32_t>(random() % 100) : 1);
      order->reset(m);
    }
    const auto push = [&](member& m) {
      const double piece =
          how.of_any_length ? 1 + static_cast<double>(random() % 100'000) : kLongestOfAll;
      m.pieces.push_back(piece);
      m.fluid.push_back(piece);
      if (m.pieces.size() == 1) order->insert(m, piece * 65536);
    };
    for (member& m : all) {
      for (std::size_t i = 0; !how.comes_and_goes && i < 1 + random() % 50; ++i) push(m);
    }
    double worst = 0;
    for (int step = 0; step < 2000; ++step) {
      for (std::size_t i = 0; how.comes_and_goes && i < random() % 3; ++i) {
        member& m = all[random() % count];
        for (std::size_t k = 0; k < 1 + random() % 8; ++k) push(m);
      }
      auto* const next = static_cast<member*>(order->first());
      if (next == nullptr) {
        if (!how.comes_and_goes) break;
        order->forget_leads();
        for (member& m : all) {
          order->reset(m);
          m.fluid.clear();
          m.flowed = m.served = 0;
        }
        continue;
      }
      const double piece = next->pieces.front();
      next->pieces.pop_front();
      order->remove(*next);
      order->serve(*next);
      next->served += piece;
      if (next->pieces.empty()) {
        order->leave(*next);
      } else {
        order->insert(*next, next->pieces.front() * 65536);
      }
      flow(all, piece);
      for (const member& m : all) {
        worst = std::max(worst, (m.flowed - m.served) / kLongestOfAll);
        // Never more than one ahead, but for what a slot rounds.
        EXPECT_LE(m.served - m.flowed, kLongestOfAll * 1.1) << "step " << step;
      }
    }
    return worst;
  }
};

TEST_P(FairOrder, IsNearTheFluid) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    for (const std::size_t count : {2u, 5u, 30u}) {
      EXPECT_LE(worst_lag(GetParam(), seed, count), 1.3) << count << " members, seed " << seed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Traces, FairOrder,
                         ::testing::Values(trace{false, false, false}, trace{true, false, false},
                                           trace{false, true, false}, trace{true, true, false},
                                           trace{false, false, true}, trace{true, false, true},
                                           trace{false, true, true}, trace{true, true, true}));

// A heavy member among many light ones comes again and again between them, not behind all of them.
TEST(FairOrderShare, AHeavyOneIsServedInBetween) {
  fair_order order;
  std::vector<member> light(100);
  member heavy;
  heavy.set_weight(100);
  for (member& m : light) order.insert(m, 1 << 20);
  order.insert(heavy, 1 << 20);
  int others = 0;
  for (int served = 0; served < 100; ++served) {
    auto* const next = static_cast<member*>(order.first());
    order.remove(*next);
    order.serve(*next);
    order.insert(*next, 1 << 20);
    others = next == &heavy ? 0 : others + 1;
    EXPECT_LE(others, 2);
  }
}

TEST(FairOrderTime, IsComparedAcrossTheEndOfAWord) {
  const virtual_time a{1, 0};
  const virtual_time b = a - 5;
  EXPECT_EQ(ahead(a, b), 5);
  EXPECT_EQ(ahead(b, a), -5);
  EXPECT_EQ(ahead(b + 7, a), 2);
  EXPECT_EQ(ahead(virtual_time{9, 0}, a), std::int64_t{1} << 61);
  EXPECT_EQ(ahead(a, virtual_time{9, 0}), -(std::int64_t{1} << 61));
}

// Pieces from the shortest to the longest, at every weight: what comes out is what went in.
TEST(FairOrderLevels, EachMemberIsServedOnce) {
  std::mt19937_64 random(1);
  fair_order order;
  std::vector<member> all(500);
  for (int round = 0; round < 200; ++round) {
    std::vector<member*> in;
    for (member& m : all) {
      m.set_weight(1 + static_cast<std::uint32_t>(random() % 65535));
      order.insert(m, static_cast<double>(std::uint64_t{1} << random() % 61));
      in.push_back(&m);
    }
    std::shuffle(in.begin(), in.end(), random);
    for (std::size_t i = 0; i < 100; ++i) {
      order.remove(*in[i]);
      order.leave(*in[i]);
    }
    for (std::size_t i = 100; i < all.size(); ++i) {
      fair_member* const next = order.first();
      ASSERT_NE(next, nullptr);
      order.remove(*next);
      order.serve(*next);
      order.leave(*next);
    }
    ASSERT_EQ(order.first(), nullptr);
    ASSERT_TRUE(order.empty());
  }
}

}  // namespace
}  // namespace afflux::queue
