// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of notes: completions by value. The waiter's memory is its owner's as soon as its
// status is final or a cancel has returned, whatever the answer; so each scenario lets go of it
// there, and a late touch is found.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/wait_queue.h"
#include "extended_scenarios.h"
#include "world.h"

namespace afflux::model::scenarios {

template <class W>
struct note_world : W {
  using P = typename W::P;
  using party = typename W::party;
  using W::W;

  core::demand demand_of(std::uint64_t n, std::uint8_t priority) {
    core::demand want;
    want.permits = n;
    want.priority = priority;
    return want;
  }
  queue::destination<P> told(int who, void (*then)(party&)) {
    this->parties[who].then = then;
    queue::destination<P> to;
    to.note = &noted;
    to.context = &this->parties[who];
    to.user_data = static_cast<std::uint64_t>(who);
    return to;
  }
  status note(int who, std::uint64_t n, void (*then)(party&) = nullptr,
              std::uint8_t priority = AFFLUX_PRIORITY_NORMAL, std::int64_t timeout = -1) {
    party& p = this->parties[who];
    p.n = n;
    int error = 0;
    const status s = core::acquire_async(*this->sem, demand_of(n, priority), timeout,
                                         told(who, then), p.self(), error);
    if (s == status::ok) W::completed(p, s);
    return s;
  }
  // The note says that it is time to look. What was seen before letting go of the waiter is kept.
  static void noted(void* context, std::uint64_t) {
    party& p = *static_cast<party*>(context);
    if (!of(p).free[&p - p.all->parties]) of(p).look(static_cast<int>(&p - p.all->parties));
    check(!of(p).has_canceled[&p - p.all->parties], "S4: a note after a cancel that answered OK");
    W::completed(p, of(p).seen[&p - p.all->parties]);
  }
  static note_world& of(party& p) { return static_cast<note_world&>(*p.all); }

  // The owner looks; with a final status it lets go of the memory.
  status look(int who) {
    auto& x = this->parties[who].self();
    const status s = queue::status_of(x);
    if (s != status::pending) {
      seen[who] = s;
      let_go(who);
    }
    return s;
  }
  // A cancel by the owner, who keeps nothing for its sake.
  status take_back(int who) {
    auto& x = this->parties[who].self();
    const status s = core::cancel(x);
    if (s == status::ok) {
      has_canceled[who] = true;
      let_go(who);
    } else if (!free[who] && queue::status_of(x) != status::pending) {
      seen[who] = x.result;
      let_go(who);
    }
    return s;
  }
  void let_go(int who) {
    if (P::owners_keep_memory) return;  // a cancel may still be on its way
    free[who] = true;
    auto& x = this->parties[who].self();
    if (explorer* const engine = explorer::active()) engine->returned(&x, sizeof x);
  }

  bool free[6] = {};
  bool has_canceled[6] = {};
  status seen[6] = {status::pending, status::pending, status::pending,
                    status::pending, status::pending, status::pending};
};

// ---- a note against a cancel

template <class W>
void note_begin_cancel_release(explorer& run) {
  note_world<W> w(run, 1, 1);
  w.cancels_may_be_late();
  run.spawn([&w] { w.note(0, 1, W::release_it); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.release(1); });
  run.join();
  w.one_outcome(0, w.said[0]);
  w.at_rest(0);
}

// A cancel finds the waiter while its own thread is still on the way out, with the permits: no note
// comes any more, so the cancel must not wait for one.
template <class W>
void note_cancel_of_one_granted_on_its_way(explorer& run) {
  note_world<W> w(run, 2, 2);
  w.cancels_may_be_late();
  w.begin(1, 1, W::release_it);
  run.spawn([&w] { w.note(0, 1, W::release_it); });
  run.spawn([&w] { w.said[0] = w.cancel(0); });
  run.spawn([&w] { w.release(2); });
  run.join();
  w.one_outcome(0, w.said[0]);
  w.at_rest(0);
}

// ---- more notes than are told at once

// A callback blocks for what one behind it gives back, and a note stands between them.
template <class W>
void note_between_callbacks_that_block(explorer& run) {
  note_world<W> w(run, 4, 4);
  w.note(0, 1, W::release_it);
  w.begin(
      1, 1, +[](typename W::party& p) {
        check(p.all->acquire(3) == status::ok, "acquire");
        p.all->release(4);
      });
  w.note(2, 1, W::release_it);
  w.begin(3, 1, W::release_it);
  run.spawn([&w] { w.release(4); });
  run.join();
  check(w.completions == 4, "L1");
  w.at_rest(0);
}

// S8: those that are left for want of room are closed out later; one that competes beside them
// gets nothing any more.
template <class W>
void note_close_against_competing(explorer& run) {
  note_world<W> w(run, 2, 2, throughput());
  static std::uint64_t held_then;
  held_then = 2;
  static constexpr auto then = +[](typename W::party& p) {
    if (p.result != status::closed) return;
    unobserved quiet;
    held_then = std::min(held_then, core::held(*p.all->sem));
  };
  run.spawn([&w] {
    const status s = w.acquire(1);
    check(s == status::ok || s == status::closed, "L3");
  });
  run.spawn([&w] {
    w.release(1);
    w.note(0, 2, then, kHigh);
    w.note(1, 2, then, kHigh);
    w.sem->close();
  });
  run.join();
  check(w.parties[0].completions == 1 && w.parties[1].completions == 1, "L3");
  check(core::held(*w.sem) <= held_then, "S8: granted after the close");
  w.sem->unref();
}

// A note that queues where the line is full of notes: the oldest of them gives way, or the newcomer
// is refused, but no thread turns in circles.
template <class W>
void note_queues_where_notes_are_dropped(explorer& run) {
  note_world<W> w(run, 2, 2, dropping_oldest(1));
  w.note(
      0, 1, +[](typename W::party& p) {
        auto& all = note_world<W>::of(p);
        all.note(1, 2);
        all.said[0] = all.note(2, 2);
      });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[0].got(), "L1");
  check(w.said[0] == status::rejected || w.parties[1].result == status::rejected,
        "nobody gave way");
  w.release(1);
  w.sem->unref();
}

// A note runs the timers, and so the note of one whose time is over; what it releases then is told
// when it has returned, as always: notes do not nest by what they let in.
template <class W>
void note_runs_timers_and_releases(explorer& run) {
  note_world<W> w(run, 2, 2);
  static bool within;
  within = false;
  check(w.note(
            0, 1,
            +[](typename W::party& p) {
              explorer::active()->advance(10'000'000);
              W::P::run_timers_once();
              within = true;
              p.all->release(1);
              within = false;
            }) == status::pending,
        "set-up");
  check(w.note(1, 2, nullptr, kNormal, 1) == status::pending, "set-up");
  check(w.note(
            2, 1, +[](typename W::party&) { check(!within, "S12: a note within a note"); }) ==
            status::pending,
        "set-up");
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[1].result == status::timed_out && w.parties[2].got(), "L1");
  w.at_rest(2);
}

// Two wakes at once, each of which finds more notes than it has room for: both count.
template <class W>
void note_two_wakers(explorer& run) {
  note_world<W> w(run, 1, 1);
  w.bound = 100;
  for (int i = 0; i < 4; ++i) w.note(i, 1);
  run.spawn([&w] { w.said[0] = static_cast<status>(w.sem->wake(3)); });
  run.spawn([&w] { w.said[1] = static_cast<status>(w.sem->wake(1)); });
  run.join();
  check(static_cast<int>(w.said[0]) + static_cast<int>(w.said[1]) == 4, "a wake's count");
  check(w.completions == 4, "L1: a wake is lost");
  w.at_rest(1);
}

// A cancel that comes while its thread still asks whether it need wait at all.
template <class W>
void note_cancel_while_asking(explorer& run) {
  note_world<W> w(run, 1, 1);
  w.bound = 100;
  w.cancels_may_be_late();
  const bool holds = run.choose(2) == 1;
  run.spawn([&w, holds] {
    int error = 0;
    w.parties[0].n = 1;
    w.said[0] = core::add_unless(
        *w.sem, [holds] { return holds; }, core::demand{}, -1, w.told(0, nullptr),
        w.parties[0].self(), error);
  });
  run.spawn([&w] { w.said[1] = w.cancel(0); });
  run.spawn([&w] { w.count = static_cast<int>(w.sem->wake(1)); });
  run.join();
  check(w.said[0] == (holds ? status::ok : status::pending), "an answer");
  if (holds) {
    check(w.parties[0].completions == 0, "S3: a note of one that need not wait");
  } else {
    if (w.said[1] != status::ok && w.parties[0].completions == 0) w.sem->wake(1);
    w.one_outcome(0, w.said[1]);
  }
  w.at_rest(1);
}

}  // namespace afflux::model::scenarios
