// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports in trouble, each with its stated outcome:
//
//   closed with requests or completions on their way   EBUSY, nothing changed
//   last unref with requests pending     the doorbell lives until the last of them has ended;
//                                        what completed is lost, sem_held tells
//   the loop's thread is gone            any other thread drains on
//   the doorbell's counter or pipe full  no hang, it shows, the next sleep is rung
//   fork                                 the child's EVENTFD is its own, the parent's goes on
//   unref by the loop, completer still there   no touch of freed memory (the sanitizers look)
//   no descriptors                       EOS, last_os_error EMFILE; CALLBACK needs none
//
// What io_uring may be refused is c_port_refused_test's.
#include <afflux/afflux.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

#ifdef __linux__
#  include <sys/epoll.h>
#endif

#include "support/build_kind.h"
#include "support/forked_threads.h"
#include "support/in_child.h"
#include "support/port.h"
#include "support/recorder.h"

namespace afflux_test {
namespace {

class PortFault : public per_port {};
class PortKindFault : public per_port {};

bool is_open(std::intptr_t descriptor) { return fcntl(static_cast<int>(descriptor), F_GETFD) >= 0; }

TEST_P(PortFault, CloseWithAnythingOnItsWayIsBusyAndChangesNothing) {
  const sem_guard sem(options(2));
  port_guard port(kind());
  ported a(port, 0), b(port, 1), c(port, 2);
  ASSERT_EQ(a.start(full(sem)), AFFLUX_PENDING);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_EBUSY);
  ASSERT_EQ(b.start(sem), AFFLUX_PENDING);  // it is as open as before
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_EQ(afflux_port_pending(port), 0u);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_EBUSY);  // ready
  EXPECT_EQ(port.drain(1).size(), 1u);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_EBUSY);  // taken, not drained
  EXPECT_EQ(port.drain(1).size(), 1u);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
  EXPECT_EQ(c.start(sem), AFFLUX_ECLOSED);
}

TEST_P(PortFault, TheLastUnrefLeavesRequestsToEndByThemselves) {
  const sem_guard sem(options(3));
  port_guard made(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), made, 3);
  const std::intptr_t handle = made.handle();
  const bool polled = made.by_level();
  afflux_port_unref(made.give());
  // One completes, one is cancelled, the last one ends with the semaphore.
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_held(sem), 3u);  // granted to somebody who cannot be told
  EXPECT_EQ(waiting[1].cancel(), AFFLUX_OK);
  EXPECT_EQ(is_open(handle), polled);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  if (polled) {
    EXPECT_FALSE(is_open(handle));
  }
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);  // anybody may
}

TEST_P(PortFault, TheLastUnrefForgetsWhatIsReady) {
  const sem_guard sem(options(3));
  port_guard made(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), made, 3);
  EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
  EXPECT_EQ(made.drain(1).size(), 1u);
  const std::intptr_t handle = made.handle();
  const bool polled = made.by_level();
  afflux_port_unref(made.give());
  if (polled) {
    EXPECT_FALSE(is_open(handle));
  }
  EXPECT_EQ(afflux_sem_held(sem), 3u);
}

TEST_P(PortFault, AnotherThreadDrainsForALoopThatIsGone) {
  const sem_guard sem(options(5));
  port_guard port(kind());
  std::deque<ported> waiting;
  full(sem);
  std::thread([&] {
    queue_up(waiting, sem, port, 5);
    EXPECT_EQ(afflux_sem_release(sem, 3), AFFLUX_OK);
    EXPECT_EQ(port.drain(1).size(), 1u);
  }).join();
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(user_data_of(port.drain_all()), numbers_to(4, 1));
  EXPECT_EQ(waiting[4].cancel(), AFFLUX_OK);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
}

// A completion in hand, the loop drops the port, while its thread may still be on its way to ring.
TEST_P(PortFault, TheLoopUnrefsWhileOthersAreStillRinging) {
  constexpr int kRounds = kSanitized ? 3000 : 20000;
  const sem_guard sem(options(1));
  std::atomic<int> begun{0};
  full(sem);
  std::thread releaser([&] {
    for (int i = 1; i <= kRounds; ++i) {
      await([&] { return begun.load(std::memory_order_acquire) == i; });
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
  });
  // One function for all, whose context outlives every port.
  std::atomic<std::uint64_t> rings{0};
  afflux_port_options o;
  afflux_port_options_init(&o);
  o.kind = kind();
  if (kind() == AFFLUX_PORT_CALLBACK) {
    o.doorbell = [](void* ctx) { static_cast<std::atomic<std::uint64_t>*>(ctx)->fetch_add(1); };
    o.ctx = &rings;
  }
  for (int i = 1; i <= kRounds; ++i) {
    afflux_port* port = nullptr;
    ASSERT_EQ(afflux_port_create(&o, &port), AFFLUX_OK);
    std::optional<ported> p(std::in_place, port);
    ASSERT_EQ(p->start(sem), AFFLUX_PENDING);
    begun.store(i, std::memory_order_release);
    afflux_completion done;
    await([&] { return afflux_port_drain(port, &done, 1) == 1; });
    p.reset();  // its memory is free
    afflux_port_unref(port);
  }
  releaser.join();
}

// ---- by kind

TEST_P(PortKindFault, AFullDoorbellNeitherHangsNorGoesSilent) {
  if (kind() == AFFLUX_PORT_CALLBACK) GTEST_SKIP() << "nothing to fill";
  const sem_guard sem(options(2));
  port_guard port(kind());
  std::deque<ported> waiting;
  queue_up(waiting, full(sem), port, 2);
  const auto handle = static_cast<int>(port.handle());
  if (kind() == AFFLUX_PORT_EVENTFD) {
    const std::uint64_t most = ~std::uint64_t{0} - 1;
    ASSERT_EQ(write(handle, &most, sizeof most), static_cast<ssize_t>(sizeof most));
  } else {
    const std::string path = "/proc/self/fd/" + std::to_string(handle);
    const int other_end = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (other_end < 0) GTEST_SKIP() << "the pipe cannot be filled without /proc";
    const char bytes[1024] = {};
    while (write(other_end, bytes, sizeof bytes) > 0) {
    }
    while (write(other_end, bytes, 1) > 0) {
    }
    ASSERT_EQ(errno, EAGAIN);
    close(other_end);
  }
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(readable(handle));
  EXPECT_EQ(port.drain_all().size(), 1u);
  EXPECT_FALSE(readable(handle));
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_TRUE(readable(handle));
  EXPECT_EQ(port.drain_all().size(), 1u);
}

TEST_P(PortKindFault, WithoutDescriptorsCreateAnswersEos) {
  expect_in_child([](child_checks& checks) {
    afflux_port_options o;
    afflux_port_options_init(&o);
    o.kind = kind();
    if (kind() == AFFLUX_PORT_CALLBACK) o.doorbell = [](void*) {};
    afflux_port* const untouched = reinterpret_cast<afflux_port*>(&o);
    afflux_port* port = untouched;
    const int next = dup(0);
    close(next);
    const rlimit none{static_cast<rlim_t>(next), static_cast<rlim_t>(next)};
    CHILD_EXPECT(checks, setrlimit(RLIMIT_NOFILE, &none) == 0);
    const afflux_status answer = afflux_port_create(&o, &port);
    if (kind() == AFFLUX_PORT_CALLBACK) {
      CHILD_EXPECT(checks, answer == AFFLUX_OK);
      afflux_port_unref(port);
    } else {
      CHILD_EXPECT(checks, answer == AFFLUX_EOS);
      CHILD_EXPECT(checks, afflux_last_os_error() == EMFILE);
      CHILD_EXPECT(checks, port == untouched);
    }
  });
}

// ---- fork

#ifdef __linux__

// The child and its parent take turns by two pipes.
class turns {
 public:
  turns() { EXPECT_TRUE(pipe(to_child_) == 0 && pipe(to_parent_) == 0); }
  ~turns() {
    for (const int end : {to_child_[0], to_child_[1], to_parent_[0], to_parent_[1]}) close(end);
  }
  turns(const turns&) = delete;
  turns& operator=(const turns&) = delete;
  void child_is_done() { EXPECT_EQ(write(to_parent_[1], "", 1), 1); }
  void parent_is_done() { EXPECT_EQ(write(to_child_[1], "", 1), 1); }
  bool wait_for_child() { return take(to_parent_[0]); }
  bool wait_for_parent() { return take(to_child_[0]); }

 private:
  static bool take(int end) {
    char byte;
    return read(end, &byte, 1) == 1;
  }
  int to_child_[2];
  int to_parent_[2];
};

TEST(PortFork, TheChildsEventfdIsItsOwnAndTheParentsGoesOn) {
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  o.permits = 2;
  const sem_guard sem(o);
  port_guard port(AFFLUX_PORT_EVENTFD);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
  std::deque<ported> waiting;
  queue_up(waiting, sem, port, 2);
  turns turn;
  const auto handle = port.handle();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(120);
    child_checks checks;
    CHILD_EXPECT(checks, afflux_sem_release(sem, 1) == AFFLUX_OK);
    CHILD_EXPECT(checks, afflux_port_handle(port) == handle);
    CHILD_EXPECT(checks, readable(handle));
    CHILD_EXPECT(checks, port.drain_all().size() == 1);
    CHILD_EXPECT(checks, !readable(handle));
    turn.child_is_done();
    CHILD_EXPECT(checks, turn.wait_for_parent());
    // The parent has rung its own.
    CHILD_EXPECT(checks, !readable(handle));
    CHILD_EXPECT(checks, afflux_sem_release(sem, 1) == AFFLUX_OK);
    CHILD_EXPECT(checks, port.drain_all().size() == 1);
    afflux_port_unref(port.give());
    turn.child_is_done();
    _exit(checks.code());
  }
  ASSERT_TRUE(turn.wait_for_child());
  EXPECT_EQ(port.rings(), 0u) << "the child has rung the parent";
  EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
  EXPECT_EQ(port.rings(), 1u);
  turn.parent_is_done();
  ASSERT_TRUE(turn.wait_for_child());
  EXPECT_EQ(port.rings(), 1u) << "the child has silenced or rung the parent";
  EXPECT_EQ(user_data_of(port.drain_all()), numbers_to(2));
  int how = 0;
  EXPECT_EQ(waitpid(child, &how, 0), child);
  EXPECT_TRUE(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

// "The child must poll it anew": what it is told to poll must be what rings, also when it asks
// before anything has rung.
TEST(PortFork, AChildThatPollsBeforeTheFirstRingHearsIt) {
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  const sem_guard sem(o);
  port_guard port(AFFLUX_PORT_EVENTFD);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ported p(port);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  expect_in_child([&](child_checks& checks) {
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    const auto handle = static_cast<int>(afflux_port_handle(port));
    CHILD_EXPECT(checks, epoll_ctl(epoll, EPOLL_CTL_ADD, handle, &wanted) == 0);
    CHILD_EXPECT(checks, afflux_sem_release(sem, 1) == AFFLUX_OK);
    epoll_event got{};
    CHILD_EXPECT(checks, epoll_wait(epoll, &got, 1, 0) == 1);
    CHILD_EXPECT(checks, port.drain_all().size() == 1);
    CHILD_EXPECT(checks, epoll_wait(epoll, &got, 1, 0) == 0);
  });
  EXPECT_EQ(port.rings(), 0u);
  EXPECT_EQ(p.cancel(), AFFLUX_OK);
}

// What was ready at the fork is so in both, and neither takes it from the other.
TEST(PortFork, WhatHasRungShowsInBoth) {
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  const sem_guard sem(o);
  port_guard port(AFFLUX_PORT_EVENTFD);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ported p(port);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  expect_in_child([&](child_checks& checks) {
    CHILD_EXPECT(checks, readable(port.handle()));
    CHILD_EXPECT(checks, port.drain_all().size() == 1);
    CHILD_EXPECT(checks, !readable(port.handle()));
  });
  EXPECT_EQ(port.rings(), 1u);
  EXPECT_EQ(port.drain_all().size(), 1u);
  EXPECT_EQ(port.rings(), 0u);
}

// A loop that drains and a thread that completes, both for the first time in the child.
TEST(PortFork, TwoThreadsOfTheChildLeaveTheParentsRingAlone) {
  AFFLUX_STARTS_THREADS_IN_CHILD();
  if (AFFLUX_TEST_TSAN != 0) GTEST_SKIP() << "ThreadSanitizer loses track of threads in a child";
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  o.permits = 2;
  for (int round = 0; round < 50; ++round) {
    const sem_guard sem(o);
    port_guard port(AFFLUX_PORT_EVENTFD);
    ASSERT_EQ(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
    std::deque<ported> waiting;
    queue_up(waiting, sem, port, 2);
    turns turn;
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(120);
      child_checks checks;
      CHILD_EXPECT(checks, turn.wait_for_parent());
      std::atomic<int> here{0};
      std::thread other([&] {
        for (++here; here < 2;) {
        }
        CHILD_EXPECT(checks, afflux_sem_release(sem, 1) == AFFLUX_OK);
      });
      for (++here; here < 2;) {
      }
      std::size_t taken = 0;
      while (taken == 0) taken = port.drain(2).size();
      other.join();
      afflux_port_unref(port.give());
      _exit(checks.code());
    }
    EXPECT_EQ(afflux_sem_release(sem, 2), AFFLUX_OK);
    turn.parent_is_done();
    int how = 0;
    EXPECT_EQ(waitpid(child, &how, 0), child);
    EXPECT_TRUE(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    EXPECT_EQ(port.rings(), 1u);
    EXPECT_EQ(port.drain_all().size(), 2u);
  }
}

#endif

INSTANTIATE_TEST_SUITE_P(Each, PortFault, all_port_variants(), port_variant_name);
INSTANTIATE_TEST_SUITE_P(Each, PortKindFault, port_kinds(), port_variant_name);

}  // namespace
}  // namespace afflux_test
