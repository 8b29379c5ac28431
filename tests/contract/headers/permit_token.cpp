// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/permit_token.hpp>

int main() {
  afflux::permit_token none;
  return none.release() == afflux::status::already ? 0 : 1;
}
