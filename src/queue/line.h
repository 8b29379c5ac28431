// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The line: who stands where, by priority and arrival. Plain data without any
// synchronisation: only the thread in the granting role (or under the lock)
// touches it; count() and bytes() may be read by anybody, as observations.
//
// The `prev` of the first of a priority means nothing: clearing it would touch
// the next waiter's memory, which is most likely not in the cache.
//
// Ageing: passed_[p] counts the grants made to higher priorities since the
// last grant to p; at P::kAgeingBound the first of p is the next to be granted.
#pragma once

#include <bit>
#include <cstdint>

#include "queue/mutants.h"
#include "queue/waiter.h"

namespace afflux::queue {

inline constexpr std::uint32_t kPriorities = 4;

template <class P>
class line {
 public:
  template <class T>
  using var = typename P::template var<T>;

  bool empty() const { return present_ == 0; }
  std::uint64_t count() const { return count_.get(); }
  std::uint64_t bytes() const { return bytes_.get(); }

  // The highest priority present; the line is not empty.
  std::uint32_t top() const {
    return 31u - static_cast<std::uint32_t>(std::countl_zero(present()));
  }

  // One priority only is present: no ageing, no choice.
  bool uniform() const { return (present() & (present() - 1)) == 0; }

  // The next to be granted, or nullptr.
  waiter<P>* first() const {
    if (present_ == 0) return nullptr;
    return at(uniform() ? top() : next_priority()).first;
  }

  // When the one that has been here longest queued; the line is not empty.
  stats::stamp oldest() const {
    stats::stamp then = at(top()).first->queued_at();
    for (std::uint32_t below = present() & ((1u << top()) - 1); below != 0; below &= below - 1) {
      const auto p = static_cast<std::uint32_t>(std::countr_zero(below));
      const stats::stamp other = at(p).first->queued_at();
      if (stats::earlier(other, then)) then = other;
    }
    return then;
  }

  void push_back(waiter<P>& x) {
    level& l = at(x.priority);
    waiter<P>* const last = l.last;
    x.prev = last;
    x.next = nullptr;
    if (last != nullptr) {
      last->next = &x;
    } else {
      l.first = &x;
      present_ = present() | 1u << x.priority;
    }
    l.last = &x;
    count_in(x);
  }

  // A chain of `count`, linked both ways, of one priority and without costs.
  void append(waiter<P>& first, waiter<P>& last, std::uint64_t count) {
    level& l = at(first.priority);
    waiter<P>* const before = l.last;
    first.prev = before;
    if (before != nullptr) {
      before->next = &first;
    } else {
      l.first = &first;
      present_ = present() | 1u << first.priority;
    }
    l.last = &last;
    count_.set(count_.get() + count);
  }

  // Back to where it came from; it is due at once, whatever has passed since.
  void push_front(waiter<P>& x) {
    level& l = at(x.priority);
    waiter<P>* const first = l.first;
    x.next = first;
    if (first != nullptr) {
      first->prev = &x;
    } else {
      l.last = &x;
      present_ = present() | 1u << x.priority;
    }
    l.first = &x;
    passed_[x.priority] = P::kAgeingBound;
    count_in(x);
  }

  void remove(waiter<P>& x) {
    level& l = at(x.priority);
    waiter<P>* const next = x.next;
    if (l.first == &x) {
      l.first = next;
      if (next == nullptr) {
        l.last = nullptr;
        present_ = present() & ~(1u << x.priority);
        passed_[x.priority] = 0;
      }
    } else {
      waiter<P>* const prev = x.prev;
      prev->next = next;
      if (next != nullptr) {
        next->prev = prev;
      } else {
        l.last = prev;
      }
    }
    count_.set(count_.get() - 1);
    if (x.has(traits::kCosts)) bytes_.set(bytes_.get() - x.cost());
  }

  // Remove x because it is granted: lower priorities have been passed once more.
  void grant(waiter<P>& x) {
    const std::uint32_t priority = x.priority;
    remove(x);
    passed_[priority] = 0;
    for (std::uint32_t below = present() & ((1u << priority) - 1); below != 0; below &= below - 1) {
      const int p = std::countr_zero(below);
      passed_[p] = passed_[p] + 1;
    }
  }

  // The first `count`, without costs and of the only priority present, are granted; `next`
  // is then the first: what grant() comes to, in a few instructions.
  void grant_run(std::uint32_t priority, waiter<P>* next, std::uint64_t count) {
    level& l = at(priority);
    l.first = next;
    if (next == nullptr) {
      l.last = nullptr;
      present_ = 0;
      passed_[priority] = 0;
    }
    count_.set(count_.get() - count);
  }

  // The victim of DROP_OLDEST; the line is not empty.
  waiter<P>& oldest_of_lowest() const {
    const bool lowest = P::kMutant != mutant::drop_highest;
    waiter<P>* const x =
        at(lowest ? static_cast<std::uint32_t>(std::countr_zero(present())) : top()).first;
    return *x;
  }

  // Visits each waiter, highest priority first; `visit` may remove it.
  template <class F>
  void for_each(F&& visit) {
    for (std::uint32_t p = kPriorities; p-- > 0;) {
      for (waiter<P>* x = at(p).first; x != nullptr;) {
        waiter<P>* const next = x->next;
        visit(*x);
        x = next;
      }
    }
  }

 private:
  struct level {
    var<waiter<P>*> first{nullptr};
    var<waiter<P>*> last{nullptr};
  };

  std::uint32_t present() const { return present_; }

  // Normal priority lies first: on the cache line of the gate.
  level& at(std::uint32_t priority) { return levels_[priority ^ 1u]; }
  const level& at(std::uint32_t priority) const { return levels_[priority ^ 1u]; }

  std::uint32_t next_priority() const {
    for (std::uint32_t waiting = present(); waiting != 0; waiting &= waiting - 1) {
      const auto p = static_cast<std::uint32_t>(std::countr_zero(waiting));
      if (passed_[p] >= P::kAgeingBound) return p;
    }
    return top();
  }

  void count_in(const waiter<P>& x) {
    count_.set(count_.get() + 1);
    if (x.has(traits::kCosts)) bytes_.set(bytes_.get() + x.cost());
  }

  typename P::template gauge<std::uint64_t> count_;
  var<std::uint32_t> present_{0};  // bit p: somebody of priority p is here
  level levels_[kPriorities];
  var<std::uint32_t> passed_[kPriorities]{};
  typename P::template gauge<std::uint64_t> bytes_;
};

}  // namespace afflux::queue
