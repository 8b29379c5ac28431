// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/timers.hpp>

int main() {
  if (afflux::timers_manual(true) != afflux::status::ok) return 1;
  return afflux::timers_advance() ? 1 : 0;  // nothing has a time limit
}
