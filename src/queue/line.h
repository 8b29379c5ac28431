// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The line: who stands where, by priority and arrival. Plain data without any
// synchronisation: only the holder of the lock touches it; count() and bytes() may be
// read by any thread, as observations.
//
// Ageing: passed_[p] counts the grants made to higher priorities since the
// last grant to p; at P::kAgeingBound the first of p is the next to be granted.
#pragma once

#include <bit>
#include <cstdint>

#include "mutants.h"
#include "queue/waiter.h"

namespace afflux::queue {

inline constexpr std::uint32_t kPriorities = 4;

// Waiters linked both ways. The `prev` of the first means nothing: clearing it would touch the
// next waiter's memory, which is most likely not in the cache.
template <class P>
class waiter_chain {
 public:
  bool empty() const { return first() == nullptr; }
  waiter<P>* first() const { return first_; }
  waiter<P>* last() const { return last_; }

  void push_back(waiter<P>& x) {
    waiter<P>* const last = last_;
    x.prev = last;
    x.next = nullptr;
    if (last != nullptr) {
      last->next = &x;
    } else {
      first_ = &x;
    }
    last_ = &x;
  }

  // The new first one.
  waiter<P>* remove_first() {
    waiter<P>* const next = first()->next;
    first_ = next;
    if (next == nullptr) last_ = nullptr;
    return next;
  }
  void remove(waiter<P>& x) {
    if (first_ == &x) {
      remove_first();
      return;
    }
    waiter<P>* const next = x.next;
    waiter<P>* const prev = x.prev;
    prev->next = next;
    if (next != nullptr) {
      next->prev = prev;
    } else {
      last_ = prev;
    }
  }

 private:
  typename P::template var<waiter<P>*> first_{nullptr};
  typename P::template var<waiter<P>*> last_{nullptr};
};

template <class P>
class line {
 public:
  template <class T>
  using var = typename P::template var<T>;

  bool empty() const { return present_ == 0; }
  std::uint64_t count() const { return count_.get(); }
  std::uint64_t bytes() const { return bytes_.get(); }

  // The next to be granted, or nullptr.
  waiter<P>* first() const {
    if (present_ == 0) return nullptr;
    const bool one_priority = (present() & (present() - 1)) == 0;
    return at(one_priority ? top() : next_priority()).first();
  }

  // The one of that priority that came first, or last; nullptr: there is none.
  waiter<P>* oldest_of(std::uint32_t priority) const { return at(priority).first(); }
  waiter<P>* newest_of(std::uint32_t priority) const { return at(priority).last(); }

  // When the one that has been here longest queued; the line is not empty.
  stats::stamp oldest() const {
    stats::stamp then = at(top()).first()->queued_at();
    for (std::uint32_t below = present() & ((1u << top()) - 1); below != 0; below &= below - 1) {
      const auto p = static_cast<std::uint32_t>(std::countr_zero(below));
      const stats::stamp other = at(p).first()->queued_at();
      if (stats::earlier(other, then)) then = other;
    }
    return then;
  }

  // Whether it is the only one of its priority.
  bool push_back(waiter<P>& x) {
    const std::uint32_t priority = x.priority();
    const bool alone = at(priority).empty();
    at(priority).push_back(x);
    if (alone) present_ = present() | 1u << priority;
    count_.set(count_.get() + 1);
    if (x.has(traits::kCosts)) bytes_.set(bytes_.get() + x.cost());
    return alone;
  }

  void remove(waiter<P>& x) {
    const std::uint32_t priority = x.priority();
    waiter_chain<P>& level = at(priority);
    level.remove(x);
    if (level.empty()) nobody_left(priority);
    uncount(x);
  }
  // x is the first of its priority. The new first one of that, or nullptr.
  waiter<P>* remove_first(waiter<P>& x) {
    const std::uint32_t priority = x.priority();
    waiter<P>* const next = at(priority).remove_first();
    if (next == nullptr) nobody_left(priority);
    uncount(x);
    return next;
  }

  // One of that priority, which has left, was granted: lower ones have been passed once more.
  void granted(std::uint32_t priority) {
    if (present_ == 0) return;
    if (passed_[priority] != 0) passed_[priority] = 0;
    for (std::uint32_t below = present() & ((1u << priority) - 1); below != 0; below &= below - 1) {
      const int p = std::countr_zero(below);
      passed_[p] = passed_[p] + 1;
    }
  }

  // One of that priority would be the next to be granted if it came now.
  bool goes_first(std::uint32_t priority) const {
    return present_ == 0 || (priority > top() && next_priority() == top());
  }

  // The victim of DROP_OLDEST; the line is not empty.
  waiter<P>& oldest_of_lowest() const {
    const bool lowest = P::kMutant != mutant::drop_highest;
    return *at(lowest ? static_cast<std::uint32_t>(std::countr_zero(present())) : top()).first();
  }

  // Visits each waiter, highest priority first, as long as visit(x) answers true; it may remove x.
  // Whether it came to the end.
  template <class F>
  bool visit(F&& visit) {
    for (std::uint32_t p = kPriorities; p-- > 0;) {
      for (waiter<P>* x = at(p).first(); x != nullptr;) {
        waiter<P>* const next = x->next;
        if (!visit(*x)) return false;
        x = next;
      }
    }
    return true;
  }

 private:
  std::uint32_t present() const { return present_; }

  void nobody_left(std::uint32_t priority) {
    present_ = present() & ~(1u << priority);
    passed_[priority] = 0;
  }
  void uncount(const waiter<P>& x) {
    count_.set(count_.get() - 1);
    if (x.has(traits::kCosts)) bytes_.set(bytes_.get() - x.cost());
  }

  // The highest priority present; the line is not empty.
  std::uint32_t top() const {
    return 31u - static_cast<std::uint32_t>(std::countl_zero(present()));
  }

  // Normal priority lies first: on the cache line of the word.
  waiter_chain<P>& at(std::uint32_t priority) { return levels_[priority ^ 1u]; }
  const waiter_chain<P>& at(std::uint32_t priority) const { return levels_[priority ^ 1u]; }

  std::uint32_t next_priority() const {
    for (std::uint32_t waiting = present(); waiting != 0; waiting &= waiting - 1) {
      const auto p = static_cast<std::uint32_t>(std::countr_zero(waiting));
      if (passed_[p] >= P::kAgeingBound) return p;
    }
    return top();
  }

  typename P::template gauge<std::uint64_t> count_;
  var<std::uint32_t> present_{0};  // bit p: a waiter of priority p is here
  waiter_chain<P> levels_[kPriorities];
  var<std::uint32_t> passed_[kPriorities]{};
  typename P::template gauge<std::uint64_t> bytes_;
};

}  // namespace afflux::queue
