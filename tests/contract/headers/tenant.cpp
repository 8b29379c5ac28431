// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/tenant.hpp>

int main() {
  const afflux::semaphore sem(8);
  const afflux::tenant tenant(sem, {.weight = 2, .cap = 4});
  {
    const afflux::permit held = tenant.try_acquire(4);
    if (held.count() != 4) return 1;
    if (tenant.try_acquire_raw() != afflux::status::again) return 2;
  }
  if (tenant.stats().held != 0) return 3;
  return tenant.stats().acquired == 4 ? 0 : 4;
}
