// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A set of members (semaphores, clients) that come and go while others add up what all have done.
// No thread waits for another, and a sum is exact: of whatever a member counts, a sum that begins
// after another has ended has no less.
//
// A member is in a slot. The slot's word says how it is counted:
//
//   empty      not at all
//   live       by what it has done, read now
//   leaving    likewise; its remover is about to read that, too, for good ...
//   left       ... and has: by `left`, the record that lies beside the slot
//   folded s   for readers of the other side as `left`; for those of side s it is in departed_[s]
//
//   M1  A member is in one set at a time, and added or removed by one thread at a time: its
//       registration word, which is claimed by an exchange.
//   M2  The set has a reference to the member of each slot that is not empty. It is dropped when
//       no reader is left that may have seen the member in that slot (reclaim.h, RC2).
//   M3  Each reader counts a member that has left once: by its slot, or in departed_. What is
//       folded into departed_[s] is folded before side s opens (RC1), and the slots are empty
//       before the other side opens again.
//   M4  `left` is no less than what any reader has counted for the member as live or leaving. A
//       live member is read, then its slot is looked at again: still live means that its remover
//       reads later. Of one that is leaving the reader leaves a trace in the slot, upon which the
//       remover reads again; too late for that, there is `left` to be counted instead.
//   M5  A member that comes back to the set that it was in last counts from then on only: what it
//       had done by then lies in `before` and is subtracted.
//   M6  References are dropped last, when everything is in order and the role of the reclaimer
//       has been given up: whatever that causes may call anything.
#pragma once

#include <cstdint>
#include <utility>

#include "export/reclaim.h"
#include "export/slots.h"
#include "mutants.h"

namespace afflux::exporting {

// The registration word of a member: the number of the set that it is or was last in (32 bits) |
// its slot (30) | how. 0: it has never been in any.
namespace registration {
inline constexpr std::uint64_t kClaimed = 1;  // a thread is adding or removing it
inline constexpr std::uint64_t kIn = 2;
inline constexpr std::uint64_t kHow = 3;

inline std::uint32_t set_of(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); }
inline std::uint32_t slot_of(std::uint64_t word) { return static_cast<std::uint32_t>(word) >> 2; }
inline std::uint64_t in(std::uint32_t set, std::uint32_t slot) {
  return std::uint64_t{set} << 32 | std::uint64_t{slot} << 2 | kIn;
}
inline std::uint64_t out_of(std::uint32_t set) { return std::uint64_t{set} << 32; }
}  // namespace registration

enum class membership : std::uint8_t { done, already, no_memory };

// How a reader is to count what it found in a slot.
enum class found : std::uint8_t { nothing, live, departed };

// Traits:
//   member, record             the record is copied, and 0 when made by `record{}`
//   registration(member&)      its word, an atomic of std::uint64_t, 0 at first
//   ref(member&), unref(member&)
//   read(const member&, record&, when)       what it has done, and is; `when`: see member_set::read
//   add(record& sum, const record&)          totals only, not what it is
//   subtract(record&, const record& before)  likewise
//   prefetch(who)              what that atomic member* points to is read soon, or was freed
//   kSlots, kFan               slots of a chunk, chunks of a node
template <class P, class Traits>
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): its parts lie apart on purpose
class member_set {
 public:
  using member = typename Traits::member;
  using record = typename Traits::record;
  using side = typename readers<P>::side;

  // `number` is not 0 and no other set's.
  explicit member_set(std::uint32_t number) : number_(number) {}
  member_set(const member_set&) = delete;
  member_set& operator=(const member_set&) = delete;
  // No reader is inside, and no thread has the role.
  ~member_set() {
    for (std::uint32_t i = 0; i != slots_.end(); ++i) {
      slot& x = slots_.at(i);
      if (phase_of(x.word.load(std::memory_order_relaxed)) != kLive) continue;
      member& m = *x.who.load(std::memory_order_relaxed);
      // release, pairs with the next add()'s claim: M1.
      Traits::registration(m).store(registration::out_of(number_), std::memory_order_release);
      Traits::unref(m);
    }
  }

  membership add(member& m) {
    auto& registered = Traits::registration(m);
    std::uint64_t was = registered.load(std::memory_order_relaxed);  // the exchange decides
    // [claim] acquire, pairs with the release by which it left the set that it was in last.
    if ((was & registration::kHow) != 0 ||
        !registered.compare_exchange_strong(was, was | registration::kClaimed,
                                            std::memory_order_acquire, std::memory_order_relaxed)) {
      return membership::already;
    }
    slot* const x = slots_.take();
    if (x == nullptr) {
      registered.store(was, std::memory_order_release);  // as if nothing had been
      return membership::no_memory;
    }
    std::uint64_t word = next_member_.fetch_add(kOneMember, std::memory_order_relaxed) | kLive;
    if (registration::set_of(was) == number_ && P::kMutant != mutant::counted_anew_on_return) {
      record& before = x->home->before[x->number % chunk::kSlots];
      before = record{};
      Traits::read(m, before, 0);
      word |= kReturned;
    }
    Traits::ref(m);
    x->who.store(&m, std::memory_order_relaxed);
    x->word.store(word, std::memory_order_release);  // [live], pairs with [look]
    // release, pairs with remove()'s claim.
    registered.store(registration::in(number_, x->number), std::memory_order_release);
    return membership::done;
  }

  membership remove(member& m) {
    auto& registered = Traits::registration(m);
    std::uint64_t was = registered.load(std::memory_order_relaxed);  // the exchange decides
    if (registration::set_of(was) != number_ || (was & registration::kHow) != registration::kIn) {
      return membership::already;
    }
    // [claim] acquire, pairs with the end of add().
    if (!registered.compare_exchange_strong(was, was | registration::kClaimed,
                                            std::memory_order_acquire, std::memory_order_relaxed)) {
      return membership::already;
    }
    slot& x = slots_.at(registration::slot_of(was));
    leave_record(x);
    // release, pairs with the next add()'s claim: that comes after `left` has been read (M5).
    registered.store(registration::out_of(number_), std::memory_order_release);
    if (retired_.push(x)) reclaim();
    return membership::done;
  }

  // ---- reading: between enter() and leave()

  side enter() { return readers_.enter(); }
  // May drop references: whatever the caller needs has to be kept alive.
  void leave(side s) {
    if (readers_.leave(s)) reclaim();
  }

  // What those have done that are gone for good, for readers of that side.
  const record& departed(side s) const { return departed_[s]; }

  // Calls count(found, member, number, record) for each that has something to count: found::live
  // with what it has done and is, found::departed with what it had done. `number` is that of its
  // addition, from 1; `when` is handed to Traits::read(), 0 for what is kept of the departed.
  template <class Count>
  void read(side s, std::int64_t when, Count&& count) {
    each_slot([&](slot& x) {
      const std::uint64_t word = x.word.load(std::memory_order_acquire);  // [look]
      if (phase_of(word) == kEmpty || phase_of(word) == folded_into(s)) return true;
      record r{};
      const found how = look(x, word, r, when);
      count(how, *x.who.load(std::memory_order_relaxed), number_in(word), std::as_const(r));
      return true;
    });
  }

  // Calls see(member, number) for each that is in the set now; false stops it, and is answered.
  template <class See>
  bool visit(See&& see) {
    return each_slot([&](slot& x) {
      const std::uint64_t word = x.word.load(std::memory_order_acquire);  // [look]
      if (phase_of(word) != kLive) return true;
      return see(*x.who.load(std::memory_order_relaxed), number_in(word));
    });
  }

  // The same ones for all calls between one enter() and leave(), but for those whose addition had
  // not ended: of the first `end` added, an earlier answer of additions(), all that had not left.
  template <class See>
  bool visit_before(side s, std::uint64_t end, See&& see) {
    return each_slot([&](slot& x) {
      const std::uint64_t word = x.word.load(std::memory_order_acquire);  // [look]
      if (phase_of(word) == kEmpty || phase_of(word) == folded_into(s)) return true;
      if (number_in(word) > end) return true;
      return see(*x.who.load(std::memory_order_relaxed), number_in(word));
    });
  }

  // So many have been added so far.
  std::uint64_t additions() const {
    return number_in(next_member_.load(std::memory_order_relaxed)) - 1;
  }

 private:
  template <class T>
  using atomic = typename P::template atomic<T>;

  struct chunk;

  // word: the number of the member's addition (48 bits) | traces of readers (11) | kReturned |
  // phase (4)
  struct slot {
    atomic<std::uint64_t> word{kEmpty};
    atomic<member*> who{nullptr};  // published by the word
    typename P::template var<slot*> next{nullptr};
    chunk* home = nullptr;
    std::uint32_t number = 0;
    typename stats::free_list<P>::link next_free{0};
  };

  struct chunk {
    using slot = member_set::slot;
    static constexpr std::uint32_t kSlots = Traits::kSlots;
    static constexpr std::uint32_t kFan = Traits::kFan;

    explicit chunk(std::uint32_t first) {
      for (slot& x : slots) {
        x.home = this;
        x.number = first++;
      }
    }

    slot slots[kSlots];
    // Not touched before they are needed, so that they cost address space only.
    record left[kSlots];    // what those that leave have done; published by the word
    record before[kSlots];  // with kReturned; likewise
  };

  static constexpr std::uint64_t kEmpty = 0;
  static constexpr std::uint64_t kLive = 1;
  static constexpr std::uint64_t kLeaving = 2;
  static constexpr std::uint64_t kLeft = 3;
  static constexpr std::uint64_t kFolded = 4;  // and 5: plus the side
  static constexpr std::uint64_t kPhase = 15;
  static constexpr std::uint64_t kReturned = 16;
  static constexpr std::uint64_t kOneTrace = 32;
  static constexpr std::uint64_t kOneMember = std::uint64_t{1} << 16;
  static constexpr std::uint64_t kTraces = (kOneMember - 1) & ~(kOneTrace - 1);

  static std::uint64_t phase_of(std::uint64_t word) { return word & kPhase; }
  static std::uint64_t in_phase(std::uint64_t word, std::uint64_t phase) {
    return (word & ~kPhase) | phase;
  }
  static std::uint64_t with_trace(std::uint64_t word) {
    return (word & ~kTraces) | ((word + kOneTrace) & kTraces);
  }
  static std::uint64_t folded_into(side s) { return kFolded + s; }
  static std::uint64_t number_in(std::uint64_t word) { return word >> 16; }

  static record& left_of(slot& x) { return x.home->left[x.number % chunk::kSlots]; }

  static void read_member(slot& x, std::uint64_t word, record& r, std::int64_t when) {
    Traits::read(*x.who.load(std::memory_order_relaxed), r, when);
    if ((word & kReturned) != 0) Traits::subtract(r, x.home->before[x.number % chunk::kSlots]);
  }

  // M4, the reader: `word` is that of x, and not to be skipped.
  static found look(slot& x, std::uint64_t word, record& r, std::int64_t when) {
    if (phase_of(word) == kLive || phase_of(word) == kLeaving) {
      read_member(x, word, r, when);
      const std::uint64_t before = word;
      // [again] A read-modify-write, as [leaving] is: so one of them is the first. release, pairs
      // with [leaving]: what is read there is no older than r. acquire, as [look].
      word = x.word.fetch_add(0, std::memory_order_acq_rel);
      if (phase_of(word) == kLive) return found::live;
      if (P::kMutant == mutant::live_not_rechecked && phase_of(before) == kLive) {
        return found::live;
      }
      while (phase_of(word) == kLeaving) {
        if constexpr (P::kMutant == mutant::leaves_while_read) return found::departed;
        // [trace] release, pairs with [left]: r has been read. acquire: if that came first.
        if (x.word.compare_exchange_strong(word, with_trace(word), std::memory_order_acq_rel,
                                           std::memory_order_acquire)) {
          return found::departed;
        }
      }
    }
    r = left_of(x);
    return found::departed;
  }

  // M4, the remover.
  static void leave_record(slot& x) {
    // [leaving] acquire, pairs with [again] of those who came before. release, as every exchange
    // of the word: the ones after [live] belong to its publishing.
    std::uint64_t word = x.word.fetch_add(kLeaving - kLive, std::memory_order_acq_rel);
    word = in_phase(word, kLeaving);
    record& left = left_of(x);
    do {
      left = record{};
      read_member(x, word, left, 0);
      // [left] release, pairs with [look]: the record. acquire, pairs with [trace].
    } while (!x.word.compare_exchange_strong(word, in_phase(word, kLeft), std::memory_order_acq_rel,
                                             std::memory_order_acquire));
  }

  template <class Do>
  bool each_slot(Do&& act) {
    const std::uint32_t end = slots_.end();
    for (std::uint32_t first = 0; first < end; first += chunk::kSlots) {
      chunk& c = slots_.chunk_of(first);
      const std::uint32_t count = end - first < chunk::kSlots ? end - first : chunk::kSlots;
      for (std::uint32_t i = 0; i != count; ++i) {
        // Members lie anywhere in memory.
        if (i + kAhead < count) Traits::prefetch(c.slots[i + kAhead].who);
        if (!act(c.slots[i])) return false;
      }
    }
    return true;
  }

  // ---- the reclaimer

  // For the thread that the role has come to; no reader is left on the closed side.
  void reclaim() {
    slot* done = nullptr;
    for (;;) {
      slot* const reclaimed = batch_;
      if (reclaimed != nullptr) done = empty(reclaimed, done);
      batch_ = nullptr;
      slot* const next = retired_.take();
      if (next == nullptr) break;  // the role is given up
      batch_ = next;
      const side from = readers_.open();
      if constexpr (P::kMutant != mutant::turns_before_folded) fold(next, from);
      const bool drained = readers_.turn();
      if constexpr (P::kMutant == mutant::turns_before_folded) fold(next, from);
      // If not, the last reader of that side goes on, and may have done so already.
      if (!drained && P::kMutant != mutant::retires_among_readers) break;
    }
    drop(done);
  }

  // M3: into what readers of the side that opens next will see.
  void fold(slot* batch, side now) {
    const side next = P::kMutant == mutant::departed_in_place ? now : 1 - now;
    if (next != now) departed_[next] = departed_[now];
    for (slot* x = batch; x != nullptr; x = x->next) {
      Traits::add(departed_[next], left_of(*x));
      const std::uint64_t word = x->word.load(std::memory_order_relaxed);  // it does not change
      // release, pairs with [look]: a thread that sees it already needs `left`, as [left] before
      // it.
      x->word.store(in_phase(word, folded_into(next)), std::memory_order_release);
    }
  }

  // M3. The chain, with `more` behind it.
  static slot* empty(slot* batch, slot* more) {
    slot* last = batch;
    for (slot* x = batch; x != nullptr; last = x, x = x->next) {
      // relaxed: who does not see it skips it as well.
      if constexpr (P::kMutant != mutant::emptied_after_role) {
        x->word.store(kEmpty, std::memory_order_relaxed);
      }
    }
    last->next = more;
    return batch;
  }

  // M6. Nothing of the set is touched after the last reference has been dropped.
  void drop(slot* done) {
    while (done != nullptr) {
      slot& x = *done;
      done = x.next;
      member& m = *x.who.load(std::memory_order_relaxed);  // since its word was seen
      if constexpr (P::kMutant == mutant::emptied_after_role) {
        x.word.store(kEmpty, std::memory_order_relaxed);
      }
      slots_.give(x);
      Traits::unref(m);
    }
  }

  static constexpr std::uint32_t kAhead = 8;

  const std::uint32_t number_;
  readers<P> readers_;
  slot_table<P, chunk> slots_;
  retired_list<P, slot> retired_;
  alignas(64) atomic<std::uint64_t> next_member_{kOneMember};
  // The reclaimer's. departed_ of a side is read by its readers: M3.
  alignas(64) typename P::template var<slot*> batch_{nullptr};
  record departed_[2]{};
};

}  // namespace afflux::exporting
