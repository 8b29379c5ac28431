// SPDX-License-Identifier: MIT OR Apache-2.0
//
// No call is a cancellation point. A thread with a pending pthread_cancel() (deferred, as is the
// default) goes through every call that asks the system for something: the call ends as it does
// otherwise, and the thread ends at the first cancellation point of its own after it. A call that
// were one would end the thread half-way, or the process, for nothing unwinds through the library.
#include <afflux/afflux.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

#ifdef __linux__
#  include <linux/io_uring.h>
#  include <sys/syscall.h>
#  include <unistd.h>
#endif

#include "support/build_kind.h"
#include "support/forked_threads.h"
#include "support/in_child.h"
#include "support/per_queue.h"
#include "support/port.h"
#include "support/recorder.h"

namespace afflux_test {
namespace {

// A thread that has been cancelled before it begins `body`, which must hold no cancellation point.
class doomed {
 public:
  explicit doomed(std::function<void()> body) : body_(std::move(body)) {
    EXPECT_EQ(pthread_create(&thread_, nullptr, &doomed::run, this), 0);
  }
  doomed(const doomed&) = delete;
  doomed& operator=(const doomed&) = delete;
  ~doomed() { join(); }

  // Whether the body ended, and the cancel came into effect only after it.
  bool join() {
    if (!joined_) pthread_join(thread_, &result_);
    joined_ = true;
    return body_ended_.load(std::memory_order_acquire) && result_ == PTHREAD_CANCELED;
  }

 private:
  static void* run(void* argument) {
    auto* const self = static_cast<doomed*>(argument);
    pthread_cancel(pthread_self());
    self->body_();
    self->body_ended_.store(true, std::memory_order_release);
    pthread_testcancel();
    return nullptr;
  }

  const std::function<void()> body_;
  std::atomic<bool> body_ended_{false};
  pthread_t thread_{};
  void* result_ = nullptr;
  bool joined_ = false;
};

bool survives(std::function<void()> body) { return doomed(std::move(body)).join(); }

// A child of fork() with threads of its own. The thread sanitizer may take the first of them for
// the parent's watchdog, whose stack it gets ("dup thread with used id").
#define AFFLUX_CANCELS_IN_CHILD()   \
  AFFLUX_STARTS_THREADS_IN_CHILD(); \
  if (AFFLUX_TEST_TSAN)             \
  GTEST_SKIP() << "the thread sanitizer mixes up the threads of parent and child"

// ---- ports

class PortThreadCancel : public per_port {};

TEST_P(PortThreadCancel, AReleaseRingsASleepingLoop) {
  const sem_guard sem(options(2));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, 2);
  EXPECT_TRUE(survives([&] { EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK); }));
  EXPECT_TRUE(port.shows());
  EXPECT_EQ(user_data_of(port.drain_all()), numbers_to(2));
}

TEST_P(PortThreadCancel, ALoopDrainsAndSilences) {
  const sem_guard sem(options(2));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, 2);
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  afflux_completion done[4];
  EXPECT_TRUE(survives([&] {
    EXPECT_EQ(afflux_port_drain(port, done, 4), 2u);
    EXPECT_EQ(afflux_port_drain(port, done + 2, 2), 0u);
  }));
  if (port.by_level()) {
    EXPECT_FALSE(port.shows());
  }
}

INSTANTIATE_TEST_SUITE_P(Each, PortThreadCancel, port_kinds(), port_variant_name);

// Also those kinds that no loop here can hear.
void expect_whole_life(const afflux_port_options& options) {
  EXPECT_TRUE(survives([&] {
    afflux_sem_options of_one;
    afflux_sem_options_init(&of_one);
    of_one.permits = 1;
    afflux_sem* sem = nullptr;
    EXPECT_EQ(afflux_sem_create(&of_one, &sem), AFFLUX_OK);
    afflux_port* port = nullptr;
    EXPECT_EQ(afflux_port_create(&options, &port), AFFLUX_OK);
    EXPECT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    ported p(port, 3);
    EXPECT_EQ(p.start(sem), AFFLUX_PENDING);
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    afflux_completion done{};
    EXPECT_EQ(afflux_port_drain(port, &done, 1), 1u);
    EXPECT_EQ(done.user_data, 3u);
    EXPECT_EQ(afflux_port_drain(port, &done, 1), 0u);
    EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
    afflux_port_unref(port);
    afflux_sem_unref(sem);
  }));
}

TEST(PortThreadCancelLife, OfEveryKind) {
  for (const std::uint32_t kind :
       {AFFLUX_PORT_EVENTFD, AFFLUX_PORT_URING, AFFLUX_PORT_CALLBACK, AFFLUX_PORT_PIPE}) {
    if (!offered(kind)) continue;
    SCOPED_TRACE(kind_name(kind));
    afflux_port_options options;
    afflux_port_options_init(&options);
    options.kind = kind;
    if (kind == AFFLUX_PORT_CALLBACK) options.doorbell = [](void*) {};
    expect_whole_life(options);
  }
}

#ifdef __linux__

TEST(PortThreadCancelLife, OfMessagesToARing) {
  constexpr long kSetup = 425;  // io_uring_setup(), which older headers do not name
  io_uring_params parameters{};
  const auto ring = static_cast<int>(syscall(kSetup, 8U, &parameters));
  if (ring < 0) GTEST_SKIP() << "no io_uring here";
  afflux_port_options options;
  afflux_port_options_init(&options);
  options.kind = AFFLUX_PORT_URING;
  options.flags = AFFLUX_PORT_MSG_RING;
  options.handle = ring;
  if (offered(AFFLUX_PORT_URING)) expect_whole_life(options);
  close(ring);
}

// Asked once in each process.
TEST(PortThreadCancelLife, TheFeaturesOfTheKernelAreAskedFor) {
  AFFLUX_CANCELS_IN_CHILD();
  expect_in_child([](child_checks& checks) {
    CHILD_EXPECT(checks, survives([] { afflux_uring_features(); }));
  });
}

#endif

// ---- threads that block

class ThreadCancel : public per_queue {};

constexpr std::int64_t kHour = 3600 * 1000 * kMillisecond;

TEST_P(ThreadCancel, AnAcquireSleepsAndIsGranted) {
  for (const std::int64_t timeout : {std::int64_t{AFFLUX_FOREVER}, kHour}) {
    const sem_guard sem(options(1));
    ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
    doomed waits([&] { EXPECT_EQ(afflux_sem_acquire(sem, 1, timeout), AFFLUX_OK); });
    await_waiters(sem, 1);
    pass_time(kMillisecond);  // most likely it sleeps by now
    EXPECT_TRUE(survives([&] { EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK); }));
    EXPECT_TRUE(waits.join());
    EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    expect_all_free(sem, 1);
  }
}

TEST_P(ThreadCancel, AnAcquireRunsOutOfTime) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(
      survives([&] { EXPECT_EQ(afflux_sem_acquire(sem, 1, kMillisecond), AFFLUX_ETIMEDOUT); }));
  EXPECT_EQ(afflux_sem_waiters(sem), 0u);
}

TEST_P(ThreadCancel, AWaitForAnEventIsNotified) {
  afflux_event* event = nullptr;
  ASSERT_EQ(afflux_event_create(0, GetParam(), &event), AFFLUX_OK);
  doomed waits([&] { EXPECT_EQ(afflux_event_wait(event, AFFLUX_FOREVER), AFFLUX_OK); });
  await([&] { return afflux_event_waiters(event) == 1; });
  pass_time(kMillisecond);
  EXPECT_TRUE(survives([&] { EXPECT_EQ(afflux_event_notify_one(event), AFFLUX_OK); }));
  EXPECT_TRUE(waits.join());
  EXPECT_EQ(afflux_event_is_set(event), 0);
  EXPECT_TRUE(
      survives([&] { EXPECT_EQ(afflux_event_wait(event, kMillisecond), AFFLUX_ETIMEDOUT); }));
  afflux_event_unref(event);
}

TEST_P(ThreadCancel, AWaitForAConditionIsNotified) {
  afflux_cond* cond = nullptr;
  ASSERT_EQ(afflux_cond_create(GetParam(), &cond), AFFLUX_OK);
  std::mutex mutex;
  constexpr auto kLock = [](void* m) { static_cast<std::mutex*>(m)->lock(); };
  constexpr auto kUnlock = [](void* m) { static_cast<std::mutex*>(m)->unlock(); };
  doomed waits([&] {
    mutex.lock();
    EXPECT_EQ(afflux_cond_wait(cond, kLock, kUnlock, &mutex, AFFLUX_FOREVER), AFFLUX_OK);
    mutex.unlock();
  });
  await([&] { return afflux_cond_waiters(cond) == 1; });
  pass_time(kMillisecond);
  EXPECT_TRUE(survives([&] { EXPECT_EQ(afflux_cond_notify_one(cond), AFFLUX_OK); }));
  EXPECT_TRUE(waits.join());
  afflux_cond_unref(cond);
}

// The first time limit of a process starts the timer's thread; of the thread that starts it that
// thread inherits nothing that would end it.
TEST_P(ThreadCancel, AFirstTimeLimitStartsTheTimer) {
  AFFLUX_CANCELS_IN_CHILD();
  expect_in_child([](child_checks& checks) {
    const sem_guard sem(options(1));
    CHILD_EXPECT(checks, afflux_sem_try_acquire(sem, 1) == AFFLUX_OK);
    pending first, second;
    first.request.timeout_ns = second.request.timeout_ns = kMillisecond;
    CHILD_EXPECT(checks, survives([&] { first.start(sem); }));
    await([&] { return first.completed_once_with(AFFLUX_ETIMEDOUT); });
    CHILD_EXPECT(checks, second.start(sem) == AFFLUX_PENDING);
    await([&] { return second.completed_once_with(AFFLUX_ETIMEDOUT); });
  });
}

INSTANTIATE_TEST_SUITE_P(Each, ThreadCancel, all_queues(), queue_name);

}  // namespace
}  // namespace afflux_test
