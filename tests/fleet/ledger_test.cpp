// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The record and its one change: what is granted, adopted, ended; and its text.
#include "fleet/ledger.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "book.h"

namespace afflux_test {
namespace {

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

// Nobody could have it, and with long leases the limit would lie idle.
TEST(FleetLedger, AsksForNothingBackWhileItIsSilent) {
  book b(10);
  b.ask("a", 8);
  b.now = {};
  request q = b.make("a", 1);
  q.adopt = 8;
  q.keep = 8;
  q.fresh = false;
  b.send(q);
  EXPECT_TRUE(b.ask("b", 10).silent);
  const reply a = b.ask("a", 1);
  EXPECT_TRUE(a.silent);
  EXPECT_FALSE(a.wanted);
  EXPECT_EQ(a.permits, 8u);
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

// a and b share on one server; another takes over, where a gets all; the first comes back as it
// was.
TEST(FleetLedger, BeginsAnEpochWhereAHolderComesFromALaterOne) {
  book b(10);
  b.ask("a", 5);
  b.ask("b", 5);
  const record old = b.now;
  b.server = "t";
  b.ask("b", 0);
  const reply first = b.ask("a", 10);
  request q = b.make("a", 10);
  q.proof = first.stamp;
  EXPECT_EQ(b.send(q).permits, 10u);
  b.ask("b", 0);
  b.now = old;
  b.server = "s";
  const reply a = b.ask("b", 10);
  EXPECT_TRUE(a.silent);
  EXPECT_EQ(a.permits, 0u) << "a uses all";
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

}  // namespace
}  // namespace afflux_test
