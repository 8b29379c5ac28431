// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Events, conditions and waiter queues, for threads and for coroutines.
#include <afflux/afflux.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/build_kind.h"
#include "support/coroutines.h"
#include "support/gate.h"

namespace {

using namespace std::chrono_literals;
using afflux::condition_variable_any;
using afflux::event;
using afflux::queue_strategy;
using afflux::reset;
using afflux::status;
using afflux::wait_queue;
using afflux_test::fire_and_forget;
using afflux_test::kSanitized;
using afflux_test::owned;

static_assert(std::is_nothrow_move_constructible_v<event> && !std::is_copy_constructible_v<event>);
static_assert(std::is_nothrow_move_assignable_v<event> && !std::is_copy_assignable_v<event>);
static_assert(!std::is_move_constructible_v<condition_variable_any>);
static_assert(std::is_nothrow_move_constructible_v<wait_queue> &&
              !std::is_copy_constructible_v<wait_queue>);

// ---------------------------------------------------------------------------------------------
// How tests drive threads and coroutines
// ---------------------------------------------------------------------------------------------

struct outcome {
  std::optional<status> result;
  std::thread::id where;
};

template <class Operation>
owned note(Operation op, outcome& out) {
  const status s = co_await std::move(op);
  out.where = std::this_thread::get_id();
  out.result = s;
}

/// For waits that end on the timer's thread.
template <class Operation>
fire_and_forget note_and_count(Operation op, outcome& out, afflux_test::latch& done) {
  out.result = co_await std::move(op);
  done.count_down();
}

/// An executor that never resumes: what it was handed is destroyed by the test.
struct drop {
  int* handed = nullptr;
  void operator()(std::coroutine_handle<>) const {
    if (handed != nullptr) ++*handed;
  }
};

template <class Waited>
void until_waiting(const Waited& on, std::uint64_t n) {
  while (on.waiters() != n) std::this_thread::yield();
}

std::string name_of(queue_strategy q) {
  switch (q) {
    case queue_strategy::automatic:
      return "automatic";
    case queue_strategy::intrusive:
      return "intrusive";
    case queue_strategy::lockfree:
      return "lockfree";
    case queue_strategy::hybrid:
      return "hybrid";
    case queue_strategy::mutex:
      return "mutex";
  }
  return "?";
}

/// For each strategy; those that the library was built without are skipped.
class with_queue : public testing::TestWithParam<queue_strategy> {
 protected:
  void SetUp() override {
    status made = status::ok;
    const event e = event::create(reset::automatic, GetParam(), made);
    if (made == status::not_supported) GTEST_SKIP() << "not in this build";
    ASSERT_EQ(made, status::ok);
  }
};
class CppEvent : public with_queue {};
class CppCondition : public with_queue {};
class CppWaitQueue : public with_queue {};

const auto kStrategies = testing::Values(queue_strategy::intrusive, queue_strategy::lockfree,
                                         queue_strategy::hybrid, queue_strategy::mutex);
const auto kNames = [](const testing::TestParamInfo<queue_strategy>& info) {
  return name_of(info.param);
};
INSTANTIATE_TEST_SUITE_P(Queues, CppEvent, kStrategies, kNames);
INSTANTIATE_TEST_SUITE_P(Queues, CppCondition, kStrategies, kNames);
INSTANTIATE_TEST_SUITE_P(Queues, CppWaitQueue, kStrategies, kNames);

// ---------------------------------------------------------------------------------------------
// Event: threads
// ---------------------------------------------------------------------------------------------

TEST_P(CppEvent, AutomaticWaitTakesTheNotification) {
  const event e(reset::automatic, GetParam());
  EXPECT_FALSE(e.is_set());
  EXPECT_EQ(e.wait_blocking_for(0s), status::timed_out);
  EXPECT_EQ(e.notify_one(), status::ok);
  EXPECT_EQ(e.notify_one(), status::ok);  // counts as one with the first
  EXPECT_TRUE(e.is_set());
  EXPECT_EQ(e.wait_blocking(), status::ok);
  EXPECT_FALSE(e.is_set());
  EXPECT_EQ(e.wait_blocking_for(0s), status::timed_out);
}

TEST_P(CppEvent, ManualStaysSetUntilCleared) {
  const event e(reset::manual, GetParam());
  EXPECT_EQ(e.notify_all(), status::ok);
  EXPECT_EQ(e.wait_blocking(), status::ok);
  EXPECT_EQ(e.wait_blocking_for(0s), status::ok);
  EXPECT_TRUE(e.is_set());
  EXPECT_EQ(e.clear(), status::ok);
  EXPECT_FALSE(e.is_set());
  EXPECT_EQ(e.wait_blocking_for(0s), status::timed_out);
}

TEST_P(CppEvent, WakesABlockedThread) {
  const event e(reset::automatic, GetParam());
  status result = status::invalid;
  std::thread waiter([&] { result = e.wait_blocking(); });
  until_waiting(e, 1);
  EXPECT_EQ(e.notify_one(), status::ok);
  waiter.join();
  EXPECT_EQ(result, status::ok);
  EXPECT_FALSE(e.is_set());
}

TEST_P(CppEvent, NotifyAllWakesEverybody) {
  for (const reset kind : {reset::automatic, reset::manual}) {
    const event e(kind, GetParam());
    std::atomic<int> ok{0};
    std::vector<std::thread> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.emplace_back([&] { ok += e.wait_blocking_for(1h) == status::ok ? 1 : 0; });
    }
    until_waiting(e, 3);
    EXPECT_EQ(e.notify_all(), status::ok);
    for (auto& t : waiters) t.join();
    EXPECT_EQ(ok, 3);
    EXPECT_EQ(e.is_set(), kind == reset::manual);
  }
}

TEST_P(CppEvent, PulseWakesAllAndRemembersNothing) {
  for (const reset kind : {reset::automatic, reset::manual}) {
    const event ev(kind, GetParam());
    EXPECT_EQ(ev.pulse(), status::ok);
    EXPECT_FALSE(ev.is_set());
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] { EXPECT_EQ(ev.wait_blocking(), status::ok); });
    }
    until_waiting(ev, 3);
    outcome out;
    const owned waiting = note(ev.wait(), out);
    EXPECT_EQ(ev.pulse(), status::ok);
    EXPECT_EQ(out.result, status::ok);
    EXPECT_EQ(out.where, std::this_thread::get_id());
    for (std::thread& thread : threads) thread.join();
    EXPECT_FALSE(ev.is_set());
    EXPECT_EQ(ev.wait_blocking_for(0s), status::timed_out);
  }
}

TEST_P(CppEvent, TimesOutNeverEarly) {
  const event e(reset::automatic, GetParam());
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(e.wait_blocking_for(3ms), status::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 3ms);
  EXPECT_EQ(e.wait_blocking_until(begin + 6ms), status::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 6ms);
  EXPECT_EQ(e.wait_blocking_until(std::chrono::system_clock::now() - 1h), status::timed_out);
  EXPECT_EQ(e.notify_one(), status::ok);
  EXPECT_EQ(e.wait_blocking_until(std::chrono::system_clock::now() + 1h), status::ok);
}

TEST(CppEventOwner, MovesSharesAndSwaps) {
  event a(reset::manual);
  event b = a.share();
  EXPECT_EQ(a.handle(), b.handle());
  const event c(std::move(a));
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): that is the promise
  a = event(reset::automatic);
  swap(a, b);
  EXPECT_EQ(a.handle(), c.handle());
  EXPECT_EQ(b.notify_one(), status::ok);
  EXPECT_FALSE(c.is_set());
  EXPECT_EQ(c.notify_one(), status::ok);
  EXPECT_TRUE(a.is_set());
}

TEST(CppEventOwner, RefusesAnUnknownQueue) {
  const auto unknown = static_cast<queue_strategy>(99);
  status made = status::ok;
  EXPECT_FALSE(event::create(reset::automatic, unknown, made));
  EXPECT_EQ(made, status::invalid);
  EXPECT_THROW(event(reset::automatic, unknown), afflux::error);
  EXPECT_THROW(condition_variable_any{unknown}, afflux::error);
  EXPECT_THROW(wait_queue{unknown}, afflux::error);
}

TEST(CppEventOwner, OwnsAHandle) {
  afflux_event* handle = nullptr;
  ASSERT_EQ(afflux_event_create(1, AFFLUX_QUEUE_AUTO, &handle), AFFLUX_OK);
  const event e = event::from_handle(handle, reset::manual);
  EXPECT_EQ(e.handle(), handle);
  outcome out;
  const owned task = note(e.wait(), out);
  EXPECT_EQ(afflux_event_notify_one(handle), AFFLUX_OK);
  EXPECT_TRUE(e.is_set());
  EXPECT_EQ(out.result, status::ok);
}

// ---------------------------------------------------------------------------------------------
// Event: coroutines
// ---------------------------------------------------------------------------------------------

TEST_P(CppEvent, CoroutineGoesOnWhereItIsSet) {
  const event e(reset::automatic, GetParam());
  EXPECT_EQ(e.notify_one(), status::ok);
  outcome out;
  const owned task = note(e.wait(), out);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_FALSE(e.is_set());
}

TEST_P(CppEvent, CoroutineIsResumedByTheNotificationOnItsThread) {
  const event e(reset::automatic, GetParam());
  outcome out;
  const owned task = note(e.wait(), out);
  EXPECT_FALSE(out.result);
  EXPECT_EQ(e.waiters(), 1u);
  std::thread::id notifier;
  std::thread([&] {
    notifier = std::this_thread::get_id();
    EXPECT_EQ(e.notify_one(), status::ok);
    EXPECT_EQ(out.result, status::ok);  // it ran inside the call
  }).join();
  EXPECT_EQ(out.where, notifier);
  EXPECT_FALSE(e.is_set());
}

TEST_P(CppEvent, CoroutinesGoOnInOrderByPriority) {
  const event e(reset::automatic, GetParam());
  std::vector<int> order;
  const auto task = [](const event& on, std::vector<int>& o, int i, afflux::priority p) -> owned {
    co_await on.wait().priority(p);
    o.push_back(i);
  };
  std::vector<owned> tasks;
  tasks.push_back(task(e, order, 0, afflux::priority::normal));
  tasks.push_back(task(e, order, 1, afflux::priority::normal));
  tasks.push_back(task(e, order, 2, afflux::priority::high));
  EXPECT_EQ(e.notify_one(), status::ok);
  EXPECT_EQ(order, (std::vector<int>{2}));
  EXPECT_EQ(e.notify_one(), status::ok);
  EXPECT_EQ(e.notify_one(), status::ok);
  EXPECT_EQ(order, (std::vector<int>{2, 0, 1}));
}

TEST_P(CppEvent, ManualResumesAllAndLetsNewcomersPass) {
  const event e(reset::manual, GetParam());
  std::vector<outcome> out(3);
  std::vector<owned> tasks;
  tasks.push_back(note(e.wait(), out[0]));
  tasks.push_back(note(e.wait(), out[1]));
  EXPECT_EQ(e.notify_one(), status::ok);
  tasks.push_back(note(e.wait(), out[2]));
  for (const outcome& o : out) EXPECT_EQ(o.result, status::ok);
}

TEST_P(CppEvent, CoroutineTimesOut) {
  const event e(reset::automatic, GetParam());
  const auto begin = std::chrono::steady_clock::now();
  outcome none;
  outcome within;
  outcome until;
  afflux_test::latch done(2);
  const owned first = note(e.wait().within(0s), none);
  note_and_count(e.wait().within(5ms), within, done);
  // Far enough: a time that has passed by the start is no time-out but `again`.
  note_and_count(e.wait().until(begin + 100ms), until, done);
  EXPECT_EQ(none.result, status::again);
  done.wait();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 100ms);
  EXPECT_EQ(within.result, status::timed_out);
  EXPECT_EQ(until.result, status::timed_out);
  EXPECT_FALSE(e.is_set());
  // Who timed out takes no notification with it.
  EXPECT_EQ(e.notify_one(), status::ok);
  EXPECT_TRUE(e.is_set());
}

TEST_P(CppEvent, LastOwnerResumesThemWithClosed) {
  outcome out;
  owned task;
  {
    const event e(reset::automatic, GetParam());
    task = note(e.wait(), out);
  }
  EXPECT_EQ(out.result, status::closed);
}

TEST_P(CppEvent, ResumesByAnExecutor) {
  const event e(reset::automatic, GetParam());
  std::coroutine_handle<> handed;
  outcome out;
  const owned task =
      note(e.wait().resume_on([&handed](std::coroutine_handle<> h) { handed = h; }), out);
  EXPECT_EQ(e.notify_one(), status::ok);
  ASSERT_TRUE(handed);
  EXPECT_FALSE(out.result);
  handed.resume();
  EXPECT_EQ(out.result, status::ok);
}

TEST_P(CppEvent, DestroyedWhileWaitingSwallowsNothing) {  // D1
  const event e(reset::automatic, GetParam());
  outcome first;
  outcome second;
  owned victim = note(e.wait(), first);
  const owned other = note(e.wait(), second);
  victim.destroy();
  EXPECT_EQ(e.waiters(), 1u);
  EXPECT_EQ(e.notify_one(), status::ok);
  EXPECT_FALSE(first.result);
  EXPECT_EQ(second.result, status::ok);
}

TEST_P(CppEvent, DestroyedBeforeItsTurnPassesTheNotificationOn) {  // D3
  const event e(reset::automatic, GetParam());
  owned victim;
  const auto destroyer = [](const event& on, owned& v) -> owned {
    co_await on.wait();
    v.destroy();
  };
  outcome out;
  const owned first = destroyer(e, victim);
  victim = note(e.wait(), out);
  EXPECT_EQ(e.notify_all(), status::ok);  // completes both; the first runs first
  EXPECT_FALSE(out.result);
  EXPECT_EQ(e.waiters(), 0u);
  EXPECT_TRUE(e.is_set());
}

TEST_P(CppEvent, DestroyedAfterTheHandOverPassesTheNotificationOn) {  // D5
  const event e(reset::automatic, GetParam());
  int handed = 0;
  outcome first;
  outcome second;
  owned victim = note(e.wait().resume_on(drop{&handed}), first);
  const owned other = note(e.wait(), second);
  EXPECT_EQ(e.notify_one(), status::ok);
  EXPECT_EQ(handed, 1);
  EXPECT_FALSE(second.result);
  victim.destroy();
  EXPECT_EQ(second.result, status::ok);
  EXPECT_FALSE(e.is_set());
}

TEST_P(CppEvent, DestroyedManualWaitDoesNotSetItAgain) {
  const event e(reset::manual, GetParam());
  outcome out;
  owned victim = note(e.wait().resume_on(drop{}), out);
  EXPECT_EQ(e.notify_one(), status::ok);
  e.clear();
  victim.destroy();
  EXPECT_FALSE(e.is_set());
}

TEST_P(CppEvent, NothingIsLostWhileCoroutinesAreDestroyed) {  // D1, D2, D5
  // Each notification has to come to the blocked thread in the end. The coroutines are destroyed
  // all the time and run only where they need not wait.
  constexpr int kRounds = kSanitized ? 100 : 500;
  const event e(reset::automatic, GetParam());
  afflux_test::counting_semaphore seen(0);
  std::atomic<bool> over{false};
  std::thread blocked([&] {
    for (int i = 0; i < kRounds; ++i) {
      EXPECT_EQ(e.wait_blocking(), status::ok);
      seen.release();
    }
  });
  std::thread notifier([&] {
    for (int i = 0; i < kRounds; ++i) {
      EXPECT_EQ(e.notify_one(), status::ok);
      seen.acquire();
    }
    over = true;
  });
  const auto not_for_me = [](const event& on) -> owned {
    if (co_await on.wait().resume_on(drop{}) == status::ok) (void)on.notify_one();
  };
  std::vector<owned> tasks(4);
  for (std::size_t i = 0; !over; i = (i + 1) % tasks.size()) {
    tasks[i].destroy();
    tasks[i] = not_for_me(e);
    if (i == 0) std::this_thread::yield();
  }
  notifier.join();
  blocked.join();
  for (auto& t : tasks) t.destroy();
  EXPECT_EQ(e.waiters(), 0u);
}

// ---------------------------------------------------------------------------------------------
// Condition
// ---------------------------------------------------------------------------------------------

TEST_P(CppCondition, WaitsForAPredicate) {
  condition_variable_any changed(GetParam());
  std::mutex mutex;
  int value = 0;
  std::thread waiter([&] {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return value == 2; });
    EXPECT_TRUE(lock.owns_lock());
    value = 3;
  });
  until_waiting(changed, 1);
  for (const int next : {1, 2}) {
    {
      const std::lock_guard lock(mutex);
      value = next;
    }
    changed.notify_one();
    if (next == 1) until_waiting(changed, 1);
  }
  waiter.join();
  EXPECT_EQ(value, 3);
  EXPECT_EQ(changed.waiters(), 0u);
}

TEST_P(CppCondition, WhoeverHasTheLockFindsTheWaiterQueued) {
  condition_variable_any changed(GetParam());
  std::mutex mutex;
  afflux_test::latch locked(1);
  std::thread waiter([&] {
    std::unique_lock lock(mutex);
    locked.count_down();
    changed.wait(lock);
  });
  locked.wait();
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(changed.waiters(), 1u);
    changed.notify_one();  // with the lock held
  }
  waiter.join();
}

TEST_P(CppCondition, NotifyOneWakesInOrder) {
  condition_variable_any changed(GetParam());
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::thread> waiters;
  afflux_test::counting_semaphore woken(0);
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back([&, i] {
      std::unique_lock lock(mutex);
      changed.wait(lock);
      order.push_back(i);
      woken.release();
    });
    until_waiting(changed, static_cast<std::uint64_t>(i) + 1);
  }
  for (int i = 0; i < 3; ++i) {
    changed.notify_one();
    woken.acquire();
  }
  for (auto& t : waiters) t.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST_P(CppCondition, WorksWithSharedLocks) {
  condition_variable_any changed(GetParam());
  std::shared_mutex mutex;
  bool ready = false;
  afflux_test::latch both_wait(2);
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      std::shared_lock lock(mutex);
      both_wait.arrive_and_wait();  // both hold the lock here
      changed.wait(lock, [&] { return ready; });
      EXPECT_TRUE(lock.owns_lock());
    });
  }
  both_wait.wait();
  {
    const std::unique_lock lock(mutex);  // both have let go of it, and so wait
    EXPECT_EQ(changed.waiters(), 2u);
    ready = true;
  }
  changed.notify_all();
  for (auto& t : readers) t.join();
}

/// No more than a BasicLockable has to have.
class plain_lock {
 public:
  void lock() {
    busy_.acquire();
    ++locked;
  }
  void unlock() {
    ++unlocked;
    busy_.release();
  }

  int locked = 0;  // both guarded by the lock
  int unlocked = 0;

 private:
  afflux_test::counting_semaphore busy_{1};
};

TEST_P(CppCondition, WorksWithAHomeMadeLock) {
  condition_variable_any changed(GetParam());
  plain_lock lock;
  bool ready = false;
  std::thread waiter([&] {
    lock.lock();
    changed.wait(lock, [&] { return ready; });
    EXPECT_EQ(lock.locked, lock.unlocked + 1);
    lock.unlock();
  });
  until_waiting(changed, 1);
  lock.lock();
  ready = true;
  lock.unlock();
  changed.notify_all();
  waiter.join();
  EXPECT_EQ(lock.locked, lock.unlocked);
}

TEST_P(CppCondition, TimesOutWithTheLockHeld) {
  condition_variable_any changed(GetParam());
  std::mutex mutex;
  std::unique_lock lock(mutex);
  const auto never = [] { return false; };
  auto begin = std::chrono::steady_clock::now();
  const auto took = [&begin] {
    const auto now = std::chrono::steady_clock::now();
    return now - std::exchange(begin, now);
  };
  changed.notify_all();  // is not remembered
  EXPECT_EQ(changed.wait_for(lock, 2ms), std::cv_status::timeout);
  EXPECT_GE(took(), 2ms);
  EXPECT_FALSE(changed.wait_for(lock, 2ms, never));
  EXPECT_GE(took(), 2ms);
  EXPECT_EQ(changed.wait_until(lock, begin + 2ms), std::cv_status::timeout);
  EXPECT_GE(took(), 2ms);
  EXPECT_FALSE(changed.wait_until(lock, begin + 2ms, never));
  EXPECT_GE(took(), 2ms);
  EXPECT_EQ(changed.wait_until(lock, std::chrono::system_clock::now() - 1h),
            std::cv_status::timeout);
  EXPECT_EQ(changed.wait_for(lock, 0s), std::cv_status::timeout);
  EXPECT_EQ(changed.wait_for(lock, -1h), std::cv_status::timeout);
  EXPECT_TRUE(lock.owns_lock());
  EXPECT_EQ(changed.waiters(), 0u);
}

TEST_P(CppCondition, PredicateDecidesBeforeTheTimeDoes) {
  condition_variable_any changed(GetParam());
  std::mutex mutex;
  std::unique_lock lock(mutex);
  const auto holds = [] { return true; };
  EXPECT_TRUE(changed.wait_for(lock, 0s, holds));
  EXPECT_TRUE(changed.wait_until(lock, std::chrono::steady_clock::time_point::min(), holds));
  // True only after the time has run out: asked once more then.
  int asked = 0;
  EXPECT_TRUE(changed.wait_for(lock, 1ms, [&] { return ++asked == 2; }));
  EXPECT_EQ(asked, 2);
}

TEST_P(CppCondition, NotifiedBeforeALongDeadline) {
  condition_variable_any changed(GetParam());
  std::mutex mutex;
  for (const bool at_most : {false, true}) {
    bool ready = false;
    std::thread waiter([&] {
      std::unique_lock lock(mutex);
      EXPECT_TRUE(at_most ? changed.wait_for(lock, std::chrono::hours::max(), [&] { return ready; })
                          : changed.wait_until(lock, std::chrono::system_clock::time_point::max(),
                                               [&] { return ready; }));
    });
    until_waiting(changed, 1);
    {
      const std::lock_guard lock(mutex);
      ready = true;
    }
    changed.notify_one();
    waiter.join();
  }
}

TEST_P(CppCondition, PollingLetsOthersHaveTheLock) {
  condition_variable_any changed(GetParam());
  std::mutex mutex;
  bool ready = false;
  std::unique_lock lock(mutex);
  std::thread setter([&] {
    const std::lock_guard other(mutex);
    ready = true;
  });
  while (!ready) changed.wait_for(lock, 0s);
  setter.join();
}

TEST_P(CppCondition, CoroutinesThatWaitForTheirTurnRunWithoutTheLock) {
  // The first blocks its thread for what the second, completed on the same thread, has yet to do.
  condition_variable_any changed(GetParam());
  std::mutex mutex;
  bool ready = false;
  const event go(reset::automatic, GetParam());
  const auto first = [&]() -> owned {
    co_await go.wait();
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ready; });
  };
  const auto second = [&]() -> owned {
    co_await go.wait();
    const std::lock_guard lock(mutex);
    ready = true;
    changed.notify_one();
  };
  const owned a = first();
  const owned b = second();
  EXPECT_EQ(go.notify_all(), status::ok);
  EXPECT_TRUE(ready);
}

TEST_P(CppCondition, PassesEveryItemOn) {
  constexpr int kItems = kSanitized ? 2000 : 20000;
  condition_variable_any not_empty(GetParam());
  condition_variable_any not_full(GetParam());
  std::mutex mutex;
  int stored = 0;
  std::int64_t taken = 0;
  const auto produce = [&] {
    for (int i = 0; i < kItems; ++i) {
      std::unique_lock lock(mutex);
      not_full.wait(lock, [&] { return stored < 2; });
      ++stored;
      lock.unlock();
      not_empty.notify_one();
    }
  };
  const auto consume = [&] {
    for (int i = 0; i < kItems; ++i) {
      std::unique_lock lock(mutex);
      not_empty.wait(lock, [&] { return stored > 0; });
      --stored;
      ++taken;
      lock.unlock();
      not_full.notify_one();
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back(produce);
    threads.emplace_back(consume);
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(stored, 0);
  EXPECT_EQ(taken, 2 * kItems);
}

// ---------------------------------------------------------------------------------------------
// Waiter queue
// ---------------------------------------------------------------------------------------------

const auto kNever = [] { return false; };

TEST_P(CppWaitQueue, DoesNotWaitWhereTheConditionHolds) {
  const wait_queue q(GetParam());
  int asked = 0;
  outcome out;
  // Move-only, too.
  const owned task = note(q.wait_unless([&asked, one = std::make_unique<int>(1)] {
    asked += *one;
    return true;
  }),
                          out);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(q.waiters(), 0u);
}

TEST_P(CppWaitQueue, NothingHappensBeforeTheAwait) {
  const wait_queue q(GetParam());
  int asked = 0;
  {
    [[maybe_unused]] const auto op = q.wait_unless([&] { return ++asked != 0; });
  }
  EXPECT_EQ(asked, 0);
}

TEST_P(CppWaitQueue, WakesInOrderAndCounts) {
  const wait_queue q(GetParam());
  EXPECT_EQ(q.wake_one(), status::again);
  EXPECT_EQ(q.wake_n(3), 0u);
  EXPECT_EQ(q.wake_all(), status::ok);
  std::vector<outcome> out(6);
  std::vector<owned> tasks;
  for (auto& o : out) tasks.push_back(note(q.wait_unless(kNever), o));
  EXPECT_EQ(q.waiters(), 6u);
  const auto woken = [&out] {
    std::size_t n = 0;
    for (const outcome& o : out) n += o.result == status::ok ? 1u : 0u;
    return n;
  };
  EXPECT_EQ(q.wake_one(), status::ok);
  EXPECT_EQ(out[0].result, status::ok);
  EXPECT_EQ(woken(), 1u);
  EXPECT_EQ(q.wake_n(2), 2u);
  EXPECT_EQ(out[2].result, status::ok);
  EXPECT_EQ(woken(), 3u);
  EXPECT_EQ(q.wake_n(0), 0u);
  EXPECT_EQ(q.wake_all(), status::ok);
  EXPECT_EQ(woken(), 6u);
}

TEST_P(CppWaitQueue, AWakeDuringTheQuestionIsNotMissed) {
  const wait_queue q(GetParam());
  outcome out;
  const owned task = note(q.wait_unless([&q] {
    // What the wake was for came too late for this answer.
    std::thread([&q] { EXPECT_EQ(q.wake_one(), status::ok); }).join();
    return false;
  }),
                          out);
  EXPECT_EQ(out.result, status::ok);
}

TEST_P(CppWaitQueue, AWakeThatIsNotNeededGoesToTheNext) {
  const wait_queue q(GetParam());
  outcome first;
  outcome second;
  owned other;
  const owned task = note(q.wait_unless([&] {
    other = note(q.wait_unless(kNever), second);
    std::thread([&q] { EXPECT_EQ(q.wake_one(), status::ok); }).join();
    return true;
  }),
                          first);
  EXPECT_EQ(first.result, status::ok);
  EXPECT_EQ(second.result, status::ok);
}

TEST_P(CppWaitQueue, TimesOutAndCloses) {
  outcome none;
  outcome late;
  outcome closed;
  owned first;
  owned last;
  {
    const wait_queue q(GetParam());
    afflux_test::latch done(1);
    first = note(q.wait_unless(kNever).within(0s), none);
    note_and_count(q.wait_unless(kNever).within(2ms), late, done);
    last = note(q.wait_unless(kNever).until(std::chrono::steady_clock::now() + 1h), closed);
    done.wait();
    EXPECT_EQ(q.waiters(), 1u);
  }
  EXPECT_EQ(none.result, status::again);
  EXPECT_EQ(late.result, status::timed_out);
  EXPECT_EQ(closed.result, status::closed);
}

TEST_P(CppWaitQueue, DestroyedWhileWaitingTakesNoWake) {  // D1
  const wait_queue q(GetParam());
  outcome first;
  outcome second;
  owned victim = note(q.wait_unless(kNever), first);
  const owned other = note(q.wait_unless(kNever), second);
  victim.destroy();
  EXPECT_EQ(q.wake_one(), status::ok);
  EXPECT_EQ(second.result, status::ok);
  EXPECT_EQ(q.wake_one(), status::again);
}

TEST_P(CppWaitQueue, DestroyedAfterTheHandOverPassesTheWakeOn) {  // D5
  const wait_queue q(GetParam());
  int handed = 0;
  outcome first;
  outcome second;
  owned victim = note(q.wait_unless(kNever).resume_on(drop{&handed}), first);
  const owned other = note(q.wait_unless(kNever), second);
  EXPECT_EQ(q.wake_one(), status::ok);
  EXPECT_EQ(handed, 1);
  EXPECT_FALSE(second.result);
  victim.destroy();
  EXPECT_EQ(second.result, status::ok);
}

TEST(CppWaitQueueOwner, MovesSwapsAndOwnsAHandle) {
  afflux_queue* handle = nullptr;
  ASSERT_EQ(afflux_queue_create(AFFLUX_QUEUE_AUTO, &handle), AFFLUX_OK);
  wait_queue a = wait_queue::from_handle(handle);
  status made = status::invalid;
  wait_queue b = wait_queue::create(queue_strategy::automatic, made);
  EXPECT_EQ(made, status::ok);
  swap(a, b);
  EXPECT_EQ(b.handle(), handle);
  outcome out;
  const owned task = note(b.wait_unless(kNever), out);
  a = std::move(b);
  EXPECT_FALSE(b);  // NOLINT(bugprone-use-after-move): that is the promise
  EXPECT_FALSE(out.result);
  EXPECT_EQ(afflux_queue_wake_one(handle), AFFLUX_OK);
  EXPECT_EQ(out.result, status::ok);
  EXPECT_FALSE(wait_queue::from_handle(nullptr));
}

TEST_P(CppWaitQueue, IsEnoughForALock) {
  constexpr int kTurns = kSanitized ? 500 : 5000;
  struct shared {
    explicit shared(queue_strategy s) : waiting(s) {}
    wait_queue waiting;
    std::atomic<bool> locked{false};
    std::int64_t value = 0;  // guarded by the lock
    afflux_test::latch done{4};
  };
  shared all(GetParam());
  const auto task = [](shared& s) -> fire_and_forget {
    for (int i = 0; i < kTurns; ++i) {
      const auto try_lock = [&s] { return !s.locked.exchange(true); };
      bool mine = try_lock();
      while (!mine) co_await s.waiting.wait_unless([&] { return mine = try_lock(); });
      ++s.value;
      s.locked = false;
      s.waiting.wake_one();
    }
    s.done.count_down();
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { task(all); });
  for (auto& t : threads) t.join();
  all.done.wait();
  EXPECT_EQ(all.value, 4 * kTurns);
  EXPECT_EQ(all.waiting.waiters(), 0u);
}

}  // namespace
