// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The registry's calls: validate, call, add up.
#include "registry.h"

#include <algorithm>
#include <chrono>

#include "sized.h"
#include "time/clock.h"

using namespace afflux;
using namespace afflux::capi;

namespace {

constexpr double kSecond = 1e9;

std::int64_t unix_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

afflux_status to_c(stats::membership answer) {
  switch (answer) {
    case stats::membership::done:
      return AFFLUX_OK;
    case stats::membership::already:
      return AFFLUX_EALREADY;
    default:
      return AFFLUX_ENOMEM;
  }
}

// ---- sums

void add_up(registry::sem_set& all, afflux_registry_summary_t& s) {
  afflux_sem_stats& sum = s.sem;
  const reading inside(all);
  all.read(inside.side, 0,
           [&](stats::found how, semaphore&, std::uint64_t, const afflux_sem_stats& one) {
             stats::add_totals(sum, one);
             if (how != stats::found::live) return;
             ++s.sems;
             sum.limit += one.limit;
             sum.available += one.available;
             sum.held += one.held;
             sum.waiters += one.waiters;
             sum.queue_bytes += one.queue_bytes;
             sum.oldest_wait_ns = std::max(sum.oldest_wait_ns, one.oldest_wait_ns);
           });
  stats::add_totals(sum, all.departed(inside.side));
}

// Averages over the clients that are there now.
class averages {
 public:
  void add(const afflux_client_summary_t& one) {
    if (count_++ == 0) first_ = min_ = max_ = one.uptime_ns;
    min_ = std::min(min_, one.uptime_ns);
    max_ = std::max(max_, one.uptime_ns);
    uptime_ += one.uptime_ns - first_;  // from the first, so that it stays small
    speed_ += one.speed;
    drift_ += static_cast<double>(one.drift_ns);
  }
  void tell(afflux_registry_summary_t& s) const {
    s.clients = count_;
    if (count_ == 0) return;
    const auto count = static_cast<double>(count_);
    s.min_uptime_ns = min_;
    s.max_uptime_ns = max_;
    s.average_uptime_ns = first_ + uptime_ / static_cast<std::int64_t>(count_);
    s.client.speed = speed_ / count;
    s.client.drift_ns = static_cast<std::int64_t>(drift_ / count);
  }

 private:
  std::uint64_t count_ = 0;
  std::int64_t first_ = 0, min_ = 0, max_ = 0, uptime_ = 0;
  double speed_ = 0, drift_ = 0;
};

// ---- rates

// What rates are of.
struct flows {
  std::uint64_t acquired, released, queued, refused, requests, bytes, errors;
};

flows flows_of(const afflux_registry_summary_t& s) {
  flows f = {};
  f.acquired = s.sem.acquired_fast + s.sem.acquired_after_wait;
  f.released = s.sem.released;
  f.queued = s.sem.queued;
  f.refused = s.sem.rejected + s.sem.dropped;
  for (const std::uint64_t each : s.client.requests) f.requests += each;
  f.bytes = s.client.bytes;
  f.errors = s.client.responses_4xx + s.client.responses_5xx;
  return f;
}

afflux_rates rates_between(const flows& before, const flows& now, std::int64_t ns) {
  const double seconds = static_cast<double>(ns) / kSecond;
  const auto rate = [seconds](std::uint64_t a, std::uint64_t b) {
    return b > a && seconds > 0 ? static_cast<double>(b - a) / seconds : 0;
  };
  return {rate(before.acquired, now.acquired), rate(before.released, now.released),
          rate(before.queued, now.queued),     rate(before.refused, now.refused),
          rate(before.requests, now.requests), rate(before.bytes, now.bytes),
          rate(before.errors, now.errors)};
}

}  // namespace

policy::atomic<std::uint32_t> registry::numbers_{0};

registry::registry()
    : created_(time::now_ns()),
      roughly_created_(time::rough_now_ns()),
      unix_offset_(unix_now() - created_),
      // relaxed: a number. 0 is nobody's.
      sems(numbers_.fetch_add(1, std::memory_order_relaxed) + 1),
      clients(numbers_.fetch_add(1, std::memory_order_relaxed) + 1) {}

void registry::sum_up(afflux_registry_summary_t& s, std::int64_t now) {
  s.sem.struct_size = sizeof s.sem;
  s.sem.age_ns = now - roughly_created_;
  add_up(sems, s);
  const reading inside(clients);
  sum_up_clients(s, now, inside.side);
}

void registry::sum_up_clients(afflux_registry_summary_t& s, std::int64_t now,
                              client_set::side side) {
  afflux_client_summary_t& sum = s.client;
  averages average;
  clients.read(
      side, now,
      [&](stats::found how, stats::client&, std::uint64_t, const afflux_client_summary_t& one) {
        stats::add_totals(sum, one);
        if (how != stats::found::live) return;
        average.add(one);
        sum.stalled += one.stalled;
        sum.max_drift_ns = std::max(sum.max_drift_ns, one.max_drift_ns);
      });
  stats::add_totals(sum, clients.departed(side));
  average.tell(s);
  sum.struct_size = sizeof sum;
  sum.drop_rate = stats::client::drop_rate(sum.lines_dropped, sum.lines_read);
  sum.uptime_ns = now - roughly_created_;
}

extern "C" {

afflux_status afflux_registry_create(afflux_registry** ret_registry) {
  if (ret_registry == nullptr) return AFFLUX_EINVAL;
  registry* const made = policy::create<registry>();
  if (made == nullptr) return AFFLUX_ENOMEM;
  *ret_registry = reinterpret_cast<afflux_registry*>(made);
  return AFFLUX_OK;
}

afflux_registry* afflux_registry_ref(afflux_registry* registry) {
  if (registry != nullptr) from(registry)->ref();
  return registry;
}

void afflux_registry_unref(afflux_registry* registry) {
  if (registry != nullptr) from(registry)->unref();
}

afflux_status afflux_registry_add_sem(afflux_registry* registry, afflux_sem* sem) {
  if (registry == nullptr || sem == nullptr) return AFFLUX_EINVAL;
  return to_c(from(registry)->sems.add(*from(sem)));
}

afflux_status afflux_registry_remove_sem(afflux_registry* registry, afflux_sem* sem) {
  if (registry == nullptr || sem == nullptr) return AFFLUX_EINVAL;
  const borrowed all(*from(registry));
  return to_c(all->sems.remove(*from(sem)));
}

afflux_status afflux_registry_add_client(afflux_registry* registry, afflux_client* client) {
  if (registry == nullptr || client == nullptr) return AFFLUX_EINVAL;
  return to_c(from(registry)->clients.add(*from(client)));
}

afflux_status afflux_registry_remove_client(afflux_registry* registry, afflux_client* client) {
  if (registry == nullptr || client == nullptr) return AFFLUX_EINVAL;
  const borrowed all(*from(registry));
  return to_c(all->clients.remove(*from(client)));
}

afflux_status afflux_registry_summary_init(afflux_registry_summary_t* summary) {
  if (summary == nullptr) return AFFLUX_EINVAL;
  *summary = {};
  summary->struct_size = sizeof *summary;
  return AFFLUX_OK;
}

afflux_status afflux_registry_summary(afflux_registry* registry,
                                      afflux_registry_summary_t* summary) {
  if (registry == nullptr || summary == nullptr || !valid_out(*summary)) return AFFLUX_EINVAL;
  afflux_registry_summary_t told = {};
  told.struct_size = sizeof told;
  const borrowed all(*from(registry));
  const std::int64_t age = time::now_ns() - all->created_at();
  all->sum_up(told, time::rough_now_ns());
  const flows flown = flows_of(told);
  told.since_start = rates_between({}, flown, age);
  if (summary->looked_at_ns > 0) {
    told.since_look = rates_between(flows_of(*summary), flown, age - summary->looked_at_ns);
  }
  told.looked_at_ns = std::max<std::int64_t>(age, 1);  // 0 is never
  *summary = told;
  return AFFLUX_OK;
}

afflux_status afflux_registry_visit_clients(afflux_registry* registry, afflux_client_visitor visit,
                                            void* ctx) {
  if (registry == nullptr || visit == nullptr) return AFFLUX_EINVAL;
  const borrowed all(*from(registry));
  const reading inside(all->clients);
  const bool ended = all->clients.visit(
      [&](stats::client& m, std::uint64_t) { return visit(ctx, to_handle(&m)) == 0; });
  return ended ? AFFLUX_OK : AFFLUX_ECANCELED;
}

afflux_status afflux_registry_visit_sems(afflux_registry* registry, afflux_sem_visitor visit,
                                         void* ctx) {
  if (registry == nullptr || visit == nullptr) return AFFLUX_EINVAL;
  const borrowed all(*from(registry));
  const reading inside(all->sems);
  const bool ended =
      all->sems.visit([&](semaphore& m, std::uint64_t) { return visit(ctx, to_handle(&m)) == 0; });
  return ended ? AFFLUX_OK : AFFLUX_ECANCELED;
}

}  // extern "C"
