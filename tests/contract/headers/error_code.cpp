// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/error_code.hpp>

int main() {
  const std::error_code closed = afflux::status::closed;
  return closed == afflux::status::closed && closed != afflux::status::ok ? 0 : 1;
}
