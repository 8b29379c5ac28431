// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the tests of the timer's thread give it to do.
#pragma once

#include <atomic>
#include <cstdint>

#include "policy.h"

namespace afflux_test {

using policy = afflux::native_policy;
using entry = afflux::time::timer_entry<policy>;

inline constexpr std::int64_t kMs = 1'000'000;

inline std::atomic<std::uint32_t> g_calls{0};
inline std::atomic<std::uint32_t> g_fired{0};
inline std::atomic<std::int64_t> g_early{0};

// As the queue layer's: fires what is due in the process' timer service.
inline std::int64_t advance() {
  const std::int64_t rest = policy::timers().advance(policy::now(), [](entry& due) {
    if (policy::now() < due.deadline) g_early.fetch_add(1);
    policy::timers().conclude(due);
    g_fired.fetch_add(1);
    policy::unpark(&g_fired);
  });
  g_calls.fetch_add(1);
  policy::unpark(&g_calls);
  return rest;
}

inline void await(std::atomic<std::uint32_t>& counter, std::uint32_t at_least) {
  for (std::uint32_t seen; (seen = counter.load()) < at_least;) {
    policy::park(counter, seen, afflux::time::kNever);
  }
}

inline void arm(entry& e, std::int64_t after) {
  if (policy::timers().arm(e, afflux::time::deadline_after(after))) policy::timers_changed();
}

}  // namespace afflux_test
