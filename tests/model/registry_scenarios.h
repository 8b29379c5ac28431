// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of a registry's set: members come and go while others add up. A member is freed by
// its last reference, so what is dropped too early is a use after free, twice a double one, and
// not at all a leak.
#pragma once

#include "registry_world.h"

namespace afflux::model::scenarios {

// Nothing is counted meanwhile: every sum is the same.
template <class P>
void registry_remove_against_read(explorer& run) {
  registry_world<P> w(1);
  run.spawn([&w] { w.remove(0); });
  run.spawn([&w] {
    const auto s = w.sum();
    check(s.total == 5 && s.live <= 1, "M3");
  });
  run.spawn([&w] { check(w.sum().total == 5, "M3"); });
  run.join();
  w.at_rest(0b1110, 5, 0);
}

// Counted before, while and after it is removed: a sum is never less than one before.
template <class P>
void registry_totals_never_go_back(explorer& run) {
  registry_world<P> w(1);
  w.members[0]->refs.fetch_add(1, std::memory_order_relaxed);  // the counting fibre's
  run.spawn([&w] { w.remove(0); });
  run.spawn([&w] {
    w.members[0]->count(1);
    w.members[0]->count(1);
    w.members[0]->unref();
  });
  run.spawn([&w] {
    const auto first = w.sum().total;
    const auto second = w.sum().total;
    check(first >= 5 && second <= 7, "of nowhere");
    check(first <= second, "M4: a total has gone back");
  });
  run.join();
  const auto last = w.sum().total;
  check(last >= 5 && last <= 7, "the sum at rest");
  w.at_rest(0b1110, last, 0);
}

// Two go one after the other, one more reader than sides.
template <class P>
void registry_two_leave_in_turn(explorer& run) {
  registry_world<P> w(2);
  run.spawn([&w] {
    w.remove(0);
    w.remove(1);
  });
  run.spawn([&w] {
    check(w.sum().total == 10, "M3");
    check(w.sum().total == 10, "M3");
  });
  run.spawn([&w] { check(w.sum().total == 10, "M3"); });
  run.join();
  w.at_rest(0b1100, 10, 0);
}

// Two who remove are each other's reclaimers.
template <class P>
void registry_two_removers(explorer& run) {
  registry_world<P> w(2);
  for (int i = 0; i < 2; ++i) run.spawn([&w, i] { w.remove(i); });
  run.spawn([&w] { check(w.sum().total == 10, "M3"); });
  run.join();
  w.at_rest(0b1100, 10, 0);
}

template <class P>
void registry_same_one_removed_twice(explorer& run) {
  registry_world<P> w(1);
  int removed = 0;
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w, &removed] {
      if (w.all->remove(*w.members[0]) == exporting::membership::done) ++removed;
    });
  }
  run.join();
  check(removed == 1, "M1: removed twice, or not at all");
  check(w.all->remove(*w.members[0]) == exporting::membership::already, "M1: it is out");
  w.at_rest(0b1111, 5, 0);
}

// Into two sets at once; and from one into the other while that one ends.
template <class P>
void registry_one_of_two_sets(explorer& run) {
  registry_world<P> w(0);
  auto* const other = P::template create<typename registry_world<P>::set>(2u);
  int added = 0;
  run.spawn([&w, &added] {
    if (w.all->add(*w.members[0]) == exporting::membership::done) ++added;
  });
  run.spawn([&w, &added, other] {
    if (other->add(*w.members[0]) == exporting::membership::done) ++added;
  });
  run.join();
  check(added == 1, "M1: in two sets, or in none");
  const bool in_other = w.sum().live == 0;
  check(registry_world<P>::sum_of(*other).live == (in_other ? 1 : 0), "M1");
  check((in_other ? w.all : other)->remove(*w.members[0]) == exporting::membership::already, "M1");
  P::destroy(other);
  check((w.all->add(*w.members[0]) == exporting::membership::done) == in_other,
        "M1: a set has ended");
  w.at_rest(0b1111, 5, 1);
}

// Out and in again, and counted in between: that is not the set's.
template <class P>
void registry_comes_back(explorer& run) {
  registry_world<P> w(1);
  run.spawn([&w] {
    check(w.all->remove(*w.members[0]) == exporting::membership::done, "M1");
    w.members[0]->count(100);
    w.add(0);
    w.members[0]->count(1);
  });
  run.spawn([&w] {
    const auto first = w.sum().total;
    const auto second = w.sum().total;
    check(first >= 5 && first <= second && second <= 106, "M4: a total has gone back");
  });
  run.join();
  w.at_rest(0b1111, 6, 1);
}

// As above with nothing counted while it is out: never twice.
template <class P>
void registry_comes_back_and_is_read(explorer& run) {
  registry_world<P> w(1);
  run.spawn([&w] {
    check(w.all->remove(*w.members[0]) == exporting::membership::done, "M1");
    w.add(0);
  });
  for (int i = 0; i < 2; ++i) run.spawn([&w] { check(w.sum().total == 5, "M5"); });
  run.join();
  w.at_rest(0b1111, 5, 1);
}

// A visitor removes what it sees, and sums up, while another does the same.
template <class P>
void registry_visitors_remove(explorer& run) {
  registry_world<P> w(2);
  int removed = 0;
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w, &removed] {
      const auto side = w.all->enter();
      w.all->visit([&](auto& m, std::uint64_t number) {
        check(number == 1 || number == 2, "number of its addition");
        if (w.all->remove(m) == exporting::membership::done) ++removed;
        check(m.refs.load(std::memory_order_relaxed) >= 1, "M2: gone while it is visited");
        return true;
      });
      w.all->leave(side);
    });
  }
  run.join();
  check(removed == 2, "each of them once");
  w.at_rest(0b1111, 10, 0);
}

// The same ones for each pass of a reader, but for one whose addition has not ended.
template <class P>
void registry_passes_agree(explorer& run) {
  registry_world<P> w(1);
  run.spawn([&w] {
    const auto end = w.all->additions();
    const auto side = w.all->enter();
    int seen[2][4] = {};
    for (auto& pass : seen) {
      w.all->visit_before(side, end, [&](auto& m, std::uint64_t number) {
        check(m.done.load(std::memory_order_relaxed) == 5, "M2");
        ++pass[number];
        return true;
      });
    }
    check(seen[0][1] == seen[1][1] && seen[0][1] <= 1, "two passes differ");
    check(seen[0][2] <= seen[1][2] && seen[1][2] <= 1, "two passes differ");
    if (end < 2) check(seen[1][2] == 0, "added since");
    w.all->leave(side);
  });
  run.spawn([&w] { w.remove(0); });
  run.spawn([&w] { w.add(1); });
  run.join();
  w.at_rest(0b1110, 10, 1);
}

// A slot's next member, seen by readers of either side.
template <class P>
void registry_slot_is_used_again(explorer& run) {
  registry_world<P> w(1);
  run.spawn([&w] {
    w.remove(0);
    w.add(1);
    w.remove(1);
  });
  run.spawn([&w] {
    const auto first = w.sum().total;
    const auto second = w.sum().total;
    check(first >= 5 && first <= second && second <= 10, "M3");
  });
  run.join();
  w.at_rest(0b1100, 10, 0);
}

// Slots 1 and 0 are free, in this order: a taker that looks at 1's successor is overtaken by one
// who takes both and gives 1 back.
template <class P>
void registry_free_slots(explorer& run) {
  registry_world<P> w(2);
  for (int i = 0; i < 2; ++i)
    check(w.all->remove(*w.members[i]) == exporting::membership::done, "");
  run.spawn([&w] { w.add(2); });
  run.spawn([&w] {
    w.add(3);
    w.add(0);
    check(w.all->remove(*w.members[3]) == exporting::membership::done, "M1");
  });
  run.join();
  w.add(1);
  w.add(3);
  w.at_rest(0b1111, 20, 4);
}

// What the last reference causes uses the set: another is removed, what is left is added up.
template <class P>
void registry_drop_calls_back(explorer& run) {
  registry_world<P> w(2);
  w.members[0]->context = &w;
  w.members[0]->at_end = [](void* context) {
    auto& all = *static_cast<registry_world<P>*>(context);
    check(all.sum().total == 10, "M6");
    all.add(2);
    all.remove(1);
  };
  run.spawn([&w] { w.remove(0); });
  run.spawn([&w] { check(w.sum().total >= 10, "M3"); });
  run.join();
  w.at_rest(0b1100, 15, 1);
}

// Two grow the table at once, with memory for one of them or none.
template <class P>
void registry_grows(explorer& run) {
  registry_world<P> w(0);
  run.fail_create(static_cast<std::uint64_t>(run.choose(4)));
  int added = 0;
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w, &added, i] {
      const auto answer = w.all->add(*w.members[i]);
      check(answer != exporting::membership::already, "M1");
      if (answer == exporting::membership::done) ++added;
    });
  }
  run.join();
  run.fail_create(0);
  check(w.sum().live == added, "who is in it");
  for (int i = 0; i < 2; ++i) {
    if (w.all->remove(*w.members[i]) == exporting::membership::done) --added;
  }
  check(added == 0, "M1");
  for (int i = 0; i < 4; ++i) w.add(i);
  w.at_rest(0b1111, 20, 4);
}

// A dropper is stopped between giving up the role and dropping.
template <class P>
void registry_slow_dropper(explorer& run) {
  registry_world<P> w(2);
  run.spawn([&w] { w.remove(0); });
  run.spawn([&w] {
    w.remove(1);
    check(w.sum().total == 10, "M3");
  });
  run.join();
  w.at_rest(0b1100, 10, 0);
}

}  // namespace afflux::model::scenarios
