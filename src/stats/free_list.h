// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The numbers of the slots that are free, last one first: a stack without a lock (Treiber 1986),
// linked through an atomic of each slot, which exists for good.
#pragma once

#include <atomic>
#include <cstdint>

namespace afflux::stats {

// Tagged: false for a test that wants to see why it is.
template <class P, bool Tagged = true>
class free_list {
 public:
  using link = typename P::template atomic<std::uint32_t>;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // Those that start at `first` are linked already.
  explicit free_list(std::uint32_t first = kNone) : head_(first) {}

  // link_of(number): that slot's link. kNone: none is free.
  template <class LinkOf>
  std::uint32_t pop(LinkOf link_of) {
    // [pop] acquire, pairs with [give]: the slot's life before has ended.
    std::uint64_t head = head_.load(std::memory_order_acquire);
    while (number_in(head) != kNone) {
      // relaxed: right if no thread has taken it meanwhile, which the tag tells.
      const std::uint32_t next = link_of(number_in(head)).load(std::memory_order_relaxed);
      if (head_.compare_exchange_strong(head, changed(head, next), std::memory_order_acquire,
                                        std::memory_order_acquire)) {
        return number_in(head);
      }
    }
    return kNone;
  }

  void push(std::uint32_t number, link& its) {
    std::uint64_t head = head_.load(std::memory_order_relaxed);  // the exchange decides
    do {
      its.store(number_in(head), std::memory_order_relaxed);  // published by [give]
      // [give] release, pairs with [pop].
    } while (!head_.compare_exchange_strong(head, changed(head, number), std::memory_order_release,
                                            std::memory_order_relaxed));
  }

 private:
  // The head: a number, and above it a count of the changes, so that an exchange fails that was
  // prepared by a look at an earlier head with the same number.
  static std::uint32_t number_in(std::uint64_t head) { return static_cast<std::uint32_t>(head); }
  static std::uint64_t changed(std::uint64_t head, std::uint32_t number) {
    constexpr std::uint64_t kOne = std::uint64_t{1} << 32;
    return (Tagged ? (head & -kOne) + kOne : 0) | number;
  }

  typename P::template atomic<std::uint64_t> head_;
};

}  // namespace afflux::stats
