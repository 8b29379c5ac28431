// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <afflux/afflux.h>

#include <stdexcept>
#include <string>

namespace example {

// The options of a port whose loop drains until nothing comes before each sleep.
inline afflux_port_options port_options(std::uint32_t kind) {
  afflux_port_options options;
  afflux_port_options_init(&options);
  options.kind = kind;
  options.flags = AFFLUX_PORT_DRAINS_ALL;
  return options;
}

// An owner.
class port {
 public:
  explicit port(const afflux_port_options& options) {  // throws std::runtime_error
    const afflux_status made = afflux_port_create(&options, &handle_);
    if (made != AFFLUX_OK) throw std::runtime_error(std::string("port: ") + afflux_strerror(made));
  }
  port(const port&) = delete;
  port& operator=(const port&) = delete;
  ~port() { afflux_port_unref(handle_); }

  afflux_port* get() const { return handle_; }

 private:
  afflux_port* handle_ = nullptr;
};

}  // namespace example
