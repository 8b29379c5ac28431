// SPDX-License-Identifier: MIT OR Apache-2.0
//
// PIPE: a byte in a pipe, for any system with pipe() and poll(). Its read(), write() and close()
// are cancellation points, so each goes under a guard.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "port/doorbell.h"
#include "time/host.h"

namespace afflux::port {
namespace {

class pipe_bell final : public doorbell {
 public:
  pipe_bell(int read_end, int write_end) noexcept : read_(read_end), write_(write_end) {}
  ~pipe_bell() override {
    const time::no_thread_cancel whole;
    close(read_);
    close(write_);
  }

  kind what() const noexcept override { return kind::pipe; }
  std::intptr_t handle() const noexcept override { return read_; }
  bool shows() const noexcept override { return true; }

  bool ring() noexcept override {
    const time::no_thread_cancel whole;
    const int saved = errno;
    const int error = tried([this] {
      const char once = 0;
      if (write(write_, &once, 1) >= 0) return 0;
      return errno == EAGAIN ? 0 : errno;  // EAGAIN: it is full, so it shows anyway
    });
    errno = saved;
    return error == 0;
  }

  std::uint64_t silence() noexcept override {
    const time::no_thread_cancel whole;
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
    const time::no_thread_cancel whole;
    close(ends[0]);
    close(ends[1]);
  }
  return bell;
}

}  // namespace afflux::port
