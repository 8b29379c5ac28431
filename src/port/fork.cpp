// SPDX-License-Identifier: MIT OR Apache-2.0
#include "port/fork.h"

#include <atomic>

#include "time/host.h"

namespace afflux::port {
namespace {
std::atomic<std::uint32_t> g_forks{0};
}

std::uint32_t forks() noexcept {
  return g_forks.load(std::memory_order_relaxed);  // changes only while there is one thread
}

int count_forks() noexcept {
  static const int error =
      time::at_fork(nullptr, nullptr, [] { g_forks.fetch_add(1, std::memory_order_relaxed); });
  return error;
}

}  // namespace afflux::port
