// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every way to block for one permit that is compared: acquire() and release().
#pragma once

#include <afflux/afflux.h>
#include <semaphore.h>

#include <cstdint>
#include <mutex>

#include "baseline/fifo_reference.h"
#include "support/afflux_handle.h"

namespace afflux::bench {

// Each begins with `free` permits, 0 or 1.

struct fifo_lock {
  explicit fifo_lock(unsigned free) {
    if (free == 0) sem.acquire();
  }
  void acquire() noexcept { sem.acquire(); }
  void release() noexcept { sem.release(); }
  baseline::fifo_reference sem{1};
};

template <std::uint32_t kQueue, std::uint32_t kFairness>
struct afflux_lock {
  explicit afflux_lock(unsigned free) {
    if (free == 0) acquire();
  }
  void acquire() noexcept { afflux_sem_acquire(sem.get(), 1, AFFLUX_FOREVER); }
  void release() noexcept { afflux_sem_release(sem.get(), 1); }
  handle sem = make(1, kQueue, kFairness);
};

struct posix_lock {
  explicit posix_lock(unsigned free) { sem_init(&sem, 0, free); }
  ~posix_lock() { sem_destroy(&sem); }
  posix_lock(const posix_lock&) = delete;
  posix_lock& operator=(const posix_lock&) = delete;
  void acquire() noexcept {
    while (sem_wait(&sem) != 0) {  // interrupted
    }
  }
  void release() noexcept { sem_post(&sem); }
  sem_t sem;
};

struct mutex_lock {
  explicit mutex_lock(unsigned) {}
  void acquire() noexcept { mutex.lock(); }
  void release() noexcept { mutex.unlock(); }
  std::mutex mutex;
};

}  // namespace afflux::bench
