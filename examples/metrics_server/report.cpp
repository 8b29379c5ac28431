// SPDX-License-Identifier: MIT OR Apache-2.0
#include "report.h"

#include <nlohmann/json.hpp>

#include "handles.h"

namespace metrics_server {
namespace {

using nlohmann::json;

json to_json(const afflux_sem_stats& s) {
  return {{"limit", s.limit},
          {"available", s.available},
          {"held", s.held},
          {"waiters", s.waiters},
          {"queue_bytes", s.queue_bytes},
          {"oldest_wait_ns", s.oldest_wait_ns},
          {"acquired_fast", s.acquired_fast},
          {"acquired_after_wait", s.acquired_after_wait},
          {"try_failed", s.try_failed},
          {"released", s.released},
          {"canceled", s.canceled},
          {"timed_out", s.timed_out},
          {"rejected", s.rejected},
          {"dropped", s.dropped},
          {"closed_out", s.closed_out},
          {"resizes", s.resizes},
          {"requests_fast", s.requests_fast},
          {"granted", s.granted},
          {"impossible", s.impossible},
          {"queued", s.queued},
          {"wait_count", s.wait_count},
          {"wait_sum_ns", s.wait_sum_ns},
          {"wait_max_ns", s.wait_max_ns},
          {"hold_count", s.hold_count},
          {"hold_sum_ns", s.hold_sum_ns},
          {"hold_max_ns", s.hold_max_ns}};
}

json to_json(const afflux_client_summary_t& s) {
  return {{"requests", s.requests},
          {"bytes", s.bytes},
          {"runs", s.runs},
          {"responses_4xx", s.responses_4xx},
          {"responses_5xx", s.responses_5xx},
          {"responses_other", s.responses_other},
          {"reconnections", s.reconnections},
          {"timeouts", s.timeouts},
          {"lines_read", s.lines_read},
          {"lines_dropped", s.lines_dropped},
          {"acquired", s.acquired},
          {"waits", s.waits},
          {"wait_sum_ns", s.wait_sum_ns},
          {"rejected", s.rejected},
          {"timed_out", s.timed_out},
          {"canceled", s.canceled}};
}

// Only the buckets that have something: their bound, and how many.
json to_json(const afflux_histogram& histogram) {
  json buckets = json::array();
  for (unsigned i = 0; i < AFFLUX_HISTOGRAM_BUCKETS; ++i) {
    if (histogram.buckets[i] == 0) continue;
    buckets.push_back({afflux_histogram_bound(i), histogram.buckets[i]});
  }
  return {{"count", histogram.count},
          {"sum_ns", histogram.sum_ns},
          {"p50_ns", afflux_histogram_quantile(&histogram, 0.5)},
          {"p99_ns", afflux_histogram_quantile(&histogram, 0.99)},
          {"buckets", buckets}};
}

std::int32_t add_sem(void* ctx, afflux_sem* sem) {
  json& sems = *static_cast<json*>(ctx);
  afflux_sem_stats stats;
  afflux_sem_stats_init(&stats);
  expect(afflux_sem_get_stats(sem, &stats), AFFLUX_OK, "afflux_sem_stats");
  json& told = sems[afflux_sem_name(sem)] = to_json(stats);
  afflux_histogram histogram{};
  if (afflux_sem_wait_times(sem, &histogram) == AFFLUX_OK) told["waits"] = to_json(histogram);
  histogram.struct_size = 0;
  if (afflux_sem_hold_times(sem, &histogram) == AFFLUX_OK) told["holds"] = to_json(histogram);
  return 0;
}

std::int32_t add_client(void* ctx, afflux_client* client) {
  json& clients = *static_cast<json*>(ctx);
  afflux_client_summary_t summary;
  afflux_client_summary_init(&summary);
  expect(afflux_client_summary(client, &summary), AFFLUX_OK, "afflux_client_summary");
  clients[afflux_client_name(client)] = to_json(summary);
  return 0;
}

std::int32_t add_complaint(void* ctx, afflux_sem* sem) {
  afflux_health health{};
  health.struct_size = sizeof health;
  expect(afflux_sem_health(sem, nullptr, &health), AFFLUX_OK, "afflux_sem_health");
  if (health.healthy != 0) return 0;
  std::string& text = *static_cast<std::string*>(ctx);
  text += afflux_sem_name(sem);
  if ((health.reasons & AFFLUX_HEALTH_WAITERS) != 0) {
    text += ": " + std::to_string(health.waiters) + " waiters";
  }
  if ((health.reasons & AFFLUX_HEALTH_QUEUE_BYTES) != 0) {
    text += ": " + std::to_string(health.queue_bytes) + " bytes queued";
  }
  if ((health.reasons & AFFLUX_HEALTH_CLOSED) != 0) text += ": closed";
  if ((health.reasons & AFFLUX_HEALTH_STANDSTILL) != 0) {
    text += ": no permit released for " + std::to_string(health.still_ns / 1'000'000'000) + " s, " +
            std::to_string(health.unserved) + " requests unserved";
  }
  text += "\n";
  return 0;
}

}  // namespace

std::string stats_json(afflux_registry* registry) {
  json all = {{"semaphores", json::object()}, {"clients", json::object()}};
  afflux_registry_visit_sems(registry, add_sem, &all["semaphores"]);
  afflux_registry_visit_clients(registry, add_client, &all["clients"]);
  return all.dump(2) + "\n";
}

std::string complaints(afflux_registry* registry) {
  std::string text;
  afflux_registry_visit_sems(registry, add_complaint, &text);
  return text;
}

}  // namespace metrics_server
