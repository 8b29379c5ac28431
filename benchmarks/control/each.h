// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Does independent pieces of work on several threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace afflux::simulation {

// Calls `work(i)` for each i below `count`, in no order; returns when all have returned.
template <class Work>
void each(std::size_t count, unsigned threads, const Work& work) {
  std::atomic<std::size_t> next{0};
  const auto take = [&] {
    // relaxed: the threads share nothing but the number; join() publishes what they did.
    for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) work(i);
  };
  std::vector<std::jthread> others;
  for (unsigned i = 1; i < threads; ++i) others.emplace_back(take);
  take();
}

}  // namespace afflux::simulation
