// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A loop that hears a port by polling a descriptor. listener_windows.h has the same for a
// completion port; port.h takes the one that fits.
#pragma once

#include <afflux/afflux.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace afflux_test {

// Whether the descriptor is readable now.
inline bool readable(std::intptr_t handle) {
  pollfd entry{static_cast<int>(handle), POLLIN, 0};
  return poll(&entry, 1, 0) == 1;
}

// What stands in an eventfd's counter, which reading it would change. Source: man 5 proc.
inline std::uint64_t eventfd_count(std::intptr_t handle) {
  const std::string path = "/proc/self/fdinfo/" + std::to_string(handle);
  std::FILE* const file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return ~std::uint64_t{0};
  char line[128];
  unsigned long long count = ~0ULL;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::sscanf(line, "eventfd-count: %llx", &count) == 1) break;
  }
  std::fclose(file);
  return count;
}

class listener {
 public:
  // Those that it can hear; a build may lack some.
  static constexpr std::array<std::uint32_t, 2> kKinds = {AFFLUX_PORT_EVENTFD, AFFLUX_PORT_PIPE};
  // What has rung shows until it is silenced, whether a thread has slept on it or not.
  static constexpr bool kByLevel = true;

  // What of the loop's own the options have to name: nothing here.
  template <class Options>
  void prepare(Options&) const {}
  void listen(const afflux_port* port) {
    kind_ = afflux_port_kind(port);
    handle_ = afflux_port_handle(port);
  }

  // Whether a loop that slept now would wake at once.
  bool shows() const { return readable(handle_); }
  // How many rings show.
  std::uint64_t rings() const {
    if (kind_ == AFFLUX_PORT_EVENTFD) return eventfd_count(handle_);
    int bytes = -1;
    EXPECT_EQ(ioctl(static_cast<int>(handle_), FIONREAD, &bytes), 0);
    return static_cast<std::uint64_t>(bytes);
  }
  void sleep() const {
    pollfd entry{static_cast<int>(handle_), POLLIN, 0};
    while (poll(&entry, 1, -1) < 0) {
      if (errno != EINTR) std::abort();
    }
  }

  // Whether what the port rings is still open.
  bool bell_is_open() const { return fcntl(static_cast<int>(handle_), F_GETFD) >= 0; }
  // A number that a descriptor left behind would change: of the next one.
  int resources() const {
    const int next = dup(0);
    close(next);
    return next;
  }

 private:
  std::uint32_t kind_ = 0;
  std::intptr_t handle_ = -1;
};

}  // namespace afflux_test
