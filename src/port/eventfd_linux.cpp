// SPDX-License-Identifier: MIT OR Apache-2.0
//
// EVENTFD: a counter that polls as readable while it is not zero; for epoll, poll, select and
// whatever is made of them. Source: man 2 eventfd.
#include "port/eventfd_linux.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "port/raw_syscalls_linux.h"

namespace afflux::port {

eventfd_bell::eventfd_bell(int fd) noexcept : fd_(fd) { enlist(); }

eventfd_bell::~eventfd_bell() {
  delist();
  raw::close(fd_);
}

int eventfd_bell::open() noexcept { return raw::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

bool eventfd_bell::ring() noexcept {
  const int saved = errno;
  const int error = tried([this] {
    const std::uint64_t once = 1;
    if (raw::write(fd_, &once, sizeof once) >= 0) return 0;
    return errno == EAGAIN ? 0 : errno;  // EAGAIN: the counter is at its end, so it shows anyway
  });
  errno = saved;
  return error == 0;
}

std::uint64_t eventfd_bell::silence() noexcept {
  const int saved = errno;
  rung_by_fork_ = false;
  std::uint64_t rings = 0;
  while (raw::read(fd_, &rings, sizeof rings) < 0) {
    if (errno == EINTR) continue;
    rings = 0;
    break;
  }
  errno = saved;
  return rings;
}

// The counter is the parent's, too. The child takes one of its own, under the same number. It shows
// whatever that did: a thread of the parent may have put something in and not rung yet.
void eventfd_bell::begin_anew() noexcept {
  const int own = raw::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
  if (own < 0) return;  // the parent's rings are better than none
  dup3(own, fd_, O_CLOEXEC);
  raw::close(own);
  rung_by_fork_ = true;
}

std::unique_ptr<doorbell> make_eventfd(int& error) noexcept {
  const int fd = eventfd_bell::open();
  if (fd < 0) {
    error = errno;
    return nullptr;
  }
  std::unique_ptr<doorbell> bell(new (std::nothrow) eventfd_bell(fd));
  if (bell == nullptr) {
    raw::close(fd);
    error = ENOMEM;
  }
  return bell;
}

}  // namespace afflux::port
