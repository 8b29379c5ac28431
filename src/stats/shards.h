// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Counters that many threads add to and hardly anybody reads: each thread has a shard of its
// own, to which it adds by a plain load and store.
//
//   C1  A shard's own numbers are written by the thread whose key its owner's word holds, and
//       nobody else. Once set that word does not change.
//   C2  A thread without a shard (more threads have come than there are shards) adds to the
//       common numbers beside some shard, by a read-modify-write.
//   C3  So nothing is lost, and what is read is exact once nothing moves.
//
// A thread is known by a key that the operating system gives it anyway (P::thread_key()), so there
// is nothing to register and nothing to do when it ends. Its key may come back with a later thread;
// that one inherits the shard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace afflux::stats {

template <class P, class Kind, unsigned Kinds>
class shards {
 public:
  // Where a thread adds. Good for one call: not to be kept.
  class place;

  // The number of shards is a power of two.
  explicit shards(unsigned count)
      : shift_(64u - static_cast<unsigned>(__builtin_ctz(count))),
        count_(count),
        owners_(new(std::nothrow) word[count]),
        shards_(new(std::nothrow) shard[count]) {}

  bool allocated() const { return owners_ != nullptr && shards_ != nullptr; }

  place mine() {
    const std::uintptr_t me = P::thread_key();
    const unsigned home = count_ == 1 ? 0 : static_cast<unsigned>((me * kSpread) >> shift_);
    // relaxed, here and below: only this thread ever stores its key.
    if (owners_[home].load(std::memory_order_relaxed) == me) [[likely]]
      return {shards_[home].own, true};
    return find(me, home);
  }

  // All of them, in one walk; by number of their kind.
  std::array<std::uint64_t, Kinds> sums() const {
    std::array<std::uint64_t, Kinds> all{};
    for (unsigned i = 0; i < count_; ++i) {
      // relaxed, all: an observation. Without an owner there is nothing in it.
      if (owners_[i].load(std::memory_order_relaxed) == 0) continue;
      for (unsigned k = 0; k < Kinds; ++k) {
        all[k] += shards_[i].own[k].load(std::memory_order_relaxed) +
                  shards_[i].common[k].load(std::memory_order_relaxed);
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

  [[gnu::noinline]] place find(std::uintptr_t me, unsigned home) {
    for (unsigned i = 0; i < kProbes && i < count_; ++i) {
      const unsigned at = (home + i) & (count_ - 1);
      std::uintptr_t seen = owners_[at].load(std::memory_order_relaxed);
      // relaxed: nothing comes with it, C1.
      if (seen == me || (seen == 0 && owners_[at].compare_exchange_strong(
                                          seen, me, std::memory_order_relaxed,
                                          std::memory_order_relaxed))) {
        return {shards_[at].own, true};
      }
    }
    return {shards_[home].common, false};
  }

  const unsigned shift_;
  const unsigned count_;
  const std::unique_ptr<word[]> owners_;
  const std::unique_ptr<shard[]> shards_;
};

template <class P, class Kind, unsigned Kinds>
class shards<P, Kind, Kinds>::place {
 public:
  place(numbers& in, bool own) : in_(in), own_(own) {}

  // Modulo 2^64: what was counted too early is taken back by its negative.
  void add(Kind kind, std::uint64_t n) const {
    number& to = in_[static_cast<std::size_t>(kind)];
    // relaxed, all: only the sum matters.
    if (own_) [[likely]] {
      to.store(to.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    } else {
      to.fetch_add(n, std::memory_order_relaxed);
    }
  }

 private:
  numbers& in_;
  bool own_;
};

}  // namespace afflux::stats
