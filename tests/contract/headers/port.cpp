// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/port.hpp>

int main() {
  afflux::port loop(afflux::port_options{
      .kind = afflux::port_kind::callback, .drains_all = true, .doorbell = [](void*) {}});
  return loop.run_ready(1) == 0 && loop.close() == afflux::status::ok ? 0 : 1;
}
