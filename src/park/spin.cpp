// SPDX-License-Identifier: MIT OR Apache-2.0
#include "park/spin.h"

#include <algorithm>
#include <atomic>
#include <thread>

#if defined(__linux__)
#  include <sched.h>
#  include <unistd.h>
#endif

namespace afflux::park {
namespace {

constexpr std::uint32_t kTurns = 150;
constexpr std::uint32_t kUnknown = ~std::uint32_t{0};

// CPUs that this process may use; 0: nobody can tell.
unsigned cpus() noexcept {
#if defined(__linux__)
  // hardware_concurrency() counts the machine's CPUs. The masks of this thread
  // and of the first one together: a thread that is pinned to a core of its own
  // still has others that run elsewhere.
  cpu_set_t mine;
  cpu_set_t first;
  CPU_ZERO(&mine);
  CPU_ZERO(&first);
  if (sched_getaffinity(0, sizeof(mine), &mine) == 0 &&
      sched_getaffinity(getpid(), sizeof(first), &first) == 0) {
    CPU_OR(&mine, &mine, &first);
    return static_cast<unsigned>(CPU_COUNT(&mine));
  }  // a machine of more CPUs than a cpu_set_t holds comes here
#endif
  return std::thread::hardware_concurrency();
}

// The budget of this thread, in eighths of a turn. A success raises it towards
// twice what was needed, a failure lowers it by an eighth down to a floor at which
// a try costs next to nothing and a later success can still be noticed.
constexpr std::uint32_t kFloor = 4 * 8;
thread_local std::uint32_t budget = kTurns * 8;

}  // namespace

std::uint32_t spin_budget() noexcept { return spins() == 0 ? 0 : budget / 8; }

void spin_ended(std::uint32_t turns, bool helped) noexcept {
  if (helped) {
    const std::uint32_t want = std::min(turns * 2 + 16, kTurns);
    budget += want * 8 > budget ? (want * 8 - budget) / 8 : 0;
  } else if (turns != 0) {
    budget = std::max(budget - budget / 8, kFloor);
  }
}

std::uint32_t spins() noexcept {
  static constinit std::atomic<std::uint32_t> known{kUnknown};
  // relaxed, both: the number is all there is, and whoever counts finds the same.
  std::uint32_t turns = known.load(std::memory_order_relaxed);
  if (turns == kUnknown) {
    turns = cpus() == 1 ? 0 : kTurns;
    known.store(turns, std::memory_order_relaxed);
  }
  return turns;
}

}  // namespace afflux::park
