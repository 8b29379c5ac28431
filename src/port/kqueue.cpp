// SPDX-License-Identifier: MIT OR Apache-2.0
//
// KQUEUE: a user event of the caller's kqueue (macOS, FreeBSD and its kin). Its ident is this
// doorbell's address, so that many may live in one kqueue. Source: man 2 kqueue, EVFILT_USER.
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>
// After the types that it needs.
#include <sys/event.h>

#include <cerrno>
#include <limits>
#include <new>

#include "port/doorbell.h"
#include "time/host.h"

namespace afflux::port {
namespace {

class kqueue_bell final : public doorbell {
 public:
  kqueue_bell(int queue, std::uint64_t user_data) noexcept : queue_(queue), user_data_(user_data) {}
  ~kqueue_bell() override {
    const time::no_thread_cancel whole;
    change(EV_DELETE, 0);
    close(queue_);
  }

  // EV_CLEAR: it does not show again until the next ring.
  int add() noexcept { return change(EV_ADD | EV_CLEAR, 0); }

  kind what() const noexcept override { return kind::kqueue; }
  bool ring() noexcept override {
    const int saved = errno;
    const int error = change(0, NOTE_TRIGGER);
    errno = saved;
    return error == 0;
  }

 private:
  // 0 or an errno value. `udata` is replaced by each change, so it is given with each.
  int change(unsigned short flags, unsigned note) noexcept {
    const time::no_thread_cancel whole;  // kevent() is a cancellation point
    struct kevent one;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): whatever the caller's number is
    EV_SET(&one, reinterpret_cast<std::uintptr_t>(this), EVFILT_USER, flags, note, 0,
           reinterpret_cast<void*>(static_cast<std::uintptr_t>(user_data_)));
    return tried([&] { return kevent(queue_, &one, 1, nullptr, 0, nullptr) >= 0 ? 0 : errno; });
  }

  // Our own: the caller's number may be another file by the time of a ring.
  const int queue_;
  const std::uint64_t user_data_;
};

}  // namespace

std::unique_ptr<doorbell> make_kqueue(const wanted& w, int& error) noexcept {
  if (w.handle < 0 || w.handle > std::numeric_limits<int>::max()) return error = kInvalid, nullptr;
  const int own = fcntl(static_cast<int>(w.handle), F_DUPFD_CLOEXEC, 0);
  if (own < 0) return error = errno, nullptr;
  std::unique_ptr<kqueue_bell> bell(new (std::nothrow) kqueue_bell(own, w.user_data));
  if (bell == nullptr) {
    const time::no_thread_cancel whole;
    return close(own), error = ENOMEM, nullptr;
  }
  error = bell->add();
  if (error != 0) return nullptr;
  return bell;
}

}  // namespace afflux::port
