// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A table of slots that grows without moving and is used without a lock: chunks under nodes under
// a root, none of which is freed before the table. A slot has a number for life.
//
//   SL1  A slot that was taken is its taker's alone until it is given back.
//   SL2  Every slot below end() exists: its chunk was there before end() went beyond it.
#pragma once

#include <cstdint>

#include "mutants.h"
#include "stats/free_list.h"

namespace afflux::exporting {

// Chunk: `Chunk::kSlots` slots (a power of two) in `slots`, constructed with the number of the
// first one. Slot: `number`, its own, and `next_free`, a free_list's link.
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
      // relaxed: no other thread is left.
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
    const std::uint32_t number =
        free_.pop([this](std::uint32_t free) -> auto& { return at(free).next_free; });
    if (number != free_type::kNone) return &at(number);
    return take_fresh();
  }

  void give(slot& x) { free_.push(x.number, x.next_free); }

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

  using free_type = stats::free_list<P, P::kMutant != mutant::slot_without_tag>;
  static_assert(kMost < free_type::kNone);

  struct node {
    atomic<Chunk*> chunks[kFan]{};
  };

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
  alignas(64) free_type free_;
  alignas(64) atomic<std::uint32_t> end_{0};
};

}  // namespace afflux::exporting
