// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The memory of a request that completes by a note: its owner's as soon as the status tells an
// outcome, or any cancel has returned, whatever blocks elsewhere (S3, S4). The note comes once.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "support/gate.h"
#include "support/note.h"
#include "support/port.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

using numbers = std::vector<std::uint64_t>;

class NoteMemory : public per_variant {};

// All memory is its owner's before the first note runs: this one blocks.
TEST_P(NoteMemory, ANoteThatBlocksKeepsNoCancelWaiting) {
  note_book book;
  latch blocks(1), inside(1);
  bool first_note = true;  // in one thread only
  book.then = [&](std::uint64_t) {
    if (!std::exchange(first_note, false)) return;
    inside.count_down();
    blocks.wait();
  };
  const sem_guard sem(options(3));
  std::deque<noted> all;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  for (std::uint64_t i = 0; i < 3; ++i) {
    ASSERT_EQ(all.emplace_back(book, i).start(sem), AFFLUX_PENDING);
  }
  std::thread releaser([&] { EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK); });
  inside.wait();
  std::size_t taken_back = 0;
  for (noted& p : all) {
    const afflux_status answer = p.cancel();
    EXPECT_TRUE(answer == AFFLUX_OK || answer == AFFLUX_EALREADY);
    EXPECT_EQ(p.status(), answer == AFFLUX_OK ? AFFLUX_ECANCELED : AFFLUX_OK);
    if (answer == AFFLUX_OK) ++taken_back;
    poison(p);
  }
  blocks.count_down();
  releaser.join();
  EXPECT_EQ(book.size(), 3 - taken_back);
  EXPECT_EQ(afflux_sem_held(sem), 3 - taken_back);
}

// A release lets in two. What completes the one blocks its thread: the other's note is told all the
// same, and its memory is its owner's.
void release_and_poison(afflux_sem* sem, noted& p, latch& inside, latch& blocks) {
  std::thread releaser([&] { EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK); });
  inside.wait();
  EXPECT_EQ(p.cancel(), AFFLUX_EALREADY);
  EXPECT_EQ(p.status(), AFFLUX_OK);
  poison(p);
  blocks.count_down();
  releaser.join();
}

TEST_P(NoteMemory, ACallbackThatBlocksKeepsNoCancelWaiting) {
  note_book book;
  noted p(book, 8);
  pending callback;
  latch blocks(1), inside(1);
  callback.then = [&](afflux_status) {
    inside.count_down();
    blocks.wait();
  };
  const sem_guard sem(options(2));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  ASSERT_EQ(callback.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  release_and_poison(sem, p, inside, blocks);
  EXPECT_EQ(book.all(), numbers{8});
}

// A doorbell is a callback, too.
TEST_P(NoteMemory, ADoorbellThatBlocksKeepsNoCancelWaiting) {
  note_book book;
  noted p(book, 1);
  latch blocks(1), inside(1);
  port_guard port(AFFLUX_PORT_CALLBACK);
  port.on_ring = [&] {
    inside.count_down();
    blocks.wait();
  };
  ported in_port(port);
  const sem_guard sem(options(2));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  ASSERT_EQ(in_port.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  release_and_poison(sem, p, inside, blocks);
  EXPECT_EQ(book.all(), numbers{1});
  EXPECT_EQ(port.drain_all().size(), 1u);
}

// Two whose times run out at once, and the first one's callback blocks the thread of the timers.
TEST_P(NoteMemory, ATimersThreadThatIsBusyKeepsNoCancelWaiting) {
  for (const bool released : {false, true}) {
    note_book book;
    noted p(book, 1);
    pending callback;
    latch blocks(1), inside(1);
    callback.then = [&](afflux_status) {
      inside.count_down();
      blocks.wait();
    };
    callback.request.timeout_ns = p.request.timeout_ns = kMillisecond;
    const sem_guard sem(options(1));
    ASSERT_EQ(afflux_timers_manual(1), AFFLUX_OK);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    ASSERT_EQ(callback.start(sem), AFFLUX_PENDING);
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    pass_time(3 * kMillisecond);  // both are due
    std::thread timers([&] {
      while (callback.completions() == 0) afflux_timers_advance();
    });
    inside.wait();
    if (released) {
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
    const afflux_status answer = p.cancel();
    const afflux_status outcome = p.status();
    poison(p);
    EXPECT_NE(outcome, AFFLUX_PENDING);
    EXPECT_EQ(outcome == AFFLUX_ECANCELED, answer == AFFLUX_OK);
    blocks.count_down();
    timers.join();
    EXPECT_EQ(afflux_timers_manual(0), AFFLUX_OK);
    EXPECT_EQ(book.size(), answer == AFFLUX_OK ? 0u : 1u);
  }
}

// A cancel waits for the thread that has taken the request off, never for foreign code.
TEST_P(NoteMemory, ACancelOfACallbackDoesNotWaitForOneThatBlocks) {
  pending blocking, behind;
  latch blocks(1), inside(1);
  blocking.then = [&](afflux_status) {
    inside.count_down();
    blocks.wait();
  };
  const sem_guard sem(options(2));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  ASSERT_EQ(blocking.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(behind.start(sem), AFFLUX_PENDING);
  std::thread releaser([&] { EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK); });
  inside.wait();
  const afflux_status answer = behind.cancel();
  EXPECT_TRUE(answer == AFFLUX_OK || answer == AFFLUX_EALREADY);
  blocks.count_down();
  releaser.join();
  EXPECT_EQ(behind.completions(), answer == AFFLUX_OK ? 0 : 1);
}

// The owner polls, and takes its memory back at the first answer that is not PENDING.
TEST_P(NoteMemory, IsFreeAsSoonAsTheStatusTells) {
  constexpr int kRounds = 2000;
  note_book book;
  const sem_guard sem(options(1));
  std::atomic<int> turn{0};
  std::thread releaser([&] {
    for (int i = 1; i <= kRounds; ++i) {
      await([&] { return turn.load(std::memory_order_acquire) == i; });
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  });
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (int i = 1; i <= kRounds; ++i) {
    auto p = std::make_unique<noted>(book, static_cast<std::uint64_t>(i));
    EXPECT_EQ(p->start(sem), AFFLUX_PENDING);
    turn.store(i, std::memory_order_release);
    await([&] { return p->status() != AFFLUX_PENDING; });
    EXPECT_EQ(p->status(), AFFLUX_OK);
    poison(*p);
  }
  releaser.join();
  EXPECT_EQ(book.all(), numbers_to(kRounds + 1, 1));
}

// The owner ends whenever it likes: it cancels, and frees whatever the answer is.
TEST_P(NoteMemory, IsFreeAfterAnyCancel) {
  constexpr int kRounds = 3000;
  note_book book;
  const sem_guard sem(options(1));
  std::atomic<int> turn{0};
  numbers expected;
  std::thread releaser([&] {
    for (int i = 1; i <= kRounds; ++i) {
      await([&] { return turn.load(std::memory_order_acquire) == 2 * i - 1; });
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      turn.store(2 * i, std::memory_order_release);
    }
  });
  for (int i = 1; i <= kRounds; ++i) {
    EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    auto p = std::make_unique<noted>(book, static_cast<std::uint64_t>(i));
    if (i % 3 == 0) p->request.timeout_ns = std::int64_t{3600} * 1000 * kMillisecond;
    EXPECT_EQ(p->start(sem), AFFLUX_PENDING);
    turn.store(2 * i - 1, std::memory_order_release);
    for (int spin = i % 64; spin > 0; --spin) std::atomic_signal_fence(std::memory_order_seq_cst);
    const afflux_status answer = p->cancel();
    const afflux_status outcome = p->status();
    poison(*p);
    p.reset();
    await([&] { return turn.load(std::memory_order_acquire) == 2 * i; });
    if (answer == AFFLUX_OK) {
      EXPECT_EQ(outcome, AFFLUX_ECANCELED);
    } else {
      EXPECT_EQ(answer, AFFLUX_EALREADY);
      EXPECT_EQ(outcome, AFFLUX_OK);
      expected.push_back(static_cast<std::uint64_t>(i));
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  }
  releaser.join();
  EXPECT_EQ(book.all(), expected);
  expect_all_free(sem, 1);
}

// Time limits run out, releases come and owners leave, all at once.
TEST_P(NoteMemory, IsFreeBetweenATimeLimitAReleaseAndACancel) {
  constexpr int kRounds = 400;
  note_book book;
  const sem_guard sem(options(1));
  std::uint64_t told = 0;
  for (int i = 0; i < kRounds; ++i) {
    EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    noted p(book, static_cast<std::uint64_t>(i));
    p.request.timeout_ns = i % 4 == 0 ? 1 : kMillisecond;
    EXPECT_EQ(p.start(sem), AFFLUX_PENDING);
    if (i % 2 == 0) {
      for (int spin = i * 37 % 20'000; spin > 0; --spin) {
        std::atomic_signal_fence(std::memory_order_seq_cst);
      }
    } else {
      await([&] { return p.status() != AFFLUX_PENDING; });
    }
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    if (p.cancel() != AFFLUX_OK) ++told;
    const afflux_status outcome = p.status();
    poison(p);
    EXPECT_TRUE(outcome == AFFLUX_OK || outcome == AFFLUX_ETIMEDOUT) << outcome;
    if (outcome == AFFLUX_OK) {
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  }
  await([&] { return book.size() == told; });  // the timer's thread may still be at the last
  expect_all_free(sem, 1);
}

TEST_P(NoteMemory, ManyThreadsLoseNoneAndGetNoneTwice) {
  constexpr int kThreads = 3;
  constexpr int kRounds = 1500;
  note_book book;
  const sem_guard sem(options(1));
  std::atomic<std::uint64_t> expected{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        noted p(book, static_cast<std::uint64_t>(t * kRounds + i));
        afflux_status outcome = p.start(sem);
        if (outcome == AFFLUX_PENDING) {
          expected.fetch_add(1);
          if (i % 4 == 0 && p.cancel() == AFFLUX_OK) {
            expected.fetch_sub(1);
            continue;
          }
          await([&] { return p.status() != AFFLUX_PENDING; });
          outcome = p.status();
        }
        EXPECT_EQ(outcome, AFFLUX_OK);
        EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  numbers all = book.all();
  EXPECT_EQ(all.size(), expected.load());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  expect_all_free(sem, 1);
}

// AFFLUX_WAITER_UNTIMED_SIZE: the bytes behind are never written, however the request ends.
class short_waiter {
 public:
  short_waiter() { std::fill(std::begin(rest_), std::end(rest_), kPattern); }
  afflux_waiter* get() { return reinterpret_cast<afflux_waiter*>(used_); }
  bool rest_is_untouched() const {
    return std::all_of(std::begin(rest_), std::end(rest_),
                       [](unsigned char byte) { return byte == kPattern; });
  }

 private:
  static constexpr unsigned char kPattern = 0xa5;
  alignas(64) unsigned char used_[AFFLUX_WAITER_UNTIMED_SIZE] = {};
  unsigned char rest_[sizeof(afflux_waiter) - AFFLUX_WAITER_UNTIMED_SIZE];
};

TEST_P(NoteMemory, OfARequestWithoutATimeLimitIsShorter) {
  for (const std::uint32_t level : {AFFLUX_STATS_OFF, AFFLUX_STATS_FULL}) {
    afflux_sem_options o = options(1);
    o.statistics = level;
    o.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
    o.max_waiters = 5;
    const sem_guard sem(o);
    note_book book;
    afflux_client* client = nullptr;
    ASSERT_EQ(afflux_client_create(nullptr, &client), AFFLUX_OK);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    std::deque<short_waiter> all(8);  // three of them are dropped
    for (std::uint64_t i = 0; i < all.size(); ++i) {
      noted p(book, i);
      p.request.client = client;
      p.request.cost_bytes = 1;
      p.request.flags |= AFFLUX_WAIT_FOR_RESIZE;
      p.request.permits = i == 3 ? 2 : 1;
      ASSERT_EQ(afflux_sem_acquire_async(sem, &p.request, all[i].get()), AFFLUX_PENDING);
    }
    EXPECT_EQ(afflux_waiter_cancel(all[5].get()), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_resize(sem, 2), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(afflux_waiter_status(all[3].get()), AFFLUX_OK);
    noted idle(book, 8);
    short_waiter watcher;
    ASSERT_EQ(afflux_sem_wait_idle_async(sem, &idle.request, watcher.get()), AFFLUX_PENDING);
    EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
    EXPECT_EQ(book.size(), 8u);  // all but the one that was taken back
    for (const short_waiter& each : all) EXPECT_TRUE(each.rest_is_untouched());
    EXPECT_TRUE(watcher.rest_is_untouched());
    afflux_client_unref(client);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, NoteMemory, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
