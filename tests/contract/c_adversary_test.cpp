// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an adversary does to semaphores: forks at a bad moment, blocks in wake functions, mixes
// tokens with releases by hand, closes and shrinks what a group waits for. Queue limits are
// c_adversary_limits_test's.
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "support/build_kind.h"
#include "support/forked_threads.h"
#include "support/gate.h"
#include "support/group.h"
#include "support/in_child.h"
#include "support/per_queue.h"
#include "support/recorder.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

// Only what has failed waits that long.
constexpr std::int64_t kTooLong = 3000 * kMillisecond;

afflux_sem_options of_queue(std::uint32_t queue, std::uint64_t permits) {
  afflux_sem_options made;
  EXPECT_EQ(afflux_sem_options_init(&made), AFFLUX_OK);
  made.queue = queue;
  made.permits = permits;
  return made;
}

// A semaphore whose permits are all held.
class held_sem : public sem_guard {
 public:
  held_sem(std::uint32_t queue, std::uint64_t permits) : sem_guard(of_queue(queue, permits)) {
    EXPECT_EQ(afflux_sem_try_acquire(*this, permits), AFFLUX_OK);
  }
};

// ---- fork() -------------------------------------------------------------------

#if __has_include(<sys/wait.h>)
class AdversaryFork : public per_queue {};

// A child that hangs is ended by the alarm, and so by a signal.
bool child_can_end(const std::vector<afflux_sem*>& idle) {
  const pid_t child = fork();
  EXPECT_GE(child, 0);
  if (child == 0) {
    alarm(10);
    for (afflux_sem* const sem : idle) afflux_sem_unref(sem);
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) EXPECT_EQ(errno, EINTR);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// The semaphores are ones that no thread is inside of at the fork.
TEST_P(AdversaryFork, TheChildEndsASemaphoreAlthoughAThreadOfTheParentWasCancelingElsewhere) {
  const held_sem other(GetParam(), 1);
  std::vector<afflux_sem*> idle(64);
  for (afflux_sem*& sem : idle) {
    const afflux_sem_options o = of_queue(GetParam(), 1);
    ASSERT_EQ(afflux_sem_create(&o, &sem), AFFLUX_OK);
  }
  std::atomic<bool> over{false};
  std::thread canceler([&] {
    pending request;
    while (!over.load()) {
      EXPECT_EQ(request.start(other), AFFLUX_PENDING);
      EXPECT_EQ(request.cancel(), AFFLUX_OK);
    }
  });
  for (int i = 0; i < (kSanitized ? 20 : 200) && !HasFailure(); ++i) {
    EXPECT_TRUE(child_can_end(idle)) << "the child of fork " << i << " hung";
  }
  over = true;
  canceler.join();
  for (afflux_sem* const sem : idle) afflux_sem_unref(sem);
}

// A chain of two requests whose wake functions block for each other: some of their completions are
// always with helper threads.
struct blocking_chain {
  explicit blocking_chain(std::uint32_t queue) : sem(queue, 1) {
    for (pending& each : both) {
      each.then = [this](afflux_status) {
        afflux_sem_release(sem, 1);
        EXPECT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_OK);
        runs.fetch_add(1);
        afflux_sem_release(sem, 1);
      };
    }
  }
  void run() {
    for (pending& each : both) EXPECT_EQ(each.start(sem), AFFLUX_PENDING);
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER), AFFLUX_OK);
  }
  held_sem sem;
  pending both[2];
  std::atomic<int> runs{0};
};

TEST_P(AdversaryFork, TheChildRunsNoCompletionOfTheParents) {
  AFFLUX_STARTS_MANY_THREADS_IN_CHILD();
  AFFLUX_FORKS_BESIDE_STARTING_THREADS();  // the helpers
  std::atomic<bool> over{false};
  std::atomic<int> rounds{0};
  std::thread busy([&] {
    while (!over.load()) {
      blocking_chain(GetParam()).run();
      rounds.fetch_add(1);
    }
  });
  for (int i = 0; i < (kSanitized ? 20 : 100) && !HasFailure(); ++i) {
    const int before = rounds.load();
    await([&] { return rounds.load() != before; });
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);
      blocking_chain mine(GetParam());
      mine.run();
      _exit(mine.runs.load() == 2 ? 0 : 1);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) EXPECT_EQ(errno, EINTR);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the child of fork " << i;
  }
  over = true;
  busy.join();
}
#endif

// ---- Wake functions that block ------------------------------------------------

class AdversaryWake : public per_queue {};

// A thread far back in line holds what the first wake function blocks for: it must have been let
// in by then.
TEST_P(AdversaryWake, MayBlockForWhatTheLastInLineHolds) {
  for (const std::size_t count : {255u, 256u, 257u, 1000u}) {
    SCOPED_TRACE(testing::Message() << count << " requests before the thread");
    const held_sem line(GetParam(), count + 1);
    const sem_guard other(of_queue(GetParam(), 1));
    afflux_status first_got = kNotCompleted;
    std::deque<pending> requests(count);
    requests.front().then = [&](afflux_status) {
      first_got = afflux_sem_acquire(other, 1, kTooLong);
      if (first_got == AFFLUX_OK) afflux_sem_release(other, 1);
    };
    for (pending& each : requests) ASSERT_EQ(each.start(line), AFFLUX_PENDING);
    latch holds(1);
    std::thread last([&] {
      EXPECT_EQ(afflux_sem_acquire(other, 1, AFFLUX_FOREVER), AFFLUX_OK);
      holds.count_down();
      EXPECT_EQ(afflux_sem_acquire(line, 1, AFFLUX_FOREVER), AFFLUX_OK);
      EXPECT_EQ(afflux_sem_release(other, 1), AFFLUX_OK);
    });
    holds.wait();
    await_waiters(line, count + 1);
    EXPECT_EQ(afflux_sem_release(line, count + 1), AFFLUX_OK);
    last.join();
    EXPECT_EQ(first_got, AFFLUX_OK);
    for (const pending& each : requests) EXPECT_TRUE(each.completed_once_with(AFFLUX_OK));
  }
}

// In a child: what overflows a stack ends the process.
TEST_P(AdversaryWake, ThatBlocksDoesNotNestOncePerRequest) {
  AFFLUX_STARTS_MANY_THREADS_IN_CHILD();
  constexpr std::size_t kRequests = kSanitized ? 20'000 : 100'000;
  expect_in_child([&](child_checks& checks) {
    const held_sem line(GetParam(), kRequests);
    const held_sem other(GetParam(), kRequests);  // in the end there is a permit for each
    struct {
      afflux_sem* other;
      std::atomic<std::size_t> begun{0};
      std::atomic<std::size_t> ended{0};
    } shared{other};
    std::vector<afflux_waiter> waiters(kRequests);
    afflux_request request;
    afflux_request_init(&request);
    request.ctx = &shared;
    request.wake = [](void* ctx, afflux_status) {
      auto* const mine = static_cast<decltype(shared)*>(ctx);
      mine->begun.fetch_add(1);
      if (afflux_sem_acquire(mine->other, 1, AFFLUX_FOREVER) != AFFLUX_OK) return;
      mine->ended.fetch_add(1);
      afflux_sem_release(mine->other, 1);
    };
    for (afflux_waiter& waiter : waiters) {
      CHILD_EXPECT(checks, afflux_sem_acquire_async(line, &request, &waiter) == AFFLUX_PENDING);
    }
    // Gives them what they block for when all have begun, or when no more do.
    std::thread holder([&] {
      await([&] { return shared.begun.load() != 0; });
      for (std::size_t seen = 0; seen != shared.begun.load();) {
        seen = shared.begun.load();
        pass_time(200 * kMillisecond);
      }
      CHILD_EXPECT(checks, afflux_sem_release(other, kRequests) == AFFLUX_OK);
    });
    CHILD_EXPECT(checks, afflux_sem_release(line, kRequests) == AFFLUX_OK);
    holder.join();
    await([&] { return shared.ended.load() == kRequests; });
  });
}

TEST_P(AdversaryWake, MayBlockForWhatALaterOneOfTheSameReleaseGivesBack) {
  for (const std::size_t between : {std::size_t{0}, std::size_t{300}, std::size_t{1000}}) {
    const held_sem line(GetParam(), between + 2);
    const held_sem other(GetParam(), 1);
    afflux_status first_got = kNotCompleted;
    std::deque<pending> requests(between + 2);
    requests.front().then = [&](afflux_status) {
      first_got = afflux_sem_acquire(other, 1, kTooLong);
    };
    requests.back().then = [&](afflux_status) {
      EXPECT_EQ(afflux_sem_release(other, 1), AFFLUX_OK);
    };
    for (pending& each : requests) ASSERT_EQ(each.start(line), AFFLUX_PENDING);
    EXPECT_EQ(afflux_sem_release(line, between + 2), AFFLUX_OK);
    EXPECT_EQ(first_got, AFFLUX_OK);
    for (const pending& each : requests) EXPECT_TRUE(each.completed_once_with(AFFLUX_OK));
  }
}

// Another thread's release is in the midst of its wake functions, with hundreds to go.
class AdversaryStrangers : public AdversaryWake {
 protected:
  // act(line, last request) is made by another thread than the one that releases.
  template <class Act>
  void expect_nobodys_wake_function_in(Act act) {
    constexpr std::size_t kRequests = 1000;
    const held_sem line(GetParam(), kRequests);
    latch begun(1);
    latch acted(1);
    std::atomic<std::thread::id> stranger{};
    std::atomic<int> on_stranger{0};
    std::deque<pending> requests(kRequests);
    for (pending& each : requests) {
      each.then = [&, first = &each == &requests.front()](afflux_status) {
        if (std::this_thread::get_id() == stranger.load()) on_stranger.fetch_add(1);
        if (!first) return;
        begun.count_down();
        acted.wait();
      };
      ASSERT_EQ(each.start(line), AFFLUX_PENDING);
    }
    std::thread other([&] {
      begun.wait();
      stranger = std::this_thread::get_id();
      act(static_cast<afflux_sem*>(line), requests.back());
      stranger = std::thread::id();
      acted.count_down();
    });
    EXPECT_EQ(afflux_sem_release(line, kRequests), AFFLUX_OK);
    other.join();
    EXPECT_EQ(on_stranger.load(), 0);
    await([&] { return afflux_sem_waiters(line) == 0; });
  }
};

TEST_P(AdversaryStrangers, AnObserverRunsNobodysWakeFunction) {
  expect_nobodys_wake_function_in([](afflux_sem* line, pending&) {
    for (int i = 0; i < 10; ++i) {
      afflux_sem_waiters(line);
      afflux_sem_held(line);
      afflux_sem_available(line);
    }
  });
}

TEST_P(AdversaryStrangers, ACancelRunsNoWakeFunctionOfAnothersRelease) {
  expect_nobodys_wake_function_in([](afflux_sem*, pending& last) { last.cancel(); });
}

TEST_P(AdversaryStrangers, AResizeToTheSameLimitRunsNoWakeFunctionOfAnothersRelease) {
  expect_nobodys_wake_function_in(
      [](afflux_sem* line, pending&) { afflux_sem_resize(line, afflux_sem_limit(line)); });
}

// ---- Groups -------------------------------------------------------------------

class AdversaryAll : public per_queue {
 protected:
  // check(busy, other) with each of two semaphores in each part: the answer may not depend on
  // where in memory they are, nor on which comes first.
  template <class Check>
  void both_ways(std::uint64_t permits, Check check) {
    for (const bool swapped : {false, true}) {
      const sem_guard one(of_queue(GetParam(), permits));
      const sem_guard two(of_queue(GetParam(), permits));
      afflux_sem* const busy = swapped ? two : one;
      afflux_sem* const other = swapped ? one : two;
      EXPECT_EQ(afflux_sem_try_acquire(busy, permits), AFFLUX_OK);
      check(busy, other);
      EXPECT_EQ(afflux_sem_held(other), 0u);
    }
  }
};

TEST_P(AdversaryAll, AClosedItemCountsBeforeOneThatIsBusy) {
  for (const bool reversed : {false, true}) {
    both_ways(3, [&](afflux_sem* busy, afflux_sem* closed) {
      EXPECT_EQ(afflux_sem_close(closed), AFFLUX_OK);
      std::vector<afflux_wait_item> items = {of(busy), of(closed)};
      if (reversed) std::swap(items[0], items[1]);
      EXPECT_EQ(afflux_acquire_all(items.data(), items.size(), 0), AFFLUX_ECLOSED);
      EXPECT_EQ(afflux_acquire_all(items.data(), items.size(), kMillisecond), AFFLUX_ECLOSED);
      group waiting(items);
      EXPECT_EQ(waiting.all(), AFFLUX_ECLOSED);
      if (waiting.completions() == 0) waiting.cancel();
    });
  }
}

TEST_P(AdversaryAll, AnItemThatIsClosedWhileTheGroupWaitsAtAnotherEndsIt) {
  both_ways(3, [&](afflux_sem* busy, afflux_sem* other) {
    group waiting({of(busy), of(other)});
    ASSERT_EQ(waiting.all(), AFFLUX_PENDING);
    EXPECT_EQ(afflux_sem_close(other), AFFLUX_OK);
    EXPECT_TRUE(waiting.completed_once_with(AFFLUX_ECLOSED));
    if (waiting.completions() == 0) waiting.cancel();
  });
}

TEST_P(AdversaryAll, AnItemThatShrinksBelowItsShareWhileTheGroupWaitsAtAnotherEndsIt) {
  both_ways(3, [&](afflux_sem* busy, afflux_sem* other) {
    group waiting({of(busy), of(other, 3)});
    ASSERT_EQ(waiting.all(), AFFLUX_PENDING);
    EXPECT_EQ(afflux_sem_resize(other, 2), AFFLUX_OK);
    EXPECT_TRUE(waiting.completed_once_with(AFFLUX_E2BIG));
    if (waiting.completions() == 0) waiting.cancel();
  });
}

// ---- Tokens -------------------------------------------------------------------

class AdversaryToken : public per_queue {
 protected:
  static void take(afflux_sem* sem, std::uint64_t n, afflux_permit_token& token) {
    afflux_request request;
    afflux_request_init(&request);
    request.permits = n;
    ASSERT_EQ(afflux_sem_acquire_permit(sem, &request, 0, &token), AFFLUX_OK);
  }
};

// Nothing is held any more when both tokens are released.
TEST_P(AdversaryToken, GivesBackWhatIsHeldAndTellsWhenSomeWasReleasedByHand) {
  const sem_guard sem(of_queue(GetParam(), 10));
  afflux_permit_token a{}, b{};
  take(sem, 5, a);
  take(sem, 5, b);
  ASSERT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&a), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_held(sem), 2u);
  EXPECT_EQ(afflux_permit_release(&b), AFFLUX_EOVERFLOW);
  EXPECT_EQ(afflux_sem_held(sem), 0u);
  EXPECT_EQ(afflux_permit_release(&b), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_permit_count(&b), 0u);
  EXPECT_EQ(afflux_sem_available(sem), 10u);
}

TEST_P(AdversaryToken, TellsWhenNothingIsHeldAnyMore) {
  const sem_guard sem(of_queue(GetParam(), 10));
  afflux_permit_token token{};
  take(sem, 5, token);
  ASSERT_EQ(afflux_sem_release(sem, 5), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_EOVERFLOW);
  EXPECT_EQ(afflux_permit_release(&token), AFFLUX_EALREADY);
  EXPECT_EQ(afflux_sem_held(sem), 0u);
}

// What is given back although a token says more lets in who waits.
TEST_P(AdversaryToken, LetsInWhoFitsIntoWhatWasStillHeld) {
  const sem_guard sem(of_queue(GetParam(), 10));
  afflux_permit_token a{}, b{};
  take(sem, 5, a);
  take(sem, 5, b);
  ASSERT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  pending waiting(10);
  ASSERT_EQ(waiting.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_permit_release(&a), AFFLUX_OK);
  EXPECT_EQ(afflux_permit_release(&b), AFFLUX_EOVERFLOW);
  EXPECT_TRUE(waiting.completed_once_with(AFFLUX_OK));
  if (waiting.completions() == 0) waiting.cancel();
}

#if __has_include(<sys/wait.h>)
INSTANTIATE_TEST_SUITE_P(Each, AdversaryFork, all_queues(), queue_name);
#endif
INSTANTIATE_TEST_SUITE_P(Each, AdversaryWake, all_queues(), queue_name);
INSTANTIATE_TEST_SUITE_P(Each, AdversaryStrangers, all_queues(), queue_name);
INSTANTIATE_TEST_SUITE_P(Each, AdversaryAll, all_queues(), queue_name);
INSTANTIATE_TEST_SUITE_P(Each, AdversaryToken, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
