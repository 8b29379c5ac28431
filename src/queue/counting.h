// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a queue tells its statistics, and whoever traces it: an event that has a tracepoint
// (docs/tracing.md) and a number tells both here. When which may be told is said by K1
// and K2 in stats/semaphore_stats.h.
#pragma once

#include <cstdint>
#include <utility>

#include "queue/line.h"
#include "queue/status.h"
#include "queue/waiter.h"
#include "stats/probes.h"
#include "stats/semaphore_stats.h"

namespace afflux::queue {

template <class P>
class counting {
 public:
  using stats_type = stats::semaphore_stats<P>;

  // `of`: the handle, for tracers. `times`: each wait is taken.
  counting(const void* of, bool times) : of_(of), times_(times) {}

  // Before anybody else sees the queue.
  void count_with(typename stats_type::pointer stats) {
    stats_ = std::move(stats);
    ways_ = &stats_->ways();
  }
  // nullptr: nothing is counted.
  stats_type* stats() const { return stats_.get(); }
  typename stats_type::counters* ways() const { return ways_; }
  // If so, there are stats().
  bool times() const { return times_; }

  // ---- any thread, while the semaphore is certain to be there

  // x is about to queue, with its owner set.
  void arrives(waiter<P>& x) {
    if (stats_ != nullptr || x.has(traits::kAccounted) || AFFLUX_TRACED(enqueue)) tell_arrival(x);
  }
  void arrives_not(const waiter<P>& x) {
    if (stats_ != nullptr) stats_->arrives_not(x.cost());
  }
  void refused(const waiter<P>& x) {
    AFFLUX_TRACE(reject, of_, number(x.permits), 0);
    count(&stats_type::rejected);
  }

  // ---- in the role, or under the lock; before it is given back

  void granted(std::uint64_t requests, std::uint64_t permits) {
    if (stats_ != nullptr) stats_->granted(requests, permits);
  }
  void granted_not(std::uint64_t requests, std::uint64_t permits) {
    if (stats_ != nullptr) stats_->granted_not(requests, permits);
  }
  void oldest(const line<P>& line) {
    if (stats_ == nullptr) return;
    if (line.empty()) return stats_->nobody_waits();
    stats_->oldest_is(line.oldest());
  }
  void resized() { count(&stats_type::resized); }
  // A request that had queued is off, without a grant.
  void ended(const waiter<P>& x, status why) {
    switch (why) {
      case status::canceled:
        AFFLUX_TRACE(cancel, of_, number(x.permits));
        return count(&stats_type::canceled);
      case status::timed_out:
        AFFLUX_TRACE(timeout, of_, number(x.permits));
        return count(&stats_type::timed_out);
      case status::rejected:
        AFFLUX_TRACE(reject, of_, number(x.permits), 1);
        return count(&stats_type::dropped);
      case status::closed:
        AFFLUX_TRACE(closed_out, of_, number(x.permits));
        return count(&stats_type::closed_out);
      case status::invalid:
        return count(&stats_type::impossible);
      default:  // woken: not a semaphore's
        return;
    }
  }

  // ---- when the semaphore may be gone: `of` is only told

  static bool traces_grants() { return AFFLUX_TRACED(grant); }
  // x has not been completed yet. `counted`: its arrival was, so its wait is known.
  static void trace_grant(const void* of, const waiter<P>& x, bool counted) {
    [[maybe_unused]] const std::int64_t waited =
        counted ? stats::since(x.queued_at(), stats::stamp_of(P::now())) : -1;
    AFFLUX_PROBE(grant, of, number(x.permits), waited);
  }
  static void trace_close(const void* of) { AFFLUX_TRACE(close, of); }

 private:
  [[gnu::noinline]] void tell_arrival(waiter<P>& x) {
    AFFLUX_TRACE(enqueue, of_, number(x.permits), static_cast<std::uint32_t>(x.priority));
    const bool accounted = x.has(traits::kAccounted);
    if (stats_ == nullptr && !accounted) return;
    if (stats_ != nullptr) stats_->arrives(x.cost());
    x.queued_at(stats::stamp_of(times_ || accounted ? P::now() : P::rough_now()));
  }

  void count(void (stats_type::*one)()) {
    if (stats_ != nullptr) (stats_.get()->*one)();
  }

  // A plain number of what the policy wraps.
  static std::uint64_t number(std::uint64_t n) { return n; }

  const void* const of_;
  typename stats_type::counters* ways_ = nullptr;  // of *stats_, a step less away
  typename stats_type::pointer stats_;
  const bool times_;
};

}  // namespace afflux::queue
