// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Functions of the user's that cause more of their kind: the stack does not grow with the number of
// waiters, whatever tells them. And who looks at memory in which a group is just being made.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "support/aligned.h"
#include "support/group.h"
#include "support/note.h"
#include "support/per_queue.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

constexpr std::uint64_t kCrowd = 1000;

// How deep calls of one function stand within one another.
class depth {
 public:
  template <class F>
  void within(F&& body) {
    deepest_ = std::max(deepest_, ++now_);
    body();
    --now_;
    ++calls_;
  }
  int deepest() const { return deepest_; }
  std::uint64_t calls() const { return calls_; }

 private:
  int now_ = 0;
  int deepest_ = 0;
  std::uint64_t calls_ = 0;
};

class AdversaryTelling : public per_queue {};

TEST_P(AdversaryTelling, ASlowWaitFunctionThatReleasesIsNotToldOfWhatItLetsIn) {
  struct {
    depth calls;
    afflux_sem* sem = nullptr;
  } state;
  afflux_sem_options o = options(kCrowd);
  o.slow_wait_ctx = &state;
  o.slow_wait = [](void* ctx, const afflux_slow_wait*) {
    auto& s = *static_cast<decltype(state)*>(ctx);
    s.calls.within([&s] {
      while (afflux_sem_waiters(s.sem) != 0) {
        ASSERT_EQ(afflux_sem_release(s.sem, 1), AFFLUX_OK);
      }
    });
  };
  const sem_guard sem(o);
  state.sem = sem;
  std::deque<pending> all;
  ASSERT_EQ(afflux_sem_try_acquire(sem, kCrowd), AFFLUX_OK);
  for (std::uint64_t i = 0; i < kCrowd; ++i) {
    ASSERT_EQ(all.emplace_back(1).start(sem), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  for (const pending& each : all) EXPECT_TRUE(each.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(state.calls.deepest(), 1);
  EXPECT_EQ(state.calls.calls(), 1u);
  EXPECT_EQ(afflux_sem_release(sem, kCrowd), AFFLUX_OK);
}

TEST_P(AdversaryTelling, ANoteThatAdvancesTimersDoesNotNest) {
  ASSERT_EQ(afflux_timers_manual(1), AFFLUX_OK);
  depth notes;
  note_book book;
  book.then = [&notes](std::uint64_t) { notes.within([] { afflux_timers_advance(); }); };
  const sem_guard sem(options(1));
  std::deque<noted> all;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (std::uint64_t i = 0; i < kCrowd; ++i) {
    noted& each = all.emplace_back(book, i);
    each.request.timeout_ns = 1;
    ASSERT_EQ(each.start(sem), AFFLUX_PENDING);
  }
  await([&] { return afflux_timers_advance(), book.size() == kCrowd; });
  for (noted& each : all) EXPECT_EQ(each.status(), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(notes.deepest(), 1);
  EXPECT_EQ(afflux_timers_manual(0), AFFLUX_OK);
}

TEST_P(AdversaryTelling, AGroupMayBeCancelledWhileItIsBeingMade) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  afflux_wait_group storage = {};
  afflux_wait_item item = {};
  pending whom;
  afflux_status made = AFFLUX_EINVAL;
  aligned_sides sides(
      {[&] { made = afflux_acquire_any_async(&storage, &item, 1, &whom.request, nullptr); },
       [&] { afflux_wait_group_cancel(&storage); }});
  for (std::int64_t round = 0; round < 300; ++round) {
    storage = {};
    item = {};
    item.sem = sem;
    item.permits = 1;
    // The cancel comes at another moment of the making in each round.
    const std::uint64_t late = stamps_of(round % 30 * 20);
    sides.round([late](std::size_t side) { return side == 0 ? 0 : late; });
    EXPECT_TRUE(made == AFFLUX_PENDING || made == AFFLUX_ECANCELED) << made;
    if (made == AFFLUX_PENDING) afflux_wait_group_cancel(&storage);
  }
  EXPECT_EQ(afflux_sem_waiters(sem), 0u);
  EXPECT_EQ(whom.completions(), 0);
}

INSTANTIATE_TEST_SUITE_P(Each, AdversaryTelling, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
