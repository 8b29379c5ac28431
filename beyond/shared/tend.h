// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What those who wait do for the others: bury the dead, pass over those who stand still, and finish
// what a stopped or dead process has left undone after its last transaction (a line not served, an
// owner not woken).
//
// Invariants, quoted by tests:
//   SH5  What a dead process held, and its places, are given back exactly once, whoever buries it,
//        however many do so at once, and wherever one of those stops or dies.
//   SH6  A slot or place is free only when nothing of its owner is left in it.
//
// `Host` knows processes: is_alive(life_word), stands_still(life_word).
#pragma once

#include <atomic>
#include <cstdint>

#include "semaphore.h"

namespace afflux::shared {

// Frees the places of `life`, which is dead; 0: of nobody. And takes out of line what else waits
// for `slot`, while its life word is `mark`: a slot of the dead that another took over, who died at
// once, has requests of both.
template <class P, class Bell>
void clear_places(semaphore<P, Bell>& sem, std::uint32_t slot, std::uint64_t mark,
                  std::uint64_t life) noexcept {
  const segment<P>& memory = sem.memory();
  const std::uint32_t top = memory.top();
  for (std::uint32_t i = 0; i < top; ++i) {
    auto& owner = memory.record(i).owner;
    const std::uint64_t whose = owner.load(std::memory_order_acquire);
    if (whose == 0) continue;
    if (whose != life) {
      // In this order: of a place that is not idle, the request is that of the owner read before,
      // who is not the slot's next owner, if its mark is still there.
      const std::uint64_t word = memory.places[i].load(std::memory_order_acquire);
      if (place_word::of(word).state == place_state::idle) continue;
      const std::uint64_t request = memory.record(i).request.load(std::memory_order_acquire);
      if (request_word::slot_bits::get(request) != slot ||
          memory.slot(slot).life.load(std::memory_order_acquire) != mark)
        continue;
    }
    // One of the two, or neither: granted permits are with its slot.
    if (!sem.leave(i, whose) && !sem.accept(i, whose)) sem.leave(i, whose);
    // [freed] acq_rel; whoever claims the place finds it idle. Failed: another has buried it.
    std::uint64_t expected = whose;
    owner.compare_exchange_strong(expected, 0, std::memory_order_acq_rel,
                                  std::memory_order_relaxed);
  }
}

// Buries the dead owner of a slot. `life` is its life word as it was alive. How many permits it
// held.
template <class P, class Bell>
std::uint64_t bury(semaphore<P, Bell>& sem, std::uint32_t slot, std::uint64_t life) noexcept {
  auto& word = sem.memory().slot(slot).life;
  const std::uint64_t dead = life_word::as_dead(life);
  std::uint64_t expected = life;
  // acq_rel: all that follows is done to a slot that is marked.
  if (!word.compare_exchange_strong(expected, dead, std::memory_order_acq_rel,
                                    std::memory_order_acquire) &&
      expected != dead)
    return 0;
  clear_places(sem, slot, dead, life);
  const std::uint64_t n = sem.recover(slot, dead);
  expected = dead;
  // [freed] as above.
  word.compare_exchange_strong(expected, 0, std::memory_order_acq_rel, std::memory_order_relaxed);
  if (n != 0) sem.serve();
  return n;
}

// Buries all that `host` knows to be dead. How many permits they held.
template <class P, class Bell, class Host>
std::uint64_t bury_the_dead(semaphore<P, Bell>& sem, Host& host) noexcept {
  std::uint64_t recovered = 0;
  for (std::uint32_t i = 0; i < sem.memory().slot_count; ++i) {
    const std::uint64_t life = sem.memory().slots[i].life.load(std::memory_order_acquire);
    if (life == 0) continue;
    const std::uint64_t as_alive = life_word::as_alive(life);
    if (life != as_alive || !host.is_alive(life)) recovered += bury(sem, i, as_alive);
  }
  // A place that is idle already, and whose owner's slot another has taken over, who died at once.
  const segment<P>& memory = sem.memory();
  const std::uint32_t top = memory.top();
  for (std::uint32_t i = 0; i < top; ++i) {
    auto& owner = memory.record(i).owner;
    std::uint64_t whose = owner.load(std::memory_order_acquire);
    if (whose == 0) continue;
    const std::uint64_t request = memory.record(i).request.load(std::memory_order_acquire);
    const auto slot = static_cast<std::uint32_t>(request_word::slot_bits::get(request));
    if (life_word::as_alive(memory.slot(slot).life.load(std::memory_order_acquire)) == whose ||
        place_word::of(memory.places[i].load(std::memory_order_acquire)).state !=
            place_state::idle ||
        host.is_alive(whose))
      continue;
    // [freed] as above.
    owner.compare_exchange_strong(whose, 0, std::memory_order_acq_rel, std::memory_order_relaxed);
  }
  return recovered;
}

struct sight {
  std::uint64_t word;
  std::uint32_t looks;  // in a row that found the place so
};
constexpr std::uint32_t kLooks = 100;

// Looks at the requests that have left the line, by a grant or without one (closed, too large), and
// whose owners have not seen it: nobody may have woken them. `seen` is this caller's memory of the
// places at its last look, place_count of them: only what has not changed since is acted upon.
// Where an owner stands still, its request is passed over; those granted in its stead may stand
// still, too, and are looked at in the same turn. So is passed over one whose owner has not come
// for kLooks looks: its thread went with an exec(), or wants for a processor.
template <class P, class Bell, class Host>
void look_after_grants(semaphore<P, Bell>& sem, Host& host, sight* seen) noexcept {
  const segment<P>& memory = sem.memory();
  const std::uint32_t top = memory.top();
  const auto pass_over = [&](std::uint32_t i, std::uint64_t word) {
    const std::uint64_t owner = memory.record(i).owner.load(std::memory_order_acquire);
    return place_word::of(word).state == place_state::granted && owner != 0 &&
           host.stands_still(owner) && sem.park(i, word);
  };
  bool passed = false;
  for (std::uint32_t i = 0; i < top; ++i) {
    const std::uint64_t word = memory.places[i].load(std::memory_order_acquire);
    const bool same = word == seen[i].word;
    seen[i] = {word, same ? seen[i].looks + 1 : 0};
    const place_state state = place_word::of(word).state;
    if (!same || (state != place_state::granted && state != place_state::idle)) continue;
    const bool is_gone = state == place_state::granted && seen[i].looks >= kLooks;
    if (pass_over(i, word) || (is_gone && sem.park(i, word))) {
      passed = true;
    } else if (memory.record(i).owner.load(std::memory_order_acquire) != 0) {
      sem.its_bell().rung(i, memory.record(i).request.load(std::memory_order_acquire));
    }
  }
  while (passed) {
    passed = false;
    for (std::uint32_t i = 0; i < top; ++i)
      passed = pass_over(i, memory.places[i].load(std::memory_order_acquire)) || passed;
  }
}

}  // namespace afflux::shared
