// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The semaphore in a segment: which transactions its calls are.
//
// Invariants, quoted by tests:
//   SH1  head.used is the sum of what the slots hold.
//   SH2  head.waiting is whether a place is `waiting`.
//   SH3  No newcomer takes permits while a place is `waiting`; of these the one with the lowest
//        ticket is granted next, and a request that does not fit holds back those behind it.
//   SH4  Whoever makes room, or finds room beside a line, serves the line before it returns. What
//   it
//        leaves undone by dying or stopping, those who wait do (tend.h).
#pragma once

#include <atomic>
#include <cstdint>

#include "journal.h"

namespace afflux::shared {

enum class answer : std::uint8_t {
  done,
  would_wait,
  queued,
  closed,
  too_large,  // more than the limit
  not_held    // more than the slot holds
};

// `Bell` wakes the owner of a place that has left the line: rung(place, request_word), after that
// is settled.
template <class P, class Bell>
class semaphore {
 public:
  semaphore(const segment<P>& memory, std::uint32_t slot, Bell bell) noexcept
      : journal_(memory, slot), bell_(bell) {}

  const segment<P>& memory() const noexcept { return journal_.memory(); }
  const Bell& its_bell() const noexcept { return bell_; }
  std::uint32_t slot() const noexcept { return journal_.slot(); }

  [[gnu::always_inline]] answer try_take(std::uint64_t n) noexcept {
    answer result = answer::done;
    bool room_beside_line = false;
    journal_.transact([&](const head_word& head) {
      result = may_take(head, n, room_beside_line);
      return own_decision{result == answer::done, head.used + n, journal_.own() + n};
    });
    if (room_beside_line) serve();
    return result;
  }

  [[gnu::always_inline]] answer give(std::uint64_t n) noexcept {
    bool waiting = false;
    const bool given = journal_.transact([&](const head_word& head) {
      waiting = head.waiting;
      return own_decision{n <= journal_.held_by(slot()), less(head.used, n), journal_.own() - n};
    });
    if (!given) return answer::not_held;
    if (waiting) serve();
    return answer::done;
  }

  // Takes `n` permits, or has the place wait for them. Its record is written.
  answer take_or_enqueue(std::uint64_t n, std::uint32_t place) noexcept {
    for (;;) {
      const answer taken = try_take(n);
      if (taken != answer::would_wait) return taken;
      bool room_beside_line = false;
      const bool queued = journal_.transact([&](const head_word& head) {
        decision d;
        if (may_take(head, n, room_beside_line) == answer::would_wait)
          d = at(act::enqueue, place, head.used, true);
        return d;
      });
      if (room_beside_line) serve();
      if (queued) return answer::queued;
    }
  }

  // Its owner has seen the grant. `owner` is whose the place must be: others act for the dead.
  bool accept(std::uint32_t place, std::uint64_t owner) noexcept {
    return journal_.transact([&](const head_word& head) {
      decision d;
      if (is_of(place, owner) && state_of(place) == place_state::granted)
        d = at(act::accept, place, head.used, head.waiting);
      return d;
    });
  }

  // Takes a request out of line, unless it is granted. Those behind it may fit now.
  bool leave(std::uint32_t place, std::uint64_t owner) noexcept {
    bool waiting = false;
    const bool left = journal_.transact([&](const head_word& head) {
      decision d;
      const place_state state = state_of(place);
      if (is_of(place, owner) && (state == place_state::waiting || state == place_state::parked)) {
        waiting = is_anyone_but(place);
        d = at(act::leave, place, head.used, waiting);
      }
      return d;
    });
    if (left && waiting && P::kMutant != mutant::leaves_without_serving) serve();
    return left;
  }

  // Its owner goes on, and is in line again.
  void unpark(std::uint32_t place) noexcept {
    if (journal_.transact([&](const head_word& head) {
          decision d;
          if (state_of(place) == place_state::parked) d = at(act::unpark, place, head.used, true);
          return d;
        }))
      serve();
  }

  // Takes back a grant, `seen`, whose owner does not see it.
  bool park(std::uint32_t place, std::uint64_t seen) noexcept {
    const bool parked = journal_.transact([&](const head_word& head) {
      decision d;
      if (memory().place(place).load(std::memory_order_acquire) == seen) {
        const std::uint64_t request = request_at(place);
        const auto owner = static_cast<std::uint32_t>(request_word::slot_bits::get(request));
        const std::uint64_t n = request_word::n_bits::get(request);
        d = count(act::park, owner, n, less(head.used, n), head.waiting);
        d.order.place = place;
      }
      return d;
    });
    if (parked) serve();
    return parked;
  }

  answer resize(std::uint64_t permits) noexcept {
    const bool done = journal_.transact([&](const head_word& head) {
      decision d;
      const count_word limit = limit_now();
      if (!limit.closed) {
        d.commit = true;
        d.used = head.used;
        d.waiting = head.waiting;
        d.order = {act::resize, 0, 0, permits, limit.parity()};
      }
      return d;
    });
    if (!done) return answer::closed;
    serve();
    return answer::done;
  }

  // False: it was closed already. Ends the requests in line.
  bool close() noexcept {
    const bool done = journal_.transact([&](const head_word& head) {
      decision d;
      const count_word limit = limit_now();
      if (!limit.closed) {
        d.commit = true;
        d.used = head.used;
        d.waiting = head.waiting;
        d.order = {act::close, 0, 0, 0, limit.parity()};
      }
      return d;
    });
    serve();
    return done;
  }

  // Grants to the line what fits, and takes out of it what can never be granted: all, once it is
  // closed, and a first one that is larger than the limit.
  [[gnu::noinline]] void serve() noexcept {
    for (;;) {
      first one{};
      if (!journal_.transact([&](const head_word& head) { return next(head, one); })) return;
      bell_.rung(one.place, one.request);
    }
  }

  // Permits that this slot holds now.
  std::uint64_t held() noexcept {
    std::uint64_t n = 0;
    journal_.transact([&](const head_word&) {
      n = journal_.held_by(slot());
      return decision{};
    });
    return n;
  }

  // Gives back what a slot of the dead holds: how many. `life` is what its life word must be still.
  std::uint64_t recover(std::uint32_t dead_slot, std::uint64_t life) noexcept {
    std::uint64_t n = 0;
    journal_.transact([&](const head_word& head) {
      decision d;
      n = journal_.held_by(dead_slot);
      const bool is_its = memory().slot(dead_slot).life.load(std::memory_order_acquire) == life ||
                          P::kMutant == mutant::recovers_a_successor;
      if (!is_its) n = 0;
      if (n != 0) d = count(act::recover, dead_slot, n, less(head.used, n), head.waiting);
      return d;
    });
    return n;
  }

 private:
  using decision = typename journal<P>::decision;
  using own_decision = typename journal<P>::own_decision;

  struct first {
    std::uint32_t place;
    std::uint64_t request;
  };

  // A subtraction that a neighbour's nonsense does not take below zero.
  static std::uint64_t less(std::uint64_t from, std::uint64_t n) noexcept {
    return from > n ? from - n : 0;
  }

  [[gnu::always_inline]] answer may_take(const head_word& head, std::uint64_t n,
                                         bool& ret_room_beside_line) noexcept {
    ret_room_beside_line = false;
    const count_word limit = limit_now();
    if (limit.closed) return answer::closed;
    if (n > limit.count) return answer::too_large;
    if (head.waiting) {
      ret_room_beside_line = head.used < limit.count;
      return answer::would_wait;
    }
    return head.used + n > limit.count ? answer::would_wait : answer::done;
  }

  decision count(act what, std::uint32_t of, std::uint64_t n, std::uint64_t used,
                 bool waiting) noexcept {
    decision d;
    d.commit = true;
    d.used = used;
    d.waiting = waiting;
    d.order = {what, of, 0, n, given_to(of).parity()};
    return d;
  }

  static decision at(act what, std::uint32_t place, std::uint64_t used, bool waiting) noexcept {
    decision d;
    d.commit = true;
    d.used = used;
    d.waiting = waiting;
    d.order.what = what;
    d.order.place = place;
    return d;
  }

  // The first in line, if it can leave it.
  decision next(const head_word& head, first& ret_first) noexcept {
    decision d;
    if (!head.waiting) return d;
    const count_word limit = limit_now();
    std::uint64_t oldest = ~0ULL;
    unsigned waiting = 0;
    const std::uint32_t top = memory().top();
    for (std::uint32_t i = 0; i < top; ++i) {
      const place_word place = place_word::of(memory().places[i].load(std::memory_order_acquire));
      if (place.state != place_state::waiting) continue;
      ++waiting;
      if (place.ticket >= oldest) continue;
      oldest = place.ticket;
      ret_first.place = i;
    }
    if (waiting == 0) return d;
    ret_first.request = request_at(ret_first.place);
    const std::uint64_t n = request_word::n_bits::get(ret_first.request);
    if (limit.closed || n > limit.count)
      return at(act::leave, ret_first.place, head.used, waiting > 1);
    if (head.used + n > limit.count) return d;
    const auto owner = static_cast<std::uint32_t>(request_word::slot_bits::get(ret_first.request));
    d = count(act::grant, owner, n, head.used + n, waiting > 1);
    d.order.place = ret_first.place;
    return d;
  }

  bool is_anyone_but(std::uint32_t place) const noexcept {
    const std::uint32_t top = memory().top();
    for (std::uint32_t i = 0; i < top; ++i)
      if (i != place && state_of(i) == place_state::waiting) return true;
    return false;
  }

  count_word limit_now() const noexcept {
    return count_word::of(memory().common->limit.load(std::memory_order_acquire));
  }
  count_word given_to(std::uint32_t of) const noexcept {
    return count_word::of(memory().slot(of).given.load(std::memory_order_acquire));
  }
  place_state state_of(std::uint32_t place) const noexcept {
    return place_word::of(memory().place(place).load(std::memory_order_acquire)).state;
  }
  bool is_of(std::uint32_t place, std::uint64_t owner) const noexcept {
    return P::kMutant == mutant::buries_a_successor ||
           memory().record(place).owner.load(std::memory_order_acquire) == owner;
  }
  // Written by its owner before it is in line, and not while it is.
  std::uint64_t request_at(std::uint32_t place) const noexcept {
    return memory().record(place).request.load(std::memory_order_acquire);
  }

  journal<P> journal_;
  Bell bell_;
};

}  // namespace afflux::shared
