// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a semaphore was created with.
#pragma once

#include <cstdint>

#include "queue/completion.h"

namespace afflux::queue {

enum class overflow : std::uint8_t { suspend, drop_newest, drop_oldest };

// Shedding of the queue: see shedding.h.
struct shed_rule {
  std::int64_t target = 0;    // ns, above 0; 0: none is shed, and the rest is of no meaning
  std::int64_t interval = 0;  // ns, not below the target
  bool newest_first = false;  // while the queue stands

  bool on() const { return target != 0; }
};

struct settings {
  std::uint64_t limit = 1;
  bool throughput = false;
  bool weightless = false;  // grants take nothing: an event that stays set
  overflow when_full = overflow::suspend;
  shed_rule shed;
  std::uint64_t max_waiters = UINT64_MAX;
  std::uint64_t max_bytes = UINT64_MAX;
  std::int64_t default_timeout = -1;
  std::uint32_t strategy = 0;    // as in afflux.h
  std::uint32_t statistics = 0;  // likewise
  std::uint32_t ledger = 0;      // lines of it
  slow_wait slow;

  // `bytes` are queued; would `cost` more be too much?
  bool too_many_bytes(std::uint64_t bytes, std::uint64_t cost) const {
    return bytes > max_bytes || cost > max_bytes - bytes;
  }
  bool limited() const { return when_full != overflow::suspend; }
  std::int64_t weight(std::int64_t n) const { return weightless ? 0 : n; }
  // Each wait is taken.
  bool times() const { return statistics == AFFLUX_STATS_FULL || slow.tell != nullptr; }
};

}  // namespace afflux::queue
