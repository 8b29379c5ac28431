// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scenarios of tenants: their requests meet cancels, resizes, closes and the tenants' own end.
#pragma once

#include <cstdint>

#include "core/tenant.h"
#include "world.h"

namespace afflux::model {

template <class W>
struct tenant_world : W {
  using P = typename W::P;
  using tenant = queue::tenant<P>;

  tenant_world(explorer& run, std::uint64_t limit, std::uint64_t held = 0) : W(run, limit, held) {}

  tenant* add(const queue::share& is = {}) {
    tenant* made = nullptr;
    check(core::create_tenant(*this->sem, is, nullptr, made) == status::ok, "set-up");
    return made;
  }

  status begin_for(int who, tenant& t, std::uint64_t n = 1,
                   void (*then)(typename W::party&) = nullptr) {
    typename W::party& p = this->parties[who];
    p.n = n;
    p.then = then;
    core::demand want;
    want.permits = n;
    want.tenant = &t;
    int error = 0;
    const status s = core::acquire_async(*this->sem, want, -1, {&W::woken, &p}, p.self(), error);
    if (s == status::ok) W::completed(p, s);
    return s;
  }
  void take_for(tenant& t, std::uint64_t n) {
    check(core::try_acquire(t, n) == status::ok, "set-up");
    this->enter(n);
  }
  void release_for(tenant& t, std::uint64_t n) {
    this->leave(n);
    check(this->sem->release_for(t, n) == status::ok, "a release was refused");
  }
  status acquire_for(tenant& t, std::uint64_t n) {
    core::demand want;
    want.permits = n;
    want.tenant = &t;
    const status s = core::acquire(*this->sem, want, -1);
    if (s == status::ok) this->enter(n);
    return s;
  }
  // What a party got, for that tenant.
  void give_back(int who, tenant& t) {
    if (this->parties[who].got()) release_for(t, this->parties[who].n);
  }
};

namespace scenarios {

// Two tenants' requests, and the release that serves one: the other is served by that one's.
template <class W>
void tenant_two_arrive_at_a_release(explorer& run) {
  tenant_world<W> w(run, 1);
  auto* const a = w.add();
  auto* const b = w.add();
  w.take_for(*a, 1);
  run.spawn([&] { w.begin_for(0, *a); });
  run.spawn([&] { w.begin_for(1, *b); });
  run.spawn([&] { w.release_for(*a, 1); });
  run.join();
  const int first = w.parties[0].got() ? 0 : 1;
  check(w.parties[first].got() && !w.parties[1 - first].got(), "L1");
  w.give_back(first, first == 0 ? *a : *b);
  check(w.parties[1 - first].got(), "L1");
  w.give_back(1 - first, first == 0 ? *b : *a);
  check(a->held.get() == 0 && b->held.get() == 0, "TN1: held");
  core::unref(*a);
  core::unref(*b);
  w.at_rest(0);
}

// A release chooses a request that is just being cancelled: the other tenant's gets the permit.
template <class W>
void tenant_cancel_against_release(explorer& run) {
  tenant_world<W> w(run, 1);
  auto* const a = w.add();
  auto* const b = w.add();
  w.take_for(*a, 1);
  w.begin_for(0, *a);
  w.begin_for(1, *b);
  run.spawn([&] { w.said[0] = w.cancel(0); });
  run.spawn([&] { w.release_for(*a, 1); });
  run.join();
  w.one_outcome(0, w.said[0]);
  w.give_back(0, *a);
  check(w.parties[1].got(), "S7");
  w.give_back(1, *b);
  check(a->held.get() == 0 && b->held.get() == 0, "TN1: held");
  core::unref(*a);
  core::unref(*b);
  w.at_rest(0);
}

// What a cap holds back goes on when its tenant gives back, and keeps no other from free permits.
template <class W>
void tenant_cap_against_others(explorer& run) {
  tenant_world<W> w(run, 2);
  auto* const a = w.add({.cap = 1});
  w.take_for(*a, 1);
  w.begin_for(0, *a);
  run.spawn([&] {
    check(w.sem->try_acquire(1) == status::ok, "S5: a permit is free");
    w.enter(1);
  });
  run.spawn([&] { w.release_for(*a, 1); });
  run.join();
  check(w.parties[0].got(), "L1");
  check(a->held.get() == 1, "TN1: a cap");
  w.give_back(0, *a);
  w.release(1);
  core::unref(*a);
  w.at_rest(0);
}

// A guaranteed share comes first, though the other tenant has waited for longer and weighs more.
template <class W>
void tenant_guarantee_comes_first(explorer& run) {
  tenant_world<W> w(run, 1);
  auto* const a = w.add({.weight = 100});
  auto* const b = w.add({.guaranteed = 1});
  w.take_for(*a, 1);
  w.begin_for(0, *a);
  w.begin_for(1, *b);
  run.spawn([&] { w.release_for(*a, 1); });
  run.join();
  check(w.parties[1].got() && !w.parties[0].got(), "TN2");
  w.give_back(1, *b);
  w.give_back(0, *a);
  core::unref(*a);
  core::unref(*b);
  w.at_rest(0);
}

// A tenant ends beside the release that would serve it.
template <class W>
void tenant_close_against_release(explorer& run) {
  tenant_world<W> w(run, 1);
  auto* const a = w.add();
  auto* const b = w.add();
  w.take_for(*a, 1);
  w.begin_for(0, *b);
  w.begin_for(1, *b);
  run.spawn([&] { check(w.sem->close(*b, false) == status::ok, ""); });
  run.spawn([&] { w.release_for(*a, 1); });
  run.join();
  for (int i = 0; i < 2; ++i) {
    check(w.parties[i].completions == 1, "L3");
    check(w.parties[i].got() || w.parties[i].result == status::closed, "S8");
    w.give_back(i, *b);
  }
  check(w.begin_for(2, *b) == status::closed, "S8");
  core::unref(*a);
  core::unref(*b);
  w.at_rest(0);
}

// Its last reference goes beside a cancel of its request, and beside a release.
template <class W>
void tenant_ends_beside_a_cancel(explorer& run) {
  tenant_world<W> w(run, 1, 1);
  w.cancels_may_be_late();
  auto* const a = w.add();
  w.begin_for(0, *a);
  w.begin_for(1, *a);
  run.spawn([&] { core::unref(*a); });
  run.spawn([&] { w.said[0] = w.cancel(0); });
  run.join();
  w.one_outcome(0, w.said[0]);
  check(w.parties[1].completions == 1 && w.parties[1].result == status::closed, "L3");
  w.release(1);
  w.at_rest(0);
}

// What it holds then is held by those who name no tenant.
template <class W>
void tenant_ends_with_permits(explorer& run) {
  tenant_world<W> w(run, 2);
  auto* const a = w.add();
  auto* const b = w.add();
  w.take_for(*a, 2);
  w.begin_for(0, *b);
  run.spawn([&] { core::unref(*a); });
  run.spawn([&] { w.begin(1, 1); });
  run.join();
  w.release(2);
  check(w.parties[0].got() && w.parties[1].got(), "L1");
  w.give_back(0, *b);
  w.release(1);
  core::unref(*b);
  w.at_rest(0);
}

// Everything ends at once: the semaphore's last reference is the tenant's.
template <class W>
void tenant_is_the_last(explorer& run) {
  tenant_world<W> w(run, 1);
  auto* const a = w.add();
  run.spawn([&] { w.sem->unref(); });
  run.spawn([&] {
    check(core::try_acquire(*a, 1) == status::ok, "");
    check(w.sem->release_for(*a, 1) == status::ok, "");
    core::unref(*a);
  });
  run.join();
}

// A shrink and a growth beside a release.
template <class W>
void tenant_resize_against_release(explorer& run) {
  tenant_world<W> w(run, 2);
  auto* const a = w.add();
  auto* const b = w.add();
  w.take_for(*a, 2);
  w.begin_for(0, *a, 1);
  w.begin_for(1, *b, 2);
  run.spawn([&] { check(core::resize(*w.sem, 1) == status::ok, ""); });
  run.spawn([&] { w.release_for(*a, 1); });
  run.join();
  w.release_for(*a, 1);
  // The request for two was granted before the shrink, or is impossible since.
  check(w.parties[1].completions == 1, "L1");
  w.give_back(1, *b);
  check(w.parties[0].got(), "L1");
  w.give_back(0, *a);
  core::unref(*a);
  core::unref(*b);
  w.at_rest(0);
}

template <class W>
void tenant_semaphore_closes(explorer& run) {
  tenant_world<W> w(run, 1, 1);
  auto* const a = w.add();
  w.begin_for(0, *a);
  run.spawn([&] { w.said[0] = w.begin_for(1, *a); });
  run.spawn([&] { check(w.sem->close() == status::ok, ""); });
  run.join();
  check(w.parties[0].completions == 1 && w.parties[0].result == status::closed, "L3");
  check(w.said[0] == status::closed || w.parties[1].result == status::closed, "L3");
  w.release(1);
  core::unref(*a);
  w.at_rest(0, true);
}

// The first two tenants of a semaphore come at once, beside a request that waits already and one
// that arrives.
template <class W>
void tenant_first_ones_come(explorer& run) {
  tenant_world<W> w(run, 1, 1);
  typename tenant_world<W>::tenant* made[2] = {};
  w.begin(0, 1);
  for (int i = 0; i < 2; ++i) {
    run.spawn([&w, &made, i] { made[i] = w.add(); });
  }
  run.spawn([&] { w.begin(1, 1); });
  run.join();
  w.begin_for(2, *made[0]);
  for (int i = 0; i < 2; ++i) w.release(1);
  check(w.parties[0].got(), "L1");
  check(w.parties[1].got() || w.parties[2].got(), "L1");
  if (w.parties[2].got()) {
    w.give_back(2, *made[0]);
    check(w.parties[1].got(), "L1");
    w.release(1);
  } else {
    w.release(1);
    check(w.parties[2].got(), "L1");
    w.give_back(2, *made[0]);
  }
  core::unref(*made[0]);
  core::unref(*made[1]);
  w.at_rest(0);
}

// Blocking calls of two tenants, one permit.
template <class W>
void tenant_two_take_turns(explorer& run) {
  tenant_world<W> w(run, 1);
  auto* const a = w.add();
  auto* const b = w.add();
  for (auto* const t : {a, b}) {
    run.spawn([&w, t] {
      check(w.acquire_for(*t, 1) == status::ok, "");
      w.guarded = w.guarded + 1;  // S11
      w.release_for(*t, 1);
    });
  }
  run.join();
  core::unref(*a);
  core::unref(*b);
  w.at_rest(0);
}

// A share is changed while its tenant waits and permits come back.
template <class W>
void tenant_cap_is_lifted(explorer& run) {
  tenant_world<W> w(run, 2);
  auto* const a = w.add({.cap = 1});
  w.take_for(*a, 1);
  w.begin_for(0, *a);
  run.spawn([&] { check(w.sem->set_share(*a, {.weight = 2}) == status::ok, ""); });
  run.spawn([&] { w.release_for(*a, 1); });
  run.join();
  check(w.parties[0].got(), "L1");
  w.give_back(0, *a);
  core::unref(*a);
  w.at_rest(0);
}

}  // namespace scenarios
}  // namespace afflux::model
