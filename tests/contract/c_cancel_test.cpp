// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Cancel (S3, S4, S7) in every state of a request and from everywhere, and the
// waiter's memory, which is the caller's again as soon as the header says.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <deque>
#include <thread>
#include <vector>

#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

class Cancel : public per_variant {};

TEST_P(Cancel, OfANeverUsedWaiterAnswersEalready) {
  afflux_waiter waiter;
  std::memset(&waiter, 0, sizeof waiter);
  EXPECT_EQ(afflux_waiter_cancel(&waiter), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_waiter_cancel(&waiter), AFFLUX_EALREADY);
}

TEST_P(Cancel, AnswersEalreadyInEveryStateButQueued) {
  const sem_guard sem(options(1));
  pending at_once, granted, refused, closed;
  EXPECT_EQ(at_once.start(sem), AFFLUX_OK);
  EXPECT_EQ(at_once.cancel(), AFFLUX_EALREADY);  // answered by the call itself

  EXPECT_EQ(granted.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(granted.cancel(), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_sem_held(sem), 1u);  // an OK completion owns its permits (S4)

  refused.request.timeout_ns = 0;
  EXPECT_EQ(refused.start(sem), AFFLUX_EAGAIN);
  EXPECT_EQ(refused.cancel(), AFFLUX_EALREADY);

  EXPECT_EQ(closed.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(closed.cancel(), AFFLUX_EALREADY);
  EXPECT_EQ(closed.completions(), 1);
  EXPECT_EQ(granted.completions(), 1);
}

TEST_P(Cancel, TakesTheRequestOutForGood) {
  const sem_guard sem(options(1));
  pending p;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    ASSERT_EQ(afflux_sem_waiters(sem), 1u);
    ASSERT_EQ(p.cancel(), AFFLUX_OK);
    // The memory is free: what is written there is nobody's business.
    std::memset(&p.waiter, i, sizeof p.waiter);
    ASSERT_EQ(afflux_sem_waiters(sem), 0u);
  }
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(p.completions(), 0);
  expect_all_free(sem, 1);
}

TEST_P(Cancel, OfAllInAnyOrderLeavesNothing) {
  constexpr std::size_t kCount = 101;
  for (const std::size_t step : {1u, 7u, 50u, 100u}) {  // all coprime to the count
    const sem_guard sem(options(1));
    std::deque<pending> queue(kCount);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    for (std::size_t i = 0; i < kCount; ++i) {
      queue[i].request.priority = static_cast<std::uint32_t>(i % 4);
      ASSERT_EQ(queue[i].start(sem), AFFLUX_PENDING);
    }
    for (std::size_t i = 0, at = 0; i < kCount; ++i, at = (at + step) % kCount) {
      ASSERT_EQ(queue[at].cancel(), AFFLUX_OK);
      ASSERT_EQ(afflux_sem_waiters(sem), kCount - 1 - i);
    }
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    expect_all_free(sem, 1);
  }
}

TEST_P(Cancel, FromItsOwnCompletionAnswersEalready) {
  const sem_guard sem(options(1));
  pending p;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  afflux_status answer = AFFLUX_PENDING;
  p.then = [&](afflux_status) { answer = p.cancel(); };
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(answer, AFFLUX_EALREADY);
  EXPECT_EQ(p.completions(), 1);
}

TEST_P(Cancel, OfAnotherWaiterFromACompletion) {
  const sem_guard sem(options(1));
  pending first, victim, last;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  first.then = [&](afflux_status) {
    EXPECT_EQ(victim.cancel(), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_waiters(sem), 1u);
  };
  for (pending* p : {&first, &victim, &last}) ASSERT_EQ(p->start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(victim.completions() + last.completions(), 0);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(last.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(victim.completions(), 0);
}

// A batch is granted before its completions run: the second is beyond recall in the first's, and
// its own completion follows exactly once.
TEST_P(Cancel, OfOneThatIsCompletingAnswersEalreadyAndItCompletes) {
  const sem_guard sem(options(2));
  pending first, second;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  afflux_status answer = AFFLUX_PENDING;
  first.then = [&](afflux_status) { answer = second.cancel(); };
  ASSERT_EQ(first.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(second.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  // Either answer keeps S4; which one depends on the size of a batch.
  if (answer == AFFLUX_EALREADY) {
    EXPECT_TRUE(second.completed_once_with(AFFLUX_OK));
    EXPECT_EQ(state_of(sem), (sem_state{2, 0, 2, 0}));
  } else {
    EXPECT_EQ(answer, AFFLUX_OK);
    EXPECT_EQ(second.completions(), 0);
    EXPECT_EQ(state_of(sem), (sem_state{2, 1, 1, 0}));
  }
}

TEST_P(Cancel, FromACompletionOnAnotherSemaphore) {
  const sem_guard sem(options(1));
  const sem_guard elsewhere(options(1));
  pending here, there;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_try_acquire(elsewhere, 1), AFFLUX_OK);
  here.then = [&](afflux_status) { EXPECT_EQ(there.cancel(), AFFLUX_OK); };
  ASSERT_EQ(here.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(there.start(elsewhere), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(here.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(afflux_sem_waiters(elsewhere), 0u);
}

// The memory is the caller's when the completion begins: the same waiter queues again in it.
TEST_P(Cancel, AWaiterMayBeReusedInItsOwnCompletion) {
  const sem_guard sem(options(1));
  struct again {
    afflux_sem* sem;
    afflux_request request;
    alignas(64) afflux_waiter waiter;
    int runs;
  } state{sem, {}, {}, 0};
  afflux_request_init(&state.request);
  state.request.ctx = &state;
  state.request.wake = [](void* ctx, afflux_status status) {
    auto* self = static_cast<again*>(ctx);
    EXPECT_EQ(status, AFFLUX_OK);
    std::memset(&self->waiter, 0xff, sizeof self->waiter);
    if (++self->runs < 100) {
      EXPECT_EQ(afflux_sem_acquire_async(self->sem, &self->request, &self->waiter), AFFLUX_PENDING);
    }
  };
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_acquire_async(sem, &state.request, &state.waiter), AFFLUX_PENDING);
  for (int i = 1; i <= 100; ++i) {
    ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    ASSERT_EQ(state.runs, i);
  }
  EXPECT_EQ(state_of(sem), (sem_state{1, 0, 1, 0}));
}

TEST_P(Cancel, AWaiterMayBeFreedInItsOwnCompletion) {
  const sem_guard sem(options(1));
  int freed = 0;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (int i = 0; i < 100; ++i) {
    auto* p = new pending;
    p->then = [p, &freed](afflux_status) {
      delete p;
      ++freed;
    };
    ASSERT_EQ(p->start(sem), AFFLUX_PENDING);
  }
  for (int i = 0; i < 50; ++i) ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(freed, 100);
}

// What a completion causes waits for its return, unless it is asked for.
TEST_P(Cancel, ACompletionMayRunThoseThatWaitForItsReturn) {
  const sem_guard sem(options(2));
  EXPECT_EQ(afflux_completions_run(), 0u);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  pending first, second, third;
  std::uint64_t run = 0;
  first.then = [&](afflux_status) {
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(third.completions(), 0);
    run = afflux_completions_run();
    EXPECT_EQ(second.completions() + third.completions(), 2);
  };
  for (pending* p : {&first, &second, &third}) ASSERT_EQ(p->start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_EQ(run, 2u);
  EXPECT_EQ(afflux_completions_run(), 0u);
}

// S12: each completion releases and so causes the next; the stack must not grow with the chain.
TEST_P(Cancel, ALongChainOfReleasesInCompletionsDoesNotRecurse) {
  constexpr int kCount = 20000;
  constexpr std::uintptr_t kBound = std::uintptr_t{64} * 1024;
  std::deque<pending> queue(kCount);
  const sem_guard sem(options(1));
  int done = 0;
  bool deep = false;
  const auto base = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (pending& p : queue) {
    p.then = [&](afflux_status status) {
      if (status != AFFLUX_OK) return;
      ++done;
      // Stacks grow downwards. The chain ends here, before it ends the process.
      deep |= base - reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) > kBound;
      if (!deep) {
        EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      }
    };
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  }
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  ASSERT_FALSE(deep) << "after " << done << " completions";
  EXPECT_EQ(done, kCount);
  expect_all_free(sem, 1);
}

// S3 and S4 with a granter and a canceller at once: whichever wins, one outcome.
TEST_P(Cancel, RacingAReleaseHasExactlyOneOutcome) {
  constexpr int kRounds = 3000;
  const sem_guard sem(options(1));
  std::atomic<int> turn{0};
  std::thread releaser([&] {
    for (int i = 1; i <= kRounds; ++i) {
      await([&] { return turn.load(std::memory_order_acquire) == 2 * i - 1; });
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      turn.store(2 * i, std::memory_order_release);
    }
  });
  for (int i = 1; i <= kRounds; ++i) {
    pending p;
    EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    EXPECT_EQ(p.start(sem), AFFLUX_PENDING);
    turn.store(2 * i - 1, std::memory_order_release);
    for (int spin = i % 64; spin > 0; --spin) std::atomic_signal_fence(std::memory_order_seq_cst);
    const afflux_status answer = p.cancel();
    await([&] { return turn.load(std::memory_order_acquire) == 2 * i; });
    if (answer == AFFLUX_OK) {
      EXPECT_EQ(p.completions(), 0);
      EXPECT_EQ(afflux_sem_held(sem), 0u);
    } else {
      EXPECT_EQ(answer, AFFLUX_EALREADY);
      EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  }
  releaser.join();
  expect_all_free(sem, 1);
}

TEST_P(Cancel, ByManyThreadsOnOneWaiterSucceedsOnce) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 500;
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (int round = 0; round < kRounds; ++round) {
    pending p;
    ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
    std::atomic<int> ready{0};
    std::atomic<int> won{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        ready.fetch_add(1);
        await([&] { return ready.load() == kThreads; });
        const afflux_status answer = p.cancel();
        EXPECT_TRUE(answer == AFFLUX_OK || answer == AFFLUX_EALREADY) << answer;
        if (answer == AFFLUX_OK) won.fetch_add(1);
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(won.load(), 1);
    ASSERT_EQ(p.completions(), 0);
    ASSERT_EQ(afflux_sem_waiters(sem), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Cancel, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
