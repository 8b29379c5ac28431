// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A table of slots that grows without moving and is used without a lock: chunks under nodes under
// a root, none of which is freed before the table. A slot has a number for life.
//
//   T1  A slot that was taken is its taker's alone until it is given back.
//   T2  Every slot below end() exists: its chunk was there before end() went beyond it.
#pragma once

#include <cstdint>

#include "stats/mutants.h"

namespace afflux::stats {

// Chunk: `Chunk::kSlots` slots (a power of two) in `slots`, constructed with the number of the
// first one. Slot: `number`, its own, and an atomic `next_free`.
template <class P, class Chunk>
class slot_table {
 public:
  using slot = typename Chunk::slot;
  static constexpr std::uint32_t kFan = Chunk::kFan;
  static constexpr std::uint32_t kMost = kFan * kFan * Chunk::kSlots;

  slot_table() = default;
  slot_table(const slot_table&) = delete;
  slot_table& operator=(const slot_table&) = delete;
  ~slot_table() {
    for (auto& entry : root_) {
      // relaxed: nobody else is left.
      node* const n = entry.load(std::memory_order_relaxed);
      if (n == nullptr) continue;
      for (auto& chunk : n->chunks) {
        Chunk* const c = chunk.load(std::memory_order_relaxed);
        if (c != nullptr) P::destroy(c);
      }
      P::destroy(n);
    }
  }

  // nullptr: no memory, or kMost are taken.
  slot* take() {
    // [pop] acquire, pairs with [give]: the slot's life before has ended.
    std::uint64_t head = free_.load(std::memory_order_acquire);
    while (number_in(head) != kNone) {
      slot& x = at(number_in(head));
      // relaxed: right if nobody has taken x meanwhile, which the tag tells.
      const std::uint32_t next = x.next_free.load(std::memory_order_relaxed);
      if (free_.compare_exchange_strong(head, with_number(head, next), std::memory_order_acquire,
                                        std::memory_order_acquire)) {
        return &x;
      }
    }
    return take_fresh();
  }

  void give(slot& x) {
    std::uint64_t head = free_.load(std::memory_order_relaxed);  // the exchange decides
    do {
      x.next_free.store(number_in(head), std::memory_order_relaxed);  // published by [give]
      // [give] release, pairs with [pop].
    } while (!free_.compare_exchange_strong(head, with_number(head, x.number),
                                            std::memory_order_release, std::memory_order_relaxed));
  }

  // The number must be below an end() that was seen, or have come from a slot.
  slot& at(std::uint32_t number) { return chunk_of(number).slots[number % Chunk::kSlots]; }
  Chunk& chunk_of(std::uint32_t number) {
    // acquire, both, pair with [grown].
    node& n = *root_[number / Chunk::kSlots / kFan].load(std::memory_order_acquire);
    return *n.chunks[number / Chunk::kSlots % kFan].load(std::memory_order_acquire);
  }

  // One beyond the last slot that has ever been taken.
  std::uint32_t end() const {
    return end_.load(std::memory_order_acquire);  // pairs with [more]
  }

 private:
  template <class T>
  using atomic = typename P::template atomic<T>;

  static constexpr std::uint32_t kNone = UINT32_MAX;
  static_assert(kMost < kNone);

  struct node {
    atomic<Chunk*> chunks[kFan]{};
  };

  // The head of the free slots: a number, and above it a count of the changes, so that an
  // exchange fails that was prepared by a look at an earlier head with the same number.
  static std::uint32_t number_in(std::uint64_t head) { return static_cast<std::uint32_t>(head); }
  static std::uint64_t with_number(std::uint64_t head, std::uint32_t number) {
    constexpr std::uint64_t kOne = std::uint64_t{1} << 32;
    const std::uint64_t tag = P::kMutant == mutant::slot_without_tag ? 0 : (head & -kOne) + kOne;
    return tag | number;
  }

  slot* take_fresh() {
    std::uint32_t number = end();
    do {
      if (number == kMost || !grown_for(number)) return nullptr;
      // [more] release, pairs with end(): the chunk. acquire: that of the next one.
    } while (!end_.compare_exchange_strong(number, number + 1, std::memory_order_acq_rel,
                                           std::memory_order_acquire));
    return &at(number);
  }

  bool grown_for(std::uint32_t number) {
    const std::uint32_t chunk = number / Chunk::kSlots;
    node* const n = have(root_[chunk / kFan]);
    return n != nullptr && have(n->chunks[chunk % kFan], chunk * Chunk::kSlots) != nullptr;
  }

  // What is there, made if need be.
  template <class T, class... Args>
  static T* have(atomic<T*>& where, Args... args) {
    T* there = where.load(std::memory_order_acquire);
    if (there != nullptr) return there;
    T* const made = P::template create<T>(args...);
    if (made == nullptr) return nullptr;
    // [grown] release: the made one; acquire: another thread's.
    if (where.compare_exchange_strong(there, made, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
      return made;
    }
    P::destroy(made);
    return there;
  }

  atomic<node*> root_[kFan]{};
  alignas(64) atomic<std::uint64_t> free_{kNone};
  alignas(64) atomic<std::uint32_t> end_{0};
};

}  // namespace afflux::stats
