// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An event loop's epoll for one descriptor, and eventfds.
#pragma once

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <ios>
#include <string>
#include <system_error>

namespace afflux::bench {

// How high the counter is, without reading it.
inline std::uint64_t eventfd_count(int fd) {
  std::ifstream file("/proc/self/fdinfo/" + std::to_string(fd));
  std::string word;
  while (file >> word) {
    std::uint64_t count = 0;
    if (word == "eventfd-count:" && file >> std::hex >> count) return count;
  }
  throw std::system_error(ENOTSUP, std::generic_category(), "/proc/self/fdinfo");
}

class poller {
 public:
  explicit poller(int fd, std::uint32_t how = 0) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN | how;
    if (epoll_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
      throw std::system_error(errno, std::generic_category(), "epoll");
    }
  }
  ~poller() { close(epoll_); }
  poller(const poller&) = delete;
  poller& operator=(const poller&) = delete;

  // Sleeps until the descriptor is readable. 0: interrupted.
  unsigned wait() {
    epoll_event event{};
    const int count = epoll_wait(epoll_, &event, 1, -1);
    return count > 0 ? 1 : 0;
  }

 private:
  const int epoll_;
};

class event_counter {
 public:
  event_counter() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~event_counter() { close(fd_); }
  event_counter(const event_counter&) = delete;
  event_counter& operator=(const event_counter&) = delete;

  int fd() const { return fd_; }
  void add_one() {
    const std::uint64_t one = 1;
    if (write(fd_, &one, sizeof one) < 0) {
      throw std::system_error(errno, std::generic_category(), "eventfd");
    }
  }
  // What was added since; 0: nothing.
  std::uint64_t take() {
    std::uint64_t count = 0;
    return read(fd_, &count, sizeof count) < 0 ? 0 : count;
  }

 private:
  const int fd_;
};

}  // namespace afflux::bench
