// SPDX-License-Identifier: MIT OR Apache-2.0
#include "baseline/bare_pair.h"

int bare_acquire(bare_pair* pair, std::uint64_t n) noexcept {
  std::uint64_t available = pair->available.load(std::memory_order_relaxed);
  do {
    if (available < n) return 1;
  } while (!pair->available.compare_exchange_weak(
      available, available - n, std::memory_order_acquire, std::memory_order_relaxed));
  return 0;
}

int bare_release(bare_pair* pair, std::uint64_t n) noexcept {
  std::uint64_t available = pair->available.load(std::memory_order_relaxed);
  do {
    if (available + n < n) return 1;
  } while (!pair->available.compare_exchange_weak(
      available, available + n, std::memory_order_release, std::memory_order_relaxed));
  return 0;
}
