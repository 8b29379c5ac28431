// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The core over a clock of the test's, on one thread; and tenants whose requests hold their permits
// for a given time of that clock.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <vector>

#include "core/tenant.h"
#include "policy.h"
#include "queue/intrusive.h"

namespace afflux::simulated {

struct policy : native_policy {
  static std::int64_t now() { return clock; }
  static std::int64_t rough_now() { return clock; }
  static time::timer_service<policy>& timers() { return timers_; }

  static inline std::int64_t clock = 1;

 private:
  static inline time::timer_service<policy> timers_;
};

using semaphore = core::semaphore<policy>;
using tenant = queue::tenant<policy>;
using waiter = queue::waiter<policy>;

class world {
 public:
  struct request {
    alignas(waiter) std::byte storage[sizeof(waiter)] = {};
    world* all;
    tenant* of;  // nullptr: it names none
    std::uint64_t n;
    std::int64_t hold;
    std::function<void()> granted;  // may be empty
    int outcome = AFFLUX_PENDING;
  };

  // max_waiters: of all, the oldest are dropped for others; 0: any number.
  explicit world(std::uint64_t limit, std::uint64_t max_waiters = 0) {
    queue::settings s;
    s.limit = limit;
    if (max_waiters != 0) {
      s.max_waiters = max_waiters;
      s.when_full = queue::overflow::drop_oldest;
    }
    sem = policy::create<queue::intrusive_queue<policy>>(s);
  }
  world(const world&) = delete;
  world& operator=(const world&) = delete;
  ~world() {
    sem->close();
    for (tenant* t : tenants) core::unref(*t);
    sem->unref();
  }

  tenant& add(const queue::share& is = {}) {
    tenant* made = nullptr;
    if (core::create_tenant(*sem, is, nullptr, made) != status::ok) std::abort();
    tenants.push_back(made);
    return *made;
  }

  // Permits that are given back `hold` later.
  request& ask(tenant& t, std::int64_t hold, std::uint64_t n = 1,
               std::function<void()> granted = {}) {
    return ask(&t, hold, n, std::move(granted));
  }
  request& ask(tenant* t, std::int64_t hold, std::uint64_t n = 1,
               std::function<void()> granted = {}) {
    requests.push_back(std::make_unique<request>());
    request& r = *requests.back();
    r.all = this;
    r.of = t;
    r.n = n;
    r.hold = hold;
    r.granted = std::move(granted);
    int error = 0;
    const status s = core::acquire_async<policy>(*sem, {.permits = n, .tenant = t}, -1, {&told, &r},
                                                 self(r), error);
    if (s != status::pending) told(&r, static_cast<std::int32_t>(s));
    return r;
  }
  static waiter& self(request& r) { return *reinterpret_cast<waiter*>(r.storage); }

  // The next one whose time is over gives back. False: none holds.
  bool step() {
    if (held.empty()) return false;
    request& r = *held.top().second;
    policy::clock = held.top().first;
    held.pop();
    const status s = r.of == nullptr ? sem->release(r.n) : sem->release_for(*r.of, r.n);
    if (s != status::ok) std::abort();
    return true;
  }
  void run_until(std::int64_t then) {
    while (!held.empty() && held.top().first <= then) step();
    policy::clock = then;
  }

  semaphore* sem;
  std::vector<tenant*> tenants;

 private:
  static void told(void* context, std::int32_t s) {
    request& r = *static_cast<request*>(context);
    r.outcome = s;
    if (s != AFFLUX_OK) return;
    r.all->held.emplace(policy::clock + r.hold, &r);
    if (r.granted) r.granted();
  }
  struct later {
    template <class T>
    bool operator()(const T& a, const T& b) const {
      return a.first > b.first;
    }
  };
  using end = std::pair<std::int64_t, request*>;
  std::priority_queue<end, std::vector<end>, later> held;
  std::deque<std::unique_ptr<request>> requests;
};

}  // namespace afflux::simulated
