// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a semaphore counts. Three kinds of numbers, by who writes them:
//
//   on the way   any thread, in its own shard: what it takes without queueing, gives back, or
//                queues. Counted while the semaphore is certain to be there: before the
//                permits can be seen by others (S9).
//   in the role  the thread in the granting role, or under the lock: how queued requests end,
//                and who is the oldest. One writer at a time, so plain additions.
//   hold times   any thread that releases a token.
//
//   K1  acquired = released + held, at rest: a grant is counted when it is final, and a
//       release before its exchange, taken back if that is refused.
//   K2  Each request that has queued is counted as arrived once, before anybody can find it in
//       the queue, and ends in one way; so arrived - ended is who waits.
#pragma once

#include <cstdint>
#include <memory>
#include <new>

#include "stats/histogram.h"
#include "stats/shards.h"

namespace afflux::stats {

enum class on_the_way : unsigned {
  requests,      // that got what they wanted at once ...
  more_permits,  // ... and what that was beyond one permit each, for one is what most want
  released,
  try_failed,
  rejected,
  arrived,
  arrived_bytes,
};

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

// Of two that are less than three days apart.
constexpr bool earlier(stamp a, stamp b) { return ((a - b) & kStampMask) > kStampMask / 2; }

// The padding is meant: what different threads write lies apart.
// NOLINTBEGIN(clang-analyzer-optin.performance.Padding)
template <class P>
class semaphore_stats {
 public:
  using counters = shards<P, on_the_way, 7>;

  struct free {
    void operator()(semaphore_stats* stats) const { P::destroy(stats); }
  };
  using pointer = std::unique_ptr<semaphore_stats, free>;

  semaphore_stats() : ways_(counters::allocate(P::shard_count())) {}

  // `times`: of waits and holds, too. nullptr: no memory.
  static pointer make(bool times) {
    pointer made(P::template create<semaphore_stats>());
    if (made == nullptr || made->ways_ == nullptr) return nullptr;
    if (times) {
      made->times_.reset(new (std::nothrow) time_histograms);
      if (made->times_ == nullptr) return nullptr;
    }
    return made;
  }

  // ---- on the way

  counters& ways() { return *ways_; }

  void took(std::uint64_t n) {
    ways_->add(on_the_way::requests, 1);
    if (n != 1) ways_->add(on_the_way::more_permits, n - 1);
  }
  void try_failed() { ways_->add(on_the_way::try_failed, 1); }
  void rejected() { ways_->add(on_the_way::rejected, 1); }
  void arrives(std::uint64_t cost) { arrive(1, cost); }
  void arrives_not(std::uint64_t cost) { arrive(std::uint64_t{0} - 1, std::uint64_t{0} - cost); }

  // ---- in the role

  void granted(std::uint64_t requests, std::uint64_t permits) {
    add(granted_, requests);
    add(granted_permits_, permits);
  }
  void granted_not(std::uint64_t requests, std::uint64_t permits) {
    granted(std::uint64_t{0} - requests, std::uint64_t{0} - permits);
  }
  void waited(std::int64_t ns) { times_->waits.record(static_cast<std::uint64_t>(ns)); }
  void canceled() { add(canceled_, 1); }
  void timed_out() { add(timed_out_, 1); }
  void dropped() { add(dropped_, 1); }
  void closed_out() { add(closed_out_, 1); }
  void impossible() { add(impossible_, 1); }
  void listed_bytes(std::uint64_t n) { add(listed_bytes_, n); }
  void resized() { add(resizes_, 1); }
  void oldest_is(stamp then) { oldest_.set(then | kSomebody); }
  void nobody_waits() { oldest_.set(0); }

  // ---- holds

  void held(std::int64_t ns) {
    if (times_ != nullptr) times_->holds.record_shared(ns < 0 ? 0 : static_cast<std::uint64_t>(ns));
  }

  // ---- reading

  bool has_times() const { return times_ != nullptr; }
  const histogram<P>& waits() const { return times_->waits; }
  const histogram<P>& holds() const { return times_->holds; }

  // The totals, and who waits. `listed`: cost of those in line.
  void read(afflux_sem_stats& to, std::uint64_t listed) const {
    // Endings before arrivals, so that an unlucky moment shows one too many rather than a
    // number below zero.
    to.granted = granted_.get();
    to.acquired_after_wait = granted_permits_.get();
    to.canceled = canceled_.get();
    to.timed_out = timed_out_.get();
    to.dropped = dropped_.get();
    to.closed_out = closed_out_.get();
    to.impossible = impossible_.get();
    to.resizes = resizes_.get();
    const auto ways = ways_->sums();
    const auto of = [&ways](on_the_way kind) { return ways[static_cast<std::size_t>(kind)]; };
    to.released = of(on_the_way::released);
    to.requests_fast = of(on_the_way::requests);
    to.acquired_fast = to.requests_fast + of(on_the_way::more_permits);
    to.try_failed = of(on_the_way::try_failed);
    to.rejected = of(on_the_way::rejected);
    to.queued = of(on_the_way::arrived);
    const std::uint64_t ended =
        to.granted + to.canceled + to.timed_out + to.dropped + to.closed_out + to.impossible;
    to.waiters = to.queued > ended ? to.queued - ended : 0;
    const std::uint64_t unlisted = of(on_the_way::arrived_bytes) - listed_bytes_.get();
    to.queue_bytes = listed + (static_cast<std::int64_t>(unlisted) > 0 ? unlisted : 0);
    if (times_ == nullptr) return;
    to.wait_count = times_->waits.count();
    to.wait_sum_ns = times_->waits.sum();
    to.wait_max_ns = times_->waits.max();
    to.hold_count = times_->holds.count();
    to.hold_sum_ns = times_->holds.sum();
    to.hold_max_ns = times_->holds.max();
  }

  std::int64_t oldest_wait() const {
    const std::uint64_t then = oldest_.get();
    return then == 0 ? 0 : since(then & kStampMask, stamp_of(P::now()));
  }

 private:
  using gauge = typename P::template gauge<std::uint64_t>;
  struct time_histograms {
    histogram<P> waits;
    alignas(128) histogram<P> holds;
  };

  static constexpr std::uint64_t kSomebody = std::uint64_t{1} << 63;

  static void add(gauge& to, std::uint64_t n) { to.set(to.get() + n); }
  void arrive(std::uint64_t n, std::uint64_t cost) {
    ways_->add(on_the_way::arrived, n);
    if (cost != 0) ways_->add(on_the_way::arrived_bytes, cost);
  }

  const typename counters::pointer ways_;
  alignas(128) gauge granted_;
  gauge granted_permits_;
  gauge oldest_;
  gauge canceled_;
  gauge timed_out_;
  gauge dropped_;
  gauge closed_out_;
  gauge impossible_;
  gauge listed_bytes_;
  gauge resizes_;
  std::unique_ptr<time_histograms> times_;
};
// NOLINTEND(clang-analyzer-optin.performance.Padding)

}  // namespace afflux::stats
