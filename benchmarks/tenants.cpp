// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What tenants cost: a request queues, and a release grants another one, with as many tenants as
// there are requests in line, or with none and the same line; and a free pair, of a tenant and of
// none.
#include <afflux/afflux.h>
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "support/sleeper.h"

namespace afflux::bench {
namespace {

// One permit, and so many requests in line, each of a tenant of its own or of none. The one that
// has the permit gives it back and queues again.
class line {
 public:
  line(std::size_t count, bool tenants) : requests_(new request[count]) {
    afflux_sem_options o;
    afflux_sem_options_init(&o);
    afflux_sem_create(&o, &sem_);
    for (std::size_t i = 0; i < count; ++i) {
      request& r = requests_[i];
      r.all = this;
      if (tenants) {
        afflux_tenant_options t;
        afflux_tenant_options_init(&t);
        t.weight = 1 + static_cast<std::uint32_t>(i % 7);
        afflux_tenant* made = nullptr;
        afflux_tenant_create(sem_, &t, &made);
        tenants_.push_back(made);
        r.of = made;
      }
    }
    // The first has the permit; the others queue.
    for (std::size_t i = 0; i < count; ++i) queue(requests_[i]);
  }
  line(const line&) = delete;
  line& operator=(const line&) = delete;
  ~line() {
    afflux_sem_close(sem_);
    for (afflux_tenant* t : tenants_) afflux_tenant_unref(t);
    afflux_sem_unref(sem_);
  }

  void step() {
    request& r = *holder_;
    if (r.of != nullptr) {
      afflux_tenant_release(r.of, 1);
    } else {
      afflux_sem_release(sem_, 1);
    }
    queue(r);
  }
  std::uint64_t grants() const { return grants_; }

 private:
  struct request {
    alignas(64) afflux_waiter waiter;
    line* all;
    afflux_tenant* of = nullptr;
  };

  static void granted(void* context, afflux_status s) {
    request& r = *static_cast<request*>(context);
    if (s != AFFLUX_OK) return;
    r.all->holder_ = &r;
    ++r.all->grants_;
  }
  void queue(request& r) {
    afflux_request q;
    afflux_request_init(&q);
    q.wake = granted;
    q.ctx = &r;
    q.tenant = r.of;
    if (afflux_sem_acquire_async(sem_, &q, &r.waiter) == AFFLUX_OK) granted(&r, AFFLUX_OK);
  }

  afflux_sem* sem_ = nullptr;
  std::unique_ptr<request[]> requests_;
  std::vector<afflux_tenant*> tenants_;
  request* holder_ = nullptr;
  std::uint64_t grants_ = 0;
};

void queue_and_grant(benchmark::State& state, bool tenants) {
  const sleeper second_thread;
  line all(static_cast<std::size_t>(state.range(0)), tenants);
  const std::uint64_t before = all.grants();
  for (auto _ : state) all.step();
  if (all.grants() - before != static_cast<std::uint64_t>(state.iterations()))
    state.SkipWithError("a grant is missing");
}
void with_tenants(benchmark::State& state) { queue_and_grant(state, true); }
void without(benchmark::State& state) { queue_and_grant(state, false); }

void free_pair(benchmark::State& state, bool tenants) {
  const sleeper second_thread;
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  o.permits = 8;
  afflux_sem* sem = nullptr;
  afflux_tenant* tenant = nullptr;
  afflux_sem_create(&o, &sem);
  if (tenants) afflux_tenant_create(sem, nullptr, &tenant);
  for (auto _ : state) {
    if (tenants) {
      benchmark::DoNotOptimize(afflux_tenant_try_acquire(tenant, 1));
      benchmark::DoNotOptimize(afflux_tenant_release(tenant, 1));
    } else {
      benchmark::DoNotOptimize(afflux_sem_try_acquire(sem, 1));
      benchmark::DoNotOptimize(afflux_sem_release(sem, 1));
    }
  }
  afflux_tenant_unref(tenant);
  afflux_sem_unref(sem);
}
void tenant_pair(benchmark::State& state) { free_pair(state, true); }
void pair_without(benchmark::State& state) { free_pair(state, false); }

}  // namespace

BENCHMARK(pair_without)->Name("tenant_pair/without");
BENCHMARK(tenant_pair)->Name("tenant_pair/afflux");
BENCHMARK(without)->Name("tenant_queue_and_grant/without")->Arg(10)->Arg(1'000)->Arg(100'000);
BENCHMARK(with_tenants)->Name("tenant_queue_and_grant/afflux")->Arg(10)->Arg(1'000)->Arg(100'000);

}  // namespace afflux::bench

BENCHMARK_MAIN();
