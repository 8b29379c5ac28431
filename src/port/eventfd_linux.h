// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An eventfd as a doorbell: by itself, or under a poll of an io_uring.
#pragma once

#include <atomic>

#include "port/doorbell.h"
#include "port/fork.h"

namespace afflux::port {

class eventfd_bell : public doorbell {
 public:
  static int open() noexcept;  // -1: errno

  explicit eventfd_bell(int fd) noexcept;  // takes it over
  ~eventfd_bell() override;

  kind what() const noexcept override { return kind::eventfd; }
  // Whoever asks means to poll it: it has to be the one that will ring.
  std::intptr_t handle() const noexcept override {
    own_after_fork();
    return fd_;
  }
  bool shows() const noexcept override { return true; }
  void ring() noexcept override;
  std::uint64_t silence() noexcept override;

 private:
  void own_after_fork() const noexcept;

  const int fd_;
  mutable std::atomic<std::uint32_t> forks_{forks()};
};

}  // namespace afflux::port
