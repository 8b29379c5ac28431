// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a semaphore counts. Three kinds of numbers, by who writes them:
//
//   in flight   any thread, in its own shard: what it takes without queueing.
//   at the line the holder of the lock: how requests queue and end, and who is the oldest. One
//               writer at a time, so plain additions. What a holder decides is final, so nothing
//               is ever taken back.
//   hold times  any thread that releases a token.
//
// Releases are not counted: what was released is what was acquired and is not held.
//
// What callers take inline, without a call, they count in the fast-path block (queue/word.h).
//
//   K1  acquired = released + held, at rest. An acquire is counted by its thread when it has its
//       permits, a grant by the holder.
//   K2  Each request that has queued is counted once when it is linked into the line, and ends in
//       one way; so queued - ended is who is in line.
//   K3  peak_waiters is exact. peak_held misses short overlaps at most, or counts one beside what
//       is given back just then, but for a resize.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <new>

#include "stats/histogram.h"
#include "stats/sem_counters.h"
#include "stats/shards.h"
#include "stats/standstill.h"

namespace afflux::stats {

// Instants and waits, in 39 bits: units of 1,024 ns, modulo 6 days and a half.
using stamp = std::uint64_t;
inline constexpr unsigned kStampShift = 10;
inline constexpr stamp kStampMask = (stamp{1} << 39) - 1;
constexpr stamp stamp_of(std::int64_t now) {
  return (static_cast<std::uint64_t>(now) >> kStampShift) & kStampMask;
}
constexpr std::int64_t since(stamp then, stamp now) {
  return static_cast<std::int64_t>(((now - then) & kStampMask) << kStampShift);
}

// The same where `then` may be after `now`, by less than ten hours: 0.
constexpr std::int64_t since_or_none(stamp then, stamp now) {
  return ((now - then) & kStampMask) > kStampMask / 16 * 15 ? 0 : since(then, now);
}

// Of two that are less than three days apart.
constexpr bool earlier(stamp a, stamp b) { return ((a - b) & kStampMask) > kStampMask / 2; }

// The padding is meant: what different threads write lies apart.
// NOLINTBEGIN(clang-analyzer-optin.performance.Padding)
template <class P>
class semaphore_stats {
 public:
  using shards_type = shards<P, unsigned, how_many(counted_in::shards)>;

  struct free {
    void operator()(semaphore_stats* stats) const { P::destroy(stats); }
  };
  using pointer = std::unique_ptr<semaphore_stats, free>;

  semaphore_stats() : shards_(shards_type::allocate(P::shard_count())) {}

  // `times`: of waits and holds, too. nullptr: no memory.
  static pointer make(bool times) {
    pointer made(P::template create<semaphore_stats>());
    if (made == nullptr || made->shards_ == nullptr) return nullptr;
    if (times) {
      made->times_.reset(new (std::nothrow) time_histograms);
      if (made->times_ == nullptr) return nullptr;
    }
    return made;
  }

  // Counts `n` more, of what kSemCounters has: in the shards by any thread, at the line by the
  // holder of the lock.
  template <sem_field Field>
  void count(std::uint64_t n = 1) {
    using counter = sem_counter_of<Field>;
    static_assert(counter::kWhere != counted_in::nothing);
    if constexpr (counter::kWhere == counted_in::shards) {
      shards_->add(counter::kPosition, n);
    } else {
      gauge& to = line_[counter::kPosition];
      to.set(to.get() + n);
    }
  }

  // ---- in flight

  void took(std::uint64_t n) {
    count<&afflux_sem_stats::requests_fast>();
    if (n != 1) count<&afflux_sem_stats::acquired_fast>(n - 1);
  }

  // relaxed: an observation.
  std::uint64_t peak_held() const { return peak_held_.load(std::memory_order_relaxed); }
  void peak_held(std::uint64_t held) {
    if (held <= kMost) largest_of(peak_held_, held);
  }

  // ---- at the line

  void linked(std::uint64_t waiters) {
    count<&afflux_sem_stats::queued>();
    if (waiters > peak_waiters_.get()) peak_waiters_.set(waiters);
  }
  void granted(std::uint64_t permits) {
    count<&afflux_sem_stats::granted>();
    count<&afflux_sem_stats::acquired_after_wait>(permits);
  }
  void waited(std::int64_t ns) { times_->waits.record(static_cast<std::uint64_t>(ns)); }
  void oldest_is(stamp then) { oldest_.set(then | kSomebody); }
  void nobody_waits() {
    if (oldest_.get() != 0) oldest_.set(0);
  }

  // ---- holds

  void held(std::int64_t ns) {
    if (times_ != nullptr) times_->holds.record_shared(ns < 0 ? 0 : static_cast<std::uint64_t>(ns));
  }

  // ---- reading

  bool has_times() const { return times_ != nullptr; }
  const histogram<P>& waits() const { return times_->waits; }
  const histogram<P>& holds() const { return times_->holds; }

  // The totals, with those of `block`, and what is held, by held_now(): that is read after the
  // acquired ones, so that what was released is never told too early.
  template <class Block, class F>
  void read(afflux_sem_stats& to, const Block& block, F&& held_now) const {
    each_counted<counted_in::line>(
        [&](sem_field field, unsigned at) { to.*field = line_[at].get(); });
    const auto sums = shards_->sums();
    each_counted<counted_in::shards>([&](sem_field field, unsigned at) { to.*field = sums[at]; });
    to.requests_fast += largest_of(told_inline_, block.requests_inline());
    to.acquired_fast += to.requests_fast + block.beyond.load(std::memory_order_relaxed);
    to.held = held_now();
    to.released = released(to.acquired_fast + to.acquired_after_wait, to.held);
    to.peak_held = peak_held();
    to.peak_waiters = peak_waiters_.get();
    if (times_ == nullptr) return;
    read_times(times_->waits, kWaitTimes, to);
    read_times(times_->holds, kHoldTimes, to);
  }

  // What afflux_sem_health() has seen.
  stats::standstill<P>& looks() const { return looks_; }

  std::int64_t oldest_wait() const {
    const std::uint64_t then = oldest_.get();
    return then == 0 ? 0 : since(then & kStampMask, stamp_of(P::now()));
  }

 private:
  using gauge = typename P::template gauge<std::uint64_t>;
  using number = typename P::template atomic<std::uint64_t>;
  struct time_histograms {
    histogram<P> waits;
    alignas(128) histogram<P> holds;
  };

  static constexpr std::uint64_t kSomebody = std::uint64_t{1} << 63;
  static constexpr std::uint64_t kMost = (std::uint64_t{1} << 43) - 1;

  static void read_times(const histogram<P>& from, const sem_times& fields, afflux_sem_stats& to) {
    to.*fields.count = from.count();
    to.*fields.sum = from.sum();
    to.*fields.max = from.max();
  }

  // Both were read while things moved.
  std::uint64_t released(std::uint64_t acquired, std::uint64_t held) const {
    return largest_of(told_released_, acquired > held ? acquired - held : 0);
  }

  // Keeps the largest in `so_far`, and answers it: what is told by it never goes back.
  static std::uint64_t largest_of(number& so_far, std::uint64_t now) {
    // relaxed, all: only the largest counts.
    std::uint64_t seen = so_far.load(std::memory_order_relaxed);
    while (now > seen && !so_far.compare_exchange_strong(seen, now, std::memory_order_relaxed,
                                                         std::memory_order_relaxed)) {
    }
    return std::max(now, seen);
  }

  const typename shards_type::pointer shards_;
  alignas(128) gauge oldest_;
  std::array<gauge, how_many(counted_in::line)> line_;
  gauge peak_waiters_;
  alignas(128) number peak_held_{0};
  mutable number told_released_{0};
  mutable number told_inline_{0};
  mutable stats::standstill<P> looks_;
  std::unique_ptr<time_histograms> times_;
};
// NOLINTEND(clang-analyzer-optin.performance.Padding)

}  // namespace afflux::stats
