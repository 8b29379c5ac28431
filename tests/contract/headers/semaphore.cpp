// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/semaphore.hpp>

int main() {
  const afflux::semaphore sem(1);
  const afflux::permit held = sem.acquire_blocking();
  const auto later = sem.acquire().within(std::chrono::seconds(1));
  (void)later;
  return held ? 0 : 1;
}
