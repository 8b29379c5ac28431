// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/registry.hpp>

int main() {
  const afflux::registry all;
  const afflux::semaphore sem(1);
  if (all.add(sem) != afflux::status::ok || all.summary().sems != 1) return 1;
  if (all.visit_semaphores([](const afflux::semaphore&) { return true; }) != afflux::status::ok) {
    return 2;
  }
  return all.text().empty() ? 3 : 0;
}
