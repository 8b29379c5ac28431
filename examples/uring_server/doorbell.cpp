// SPDX-License-Identifier: MIT OR Apache-2.0
#include "doorbell.h"

#include <stdexcept>
#include <string>

namespace uring_server {

doorbell::doorbell(ring& owner) : ring_(owner) {
  afflux_port_options options;
  afflux_port_options_init(&options);
  options.kind = AFFLUX_PORT_URING;
  options.flags = AFFLUX_PORT_DRAINS_ALL;
  options.user_data = user_data_of(*this);
  const afflux_status made = afflux_port_create(&options, &port_);
  if (made != AFFLUX_OK) throw std::runtime_error(std::string("port: ") + afflux_strerror(made));
}

}  // namespace uring_server
