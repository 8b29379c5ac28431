// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Exhaustion: no memory (S14) and no threads (AFFLUX_EOS). The program's own
// operator new and pthread_create fail on demand; see support/faults.h.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <thread>
#include <vector>

#include "support/build_kind.h"
#include "support/faults.h"
#include "support/in_child.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

constexpr std::int64_t kHour = 3600 * 1000 * kMillisecond;

class Faults : public per_variant {};
class WithoutMemory : public per_variant {};

TEST_P(Faults, CreateAnswersEnomemForEveryAllocationThatFails) {
  afflux_sem_options o = options(3);
  o.name = "a name that does not fit into any small-string buffer: copied to the heap";
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    afflux_sem* const untouched = reinterpret_cast<afflux_sem*>(&o);
    afflux_sem* sem = untouched;
    const std::int64_t live = live_allocations();
    fail_allocation(n);
    const afflux_status status = afflux_sem_create(&o, &sem);
    const bool failed = allocation_failed();
    fail_allocation(0);
    if (!failed) {
      // Fewer than n allocations: the call went through, and nothing is left over after it.
      ASSERT_EQ(status, AFFLUX_OK);
      expect_all_free(sem, 3);
      afflux_sem_unref(sem);
      EXPECT_EQ(live_allocations(), live);
      break;
    }
    ++failures;
    EXPECT_EQ(status, AFFLUX_ENOMEM) << n;
    EXPECT_EQ(sem, untouched) << n;
    EXPECT_EQ(live_allocations(), live) << n;
  }
  EXPECT_GE(failures, 1u) << "the library's allocations do not reach this program's operator new";
}

// Nothing but create may depend on memory (S14).
TEST_P(WithoutMemory, AllOtherCallsWorkWithoutMemory) {
  const sem_guard sem(options(2));
  pending p(2), q(2);
  afflux_permit_token token{}, other{};
  afflux_request two;
  afflux_request_init(&two);
  two.permits = 2;
  // Remembered, not reported at once: GoogleTest's reports allocate.
  int wrong_line = 0;
  const auto check = [&wrong_line](bool right, int line) {
    if (!right && wrong_line == 0) wrong_line = line;
  };
  fail_allocation(kEvery);
  check(afflux_sem_try_acquire(sem, 1) == AFFLUX_OK, __LINE__);
  check(p.start(sem) == AFFLUX_PENDING, __LINE__);
  check(q.start(sem) == AFFLUX_PENDING, __LINE__);
  check(afflux_sem_acquire(sem, 2, kMillisecond) == AFFLUX_ETIMEDOUT, __LINE__);
  check(q.cancel() == AFFLUX_OK, __LINE__);
  check(afflux_sem_release(sem, 1) == AFFLUX_OK, __LINE__);
  check(p.completed_once_with(AFFLUX_OK), __LINE__);
  check(afflux_sem_resize(sem, 4) == AFFLUX_OK, __LINE__);
  check(afflux_sem_acquire_permit(sem, &two, 0, &token) == AFFLUX_OK, __LINE__);
  check(afflux_permit_split(&token, 1, &other) == AFFLUX_OK, __LINE__);
  check(afflux_permit_merge(&other, &token) == AFFLUX_OK, __LINE__);
  check(afflux_permit_release(&other) == AFFLUX_OK, __LINE__);
  check(afflux_sem_release(sem, 2) == AFFLUX_OK, __LINE__);
  check(afflux_sem_close(sem) == AFFLUX_OK, __LINE__);
  const bool tried = allocation_failed();
  fail_allocation(0);
  EXPECT_EQ(wrong_line, 0);
  EXPECT_FALSE(tried && GetParam().queue != AFFLUX_QUEUE_LOCKFREE) << "a call tried to allocate";
}

// However many meet: with LOCKFREE a wait that finds no memory waits for the lock.
TEST_P(WithoutMemory, ThreadsGetTheirPermits) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  const sem_guard sem(options(1));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      pending p;
      fail_allocation(kEvery);
      for (int i = 0; i < kRounds; ++i) {
        const int before = p.completions();
        const afflux_status answer =
            i % 2 == 0 ? afflux_sem_acquire(sem, 1, AFFLUX_FOREVER) : p.start(sem);
        if (answer == AFFLUX_PENDING) {
          await([&] { return p.completions() != before; });
        } else if (answer != AFFLUX_OK) {
          wrong.fetch_add(1);
          continue;
        }
        if (afflux_sem_release(sem, 1) != AFFLUX_OK) wrong.fetch_add(1);
      }
      fail_allocation(0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  expect_all_free(sem, 1);
}

// In a child, because the timer thread of this process may be running already.
TEST_P(Faults, ATimedRequestAnswersEosWithoutAThread) {
  AFFLUX_STARTS_THREADS_IN_CHILD();
  expect_in_child([](child_checks& checks) {
    const sem_guard sem(options(1));
    CHILD_EXPECT(checks, afflux_sem_try_acquire(sem, 1) == AFFLUX_OK);
    CHILD_EXPECT(checks, afflux_last_os_error() == 0);
    pending timed, plain;
    timed.request.timeout_ns = kHour;
    const sem_state before = state_of(sem);
    fail_threads(EAGAIN);
    CHILD_EXPECT(checks, timed.start(sem) == AFFLUX_EOS);
    CHILD_EXPECT(checks, afflux_last_os_error() == EAGAIN);
    CHILD_EXPECT(checks, state_of(sem) == before);
    CHILD_EXPECT(checks, timed.cancel() == AFFLUX_EALREADY);
    // A request without a time needs no thread.
    CHILD_EXPECT(checks, plain.start(sem) == AFFLUX_PENDING);
    CHILD_EXPECT(checks, plain.cancel() == AFFLUX_OK);
    fail_threads(0);
    // The error is this thread's own. (The thread sanitizer cannot follow a second thread in the
    // child of a process with threads.)
    if (AFFLUX_TEST_TSAN == 0) {
      std::int32_t others = -1;
      std::thread([&] { others = afflux_last_os_error(); }).join();
      CHILD_EXPECT(checks, others == 0);
    }
    // When threads are to be had again the timer works.
    timed.request.timeout_ns = kMillisecond;
    CHILD_EXPECT(checks, timed.start(sem) == AFFLUX_PENDING);
    await([&] { return timed.completions() != 0; });
    CHILD_EXPECT(checks, timed.completed_once_with(AFFLUX_ETIMEDOUT));
  });
}

TEST_P(Faults, TheSemaphoresDefaultTimeNeedsAThreadToo) {
  expect_in_child([](child_checks& checks) {
    afflux_sem_options o = options(1);
    o.waiter_timeout_ns = kHour;
    const sem_guard sem(o);
    CHILD_EXPECT(checks, afflux_sem_try_acquire(sem, 1) == AFFLUX_OK);
    pending p;
    fail_threads(EAGAIN);
    CHILD_EXPECT(checks, p.start(sem) == AFFLUX_EOS);
    // A blocked thread keeps its own time.
    CHILD_EXPECT(checks, afflux_sem_acquire(sem, 1, kMillisecond) == AFFLUX_ETIMEDOUT);
    fail_threads(0);
    CHILD_EXPECT(checks, p.completions() == 0);
  });
}

TEST_P(Faults, TimersManualAnswersEosWhenTheThreadIsNeeded) {
  AFFLUX_STARTS_THREADS_IN_CHILD();
  expect_in_child([](child_checks& checks) {
    const sem_guard sem(options(1));
    CHILD_EXPECT(checks, afflux_timers_manual(1) == AFFLUX_OK);
    CHILD_EXPECT(checks, afflux_sem_try_acquire(sem, 1) == AFFLUX_OK);
    pending p;
    p.request.timeout_ns = kMillisecond;
    fail_threads(EAGAIN);
    CHILD_EXPECT(checks, p.start(sem) == AFFLUX_PENDING);  // the loop's own: no thread
    CHILD_EXPECT(checks, afflux_timers_manual(0) == AFFLUX_EOS);
    CHILD_EXPECT(checks, afflux_last_os_error() == EAGAIN);
    // Nothing changed: the timers are manual still.
    pass_time(3 * kMillisecond);
    CHILD_EXPECT(checks, p.completions() == 0);
    afflux_timers_advance();
    CHILD_EXPECT(checks, p.completed_once_with(AFFLUX_ETIMEDOUT));
    fail_threads(0);
    CHILD_EXPECT(checks, afflux_timers_manual(0) == AFFLUX_OK);
  });
}

// acquire_async documents no ENOMEM: whatever the start of the thread allocates may fail, and
// then it is the thread that could not be started.
TEST_P(WithoutMemory, ATimedRequestWithoutMemoryIsQueuedOrAnswersEos) {
  AFFLUX_STARTS_THREADS_IN_CHILD();
  expect_in_child([](child_checks& checks) {
    const sem_guard sem(options(1));
    CHILD_EXPECT(checks, afflux_sem_try_acquire(sem, 1) == AFFLUX_OK);
    const sem_state before = state_of(sem);
    pending p;
    p.request.timeout_ns = kMillisecond;
    fail_allocation(kEvery);
    const afflux_status status = p.start(sem);
    fail_allocation(0);
    if (status == AFFLUX_PENDING) {
      await([&] { return p.completions() != 0; });
      CHILD_EXPECT(checks, p.completed_once_with(AFFLUX_ETIMEDOUT));
    } else {
      CHILD_EXPECT(checks, status == AFFLUX_EOS);
      CHILD_EXPECT(checks, afflux_last_os_error() != 0);
      CHILD_EXPECT(checks, state_of(sem) == before);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Each, Faults, all_variants(), variant_name);
INSTANTIATE_TEST_SUITE_P(Each, WithoutMemory, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
