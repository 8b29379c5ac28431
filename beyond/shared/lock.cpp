// SPDX-License-Identifier: MIT OR Apache-2.0
#include "lock.h"

namespace afflux::shared {

void lock::acquire_slowly() noexcept {
  const auto take = [&] {
    bool expected = false;
    return taken_.compare_exchange_strong(expected, true, std::memory_order_seq_cst,
                                          std::memory_order_relaxed);
  };
  for (int turn = 0; turn < 100; ++turn) {
    if (!taken_.load(std::memory_order_relaxed) && take()) return;
    pause();
  }
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  if (cheap_leave_) membarrier();
  for (;;) {
    // Before the look at the lock: a wake after that look is seen.
    const std::uint32_t seen = turns_.load(std::memory_order_seq_cst);
    if (take()) break;
    futex_wait(turns_, seen, kForever, futex_private);
  }
  sleepers_.fetch_sub(1, std::memory_order_seq_cst);
}

void lock::wake_one() noexcept {
  turns_.fetch_add(1, std::memory_order_seq_cst);
  futex_wake(turns_, 1, futex_private);
}

}  // namespace afflux::shared
