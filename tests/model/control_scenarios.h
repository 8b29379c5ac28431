// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of a control: samples are added while windows are closed.
#pragma once

#include <cstdint>
#include <memory>

#include "control/steering.h"
#include "world.h"

namespace afflux::model {

// Adds up what its windows have, and asks for one permit more or less in turn.
class adding_up final : public control::algorithm {
 public:
  explicit adding_up(std::uint64_t least_samples) { terms_.least_samples = least_samples; }

  double limit() const override { return wanted; }
  control::closing next() const override { return terms_; }
  void update(const control::window& seen) override {
    check(seen.samples() >= terms_.least_samples, "a window that was not over");
    check(seen.latency_sum == static_cast<std::int64_t>(seen.served) * 5, "CO1: a sample in part");
    served += seen.served;
    dropped += seen.dropped;
    ++windows;
    wanted = windows % 2 == 0 ? first : first + 1;
  }

  double first = 1;
  double wanted = 1;
  std::uint64_t served = 0;
  std::uint64_t dropped = 0;
  std::uint64_t windows = 0;

 private:
  control::closing terms_;
};

// None of the scenarios asks for one.
struct no_quantile {
  void record(std::int64_t) {}
  std::int64_t take(double) { return 0; }
};

template <class W>
struct control_world : W {
  using P = typename W::P;
  using steering = control::steering<P, 2, no_quantile>;

  control_world(explorer& run, std::uint64_t limit, std::uint64_t held,
                std::uint64_t least_samples = 1)
      : W(run, limit, held) {
    auto made = std::make_unique<adding_up>(least_samples);
    how = made.get();
    how->first = how->wanted = static_cast<double>(limit);
    bool busy = true;
    tested = steering::create(*this->sem, std::move(made), {.min = 1, .max = 9}, busy);
    check(tested != nullptr && !busy, "set-up");
  }

  void sample(control::outcome o = control::outcome::served) {
    if (tested->add(5, o)) tested->collect();
  }

  // Whatever is left is in one more window; then each sample has been in one, but for the missed.
  void all_counted(std::uint64_t served, std::uint64_t dropped) {
    tested->collect();
    const control::report r = tested->read();
    check(r.served == served && r.dropped == dropped, "lost, or counted twice");
    check(how->served + how->dropped + r.missed == served + dropped, "CO1");
    check(how->served <= served && how->dropped <= dropped, "CO1");
    check(r.windows == how->windows, "windows");
    const std::uint64_t before = how->windows;
    sample();
    check(how->windows == before + 1, "CO3: the next window does not end");
    tested->unref();
  }

  adding_up* how = nullptr;
  steering* tested = nullptr;
};

namespace scenarios {

// Each sample ends a window.
template <class W>
void control_two_sample(explorer& run) {
  control_world<W> w(run, 2, 1);
  run.spawn([&w] { w.sample(); });
  run.spawn([&w] { w.sample(control::outcome::dropped); });
  run.join();
  w.all_counted(1, 1);
  w.release(1);
  w.at_rest(0);
}

// While one closes a window two add to it.
template <class W>
void control_two_sample_and_one_collects(explorer& run) {
  control_world<W> w(run, 2, 1);
  run.spawn([&w] { check(w.tested->add(5, control::outcome::served), "a window is over"); });
  run.spawn([&w] { check(w.tested->add(5, control::outcome::dropped), "a window is over"); });
  run.spawn([&w] {
    w.tested->collect();
    w.tested->collect();
  });
  run.join();
  w.all_counted(1, 1);
  w.release(1);
  w.at_rest(0);
}

// One more than there are tallies: a sample may find all of them in use.
template <class W>
void control_three_add(explorer& run) {
  control_world<W> w(run, 2, 1);
  for (int i = 0; i < 3; ++i) {
    run.spawn([&w] { check(w.tested->add(5, control::outcome::served), "a window is over"); });
  }
  run.join();
  w.all_counted(3, 0);
  w.release(1);
  w.at_rest(0);
}

// What is read is exact once nothing moves, and closes no window.
template <class W>
void control_read_against_samples(explorer& run) {
  control_world<W> w(run, 2, 1, 2);
  run.spawn([&w] { w.sample(); });
  run.spawn([&w] { w.sample(); });
  run.spawn([&w] { check(w.tested->read().served <= 2, "of nowhere"); });
  run.join();
  check(w.tested->read().served == 2, "at rest");
  w.sample();
  w.sample();
  w.sample();
  check(w.how->windows > 0 && w.tested->read().windows == w.how->windows, "CO3: it goes on");
  w.tested->unref();
  check(core::resize(*w.sem, 2) == status::ok, "");
  w.release(1);
  w.at_rest(0);
}

// A window raises the limit: a request that queues gets in, by that or by the release.
template <class W>
void control_limit_against_release(explorer& run) {
  control_world<W> w(run, 1, 1);
  w.bound = 2;
  w.begin(0, 1);
  run.spawn([&w] { w.sample(); });
  run.spawn([&w] { w.release(1); });
  run.join();
  check(w.parties[0].got(), "L1");
  w.all_counted(1, 0);
  w.release(1);
  check(core::resize(*w.sem, 1) == status::ok, "");
  w.at_rest(0);
}

// The last reference goes beside a sample, whose thread has one; the semaphore's goes with it.
template <class W>
void control_ends_beside_a_sample(explorer& run) {
  control_world<W> w(run, 2, 0);
  w.tested->ref();
  run.spawn([&w] {
    w.sample();
    w.tested->unref();
  });
  run.spawn([&w] { w.tested->unref(); });
  run.join();
  bool busy = true;
  auto how = std::make_unique<adding_up>(1);
  how->wanted = 2;
  auto* const next = control_world<W>::steering::create(*w.sem, std::move(how), {1, 1, 9}, busy);
  check(next != nullptr && !busy, "the one before has left it");
  next->unref();
  w.at_rest(0);
}

template <class W>
void control_two_want_one_semaphore(explorer& run) {
  W w(run, 1, 0);
  using steering = typename control_world<W>::steering;
  steering* made[2] = {};
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w, &made, i] {
      bool busy = false;
      made[i] = steering::create(*w.sem, std::make_unique<adding_up>(1), {1, 1, 9}, busy);
      check(busy == (made[i] == nullptr), "busy");
    });
  }
  run.join();
  check((made[0] == nullptr) != (made[1] == nullptr), "one of them steers");
  (made[0] == nullptr ? made[1] : made[0])->unref();
  w.at_rest(0);
}

// A pause beside a sample: its window ends, or the sample is in none.
template <class W>
void control_pause_against_sample(explorer& run) {
  control_world<W> w(run, 2, 1);
  run.spawn([&w] { w.sample(); });
  run.spawn([&w] {
    check(w.tested->pause(), "");
    w.sample(control::outcome::dropped);
    check(w.tested->resume(), "");
  });
  run.join();
  const std::uint64_t before = w.how->windows;
  w.sample();
  check(w.how->windows >= before, "");
  w.sample();
  check(w.how->windows > before, "CO3: it goes on");
  w.tested->unref();
  w.release(1);
  check(core::resize(*w.sem, 2) == status::ok, "");
  w.at_rest(0);
}

}  // namespace scenarios
}  // namespace afflux::model
