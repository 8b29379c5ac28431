// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Whether a semaphore stands still: permits are held, requests want some, and none is acquired or
// released. A look is a call of afflux_sem_health(). Only looks write here, so that acquires and
// releases pay nothing.
//
//   SS1  A standstill is never told longer than nothing has moved. It begins with the first look
//        that finds a request unserved and nothing moved since the look before.
//   SS2  All words only grow. A look that has seen something move publishes `moved_` last.
//        So a look that reads moved_ finds the others at least as new, in whatever order threads
//        look.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace afflux::stats {

template <class P>
class standstill {
 public:
  struct seen {
    bool held;            // any permit
    bool waiting;         // any request, now
    std::uint64_t moved;  // permits acquired and permits released, together
    std::uint64_t asked;  // requests that did not get their permits at once
  };
  struct told {
    std::int64_t ns = 0;         // since it began; 0: it does not stand still, or begins now
    std::uint64_t unserved = 0;  // of those that asked, since the first look after the last move
  };

  // `before` and `after`: the time before and after `at_look` was read. A standstill is told from
  // the `after` of one look to the `before` of another: a thread may be stopped in between.
  told look(const seen& at_look, std::int64_t before, std::int64_t after) {
    // acquire, pairs with [moved]: SS2.
    const std::uint64_t moved = moved_.load(std::memory_order_acquire);
    if (at_look.moved < moved) return {};  // another look is newer
    if (at_look.moved > moved) {
      raise(since_, mark(after, false));
      raise(asked_, at_look.asked);
      raise(seen_asked_, at_look.asked);
      raise(moved_, at_look.moved);
      return {};
    }
    // relaxed, both: SS2 has made them new enough, and a newer one only shortens what is told.
    const std::uint64_t asked = asked_.load(std::memory_order_relaxed);
    const std::uint64_t unserved = at_look.asked - std::min(asked, at_look.asked);
    if (!at_look.held ||
        !(at_look.waiting || (unserved != 0 && asked_lately(at_look, before, after)))) {
      raise(since_, mark(after, false));
      return {};
    }
    const std::uint64_t since = since_.load(std::memory_order_relaxed);
    if ((since & kStands) == 0) {
      raise(since_, mark(after, true));
      return {0, unserved};
    }
    return {std::max<std::int64_t>(before - static_cast<std::int64_t>(since >> 1), 0), unserved};
  }

 private:
  // One that was refused, or has left, wants permits for a while. [asked] acquire, release: a look
  // that finds the number finds a time at least as new.
  bool asked_lately(const seen& at_look, std::int64_t before, std::int64_t after) {
    if (at_look.asked > seen_asked_.load(std::memory_order_acquire)) {
      raise(asked_at_, static_cast<std::uint64_t>(after));
      raise(seen_asked_, at_look.asked);
      return true;
    }
    const auto then = static_cast<std::int64_t>(asked_at_.load(std::memory_order_relaxed));
    return before - then <= kDemandLasts;
  }

  using word = typename P::template atomic<std::uint64_t>;

  static constexpr std::uint64_t kStands = 1;
  static constexpr std::int64_t kDemandLasts = 5'000'000'000;

  static std::uint64_t mark(std::int64_t now, bool stands) {
    return static_cast<std::uint64_t>(now) << 1 | (stands ? kStands : 0);
  }

  static void raise(word& to, std::uint64_t value) {
    std::uint64_t now = to.load(std::memory_order_relaxed);
    // [moved] release: what was raised before. relaxed, otherwise: only the largest counts.
    while (value > now && !to.compare_exchange_strong(now, value, std::memory_order_release,
                                                      std::memory_order_relaxed)) {
    }
  }

  word moved_{0};
  word asked_{0};       // at the first look that found moved_
  word seen_asked_{0};  // at the last look
  word asked_at_{0};    // the time of the look that found seen_asked_
  word since_{0};       // a look's time, shifted by one, and kStands: since then it stands still
};

}  // namespace afflux::stats
