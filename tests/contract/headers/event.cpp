// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/event.hpp>

int main() {
  const afflux::event ready(afflux::reset::manual);
  ready.pulse();
  ready.notify_one();
  return ready.wait_blocking() == afflux::status::ok ? 0 : 1;
}
