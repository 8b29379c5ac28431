// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A loop that hears a port by packets of its completion port: what listener_posix.h is elsewhere.
#pragma once

#include <afflux/afflux.h>
#include <gtest/gtest.h>
#include <windows.h>
// After windows.h.
#include <winternl.h>

#include <array>
#include <cstdint>
#include <cstdlib>

namespace afflux_test {

// Of one thread at a time: the loop's.
class listener {
 public:
  static constexpr std::array<std::uint32_t, 1> kKinds = {AFFLUX_PORT_IOCP};
  static constexpr bool kByLevel = false;
  static constexpr std::uint64_t kKey = 0xbe11'0000'0000'0077;

  listener() : port_(CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1)) {
    if (port_ == nullptr) std::abort();
  }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;
  ~listener() { close(); }

  template <class Options>
  void prepare(Options& options) const {
    options.handle = handle();
    options.user_data = kKey;
  }
  void listen(const afflux_port*) {}

  // Until the loop has slept: a packet has come that no sleep has taken.
  bool shows() {
    take(0);
    return came_ != slept_on_;
  }
  // All so far.
  std::uint64_t rings() {
    take(0);
    return came_;
  }
  void sleep() {
    if (came_ == slept_on_) take(INFINITE);
    slept_on_ = came_;
  }

  // The library has a handle of its own to the completion port.
  bool bell_is_open() const { return resources() > 1; }
  // How many handles to it there are, in this process or another. Source: NtQueryObject.
  unsigned long resources() const {
    using function = NTSTATUS(NTAPI*)(HANDLE, OBJECT_INFORMATION_CLASS, PVOID, ULONG, PULONG);
    static const auto query = reinterpret_cast<function>(
        reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQueryObject")));
    PUBLIC_OBJECT_BASIC_INFORMATION about{};
    EXPECT_EQ(query(port_, ObjectBasicInformation, &about, sizeof about, nullptr), 0);
    return about.HandleCount;
  }

  std::intptr_t handle() const { return reinterpret_cast<std::intptr_t>(port_); }
  // As a loop that ends before its port.
  void close() {
    if (port_ != nullptr) CloseHandle(port_);
    port_ = nullptr;
  }

 private:
  void take(DWORD milliseconds) {
    std::array<OVERLAPPED_ENTRY, 16> packets;
    ULONG count = 0;
    // Without anything to wait for until all that is there has been taken.
    while (GetQueuedCompletionStatusEx(port_, packets.data(), packets.size(), &count, milliseconds,
                                       FALSE) != 0) {
      for (ULONG i = 0; i < count; ++i) {
        EXPECT_EQ(packets[i].lpCompletionKey, kKey);
        EXPECT_EQ(packets[i].lpOverlapped, nullptr);
        EXPECT_EQ(packets[i].dwNumberOfBytesTransferred, 0u);
      }
      came_ += count;
      milliseconds = 0;
    }
    EXPECT_EQ(GetLastError(), DWORD{WAIT_TIMEOUT});
  }

  HANDLE port_;
  std::uint64_t came_ = 0;
  std::uint64_t slept_on_ = 0;
};

}  // namespace afflux_test
