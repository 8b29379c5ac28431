// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A port whose doorbell is an entry of the ring.
#pragma once

#include <afflux/afflux.h>

#include "ring.h"

namespace uring_server {

class doorbell final : entry {
 public:
  explicit doorbell(ring& owner);  // throws std::runtime_error
  ~doorbell() { afflux_port_unref(port_); }

  void arm() { ring_.start(*this); }

  afflux_port* port() const { return port_; }

 private:
  void fill(io_uring_sqe& sqe) override { afflux_port_prep_uring(port_, &sqe); }
  // It rings for a loop that drains before each sleep anyhow.
  void on_event(const io_uring_cqe& cqe) override {
    if (afflux_port_check_uring(port_, &cqe) == AFFLUX_EAGAIN) arm();
  }

  ring& ring_;
  afflux_port* port_ = nullptr;
};

}  // namespace uring_server
