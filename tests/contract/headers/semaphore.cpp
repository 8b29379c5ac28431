// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/semaphore.hpp>

int main() {
  const afflux::semaphore sem(1);
  const afflux::permit held = sem.acquire_blocking();
  const auto later = sem.acquire().within(std::chrono::seconds(1));
  (void)later;
  const auto idle = sem.wait_idle().within(std::chrono::seconds(1));
  (void)idle;
  return held && sem.wait_idle_blocking_for(std::chrono::seconds(0)) == afflux::status::timed_out
             ? 0
             : 1;
}
