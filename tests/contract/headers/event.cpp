// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/event.hpp>

int main() {
  using afflux::status;
  const afflux::event ready(afflux::reset::manual);
  if (ready.pulse() != status::ok || ready.notify_one() != status::ok) return 1;
  return ready.wait_blocking() == status::ok ? 0 : 2;
}
