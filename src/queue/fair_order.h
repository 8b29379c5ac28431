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
//        until the fluid has caught up with them.
//   FO3  Pieces of similar length share a level: its slots are a sixteenth of the longest of
//        them wide. A member lies in the slot that holds its start, on its level, or on the lowest
//        above whose 64 slots reach from the first that is occupied to that.
//
// Plain data for one thread at a time: the holder of a semaphore's lock.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace afflux::queue {

// 2^16 units are one permit-nanosecond at weight 1. It never comes round.
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

inline constexpr unsigned kUnitShift = 16;
inline constexpr std::uint64_t kLongestPiece = std::uint64_t{1} << 60;  // a piece, and a lead

// By how much a is after b, within ± kLongestPiece.
inline std::int64_t ahead(const virtual_time& a, const virtual_time& b) {
  constexpr auto kMost = static_cast<std::int64_t>(kLongestPiece);
  const std::uint64_t low = a.low - b.low;
  const std::uint64_t high = a.high - b.high - (a.low < b.low ? 1 : 0);
  if (high == 0) return low < kLongestPiece ? static_cast<std::int64_t>(low) : kMost;
  if (high == ~std::uint64_t{0}) {
    const auto back = static_cast<std::int64_t>(low);
    return back < 0 && back > -kMost ? back : -kMost;
  }
  return (high >> 63) != 0 ? -kMost : kMost;
}

struct fair_member {
  std::uint32_t weight = 1;

 private:
  friend class fair_order;
  std::uint8_t level_ = 0;
  std::uint8_t slot_ = 0;
  bool left_ = true;             // it has not waited since
  std::uint32_t lead_in_ = 0;    // the generation of leads_ that its own is part of; 0: of none
  std::uint64_t length_ = 1;     // of its next piece
  virtual_time start_;           // and when that begins
  fair_member* prev_ = nullptr;  // circular in the slot: the first one's is the last
  fair_member* next_ = nullptr;
};

class fair_order {
 public:
  bool empty() const { return levels_ == 0; }
  // The work of its next piece, in units.
  static std::uint64_t work(const fair_member& m) { return m.length_ * m.weight; }

  // The next to be served, or nullptr.
  fair_member* first() const;

  // m waits with a piece of that much work (in units, 1 … kLongestPiece). Where it begins is known
  // from what it has been served; time that it did not wait counts for nothing. It was served
  // `surplus` less than it was charged: that is given back as far as its lead goes. How much was.
  std::uint64_t insert(fair_member& m, std::uint64_t work, std::uint64_t surplus = 0);

  // m's piece is done: the next one begins where it ends. m has been taken out just before.
  void serve(fair_member& m);
  // Likewise for one that is served out of the order: that costs the others nothing.
  void serve_aside(fair_member& m);

  // m waits with a piece of that much work, outside of the order.
  static void measure(fair_member& m, std::uint64_t work) {
    m.length_ = std::max<std::uint64_t>(std::min(work, kLongestPiece) / m.weight, 1);
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
  // Nobody waits, so nobody has a lead.
  void forget_leads() {
    leads_ = {};
    ++generation_;
  }

 private:
  static constexpr unsigned kLevels = 64;
  static constexpr unsigned kSlots = 64;

  struct level {
    std::uint64_t occupied = 0;
    std::uint64_t base = 0;           // the number of a slot before which none is occupied
    fair_member* slots[kSlots] = {};  // the first of each; slot n lies at n % kSlots

    // The number of the first that is occupied; the level is not empty.
    std::uint64_t first() const {
      const auto turn = static_cast<int>(base % kSlots);
      return base + static_cast<unsigned>(std::countr_zero(std::rotr(occupied, turn)));
    }
    std::uint64_t last() const {
      const auto turn = static_cast<int>(base % kSlots);
      return base + 63 - static_cast<unsigned>(std::countl_zero(std::rotr(occupied, turn)));
    }
  };
  struct lead {
    double weight = 0;
    double work = 0;
  };

  static unsigned shift_of(unsigned level) { return level < 4 ? 0 : level - 4; }
  // Modulo 2^64: only differences count.
  static std::uint64_t slot_of(const virtual_time& t, unsigned shift) {
    return shift == 0 ? t.low : t.low >> shift | t.high << (64 - shift);
  }
  static std::int64_t from_to(std::uint64_t a, std::uint64_t b) {
    return static_cast<std::int64_t>(b - a);
  }
  static bool reaches(level& on, std::uint64_t slot);
  void come_back(fair_member& m);
  // The fluid has come so far: it has caught up with leads by that.
  void catch_up(double by);

  level all_[kLevels];
  std::uint64_t levels_ = 0;  // bit i: level i is occupied
  std::uint64_t weights_ = 0;
  virtual_time now_{1, 0};
  lead leads_;
  std::uint32_t generation_ = 1;
};

inline fair_member* fair_order::first() const {
  fair_member* best = nullptr;     // of those that have begun
  fair_member* soonest = nullptr;  // of the others
  std::int64_t end_of_best = 0;
  std::int64_t start_of_soonest = 0;
  std::int64_t end_of_soonest = 0;
  for (std::uint64_t left = levels_; left != 0; left &= left - 1) {
    const auto at = static_cast<unsigned>(std::countr_zero(left));
    const unsigned shift = shift_of(at);
    const std::uint64_t slot = all_[at].first();
    fair_member* const m = all_[at].slots[slot % kSlots];
    const std::int64_t end = ahead(m->start_, now_) + static_cast<std::int64_t>(m->length_);
    const std::int64_t slots = from_to(slot_of(now_, shift), slot);
    if (slots <= 0) {
      if (best == nullptr || end < end_of_best) {
        best = m;
        end_of_best = end;
      }
    } else if (best == nullptr) {
      const std::int64_t start = slots << shift;
      if (soonest == nullptr || start < start_of_soonest ||
          (start == start_of_soonest && end < end_of_soonest)) {
        soonest = m;
        start_of_soonest = start;
        end_of_soonest = end;
      }
    }
  }
  return best != nullptr ? best : soonest;
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

inline std::uint64_t fair_order::insert(fair_member& m, std::uint64_t work, std::uint64_t surplus) {
  measure(m, work);
  if (m.left_) come_back(m);
  const std::int64_t before = ahead(m.start_, now_);
  std::uint64_t back = 0;
  if (before > 0 && surplus != 0) {
    back = std::min(static_cast<std::uint64_t>(before), surplus / m.weight);
    m.start_ = m.start_ - back;
  }
  auto at = static_cast<unsigned>(std::bit_width(m.length_ - 1));
  while (at < kLevels - 1 && !reaches(all_[at], slot_of(m.start_, shift_of(at)))) ++at;
  level& on = all_[at];
  const auto slot = static_cast<unsigned>(slot_of(m.start_, shift_of(at)) % kSlots);
  fair_member*& head = on.slots[slot];
  if (head == nullptr) {
    head = m.prev_ = m.next_ = &m;
    on.occupied |= std::uint64_t{1} << slot;
    levels_ |= std::uint64_t{1} << at;
  } else {
    m.next_ = head;
    m.prev_ = head->prev_;
    head->prev_->next_ = &m;
    head->prev_ = &m;
  }
  m.level_ = static_cast<std::uint8_t>(at);
  m.slot_ = static_cast<std::uint8_t>(slot);
  weights_ += m.weight;
  return back * m.weight;
}

inline void fair_order::remove(fair_member& m) {
  level& on = all_[m.level_];
  fair_member*& head = on.slots[m.slot_];
  if (m.next_ == &m) {
    head = nullptr;
    on.occupied &= ~(std::uint64_t{1} << m.slot_);
    if (on.occupied == 0) levels_ &= ~(std::uint64_t{1} << m.level_);
  } else {
    m.prev_->next_ = m.next_;
    m.next_->prev_ = m.prev_;
    if (head == &m) head = m.next_;
  }
  weights_ -= m.weight;
}

inline void fair_order::serve(fair_member& m) {
  const std::uint64_t into_slot = m.start_.low & ((std::uint64_t{1} << shift_of(m.level_)) - 1);
  const std::int64_t leap = ahead(m.start_, now_) - static_cast<std::int64_t>(into_slot);
  if (leap > 0) {  // it was the soonest, and none had begun
    now_ = now_ + static_cast<std::uint64_t>(leap);
    catch_up(static_cast<double>(leap));
  }
  const double by =
      static_cast<double>(work(m)) / (static_cast<double>(weights_ + m.weight) + leads_.weight);
  now_ = now_ + static_cast<std::uint64_t>(by);
  catch_up(by);
  m.start_ = m.start_ + m.length_;
}

inline void fair_order::serve_aside(fair_member& m) {
  if (ahead(m.start_, now_) < static_cast<std::int64_t>(m.length_)) m.start_ = now_ + m.length_;
}

inline void fair_order::leave(fair_member& m) {
  if (m.left_) return;
  m.left_ = true;
  const std::int64_t before = ahead(m.start_, now_);
  if (before <= 0) return;
  m.lead_in_ = generation_;
  leads_.weight += m.weight;
  leads_.work += static_cast<double>(before) * m.weight;
}

inline void fair_order::come_back(fair_member& m) {
  m.left_ = false;
  const std::int64_t before = ahead(m.start_, now_);
  if (m.lead_in_ == generation_) {  // the fluid has not caught up with all leads
    leads_.weight -= m.weight;
    if (before > 0) leads_.work -= static_cast<double>(before) * m.weight;
  }
  m.lead_in_ = 0;
  if (before < 0) m.start_ = now_;
}

inline void fair_order::catch_up(double by) {
  if (leads_.weight <= 0) return;
  leads_.work -= leads_.weight * by;
  if (leads_.work <= 0) forget_leads();
}

}  // namespace afflux::queue
