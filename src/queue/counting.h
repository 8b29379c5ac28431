// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a queue tells its statistics and its tracers: an event that has a tracepoint
// (docs/tracing.md) and a number tells both here. When which may be told is said by K1
// and K2 in stats/semaphore_stats.h.
#pragma once

#include <cstdint>
#include <utility>

#include "queue/line.h"
#include "queue/waiter.h"
#include "stats/probes.h"
#include "stats/semaphore_stats.h"
#include "status.h"

namespace afflux::queue {

template <class P>
class counting {
 public:
  using stats_type = stats::semaphore_stats<P>;

  // `of`: the handle, for tracers. `exactly`: the clock is read for each that queues.
  counting(const void* of, bool exactly) : of_(of), exactly_(exactly) {}

  // Before any other thread sees the queue.
  void count_with(typename stats_type::pointer stats) { stats_ = std::move(stats); }
  // nullptr: nothing is counted.
  stats_type* stats() const { return stats_.get(); }

  // x is about to queue: before any thread can find it.
  void arrives(waiter<P>& x) {
    if (stats_ != nullptr || exactly_ || x.has(traits::kAccounted) || AFFLUX_TRACED(enqueue))
      stamp(x);
  }
  // Likewise, of a tenant, which counts its waits.
  void arrives_of_tenant(waiter<P>& x) { stamp(x); }

  // ---- with the lock: each of these is final

  void linked(std::uint64_t waiters) {
    if (stats_ != nullptr) stats_->linked(waiters);
  }
  void refused(std::uint64_t permits) {
    AFFLUX_TRACE(reject, of_, permits, 0);
    count<&afflux_sem_stats::rejected>();
  }
  // Grants are traced, and their waits are known.
  bool traces_waits() const { return AFFLUX_TRACED(grant) && stats_ != nullptr; }
  // One leaves the line with its permits, after a wait of that length, if that is known.
  void granted(std::uint64_t permits, std::int64_t waited) {
    AFFLUX_TRACE(grant, of_, permits, waited);
    if (stats_ == nullptr) return;
    stats_->granted(permits);
    if (stats_->has_times()) stats_->waited(waited);
  }
  // One has left without them.
  void ended(std::uint64_t permits, status why) {
    if (why == status::canceled) {
      AFFLUX_TRACE(cancel, of_, permits);
      return count<&afflux_sem_stats::canceled>();
    }
    ended_otherwise(permits, why);
  }
  // One that ended so because it had waited too long.
  void shed() { count<&afflux_sem_stats::shed>(); }
  void resized() { count<&afflux_sem_stats::resizes>(); }
  void closed() { AFFLUX_TRACE(close, of_); }
  // Who has waited longest, and what is held, as the lock is given back.
  void leaves(const line<P>& line, std::uint64_t held) {
    if (stats_ == nullptr) return;
    stats_->peak_held(held);
    if (line.empty()) return stats_->nobody_waits();
    stats_->oldest_is(line.oldest());
  }
  // Likewise where the line does not tell.
  void leaves(bool some_wait, stats::stamp oldest, std::uint64_t held) {
    stats_->peak_held(held);
    if (!some_wait) return stats_->nobody_waits();
    stats_->oldest_is(oldest);
  }

 private:
  [[gnu::noinline]] void ended_otherwise([[maybe_unused]] std::uint64_t permits, status why) {
    switch (why) {
      case status::timed_out:
        AFFLUX_TRACE(timeout, of_, permits);
        return count<&afflux_sem_stats::timed_out>();
      case status::rejected:
        AFFLUX_TRACE(reject, of_, permits, 1);
        return count<&afflux_sem_stats::dropped>();
      case status::closed:
        AFFLUX_TRACE(closed_out, of_, permits);
        return count<&afflux_sem_stats::closed_out>();
      case status::too_big:
        return count<&afflux_sem_stats::impossible>();
      default:  // woken: not a semaphore's
        return;
    }
  }
  [[gnu::noinline]] void stamp(waiter<P>& x) {
    AFFLUX_TRACE(enqueue, of_, number(x.permits), static_cast<std::uint32_t>(x.priority()));
    const bool exactly = exactly_ || x.has(traits::kAccounted);
    x.queued_at(stats::stamp_of(exactly ? P::now() : P::rough_now()));
  }
  template <stats::sem_field Field>
  void count() {
    if (stats_ != nullptr) stats_->template count<Field>();
  }

  // A plain number of what the policy wraps.
  static std::uint64_t number(std::uint64_t n) { return n; }

  const void* const of_;
  typename stats_type::pointer stats_;
  const bool exactly_;
};

}  // namespace afflux::queue
