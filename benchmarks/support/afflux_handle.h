// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <afflux/afflux.h>

#include <cstdint>
#include <memory>

namespace afflux::bench {

struct unref {
  void operator()(afflux_sem* sem) const noexcept { afflux_sem_unref(sem); }
};
using handle = std::unique_ptr<afflux_sem, unref>;

// Empty when the strategy is not in the library.
inline handle make(std::uint64_t permits, std::uint32_t queue, std::uint32_t fairness = AFFLUX_FAIR,
                   std::uint32_t statistics = AFFLUX_STATS_OFF) noexcept {
  afflux_sem_options options;
  afflux_sem_options_init(&options);
  options.permits = permits;
  options.queue = queue;
  options.fairness = fairness;
  options.statistics = statistics;
  afflux_sem* sem = nullptr;
  afflux_sem_create(&options, &sem);
  return handle(sem);
}

}  // namespace afflux::bench
