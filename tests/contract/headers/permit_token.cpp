// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/permit_token.hpp>

int main() {
  afflux::permit_token none;
  const afflux::permit_token of_nothing{afflux::permit()};
  if (of_nothing.status() != afflux::status::already) return 1;
  return none.release() == afflux::status::already ? 0 : 1;
}
