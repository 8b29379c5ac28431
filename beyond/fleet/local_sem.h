// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The semaphore that the process acquires from. A limit below what a request asks for would answer
// it with AFFLUX_E2BIG, and end those that queue. So the agent holds `reserve` permits for itself,
// and the limit is higher by as many: what others can have is exactly what is leased.
#pragma once

#include <afflux/afflux.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "fleet/ledger.h"

namespace afflux::fleet {

class local_sem {
 public:
  // `sem` has `reserve` permits, all of them free.
  local_sem(afflux_sem* sem, std::uint64_t reserve) : sem_(afflux_sem_ref(sem)), reserve_(reserve) {
    afflux_sem_try_acquire(sem_, reserve_);
    const afflux_sem_stats s = stats();
    acquired_ = s.acquired_fast;
    requests_ = s.requests_fast;
  }
  local_sem(const local_sem&) = delete;
  local_sem& operator=(const local_sem&) = delete;
  ~local_sem() {
    give_up_reserve();
    afflux_sem_unref(sem_);
  }

  afflux_sem* handle() const { return sem_; }

  // Let others have `n` in all. Runs completions. One thread at a time.
  void allow(std::uint64_t n) {
    if (n == allowed_) return;
    allowed_ = n;
    const std::uint64_t reserve = reserve_.load(std::memory_order_relaxed);  // or 0: it is closed
    afflux_sem_resize(sem_, reserve + std::min(n, kMaxPermits - reserve));
  }

  struct reading {
    std::uint64_t held = 0;     // by others: exact, as long as no other thread is in allow()
    std::uint64_t waiters = 0;  // requests
  };
  reading read() const {
    const afflux_sem_stats s = stats();
    return {held(s), s.waiters};
  }

  struct need {
    std::uint64_t held = 0;
    std::uint64_t waiting = 0;  // permits, estimated
  };
  // Requests that queue tell only how many they are, so they are taken to be as large as those that
  // were granted lately. One that waits while permits are free must be larger; each look that finds
  // it there still doubles what it is taken for. One thread at a time.
  need look() {
    const afflux_sem_stats s = stats();
    need n;
    n.held = held(s);
    const std::uint64_t acquired = s.acquired_fast + s.acquired_after_wait;
    const std::uint64_t requests = s.requests_fast + s.granted;
    if (requests > requests_ && acquired > acquired_) {
      size_ = std::max<std::uint64_t>(1, (acquired - acquired_) / (requests - requests_));
      extra_ = 0;
      acquired_ = acquired;
      requests_ = requests;
    } else if (s.waiters != 0 && n.held < allowed_) {
      extra_ = std::min(std::max<std::uint64_t>(2 * extra_, allowed_ - n.held), kMaxPermits);
    }
    if (s.waiters == 0) {
      extra_ = 0;
    } else {
      n.waiting = s.waiters > kMaxPermits / size_ ? kMaxPermits : s.waiters * size_;
      n.waiting += extra_;
    }
    return n;
  }

  // After afflux_sem_close(): nothing is granted any more, so that who waits for idleness need not
  // wait for these. Once.
  void give_up_reserve() {
    // [reserve] comes before the release of the permits: who sees them gone sees that there is no
    // reserve, and who sees no reserve may count them as held by others, which is too many.
    const std::uint64_t n = reserve_.exchange(0, std::memory_order_release);
    if (n != 0) afflux_sem_release(sem_, n);
  }

 private:
  // [reserve] is read after what it is taken from.
  std::uint64_t held(const afflux_sem_stats& s) const {
    const std::uint64_t reserve = reserve_.load(std::memory_order_acquire);
    return s.held > reserve ? s.held - reserve : 0;
  }
  afflux_sem_stats stats() const {
    afflux_sem_stats s{};
    s.struct_size = sizeof s;
    afflux_sem_get_stats(sem_, &s);
    return s;
  }

  afflux_sem* sem_;
  std::atomic<std::uint64_t> reserve_;
  std::uint64_t allowed_ = 0;
  std::uint64_t size_ = 1;
  std::uint64_t extra_ = 0;
  std::uint64_t acquired_ = 0;
  std::uint64_t requests_ = 0;
};

}  // namespace afflux::fleet
