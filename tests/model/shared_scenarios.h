// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of the semaphore in shared memory: processes that take, give, wait and bury, one of
// which may stop for ever at any point, as one does that is killed or suspended.
#pragma once

#include <cstdint>

#include "engine/checking_policy.h"
#include "shared/tend.h"

namespace afflux::model {

// A segment with four slots and three places.
template <class Policy = checking_policy<>>
struct shared_world {
  using P = Policy;
  template <class T>
  using atomic = typename P::template atomic<T>;

  struct bell {
    shared_world* world;
    void rung(std::uint32_t place, std::uint64_t) const { ++world->rings[place]; }
  };
  using semaphore = shared::semaphore<P, bell>;

  // Who is dead, as a pidfd tells it.
  struct host {
    std::uint64_t dead = 0;
    std::uint64_t stopped = 0;
    bool is_alive(std::uint64_t life) const { return life != dead; }
    bool stands_still(std::uint64_t life) const { return life == stopped; }
  };

  static constexpr std::uint32_t kSlots = 4;
  static constexpr std::uint32_t kPlaces = 3;

  explicit shared_world(std::uint64_t limit) {
    memory.common = &common;
    memory.slots = slots;
    memory.records = records;
    memory.places = places;
    memory.slot_count = kSlots;
    memory.place_count = kPlaces;
    common.limit.store(shared::count_word{limit, false, 0}.word(), std::memory_order_relaxed);
    common.top.store(kPlaces, std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < kSlots; ++i)
      slots[i].life.store(life(i), std::memory_order_relaxed);
  }

  // Process i has slot i, and one handle.
  static constexpr std::uint64_t life(std::uint32_t process) {
    return shared::life_word::of(100 + process, 1);
  }
  semaphore open(std::uint32_t process) { return {memory, process, bell{this}}; }

  void write_place(std::uint32_t place, std::uint32_t process, std::uint64_t n) {
    records[place].owner.store(life(process), std::memory_order_relaxed);
    records[place].request.store(shared::request_word::of(n, process, false),
                                 std::memory_order_relaxed);
  }
  shared::answer enqueue(semaphore& by, std::uint32_t place, std::uint64_t n) {
    write_place(place, by.slot(), n);
    return by.take_or_enqueue(n, place);
  }

  shared::place_state state(std::uint32_t place) {
    return shared::place_word::of(places[place].load(std::memory_order_acquire)).state;
  }
  bool granted(std::uint32_t place) { return state(place) == shared::place_state::granted; }
  std::uint64_t used() {
    return shared::head_word::of(common.head.load(std::memory_order_acquire)).used;
  }

  // The dead one's slot is emptied, and its places; and what it has left undone is done, as one who
  // opens the segment or looks after it does.
  void bury_all(semaphore& by, std::uint32_t dead) {
    host processes{.dead = life(dead)};
    shared::bury_the_dead(by, processes);
    by.serve();
  }

  // SH1, SH2, and that one who comes now can take exactly what is free.
  void consistent(semaphore& by, std::uint64_t limit) {
    std::uint64_t held = 0;
    for (std::uint32_t i = 0; i < kSlots; ++i) held += held_by(i);
    check(held == used(), "SH1");
    bool waiting = false;
    for (std::uint32_t i = 0; i < kPlaces; ++i)
      waiting = waiting || state(i) == shared::place_state::waiting;
    check(shared::head_word::of(common.head.load(std::memory_order_acquire)).waiting == waiting,
          "SH2");
    check(used() <= limit, "above the limit");
    if (waiting) return;
    const std::uint64_t free = limit - used();
    if (free != 0) {
      check(by.try_take(free) == shared::answer::done, "a permit was lost");
      check(by.try_take(1) != shared::answer::done, "a permit was doubled");
      check(by.give(free) == shared::answer::done, "give");
    }
  }
  std::uint64_t held_by(std::uint32_t process) {
    semaphore observer(memory, process, bell{this});  // settles, and reads what is its own
    return observer.held();
  }
  // SH6
  void emptied(std::uint32_t process) {
    check(slots[process].life.load(std::memory_order_acquire) == 0, "SH6: the slot is not free");
    check(held_by(process) == 0, "SH5: it holds permits");
    for (auto& record : records)
      check(record.owner.load(std::memory_order_acquire) != life(process),
            "SH6: a place is its own");
  }

  shared::common_words<P> common;
  shared::slot_record<P> slots[kSlots];
  shared::place_record<P> records[kPlaces];
  atomic<std::uint64_t> places[kPlaces];
  shared::segment<P> memory;
  int rings[kPlaces] = {};
};

namespace scenarios {

using shared::answer;
using shared::place_state;

// One permit, two takers: one gets it. Whichever dies takes nothing with it.
template <class P>
void shared_two_take(explorer& run) {
  shared_world<P> w(1);
  auto a = w.open(0), b = w.open(1), c = w.open(2);
  answer got[2] = {answer::closed, answer::closed};
  run.spawn([&] { got[0] = a.try_take(1); });
  run.spawn([&] { got[1] = b.try_take(1); });
  run.may_stall(0);
  run.join();
  check(got[0] != answer::done || got[1] != answer::done, "above the limit");
  if (!run.stalled()) check(got[0] == answer::done || got[1] == answer::done, "neither has it");
  w.consistent(c, 1);
  if (run.stalled()) {
    w.bury_all(c, 0);
    w.emptied(0);
    w.consistent(c, 1);
  }
}

// Pairs beside each other, one of which dies somewhere.
template <class P>
void shared_pairs(explorer& run) {
  shared_world<P> w(1);
  auto a = w.open(0), b = w.open(1), c = w.open(2);
  run.spawn([&] {
    if (a.try_take(1) == answer::done) a.give(1);
  });
  run.spawn([&] {
    if (b.try_take(1) == answer::done) check(b.give(1) == answer::done, "give");
  });
  run.may_stall(0);
  run.join();
  check(w.held_by(1) == 0, "held");
  if (run.stalled()) {
    w.bury_all(c, 0);
    w.emptied(0);
  }
  check(w.used() == 0, "a permit was lost");
  w.consistent(c, 1);
}

// A request meets the release that it needs: it is granted, or takes.
template <class P>
void shared_enqueue_against_give(explorer& run) {
  shared_world<P> w(1);
  auto a = w.open(0), b = w.open(1), c = w.open(2);
  check(a.try_take(1) == answer::done, "set-up");
  answer said = answer::closed;
  run.spawn([&] { check(a.give(1) == answer::done, "give"); });
  run.spawn([&] { said = w.enqueue(b, 0, 1); });
  run.may_stall(0);
  run.join();
  if (run.stalled()) {
    w.bury_all(c, 0);
    w.emptied(0);
  }
  check(said == answer::done || w.granted(0), "SH4: it waits beside a free permit");
  check(w.used() == 1 && w.held_by(1) == 1, "SH1");
}

// One who gives back stops before it has served the line: those who look after it do so.
template <class P>
void shared_stopped_before_it_serves(explorer& run) {
  shared_world<P> w(2);
  auto a = w.open(0), b = w.open(1), c = w.open(2);
  check(a.try_take(2) == answer::done, "set-up");
  check(w.enqueue(b, 0, 2) == answer::queued, "set-up");
  run.spawn([&] { check(a.give(2) == answer::done, "give"); });
  run.spawn([&] { c.serve(); });
  run.may_stall(0);
  run.join();
  c.serve();
  check(w.granted(0) || w.held_by(0) == 2, "SH4");
  if (!w.granted(0)) w.bury_all(c, 0);
  check(w.granted(0) && w.held_by(1) == 2, "SH4");
  w.consistent(c, 2);
}

// A request that leaves meets its grant: one of the two, and those behind it go on.
template <class P>
void shared_leave_against_give(explorer& run) {
  shared_world<P> w(1);
  auto a = w.open(0), b = w.open(1), c = w.open(2);
  check(a.try_take(1) == answer::done, "set-up");
  check(w.enqueue(b, 0, 1) == answer::queued && w.enqueue(c, 1, 1) == answer::queued, "set-up");
  bool left = false;
  run.spawn([&] { a.give(1); });
  run.spawn([&] {
    left = b.leave(0, w.life(1));
    if (!left) check(b.accept(0, w.life(1)) && b.give(1) == answer::done, "give");
  });
  run.may_stall(0);
  run.join();
  if (run.stalled()) w.bury_all(c, 0);
  check(w.granted(1), "SH4: the next one waits");
  check(w.used() == 1, "SH1");
  w.consistent(a, 1);
}

// The first in line is large and leaves: the one behind it fits.
template <class P>
void shared_leaver_lets_others_in(explorer& run) {
  shared_world<P> w(2);
  auto a = w.open(0), b = w.open(1), c = w.open(2);
  check(a.try_take(1) == answer::done, "set-up");
  check(w.enqueue(b, 0, 2) == answer::queued, "set-up");
  run.spawn([&] { check(b.leave(0, w.life(1)), "it was granted more than is free"); });
  run.spawn([&] { w.enqueue(c, 1, 1); });
  run.join();
  check(w.held_by(2) == 1, "SH4: it waits beside a free permit");
  w.consistent(a, 2);
}

// One place in line and out of it, beside one who helps: a late helper changes nothing.
template <class P>
void shared_late_helper(explorer& run) {
  shared_world<P> w(1);
  auto a = w.open(0), b = w.open(1), c = w.open(2), d = w.open(3);
  check(a.try_take(1) == answer::done, "set-up");
  run.spawn([&] {
    check(w.enqueue(b, 0, 1) == answer::queued, "enqueue");
    check(b.leave(0, w.life(1)), "leave");
    d.resize(1);  // so that the head names another transaction, which is not settled once more
  });
  run.spawn([&] { c.try_take(1); });
  run.join();
  check(w.state(0) == place_state::idle, "J3: it was put in line again");
  w.consistent(d, 1);
}

// Likewise out of line and in it again.
template <class P>
void shared_late_helper_of_a_leaver(explorer& run) {
  shared_world<P> w(1);
  auto a = w.open(0), b = w.open(1), c = w.open(2), d = w.open(3);
  check(a.try_take(1) == answer::done, "set-up");
  check(w.enqueue(b, 0, 1) == answer::queued, "set-up");
  run.spawn([&] {
    check(b.leave(0, w.life(1)), "leave");
    check(w.enqueue(b, 0, 1) == answer::queued, "enqueue");
    d.resize(1);
  });
  run.spawn([&] { c.try_take(1); });
  run.join();
  check(w.state(0) == place_state::waiting, "J3: its place was taken from it");
  w.consistent(d, 1);
  check(b.leave(0, w.life(1)), "leave");
  w.consistent(d, 1);
}

// Two in line, weights: the first waits for all of its permits, and no newcomer passes it.
template <class P>
void shared_newcomer_against_line(explorer& run) {
  shared_world<P> w(2);
  auto a = w.open(0), b = w.open(1), c = w.open(2);
  check(a.try_take(1) == answer::done, "set-up");
  check(w.enqueue(b, 0, 2) == answer::queued, "set-up");
  answer said = answer::closed;
  run.spawn([&] { said = c.try_take(1); });
  run.spawn([&] { check(a.give(1) == answer::done, "give"); });
  run.join();
  check(said == answer::would_wait, "SH3: a newcomer has passed the line");
  check(w.granted(0) && w.used() == 2, "SH4");
}

// Three bury one dead process, which holds permits, waits, and was granted some: once.
template <class P>
void shared_burials(explorer& run) {
  shared_world<P> w(3);
  auto a = w.open(0), b = w.open(1), c = w.open(2), d = w.open(3);
  check(a.try_take(1) == answer::done, "set-up");
  check(b.try_take(2) == answer::done, "set-up");
  check(w.enqueue(a, 0, 1) == answer::queued, "set-up");
  check(w.enqueue(a, 1, 1) == answer::queued, "set-up");
  check(b.give(1) == answer::done && w.granted(0), "set-up");
  run.spawn([&] { w.bury_all(b, 0); });
  run.spawn([&] { w.bury_all(c, 0); });
  run.may_stall(0);
  run.join();
  if (run.stalled()) {
    // The second has done all that the first left.
    w.emptied(0);
    w.bury_all(d, 1);
    w.emptied(1);
    check(w.used() == 0, "SH5");
  } else {
    w.emptied(0);
    check(w.used() == 1, "SH5");
  }
  w.consistent(d, 3);
}

// A slot is buried, and is another's at once; a second burial, begun before, does it no harm.
template <class P>
void shared_slot_used_again(explorer& run) {
  shared_world<P> w(2);
  auto a = w.open(0), b = w.open(1), c = w.open(2);
  check(a.try_take(2) == answer::done, "set-up");
  check(w.enqueue(a, 0, 1) == answer::queued, "set-up");
  constexpr std::uint64_t kNewcomer = shared::life_word::of(500, 7);
  bool has_slot = false;
  run.spawn([&] {
    w.bury_all(b, 0);
    std::uint64_t free = 0;
    has_slot = w.slots[0].life.compare_exchange_strong(free, kNewcomer, std::memory_order_acq_rel,
                                                       std::memory_order_acquire);
    if (!has_slot) return;
    typename shared_world<P>::semaphore e(w.memory, 0, {&w});
    check(e.try_take(1) == answer::done, "a permit was lost");
    free = 0;
    check(w.records[0].owner.compare_exchange_strong(free, kNewcomer, std::memory_order_acq_rel,
                                                     std::memory_order_acquire),
          "SH6: the place is not free");
    w.records[0].request.store(shared::request_word::of(2, 0, false), std::memory_order_relaxed);
    check(e.take_or_enqueue(2, 0) == answer::queued, "it can wait");
  });
  run.spawn([&] { w.bury_all(c, 0); });
  run.join();
  if (!has_slot) return;  // the other was about to free it
  check(w.used() == 1 && w.held_by(0) == 1, "SH5: the newcomer's permits");
  check(w.state(0) == place_state::waiting, "SH5: the newcomer's place");
}

// A grant that its owner does not see is taken back while its owner goes on and accepts it.
template <class P>
void shared_park_against_accept(explorer& run) {
  shared_world<P> w(1);
  auto a = w.open(0), b = w.open(1), c = w.open(2);
  check(a.try_take(1) == answer::done, "set-up");
  check(w.enqueue(b, 0, 1) == answer::queued && w.enqueue(c, 1, 1) == answer::queued, "set-up");
  check(a.give(1) == answer::done && w.granted(0), "set-up");
  const std::uint64_t seen = w.places[0].load(std::memory_order_acquire);
  bool parked = false;
  bool accepted = false;
  run.spawn([&] { parked = a.park(0, seen); });
  run.spawn([&] {
    accepted = b.accept(0, w.life(1));
    if (!accepted) b.unpark(0);
  });
  run.may_stall(0);
  run.join();
  if (!run.stalled()) check(accepted != parked, "both, or neither");
  a.serve();
  // Parked, it is the first again when it goes on, but for who was granted meanwhile.
  check(w.used() == 1, "SH1");
  check(accepted ? w.state(0) == place_state::idle && w.state(1) == place_state::waiting
                 : w.granted(1) != w.granted(0),
        "one of them is granted");
  w.consistent(a, 1);
}

// A shrink and a close beside a release and a request.
template <class P>
void shared_resize_against_give(explorer& run) {
  shared_world<P> w(2);
  auto a = w.open(0), b = w.open(1), c = w.open(2);
  check(a.try_take(2) == answer::done, "set-up");
  check(w.enqueue(b, 0, 2) == answer::queued, "set-up");
  run.spawn([&] { check(c.resize(1) == answer::done, "resize"); });
  run.spawn([&] { check(a.give(1) == answer::done && a.give(1) == answer::done, "give"); });
  run.may_stall(1);
  run.join();
  if (run.stalled()) w.bury_all(c, 0);
  // Granted before the shrink, or too large for ever.
  check(w.granted(0) ? w.used() == 2 : w.state(0) == place_state::idle && w.used() == 0, "SH4");
}

template <class P>
void shared_close_against_enqueue(explorer& run) {
  shared_world<P> w(1);
  auto a = w.open(0), b = w.open(1), c = w.open(2);
  check(a.try_take(1) == answer::done, "set-up");
  answer said = answer::done;
  run.spawn([&] { c.close(); });
  run.spawn([&] { said = w.enqueue(b, 0, 1); });
  run.may_stall(0);
  run.join();
  if (run.stalled()) a.serve();
  const bool closed = shared::count_word::of(w.common.limit.load(std::memory_order_acquire)).closed;
  check(closed ? w.state(0) == place_state::idle : w.state(0) == place_state::waiting,
        "it waits at what is closed");
  check(said == answer::closed || said == answer::queued, "answer");
  check(a.give(1) == answer::done, "give");
  if (closed) check(w.used() == 0, "SH1");
}

}  // namespace scenarios
}  // namespace afflux::model
