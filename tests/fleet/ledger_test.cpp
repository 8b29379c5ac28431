// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The record and its one change: what is granted, shared, adopted, ended; and its text.
#include "fleet/ledger.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>

#include "fleet/lease.h"
#include "fleet/shares.h"

namespace afflux_test {
namespace {

using namespace afflux::fleet;

constexpr std::uint64_t kLease = 5'000'000'000;

// A record, and holders that do what they are told at once.
class book {
 public:
  explicit book(std::uint64_t limit, bool fresh = true) : limit_(limit), fresh_(fresh) {}

  request make(const std::string& id, std::uint64_t demand) {
    request q;
    q.holder = id;
    q.sequence = ++sequences_[id];
    q.nonce = ++nonce_;
    q.epoch = epochs_[id];
    q.seen = seen_[id];
    q.lease = kLease;
    q.proof_lease = kLease;
    q.keep = keeps_[id];
    q.demand = demand;
    q.limit = limit_;
    q.fresh = fresh_;
    return q;
  }
  reply send(const request& q) {
    const reply a = exchange(now, q, {server, 0});
    if (a.answer != answer::done) return a;
    epochs_[q.holder] = a.epoch;
    seen_[q.holder] = a.stamp;
    keeps_[q.holder] = a.wanted ? std::min(a.permits, a.target) : a.permits;
    return a;
  }
  reply ask(const std::string& id, std::uint64_t demand) { return send(make(id, demand)); }
  std::uint64_t keep(const std::string& id) { return keeps_[id]; }

  record now;
  std::string server = "s";

 private:
  std::uint64_t limit_;
  bool fresh_;
  std::uint64_t nonce_ = 0;
  std::map<std::string, std::uint64_t> sequences_, epochs_, seen_, keeps_;
};

// ---- granting

TEST(FleetLedger, GrantsWhatIsFreeAndNoMore) {
  book b(10);
  EXPECT_EQ(b.ask("a", 6).permits, 10u) << "nobody else: it has the rest, too";
  const reply a = b.ask("b", 3);
  EXPECT_EQ(a.permits, 0u);
  EXPECT_GT(a.target, 0u);
  EXPECT_EQ(a.total, 10u);
}

TEST(FleetLedger, TellsThoseWhoHaveMoreToGiveBackOnlyWhenOthersLackIt) {
  book b(10);
  EXPECT_FALSE(b.ask("a", 0).wanted);
  EXPECT_EQ(b.ask("b", 3).permits, 0u);
  const reply a = b.ask("a", 0);
  EXPECT_TRUE(a.wanted);
  EXPECT_EQ(a.permits, 10u) << "until it says that it has stopped using them";
  EXPECT_LT(a.target, 10u);
  b.ask("a", 0);
  EXPECT_GE(b.ask("b", 3).permits, 3u);
}

TEST(FleetLedger, DoesNothingForTheSameOrAnOlderSequence) {
  book b(10);
  const request q = b.make("a", 6);
  b.send(q);
  const record before = b.now;
  EXPECT_EQ(exchange(b.now, q, {"s", 0}).answer, answer::stale);
  request older = q;
  older.sequence = 0;
  EXPECT_EQ(exchange(b.now, older, {"s", 0}).answer, answer::stale);
  EXPECT_EQ(b.now, before);
}

TEST(FleetLedger, KeepsNoMoreForAHolderThanItKeepsItself) {
  book b(10);
  b.ask("a", 10);
  b.ask("b", 10);
  request q = b.make("a", 10);
  q.keep = 2;
  EXPECT_LE(b.send(q).permits, 5u);
  q = b.make("a", 10);
  q.keep = kMaxPermits;  // more than it has: no claim
  EXPECT_LE(b.send(q).permits, 5u);
  EXPECT_EQ(b.now.total, b.now.holders["a"].permits + b.now.holders["b"].permits);
}

TEST(FleetLedger, HasNoRecordWhereNobodyKnowsTheLimit) {
  record r;
  request q;
  q.holder = "a";
  q.sequence = 1;
  q.nonce = 1;
  EXPECT_EQ(exchange(r, q, {"s", 0}).answer, answer::undefined);
  EXPECT_EQ(r, record{});
}

TEST(FleetLedger, TakesTheStoredLimitAndNotAHoldersOwn) {
  book b(10);
  b.ask("a", 1);
  request q = b.make("b", 1);
  q.limit = 1000;
  EXPECT_EQ(b.send(q).limit, 10u);
}

TEST(FleetLedger, FreesWhatOneThatLeavesHad) {
  book b(10);
  b.ask("a", 10);
  request q = b.make("a", 0);
  q.kind = kind::leave;
  b.send(q);
  EXPECT_TRUE(b.now.holders.empty());
  EXPECT_EQ(b.now.total, 0u);
  EXPECT_EQ(b.ask("b", 10).permits, 10u);
}

// ---- leases

TEST(FleetLedger, EndsThoseWhoseStampIsProven) {
  book b(10);
  b.ask("a", 10);
  const reply seen = b.ask("b", 10);
  request q = b.make("b", 10);
  q.proof = seen.stamp - 1;
  EXPECT_EQ(b.send(q).permits, 10u);
  EXPECT_FALSE(b.now.holders.contains("a"));
}

TEST(FleetLedger, KeepsOneThatWasHeardOfAfterTheProof) {
  book b(10);
  b.ask("a", 10);
  const reply seen = b.ask("b", 10);
  b.ask("a", 10);
  request q = b.make("b", 10);
  q.proof = seen.stamp - 1;
  b.send(q);
  EXPECT_TRUE(b.now.holders.contains("a"));
}

TEST(FleetLedger, TakesNoProofThatWasWaitedForWithAShorterLease) {
  book b(10);
  request q = b.make("a", 10);
  q.lease = 2 * kLease;
  b.send(q);
  const reply seen = b.ask("b", 10);
  q = b.make("b", 10);
  q.proof = seen.stamp - 1;
  b.send(q);
  EXPECT_TRUE(b.now.holders.contains("a"));
  q = b.make("b", 10);
  q.proof = seen.stamp - 1;
  q.proof_lease = 2 * kLease;
  b.send(q);
  EXPECT_FALSE(b.now.holders.contains("a"));
}

TEST(FleetLedger, TellsOneThatWasEndedThatItBeginsAnew) {
  book b(10);
  EXPECT_TRUE(b.ask("a", 10).begun);
  EXPECT_FALSE(b.ask("a", 10).begun);
  request q = b.make("a", 0);
  q.kind = kind::expire;
  EXPECT_EQ(exchange(b.now, q, {"s", 0}).answer, answer::done);
  b.ask("b", 10);
  const reply a = b.ask("a", 10);
  EXPECT_TRUE(a.begun);
  EXPECT_EQ(a.permits, 0u);
}

TEST(FleetLedger, ExpiresOnlyOneThatIsThere) {
  book b(10);
  b.ask("a", 10);
  request q = b.make("x", 0);
  q.kind = kind::expire;
  const record before = b.now;
  EXPECT_EQ(exchange(b.now, q, {"s", 0}).answer, answer::missing);
  EXPECT_EQ(b.now, before);
}

// ---- loss of memory

TEST(FleetLedger, IsSilentInAnEpochThatBegins) {
  book b(10, false);
  const reply first = b.ask("a", 10);
  EXPECT_TRUE(first.silent);
  EXPECT_EQ(first.permits, 0u);
  EXPECT_EQ(b.ask("a", 10).permits, 0u);
  request q = b.make("a", 10);
  q.proof = first.stamp;
  const reply a = b.send(q);
  EXPECT_FALSE(a.silent);
  EXPECT_EQ(a.permits, 10u);
}

TEST(FleetLedger, LetsThoseAdoptWhoseLeasesRun) {
  book b(10);
  b.ask("a", 6);
  b.now = {};
  request q = b.make("a", 6);
  q.adopt = 6;
  q.keep = 6;
  q.fresh = false;
  const reply a = b.send(q);
  EXPECT_TRUE(a.silent);
  EXPECT_FALSE(a.begun);
  EXPECT_EQ(a.permits, 6u);
  q = b.make("b", 6);
  q.adopt = 2;  // of no epoch, or another one: what it says is what counts
  q.keep = 2;
  EXPECT_EQ(b.send(q).permits, 2u);
  EXPECT_EQ(b.now.total, 8u);
}

TEST(FleetLedger, LetsNobodyAdoptAfterTheSilence) {
  book b(10, false);
  const reply first = b.ask("a", 10);
  request q = b.make("a", 10);
  q.proof = first.stamp;
  b.send(q);
  q = b.make("b", 10);
  q.epoch = 12345;
  q.adopt = 7;
  q.keep = 7;
  EXPECT_EQ(b.send(q).permits, 0u);
}

TEST(FleetLedger, BeginsAnEpochOnAnotherServerAndKeepsTheLimit) {
  book b(10);
  b.ask("a", 6);
  request q = b.make("a", 0);
  q.kind = kind::resize;
  q.limit = 20;
  exchange(b.now, q, {"s", 0});
  const std::uint64_t stamp = b.now.stamp;
  b.server = "t";
  const reply a = b.ask("b", 1);
  EXPECT_TRUE(a.silent);
  EXPECT_EQ(a.limit, 20u);
  EXPECT_EQ(a.version, 1u);
  EXPECT_GT(a.stamp, stamp);
  EXPECT_EQ(a.holders, 1u);
}

TEST(FleetLedger, BeginsAnEpochWhereItsMemoryIsOlderThanAHolders) {
  book b(10);
  b.ask("a", 6);
  const record old = b.now;
  b.ask("a", 6);
  b.now = old;
  const std::uint64_t epoch = old.epoch;
  const reply a = b.ask("a", 6);
  EXPECT_NE(a.epoch, epoch);
  EXPECT_TRUE(a.silent);
}

TEST(FleetLedger, TakesTheNewestLimitThatIsKnownAfterALoss) {
  book b(10);
  b.ask("a", 6);
  b.now = {};
  b.ask("b", 1);
  EXPECT_EQ(b.now.limit, 10u);
  request q = b.make("a", 6);
  q.limit = 30;
  q.version = 4;
  EXPECT_EQ(b.send(q).limit, 30u);
  EXPECT_EQ(b.ask("b", 1).limit, 30u);
}

TEST(FleetLedger, StampsGrowOverALossOfMemory) {
  book b(10);
  for (int i = 0; i < 10; ++i) b.ask("a", 6);
  const std::uint64_t seen = b.now.stamp;
  b.now = {};
  const std::uint64_t lower = b.ask("b", 1).stamp;
  EXPECT_GT(b.ask("a", 6).stamp, std::max(seen, lower));
  record r;
  request q = b.make("c", 1);
  EXPECT_GT(exchange(r, q, {"s", 1'700'000'000'000'000}).stamp, 1'700'000'000'000'000u);
  r = {};
  EXPECT_LT(exchange(r, q, {"s", UINT64_MAX}).stamp, 1000u) << "of a clock that is out of range";
}

// ---- resize

TEST(FleetLedger, GrowsAtOnceAndShrinksAsPermitsComeBack) {
  book b(10);
  b.ask("a", 20);
  b.ask("b", 20);
  b.ask("a", 20);
  b.ask("a", 20);
  b.ask("b", 20);
  EXPECT_EQ(b.now.total, 10u);
  request q = b.make("x", 0);
  q.kind = kind::resize;
  q.limit = 30;
  exchange(b.now, q, {"s", 0});
  b.ask("a", 20);
  b.ask("b", 20);
  EXPECT_EQ(b.now.total, 30u);
  q.limit = 4;
  EXPECT_EQ(exchange(b.now, q, {"s", 0}).limit, 4u);
  EXPECT_TRUE(b.ask("a", 20).wanted);
  EXPECT_TRUE(b.ask("b", 20).wanted);
  for (int i = 0; i < 2; ++i) b.ask("a", 20), b.ask("b", 20);
  EXPECT_EQ(b.now.total, 4u);
}

TEST(FleetLedger, ResizesToNothing) {
  book b(10);
  b.ask("a", 5);
  request q = b.make("x", 0);
  q.kind = kind::resize;
  q.limit = 0;
  exchange(b.now, q, {"s", 0});
  EXPECT_EQ(b.ask("a", 5).target, 0u);
  EXPECT_EQ(b.ask("a", 5).permits, 0u);
}

TEST(FleetLedger, MakesTheRecordByAResize) {
  book b(0);
  request q = b.make("x", 0);
  q.kind = kind::resize;
  q.limit = 7;
  EXPECT_EQ(exchange(b.now, q, {"s", 0}).limit, 7u);
  request of_none = b.make("a", 7);
  of_none.limit = 0;
  EXPECT_EQ(b.send(of_none).permits, 7u);
}

// ---- shares

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

// ---- text

TEST(FleetText, IsReadAsItWasWritten) {
  book b(10);
  request q = b.make("a", 3);
  q.label = "host one/77";
  b.send(q);
  b.ask("b", 4);
  record read;
  ASSERT_TRUE(parse(to_text(b.now), read));
  EXPECT_EQ(read, b.now);
  ASSERT_TRUE(parse("", read));
  EXPECT_EQ(read, record{});
}

TEST(FleetText, OfAnotherFormatIsRefused) {
  book b(10);
  b.ask("a", 3);
  const std::string text = to_text(b.now);
  record read;
  EXPECT_FALSE(parse("2" + text.substr(1), read));
  EXPECT_FALSE(parse("x", read));
  EXPECT_FALSE(parse(text + "\nz", read));
  EXPECT_FALSE(parse(text + "\nz 1 2", read));
  for (std::size_t n = 1; n < text.find(" s\n"); ++n) {
    EXPECT_FALSE(parse(text.substr(0, n), read)) << text.substr(0, n);
  }
}

TEST(FleetText, LabelsHaveNoControlCharactersAndEndWithACharacter) {
  EXPECT_EQ(clean_label("a\nb\x7f"), "a?b?");
  const std::string a62(62, 'a');
  EXPECT_EQ(clean_label(a62 + "bc"), a62 + "b");
  EXPECT_EQ(clean_label(a62 + "\xc3\xa9"), a62);
  EXPECT_EQ(clean_label(""), "");
}

// ---- the holder's side, by itself

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
