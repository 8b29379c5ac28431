// SPDX-License-Identifier: MIT OR Apache-2.0
//
// IOCP: a packet of the caller's completion port. Its key is the port's user_data, its overlapped
// pointer is null. Source: PostQueuedCompletionStatus.
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
  void ring() noexcept override {
    PostQueuedCompletionStatus(port_, 0, static_cast<ULONG_PTR>(key_), nullptr);
  }

 private:
  // Our own: the caller's value may be another object by the time of a ring.
  const HANDLE port_;
  const std::uint64_t key_;
};

}  // namespace

std::unique_ptr<doorbell> make_iocp(const wanted& w, int& error) noexcept {
  if (w.handle == 0 || w.handle == -1) return error = kInvalid, nullptr;
  HANDLE own = nullptr;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a handle is a number
  if (DuplicateHandle(GetCurrentProcess(), reinterpret_cast<HANDLE>(w.handle), GetCurrentProcess(),
                      &own, 0, FALSE, DUPLICATE_SAME_ACCESS) == 0) {
    return error = static_cast<int>(GetLastError()), nullptr;
  }
  std::unique_ptr<doorbell> bell(new (std::nothrow) iocp_bell(own, w.user_data));
  if (bell == nullptr) CloseHandle(own), error = ENOMEM;
  return bell;
}

}  // namespace afflux::port
