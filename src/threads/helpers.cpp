// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   HP1  The mutex guards all of the pool. It is held neither while run_one() runs, nor while a
//        helper sleeps.
//   HP2  An idle helper is in the list, by a word on its stack, until it is rung or its time is
//        over. The ringing thread takes it out of the list first, so a ring is for one helper and
//        none is lost: one that wakes up at the end of its time finds its word set, or itself in
//        the list.
//   HP3  A call that finds no helper idle, and can start none, raises `calls`. A helper goes idle
//        only if there was none since it began to run until run_one() answered false.
#include "threads/helpers.h"

#include <cstdint>
#include <mutex>

#include "park/park.h"
#include "threads/fork_watch.h"
#include "time/clock.h"
#include "time/host.h"
#include "time/immortal.h"

namespace afflux::threads {
namespace {

using parker = park::native;
using lock_type = std::unique_lock<parker::mutex>;

constexpr std::int64_t kIdleFor = 1'000'000'000;

struct idler {
  std::atomic<std::uint32_t> rung{0};
  idler* below = nullptr;  // idle for longer
};

struct pool {
  parker::mutex mutex;
  bool (*run_one)() = nullptr;
  idler* idle = nullptr;
  unsigned alive = 0;
  std::uint32_t calls = 0;  // HP3
  std::atomic<void*> left{nullptr};
};

constinit time::immortal<pool> g_pool;

struct handlers {
  static void before() { g_pool.value.mutex.lock(); }
  static void parent() { g_pool.value.mutex.unlock(); }
  // The helpers are the parent's, and so are the stacks in the list. One thread may be a helper in
  // the child, too: the one that forked, see run().
  static void child() {
    pool& self = g_pool.value;
    self.idle = nullptr;
    self.alive = 0;
    // relaxed: the child has one thread.
    self.left.store(nullptr, std::memory_order_relaxed);
    self.mutex.unlock();
  }
};
using watch = fork_watch<handlers>;

// Normally registered before there are threads, one of which could fork meanwhile.
[[maybe_unused]] const int g_early = watch::begin();

void leave_list(pool& self, const idler& me) noexcept {
  idler** at = &self.idle;
  while (*at != &me) at = &(*at)->below;
  *at = me.below;
}

// Idle, under the mutex before and after. True: it has been rung. False: it is no helper any more.
bool rest(pool& self, lock_type& lock) noexcept {
  idler me;
  me.below = self.idle;
  self.idle = &me;
  const std::int64_t deadline = time::deadline_after(kIdleFor);
  lock.unlock();
  // relaxed, all: the mutex, which comes next, orders what the ring is about.
  while (me.rung.load(std::memory_order_relaxed) == 0 && parker::wait(me.rung, 0, deadline)) {
  }
  lock.lock();
  if (me.rung.load(std::memory_order_relaxed) != 0) return true;
  leave_list(self, me);
  --self.alive;
  return false;
}

void run() noexcept {
  pool& self = g_pool.value;
  lock_type lock(self.mutex);
  std::uint32_t forks = threads::forks();
  for (;;) {
    const std::uint32_t calls = self.calls;
    bool (*const run_one)() = self.run_one;
    lock.unlock();
    while (run_one()) {
    }
    lock.lock();
    if (threads::forks() != forks) {
      // A callback has forked, on this thread, which has come back here in the child.
      forks = threads::forks();
      ++self.alive;
    }
    if (self.calls != calls) continue;
    if (!rest(self, lock)) return;
  }
}

constexpr time::thread_start kThread{"afflux-helper", run};

}  // namespace

std::atomic<void*>& left_to_helpers() noexcept { return g_pool.value.left; }

// relaxed: it changes where there is one thread only.
std::uint32_t forks() noexcept { return g_forks.load(std::memory_order_relaxed); }

int help(bool (*run_one)()) noexcept {
  // Before there is a helper, so an error is that of having none.
  if (const int error = watch::begin(); error != 0) return error;
  pool& self = g_pool.value;
  lock_type lock(self.mutex);
  if (self.run_one == nullptr) self.run_one = run_one;
  if (idler* const one = self.idle; one != nullptr) {
    self.idle = one->below;
    const void* const address = &one->rung;
    one->rung.store(1, std::memory_order_relaxed);
    // The helper may see that, and be gone, before it is woken: the address is enough.
    lock.unlock();
    parker::wake(address);
    return 0;
  }
  if (self.alive < kMostHelpers) {
    const int error = time::start_detached(kThread);
    if (error == 0) return ++self.alive, 0;
    if (self.alive == 0) return error;
  }
  ++self.calls;
  return 0;
}

}  // namespace afflux::threads
