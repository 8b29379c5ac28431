// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/control.hpp>

int main() {
  const afflux::semaphore sem(8);
  const afflux::control control(sem, {.max = 4});
  if (control.sample(std::chrono::milliseconds(2)) != afflux::status::ok) return 1;
  return control.stats().limit == sem.limit() ? 0 : 2;
}
