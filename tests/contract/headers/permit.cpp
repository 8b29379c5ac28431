// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/permit.hpp>

int main() {
  afflux::permit none;
  return none.release() == afflux::status::already ? 0 : 1;
}
