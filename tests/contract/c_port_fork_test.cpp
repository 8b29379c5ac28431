// SPDX-License-Identifier: MIT OR Apache-2.0
//
// fork() with ports: the child's EVENTFD is its own, and the parent's goes on.
#include <afflux/afflux.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <thread>

#include "support/build_kind.h"
#include "support/forked_threads.h"
#include "support/in_child.h"
#include "support/port.h"

namespace afflux_test {
namespace {

class PortFork : public testing::Test {
 protected:
  void SetUp() override {
    if (!offered(AFFLUX_PORT_EVENTFD)) GTEST_SKIP() << "this build has no EVENTFD";
  }
};

// Requests that wait for `count` permits, all of them held, to complete in an EVENTFD.
struct waiting_port {
  explicit waiting_port(std::uint64_t count) : sem(of(count)), port(AFFLUX_PORT_EVENTFD) {
    EXPECT_EQ(afflux_sem_try_acquire(sem, count), AFFLUX_OK);
    queue_up(requests, sem, port, count);
  }
  static afflux_sem_options of(std::uint64_t count) {
    afflux_sem_options o;
    afflux_sem_options_init(&o);
    o.permits = count;
    return o;
  }

  const sem_guard sem;
  port_guard port;
  std::deque<ported> requests;
};

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

TEST_F(PortFork, TheChildsEventfdIsItsOwnAndTheParentsGoesOn) {
  waiting_port waiting(2);
  const sem_guard& sem = waiting.sem;
  port_guard& port = waiting.port;
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
TEST_F(PortFork, AChildThatPollsBeforeTheFirstRingHearsIt) {
  waiting_port waiting(1);
  const sem_guard& sem = waiting.sem;
  port_guard& port = waiting.port;
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
  EXPECT_EQ(waiting.requests.front().cancel(), AFFLUX_OK);
}

// What was ready at the fork is so in both, and neither takes it from the other.
TEST_F(PortFork, WhatHasRungShowsInBoth) {
  waiting_port waiting(1);
  const sem_guard& sem = waiting.sem;
  port_guard& port = waiting.port;
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

// A thread of the parent has put a completion in, and forks came before it rang: the counter is
// taken away here to have that moment.
TEST_F(PortFork, TheChildHearsWhatHadNotRungYet) {
  waiting_port waiting(2);
  const sem_guard& sem = waiting.sem;
  port_guard& port = waiting.port;
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  std::uint64_t count = 0;
  const auto handle = static_cast<int>(port.handle());
  ASSERT_EQ(read(handle, &count, sizeof count), static_cast<ssize_t>(sizeof count));
  expect_in_child([&](child_checks& checks) {
    CHILD_EXPECT(checks, readable(port.handle()));
    CHILD_EXPECT(checks, port.drain(2).size() == 1);
    CHILD_EXPECT(checks, afflux_sem_release(sem, 1) == AFFLUX_OK);
    CHILD_EXPECT(checks, readable(port.handle()));
    CHILD_EXPECT(checks, port.drain_all().size() == 1);
    CHILD_EXPECT(checks, !readable(port.handle()));
  });
  ASSERT_EQ(write(handle, &count, sizeof count), static_cast<ssize_t>(sizeof count));
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(port.drain_all().size(), 2u);
}

TEST_F(PortFork, AChildsFirstDrainSilencesWhatNobodyHasRung) {
  port_guard port(AFFLUX_PORT_EVENTFD);
  expect_in_child([&](child_checks& checks) {
    CHILD_EXPECT(checks, readable(port.handle()));
    CHILD_EXPECT(checks, port.drain(1).empty());
    CHILD_EXPECT(checks, !readable(port.handle()));
  });
  EXPECT_EQ(port.rings(), 0u);
}

// A loop that drains and a thread that completes, both for the first time in the child.
TEST_F(PortFork, TwoThreadsOfTheChildLeaveTheParentsRingAlone) {
  AFFLUX_STARTS_THREADS_IN_CHILD();
  if (AFFLUX_TEST_TSAN != 0) GTEST_SKIP() << "ThreadSanitizer loses track of threads in a child";
  for (int round = 0; round < 50; ++round) {
    waiting_port waiting(2);
    const sem_guard& sem = waiting.sem;
    port_guard& port = waiting.port;
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

}  // namespace
}  // namespace afflux_test
