// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What tenants promise each other, over a clock of the test's.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "support/simulated.h"

namespace afflux::simulated {
namespace {

constexpr std::int64_t kMs = 1'000'000;

// Asks again as soon as it has been granted, `ahead` requests at a time.
struct greedy {
  greedy(world& in, tenant& of, std::int64_t for_ns, int ahead = 50, std::uint64_t permits = 1)
      : w(in), t(of), hold(for_ns), n(permits) {
    for (int i = 0; i < ahead; ++i) ask();
  }
  void ask() {
    w.ask(t, hold, n, [this] { ask(); });
  }
  double used() const { return t.totals.used.get(); }

  world& w;
  tenant& t;
  const std::int64_t hold;
  const std::uint64_t n;
};

TEST(Tenants, PermitSecondsGoByWeight) {
  world w(10);
  greedy a(w, w.add({.weight = 1}), 1 * kMs);
  greedy b(w, w.add({.weight = 2}), 10 * kMs);
  greedy c(w, w.add({.weight = 4}), 3 * kMs);
  const std::int64_t began = policy::clock;
  w.run_until(began + 1'000 * kMs);  // what the beginning did not know has been settled
  const double before[] = {a.used(), b.used(), c.used()};
  w.run_until(began + 11'000 * kMs);
  const double used[] = {a.used() - before[0], b.used() - before[1], c.used() - before[2]};
  const double all = used[0] + used[1] + used[2];
  EXPECT_NEAR(all, 10.0 * 10'000 * kMs, all / 100) << "it conserves work";
  EXPECT_NEAR(used[0] / all, 1.0 / 7, 0.01);
  EXPECT_NEAR(used[1] / all, 2.0 / 7, 0.01);
  EXPECT_NEAR(used[2] / all, 4.0 / 7, 0.01);
}

TEST(Tenants, OnePermitIsSharedInTime) {
  world w(1);
  greedy a(w, w.add(), 1 * kMs);
  greedy b(w, w.add(), 100 * kMs);
  w.run_until(policy::clock + 100'000 * kMs);
  EXPECT_NEAR(a.used() / (a.used() + b.used()), 0.5, 0.01);
}

TEST(Tenants, LargeRequestsAreChargedForTheirPermits) {
  world w(10);
  greedy a(w, w.add(), 2 * kMs, 50, 1);
  greedy b(w, w.add(), 2 * kMs, 50, 5);
  w.run_until(policy::clock + 20'000 * kMs);
  EXPECT_NEAR(a.used() / (a.used() + b.used()), 0.5, 0.02);
}

// Hold times that no estimate knows beforehand.
TEST(Tenants, WhatWasUsedCountsNotWhatWasExpected) {
  world w(8);
  std::mt19937_64 random(3);
  tenant& steady = w.add();
  tenant& erratic = w.add();
  greedy a(w, steady, 5 * kMs);
  std::function<void()> again = [&] {
    const std::int64_t hold = random() % 20 == 0 ? 200 * kMs : kMs / 2;
    w.ask(erratic, hold, 1, again);
  };
  for (int i = 0; i < 50; ++i) again();
  w.run_until(policy::clock + 60'000 * kMs);
  const double mine = steady.totals.used.get();
  EXPECT_NEAR(mine / (mine + erratic.totals.used.get()), 0.5, 0.03);
}

TEST(Tenants, AQuietOneIsServedWithinTwoReleases) {
  world w(1);
  tenant& abuser = w.add();
  tenant& quiet = w.add();
  for (int i = 0; i < 1'000'000; ++i) w.ask(abuser, kMs);
  for (int i = 0; i < 1'000; ++i) w.step();
  auto& request = w.ask(quiet, kMs);
  EXPECT_EQ(request.outcome, AFFLUX_PENDING);
  w.step();
  w.step();
  EXPECT_EQ(request.outcome, AFFLUX_OK);
}

TEST(Tenants, AFullLineIsFullForThoseWithMostInIt) {
  world w(1, 8);
  tenant& abuser = w.add();
  tenant& polite = w.add();
  for (int i = 0; i < 20; ++i) w.ask(abuser, kMs);  // one holds the permit, eight wait
  EXPECT_EQ(abuser.totals.rejected.get(), 11u);
  const world::request& first = w.ask(polite, kMs);
  for (int i = 1; i < 4; ++i) w.ask(polite, kMs);
  EXPECT_EQ(abuser.totals.rejected.get(), 15u) << "it had most of the line";
  EXPECT_EQ(polite.totals.rejected.get(), 0u);
  w.ask(polite, kMs);
  EXPECT_EQ(polite.totals.rejected.get(), 1u) << "both have half of it: its own";
  EXPECT_EQ(first.outcome, AFFLUX_EREJECTED);
}

// A long hold made the first estimates a thousand times too long; what was charged by them while no
// other waited is no credit.
TEST(Tenants, WhoIsAloneSavesNothingUp) {
  for (const int before : {60, 100, 400}) {
    world w(1);
    tenant& abuser = w.add();
    tenant& quiet = w.add();
    w.ask(abuser, kMs);
    for (int i = 0; i < 1'000; ++i) w.ask(abuser, 100);
    for (int i = 0; i < before; ++i) w.step();
    auto& request = w.ask(quiet, 100);
    w.step();
    w.step();
    EXPECT_EQ(request.outcome, AFFLUX_OK) << "after " << before;
  }
}

// However often a tenant's share is set, it costs no turn, and with other weights in between counts
// each for its time.
TEST(Tenants, AChangeOfAShareCostsNothing) {
  for (const std::uint32_t other_weight : {1u, 2u, 1000u}) {
    world w(3);
    tenant& changed = w.add();
    greedy a(w, changed, 7 * kMs);
    greedy b(w, w.add(), 5 * kMs);
    greedy c(w, w.add(), 3 * kMs);
    std::array<double, 3> began_at{};
    for (int round = 0; round < 20'000; ++round) {
      if (round == 1'000) began_at = {a.used(), b.used(), c.used()};
      ASSERT_EQ(w.sem->set_share(changed, {.weight = other_weight}), status::ok);
      ASSERT_EQ(
          w.sem->set_share(changed, {.weight = 1, .cap = 100u + static_cast<unsigned>(round) % 2}),
          status::ok);
      w.step();
    }
    const double used[] = {a.used() - began_at[0], b.used() - began_at[1], c.used() - began_at[2]};
    const double all = used[0] + used[1] + used[2];
    EXPECT_GT(all, 0);
    for (const double each : used) EXPECT_NEAR(each / all, 1.0 / 3, 0.01) << other_weight;
  }
}

// It came for one request and left with a lead.
TEST(Tenants, AnotherWeightCountsFromNowOn) {
  world w(1);
  tenant& changed = w.add();
  greedy a(w, w.add(), 1 * kMs);
  greedy b(w, w.add(), 1 * kMs);
  const std::int64_t began = policy::clock;
  for (int round = 0; round < 1'000; ++round) {
    auto& request = w.ask(changed, 1 * kMs);
    while (request.outcome == AFFLUX_PENDING) w.step();
    const std::uint32_t weight = round % 2 == 0 ? 60'000 : 1;
    ASSERT_EQ(w.sem->set_share(changed, {.weight = weight}), status::ok);
    w.run_until(policy::clock + (round % 7) * kMs);
  }
  const double its = changed.totals.used.get();
  const double all = static_cast<double>(policy::clock - began);
  EXPECT_NEAR(a.used() / (a.used() + b.used()), 0.5, 0.01);
  EXPECT_NEAR(a.used() + b.used() + its, all, all / 50);
}

TEST(Tenants, ComingAndGoingGainsNothing) {
  world w(4);
  tenant& stays = w.add();
  tenant& comes = w.add();
  greedy a(w, stays, 3 * kMs);
  // Eight at a time, and the next eight when those are over.
  int under_way = 0;
  std::function<void()> burst = [&] {
    under_way = 8;
    for (int i = 0; i < 8; ++i) {
      w.ask(comes, 3 * kMs, 1, [&] {
        if (--under_way == 0) burst();
      });
    }
  };
  burst();
  w.run_until(policy::clock + 30'000 * kMs);
  const double its = comes.totals.used.get();
  EXPECT_LE(its / (its + stays.totals.used.get()), 0.505);
}

TEST(Tenants, WhatIsNotUsedIsLentAndGuaranteedSharesComeBackAtOnce) {
  world w(10);
  tenant& greedy_one = w.add();
  tenant& has_four = w.add({.guaranteed = 4});
  greedy a(w, greedy_one, 10 * kMs, 100);
  EXPECT_EQ(greedy_one.held.get(), 10u);
  w.run_until(policy::clock + 500 * kMs);
  std::vector<world::request*> mine;
  for (int i = 0; i < 8; ++i) mine.push_back(&w.ask(has_four, 1'000 * kMs));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(mine[static_cast<std::size_t>(i)]->outcome, AFFLUX_PENDING);
    w.step();
    EXPECT_EQ(mine[static_cast<std::size_t>(i)]->outcome, AFFLUX_OK) << "release " << i;
  }
  EXPECT_EQ(has_four.held.get(), 4u);
  EXPECT_EQ(has_four.totals.by_guarantee.get(), 4u);
}

TEST(Tenants, ACapHoldsAndHoldsBackNobodyElse) {
  world w(10);
  tenant& capped = w.add({.cap = 3});
  tenant& other = w.add();
  for (int i = 0; i < 20; ++i) w.ask(capped, 10 * kMs);
  EXPECT_EQ(capped.held.get(), 3u);
  EXPECT_EQ(capped.waiting->count(), 17u);
  EXPECT_EQ(w.ask(other, 10 * kMs, 2).outcome, AFFLUX_OK) << "permits are free";
  EXPECT_EQ(w.sem->try_acquire(1), status::ok) << "also for those who name no tenant";
  EXPECT_EQ(w.sem->release(1), status::ok);
  for (int i = 0; i < 40; ++i) {
    w.step();
    EXPECT_LE(capped.held.get(), 3u);
  }
  EXPECT_EQ(capped.totals.acquired.get(), 20u);
}

TEST(Tenants, ThoseWhoNameNoneAreOneMore) {
  world w(4);
  greedy a(w, w.add(), 2 * kMs);
  std::uint64_t granted = 0;
  std::function<void()> again = [&] {
    ++granted;
    w.ask(nullptr, 6 * kMs, 1, again);
  };
  for (int i = 0; i < 50; ++i) w.ask(nullptr, 6 * kMs, 1, again);
  const std::int64_t began = policy::clock;
  w.run_until(began + 10'000 * kMs);
  EXPECT_NEAR(a.used() / static_cast<double>(policy::clock - began) / 4, 0.5, 0.02);
  EXPECT_NEAR(static_cast<double>(granted), 4 * 10'000 / 2 / 6.0, 100);
}

// One that asks for little gets that, whatever its weight is; the others share the rest.
TEST(Tenants, SharesAreMaxMinFair) {
  world w(12);
  tenant& modest = w.add({.weight = 10});
  greedy a(w, w.add({.weight = 1}), 4 * kMs);
  greedy b(w, w.add({.weight = 3}), 4 * kMs);
  const std::int64_t began = policy::clock;
  double before[2] = {};
  for (int round = 0; round < 5'000; ++round) {
    if (round == 500) {
      before[0] = a.used();
      before[1] = b.used();
    }
    w.ask(modest, 4 * kMs);  // every 2 ms: two are held at a time
    w.run_until(began + round * 2 * kMs);
  }
  EXPECT_LE(modest.waiting->count(), 5u);
  EXPECT_NEAR(modest.totals.used.get() / (10'000.0 * kMs), 2.0, 0.05);
  EXPECT_NEAR((b.used() - before[1]) / (a.used() - before[0]), 3.0, 0.1);
}

// A guaranteed share that is always in use passes a larger request a bounded number of times.
TEST(Tenants, ALargeRequestIsNotPassedForEver) {
  world w(4);
  tenant& guaranteed = w.add({.guaranteed = 1});
  tenant& large = w.add();
  std::function<void()> again = [&] { w.ask(guaranteed, kMs, 1, again); };
  w.ask(guaranteed, kMs, 1, again);
  auto& request = w.ask(large, kMs, 4);
  for (int i = 0; i < AFFLUX_AGEING_BOUND + 10; ++i) w.step();
  EXPECT_EQ(request.outcome, AFFLUX_OK);
  for (int i = 0; i < 10; ++i) w.step();
  EXPECT_GT(guaranteed.totals.by_guarantee.get(), std::uint64_t{AFFLUX_AGEING_BOUND});
}

// Permits that are bytes: a request may be as large as the limit, and that may be large.
TEST(Tenants, LargeLimitsAreSharedAsSmallOnesAre) {
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 40;
  world w(kLimit);
  greedy a(w, w.add(), 20 * kMs, 50, kLimit / 16);
  greedy b(w, w.add(), 20 * kMs, 50, kLimit / 256);
  w.run_until(policy::clock + 20'000 * kMs);
  EXPECT_NEAR(a.used() / (a.used() + b.used()), 0.5, 0.03);
}

}  // namespace
}  // namespace afflux::simulated
