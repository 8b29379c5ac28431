// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/several.hpp>

int main() {
  const afflux::event ready(afflux::reset::manual);
  (void)afflux::any(ready.wait());
  (void)afflux::all(ready.wait(), ready.wait());
  return 0;
}
