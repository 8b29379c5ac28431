// SPDX-License-Identifier: MIT OR Apache-2.0
//
// afflux_sem_wait_idle() and its asynchronous form: nothing is held and no request queues.
// By an io_uring: c_uring_wait_test.cpp.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "support/client.h"
#include "support/note.h"
#include "support/per_queue.h"
#include "support/port.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

afflux_status start_idle(afflux_sem* sem, pending& p) {
  return afflux_sem_wait_idle_async(sem, &p.request, &p.waiter);
}
afflux_status start_idle(afflux_sem* sem, ported& p) {
  return afflux_sem_wait_idle_async(sem, &p.request, &p.waiter);
}

class Idle : public per_variant {};

TEST_P(Idle, IsAnsweredAtOnceWhereNothingIsHeldAndNobodyQueues) {
  const sem_guard sem(options(3));
  pending p;
  EXPECT_EQ(afflux_sem_wait_idle(sem, 0), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_wait_idle(sem, AFFLUX_FOREVER), AFFLUX_OK);
  EXPECT_EQ(start_idle(sem, p), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_wait_idle(sem, 0), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_wait_idle(sem, kMillisecond), AFFLUX_OK);
  EXPECT_EQ(start_idle(sem, p), AFFLUX_OK);
  EXPECT_EQ(p.completions(), 0);
  expect_all_free(sem, 3);
}

TEST_P(Idle, TakesNoLongerThanItsTime) {
  const sem_guard sem(options(2));
  pending at_once, later;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_wait_idle(sem, 0), AFFLUX_ETIMEDOUT);
  const std::int64_t before = now_ns();
  EXPECT_EQ(afflux_sem_wait_idle(sem, 2 * kMillisecond), AFFLUX_ETIMEDOUT);
  EXPECT_GE(now_ns() - before, 2 * kMillisecond);  // never early
  at_once.request.timeout_ns = 0;
  EXPECT_EQ(start_idle(sem, at_once), AFFLUX_EAGAIN);
  later.request.timeout_ns = kMillisecond;
  ASSERT_EQ(start_idle(sem, later), AFFLUX_PENDING);
  await([&] { return later.completions() == 1; });
  EXPECT_EQ(later.status(), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(at_once.completions(), 0);
  EXPECT_EQ(later.completions(), 1);
  expect_all_free(sem, 2);
}

TEST_P(Idle, ComesWithTheReleaseOfTheLastPermit) {
  const sem_guard sem(options(3));
  pending p;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  ASSERT_EQ(start_idle(sem, p), AFFLUX_PENDING);
  EXPECT_EQ(afflux_waiter_status(&p.waiter), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_EQ(p.completions(), 0);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
  expect_all_free(sem, 3);
}

TEST_P(Idle, WakesBlockedThreads) {
  const sem_guard sem(options(2));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  std::deque<in_thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { return afflux_sem_wait_idle(sem, AFFLUX_FOREVER); });
  }
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  pass_time(kMillisecond);
  for (const in_thread& each : threads) EXPECT_FALSE(each.returned());
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  for (in_thread& each : threads) EXPECT_EQ(each.join(), AFFLUX_OK);
}

// It happens after the releases: what was written before them needs no other order.
TEST_P(Idle, HappensAfterTheReleasesThatMadeItIdle) {
  constexpr int kThreads = 3;
  for (int round = 0; round < 50; ++round) {
    const sem_guard sem(options(kThreads));
    int written[kThreads] = {};
    ASSERT_EQ(afflux_sem_try_acquire(sem, kThreads), AFFLUX_OK);
    std::vector<std::thread> threads;
    for (int& each : written) {
      threads.emplace_back([&] {
        each = 1;
        EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      });
    }
    EXPECT_EQ(afflux_sem_wait_idle(sem, AFFLUX_FOREVER), AFFLUX_OK);
    for (const int each : written) EXPECT_EQ(each, 1);
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_P(Idle, IsNotWhileAnybodyQueues) {
  const sem_guard sem(options(1));
  pending next, idle;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(next.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(start_idle(sem, idle), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(next.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(idle.completions(), 0);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(idle.completed_once_with(AFFLUX_OK));
}

// Nothing is held, for nothing can be: who queues is all that there is.
TEST_P(Idle, ComesWhenTheLastInLineLeaves) {
  enum { kCancels, kTimesOut, kIsClosedOut };
  for (const int how : {kCancels, kTimesOut, kIsClosedOut}) {
    SCOPED_TRACE(how);
    const sem_guard sem(options(0));
    pending queued, idle;
    queued.request.flags = AFFLUX_WAIT_FOR_RESIZE;
    if (how == kTimesOut) queued.request.timeout_ns = kMillisecond;
    ASSERT_EQ(queued.start(sem), AFFLUX_PENDING);
    EXPECT_EQ(afflux_sem_wait_idle(sem, 0),
              queued.completions() == 0 ? AFFLUX_ETIMEDOUT : AFFLUX_OK);
    const afflux_status answer = start_idle(sem, idle);
    if (how == kCancels) {
      EXPECT_EQ(queued.cancel(), AFFLUX_OK);
    }
    if (how == kIsClosedOut) {
      EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
    }
    if (answer != AFFLUX_OK) {  // which a time limit may have run out before
      ASSERT_EQ(answer, AFFLUX_PENDING);
      await([&] { return idle.completions() == 1; });
      EXPECT_EQ(idle.status(), AFFLUX_OK);
    }
    await([&] { return queued.completions() == (how == kCancels ? 0 : 1); });
    expect_all_free(sem, 0);
  }
}

TEST_P(Idle, TheSemaphoresTimeLimitIsNotForIt) {
  afflux_sem_options o = options(1);
  o.waiter_timeout_ns = kMillisecond;
  const sem_guard sem(o);
  pending p;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(start_idle(sem, p), AFFLUX_PENDING);
  in_thread blocked([&] { return afflux_sem_wait_idle(sem, AFFLUX_FOREVER); });
  EXPECT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_ETIMEDOUT);
  pass_time(5 * kMillisecond);
  EXPECT_EQ(p.completions(), 0);
  EXPECT_FALSE(blocked.returned());
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(blocked.join(), AFFLUX_OK);
}

TEST_P(Idle, ACancelTakesItBack) {
  const sem_guard sem(options(1));
  pending p, other;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(start_idle(sem, p), AFFLUX_PENDING);
  ASSERT_EQ(start_idle(sem, other), AFFLUX_PENDING);
  EXPECT_EQ(p.cancel(), AFFLUX_OK);
  EXPECT_EQ(p.cancel(), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_waiter_status(&p.waiter), AFFLUX_ECANCELED);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(p.completions(), 0);
  EXPECT_TRUE(other.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(other.cancel(), AFFLUX_EALREADY);
}

TEST_P(Idle, WhoWaitsForItNeitherQueuesNorIsCounted) {
  const sem_guard sem(options(2));
  pending p;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(start_idle(sem, p), AFFLUX_PENDING);
  EXPECT_EQ(state_of(sem), (sem_state{2, 1, 1, 0}));
  EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);  // nobody is overtaken
  expect_conserved(sem);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(p.completions(), 0);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
  expect_all_free(sem, 2);
}

TEST_P(Idle, PermitsThatWereForgottenCountAsHeld) {
  const sem_guard sem(options(1));
  afflux_permit_token token{};
  ASSERT_EQ(afflux_sem_acquire_permit(sem, nullptr, 0, &token), AFFLUX_OK);
  ASSERT_EQ(afflux_permit_forget(&token), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_wait_idle(sem, 0), AFFLUX_ETIMEDOUT);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_wait_idle(sem, 0), AFFLUX_OK);
}

// A debt is held, too.
TEST_P(Idle, ComesWithTheLastReleaseAfterAShrinkToo) {
  const sem_guard sem(options(3));
  pending p;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_OK);
  ASSERT_EQ(start_idle(sem, p), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_resize(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_EQ(p.completions(), 0);
  EXPECT_EQ(afflux_sem_resize(sem, 0), AFFLUX_OK);
  EXPECT_EQ(p.completions(), 0);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(p.completed_once_with(AFFLUX_OK));
}

TEST_P(Idle, ACompletionMayMakeItIdleAndAskAgain) {
  const sem_guard sem(options(1));
  pending queued, idle;
  afflux_status again = AFFLUX_PENDING;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  queued.then = [&](afflux_status) {
    EXPECT_EQ(afflux_sem_wait_idle(sem, 0), AFFLUX_ETIMEDOUT);
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  };
  idle.then = [&](afflux_status) { again = start_idle(sem, idle); };
  ASSERT_EQ(queued.start(sem), AFFLUX_PENDING);
  ASSERT_EQ(start_idle(sem, idle), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(idle.completed_once_with(AFFLUX_OK));
  EXPECT_EQ(again, AFFLUX_OK);
}

TEST_P(Idle, TheLastReferenceEndsItWithEclosed) {
  note_book notes;
  noted by_note(notes, 5);
  pending by_callback;
  port_guard port(AFFLUX_PORT_CALLBACK);
  ported by_port(port, 6);
  afflux_sem* const sem = sem_guard(options(1)).give();
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);  // never to be given back
  ASSERT_EQ(by_note.start_idle(sem), AFFLUX_PENDING);
  ASSERT_EQ(start_idle(sem, by_callback), AFFLUX_PENDING);
  ASSERT_EQ(start_idle(sem, by_port), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);  // ends no such wait
  EXPECT_EQ(by_callback.completions(), 0);
  EXPECT_EQ(by_note.status(), AFFLUX_PENDING);
  afflux_sem_unref(sem);
  EXPECT_TRUE(by_callback.completed_once_with(AFFLUX_ECLOSED));
  EXPECT_EQ(by_note.status(), AFFLUX_ECLOSED);
  EXPECT_EQ(notes.all(), std::vector<std::uint64_t>{5});
  const auto drained = port.drain_all();
  ASSERT_EQ(user_data_of(drained), std::vector<std::uint64_t>{6});
  EXPECT_EQ(drained[0].status, AFFLUX_ECLOSED);
}

TEST_P(Idle, CompletesInAPortAndByANote) {
  port_guard port(AFFLUX_PORT_CALLBACK);
  ported by_port(port, 9);
  note_book notes;
  noted by_note(notes, 4);
  const sem_guard sem(options(1));
  EXPECT_EQ(by_note.start_idle(sem), AFFLUX_OK);
  EXPECT_EQ(start_idle(sem, by_port), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(start_idle(sem, by_port), AFFLUX_PENDING);
  ASSERT_EQ(by_note.start_idle(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(by_note.status(), AFFLUX_OK);
  EXPECT_EQ(notes.all(), std::vector<std::uint64_t>{4});
  EXPECT_EQ(afflux_waiter_status(&by_port.waiter), AFFLUX_PENDING);
  const auto drained = port.drain_all();
  ASSERT_EQ(user_data_of(drained), std::vector<std::uint64_t>{9});
  EXPECT_EQ(drained[0].status, AFFLUX_OK);
  EXPECT_EQ(afflux_waiter_status(&by_port.waiter), AFFLUX_OK);
  // By a closed port nobody may wait.
  ASSERT_EQ(afflux_port_close(port), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_REFUSED(sem, AFFLUX_ECLOSED, start_idle(sem, by_port));
}

TEST_P(Idle, RefusesBadArguments) {
  const sem_guard sem(options(2));
  const client_guard client;
  pending p;
  EXPECT_EQ(afflux_sem_wait_idle(nullptr, 0), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_sem_wait_idle_async(nullptr, &p.request, &p.waiter), AFFLUX_EINVAL);
  for (const bool held : {false, true}) {
    if (held) {
      ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    }
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_wait_idle(sem, -2));
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_wait_idle(sem, INT64_MIN));
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_wait_idle_async(sem, nullptr, &p.waiter));
    EXPECT_REFUSED(sem, AFFLUX_EINVAL, afflux_sem_wait_idle_async(sem, &p.request, nullptr));
    const auto refused = [&](const afflux_request& r, afflux_status expected) {
      EXPECT_REFUSED(sem, expected, afflux_sem_wait_idle_async(sem, &r, &p.waiter));
    };
    for_each_bad_wait(p.request, refused);
    afflux_request bad = p.request;
    bad.cost_bytes = 1;
    refused(bad, AFFLUX_EINVAL);
    bad = p.request;
    bad.client = client;
    refused(bad, AFFLUX_EINVAL);
  }
  for_each_good_size(p.request, [&](const afflux_request& r) {
    EXPECT_EQ(afflux_sem_wait_idle_async(sem, &r, &p.waiter), AFFLUX_PENDING);
    EXPECT_EQ(afflux_waiter_cancel(&p.waiter), AFFLUX_OK);
  });
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(p.completions(), 0);
}

// The recipe of the header: no holder is inside any more when wait_idle has answered.
TEST_P(Idle, ShutsDownAfterAClose) {
  constexpr int kThreads = 4;
  for (int round = 0; round < 20; ++round) {
    afflux_sem* const sem = sem_guard(options(2)).give();
    std::atomic<int> inside{0};
    std::atomic<int> began{0};
    std::atomic<bool> freed{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      // Each has a reference of its own: its last acquire may come after the unref.
      threads.emplace_back([&, own = afflux_sem_ref(sem)] {
        afflux_status answer = AFFLUX_OK;
        while ((answer = afflux_sem_acquire(own, 1, AFFLUX_FOREVER)) == AFFLUX_OK) {
          inside.fetch_add(1);
          began.fetch_add(1);
          EXPECT_FALSE(freed.load());
          inside.fetch_sub(1);
          EXPECT_EQ(afflux_sem_release(own, 1), AFFLUX_OK);
        }
        EXPECT_EQ(answer, AFFLUX_ECLOSED);
        afflux_sem_unref(own);
      });
    }
    await([&] { return began.load() > 20; });
    EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_wait_idle(sem, AFFLUX_FOREVER), AFFLUX_OK);
    freed.store(true);
    EXPECT_EQ(inside.load(), 0);
    EXPECT_EQ(afflux_sem_held(sem), 0u);
    afflux_sem_unref(sem);
    for (std::thread& thread : threads) thread.join();
  }
}

// Waits begin, are cancelled and run out while others come and go: each has one outcome.
TEST_P(Idle, EachWaitHasOneOutcomeWhileOthersComeAndGo) {
  constexpr int kRounds = 1000;
  const sem_guard sem(options(2));
  std::atomic<bool> over{false};
  std::vector<std::thread> users;
  for (int t = 0; t < 2; ++t) {
    users.emplace_back([&] {
      while (!over.load()) {
        EXPECT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_OK);
        EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
      }
    });
  }
  for (int i = 0; i < kRounds; ++i) {
    pending p;
    if (i % 3 == 0) p.request.timeout_ns = kMillisecond;
    const afflux_status answer = start_idle(sem, p);
    if (answer == AFFLUX_OK) continue;
    ASSERT_EQ(answer, AFFLUX_PENDING);
    if (i % 2 == 0 && p.cancel() == AFFLUX_OK) {
      EXPECT_EQ(p.completions(), 0);
      continue;
    }
    await([&] { return p.completions() == 1; });
    EXPECT_TRUE(p.status() == AFFLUX_OK || p.status() == AFFLUX_ETIMEDOUT);
    const afflux_status blocked = afflux_sem_wait_idle(sem, i % 5 == 0 ? 1000 : AFFLUX_FOREVER);
    EXPECT_TRUE(blocked == AFFLUX_OK || blocked == AFFLUX_ETIMEDOUT);
  }
  over.store(true);
  for (std::thread& user : users) user.join();
  EXPECT_EQ(afflux_sem_wait_idle(sem, AFFLUX_FOREVER), AFFLUX_OK);
  expect_all_free(sem, 2);
}

INSTANTIATE_TEST_SUITE_P(Each, Idle, all_variants(), variant_name);

}  // namespace
}  // namespace afflux_test
