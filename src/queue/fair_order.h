// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who of those that wait comes next, so that each gets work done by its weight: worst-case fair
// queueing (WF2Q+; J. Bennett, H. Zhang, 1997) with the grouping of QFQ (F. Checconi, L. Rizzo,
// P. Valente, 2013), which makes each operation O(1).
//
// Work is measured in virtual time, in which a member of weight w that is served work c moves
// ahead by c / w. A member's next piece begins at `start`, and would end at start + length. The
// order's own time `now_` is how far each waiting member would have come in an ideal fluid service.
//
//   FO1  Served is the member whose piece ends first among those whose piece has begun (start is
//        not after now_). If none has begun, now_ leaps to the earliest start.
//   FO2  A piece of work c moves now_ ahead by c over the weights of all that are in the fluid's
//        service: of members, and of those that have left with more than they were due (leads_),
//        until the fluid has caught up with them. Leads of similar length count as one.
//   FO3  Pieces of similar length share a level: its slots are a sixteenth of a piece wide. A
//   member
//        lies in the slot that holds its start, on its level, or on the lowest above whose 32 slots
//        reach from the first that is occupied to that.
//
// Plain data for one thread at a time: the holder of a semaphore's lock.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace afflux::queue {

// Its unit is the owner's. It never comes round.
struct virtual_time {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend virtual_time operator+(virtual_time t, std::uint64_t by) {
    t.low += by;
    if (t.low < by) ++t.high;
    return t;
  }
  friend virtual_time operator-(virtual_time t, std::uint64_t by) {
    if (t.low < by) --t.high;
    t.low -= by;
    return t;
  }
};

inline constexpr double kLongestPiece = static_cast<double>(std::uint64_t{1} << 60);

// By how much a is after b, within ± 2^61.
inline std::int64_t ahead(const virtual_time& a, const virtual_time& b) {
  constexpr std::int64_t kMost = std::int64_t{1} << 61;
  const std::uint64_t low = a.low - b.low;
  const std::uint64_t high = a.high - b.high - (a.low < b.low ? 1 : 0);
  if (high == 0) return low < std::uint64_t{1} << 61 ? static_cast<std::int64_t>(low) : kMost;
  if (high == ~std::uint64_t{0}) {
    const auto back = static_cast<std::int64_t>(low);
    return back < 0 && back > -kMost ? back : -kMost;
  }
  return (high >> 63) != 0 ? -kMost : kMost;
}

struct fair_member {
  void set_weight(std::uint32_t w) {
    weight_ = w;
    inverse_ = 1.0 / w;
  }
  std::uint32_t weight() const { return weight_; }

  std::uint64_t mark = 0;  // the owner's, before insert(): told of the first by its mark

 private:
  friend class fair_order;
  std::uint32_t weight_ = 1;
  std::uint32_t lead_in_ = 0;    // the generation of the leads that its own is part of; 0: of none
  double inverse_ = 1;           // of the weight
  std::uint64_t length_ = 1;     // of its next piece
  virtual_time start_;           // and when that begins
  fair_member* prev_ = nullptr;  // in the slot. The first one's means nothing
  fair_member* next_ = nullptr;
  std::uint8_t level_ = 0;
  std::uint8_t slot_ = 0;
  std::uint8_t lead_at_ = 0;  // which of leads_ these are
  bool left_ = true;          // it has not waited since
};

class fair_order {
 public:
  bool empty() const { return (levels_[0] | levels_[1]) == 0; }
  // And the fluid has caught up with all who have left.
  bool idle() const { return empty() && leading_ == 0; }
  // The work of its next piece, in units.
  static double work(const fair_member& m) { return static_cast<double>(m.length_) * m.weight_; }

  // The next to be served, or nullptr.
  fair_member* first() {
    if (next_ == nullptr && !empty()) find_first();
    return next_;
  }
  // The first one's mark, without a look at its memory; the order is not empty.
  std::uint64_t mark_of_first() {
    first();
    return mark_;
  }

  // m waits with a piece of that much work, in units. Where it begins is known from what it has
  // been served; time that it did not wait counts for nothing. It was served `surplus` less than it
  // was charged: that is given back as far as its lead goes. How much was.
  double insert(fair_member& m, double work, double surplus = 0);

  // m's piece is done: the next one begins where it ends. m has been taken out just before.
  void serve(fair_member& m);
  // Likewise for one that is served out of the order: that costs the others nothing.
  static void measure(fair_member& m, double work) {
    m.length_ = 1 + static_cast<std::uint64_t>(std::min(work * m.inverse_, kLongestPiece));
  }
  void serve_aside(fair_member& m) {
    if (lead(m) < static_cast<std::int64_t>(m.length_)) m.start_ = now_ + m.length_;
  }

  // m does not wait any more, or is about to be inserted anew.
  void remove(fair_member& m);
  // m, which has been taken out, is not inserted anew for now.
  void leave(fair_member& m);
  // m is forgotten: it begins now.
  void reset(fair_member& m) {
    m.start_ = now_;
    m.lead_in_ = 0;
    m.left_ = true;
  }
  // m, which has been taken out, goes on with another weight. What it is ahead or behind by stays
  // the same work.
  void reweigh(fair_member& m, std::uint32_t weight);
  // Nobody waits, so nobody has a lead.
  void forget_leads() {
    while (leading_ != 0) forget(static_cast<unsigned>(std::countr_zero(leading_)));
  }
  // Each member; visit(member) changes nothing.
  template <class F>
  void visit(F&& visit) const;

 private:
  static constexpr unsigned kLevels = 128;  // two for each binary digit of a length
  static constexpr unsigned kSlots = 32;
  static constexpr unsigned kFineness = 4;  // a slot is 2^-4 of a piece

  struct slot {
    fair_member* first = nullptr;
    fair_member* last = nullptr;
    std::uint64_t end = 0;   // of the first one's piece; modulo 2^64, as now_.low
    std::uint64_t mark = 0;  // the first one's
  };
  struct level {
    std::uint32_t occupied = 0;
    std::uint64_t base = 0;  // the number of a slot before which none is occupied
    slot slots[kSlots];      // slot n lies at n % kSlots

    // The numbers of the first and the last that are occupied; the level is not empty.
    std::uint64_t first() const {
      const auto turn = static_cast<int>(base % kSlots);
      return base + static_cast<unsigned>(std::countr_zero(std::rotr(occupied, turn)));
    }
    std::uint64_t last() const {
      const auto turn = static_cast<int>(base % kSlots);
      return base + (kSlots - 1) -
             static_cast<unsigned>(std::countl_zero(std::rotr(occupied, turn)));
    }
  };
  // Leads of similar length, of members that have left.
  struct leads {
    double weight = 0;
    double work = 0;
    std::uint32_t generation = 1;
  };

  static unsigned level_of(std::uint64_t length) {
    const auto digits = static_cast<unsigned>(std::bit_width(length));
    if (digits < 2) return 0;
    return 2 * (digits - 1) + (static_cast<unsigned>(length >> (digits - 2)) & 1);
  }
  static unsigned shift_of(unsigned level) {
    const unsigned digits = level / 2 + 1;
    return digits < kFineness ? 0 : digits - kFineness;
  }
  // Of each that is occupied: visit(number, level).
  template <class F>
  void each_level(F&& visit) const {
    for (unsigned half = 0; half < 2; ++half) {
      for (std::uint64_t left = levels_[half]; left != 0; left &= left - 1) {
        const unsigned at = 64 * half + static_cast<unsigned>(std::countr_zero(left));
        visit(at, all_[at]);
      }
    }
  }
  // Modulo 2^64: only differences count.
  static std::uint64_t slot_of(const virtual_time& t, unsigned shift) {
    return shift == 0 ? t.low : t.low >> shift | t.high << (64 - shift);
  }
  static std::int64_t from_to(std::uint64_t a, std::uint64_t b) {
    return static_cast<std::int64_t>(b - a);
  }
  static bool reaches(level& on, std::uint64_t slot);
  std::int64_t lead(const fair_member& m) const { return ahead(m.start_, now_); }
  void find_first();
  void come_back(fair_member& m);
  void lend(fair_member& m);
  void take_back(fair_member& m);
  void flow(double work, double also);
  // The fluid has come so far: it has caught up with leads by that.
  void catch_up(double by);
  void forget(unsigned at) {
    leads_[at] = {.generation = leads_[at].generation + 1};
    leading_ &= ~(std::uint64_t{1} << at);
  }

  std::uint64_t levels_[2] = {};  // bit i: level i is occupied
  fair_member* next_ = nullptr;   // the first, where that is known
  std::uint64_t mark_ = 0;        // and its mark
  virtual_time now_{1, 0};
  double weights_ = 0;
  std::uint64_t leading_ = 0;  // bit i: leads_[i] is not empty
  leads leads_[64];            // by the binary digits of their length
  level all_[kLevels];
};

inline void fair_order::find_first() {
  const slot* best = nullptr;     // of those that have begun
  const slot* soonest = nullptr;  // of the others
  std::int64_t end_of_best = 0;
  std::int64_t start_of_soonest = 0;
  std::int64_t end_of_soonest = 0;
  each_level([&](unsigned at, const level& in) {
    const unsigned shift = shift_of(at);
    const std::uint64_t number = in.first();
    const slot& on = in.slots[number % kSlots];
    const std::int64_t end = from_to(now_.low, on.end);
    const std::int64_t slots = from_to(slot_of(now_, shift), number);
    if (slots <= 0) {
      if (best == nullptr || end < end_of_best) {
        best = &on;
        end_of_best = end;
      }
    } else if (best == nullptr) {
      const std::int64_t start = slots << shift;
      if (soonest == nullptr || start < start_of_soonest ||
          (start == start_of_soonest && end < end_of_soonest)) {
        soonest = &on;
        start_of_soonest = start;
        end_of_soonest = end;
      }
    }
  });
  const slot& found = best != nullptr ? *best : *soonest;
  next_ = found.first;
  mark_ = found.mark;
}

// The level has that slot, or can have it.
inline bool fair_order::reaches(level& on, std::uint64_t slot) {
  if (on.occupied == 0) {
    on.base = slot;
    return true;
  }
  const std::uint64_t first = on.first();
  if (from_to(first, slot) >= static_cast<std::int64_t>(kSlots)) return false;
  if (from_to(slot, on.last()) >= static_cast<std::int64_t>(kSlots)) return false;
  on.base = from_to(slot, first) > 0 ? slot : first;
  return true;
}

inline double fair_order::insert(fair_member& m, double work, double surplus) {
  measure(m, work);
  if (m.left_) come_back(m);
  std::uint64_t back = 0;
  if (surplus > 0) {
    const std::int64_t before = lead(m);
    if (before > 0) {
      back = std::min(static_cast<std::uint64_t>(before),
                      static_cast<std::uint64_t>(std::min(surplus * m.inverse_, kLongestPiece)));
      m.start_ = m.start_ - back;
    }
  }
  unsigned at = level_of(m.length_);
  while (at < kLevels - 1 && !reaches(all_[at], slot_of(m.start_, shift_of(at)))) ++at;
  level& on = all_[at];
  const auto number = static_cast<unsigned>(slot_of(m.start_, shift_of(at)) % kSlots);
  slot& in = on.slots[number];
  m.level_ = static_cast<std::uint8_t>(at);
  m.slot_ = static_cast<std::uint8_t>(number);
  m.next_ = nullptr;
  weights_ += m.weight_;
  if (in.first == nullptr) {
    in.first = in.last = &m;
    in.end = m.start_.low + m.length_;
    in.mark = m.mark;
    on.occupied |= std::uint32_t{1} << number;
    levels_[at / 64] |= std::uint64_t{1} << at % 64;
    next_ = nullptr;  // m may be the first
  } else {
    m.prev_ = in.last;
    in.last->next_ = &m;
    in.last = &m;
  }
  return static_cast<double>(back) * m.weight_;
}

inline void fair_order::remove(fair_member& m) {
  level& on = all_[m.level_];
  slot& in = on.slots[m.slot_];
  weights_ -= m.weight_;
  if (next_ == &m) next_ = nullptr;
  if (in.first != &m) {
    m.prev_->next_ = m.next_;
    (m.next_ != nullptr ? m.next_->prev_ : in.last) = m.prev_;
    return;
  }
  in.first = m.next_;
  if (in.first != nullptr) {
    in.end = in.first->start_.low + in.first->length_;
    in.mark = in.first->mark;
    return;
  }
  on.occupied &= ~(std::uint32_t{1} << m.slot_);
  if (on.occupied == 0) levels_[m.level_ / 64] &= ~(std::uint64_t{1} << m.level_ % 64);
}

inline void fair_order::serve(fair_member& m) {
  const std::uint64_t into_slot = m.start_.low & ((std::uint64_t{1} << shift_of(m.level_)) - 1);
  const std::int64_t leap = lead(m) - static_cast<std::int64_t>(into_slot);
  if (leap > 0) {  // it was the soonest, and none had begun
    now_ = now_ + static_cast<std::uint64_t>(leap);
    catch_up(static_cast<double>(leap));
  }
  flow(work(m), m.weight_);
  m.start_ = m.start_ + m.length_;
  next_ = nullptr;
}

// Time moves ahead by that much work for all that the fluid serves; for `also`, too, which is the
// weight of the one that has been taken out to be served. With the shortest leads it has caught up
// first: from then on the rest is for the others.
inline void fair_order::flow(double work, double also) {
  double by = 0;
  while (work > 0) {
    double weight = weights_ + also;
    double until = kLongestPiece;
    for (std::uint64_t some = leading_; some != 0; some &= some - 1) {
      const leads& l = leads_[std::countr_zero(some)];
      weight += l.weight;
      until = std::min(until, l.work / l.weight);
    }
    const double step = std::min(work / weight, until);
    by += step;
    work = step < until ? 0 : work - step * weight;
    catch_up(step);
  }
  now_ = now_ + static_cast<std::uint64_t>(by);
}

inline void fair_order::leave(fair_member& m) {
  if (m.left_) return;
  m.left_ = true;
  const std::int64_t before = lead(m);
  if (before <= 0) {
    // In the fluid it ended then, and what it would have had since went to the others.
    const double theirs = static_cast<double>(-before) * m.weight_;
    if (weights_ > 0) flow(theirs, 0);
    return;
  }
  lend(m);
}

// What m, which has left, is ahead by is the fluid's to catch up with.
inline void fair_order::lend(fair_member& m) {
  const std::int64_t before = lead(m);
  if (before <= 0) return;
  const auto at = static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(before)));
  m.lead_at_ = static_cast<std::uint8_t>(at);
  m.lead_in_ = leads_[at].generation;
  leads_[at].weight += m.weight_;
  leads_[at].work += static_cast<double>(before) * m.weight_;
  leading_ |= std::uint64_t{1} << at;
}

inline void fair_order::take_back(fair_member& m) {
  leads& its = leads_[m.lead_at_];
  if (m.lead_in_ == its.generation) {  // the fluid has not caught up with all of these
    const std::int64_t before = lead(m);
    its.weight -= m.weight_;
    if (before > 0) its.work -= static_cast<double>(before) * m.weight_;
    if (its.weight <= 0 || its.work <= its.weight) forget(m.lead_at_);
  }
  m.lead_in_ = 0;
}

inline void fair_order::come_back(fair_member& m) {
  m.left_ = false;
  take_back(m);
  if (lead(m) < 0) m.start_ = now_;
}

inline void fair_order::reweigh(fair_member& m, std::uint32_t weight) {
  if (weight == m.weight_) return;
  if (m.left_) take_back(m);
  const double work = static_cast<double>(lead(m)) * m.weight_;
  const double before = std::clamp(work / weight, -kLongestPiece, kLongestPiece);
  if (before > 0) {
    m.start_ = now_ + static_cast<std::uint64_t>(before);
  } else {
    m.start_ = now_ - static_cast<std::uint64_t>(-before);
  }
  m.set_weight(weight);
  if (m.left_) lend(m);
}

inline void fair_order::catch_up(double by) {
  for (std::uint64_t some = leading_; some != 0; some &= some - 1) {
    const auto at = static_cast<unsigned>(std::countr_zero(some));
    leads_[at].work -= leads_[at].weight * by;
    if (leads_[at].work <= leads_[at].weight) forget(at);  // within a unit
  }
}

template <class F>
void fair_order::visit(F&& visit) const {
  each_level([&visit](unsigned, const level& on) {
    for (std::uint32_t slots = on.occupied; slots != 0; slots &= slots - 1) {
      for (fair_member* m = on.slots[std::countr_zero(slots)].first; m != nullptr; m = m->next_) {
        visit(*m);
      }
    }
  });
}

}  // namespace afflux::queue
