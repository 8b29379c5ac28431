// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The textbook asynchronous semaphore: one std::mutex around a count and an
// intrusive list of waiters of 40 bytes; callbacks run outside the mutex.
#pragma once

#include <cstdint>
#include <mutex>

#include "baseline/api.h"

namespace afflux::baseline {

struct list_waiter {
  list_waiter* prev;
  list_waiter* next;
  std::uint64_t permits;  // 0: not queued
  void (*wake)(void* context);
  void* context;
};
static_assert(sizeof(void*) != 8 || sizeof(list_waiter) == 40);

class BASELINE_API mutex_list {
 public:
  explicit mutex_list(std::uint64_t limit) noexcept : limit_(limit) {}

  bool try_acquire(std::uint64_t n) noexcept;

  // true: held. false: queued, waiter.wake follows (wake and context are set by the caller).
  bool acquire(std::uint64_t n, list_waiter& waiter) noexcept;

  // false: fewer than n are held. Wakes those who now fit.
  bool release(std::uint64_t n) noexcept;

  // false: not queued. Wakes those behind who now fit.
  bool cancel(list_waiter& waiter) noexcept;

 private:
  list_waiter* take_those_who_fit() noexcept;
  void unlink(list_waiter& waiter) noexcept;

  std::mutex mutex_;
  std::uint64_t held_ = 0;
  const std::uint64_t limit_;
  list_waiter* first_ = nullptr;
  list_waiter* last_ = nullptr;
};

}  // namespace afflux::baseline
