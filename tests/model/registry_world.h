// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A set of members under the checking policy: members that count one thing, and a reader's sum.
#pragma once

#include <cstdint>

#include "engine/checking_policy.h"
#include "engine/explorer.h"
#include "export/member_set.h"

namespace afflux::model {

template <class P>
struct model_member {
  typename P::template atomic<std::uint64_t> registration{0};
  typename P::template atomic<std::uint64_t> refs{1};
  typename P::template atomic<std::uint64_t> done{0};
  void (*at_end)(void*) = nullptr;  // called by the last unref, when it is gone
  void* context = nullptr;

  void count(std::uint64_t n) { done.fetch_add(n, std::memory_order_relaxed); }
  void unref() {
    if (refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    auto* const call = at_end;
    void* const with = context;
    P::destroy(this);
    if (call != nullptr) call(with);
  }
};

template <class P>
struct model_traits {
  using member = model_member<P>;
  struct record {
    typename P::template var<std::uint64_t> total{0};
  };
  static constexpr std::uint32_t kSlots = 2;
  static constexpr std::uint32_t kFan = 2;

  static auto& registration(member& m) { return m.registration; }
  static void ref(member& m) { m.refs.fetch_add(1, std::memory_order_relaxed); }
  static void unref(member& m) { m.unref(); }
  static void read(const member& m, record& r, std::int64_t) {
    r.total = m.done.load(std::memory_order_relaxed);
  }
  static void add(record& sum, const record& r) { sum.total += r.total.get(); }
  static void subtract(record& r, const record& before) { r.total -= before.total.get(); }
  template <class Who>
  static void prefetch(const Who&) {}
};

template <class Policy>
struct registry_world {
  using P = Policy;
  using traits = model_traits<P>;
  using member = model_member<P>;
  using set = exporting::member_set<P, traits>;
  using membership = exporting::membership;

  static constexpr int kMembers = 4;

  explicit registry_world(int in_it) : all(P::template create<set>(1u)) {
    for (int i = 0; i < kMembers; ++i) {
      members[i] = P::template create<member>();
      members[i]->count(5);
      if (i < in_it) check(all->add(*members[i]) == membership::done, "set-up");
    }
  }

  struct seen {
    std::uint64_t total = 0;
    int live = 0;
  };

  // What a reader adds up.
  seen sum() { return sum_of(*all); }
  static seen sum_of(set& all) {
    seen s;
    const auto side = all.enter();
    all.read(side, 0, [&](exporting::found how, member& m, std::uint64_t, const auto& r) {
      check(m.refs.load(std::memory_order_relaxed) != 0, "M2");
      s.total += r.total;
      if (how == exporting::found::live) ++s.live;
    });
    s.total += all.departed(side).total;
    all.leave(side);
    return s;
  }

  // Removes the fibre's own, of which no other has a reference.
  void remove(int which) {
    check(all->remove(*members[which]) == membership::done, "M1");
    members[which]->unref();
  }
  void add(int which) { check(all->add(*members[which]) == membership::done, "M1"); }

  // The end. `owned`: those of which the scenario has a reference still, a bit each.
  void at_rest(unsigned owned, std::uint64_t total, int live) {
    const seen s = sum();
    check(s.total == total, "the sum at rest");
    check(s.live == live, "how many are in it");
    P::destroy(all);
    for (int i = 0; i < kMembers; ++i) {
      if ((owned >> i & 1) != 0) members[i]->unref();
    }
  }

  set* all;
  member* members[kMembers];
};

}  // namespace afflux::model
