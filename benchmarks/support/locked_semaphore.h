// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The free path of a semaphore that counts what it does, and its statistics, behind a lock.
#pragma once

#include <afflux/afflux.h>

#include <cstdint>
#include <mutex>

#include "support/locked_client.h"

namespace afflux::bench {

template <class Mutex>
class alignas(64) locked_semaphore {
 public:
  explicit locked_semaphore(std::uint64_t permits) { now_.limit = permits; }

  bool take() {
    const std::unique_lock lock(mutex_);
    if (now_.held == now_.limit) {
      ++now_.try_failed;
      return false;
    }
    ++now_.held;
    ++now_.acquired_fast;
    ++now_.requests_fast;
    return true;
  }
  bool give() {
    const std::unique_lock lock(mutex_);
    if (now_.held == 0) return false;
    --now_.held;
    ++now_.released;
    return true;
  }
  void stats(afflux_sem_stats& into) const {
    {
      const reader_lock<Mutex> lock(mutex_);
      into = now_;
    }
    into.available = into.limit - into.held;
    into.age_ns = rough_ns() - created_;
  }

 private:
  mutable Mutex mutex_;
  afflux_sem_stats now_{};
  const std::int64_t created_ = rough_ns();
};

}  // namespace afflux::bench
