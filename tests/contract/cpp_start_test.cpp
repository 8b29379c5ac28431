// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Coroutines that are destroyed while their co_await is still beginning to wait: by another thread,
// or by a coroutine that this very beginning has completed (D1 ... D3, D7 of afflux.hpp, chapter
// 4).
#include <gtest/gtest.h>
#include <afflux/afflux.hpp>

#include <atomic>
#include <coroutine>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

namespace afflux_test {
namespace {

using afflux::permit;
using afflux::port;
using afflux::semaphore;
using afflux::status;
using afflux::wait_queue;

// Destroyed by its handle.
struct bare {
  struct promise_type {
    bare get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

// `co_await tell{h}`: here is my handle.
struct tell {
  std::coroutine_handle<>& to;

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> h) const noexcept {
    to = h;
    return false;
  }
  void await_resume() const noexcept {}
};

// ---- by a coroutine that the beginning has completed

// Five permits, three of them held; one may wait. The next request drops it and is granted.
semaphore crowded() {
  return semaphore({.permits = 5,
                    .queue = afflux::queue_strategy::mutex,
                    .overflow = afflux::overflow_policy::drop_oldest,
                    .max_waiters = 1});
}

struct story {
  std::coroutine_handle<> newcomer;
  std::coroutine_handle<> dropped;
  bool destroys = false;
  int step = 0;
  int dropped_at = 0;
  int resumed_at = 0;
};

bare is_dropped(const semaphore& sem, story& all) {
  co_await tell{all.dropped};
  const permit none = co_await sem.acquire(3);
  EXPECT_EQ(none.status(), status::rejected);
  all.dropped_at = ++all.step;
  if (all.destroys) all.newcomer.destroy();
}

template <class Awaitable>
bare comes(story& all, Awaitable wait) {
  co_await tell{all.newcomer};
  const permit got = co_await std::move(wait);
  EXPECT_EQ(got.status(), status::ok);
  all.resumed_at = ++all.step;
}

// Its grant is the call's own answer, or a completion within it. `then` runs behind that.
template <class How, class Then>
story newcomer_drops_one(bool destroys, How&& how, Then&& then) {
  const semaphore sem = crowded();
  const permit held = sem.try_acquire(3);
  story all;
  all.destroys = destroys;
  is_dropped(sem, all);
  EXPECT_EQ(sem.waiters(), 1u);
  comes(all, how(sem));
  then();
  EXPECT_EQ(sem.waiters(), 0u);
  EXPECT_EQ(sem.held(), 3u) << "the newcomer's permit has come back";
  all.dropped.destroy();
  if (!destroys) all.newcomer.destroy();
  return all;
}
template <class How, class Then>
void newcomer_is_second(bool destroys, How&& how, Then&& then) {
  const story all = newcomer_drops_one(destroys, how, then);
  EXPECT_EQ(all.dropped_at, 1);
  EXPECT_EQ(all.resumed_at, destroys ? 0 : 2);
}
void nothing_more() {}

TEST(CppStart, WhomItCompletesRunsFirst) {
  newcomer_is_second(
      false, [](const semaphore& sem) { return sem.acquire(); }, nothing_more);
}
TEST(CppStart, WhomItCompletesMayDestroyIt) {  // D3
  newcomer_is_second(
      true, [](const semaphore& sem) { return sem.acquire(); }, nothing_more);
}
// An executor is called as soon as its wait completes, and may resume there.
TEST(CppStart, WhomItCompletesMayDestroyItWithAnExecutor) {  // D3, D5
  const auto inline_executor = [](std::coroutine_handle<> h) { h.resume(); };
  const story all = newcomer_drops_one(
      true, [&](const semaphore& sem) { return sem.acquire().resume_on(inline_executor); },
      nothing_more);
  EXPECT_NE(all.dropped_at, 0);
  EXPECT_TRUE(all.resumed_at == 0 || all.resumed_at < all.dropped_at);
}
// One that can drop handles is told to, if the wait has come to it.
struct posting {
  std::vector<std::coroutine_handle<>>& posted;

  void operator()(std::coroutine_handle<> h) const { posted.push_back(h); }
  void discard(std::coroutine_handle<> h) const {
    EXPECT_EQ(std::erase(posted, h), 1u) << "it was not handed over";
  }
};
static_assert(afflux::discarding_executor<posting>);

TEST(CppStart, WhomItCompletesRunsFirstWithADiscardingExecutor) {  // D5
  for (const bool destroys : {false, true}) {
    std::vector<std::coroutine_handle<>> posted;
    newcomer_is_second(
        destroys, [&](const semaphore& sem) { return sem.acquire().resume_on(posting{posted}); },
        [&] {
          for (const std::coroutine_handle<> h : std::exchange(posted, {})) h.resume();
        });
  }
}
TEST(CppStart, WhomItCompletesMayDestroyItOnAPort) {  // D7
  port loop({.kind = afflux::port_kind::callback, .doorbell = [](void*) {}});
  for (const bool destroys : {true, false}) {
    newcomer_is_second(
        destroys, [&](const semaphore& sem) { return sem.acquire().resume_on(loop); },
        [&] { loop.run_ready(8); });
  }
}

// ---- by another thread

// The condition of wait_unless(): holds the beginning up until the destructor is on its way.
struct held_up {
  std::atomic<int>& stage;  // 1: asked, 2: it is about to be destroyed
  int longer;               // how long the destructor gets, in yields

  bool operator()() const noexcept {
    stage.store(1, std::memory_order_release);
    while (stage.load(std::memory_order_acquire) != 2) std::this_thread::yield();
    for (int i = 0; i < longer; ++i) std::this_thread::yield();
    return false;
  }
};

template <class Awaitable>
bare asks(std::coroutine_handle<>& me, Awaitable wait) {
  co_await tell{me};
  co_await std::move(wait);
  ADD_FAILURE() << "it was being destroyed";
}

// The destructor comes while the question is being asked, or just after it has been answered: it
// neither waits for a wake that does not come nor leaves anything in the queue.
template <class How>
void destroyed_while_asking(How&& how) {
  const wait_queue queue(afflux::queue_strategy::automatic);
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> stage{0};
    std::coroutine_handle<> asking;
    std::thread asker([&] {
      const held_up question{stage, round % 10};
      asks(asking, how(queue.wait_unless(question)));
    });
    while (stage.load(std::memory_order_acquire) != 1) std::this_thread::yield();
    stage.store(2, std::memory_order_release);
    asking.destroy();
    asker.join();
    EXPECT_EQ(queue.waiters(), 0u);
    EXPECT_EQ(queue.wake_one(), status::again);
  }
}

TEST(CppStart, AnotherThreadDestroysWhoStillAsks) {  // D1
  destroyed_while_asking([](auto wait) { return wait; });
}
TEST(CppStart, AnotherThreadDestroysWhoStillAsksWithAnExecutor) {  // D1
  destroyed_while_asking([](auto wait) {
    return std::move(wait).resume_on([](std::coroutine_handle<> h) { h.resume(); });
  });
}
TEST(CppStart, TheLoopDestroysWhoStillAsks) {  // D7
  port loop({.kind = afflux::port_kind::callback, .doorbell = [](void*) {}});
  destroyed_while_asking([&](auto wait) { return std::move(wait).resume_on(loop); });
  EXPECT_EQ(loop.close(), status::ok);
}

// On its way into the loop: enter() queues, and wakes itself.
bare enters(std::coroutine_handle<>& me, const port& loop) {
  co_await tell{me};
  (void)co_await loop.enter();
  ADD_FAILURE() << "run_ready() was not called";
}

TEST(CppStart, TheLoopDestroysWhoIsOnItsWay) {  // D7
  std::atomic<bool> rung{false};
  port loop({.kind = afflux::port_kind::callback,
             .doorbell =
                 [](void* ctx) {
                   static_cast<std::atomic<bool>*>(ctx)->store(true, std::memory_order_release);
                 },
             .ctx = &rung});
  for (int round = 0; round < 2'000; ++round) {
    std::coroutine_handle<> entering;
    std::thread thread([&] { enters(entering, loop); });
    // It has been completed, within its co_await, and may still be in there.
    while (!rung.load(std::memory_order_acquire)) std::this_thread::yield();
    for (int i = 0; i < round % 10; ++i) std::this_thread::yield();
    entering.destroy();
    thread.join();
    EXPECT_EQ(loop.run_ready(1), 0u);              // lets the loop sleep again
    rung.store(false, std::memory_order_relaxed);  // the next thread is started after it
  }
  EXPECT_EQ(loop.close(), status::ok);
}

}  // namespace
}  // namespace afflux_test
