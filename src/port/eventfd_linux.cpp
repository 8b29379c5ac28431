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

#include "port/fork.h"

namespace afflux::port {

eventfd_bell::eventfd_bell(int fd) noexcept : fd_(fd) {}
eventfd_bell::~eventfd_bell() { close(fd_); }

int eventfd_bell::open() noexcept { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void eventfd_bell::ring() noexcept {
  own_after_fork();
  const int saved = errno;
  const std::uint64_t once = 1;
  // EAGAIN: the counter is at its end, so it shows anyway.
  while (write(fd_, &once, sizeof once) < 0 && errno == EINTR) {
  }
  errno = saved;
}

std::uint64_t eventfd_bell::silence() noexcept {
  own_after_fork();
  const int saved = errno;
  std::uint64_t rings = 0;
  while (read(fd_, &rings, sizeof rings) < 0) {
    if (errno == EINTR) continue;
    rings = 0;
    break;
  }
  errno = saved;
  return rings;
}

// In the child of a fork() the counter is the parent's, too. The child takes one of its own, under
// the same number.
void eventfd_bell::own_after_fork() const noexcept {
  const std::uint32_t now = forks();
  // relaxed: a child begins with one thread, and the threads that it starts come after that.
  if (forks_.load(std::memory_order_relaxed) == now) [[likely]]
    return;
  std::uint32_t then = forks_.load(std::memory_order_relaxed);
  while (then != now) {
    if (!forks_.compare_exchange_strong(then, now, std::memory_order_relaxed)) continue;
    const int own = open();
    if (own < 0) return;  // the parent's rings are better than none
    dup3(own, fd_, O_CLOEXEC);
    close(own);
  }
}

std::unique_ptr<doorbell> make_eventfd(int& error) noexcept {
  const int fd = eventfd_bell::open();
  if (fd < 0) {
    error = errno;
    return nullptr;
  }
  std::unique_ptr<doorbell> bell(new (std::nothrow) eventfd_bell(fd));
  if (bell == nullptr) {
    close(fd);
    error = ENOMEM;
  }
  return bell;
}

}  // namespace afflux::port
