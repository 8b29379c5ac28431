// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Transactions over a segment that no death and no stop can leave half done.
//
// Every change of the state (permits in use, what each slot holds, the places in line, the limit)
// is a transaction. Transactions are one after the other, in the order in which they exchange the
// head. A handle prepares one so: it reads the head, settles the transaction that the head names,
// reads what it needs, writes what it is about to do into a word of its slot, and exchanges the
// head for one that names that word. The exchange commits. Only then are the other words changed
// (settled), by the handle itself or by whoever comes next: nobody begins before the last
// transaction is settled. So a process may stop or die at any instruction: before the exchange
// nothing has happened, after it anybody finishes.
//
// A transaction that changes nothing but what its own slot holds is the word itself (own_word); to
// settle it is to mark it, which is left to whoever comes next, if that is not the same handle.
//
// Invariants, quoted by tests:
//   J1  Settled words are a function of the sequence of committed transactions.
//   J2  The word that the head names stays in its slot until the transaction is settled: its owner
//       settles the head before it writes another, and has one transaction under way at a time (the
//       handle's lock). It may replace its own_word before it is marked: `before` of the new one
//       says the same as `after` of the old.
//   J3  A settling exchange is done at most once. It is tried from a value that was read before the
//       head was found unchanged, so a late one expects a value whose version has moved on. Whether
//       it has been done already is told by that word itself: by the version's parity of a count,
//       by the state of a place.
//   J4  Whoever decides by a word that transactions change has read it between settling the head
//   and
//       exchanging it: had the word changed meanwhile, the head had, too.
//
// What wraps: the head's number after 2^30 transactions. A thread that was stopped between reading
// the head and exchanging it, for exactly a multiple of that many, and finds the same use and slot,
// would skip the settling of the transaction before. An own_word's number has 19 bits: a helper
// that was stopped for a multiple of 2^19 of its transactions, before it marks it, may mark one
// that is not committed yet, which its owner replaces, unless it dies at that very instruction.
// Versions have 41 bits (a place's 18, beside its ticket), and a late settling exchange would need
// as many changes of the same word.
//
// Source of the idea: operations that leave a descriptor for others to finish (Barnes, A method for
// implementing lock-free shared data structures, SPAA 1993; Harris, Fraser and Pratt, A practical
// multi-word compare-and-swap operation, DISC 2002), here with one descriptor for all.
#pragma once

#include <atomic>
#include <cstdint>

#include "mutants.h"
#include "segment.h"

namespace afflux::shared {

template <class P>
class journal {
 public:
  // The slot is the caller's; what an earlier owner did is settled.
  journal(const segment<P>& memory, std::uint32_t slot) noexcept : memory_(memory), slot_(slot) {
    begin();
    own_ = own_word::of(memory_.slot(slot_).own.load(std::memory_order_acquire)).value();
  }

  const segment<P>& memory() const noexcept { return memory_; }
  std::uint32_t slot() const noexcept { return slot_; }

  // What a transaction becomes: of the slot's own permits, or of an order.
  struct own_decision {
    bool commit = false;  // else nothing is to be done
    std::uint64_t used = 0;
    std::uint64_t after = 0;  // what the slot has by itself then
  };
  struct decision {
    bool commit = false;
    bool waiting = false;
    std::uint64_t used = 0;
    order_word order;
  };

  // Commits what `decide(head_word)` chooses, which is asked again after each change by others.
  // False: it chose to commit nothing, by a state that was consistent. The handle's lock is held.
  template <class Decide>
  [[gnu::always_inline]] bool transact(Decide&& decide) noexcept {
    for (;;) {
      const std::uint64_t seen = begin();
      const head_word before = head_word::of(seen);
      const auto chosen = decide(before);
      if (!chosen.commit) {
        // acquire: what was read before this load is not newer than it (J4).
        if (memory_.common->head.load(std::memory_order_acquire) == seen) return false;
      } else if (commit(seen, before, chosen)) {
        return true;
      }
    }
  }

  // Permits that the slot has by itself. The handle's lock is held.
  std::uint64_t own() const noexcept { return own_; }

  // Within a decision: the permits that a slot holds.
  std::uint64_t held_by(std::uint32_t index) const noexcept {
    const slot_record<P>& of = memory_.slot(index);
    const std::uint64_t own =
        index == slot_ ? own_ : own_word::of(of.own.load(std::memory_order_acquire)).value();
    return (own + count_word::of(of.given.load(std::memory_order_acquire)).count) & kMostPermits;
  }

 private:
  template <class T>
  using atomic = typename P::template atomic<T>;

  // The head, with its transaction settled.
  [[gnu::always_inline]] std::uint64_t begin() noexcept {
    // [committed] acquire; pairs with the exchanges below: the word that it names is there.
    const std::uint64_t seen = memory_.common->head.load(std::memory_order_acquire);
    // A head that names this slot is the last one that this handle committed: its own_word is
    // known, and need not be marked if the next transaction replaces it.
    if (seen != committed_) settle(seen);
    return seen;
  }

  bool exchange(std::uint64_t seen, std::uint64_t next) noexcept {
    // [committed] acq_rel; publishes the word, and happens after the transactions before.
    if (!memory_.common->head.compare_exchange_strong(seen, next, std::memory_order_acq_rel,
                                                      std::memory_order_acquire))
      return false;
    committed_ = next;
    return true;
  }

  [[gnu::always_inline]] bool commit(std::uint64_t seen, const head_word& before,
                                     const own_decision& chosen) noexcept {
    const head_word after{chosen.used, slot_, before.waiting, true, before.number + 1};
    // release: a helper that reads this word, and then the head unchanged, must not see the head
    // older than the settling that begin() has done (J2).
    memory_.slot(slot_).own.store(own_word{own_, chosen.after, false}.word(after.number),
                                  std::memory_order_release);
    if (!exchange(seen, after.word())) return false;
    own_ = chosen.after;
    return true;
  }

  bool commit(std::uint64_t seen, const head_word& before, const decision& chosen) noexcept {
    // Its own_word stays as it is: begin() has left it to be replaced.
    if (seen == committed_ && P::kMutant != mutant::order_over_unmarked) settle(seen);
    const head_word after{chosen.used, slot_, chosen.waiting, false, before.number + 1};
    // release: as above.
    memory_.slot(slot_).order.store(chosen.order.word(after.number), std::memory_order_release);
    const std::uint64_t next = after.word();
    if (!exchange(seen, next)) return false;
    settle(next);
    return true;
  }

  // Finishes the transaction that `seen`, a value of the head, names.
  [[gnu::noinline]] void settle(std::uint64_t seen) noexcept {
    const head_word at = head_word::of(seen);
    if (at.own) {
      settle_own(seen, at);
      return;
    }
    const std::uint64_t word = memory_.slot(at.slot).order.load(std::memory_order_acquire);
    // Another order: its owner has gone on, so this one is settled (J2).
    if (!order_word::is_for(word, at.number)) return;
    const order_word order = order_word::of(word);
    switch (order.what) {
      case act::enqueue:
        settle_enqueue(seen, order.place);
        break;
      case act::grant:
        settle_count(seen, memory_.slot(order.slot).given, order,
                     [&](count_word& given) { given.count += order.n; });
        settle_place(seen, order.place, place_state::granted);
        break;
      case act::accept:
      case act::leave:
        settle_place(seen, order.place, place_state::idle);
        break;
      case act::park:
        settle_count(seen, memory_.slot(order.slot).given, order,
                     [&](count_word& given) { given.count -= order.n; });
        settle_place(seen, order.place, place_state::parked);
        break;
      case act::unpark:
        settle_place(seen, order.place, place_state::waiting);
        break;
      case act::recover:
        settle_count(seen, memory_.slot(order.slot).given, order,
                     [&](count_word& given) { given.count -= order.n; });
        break;
      case act::resize:
        settle_count(seen, memory_.common->limit, order,
                     [&](count_word& limit) { limit.count = order.n; });
        break;
      case act::close:
        settle_count(seen, memory_.common->limit, order,
                     [](count_word& limit) { limit.closed = true; });
        break;
      case act::nothing:
        break;
    }
  }

  void settle_own(std::uint64_t seen, const head_word& at) noexcept {
    auto& own = memory_.slot(at.slot).own;
    std::uint64_t word = own.load(std::memory_order_acquire);
    if (!own_word::is_for(word, at.number) || own_word::of(word).settled || !is_last(seen)) return;
    // [settled] acq_rel. Failed: another was quicker, or its owner has gone on.
    own.compare_exchange_strong(word, word | own_word::settled_bits::put(1),
                                std::memory_order_acq_rel, std::memory_order_acquire);
  }

  // Whether the head still names the transaction: what was read before belongs to it then (J3).
  // The loads before are acquire loads, which keeps them before this one.
  bool is_last(std::uint64_t seen) const noexcept {
    return P::kMutant == mutant::settles_unchecked ||
           memory_.common->head.load(std::memory_order_acquire) == seen;
  }

  template <class Change>
  void settle_count(std::uint64_t seen, atomic<std::uint64_t>& target, const order_word& order,
                    Change&& change) noexcept {
    std::uint64_t old = target.load(std::memory_order_acquire);
    count_word value = count_word::of(old);
    if (value.parity() != order.parity || !is_last(seen)) return;
    change(value);
    value.count &= kMostPermits;
    ++value.version;
    // [settled] acq_rel; pairs with the acquire load above in others. Failed: another was quicker.
    target.compare_exchange_strong(old, value.word(), std::memory_order_acq_rel,
                                   std::memory_order_acquire);
  }

  void settle_place(std::uint64_t seen, std::uint32_t index, place_state to) noexcept {
    atomic<std::uint64_t>& place = memory_.place(index);
    std::uint64_t old = place.load(std::memory_order_acquire);
    const place_word value = place_word::of(old);
    if (value.state == to || !is_last(seen)) return;
    if constexpr (P::kMutant == mutant::settles_by_state) {
      old = place.load(std::memory_order_acquire);
      place.store(place_word::of(old).moved(to).word(), std::memory_order_release);
      return;
    }
    // [settled] as above.
    place.compare_exchange_strong(old, value.moved(to).word(), std::memory_order_acq_rel,
                                  std::memory_order_acquire);
  }

  // The ticket is drawn with the place: the place first, for then the counter still tells which.
  void settle_enqueue(std::uint64_t seen, std::uint32_t index) noexcept {
    atomic<std::uint64_t>& place = memory_.place(index);
    std::uint64_t ticket = memory_.common->ticket.load(std::memory_order_acquire);
    std::uint64_t old = place.load(std::memory_order_acquire);
    if (!is_last(seen)) return;
    place_word value = place_word::of(old);
    if (value.state == place_state::idle) {
      value = value.moved(place_state::waiting);
      value.ticket = ticket;
      place.compare_exchange_strong(old, value.word(), std::memory_order_acq_rel,
                                    std::memory_order_acquire);
      value = place_word::of(place.load(std::memory_order_acquire));
    }
    // Whoever has changed the place had read the counter before; it moves on from that ticket.
    if (value.ticket == place_word::ticket_bits::get(place_word::ticket_bits::put(ticket)))
      memory_.common->ticket.compare_exchange_strong(ticket, ticket + 1, std::memory_order_acq_rel,
                                                     std::memory_order_acquire);
  }

  segment<P> memory_;
  std::uint32_t slot_;
  std::uint64_t committed_ = ~0ULL;  // the last head that this handle wrote
  std::uint64_t own_ = 0;            // what its own_word says
};

}  // namespace afflux::shared
