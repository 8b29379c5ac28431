// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Counters that many threads add to and few read: each thread has a shard of its
// own, to which it adds by a plain load and store.
//
//   SN1  A shard's own numbers are written by the thread whose key its owner's word holds, and
//        no other. Once set that word does not change.
//   SN2  A thread without a shard (more threads have come than there are shards) adds to the
//        common numbers beside some shard, by a read-modify-write.
//   SN3  So nothing is lost, and what is read is exact once nothing moves.
//
// A thread is known by a key that the operating system gives it anyway (P::thread_key()), so there
// is nothing to register and nothing to do when it ends. Its key may come back with a later thread;
// that one inherits the shard.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace afflux::stats {

// Made by allocate(), with its shards behind it: a look at one is a step less than by a pointer.
template <class P, class Kind, unsigned Kinds>
class shards {
 public:
  static constexpr unsigned kMost = 32;

  struct free {
    void operator()(shards* all) const {
      for (unsigned i = 0; i < all->count_; ++i) std::destroy_at(&all->at(i));
      std::destroy_at(all);
      ::operator delete (all, std::align_val_t{alignof(shard)});
    }
  };
  using pointer = std::unique_ptr<shards, free>;

  // `count` is a power of two, 2 ... kMost. nullptr: no memory.
  static pointer allocate(unsigned count) {
    void* const memory = ::operator new (sizeof(shards) + count * sizeof(shard),
                                         std::align_val_t{alignof(shard)}, std::nothrow);
    if (memory == nullptr) return nullptr;
    auto* const made = ::new (memory) shards(count);
    for (unsigned i = 0; i < count; ++i) ::new (static_cast<void*>(&made->at(i))) shard;
    return pointer(made);
  }

  // Modulo 2^64: what was counted too early is taken back by its negative.
  void add(Kind kind, std::uint64_t n) {
    if (!try_add(kind, n)) add_elsewhere(kind, n);
  }

  // Only if this thread has the shard in which it is looked for first.
  bool try_add(Kind kind, std::uint64_t n) {
    const std::uintptr_t me = P::thread_key();
    const unsigned home = home_of(me);
    // relaxed, here and below: only this thread ever stores its key.
    if (owners_[home].load(std::memory_order_relaxed) != me) [[unlikely]]
      return false;
    plain_add(at(home), kind, n);
    return true;
  }

  // All of them, in one walk; by number of their kind.
  std::array<std::uint64_t, Kinds> sums() const {
    std::array<std::uint64_t, Kinds> all{};
    for (unsigned i = 0; i < count_; ++i) {
      // relaxed, all: an observation. Without an owner there is nothing in it.
      if (owners_[i].load(std::memory_order_relaxed) == 0) continue;
      for (unsigned k = 0; k < Kinds; ++k) {
        all[k] += at(i).own[k].load(std::memory_order_relaxed) +
                  at(i).common[k].load(std::memory_order_relaxed);
      }
    }
    return all;
  }

 private:
  using word = typename P::template atomic<std::uintptr_t>;
  using number = typename P::template atomic<std::uint64_t>;
  using numbers = std::array<number, Kinds>;

  // Owner and others apart, and two lines that are fetched together for each shard.
  struct alignas(128) shard {
    numbers own{};
    alignas(64) numbers common{};
  };

  // Keys are addresses: they differ in the middle. The golden ratio's bits (Knuth) spread them.
  static constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;
  static constexpr unsigned kProbes = 8;  // as many owners as lie on a line

  // relaxed, both, and below: only the sum matters.
  static void plain_add(shard& to, Kind kind, std::uint64_t n) {
    number& own = to.own[static_cast<std::size_t>(kind)];
    own.store(own.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  unsigned home_of(std::uintptr_t key) const {
    return static_cast<unsigned>((key * kSpread) >> shift_);
  }

  [[gnu::noinline]] void add_elsewhere(Kind kind, std::uint64_t n) {
    const std::uintptr_t me = P::thread_key();
    const unsigned home = home_of(me);
    for (unsigned i = 0; i < kProbes && i < count_; ++i) {
      const unsigned where = (home + i) & (count_ - 1);
      std::uintptr_t seen = owners_[where].load(std::memory_order_relaxed);
      // relaxed: nothing comes with it, SN1.
      if (seen == me ||
          (seen == 0 && owners_[where].compare_exchange_strong(seen, me, std::memory_order_relaxed,
                                                               std::memory_order_relaxed))) {
        return plain_add(at(where), kind, n);
      }
    }
    at(home).common[static_cast<std::size_t>(kind)].fetch_add(n, std::memory_order_relaxed);
  }

  explicit shards(unsigned count)
      : shift_(64u - static_cast<unsigned>(std::countr_zero(count))), count_(count) {}

  shard& at(unsigned i) { return reinterpret_cast<shard*>(this + 1)[i]; }
  const shard& at(unsigned i) const { return reinterpret_cast<const shard*>(this + 1)[i]; }

  const unsigned shift_;
  const unsigned count_;
  alignas(128) std::array<word, kMost> owners_{};
};

}  // namespace afflux::stats
