// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An eventfd as a doorbell: by itself, or under a poll of an io_uring.
#pragma once

#include "port/doorbell.h"
#include "port/fork.h"

namespace afflux::port {

class eventfd_bell : public doorbell, private forked {
 public:
  static int open() noexcept;  // -1: errno

  explicit eventfd_bell(int fd) noexcept;  // takes it over
  ~eventfd_bell() override;

  kind what() const noexcept override { return kind::eventfd; }
  std::intptr_t handle() const noexcept override { return fd_; }
  bool shows() const noexcept override { return true; }
  bool ring() noexcept override;
  std::uint64_t silence() noexcept override;
  bool rung_unasked() const noexcept override { return rung_by_fork_; }

 private:
  void begin_anew() noexcept override;

  const int fd_;
  bool rung_by_fork_ = false;  // the loop's, and of a child that has no other thread yet
};

}  // namespace afflux::port
