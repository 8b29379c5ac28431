// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

namespace afflux::bench {

// Tells whether a thread of this process sleeps, as the kernel sees it.
class thread_watch {
 public:
  explicit thread_watch(pid_t thread)
      : file_(open(("/proc/self/task/" + std::to_string(thread) + "/stat").c_str(),
                   O_RDONLY | O_CLOEXEC)) {
    if (file_ < 0) throw std::system_error(errno, std::generic_category(), "/proc/self/task");
  }
  ~thread_watch() { close(file_); }
  thread_watch(const thread_watch&) = delete;
  thread_watch& operator=(const thread_watch&) = delete;

  // Twice in a row, because a thread is marked a moment before it leaves its CPU.
  bool asleep() const { return state() == 'S' && state() == 'S'; }

 private:
  char state() const {
    char text[64];
    const ssize_t length = pread(file_, text, sizeof text, 0);
    if (length < 0) throw std::system_error(errno, std::generic_category(), "/proc/self/task");
    // "123 (name) S 1 ...": the name may contain anything, numbers follow.
    const std::string_view line(text, static_cast<std::size_t>(length));
    const std::size_t end = line.rfind(')');
    return end + 2 < line.size() ? line[end + 2] : '?';
  }

  const int file_;
};

}  // namespace afflux::bench
