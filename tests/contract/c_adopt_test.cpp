// SPDX-License-Identifier: MIT OR Apache-2.0
//
// afflux_permit_adopt(): permits become a token's, however they were got.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "support/note.h"
#include "support/port.h"
#include "support/recorder.h"
#include "support/sem_guard.h"
#include "support/states.h"

namespace afflux_test {
namespace {

class Adopt : public per_variant {};

TEST_P(Adopt, MakesATokenOfWhatIsHeld) {
  const sem_guard sem(options(5));
  afflux_permit_token token;
  std::memset(&token, 0xa5, sizeof token);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_adopt(sem, 2, &token), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_count(&token), 2u);
  EXPECT_NE(afflux_permit_id(&token), 0u);
  EXPECT_EQ(state_of(sem), (sem_state{5, 2, 3, 0}));  // nothing was taken or given
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_all_free(sem, 5);
}

TEST_P(Adopt, HasAnIdOfItsOwnAndSplitsMergesAndIsForgottenLikeAny) {
  const sem_guard sem(options(6));
  afflux_permit_token a{}, b{}, part{};
  ASSERT_EQ(afflux_sem_try_acquire(sem, 6), AFFLUX_OK);
  ASSERT_EQ(afflux_permit_adopt_tagged(sem, 4, "a", &a), AFFLUX_OK);
  ASSERT_EQ(afflux_permit_adopt_tagged(sem, 2, "b", &b), AFFLUX_OK);
  EXPECT_NE(afflux_permit_id(&a), afflux_permit_id(&b));
  EXPECT_EQ(afflux_permit_split(&a, 1, &part), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_merge(&b, &part), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_count(&b), 3u);
  EXPECT_EQ(afflux_permit_forget(&b), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&a), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_held(sem), 3u);
  EXPECT_EQ(afflux_permit_adopt(sem, 3, &b), AFFLUX_OK);  // what was forgotten, again
  EXPECT_EQ(afflux_permit_release(&b), AFFLUX_OK);
  expect_all_free(sem, 6);
}

TEST_P(Adopt, RefusesBadArgumentsAndMoreThanIsHeld) {
  in_every_state(options(kLimit), [](afflux_sem* sem, int state) {
    afflux_permit_token token{};
    EXPECT_EQ(afflux_permit_adopt(nullptr, 1, &token), AFFLUX_EINVAL);
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_permit_adopt(sem, 1, nullptr));
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_permit_adopt(sem, 0, &token));
    const std::uint64_t held = state == 0 ? 0 : state == 1 ? 1 : kLimit;
    for (const std::uint64_t n : {held + 1, kMaxPermits, kMaxPermits + 1, kMaxU64}) {
      EXPECT_REFUSED(sem, AFFLUX_EOVERFLOW, afflux_permit_adopt_tagged(sem, n, "tag", &token));
    }
    EXPECT_EQ(afflux_permit_count(&token), 0u);
    EXPECT_EQ(afflux_permit_release(&token), AFFLUX_EALREADY);
    if (held == 0) return;
    // In debt and closed, too: what is held can be owned.
    EXPECT_EQ(afflux_permit_adopt(sem, held, &token), AFFLUX_OK);
    EXPECT_EQ(afflux_permit_count(&token), held);
    EXPECT_EQ(afflux_permit_forget(&token), AFFLUX_OK);
  });
}

TEST_P(Adopt, CountsItsHoldTimeFromTheCallOn) {
  afflux_sem_options o = options(1);
  o.statistics = AFFLUX_STATS_FULL;
  const sem_guard sem(o);
  afflux_permit_token token{};
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  pass_time(2 * kMillisecond);
  const std::int64_t before = now_ns();
  ASSERT_EQ(afflux_permit_adopt(sem, 1, &token), AFFLUX_OK);
  const std::int64_t after = now_ns();
  pass_time(kMillisecond);
  const std::int64_t look = now_ns();
  const std::int64_t held = afflux_permit_held_ns(&token);
  EXPECT_GE(held, look - after);
  EXPECT_LE(held, now_ns() - before);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  const std::int64_t end = now_ns();
  afflux_sem_stats now;
  afflux_sem_stats_init(&now);
  ASSERT_EQ(afflux_sem_get_stats(sem, &now), AFFLUX_OK);
  EXPECT_EQ(now.hold_count, 1u);
  EXPECT_GE(now.hold_sum_ns, static_cast<std::uint64_t>(kMillisecond));
  EXPECT_LE(now.hold_sum_ns, static_cast<std::uint64_t>(end - before));
  expect_all_free(sem, 1);
}

TEST_P(Adopt, StandsInTheLedgerWithItsTag) {
  afflux_sem_options o = options(3);
  o.ledger = 4;
  const sem_guard sem(o);
  std::string tag = "adopted";
  afflux_permit_token token{};
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  ASSERT_EQ(afflux_permit_adopt_tagged(sem, 2, tag.c_str(), &token), AFFLUX_OK);
  tag = "changed";  // it was copied
  struct found {
    int count = 0;
    std::uint64_t id = 0;
    std::uint64_t permits = 0;
    std::string tag;
  } seen;
  const auto visit = [](void* ctx, const afflux_holder* who) -> std::int32_t {
    auto& to = *static_cast<found*>(ctx);
    ++to.count;
    to.id = who->id;
    to.permits = who->permits;
    to.tag = who->tag;
    return 0;
  };
  std::uint64_t untold = 0;
  ASSERT_EQ(afflux_sem_visit_holders(sem, visit, &seen, &untold), AFFLUX_OK);
  EXPECT_EQ(seen.count, 1);
  EXPECT_EQ(seen.id, afflux_permit_id(&token));
  EXPECT_EQ(seen.permits, 2u);
  EXPECT_EQ(seen.tag, "adopted");
  EXPECT_EQ(untold, 1u);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  seen = {};
  ASSERT_EQ(afflux_sem_visit_holders(sem, visit, &seen, &untold), AFFLUX_OK);
  EXPECT_EQ(seen.count, 0);
  EXPECT_EQ(untold, 1u);
}

TEST_P(Adopt, InACallbackANoteAndAfterAPort) {
  const sem_guard sem(options(3));
  afflux_permit_token tokens[3] = {};
  pending by_callback;
  by_callback.then = [&](afflux_status) {
    EXPECT_EQ(afflux_permit_adopt_tagged(sem, 1, "callback", &tokens[0]), AFFLUX_OK);
  };
  note_book book;
  noted by_note(book);
  book.then = [&](std::uint64_t) {
    EXPECT_EQ(afflux_permit_adopt_tagged(sem, 1, "note", &tokens[1]), AFFLUX_OK);
  };
  port_guard port(AFFLUX_PORT_CALLBACK);
  ported by_port(port);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  ASSERT_EQ(by_callback.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(by_note.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(by_port.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  ASSERT_EQ(port.drain_all().size(), 1u);
  EXPECT_EQ(afflux_permit_adopt_tagged(sem, 1, "port", &tokens[2]), AFFLUX_OK);
  for (afflux_permit_token& token : tokens) EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
  expect_all_free(sem, 3);
}

TEST_P(Adopt, KeepsTheSemaphoreAlive) {
  afflux_sem* const sem = sem_guard(options(1)).give();
  afflux_permit_token token{};
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_permit_adopt(sem, 1, &token), AFFLUX_OK);
  afflux_sem_unref(sem);
  EXPECT_EQ(state_of(sem), (sem_state{1, 0, 1, 0}));
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
}

// Its own permits it can always give back; what was given back by hand as well is told.
TEST_P(Adopt, TellsWhenFewerAreHeldThanItSays) {
  const sem_guard sem(options(4));
  afflux_permit_token token{};
  pending waiting(4);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 4), AFFLUX_OK);
  ASSERT_EQ(afflux_permit_adopt(sem, 4, &token), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  ASSERT_EQ(waiting.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_EOVERFLOW);
  EXPECT_EQ(afflux_permit_count(&token), 0u);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_EALREADY);
  EXPECT_TRUE(waiting.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_sem_release(sem, 4), AFFLUX_OK);
  expect_all_free(sem, 4);
}

TEST_P(Adopt, ByThreadsBesideOthersWhoComeAndGo) {
  constexpr int kThreads = 3;
  constexpr int kRounds = 1500;
  const sem_guard sem(options(2));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        EXPECT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_OK);
        afflux_permit_token token{};
        EXPECT_EQ(afflux_permit_adopt(sem, 1, &token), AFFLUX_OK);
        EXPECT_EQ(afflux_permit_release(&token), AFFLUX_OK);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect_all_free(sem, 2);
}

INSTANTIATE_TEST_SUITE_P(Each, Adopt, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
