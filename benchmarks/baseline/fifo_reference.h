// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The plain way to a fair blocking semaphore: a state word for the free path, a
// std::mutex and an intrusive list for those who wait, a private futex for each
// of them, and hand-off: a permit goes from the releaser to the first in line.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "baseline/api.h"

namespace afflux::baseline {

class BASELINE_API fifo_reference {
 public:
  explicit fifo_reference(std::uint64_t limit) noexcept : limit_(limit) {}

  void acquire() noexcept;
  void release() noexcept;

 private:
  struct node;

  bool is_free(std::uint64_t state) const noexcept {
    return (state & kQueued) == 0 && state / kOne < limit_;
  }

  static constexpr std::uint64_t kQueued = 1;  // changes under mutex_ only
  static constexpr std::uint64_t kOne = 2;     // permits held, above the flag

  std::atomic<std::uint64_t> state_{0};
  const std::uint64_t limit_;
  std::mutex mutex_;
  node* first_ = nullptr;
  node* last_ = nullptr;
};

}  // namespace afflux::baseline
