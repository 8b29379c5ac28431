// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The limit, and permits that are taken or given back whatever their number is.
#pragma once

#include "queue/queue.h"

namespace afflux::queue {

template <class P>
template <class Decide>
status waiter_queue<P>::resize(Decide&& decide_on) {
  std::uint64_t w = lock(kBusy);
  const std::uint64_t before = limit();
  std::uint64_t after = before;
  const status s = decide_on(after);
  if (s != status::ok) {
    settle(w, 0);
    return s;
  }
  counts_.resized();
  if (after != before && P::kMutant != mutant::no_resize_count) {
    std::uint64_t then = 0;
    do {
      then = queue::after_resize<P::kResizeBits>(w);
      // acquire, pairs with the [release] of permits that came in.
    } while (!word().compare_exchange_strong(w, then, std::memory_order_acquire,
                                             std::memory_order_acquire));
    w = then;
  }
  if (after < before) special_ = shrunk_ = true;
  // relaxed, both: the exchanges on the word come before and after.
  limit_.store(after, std::memory_order_relaxed);
  block_.limit.store(after, std::memory_order_relaxed);
  auto gone = static_cast<std::int64_t>(before) - static_cast<std::int64_t>(after);
  if constexpr (P::kMutant == mutant::debt_lost) gone = std::min(gone, available(w));
  settle(w, gone);
  return status::ok;
}

template <class P>
void waiter_queue<P>::take_all() {
  const std::uint64_t w = lock(kBusy);
  settle(w, std::max<std::int64_t>(available(w), 0));
}

template <class P>
std::uint64_t waiter_queue<P>::held_exactly() {
  const std::uint64_t w = lock(kBusy);
  const std::uint64_t n = held(w, limit());
  settle(w, 0);
  return n;
}

template <class P>
status waiter_queue<P>::release_what_is_held(std::uint64_t n) {
  const std::uint64_t w = lock(kBusy);
  const std::uint64_t held_now = held(w, limit());
  settle(w, -static_cast<std::int64_t>(std::min(n, held_now)));
  return n <= held_now ? status::ok : status::overflow;
}

}  // namespace afflux::queue
