// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The contract of a queue strategy, and what all strategies share: the gate, the
// line, the reference count, and the operations that need no queue.
//
// A semaphore is one waiter_queue object. A strategy derives from it and answers
// these questions; it decides how arrivals reach the line and how the right to
// touch the line is had. Add one by a file beside intrusive.h and a line in
// meson_options.txt.
//
// How the invariants of docs/invariants.md are kept:
//   S1  held never exceeds the limit in force when it was granted: every grant is one
//       exchange on the gate, decided on a limit whose epoch that exchange confirms.
//   S3  a waiter is taken off exactly once: only under the role (or the lock).
//   S9  a release touches nothing after the exchange that publishes its permits,
//       unless that exchange also took the role.
//   S12 completions run after the role has been given back.
//   L1  when the role is given back and nothing was left to do, the first in line
//       does not fit, or is a thread that is awake and competes.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "queue/completion.h"
#include "queue/counting.h"
#include "queue/gate.h"
#include "queue/line.h"
#include "queue/request.h"
#include "queue/status.h"
#include "stats/ledger.h"

namespace afflux::queue {

enum class overflow : std::uint8_t { suspend, drop_newest, drop_oldest };

// Who is told of long waits.
struct slow_wait {
  afflux_slow_wait_fn tell = nullptr;
  void* context = nullptr;
  std::int64_t from_ns = 0;
};

struct settings {
  std::uint64_t limit = 1;
  bool throughput = false;
  bool weightless = false;  // grants do not count as held: an event that stays set
  overflow when_full = overflow::suspend;
  std::uint64_t max_waiters = UINT64_MAX;
  std::uint64_t max_bytes = UINT64_MAX;
  std::int64_t default_timeout = -1;
  std::uint32_t strategy = 0;    // as in afflux.h
  std::uint32_t statistics = 0;  // likewise
  std::uint32_t ledger = 0;      // lines of it
  slow_wait slow;

  // `bytes` are queued; would `cost` more be too much?
  bool too_many_bytes(std::uint64_t bytes, std::uint64_t cost) const {
    return bytes > max_bytes || cost > max_bytes - bytes;
  }
  bool limited() const { return when_full != overflow::suspend; }
  std::uint64_t weight(std::uint64_t n) const { return weightless ? 0 : n; }
  // Each wait is taken.
  bool times() const { return statistics == AFFLUX_STATS_FULL || slow.tell != nullptr; }
};

template <class P>
class handout;

template <class P>
class alignas(128) waiter_queue {
 public:
  template <class T>
  using atomic = typename P::template atomic<T>;
  using gate_type = queue::gate<P>;

  explicit waiter_queue(const queue::settings& s)
      : seen_limit_(s.limit),
        limit_(s.limit),
        settings_(s),
        simple_(!s.throughput && !s.limited() && !s.weightless),
        counts_(this, s.times()) {
    gate_.limit.store(s.limit, std::memory_order_relaxed);  // nobody else sees it yet
  }
  waiter_queue(const waiter_queue&) = delete;
  waiter_queue& operator=(const waiter_queue&) = delete;
  virtual ~waiter_queue() = default;

  // ---- the questions to a strategy

  // Queue x, which is filled in and not `timed` yet armed elsewhere; the caller holds a
  // reference. pending: x belongs to the queue, and may be gone already. Anything
  // else: x is the caller's (ok: it holds its permits).
  virtual status enqueue(waiter<P>& x) = 0;

  // A release that somebody may be waiting for; see release().
  virtual status release_contended(std::uint64_t n) = 0;

  // Take a waiter out. The caller has pinned the queue; the pin is dropped before
  // anything is completed. With `expiry` the timer's firing of that waiter is
  // concluded likewise, and the waiter completed if that falls to this thread.
  virtual removal remove(request<P>& r, pin<P>& guard, bool expiry) = 0;

  // The limit has a new value and the epoch went up in the same exchange as the
  // role was taken or flagged. Refused only by a number out of range.
  virtual void resize(std::uint64_t limit) = 0;

  // kClosed, and with `dead` kDead too: the last reference is gone.
  virtual status close(bool dead) = 0;

  // THROUGHPUT: x, a poked thread's waiter, found permits (or, `last_try`, gives up
  // spinning): hand out directly. The result of x, or pending. The caller has no
  // reference but a pin; the pin is dropped before anything is completed.
  virtual status compete(waiter<P>& x, bool last_try, pin<P>& guard) = 0;

  // See to it that nothing is left to be handed out by this very thread, which is within a
  // callback and about to block: a long pass may have given way to that callback.
  virtual void catch_up() = 0;

  // Complete the first `most` in line with ok, whatever they ask for and without permits; how
  // many there were. Whoever has asked for a place and not got one yet comes after this call,
  // and sees what the caller did before it.
  virtual std::uint64_t wake(std::uint64_t most) = 0;

  // How many are queued; exact when nothing moves.
  virtual std::uint64_t waiting() = 0;

  // ---- what needs no queue

  status try_acquire(std::uint64_t n) {
    // acquire: an epoch seen here is seen with its limit; see resize.
    std::uint64_t w = gate_.word.load(std::memory_order_acquire);
    for (;;) {
      // relaxed: the exchange below fails if a resize came in between.
      const std::uint64_t limit = limit_.load(std::memory_order_relaxed);
      if ((w & kFlags) != 0 || !fits(w, n, limit)) [[unlikely]]
        return refusal(w, n, limit);
      // [acquire] acquire, pairs with the [release] of the permits it gets.
      if (gate_.word.compare_exchange_strong(w, w + permits(n), std::memory_order_acquire,
                                             std::memory_order_acquire)) {
        return status::ok;
      }
    }
  }

  // What is rare is in functions that are called last, so that this needs no stack frame.
  status release(std::uint64_t n) {
    // Counted before the exchange, for after it the semaphore may be gone.
    auto* const ways = counts_.ways();
    if (ways != nullptr && !ways->try_add(stats::on_the_way::released, n)) [[unlikely]]
      return release_without_shard(n);
    return release_counted(n);
  }

  // ---- references

  void ref() {
    refs_.fetch_add(1, std::memory_order_relaxed);  // the caller's reference keeps it alive
  }

  void unref() {
    // release: what this owner did comes before the end; acquire: for the last one.
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) close(true);
  }

  // For the thread in the role, which has no reference: fails when the end has begun.
  bool try_ref() {
    std::uint64_t n = refs_.load(std::memory_order_relaxed);
    while (n != 0) {
      // relaxed: nothing is published by taking a reference.
      if (refs_.compare_exchange_strong(n, n + 1, std::memory_order_relaxed,
                                        std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  gate_type& gate() { return gate_; }
  const gate_type& gate() const { return gate_; }
  const queue::settings& settings() const { return settings_; }
  // relaxed: whoever acts on it confirms the epoch.
  std::uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }

  // A request for n permits that could never be satisfied as things are.
  bool impossible(const waiter<P>& x, std::uint64_t limit) const {
    return x.permits > limit && !x.has(traits::kWaitsForResize);
  }

  // ---- THROUGHPUT: newcomers that pass the first in line

  // A newcomer may try to pass once more.
  bool may_overtake() {
    if constexpr (P::kMutant == mutant::overtaking_uncounted) return true;
    // relaxed: a ticket; only its number matters.
    return overtakings_.fetch_add(1, std::memory_order_relaxed) < P::kOvertakingBound;
  }
  // Another became the first.
  void forget_overtakings() { overtakings_.store(0, std::memory_order_relaxed); }

  // ---- statistics

  using stats_type = typename counting<P>::stats_type;

  // This thread has got n permits without queueing: ok.
  status count_taken(std::uint64_t n) {
    auto* const ways = counts_.ways();
    if (ways == nullptr) return status::ok;
    if (n != 1 || !ways->try_add(stats::on_the_way::requests, 1)) [[unlikely]]
      return count_taken_otherwise(n);
    return status::ok;
  }

  // nullptr: nothing is counted. Given before anybody else sees the semaphore.
  stats_type* stats() const { return counts_.stats(); }
  void count_with(typename stats_type::pointer stats) {
    counts_.count_with(std::move(stats));
    gate_.reserved = AFFLUX_FASTPATH_COUNTED;
  }
  // Of those in line.
  std::uint64_t listed() const { return line_.count(); }
  std::uint64_t listed_bytes() const { return line_.bytes(); }

  std::unique_ptr<char[]> name;  // the label in statistics; nullptr: none
  std::int64_t created_at = 0;
  std::unique_ptr<stats::ledger<P>> ledger;  // of the permit tokens; nullptr: none is kept
  // For the registry that it is in (stats/registry.h).
  atomic<std::uint64_t> registration{0};

 protected:
  friend class handout<P>;

  status release_counted(std::uint64_t n) {
    std::uint64_t w = gate_.word.load(std::memory_order_relaxed);  // the exchange decides
    for (;;) {
      if (held(w) < n) [[unlikely]]
        return release_refused(n);
      if (!release_is_plain(w)) [[unlikely]]
        return counts_.ways() == nullptr ? release_contended(n) : release_counted_contended(n);
      constexpr auto order = P::kMutant == mutant::relaxed_release ? std::memory_order_relaxed
                                                                   : std::memory_order_release;
      // [release] release, pairs with [acquire] and with the granter's. The last touch.
      if (gate_.word.compare_exchange_strong(w, w - permits(n), order, std::memory_order_relaxed)) {
        return status::ok;
      }
    }
  }
  [[gnu::noinline]] status release_without_shard(std::uint64_t n) {
    counts_.ways()->add(stats::on_the_way::released, n);
    return release_counted(n);
  }
  [[gnu::noinline]] status release_counted_contended(std::uint64_t n) {
    const status s = release_contended(n);
    return s == status::ok ? s : release_refused(n);
  }
  // This caller's reference keeps the semaphore.
  [[gnu::noinline]] status release_refused(std::uint64_t n) {
    if (counts_.ways() != nullptr && P::kMutant != mutant::refusal_counted) {
      counts_.ways()->add(stats::on_the_way::released, std::uint64_t{0} - n);
    }
    return status::overflow;
  }
  [[gnu::noinline]] status count_taken_otherwise(std::uint64_t n) {
    stats()->took(n);
    return status::ok;
  }

  static status refusal(std::uint64_t w, std::uint64_t n, std::uint64_t limit) {
    if ((w & kClosed) != 0) return status::closed;
    return n > limit ? status::invalid : status::again;
  }

  void store_limit(std::uint64_t limit) {
    // relaxed, both: the epoch's exchange publishes them.
    gate_.limit.store(limit, std::memory_order_relaxed);
    limit_.store(limit, std::memory_order_relaxed);
  }

  // The first 128 bytes: what the thread in the role works on.
  gate_type gate_;
  line<P> line_;
  // Like the line, only for the thread in the role or under the lock.
  typename P::template var<waiter<P>*> poked_{nullptr};  // THROUGHPUT: awake and competing
  typename P::template var<std::uint64_t> seen_limit_;   // the line has nobody impossible by it

  // Read often, written by resize only: away from the gate, or the load of the
  // limit between load and exchange of the word would cost a second miss.
  alignas(128) atomic<std::uint64_t> limit_;
  const queue::settings settings_;
  const bool simple_;  // FAIR, counted, and without queue limits
  counting<P> counts_;

  alignas(128) atomic<std::uint64_t> refs_{1};
  atomic<std::uint32_t> overtakings_{0};
};

// Take x back, whichever queue it is in, because of `why`. Its memory is valid during the call.
template <class P>
removal remove(waiter<P>& x, status why) {
  // [where] acquire: with `listed` comes the owner that was written before.
  const auto queued = [&x] {
    const place p = x.where.load(std::memory_order_acquire);
    return p == place::inbox || p == place::listed;
  };
  if (!queued()) return removal::gone;
  // relaxed: confirmed below.
  waiter_queue<P>* const q = x.owner.load(std::memory_order_relaxed);
  pin<P> guard(q);
  if (!queued() || x.owner.load(std::memory_order_relaxed) != q) return removal::gone;
  request<P> r(x, why);
  return q->remove(r, guard, false);
}

}  // namespace afflux::queue
