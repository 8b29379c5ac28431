// SPDX-License-Identifier: MIT OR Apache-2.0
//
// IOCP: a packet of the caller's completion port. Its key is the port's user_data, its overlapped
// pointer is null. Sources: PostQueuedCompletionStatus; for the handle, NtQueryIoCompletion.
#include <windows.h>

#include <cerrno>
#include <new>

#include "port/doorbell.h"

namespace afflux::port {
namespace {

class iocp_bell final : public doorbell {
 public:
  iocp_bell(HANDLE port, std::uint64_t key) noexcept : port_(port), key_(key) {}
  ~iocp_bell() override { CloseHandle(port_); }

  kind what() const noexcept override { return kind::iocp; }
  bool ring() noexcept override {
    const DWORD saved = GetLastError();  // the completing thread does not know of the ring
    const bool posted =
        PostQueuedCompletionStatus(port_, 0, static_cast<ULONG_PTR>(key_), nullptr) != 0;
    SetLastError(saved);
    return posted;
  }

 private:
  // Our own: the caller's value may be another object by the time of a ring.
  const HANDLE port_;
  const std::uint64_t key_;
};

// Whether that is what it is a handle of, for a ring could tell no one. Nothing documented answers
// without taking packets or adding one, so what is not known counts as right.
bool is_completion_port(HANDLE handle) noexcept {
  using function = LONG(NTAPI*)(HANDLE, ULONG, void*, ULONG, ULONG*);
  constexpr ULONG kDepth = 0;
  constexpr auto kOtherType = static_cast<LONG>(0xC0000024);  // STATUS_OBJECT_TYPE_MISMATCH
  const HMODULE system = GetModuleHandleW(L"ntdll.dll");
  if (system == nullptr) return true;
  const auto query = reinterpret_cast<function>(
      reinterpret_cast<void*>(GetProcAddress(system, "NtQueryIoCompletion")));
  LONG packets = 0;
  return query == nullptr || query(handle, kDepth, &packets, sizeof packets, nullptr) != kOtherType;
}

}  // namespace

std::unique_ptr<doorbell> make_iocp(const wanted& w, int& error) noexcept {
  if (w.handle == 0 || w.handle == -1) return error = kInvalid, nullptr;
  HANDLE own = nullptr;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a handle is a number
  if (DuplicateHandle(GetCurrentProcess(), reinterpret_cast<HANDLE>(w.handle), GetCurrentProcess(),
                      &own, 0, FALSE, DUPLICATE_SAME_ACCESS) == 0) {
    return error = static_cast<int>(GetLastError()), nullptr;
  }
  if (!is_completion_port(own)) {
    CloseHandle(own);
    return error = ERROR_INVALID_HANDLE, nullptr;
  }
  std::unique_ptr<doorbell> bell(new (std::nothrow) iocp_bell(own, w.user_data));
  if (bell == nullptr) CloseHandle(own), error = ENOMEM;
  return bell;
}

}  // namespace afflux::port
