// SPDX-License-Identifier: MIT OR Apache-2.0
#include "park/spin.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <thread>

#include "time/clock.h"
#include "time/host.h"

#if defined(__linux__)
#  include <sched.h>
#  include <unistd.h>
#endif

namespace afflux::park {
namespace {

constexpr std::uint32_t kUnknown = ~std::uint32_t{0};

// A hand-over between two running threads takes far less.
constexpr std::int64_t kShortSpin = 3'000;
// About what it costs to sleep and be woken: a wait that spins no longer than that
// costs at most twice the best (Karlin et al., SOSP 1991).
constexpr std::int64_t kLongSpin = 20'000;

// Tenths of a nanosecond that one pause() takes: from 10 ns to 50 ns on processors of
// one family. The least of some tries, for an interrupt may fall into one.
std::int64_t pause_length() noexcept {
  constexpr int kPauses = 32;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < 8; ++i) {
    const std::int64_t before = time::now_ns();
    for (int k = 0; k < kPauses; ++k) pause();
    least = std::min(least, (time::now_ns() - before) * 10 / kPauses);
  }
  return std::max<std::int64_t>(least, 1);
}

// CPUs that this process may use; 0: unknown.
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
  const time::no_thread_cancel whole;  // some systems look into a file
  return std::thread::hardware_concurrency();
}

struct alignas(8) limits {  // aligned as one atomic word
  std::uint32_t short_spin;
  std::uint32_t long_spin;
};

limits measure() noexcept {
  if (cpus() == 1) return {0, 0};
  const std::int64_t pause = pause_length();
  return {static_cast<std::uint32_t>(kShortSpin * 10 / pause),
          static_cast<std::uint32_t>(kLongSpin * 10 / pause)};
}

// Threads that come together find nearly the same, and either is good.
limits known() noexcept {
  static_assert(std::atomic<limits>::is_always_lock_free);
  static constinit std::atomic<limits> all{limits{kUnknown, kUnknown}};
  // relaxed, both: the pair is all there is.
  limits found = all.load(std::memory_order_relaxed);
  if (found.short_spin == kUnknown) {
    found = measure();
    all.store(found, std::memory_order_relaxed);
  }
  return found;
}

// How far spinning is worth it to this thread, in sixteenths of the long spin. A
// success raises it by one, a failure takes an eighth off. At 0 it sleeps at once but
// for a full try every now and then: two threads that keep waking each other up find
// out that way that both are running.
struct experience {
  std::uint32_t worth = kMost;
  std::uint32_t waits_until_try = 0;

  static constexpr std::uint32_t kMost = 16 * 8;
  static constexpr std::uint32_t kTryEvery = 128;
};
thread_local experience lately;

}  // namespace

void give_way() noexcept { std::this_thread::yield(); }

std::uint32_t spins() noexcept { return known().short_spin; }

std::uint32_t spin_budget() noexcept {
  const std::uint32_t most = known().long_spin;
  if (lately.worth < experience::kMost / 16) {
    if (lately.waits_until_try != 0) {
      --lately.waits_until_try;
      return 0;
    }
    lately.waits_until_try = experience::kTryEvery;
    return most;
  }
  return most * lately.worth / experience::kMost;
}

void spin_ended(std::uint32_t turns, bool helped) noexcept {
  if (helped) {
    lately.worth = std::min(lately.worth + experience::kMost / 16, experience::kMost);
  } else if (turns != 0) {
    lately.worth -= (lately.worth + 7) / 8;
  }
}

}  // namespace afflux::park
