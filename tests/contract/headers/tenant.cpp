// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/tenant.hpp>

int main() {
  const afflux::semaphore sem(8);
  const afflux::tenant tenant(sem, {.weight = 2, .cap = 4});
  if (tenant.try_acquire(4) != afflux::status::ok) return 1;
  if (tenant.try_acquire() != afflux::status::again) return 2;
  if (tenant.release(4) != afflux::status::ok) return 3;
  return tenant.stats().acquired == 4 ? 0 : 4;
}
