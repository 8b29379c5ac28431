// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/wait_queue.hpp>

int main() {
  const afflux::wait_queue queue(afflux::queue_strategy::automatic);
  return queue.wake_all() == afflux::status::ok && queue.waiters() == 0 ? 0 : 1;
}
