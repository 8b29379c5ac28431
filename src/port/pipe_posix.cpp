// SPDX-License-Identifier: MIT OR Apache-2.0
//
// PIPE: a byte in a pipe, for any system with pipe() and poll().
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "port/doorbell.h"

namespace afflux::port {
namespace {

class pipe_bell final : public doorbell {
 public:
  pipe_bell(int read_end, int write_end) noexcept : read_(read_end), write_(write_end) {}
  ~pipe_bell() override {
    close(read_);
    close(write_);
  }

  kind what() const noexcept override { return kind::pipe; }
  std::intptr_t handle() const noexcept override { return read_; }
  bool shows() const noexcept override { return true; }

  void ring() noexcept override {
    const int saved = errno;
    const char once = 0;
    // EAGAIN: it is full, so it shows anyway.
    while (write(write_, &once, 1) < 0 && errno == EINTR) {
    }
    errno = saved;
  }

  std::uint64_t silence() noexcept override {
    const int saved = errno;
    std::uint64_t rings = 0;
    char bytes[64];
    for (;;) {
      const ssize_t got = read(read_, bytes, sizeof bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      rings += static_cast<std::uint64_t>(got);
      if (got < static_cast<ssize_t>(sizeof bytes)) break;
    }
    errno = saved;
    return rings;
  }

 private:
  const int read_;
  const int write_;
};

bool prepare(int fd) noexcept {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
         fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

}  // namespace

std::unique_ptr<doorbell> make_pipe(int& error) noexcept {
  int ends[2];
  if (pipe(ends) != 0) {
    error = errno;
    return nullptr;
  }
  std::unique_ptr<doorbell> bell;
  if (!prepare(ends[0]) || !prepare(ends[1])) {
    error = errno;
  } else {
    bell.reset(new (std::nothrow) pipe_bell(ends[0], ends[1]));
    if (bell == nullptr) error = ENOMEM;
  }
  if (bell == nullptr) {
    close(ends[0]);
    close(ends[1]);
  }
  return bell;
}

}  // namespace afflux::port
