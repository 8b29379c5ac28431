// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A tenant of a semaphore: a line of its own, what it may hold, and what it has used.
//
// Work is counted in permit-nanoseconds: one permit, held for one nanosecond. A tenant is charged
// for a request when that is granted, by an estimate: its permits, times how long this tenant's
// permits have been held lately. What was really used is known as time goes by, from how many the
// tenant held; the difference is in `balance_`, and in the charge of its next request. So in the
// long run the charges are what was used, whatever the estimates were.
//
// Plain data is of the holder of the semaphore's lock; gauges are observations.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "queue/fair_order.h"
#include "queue/line.h"
#include "queue/waiter.h"
#include "stats/label.h"

namespace afflux::queue {

template <class P>
class waiter_queue;

// What can be set of a tenant.
struct share {
  std::uint32_t weight = 1;
  std::uint64_t guaranteed = 0;
  std::uint64_t cap = UINT64_MAX;          // permits that it may hold
  std::uint64_t max_waiters = UINT64_MAX;  // requests that may queue
};

// How a tenant's requests have ended, and what it has used. Written with the lock. What each grant
// touches comes first.
template <class P>
struct tenant_totals {
  typename P::template gauge<double> used;                 // permit-ns
  typename P::template gauge<std::uint64_t> acquired;      // permits
  typename P::template gauge<std::uint64_t> requests;      // that got them
  typename P::template gauge<std::uint64_t> waits;         // of these, after a wait
  typename P::template gauge<std::uint64_t> wait_sum;      // ns
  typename P::template gauge<std::uint64_t> wait_max;      // ns
  typename P::template gauge<std::uint64_t> by_guarantee;  // of the waits, by its guaranteed share
  typename P::template gauge<std::uint64_t> try_failed;
  typename P::template gauge<std::uint64_t> rejected;
  typename P::template gauge<std::uint64_t> timed_out;
  typename P::template gauge<std::uint64_t> canceled;
  typename P::template gauge<std::uint64_t> ended;  // closed, or too big by now
};

template <class G, class T>
void add_to(G& gauge, T n) {
  gauge.set(gauge.get() + n);
}

// Where a tenant with waiters stands.
enum class standing : std::uint8_t {
  nowhere,  // none waits, or it is being placed anew
  barred,   // it would hold more than it may
  owed,     // it holds less than what is guaranteed
  ordered,  // by weight
};

// In the order of use: a grant among many tenants finds few of these bytes in the cache.
template <class P>
class alignas(64) tenant : public fair_member {
 public:
  template <class T>
  using var = typename P::template var<T>;
  template <class T>
  using gauge = typename P::template gauge<T>;

  // `at` is its line; nullptr: its own.
  tenant(waiter_queue<P>& whose, const share& is, line<P>* at = nullptr)
      : waiting(at == nullptr ? &own_line_ : at), of(whose) {
    set(is);
  }
  tenant(const tenant&) = delete;
  tenant& operator=(const tenant&) = delete;
  ~tenant() = default;

  // What a grant touches lies in so many bytes from the beginning.
  static constexpr std::size_t kHot = 448;

  void ref() { refs.fetch_add(1, std::memory_order_relaxed); }  // the caller has one

  share now() const { return {weight_seen.get(), guaranteed.get(), cap.get(), max_waiters.get()}; }

  // ---- with the lock

  void set(const share& is) {
    set_weight(is.weight);
    weight_seen.set(is.weight);
    guaranteed.set(is.guaranteed);
    cap.set(is.cap);
    max_waiters.set(is.max_waiters);
  }

  bool may_hold(std::uint64_t more) const {
    const std::uint64_t most = cap.get();
    return more <= most && held.get() <= most - more;
  }
  bool is_owed(std::uint64_t more) const {
    const std::uint64_t least = guaranteed.get();
    return more <= least && held.get() <= least - more;
  }

  // What it has used until `now`.
  void settle(std::int64_t now) {
    if (held.get() != 0 && now > settled_at_) {
      const double used = static_cast<double>(held.get()) * static_cast<double>(now - settled_at_);
      balance_ = balance_ + used;
      since_release_ = since_release_ + used;
      add_to(totals.used, used);
    }
    settled_at_ = now;
  }
  // Nothing is charged for what was before `began`. It has been settled.
  void begin(std::int64_t began) {
    const std::int64_t since = std::max(settled_at_ - began, std::int64_t{0});
    balance_ = static_cast<double>(held.get()) * static_cast<double>(since);
    prepaid_ = 0;
  }
  // `estimate` is how long one permit is held; `charged`: requests wait, and it is to be paid for.
  void took(std::uint64_t n, std::int64_t now, double estimate, bool charged) {
    settle(now);
    held.set(held.get() + n);
    add_to(totals.acquired, n);
    add_to(totals.requests, std::uint64_t{1});
    if (!charged) return;
    prepaid_ = prepaid_ + static_cast<double>(n) * estimate;
    balance_ = balance_ + static_cast<double>(n) * estimate;
  }
  // n of what it holds.
  void gave(std::uint64_t n, std::int64_t now) {
    settle(now);
    const auto released = static_cast<double>(n);
    const double prepaid = prepaid_;
    const double share =
        n == held.get() ? prepaid : prepaid * (released / static_cast<double>(held.get()));
    prepaid_ = prepaid - share;
    balance_ = balance_ - share;
    held.set(held.get() - n);
    recent_used_ = recent_used_ * kRemembered + since_release_;
    recent_released_ = recent_released_ * kRemembered + released;
    since_release_ = 0;
    hold.set(recent_used_ / recent_released_);
  }

  // The charge for n permits, at most `most`: what is owed from before, too.
  double charge(std::uint64_t n, double estimate, double most) const {
    const double by_estimate = static_cast<double>(n) * estimate;
    return std::min(std::max({by_estimate + balance_, by_estimate / 8, 1.0}), most);
  }
  // By what it has been charged too much.
  double surplus() const { return std::max<double>(-balance_, 0.0); }
  void paid(double work) { balance_ = balance_ - work; }

  standing stands = standing::nowhere;
  standing stood = standing::nowhere;  // before it was taken out last
  bool is_closing = false;             // with waiters: in tenants::closing
  bool closed = false;
  bool gone = false;        // closed by its last unref: the holder that empties it frees it
  std::uint32_t epoch = 0;  // tenants::epoch_ in which it was charged last

  // ---- observed

  gauge<std::uint64_t> held;
  gauge<std::uint64_t> cap;
  gauge<std::uint64_t> guaranteed;
  gauge<std::uint64_t> max_waiters;
  gauge<double> hold;  // ns, of one permit, lately; 0: not known
  tenant_totals<P> totals;
  gauge<std::uint32_t> weight_seen;

 private:
  static constexpr double kRemembered = 0.875;  // at each release, of the average

  var<std::int64_t> settled_at_{0};
  var<double> balance_{0};  // used, and prepaid, but not charged
  var<double> prepaid_{0};  // by estimate, for what is held
  var<double> since_release_{0};
  var<double> recent_used_{0};
  var<double> recent_released_{0};
  line<P> own_line_;

 public:
  line<P>* const waiting;
  tenant* beside_prev = nullptr;  // among the owed, or the barred
  tenant* beside_next = nullptr;
  tenant* crowd_prev = nullptr;  // among those with as many waiters, or nearly
  tenant* crowd_next = nullptr;
  std::uint8_t crowd = 0;  // 0: none waits
  tenant* closing_next = nullptr;
  tenant* visit_next = nullptr;

  waiter_queue<P>& of;
  stats::label name;
  typename P::template atomic<std::uint32_t> refs{1};
  std::size_t place = 0;     // among all: with the mutex of these, as is the next
  std::uint64_t number = 0;  // of its creation, from 1
};

}  // namespace afflux::queue
