// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/executor.hpp>

int main() {
  static_assert(afflux::executor<afflux::resume_inline>);
  return 0;
}
