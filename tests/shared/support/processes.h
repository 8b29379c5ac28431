// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Other processes for tests of a shared semaphore: forked, told what to do and telling what
// happened over a socket, and ended with the test.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "../../contract/support/build_kind.h"
#include "afflux/shared.h"

namespace afflux_test {

// How long a test waits for what must happen: reached only where it does not.
inline constexpr int kPatienceMs = kSanitized ? 60'000 : 20'000;

// The end of a conversation of single values.
class line {
 public:
  explicit line(int fd = -1) : fd_(fd) {}

  void say(std::int64_t value) const {
    [[maybe_unused]] const ssize_t put = send(fd_, &value, sizeof value, MSG_NOSIGNAL);
  }
  // False: the other end is gone, or says nothing.
  bool hear(std::int64_t& ret_value, int patience_ms = kPatienceMs) const {
    pollfd ready{fd_, POLLIN, 0};
    int got = 0;
    while ((got = poll(&ready, 1, patience_ms)) < 0 && errno == EINTR) {
    }
    return got == 1 &&
           recv(fd_, &ret_value, sizeof ret_value, 0) == static_cast<ssize_t>(sizeof ret_value);
  }
  std::int64_t hear() const {
    std::int64_t value = -1000;
    hear(value);
    return value;
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

class process {
 public:
  // Runs `body` in a child, which ends with its return, without destructors.
  explicit process(const std::function<void(line)>& body) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      close(ends[0]);
      body(line(ends[1]));
      _exit(0);
    }
    close(ends[1]);
    talk_ = line(ends[0]);
  }
  ~process() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      join();
    }
    if (talk_.fd() >= 0) close(talk_.fd());
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  pid_t pid() const { return pid_; }
  const line& talk() const { return talk_; }
  void signal(int number) const { ::kill(pid_, number); }

  // Waits for its end: its wait status.
  int join() {
    int status = -1;
    while (pid_ > 0 && waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
  }
  int kill() {
    signal(SIGKILL);
    return join();
  }
  // Returns once it stands still.
  void stop() const {
    signal(SIGSTOP);
    int status = 0;
    while (waitpid(pid_, &status, WUNTRACED) < 0 && errno == EINTR) {
    }
  }
  void go_on() const { signal(SIGCONT); }

 private:
  pid_t pid_ = 0;
  line talk_;
};

// A handle for the time of a scope.
class opened {
 public:
  opened() = default;
  opened(const char* name, const afflux_shared_options& options) {
    status_ = afflux_shared_open(name, &options, &handle_);
  }
  explicit opened(int fd, const char* tag = nullptr, std::uint32_t flags = 0) {
    afflux_shared_options options;
    afflux_shared_options_init(&options);
    options.tag = tag;
    options.flags = flags;
    status_ = afflux_shared_open_fd(fd, &options, &handle_);
  }
  ~opened() { afflux_shared_unref(handle_); }
  opened(opened&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), status_(other.status_) {}
  opened& operator=(opened&&) = delete;

  operator afflux_shared*() const { return handle_; }
  afflux_status status() const { return status_; }
  int fd() const { return afflux_shared_fd(handle_); }
  afflux_shared* forget() { return std::exchange(handle_, nullptr); }

 private:
  afflux_shared* handle_ = nullptr;
  afflux_status status_ = AFFLUX_EINVAL;
};

inline afflux_shared_options new_segment(std::uint64_t permits, std::uint32_t handles = 16,
                                         std::uint32_t waiters = 16) {
  afflux_shared_options options;
  afflux_shared_options_init(&options);
  options.flags = AFFLUX_SHARED_CREATE;
  options.permits = permits;
  options.max_handles = handles;
  options.max_waiters = waiters;
  return options;
}

inline afflux_shared_stats stats_of(afflux_shared* shared) {
  afflux_shared_stats stats{};
  stats.struct_size = sizeof stats;
  afflux_shared_get_stats(shared, &stats);
  return stats;
}

// Returns once `is_so()`: of what is in a segment no event tells. False: it did not come about.
inline bool comes_about(const std::function<bool()>& is_so) {
  for (int turn = 0; turn < kPatienceMs * 5; ++turn) {
    if (is_so()) return true;
    usleep(200);
  }
  return false;
}

inline bool in_line(afflux_shared* shared, std::uint64_t waiters) {
  return comes_about([&] { return stats_of(shared).waiters == waiters; });
}

// A process that opens the segment, waits for n permits, says the status, holds them until it is
// told a value, and lets go.
inline auto waiting_for(int fd, std::uint64_t n) {
  return [fd, n](line talk) {
    afflux_shared* shared = nullptr;
    if (afflux_shared_open_fd(fd, nullptr, &shared) != AFFLUX_OK) _exit(3);
    talk.say(afflux_shared_acquire(shared, n, AFFLUX_FOREVER));
    talk.hear();
    afflux_shared_unref(shared);
  };
}

}  // namespace afflux_test
