// SPDX-License-Identifier: MIT OR Apache-2.0
#include "export/registry.h"

#include <algorithm>
#include <chrono>

#include "export/rates.h"
#include "time/clock.h"

namespace afflux::exporting {
namespace {

std::int64_t unix_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
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

}  // namespace

native_policy::atomic<std::uint32_t> registry::numbers_{0};

registry::registry()
    : created_(time::now_ns()),
      roughly_created_(time::rough_now_ns()),
      unix_offset_(unix_now() - created_),
      // relaxed: a number. 0 is no member's.
      sems(numbers_.fetch_add(1, std::memory_order_relaxed) + 1),
      clients(numbers_.fetch_add(1, std::memory_order_relaxed) + 1) {}

void registry::sum_up_sems(afflux_registry_summary_t& s) {
  afflux_sem_stats& sum = s.sem;
  const reading inside(sems);
  sems.read(inside.side, 0,
            [&](found how, sem_set::member&, std::uint64_t, const afflux_sem_stats& one) {
              add_totals(sum, one);
              if (how != found::live) return;
              ++s.sems;
              sum.limit += one.limit;
              sum.available += one.available;
              sum.held += one.held;
              sum.waiters += one.waiters;
              sum.queue_bytes += one.queue_bytes;
              sum.oldest_wait_ns = std::max(sum.oldest_wait_ns, one.oldest_wait_ns);
            });
  add_totals(sum, sems.departed(inside.side));
}

void registry::sum_up_clients(afflux_registry_summary_t& s, std::int64_t now,
                              client_set::side side) {
  afflux_client_summary_t& sum = s.client;
  averages average;
  clients.read(side, now,
               [&](found how, stats::client&, std::uint64_t, const afflux_client_summary_t& one) {
                 add_totals(sum, one);
                 if (how != found::live) return;
                 average.add(one);
                 sum.stalled += one.stalled;
                 sum.max_drift_ns = std::max(sum.max_drift_ns, one.max_drift_ns);
               });
  add_totals(sum, clients.departed(side));
  average.tell(s);
  sum.struct_size = sizeof sum;
  sum.drop_rate = stats::client::drop_rate(sum.lines_dropped, sum.lines_read);
  sum.uptime_ns = now - roughly_created_;
}

void registry::sum_up(afflux_registry_summary_t& s, std::int64_t now) {
  s.sem.struct_size = sizeof s.sem;
  s.sem.age_ns = now - roughly_created_;
  sum_up_sems(s);
  const reading inside(clients);
  sum_up_clients(s, now, inside.side);
}

void registry::summarise(afflux_registry_summary_t& last) {
  afflux_registry_summary_t told = {};
  told.struct_size = sizeof told;
  const std::int64_t age = time::now_ns() - created_;
  sum_up(told, time::rough_now_ns());
  const flows flown = flows_of(told);
  told.since_start = rates_between({}, flown, age);
  if (last.looked_at_ns > 0) {
    told.since_look = rates_between(flows_of(last), flown, age - last.looked_at_ns);
  }
  told.looked_at_ns = std::max<std::int64_t>(age, 1);  // 0 is never
  last = told;
}

}  // namespace afflux::exporting
