// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/condition.hpp>

int main() {
  afflux::condition_variable_any changed;
  changed.notify_one();
  return static_cast<int>(changed.waiters());
}
