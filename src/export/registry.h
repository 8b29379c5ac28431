// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A registry: a set of semaphores and one of clients, and what they come to together.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/strategies.h"
#include "export/member_set.h"
#include "export/sem_reading.h"
#include "export/sums.h"
#include "stats/client.h"

namespace afflux::exporting {

// What both have in common. Lines: how many cache lines of a member a reader reads, from its
// beginning.
template <class Member, class Record, std::size_t Lines>
struct member_traits {
  using member = Member;
  using record = Record;
  static constexpr std::uint32_t kSlots = 128;
  static constexpr std::uint32_t kFan = 256;

  static auto& registration(member& m) { return m.registration; }
  static void ref(member& m) { m.ref(); }
  static void unref(member& m) { m.unref(); }
  static void add(record& sum, const record& one) { add_totals(sum, one); }
  static void subtract(record& one, const record& before) { subtract_totals(one, before); }
  template <class Who>
  static void prefetch(const Who& who) {
    // relaxed: an address, at which nothing is read.
    const auto* const at = reinterpret_cast<const char*>(who.load(std::memory_order_relaxed));
    for (std::size_t line = 0; line < Lines; ++line) __builtin_prefetch(at + 64 * line);
  }
};

struct sem_traits : member_traits<core::native_semaphore, afflux_sem_stats, 4> {
  static void read(const member& m, record& r, std::int64_t) { read_stats(m, r); }
};

struct client_traits : member_traits<stats::client, afflux_client_summary_t, 7> {
  static void read(const member& m, record& r, std::int64_t when) { m.read(r, when); }
};

class registry {
 public:
  using sem_set = member_set<native_policy, sem_traits>;
  using client_set = member_set<native_policy, client_traits>;

  registry();
  registry(const registry&) = delete;
  registry& operator=(const registry&) = delete;

  void ref() { refs_.fetch_add(1, std::memory_order_relaxed); }  // the caller has one
  void unref() {
    // release: what this owner did comes before the end; acquire: for the last one.
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) native_policy::destroy(this);
  }

  // What afflux_registry_summary() promises, over what it filled the last time.
  void summarise(afflux_registry_summary_t& last);
  // The part of the clients: sums and averages. `now` is a time::rough_now_ns(), as the ages of
  // what is in it are by that clock.
  void sum_up_clients(afflux_registry_summary_t& s, std::int64_t now, client_set::side side);

  std::int64_t created_at() const { return created_; }  // time::now_ns()
  // `at`, of the library's clock, as nanoseconds since 1970.
  std::int64_t unix_time(std::int64_t at) const { return at + unix_offset_; }

 private:
  void sum_up(afflux_registry_summary_t& s, std::int64_t now);
  void sum_up_sems(afflux_registry_summary_t& s);

  const std::int64_t created_;
  const std::int64_t roughly_created_;
  const std::int64_t unix_offset_;
  native_policy::atomic<std::uint64_t> refs_{1};
  static native_policy::atomic<std::uint32_t> numbers_;

 public:
  sem_set sems;
  client_set clients;
};

// Keeps a registry while a call is in it: references that the call drops may lead to functions
// of the user's, which may drop the registry.
class borrowed {
 public:
  explicit borrowed(registry& r) : registry_(r) { r.ref(); }
  ~borrowed() { registry_.unref(); }
  borrowed(const borrowed&) = delete;
  borrowed& operator=(const borrowed&) = delete;

  registry* operator->() const { return &registry_; }
  registry& operator*() const { return registry_; }

 private:
  registry& registry_;
};

// A reader of one set, for its lifetime.
template <class Set>
class reading {
 public:
  explicit reading(Set& all) : all_(all), side(all.enter()) {}
  ~reading() { all_.leave(side); }
  reading(const reading&) = delete;
  reading& operator=(const reading&) = delete;

 private:
  Set& all_;

 public:
  const typename Set::side side;
};

// Calls see(member) for each that is in it now, until it answers false; false: it did.
template <class Set, class See>
bool visit(Set& all, See&& see) {
  const reading inside(all);
  return all.visit([&see](typename Set::member& m, std::uint64_t) { return see(m); });
}

}  // namespace afflux::exporting
