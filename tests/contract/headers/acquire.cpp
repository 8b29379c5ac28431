// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/acquire.hpp>

int main() {
  static_assert(sizeof(afflux::acquire_operation<>) > 0);
  return 0;
}
