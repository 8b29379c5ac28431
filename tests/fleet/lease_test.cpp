// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The holder's side of a lease, step by step; simulation_test.cpp has the rest.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "book.h"
#include "fleet/lease.h"
#include "fleet/ledger.h"

namespace afflux_test {
namespace {

lease_terms terms() {
  lease_terms t;
  t.holder = "me";
  t.lease = 1000;
  t.refresh = 160;
  t.margin = 10;
  t.max_hold = 100;
  t.limit = 10;
  return t;
}
reply says(std::uint64_t stamp, std::uint64_t permits, std::uint64_t epoch = 1) {
  reply a;
  a.epoch = epoch;
  a.stamp = stamp;
  a.limit = 10;
  a.lease = 1000;
  a.permits = permits;
  a.target = permits;
  return a;
}

TEST(FleetLease, EndsByTheTimeAtWhichTheRequestWasSent) {
  lease l(terms());
  l.begin(5000, 0, 1);
  EXPECT_EQ(l.usable(5000), 0u);
  l.arrived(5400, says(1, 7));
  EXPECT_EQ(l.usable(5400), 7u);
  EXPECT_EQ(l.next_change(5400), 5890);
  EXPECT_EQ(l.usable(5889), 7u);
  EXPECT_EQ(l.usable(5890), 0u) << "max_hold before the end";
  EXPECT_EQ(l.remaining(5890), 100);
  EXPECT_EQ(l.remaining(5990), 0);
}

TEST(FleetLease, UsesNothingOfAnAnswerThatCameTooLate) {
  lease l(terms());
  l.begin(5000, 0, 1);
  l.arrived(5990, says(1, 7));
  EXPECT_EQ(l.usable(5990), 0u);
}

TEST(FleetLease, UsesTheLesserAfterALostAnswer) {
  lease l(terms());
  l.begin(5000, 0, 1);
  reply a = says(1, 8);
  a.wanted = true;
  a.target = 3;
  l.arrived(5000, a);
  EXPECT_EQ(l.usable(5001), 3u);
  EXPECT_EQ(l.begin(5160, 5, 1).keep, 5u) << "five are in use still";
  l.failed(5300, 1);
  EXPECT_EQ(l.permits(), 5u);
  EXPECT_EQ(l.begin(5400, 2, 1).keep, 3u);
}

TEST(FleetLease, ProvesWhatItHasHeardALeaseAgo) {
  lease l(terms());
  l.begin(5000, 0, 1);
  l.arrived(5100, says(41, 7));
  EXPECT_EQ(l.begin(5160, 0, 1).proof, 0u);
  l.arrived(5200, says(45, 7));
  EXPECT_EQ(l.begin(6109, 0, 1).proof, 0u) << "5100 + lease + margin is 6110";
  l.arrived(6109, says(50, 7));
  EXPECT_EQ(l.begin(6110, 0, 1).proof, 41u);
  l.arrived(6110, says(51, 7));
  EXPECT_EQ(l.begin(6210, 0, 1).proof, 45u);
  l.arrived(6210, says(60, 7, 2));
  EXPECT_EQ(l.begin(6300, 0, 1).proof, 0u) << "of an epoch that is over";
}

TEST(FleetLease, AdoptsOnlyWhatItsLeaseCovers) {
  lease l(terms());
  l.begin(5000, 0, 1);
  l.arrived(5000, says(1, 7));
  EXPECT_EQ(l.begin(5100, 0, 1).adopt, 7u);
  l.failed(5100, 1);
  const request in_hold = l.begin(5900, 2, 1);  // nothing more is granted, two run on
  EXPECT_EQ(in_hold.adopt, 2u);
  EXPECT_EQ(in_hold.keep, 2u);
  l.failed(5900, 1);
  const request q = l.begin(5990, 2, 1);
  EXPECT_EQ(q.adopt, 0u);
  EXPECT_EQ(q.keep, 2u);
}

// On the way the epoch before ended it, gave its permits to another, and was lost.
TEST(FleetLease, UsesNothingThatWasAdoptedAfterTheEndOfItsLease) {
  lease l(terms());
  l.begin(5000, 0, 1);
  l.arrived(5000, says(1, 7));
  EXPECT_EQ(l.begin(5880, 0, 1).adopt, 7u);
  reply a = says(9, 7, 2);
  a.silent = true;
  l.arrived(5990, a);
  EXPECT_EQ(l.usable(5990), 0u);
  EXPECT_EQ(l.begin(6000, 0, 1).keep, 0u) << "the engine is told";
}

TEST(FleetLease, UsesWhatWasAdoptedBeforeTheEndOfItsLease) {
  lease l(terms());
  l.begin(5000, 0, 1);
  l.arrived(5000, says(1, 7));
  l.begin(5880, 0, 1);
  reply a = says(9, 7, 2);
  a.silent = true;
  l.arrived(5980, a);
  EXPECT_EQ(l.usable(5980), 7u);
}

// The engine's memory is lost; those with a longer lease have not told of it yet.
TEST(FleetLease, TellsTheLongestLeaseThatItKnows) {
  lease l(terms());
  EXPECT_EQ(l.begin(5000, 0, 1).lease, 1000u);
  reply a = says(1, 7);
  a.lease = 3000;
  l.arrived(5000, a);
  EXPECT_EQ(l.begin(5160, 0, 1).lease, 3000u);
}

TEST(FleetLease, BeginsATenureWhenALeaseHasLapsed) {
  lease l(terms());
  l.begin(5000, 0, 1);
  l.arrived(5000, says(11, 7));
  EXPECT_EQ(l.tenure(), 11u);
  l.begin(5160, 0, 1);
  l.arrived(5160, says(12, 7));
  EXPECT_EQ(l.tenure(), 11u);
  EXPECT_EQ(l.token(), 12u);
  l.begin(7000, 0, 1);
  l.arrived(7000, says(13, 7));
  EXPECT_EQ(l.tenure(), 13u);
  EXPECT_EQ(l.lapses(), 1u);
  l.begin(7100, 0, 1);
  reply a = says(14, 7);
  a.begun = true;  // an operator has ended it
  l.arrived(7100, a);
  EXPECT_EQ(l.tenure(), 14u);
  l.begin(7200, 0, 1);
  l.arrived(7200, says(15, 3));  // likewise, and an answer was lost
  EXPECT_EQ(l.tenure(), 15u);
}

TEST(FleetLease, IsAnotherOneWhereAProcessWasCopied) {
  book b(10);
  lease_terms t = terms();
  t.lease = kLease;
  lease one(t);
  const auto send = [&](lease& l, std::int64_t now) {
    l.sample(now, 0, 10);
    l.arrived(now, exchange(b.now, l.begin(now, 0, static_cast<std::uint64_t>(now)), {"s", 0}));
  };
  send(one, 1000);  // silent: it is not fresh
  b.now.silence = 0;
  send(one, 2000);
  EXPECT_EQ(one.usable(2000), 10u);
  lease copy = one;
  send(one, 3000);
  send(copy, 3001);
  EXPECT_EQ(copy.usable(3001), 0u);
  for (std::int64_t now = 4000; now < 20'000; now += 1000) {
    send(copy, now);
    send(one, now + 1);
    ASSERT_LE(one.usable(now + 1) + copy.usable(now + 1), 10u);
  }
  EXPECT_NE(one.holder(), copy.holder());
  EXPECT_EQ(b.now.holders.size(), 2u);
}

TEST(FleetLease, FallsBackOnlyWhileTheEngineIsAway) {
  lease_terms t = terms();
  t.fallback = 4;
  lease l(t);
  EXPECT_EQ(l.usable(4000), 0u) << "not before it has tried";
  l.begin(5000, 0, 1);
  l.arrived(5000, says(1, 7));
  l.begin(5160, 0, 1);
  l.failed(5300, 1);
  EXPECT_EQ(l.usable(5300), 7u);
  EXPECT_EQ(l.usable(6000), 4u);
  l.begin(6000, 0, 1);
  l.arrived(6000, says(2, 1));
  EXPECT_EQ(l.usable(6000), 1u);
}

TEST(FleetLease, LeavesWithWhatIsStillHeld) {
  lease l(terms());
  l.begin(5000, 0, 1);
  l.arrived(5000, says(1, 7));
  l.leave();
  EXPECT_EQ(l.usable(5001), 0u);
  const request q = l.begin(5001, 2, 1);
  EXPECT_EQ(q.kind, kind::renew);
  EXPECT_EQ(q.keep, 2u);
  EXPECT_EQ(q.demand, 0u);
  EXPECT_EQ(q.weight, 0u);
  EXPECT_EQ(l.begin(5002, 0, 1).kind, kind::leave);
}

TEST(FleetLease, IsDueAtOnceForNewNeedAndOnceInARefreshIntervalOtherwise) {
  lease l(terms());
  l.begin(5000, 0, 1);
  l.arrived(5000, says(1, 7));
  EXPECT_EQ(l.due(), 5160);
  l.sample(5010, 5, 2);
  EXPECT_EQ(l.due(), 5160) << "it has as much";
  l.sample(5010, 5, 9);
  EXPECT_EQ(l.due(), 5020) << "an eighth of the interval";
  EXPECT_EQ(l.begin(5020, 5, 1).demand, 10u) << "at most the limit";
  l.arrived(5020, says(2, 7));
  EXPECT_EQ(l.due(), 5180) << "told, and not to be had";
  for (std::int64_t now = 5040; now <= 5100; now += 20) l.sample(now, 6, 0);
  EXPECT_EQ(l.due(), 5180) << "a little less";
  for (std::int64_t now = 5120; now <= 5180; now += 20) l.sample(now, 2, 0);
  EXPECT_EQ(l.due(), 5040) << "much less, and others want it";
}

}  // namespace
}  // namespace afflux_test
