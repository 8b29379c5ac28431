// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sources: man 2 pidfd_open, man 5 proc_pid_stat, man 7 pid_namespaces and time_namespaces.
#include "process.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "words.h"

#ifndef SYS_pidfd_open
#  define SYS_pidfd_open 434  // the same everywhere
#endif

namespace afflux::shared {
namespace {

// Reads a small file of /proc. Its length without the final zero that it gets; −1: errno.
ssize_t read_file(const char* path, char* to, std::size_t size) noexcept {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  std::size_t length = 0;
  ssize_t got = 0;
  while (length < size - 1 && (got = read(fd, to + length, size - 1 - length)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    length += static_cast<std::size_t>(got);
  }
  const int error = errno;
  close(fd);
  if (got < 0) {
    errno = error;
    return -1;
  }
  to[length] = '\0';
  return static_cast<ssize_t>(length);
}

struct stat_line {
  char state;
  std::uint64_t started;  // clock ticks after the system's start
};

bool read_stat(const char* path, stat_line& ret_line) noexcept {
  char text[1024];
  if (read_file(path, text, sizeof text) < 0) return false;
  // The name of the program, in parentheses, may hold anything: the fields begin after the last.
  const char* at = std::strrchr(text, ')');
  if (at == nullptr || at[1] != ' ') {
    errno = EPROTO;
    return false;
  }
  at += 2;
  ret_line.state = *at;
  for (int field = 3; field < 22; ++field) {
    at = std::strchr(at, ' ');
    if (at == nullptr) {
      errno = EPROTO;
      return false;
    }
    ++at;
  }
  ret_line.started = std::strtoull(at, nullptr, 10);
  return true;
}

bool read_stat(std::uint32_t pid, stat_line& ret_line) noexcept {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%u/stat", pid);
  return read_stat(path, ret_line);
}

std::uint64_t space(const char* path) noexcept {
  struct stat is {};
  return stat(path, &is) == 0 ? is.st_ino : 0;
}

int hex(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool same_start(std::uint64_t life, const stat_line& line) noexcept {
  return life_word::started_bits::get(line.started) == life_word::started(life);
}

}  // namespace

bool read_spaces(spaces& ret_spaces) noexcept {
  ret_spaces = {};
  // A /proc of another pid namespace has other processes by these ids.
  char self[16];
  const ssize_t length = readlink("/proc/self", self, sizeof self - 1);
  if (length < 0) return false;
  self[length] = '\0';
  if (std::strtol(self, nullptr, 10) != getpid()) {
    errno = EXDEV;
    return false;
  }
  ret_spaces.pid = space("/proc/self/ns/pid");
  if (ret_spaces.pid == 0) return false;
  ret_spaces.time = space("/proc/self/ns/time");
  char text[64];
  if (read_file("/proc/sys/kernel/random/boot_id", text, sizeof text) < 0) return false;
  std::size_t digits = 0;
  for (const char* at = text; *at != '\0' && digits < 32; ++at) {
    const int digit = hex(*at);
    if (digit < 0) continue;
    auto& byte = ret_spaces.boot_id[digits / 2];
    byte = static_cast<unsigned char>(byte << 4 | digit);
    ++digits;
  }
  return digits == 32;
}

std::uint64_t own_life() noexcept {
  const auto pid = static_cast<std::uint32_t>(getpid());
  stat_line line{};
  return read_stat(pid, line) ? life_word::of(pid, line.started) : 0;
}

int open_life(std::uint64_t life) noexcept {
  const std::uint32_t pid = life_word::pid(life);
  const auto fd = static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0));
  if (fd < 0) {
    if (errno == EINVAL || errno == ENOENT) errno = ESRCH;  // no id of a process
    return -1;
  }
  // The descriptor holds the process that has the id now. /proc tells whether that is the one
  // meant.
  stat_line line{};
  if (read_stat(pid, line) && !same_start(life, line)) {
    close(fd);
    errno = ESRCH;
    return -1;
  }
  return fd;
}

namespace {

// Of a process whose first thread has ended: the state of another one.
char state_of_others(std::uint32_t pid) noexcept {
  char path[48];
  std::snprintf(path, sizeof path, "/proc/%u/task", pid);
  DIR* const tasks = opendir(path);
  if (tasks == nullptr) return 'Z';
  char state = 'Z';
  for (const dirent* each = readdir(tasks); each != nullptr && state == 'Z';
       each = readdir(tasks)) {
    stat_line line{};
    std::snprintf(path, sizeof path, "/proc/%u/task/%.10s/stat", pid, each->d_name);
    if (each->d_name[0] != '.' && read_stat(path, line)) state = line.state;
  }
  closedir(tasks);
  return state;
}

}  // namespace

bool is_alive(std::uint64_t life) noexcept {
  const int saved = errno;
  const int fd = open_life(life);
  bool alive = true;
  if (fd >= 0) {
    pollfd ended{fd, POLLIN, 0};
    alive = poll(&ended, 1, 0) <= 0;
    close(fd);
  } else if (errno == ESRCH) {
    alive = false;
  } else {
    // No pidfd to be had (an old kernel, a filter, no descriptors left): what the id tells. Of one
    // that has ended it does until the parent has waited for it.
    const std::uint32_t pid = life_word::pid(life);
    stat_line line{};
    alive = kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH;
    if (alive && read_stat(pid, line))
      alive = same_start(life, line) && (line.state != 'Z' || state_of_others(pid) != 'Z');
  }
  errno = saved;
  return alive;
}

bool stands_still(std::uint64_t life) noexcept {
  const int saved = errno;
  const std::uint32_t pid = life_word::pid(life);
  stat_line line{};
  bool still = false;
  if (read_stat(pid, line) && same_start(life, line)) {
    const char state = line.state == 'Z' ? state_of_others(pid) : line.state;
    still = state == 'T' || state == 't';
    // A frozen control group shows in the thread's wait alone, where that may be read.
    if (!still) {
      char path[32];
      char text[64];
      std::snprintf(path, sizeof path, "/proc/%u/wchan", pid);
      still =
          read_file(path, text, sizeof text) > 0 &&
          (std::strcmp(text, "do_freezer_trap") == 0 || std::strcmp(text, "__refrigerator") == 0);
    }
  }
  errno = saved;
  return still;
}

}  // namespace afflux::shared
