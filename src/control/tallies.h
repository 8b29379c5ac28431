// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where samples wait to be collected: tallies, each with a try-lock. A thread keeps to one that it
// has to itself, as long as there are no more threads than tallies, and goes on to the next one
// where it meets another thread. So no thread waits (CO2 of steering.h), and a tally is whole
// whenever it is looked at (CO1), which counters by relaxed stores would not be.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <type_traits>

#include "control/algorithm.h"
#include "control/tally.h"
#include "mutants.h"

namespace afflux::control {

struct sums {
  window counted;  // the samples that count
  // And all of them.
  std::uint64_t served = 0;
  std::uint64_t dropped = 0;
  std::uint64_t ignored = 0;
};

inline void merge(sums& to, const sums& from) {
  merge(to.counted, from.counted);
  to.served += from.served;
  to.dropped += from.dropped;
  to.ignored += from.ignored;
}

template <class P, unsigned Most>
class tallies {
 public:
  // by(sums&) on a tally that no other thread is at. False: all are in use.
  template <class F>
  bool add(F&& by) {
    std::uint32_t& number = P::template per_thread<place>().number;
    // relaxed: a number. Never 0, for the top bit is set.
    if (number == 0) [[unlikely]]
      number = places_.fetch_add(1, std::memory_order_relaxed) | std::uint32_t{1} << 31;
    for (unsigned i = 0; i < count_; ++i) {
      tally& t = all_[(number + i) & (count_ - 1)];
      // relaxed: the exchange decides.
      if (!take(t, t.state.load(std::memory_order_relaxed))) continue;
      number += i;
      change(t.own, by);
      leave(t, kHolds);
      return true;
    }
    return false;
  }

  // All that has been added, but for what threads are at; nothing of it is left.
  sums collect() {
    sums all;
    for (unsigned i = 0; i < count_; ++i) {
      tally& t = all_[i];
      const std::uint32_t state = t.state.load(std::memory_order_relaxed);  // as in add()
      if (state == kEmpty) continue;
      if (P::kMutant != mutant::collects_in_use && !take(t, state)) continue;
      change(t.own, [&all](sums& own) {
        merge(all, own);
        own = {};
      });
      if (P::kMutant != mutant::collects_in_use) leave(t, kEmpty);
    }
    return all;
  }

 private:
  template <class T>
  using atomic = typename P::template atomic<T>;
  using guarded = typename P::template var<sums>;

  static constexpr std::uint32_t kEmpty = 0;
  static constexpr std::uint32_t kHolds = 1;  // samples that are not collected
  static constexpr std::uint32_t kInUse = 2;
  struct alignas(128) tally {
    atomic<std::uint32_t> state{kEmpty};
    guarded own{};
  };

  // Where a thread looks first, in each control. Given by turns.
  struct place {
    std::uint32_t number = 0;  // 0: none yet
  };

  // [take] acquire, pairs with [leave].
  static bool take(tally& t, std::uint32_t seen) {
    return seen != kInUse &&
           t.state.compare_exchange_strong(seen, kInUse, std::memory_order_acquire,
                                           std::memory_order_relaxed);
  }
  static void leave(tally& t, std::uint32_t state) {
    t.state.store(state, std::memory_order_release);
  }

  // Under the checker sums are seen as a whole.
  template <class F>
  static void change(guarded& own, F&& by) {
    if constexpr (std::is_same_v<guarded, sums>) {
      by(own);
    } else {
      sums copy = own;
      by(copy);
      own = copy;
    }
  }

  const unsigned count_ = std::min(P::shard_count(), Most);  // a power of two
  atomic<std::uint32_t> places_{0};                          // given
  std::array<tally, Most> all_{};
};

}  // namespace afflux::control
