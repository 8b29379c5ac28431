// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What only ports of the kind IOCP promise. All that they share with other kinds the suites of
// support/port.h ask of them, too.
#include <afflux/afflux.h>
#include <gtest/gtest.h>
#include <windows.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

#include "support/port.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

afflux_port_options iocp(std::intptr_t handle, std::uint64_t key = listener::kKey) {
  afflux_port_options o;
  EXPECT_EQ(afflux_port_options_init(&o), AFFLUX_OK);
  o.kind = AFFLUX_PORT_IOCP;
  o.handle = handle;
  o.user_data = key;
  return o;
}

// One permit, held.
class full_sem : public sem_guard {
 public:
  full_sem() : sem_guard(one()) { EXPECT_EQ(afflux_sem_try_acquire(*this, 1), AFFLUX_OK); }

 private:
  static afflux_sem_options one() {
    afflux_sem_options o;
    EXPECT_EQ(afflux_sem_options_init(&o), AFFLUX_OK);
    return o;
  }
};

TEST(Iocp, ThePortHasAHandleOfItsOwnAndGivesItBack) {
  const listener loop;
  EXPECT_EQ(loop.resources(), 1u);
  const afflux_port_options o = iocp(loop.handle());
  afflux_port* port = nullptr;
  ASSERT_EQ(afflux_port_create(&o, &port), AFFLUX_OK);
  EXPECT_EQ(loop.resources(), 2u);
  afflux_port_unref(port);
  EXPECT_EQ(loop.resources(), 1u);
}

TEST(Iocp, TheLoopMayCloseItsCompletionPortFirst) {
  listener loop;
  const afflux_port_options o = iocp(loop.handle());
  afflux_port* port = nullptr;
  ASSERT_EQ(afflux_port_create(&o, &port), AFFLUX_OK);
  const full_sem sem;
  ported p(port, 3);
  ASSERT_EQ(p.start(sem), AFFLUX_PENDING);
  loop.close();
  EXPECT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  afflux_completion done{};
  EXPECT_EQ(afflux_port_drain(port, &done, 1), 1u);
  EXPECT_EQ(done.user_data, 3u);
  EXPECT_EQ(afflux_port_drain(port, &done, 1), 0u);
  EXPECT_EQ(afflux_port_close(port), AFFLUX_OK);
  afflux_port_unref(port);
}

// Each port's packets by its own key, between those of others.
TEST(Iocp, SeveralPortsAndTheLoopsOwnPacketsShareACompletionPort) {
  const HANDLE loop = CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
  ASSERT_NE(loop, nullptr);
  constexpr std::array<std::uint64_t, 3> kKeys = {0, 7, ~std::uint64_t{0}};
  std::array<afflux_port*, kKeys.size()> ports{};
  const full_sem sem;
  std::deque<ported> waiting;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const afflux_port_options o = iocp(reinterpret_cast<std::intptr_t>(loop), kKeys[i]);
    ASSERT_EQ(afflux_port_create(&o, &ports[i]), AFFLUX_OK);
    ASSERT_EQ(waiting.emplace_back(ports[i]).start(sem), AFFLUX_PENDING);
  }
  OVERLAPPED own{};
  ASSERT_NE(PostQueuedCompletionStatus(loop, 12, 99, &own), 0);
  EXPECT_EQ(afflux_sem_close(sem), AFFLUX_OK);
  std::map<std::uint64_t, OVERLAPPED*> seen;
  for (std::size_t i = 0; i <= ports.size(); ++i) {
    DWORD bytes = 0;
    ULONG_PTR key = 0;
    OVERLAPPED* overlapped = &own;
    ASSERT_NE(GetQueuedCompletionStatus(loop, &bytes, &key, &overlapped, INFINITE), 0);
    EXPECT_EQ(bytes, key == 99 ? 12u : 0u);
    seen.emplace(key, overlapped);
  }
  const std::map<std::uint64_t, OVERLAPPED*> expected = {
      {kKeys[0], nullptr}, {kKeys[1], nullptr}, {kKeys[2], nullptr}, {99, &own}};
  EXPECT_EQ(seen, expected);
  for (afflux_port* const port : ports) {
    afflux_completion done{};
    EXPECT_EQ(afflux_port_drain(port, &done, 1), 1u);
    afflux_port_unref(port);
  }
  EXPECT_NE(CloseHandle(loop), 0);
}

TEST(IocpCreate, NeedsACompletionPort) {
  const auto refused = [](std::intptr_t handle, afflux_status expected) {
    const afflux_port_options o = iocp(handle);
    afflux_port* port = nullptr;
    EXPECT_EQ(afflux_port_create(&o, &port), expected) << handle;
    EXPECT_EQ(port, nullptr);
  };
  refused(-1, AFFLUX_EINVAL);
  refused(0, AFFLUX_EINVAL);
  refused(0x7ffffff0, AFFLUX_EOS);  // no handle of this process
  EXPECT_EQ(afflux_last_os_error(), ERROR_INVALID_HANDLE);
  // A handle of something else: its port would never ring.
  const HANDLE event = CreateEventW(nullptr, FALSE, FALSE, nullptr);
  refused(reinterpret_cast<std::intptr_t>(event), AFFLUX_EOS);
  EXPECT_EQ(afflux_last_os_error(), ERROR_INVALID_HANDLE);
  EXPECT_NE(CloseHandle(event), 0);
}

}  // namespace
}  // namespace afflux_test
