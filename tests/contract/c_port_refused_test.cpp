// SPDX-License-Identifier: MIT OR Apache-2.0
//
// io_uring refused, wholly or in part. What the kernel allows is asked once in each process, so
// that each case has a child of its own, and the parent never asks.
//
//   no io_uring (ENOSYS, EPERM)   features 0; URING becomes EVENTFD, which works; entries and
//                                 waits for a ring answer ENOTSUP
//   no io_uring_register          neither messages nor waits for a futex: MSG_RING falls back to
//                                 the poll, and port_prep_uring() asks for it
//   no descriptors                EOS, as for the other kinds
#include <afflux/afflux.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/io_uring.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "support/in_child.h"
#include "support/port.h"
#include "support/seccomp.h"

namespace afflux_test {
namespace {

constexpr std::uint32_t kSetup = 425;
constexpr std::uint32_t kRegister = 427;

// -1: none.
int open_ring() {
  io_uring_params parameters{};
  return static_cast<int>(syscall(kSetup, 1U, &parameters));
}
bool rings_allowed() {
  const int ring = open_ring();
  if (ring >= 0) close(ring);
  return ring >= 0;
}
// Whether the build does; they come together, and this one asks no ring of anything.
bool has_uring() { return offered(AFFLUX_PORT_EVENTFD); }
// Whether a filter can be set at all.
bool filters_allowed() {
  bool allowed = false;
  const pid_t child = fork();
  if (child == 0) _exit(refuse_syscall(kSetup, ENOSYS) ? 0 : 1);
  int how = 0;
  if (child > 0 && waitpid(child, &how, 0) == child) allowed = WIFEXITED(how) && how == 0;
  return allowed;
}

afflux_port_options uring_options(std::uint32_t flags, std::intptr_t handle) {
  afflux_port_options o;
  afflux_port_options_init(&o);
  o.kind = AFFLUX_PORT_URING;
  o.flags = flags;
  o.handle = handle;
  o.user_data = 0x7e57;
  return o;
}

class PortRefused : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!has_uring()) GTEST_SKIP() << "this build has no URING";
    if (!filters_allowed()) GTEST_SKIP() << "seccomp filters are not allowed here";
  }
};

// The port works as an eventfd does.
void expect_eventfd(child_checks& checks, afflux_port* port) {
  CHILD_EXPECT(checks, afflux_port_kind(port) == AFFLUX_PORT_EVENTFD);
  io_uring_sqe entry;
  std::memset(&entry, 0x5a, sizeof entry);
  const io_uring_sqe before = entry;
  io_uring_cqe event{};
  event.user_data = 0x7e57;
  CHILD_EXPECT(checks, afflux_port_prep_uring(port, &entry) == AFFLUX_ENOTSUP);
  CHILD_EXPECT(checks, std::memcmp(&entry, &before, sizeof entry) == 0);
  CHILD_EXPECT(checks, afflux_port_check_uring(port, &event) == AFFLUX_EINVAL);
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  const sem_guard sem(o);
  ported p(port, 3);
  CHILD_EXPECT(checks, afflux_sem_try_acquire(sem, 1) == AFFLUX_OK);
  CHILD_EXPECT(checks, p.start(sem) == AFFLUX_PENDING);
  CHILD_EXPECT(checks, !readable(afflux_port_handle(port)));
  CHILD_EXPECT(checks, afflux_sem_release(sem, 1) == AFFLUX_OK);
  CHILD_EXPECT(checks, readable(afflux_port_handle(port)));
  afflux_completion done;
  CHILD_EXPECT(checks, afflux_port_drain(port, &done, 1) == 1 && done.user_data == 3);
  CHILD_EXPECT(checks, afflux_port_drain(port, &done, 1) == 0);
  CHILD_EXPECT(checks, !readable(afflux_port_handle(port)));
}

TEST_P(PortRefused, WithoutIoUringThePortIsAnEventfd) {
  expect_in_child([](child_checks& checks) {
    CHILD_EXPECT(checks, refuse_syscall(kSetup, GetParam()));
    CHILD_EXPECT(checks, afflux_uring_features() == 0);
    // Without MSG_RING the handle is ignored, whatever stands there.
    for (const std::intptr_t handle : std::array<std::intptr_t, 3>{-1, 0, 12345}) {
      const afflux_port_options o = uring_options(0, handle);
      afflux_port* port = nullptr;
      CHILD_EXPECT(checks, afflux_port_create(&o, &port) == AFFLUX_OK);
      expect_eventfd(checks, port);
      afflux_port_unref(port);
    }
  });
}

TEST_P(PortRefused, WithoutIoUringNothingWaitsForARing) {
  expect_in_child([](child_checks& checks) {
    CHILD_EXPECT(checks, refuse_syscall(kSetup, GetParam()));
    afflux_sem_options o;
    afflux_sem_options_init(&o);
    const sem_guard sem(o);
    CHILD_EXPECT(checks, afflux_sem_try_acquire(sem, 1) == AFFLUX_OK);
    afflux_request request;
    afflux_request_init(&request);
    request.flags = AFFLUX_WAIT_FOR_URING;
    afflux_waiter waiter{};
    const sem_state before = state_of(sem);
    CHILD_EXPECT(checks, afflux_sem_acquire_async(sem, &request, &waiter) == AFFLUX_ENOTSUP);
    CHILD_EXPECT(checks, state_of(sem) == before);
    CHILD_EXPECT(checks, afflux_waiter_cancel(&waiter) == AFFLUX_EALREADY);
  });
}

TEST_P(PortRefused, WithoutRegisterMessagesFallBackToThePoll) {
  if (!rings_allowed()) GTEST_SKIP() << "no io_uring here";
  expect_in_child([](child_checks& checks) {
    const int ring = open_ring();
    CHILD_EXPECT(checks, refuse_syscall(kRegister, GetParam()));
    const std::uint32_t features = afflux_uring_features();
    CHILD_EXPECT(checks, (features & AFFLUX_URING_RINGS) != 0);
    CHILD_EXPECT(checks, (features & (AFFLUX_URING_MSG_RING | AFFLUX_URING_FUTEX)) == 0);
    const afflux_port_options o = uring_options(AFFLUX_PORT_MSG_RING, ring);
    afflux_port* port = nullptr;
    CHILD_EXPECT(checks, afflux_port_create(&o, &port) == AFFLUX_OK);
    CHILD_EXPECT(checks, afflux_port_kind(port) == AFFLUX_PORT_URING);
    io_uring_sqe entry;
    std::memset(&entry, 0x5a, sizeof entry);
    CHILD_EXPECT(checks, afflux_port_prep_uring(port, &entry) == AFFLUX_OK);
    CHILD_EXPECT(checks, entry.opcode == IORING_OP_POLL_ADD);
    CHILD_EXPECT(checks, entry.user_data == 0x7e57 && entry.flags == 0);
    io_uring_cqe event{};
    event.user_data = 0x7e57;
    event.flags = IORING_CQE_F_MORE;
    CHILD_EXPECT(checks, afflux_port_check_uring(port, &event) == AFFLUX_OK);
    event.flags = 0;
    CHILD_EXPECT(checks, afflux_port_check_uring(port, &event) == AFFLUX_EAGAIN);
    event.user_data = 1;
    CHILD_EXPECT(checks, afflux_port_check_uring(port, &event) == AFFLUX_EINVAL);
    afflux_port_unref(port);
    close(ring);
  });
}

std::string error_name(const testing::TestParamInfo<int>& which) {
  switch (which.param) {
    case ENOSYS:
      return "Enosys";
    case EPERM:
      return "Eperm";
    case EINVAL:
      return "Einval";
    default:
      return "Ebadf";
  }
}

// EBADF: older kernels look at the descriptor before they look at what is to be registered.
INSTANTIATE_TEST_SUITE_P(Each, PortRefused, testing::Values(ENOSYS, EPERM, EINVAL, EBADF),
                         error_name);

class PortRefusedDescriptors : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_uring()) GTEST_SKIP() << "this build has no URING";
  }
};

TEST_F(PortRefusedDescriptors, UringAnswersEos) {
  if (!rings_allowed()) GTEST_SKIP() << "no io_uring here";
  for (const std::uint32_t flags : {0u, std::uint32_t{AFFLUX_PORT_MSG_RING}}) {
    expect_in_child([flags](child_checks& checks) {
      const int ring = open_ring();
      afflux_uring_features();  // which needs one, too
      const afflux_port_options o = uring_options(flags, ring);
      afflux_port* const untouched = reinterpret_cast<afflux_port*>(&checks);
      afflux_port* port = untouched;
      const int next = dup(0);
      close(next);
      const rlimit none{static_cast<rlim_t>(next), static_cast<rlim_t>(next)};
      CHILD_EXPECT(checks, setrlimit(RLIMIT_NOFILE, &none) == 0);
      CHILD_EXPECT(checks, afflux_port_create(&o, &port) == AFFLUX_EOS);
      CHILD_EXPECT(checks, afflux_last_os_error() == EMFILE);
      CHILD_EXPECT(checks, port == untouched);
      close(ring);
    });
  }
}

// What one shortage hides is there again after it.
TEST_F(PortRefusedDescriptors, AShortageIsNotTakenForARefusal) {
  if (!rings_allowed()) GTEST_SKIP() << "no io_uring here";
  expect_in_child([](child_checks& checks) {
    rlimit before{};
    CHILD_EXPECT(checks, getrlimit(RLIMIT_NOFILE, &before) == 0);
    const int next = dup(0);
    close(next);
    const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
    CHILD_EXPECT(checks, setrlimit(RLIMIT_NOFILE, &none) == 0);
    afflux_uring_features();  // any answer will do
    CHILD_EXPECT(checks, setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHILD_EXPECT(checks, (afflux_uring_features() & AFFLUX_URING_RINGS) != 0);
  });
}

// The number of a ring that is none.
TEST_F(PortRefusedDescriptors, ABadHandleForMessagesAnswersEos) {
  expect_in_child([](child_checks& checks) {
    if ((afflux_uring_features() & AFFLUX_URING_MSG_RING) == 0) return;  // not looked at then
    const afflux_port_options o = uring_options(AFFLUX_PORT_MSG_RING, 12345);
    afflux_port* port = nullptr;
    CHILD_EXPECT(checks, afflux_port_create(&o, &port) == AFFLUX_EOS);
    CHILD_EXPECT(checks, afflux_last_os_error() == EBADF);
    CHILD_EXPECT(checks, port == nullptr);
  });
}

}  // namespace
}  // namespace afflux_test
