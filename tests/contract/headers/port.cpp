// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/port.hpp>

int main() {
  afflux::port none;
  return none.run_ready(1) == 0 && none.close() == afflux::status::invalid ? 0 : 1;
}
