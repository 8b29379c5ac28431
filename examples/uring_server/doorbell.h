// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A port whose doorbell is an entry of the ring.
#pragma once

#include "../support/port.h"
#include "ring.h"

namespace uring_server {

class doorbell final : entry {
 public:
  explicit doorbell(ring& owner) : ring_(owner), port_(options()) {}

  void arm() { ring_.start(*this); }

  afflux_port* port() const { return port_.get(); }

 private:
  afflux_port_options options() {
    afflux_port_options wanted = example::port_options(AFFLUX_PORT_URING);
    wanted.user_data = user_data_of(*this);
    return wanted;
  }

  void fill(io_uring_sqe& sqe) override { afflux_port_prep_uring(port_.get(), &sqe); }
  // It rings for a loop that drains before each sleep anyhow.
  void on_event(const io_uring_cqe& cqe) override {
    if (afflux_port_check_uring(port_.get(), &cqe) == AFFLUX_EAGAIN) arm();
  }

  ring& ring_;
  example::port port_;
};

}  // namespace uring_server
