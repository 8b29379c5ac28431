// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   bell  bit 0      the thread sleeps, or is about to
//         bits 1 ..  rings so far
//
// TT1  No ring is lost: the thread notes the rings, then calls advance(), and only
//      if there were none since sets bit 0 and sleeps, by one compare-and-swap and
//      by the parker's own comparison. A ring that finds bit 0 wakes the address.
// TT2  The mutex orders starting, the choice of mode and fork(). Nothing of the timer
//      service is called under it but the fork hooks.
#include "threads/timer_thread.h"

#include <atomic>
#include <mutex>

#include "park/park.h"
#include "threads/fork_watch.h"
#include "threads/helpers.h"
#include "time/clock.h"
#include "time/host.h"
#include "time/immortal.h"

namespace afflux::threads {
namespace {

using parker = park::native;

constexpr std::uint32_t kRunning = 1;  // mode: the thread exists
constexpr std::uint32_t kManual = 2;   // mode: it is not to advance

constexpr std::uint32_t kAsleep = 1;  // bell
constexpr std::uint32_t kRing = 2;    // bell: one of them

struct runner {
  parker::mutex mutex;
  std::atomic<std::uint32_t> mode{0};
  std::atomic<std::uint32_t> bell{0};
  std::atomic<std::int64_t (*)()> advance{nullptr};
  std::atomic<const fork_hooks*> hooks{nullptr};
};

constinit time::immortal<runner> g_runner;

// ---- fork -------------------------------------------------------------------

thread_local const fork_hooks* t_hooks = nullptr;

struct handlers {
  static void before() {
    runner& self = g_runner.value;
    self.mutex.lock();
    // relaxed: stored under the mutex.
    t_hooks = self.hooks.load(std::memory_order_relaxed);
    if (t_hooks != nullptr) t_hooks->before();
  }
  static void parent() {
    if (t_hooks != nullptr) t_hooks->parent();
    g_runner.value.mutex.unlock();
  }
  static void child() {
    runner& self = g_runner.value;
    if (t_hooks != nullptr) t_hooks->child();
    // relaxed, all: the child has one thread.
    self.mode.fetch_and(~kRunning, std::memory_order_relaxed);
    self.bell.store(0, std::memory_order_relaxed);
    self.mutex.unlock();
  }
};
using watch = fork_watch<handlers>;

// Normally registered before there are threads, one of which could fork meanwhile.
[[maybe_unused]] const int g_early = watch::begin();

// ---- the thread -------------------------------------------------------------

void ring() noexcept {
  runner& self = g_runner.value;
  // [ring] release; pairs with the acquire load in run(): the thread sees what was
  // changed before. An exchange of the whole word, so that either this call sees
  // bit 0, or the thread's compare-and-swap sees the ring (TT1).
  if ((self.bell.fetch_add(kRing, std::memory_order_release) & kAsleep) != 0) {
    parker::wake(&self.bell);
  }
}

// Sleeps until `deadline` unless the bell has rung since `rings` was read.
void sleep(std::uint32_t rings, std::int64_t deadline) noexcept {
  runner& self = g_runner.value;
  std::uint32_t expected = rings;
  // relaxed, here and below: only the value counts (TT1); the acquire load at the
  // top of run() comes before anything is looked at.
  if (!self.bell.compare_exchange_strong(expected, rings | kAsleep, std::memory_order_relaxed,
                                         std::memory_order_relaxed)) {
    return;
  }
  parker::wait(self.bell, rings | kAsleep, deadline);
  self.bell.fetch_and(~kAsleep, std::memory_order_relaxed);
}

// This thread forked, in a callback, and has come back here in the child: it is
// the runner there, unless there is one already.
bool adopt() noexcept {
  runner& self = g_runner.value;
  std::lock_guard lock(self.mutex);
  // relaxed: under the mutex, and what it announces is this very thread.
  return (self.mode.fetch_or(kRunning, std::memory_order_relaxed) & kRunning) == 0;
}

void run() noexcept {
  runner& self = g_runner.value;
  std::uint32_t forks = threads::forks();  // changes only in a fork() by this very thread
  for (;;) {
    if (const std::uint32_t now = threads::forks(); now != forks) {
      if (!adopt()) return;
      forks = now;
    }
    // [ring] acquire; pairs with the release in ring().
    const std::uint32_t rings = self.bell.load(std::memory_order_acquire);
    std::int64_t deadline = time::kNever;
    // relaxed, both: set before the thread was started, or before a ring.
    if ((self.mode.load(std::memory_order_relaxed) & kManual) == 0) {
      const std::int64_t rest = self.advance.load(std::memory_order_relaxed)();
      if (rest == 0) continue;
      deadline = time::deadline_after(rest);
    }
    sleep(rings, deadline);
  }
}

constexpr time::thread_start kThread{"afflux-timer", run};

// Under the mutex.
int start(runner& self) noexcept {
  const int error = time::start_detached(kThread);
  // [running] release; pairs with the load in ensure_runner().
  if (error == 0) self.mode.fetch_or(kRunning, std::memory_order_release);
  return error;
}

}  // namespace

int keep_over_fork(const fork_hooks& hooks) noexcept {
  runner& self = g_runner.value;
  // relaxed: that they are set is all that the caller needs to know.
  if (self.hooks.load(std::memory_order_relaxed) != nullptr) return 0;
  if (const int error = watch::begin(); error != 0) return error;
  // Under the mutex, so that no fork begins without the hooks and ends with them.
  std::lock_guard lock(self.mutex);
  const fork_hooks* none = nullptr;
  self.hooks.compare_exchange_strong(none, &hooks, std::memory_order_relaxed,
                                     std::memory_order_relaxed);
  return 0;
}

int ensure_runner(std::int64_t (*advance)()) noexcept {
  runner& self = g_runner.value;
  // [running] acquire; pairs with the release in start(): once seen, rings reach it.
  const std::uint32_t mode = self.mode.load(std::memory_order_acquire);
  if ((mode & kRunning) != 0) return 0;
  // relaxed: its being set is what counts, set_manual() will start the thread then.
  if ((mode & kManual) != 0 && self.advance.load(std::memory_order_relaxed) != nullptr) return 0;
  if (const int error = watch::begin(); error != 0) return error;

  std::lock_guard lock(self.mutex);
  // relaxed, all: under the mutex; starting a thread publishes to it.
  std::int64_t (*none)() = nullptr;
  self.advance.compare_exchange_strong(none, advance, std::memory_order_relaxed,
                                       std::memory_order_relaxed);
  if (self.mode.load(std::memory_order_relaxed) != 0) return 0;
  return start(self);
}

void runner_wake() noexcept { ring(); }

int set_manual(bool manual) noexcept {
  runner& self = g_runner.value;
  if (const int error = watch::begin(); error != 0) return error;
  {
    std::lock_guard lock(self.mutex);
    // relaxed, all: under the mutex, and the ring below publishes to the thread.
    if (manual) {
      self.mode.fetch_or(kManual, std::memory_order_relaxed);
    } else {
      const bool needed = self.advance.load(std::memory_order_relaxed) != nullptr;
      if (needed && (self.mode.load(std::memory_order_relaxed) & kRunning) == 0) {
        if (const int error = start(self); error != 0) return error;
      }
      self.mode.fetch_and(~kManual, std::memory_order_relaxed);
    }
  }
  ring();
  return 0;
}

}  // namespace afflux::threads
