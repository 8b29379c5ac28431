// SPDX-License-Identifier: MIT OR Apache-2.0
//
// read(), write() and close() by their numbers. The C library's own are cancellation points:
// inside a noexcept function a pending pthread_cancel() would end the process there, and its thread
// before it has told any thread. syscall() is none. Elsewhere time::no_thread_cancel serves.
// eventfd() too: ThreadSanitizer sees the library's call, and no close() by number, so that it
// takes the next owner of the descriptor for the last one.
#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace afflux::port::raw {

// As the C library's, errno included.
inline ssize_t read(int fd, void* to, std::size_t size) noexcept {
  return static_cast<ssize_t>(syscall(SYS_read, fd, to, size));
}
inline ssize_t write(int fd, const void* from, std::size_t size) noexcept {
  return static_cast<ssize_t>(syscall(SYS_write, fd, from, size));
}

inline int eventfd(unsigned count, int flags) noexcept {
  return static_cast<int>(syscall(SYS_eventfd2, count, flags));
}

// Leaves errno alone: nothing is to be done about a failure. Never tried again, for the descriptor
// is free whatever the answer is (man 2 close).
inline void close(int fd) noexcept {
  const int saved = errno;
  syscall(SYS_close, fd);
  errno = saved;
}

}  // namespace afflux::port::raw
