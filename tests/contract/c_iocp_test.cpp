// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Ports of the kind IOCP, in a completion port as a Windows loop has it.
#include <afflux/afflux.h>
#include <gtest/gtest.h>
#include <windows.h>

#include <array>
#include <cstdint>
#include <thread>

#include "support/sem_guard.h"

namespace {

using afflux_test::options;
using afflux_test::sem_guard;

constexpr std::uint64_t kKey = 77;

class completion_port {
 public:
  completion_port() : handle_(CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1)) {}
  completion_port(const completion_port&) = delete;
  completion_port& operator=(const completion_port&) = delete;
  ~completion_port() { close(); }
  void close() {
    if (handle_ != nullptr) CloseHandle(handle_);
    handle_ = nullptr;
  }

  std::intptr_t handle() const { return reinterpret_cast<std::intptr_t>(handle_); }
  // How many packets with kKey have come; waits for the first one.
  unsigned packets(DWORD milliseconds) {
    std::array<OVERLAPPED_ENTRY, 16> entries;
    ULONG count = 0;
    if (GetQueuedCompletionStatusEx(handle_, entries.data(), entries.size(), &count, milliseconds,
                                    FALSE) == 0) {
      return 0;
    }
    for (ULONG i = 0; i < count; ++i) EXPECT_EQ(entries[i].lpCompletionKey, kKey);
    return count;
  }

 private:
  HANDLE handle_;
};

class Iocp : public testing::Test {
 protected:
  Iocp() {
    afflux_port_options o;
    afflux_port_options_init(&o);
    o.kind = AFFLUX_PORT_IOCP;
    o.handle = loop.handle();
    o.user_data = kKey;
    EXPECT_EQ(afflux_port_create(&o, &port), AFFLUX_OK);
    afflux_request_init(&request);
    request.port = port;
  }
  ~Iocp() override { afflux_port_unref(port); }

  completion_port loop;
  afflux_port* port = nullptr;
  afflux_request request;
  std::array<afflux_waiter, 64> waiters;
  std::array<afflux_completion, 64> done;
};

TEST_F(Iocp, TellsWhatItIs) {
  EXPECT_EQ(afflux_port_kind(port), std::uint32_t{AFFLUX_PORT_IOCP});
  EXPECT_EQ(afflux_port_handle(port), -1);
}

TEST_F(Iocp, ABurstIsOnePacket) {
  const sem_guard sem(options(waiters.size()));
  ASSERT_EQ(afflux_sem_try_acquire(sem, waiters.size()), AFFLUX_OK);
  for (std::size_t i = 0; i < waiters.size(); ++i) {
    request.user_data = i;
    ASSERT_EQ(afflux_sem_acquire_async(sem, &request, &waiters[i]), AFFLUX_PENDING);
  }
  std::thread other([&] { EXPECT_EQ(afflux_sem_release(sem, waiters.size()), AFFLUX_OK); });
  EXPECT_EQ(loop.packets(INFINITE), 1u);
  other.join();
  std::size_t count = 0;
  while (count < done.size()) {
    count += afflux_port_drain(port, &done[count], done.size() - count);
  }
  for (std::size_t i = 0; i < done.size(); ++i) {
    EXPECT_EQ(done[i].user_data, i);
    EXPECT_EQ(done[i].status, AFFLUX_OK);
  }
  EXPECT_EQ(loop.packets(0), 0u);
  EXPECT_EQ(afflux_sem_release(sem, waiters.size()), AFFLUX_OK);
}

// The loop sleeps again and again; every completion wakes it.
TEST_F(Iocp, LosesNoWake) {
  const sem_guard sem(options(1));
  constexpr int kRounds = 2'000;
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  for (int i = 0; i < kRounds; ++i) {
    ASSERT_EQ(afflux_sem_acquire_async(sem, &request, &waiters[0]), AFFLUX_PENDING);
    std::thread other;
    if (i % 16 == 0) {
      other = std::thread([&] { EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK); });
    } else {
      EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
    }
    while (afflux_port_drain(port, done.data(), done.size()) == 0) {
      EXPECT_NE(loop.packets(INFINITE), 0u);
    }
    if (other.joinable()) other.join();
  }
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
}

// The port has a handle of its own.
TEST_F(Iocp, TheLoopMayCloseItsPortFirst) {
  const sem_guard sem(options(1));
  ASSERT_EQ(afflux_sem_try_acquire(sem, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_acquire_async(sem, &request, &waiters[0]), AFFLUX_PENDING);
  loop.close();
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  EXPECT_EQ(afflux_port_drain(port, done.data(), done.size()), 1u);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
}

TEST(IocpCreate, NeedsACompletionPort) {
  afflux_port_options o;
  afflux_port_options_init(&o);
  o.kind = AFFLUX_PORT_IOCP;
  afflux_port* port = nullptr;
  EXPECT_EQ(afflux_port_create(&o, &port), AFFLUX_EINVAL);
  o.handle = 0;
  EXPECT_EQ(afflux_port_create(&o, &port), AFFLUX_EINVAL);
  o.handle = 0x7ffffff0;  // no handle of this process
  EXPECT_EQ(afflux_port_create(&o, &port), AFFLUX_EOS);
  EXPECT_NE(afflux_last_os_error(), 0);
  EXPECT_EQ(port, nullptr);
}

}  // namespace
