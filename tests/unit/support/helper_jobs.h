// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the tests of the helpers give them to do.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>

#include "policy.h"
#include "time/clock.h"

namespace afflux_test {

using policy = afflux::native_policy;
using afflux::threads::kMostHelpers;

// More jobs than there may be helpers.
inline constexpr std::uint32_t kTooMany = kMostHelpers + 44;

inline void await(std::atomic<std::uint32_t>& counter, std::uint32_t at_least) {
  for (std::uint32_t seen; (seen = counter.load()) < at_least;) {
    policy::park(counter, seen, afflux::time::kNever);
  }
}
inline void count(std::atomic<std::uint32_t>& counter) {
  counter.fetch_add(1);
  policy::unpark(&counter);
}

using job = void (*)();

struct job_list {
  std::mutex mutex;
  std::deque<job> waiting;
};
// The child of a fork() takes a new one: a helper of its parent may have been inside.
inline job_list* g_jobs = new job_list;

inline bool run_one() {
  job next = nullptr;
  {
    const std::lock_guard lock(g_jobs->mutex);
    if (g_jobs->waiting.empty()) return false;
    next = g_jobs->waiting.front();
    g_jobs->waiting.pop_front();
  }
  next();
  return true;
}

// What help() answers.
inline int add(job next) {
  {
    const std::lock_guard lock(g_jobs->mutex);
    g_jobs->waiting.push_back(next);
  }
  return policy::help(&run_one);
}

inline std::atomic<std::uint32_t> g_begun{0};
inline std::atomic<std::uint32_t> g_done{0};
inline std::atomic<std::uint32_t> g_released{0};

inline void quick() { count(g_done); }
// Blocks, as a callback may.
inline void until_released() {
  count(g_begun);
  await(g_released, 1);
  count(g_done);
}
inline void release_all() { count(g_released); }

}  // namespace afflux_test
