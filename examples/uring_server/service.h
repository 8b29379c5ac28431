// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the ring threads share: the semaphore that limits the requests in flight, and the event
// that ends it all.
#pragma once

#include <afflux/afflux.hpp>
#include <atomic>
#include <cstdint>

#include "backend.h"
#include "options.h"

namespace uring_server {

// Counted beside the semaphore and not by it, so that it bears witness.
class gauge {
 public:
  // How many there are now. relaxed: the numbers stand for themselves.
  std::uint64_t enter() {
    const std::uint64_t now = now_.fetch_add(1, std::memory_order_relaxed) + 1;
    std::uint64_t peak = peak_.load(std::memory_order_relaxed);
    while (peak < now && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
    return now;
  }
  void leave() { now_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint64_t peak() const { return peak_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<std::uint64_t> now_{0};
  std::atomic<std::uint64_t> peak_{0};
};

struct service {
  explicit service(const options& chosen);

  backend calls;
  afflux::semaphore permits;
  afflux::event stop{afflux::reset::manual};
  gauge in_flight;
};

}  // namespace uring_server
