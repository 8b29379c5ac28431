// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/options.hpp>

int main() {
  const auto c = static_cast<afflux_sem_options>(afflux::options{.permits = 7});
  return c.permits == 7 ? 0 : 1;
}
