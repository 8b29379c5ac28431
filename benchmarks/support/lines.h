// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Waiters in line for a semaphore whose permits are all held, in the library and in the
// yardstick. A completion counts itself and does nothing else.
#pragma once

#include <afflux/afflux.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "baseline/mutex_list.h"
#include "support/afflux_handle.h"

namespace afflux::bench {

// Of completions on one thread.
class plain_count {
 public:
  void add() { ++count_; }
  std::uint64_t read() const { return count_; }

 private:
  std::uint64_t count_ = 0;
};

// Of completions on several.
class alignas(128) shared_count {
 public:
  void add() { count_.fetch_add(1, std::memory_order_release); }
  std::uint64_t read() const { return count_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::uint64_t> count_{0};
};

// How a request was answered. One that holds its permits at once has no completion.
enum class answer { queued, held, refused };

// `size` permits, all held, and `size` waiters for one each. A party is a thread that queues: its
// completions are counted apart.
template <std::uint32_t kQueue, std::uint32_t kStatistics = AFFLUX_STATS_OFF,
          std::int64_t kTimeout = AFFLUX_FOREVER, class Count = plain_count>
class afflux_line {
 public:
  explicit afflux_line(std::size_t size)
      : waiters_(size), sem_(make(size, kQueue, AFFLUX_FAIR, kStatistics)) {
    afflux_sem_try_acquire(sem_.get(), size);
    for (std::size_t party = 0; party < requests_.size(); ++party) {
      afflux_request& request = requests_[party];
      afflux_request_init(&request);
      request.timeout_ns = kTimeout;
      request.wake = [](void* count, afflux_status) { static_cast<Count*>(count)->add(); };
      request.ctx = &counts_[party];
    }
  }
  afflux_line(const afflux_line&) = delete;
  afflux_line& operator=(const afflux_line&) = delete;

  answer enqueue(std::size_t i, std::size_t party = 0) {
    const afflux_status status =
        afflux_sem_acquire_async(sem_.get(), &requests_[party], &waiters_[i].memory);
    return status == AFFLUX_PENDING ? answer::queued
           : status == AFFLUX_OK    ? answer::held
                                    : answer::refused;
  }
  bool release(std::uint64_t n) { return afflux_sem_release(sem_.get(), n) == AFFLUX_OK; }
  bool cancel(std::size_t i) { return afflux_waiter_cancel(&waiters_[i].memory) == AFFLUX_OK; }
  std::uint64_t completed(std::size_t party = 0) const { return counts_[party].read(); }

 private:
  struct alignas(64) record {
    afflux_waiter memory{};
  };

  std::array<afflux_request, 2> requests_;
  std::array<Count, 2> counts_;
  std::vector<record> waiters_;
  handle sem_;  // last: destroying it completes the waiters that are left
};

// The yardstick: std::mutex and a list, in records of which each begins at a multiple of kAlign.
template <std::size_t kAlign, class Count = plain_count>
class list_line {
 public:
  explicit list_line(std::size_t size) : sem_(size), waiters_(size) { sem_.try_acquire(size); }
  list_line(const list_line&) = delete;
  list_line& operator=(const list_line&) = delete;

  answer enqueue(std::size_t i, std::size_t party = 0) {
    baseline::list_waiter& waiter = waiters_[i].waiter;
    waiter.wake = [](void* count) { static_cast<Count*>(count)->add(); };
    waiter.context = &counts_[party];
    return sem_.acquire(1, waiter) ? answer::held : answer::queued;
  }
  bool release(std::uint64_t n) { return sem_.release(n); }
  bool cancel(std::size_t i) { return sem_.cancel(waiters_[i].waiter); }
  std::uint64_t completed(std::size_t party = 0) const { return counts_[party].read(); }

 private:
  struct alignas(kAlign) record {
    baseline::list_waiter waiter{};
  };

  baseline::mutex_list sem_;
  std::array<Count, 2> counts_;
  std::vector<record> waiters_;
};

}  // namespace afflux::bench
