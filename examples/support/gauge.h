// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace example {

// A number of things there now, and the most there were at once. Counted beside the semaphore and
// not by it, so that it bears witness. relaxed: the numbers stand for themselves.
class gauge {
 public:
  // How many there are now.
  std::uint64_t enter() {
    const std::uint64_t now = now_.fetch_add(1, std::memory_order_relaxed) + 1;
    std::uint64_t peak = peak_.load(std::memory_order_relaxed);
    while (peak < now && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
    return now;
  }
  void leave() { now_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint64_t now() const { return now_.load(std::memory_order_relaxed); }
  std::uint64_t peak() const { return peak_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> now_{0};
  std::atomic<std::uint64_t> peak_{0};
};

}  // namespace example
