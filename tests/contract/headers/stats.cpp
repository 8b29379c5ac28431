// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/stats.hpp>

int main() {
  const afflux::histogram none;
  const afflux::health_report unknown;
  const auto limits = static_cast<afflux_health_limits>(afflux::health_limits{.max_waiters = 3});
  return none.count() == 0 && !unknown && limits.max_waiters == 3 ? 0 : 1;
}
