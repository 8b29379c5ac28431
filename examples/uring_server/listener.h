// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A listening socket on 127.0.0.1. Each ring thread has its own at the same port (SO_REUSEPORT):
// the kernel spreads the clients over them.
#pragma once

#include <cstdint>

namespace uring_server {

class listener {
 public:
  explicit listener(std::uint16_t port);  // 0: one that is free; throws std::system_error
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;
  ~listener();

  int fd() const { return fd_; }
  std::uint16_t port() const;

  // The accepting thread is told EINVAL.
  void stop() const;

 private:
  int fd_;
};

}  // namespace uring_server
