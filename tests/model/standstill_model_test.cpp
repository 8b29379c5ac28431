// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Looks of several threads while permits move: what each is told, against when they moved.
#include <cstdint>
#include <vector>

#include "engine/checking_policy.h"
#include "engine/explorer.h"
#include "run_scenario.h"
#include "stats/standstill.h"

namespace afflux::model {
namespace {

using P = checking_policy<>;

// All of its permits are held, and somebody always waits.
struct watched {
  P::atomic<std::uint64_t> moved{1};
  P::atomic<std::uint64_t> asked{1};
  stats::standstill<P> looks;
  // Of the test's own: every reading is later than the one before.
  std::int64_t clock = 0;
  std::vector<std::int64_t> moved_at = {0, 0};  // by `moved`
  bool told = false;

  void move() {
    asked.fetch_add(1, std::memory_order_relaxed);
    moved_at.push_back(++clock);
    moved.fetch_add(1, std::memory_order_relaxed);
  }
  void look() {
    const std::int64_t before = ++clock;
    stats::standstill<P>::seen seen = {.held = true, .waiting = true, .moved = 0, .asked = 0};
    seen.asked = asked.load(std::memory_order_relaxed);
    seen.moved = moved.load(std::memory_order_relaxed);
    const std::int64_t after = ++clock;
    const std::int64_t ns = looks.look(seen, before, after).ns;
    if (ns == 0) return;
    told = true;
    check(ns <= before - moved_at[seen.moved], "SS1: told longer than nothing has moved");
  }
};

void looks_meet_a_move(explorer& run) {
  watched w;
  w.look();
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w] {
      w.look();
      w.look();
    });
  }
  run.spawn([&w] { w.move(); });
  run.join();
  for (int i = 0; i < 3; ++i) w.look();  // it moved, stands, stands
  check(w.told, "a standstill that three looks have found is not told");
}

void a_look_meets_moves(explorer& run) {
  watched w;
  w.look();
  run.spawn([&w] {
    for (int i = 0; i < 3; ++i) w.look();
  });
  run.spawn([&w] {
    w.move();
    w.move();
  });
  run.join();
  for (int i = 0; i < 3; ++i) w.look();
  check(w.told, "a standstill that three looks have found is not told");
}

TEST(StandstillModel, looks_meet_a_move) { holds(&looks_meet_a_move, 3); }
TEST(StandstillModel, looks_meet_a_move_with_late_stores) {
  holds_with({.preemptions = 2, .store_buffers = 2}, &looks_meet_a_move);
}
TEST(StandstillModel, a_look_meets_moves) { holds(&a_look_meets_moves, 3); }

}  // namespace
}  // namespace afflux::model
