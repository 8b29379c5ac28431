/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What bindings and programs have compiled in: sizes and offsets, with pointers of 64 bits, and how
 * far the initialisers write. An offset never changes, and a size by the rules of CONTRIBUTING.md
 * alone, "When a struct grows".
 */
#include <afflux/afflux.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int failures = 0;

static void expect(size_t is, size_t was, const char *what) {
  if (is == was) return;
  fprintf(stderr, "%s is %u, was %u\n", what, (unsigned)is, (unsigned)was);
  ++failures;
}

#define SIZE(type, was) expect(sizeof(type), was, "sizeof(" #type ")")
#define AT(type, field, was) expect(offsetof(type, field), was, #type "." #field)

static void check_slow_wait(void) {
  SIZE(afflux_slow_wait, 32);
  AT(afflux_slow_wait, struct_size, 0);
  AT(afflux_slow_wait, priority, 4);
  AT(afflux_slow_wait, permits, 8);
  AT(afflux_slow_wait, wait_ns, 16);
  AT(afflux_slow_wait, ctx, 24);
}

static void check_sem_options(void) {
  SIZE(afflux_sem_options, 112);
  AT(afflux_sem_options, struct_size, 0);
  AT(afflux_sem_options, queue, 4);
  AT(afflux_sem_options, fairness, 8);
  AT(afflux_sem_options, overflow, 12);
  AT(afflux_sem_options, permits, 16);
  AT(afflux_sem_options, max_waiters, 24);
  AT(afflux_sem_options, max_queue_bytes, 32);
  AT(afflux_sem_options, waiter_timeout_ns, 40);
  AT(afflux_sem_options, name, 48);
  AT(afflux_sem_options, statistics, 56);
  AT(afflux_sem_options, ledger, 60);
  AT(afflux_sem_options, slow_wait_ns, 64);
  AT(afflux_sem_options, slow_wait, 72);
  AT(afflux_sem_options, slow_wait_ctx, 80);
  AT(afflux_sem_options, shed_target_ns, 88);
  AT(afflux_sem_options, shed_interval_ns, 96);
  AT(afflux_sem_options, adaptive_lifo, 104);
  AT(afflux_sem_options, reserved, 108);
}

static void check_request(void) {
  SIZE(afflux_request, 104);
  AT(afflux_request, struct_size, 0);
  AT(afflux_request, flags, 4);
  AT(afflux_request, permits, 8);
  AT(afflux_request, priority, 16);
  AT(afflux_request, reserved, 20);
  AT(afflux_request, cost_bytes, 24);
  AT(afflux_request, timeout_ns, 32);
  AT(afflux_request, wake, 40);
  AT(afflux_request, ctx, 48);
  AT(afflux_request, port, 56);
  AT(afflux_request, user_data, 64);
  AT(afflux_request, client, 72);
  AT(afflux_request, tag, 80);
  AT(afflux_request, notify, 88);
  AT(afflux_request, tenant, 96);
}

static void check_waiter(void) {
  SIZE(afflux_waiter, 128);
  AT(afflux_waiter, opaque, 0);
}

static void check_port_options(void) {
  SIZE(afflux_port_options, 48);
  AT(afflux_port_options, struct_size, 0);
  AT(afflux_port_options, kind, 4);
  AT(afflux_port_options, flags, 8);
  AT(afflux_port_options, reserved, 12);
  AT(afflux_port_options, handle, 16);
  AT(afflux_port_options, user_data, 24);
  AT(afflux_port_options, doorbell, 32);
  AT(afflux_port_options, ctx, 40);
}

static void check_completion(void) {
  SIZE(afflux_completion, 24);
  AT(afflux_completion, user_data, 0);
  AT(afflux_completion, status, 8);
  AT(afflux_completion, ctx, 16);
}

static void check_fastpath(void) {
  SIZE(afflux_fastpath, 48);
  AT(afflux_fastpath, layout, 0);
  AT(afflux_fastpath, reserved, 4);
  AT(afflux_fastpath, word, 8);
  AT(afflux_fastpath, limit, 16);
  AT(afflux_fastpath, taken, 24);
  AT(afflux_fastpath, beyond, 32);
  AT(afflux_fastpath, peak, 40);
}

static void check_permit(void) {
  SIZE(afflux_permit_token, 64);
  AT(afflux_permit_token, opaque, 0);
}

static void check_wait_item(void) {
  SIZE(afflux_wait_item, 192);
  AT(afflux_wait_item, sem, 0);
  AT(afflux_wait_item, event, 8);
  AT(afflux_wait_item, permits, 16);
  AT(afflux_wait_item, opaque, 24);
}

static void check_wait_group(void) {
  SIZE(afflux_wait_group, 128);
  AT(afflux_wait_group, opaque, 0);
}

static void check_sem_stats_t(void) {
  SIZE(afflux_sem_stats, 288);
  AT(afflux_sem_stats, struct_size, 0);
  AT(afflux_sem_stats, statistics, 4);
  AT(afflux_sem_stats, limit, 8);
  AT(afflux_sem_stats, available, 16);
  AT(afflux_sem_stats, held, 24);
  AT(afflux_sem_stats, waiters, 32);
  AT(afflux_sem_stats, queue_bytes, 40);
  AT(afflux_sem_stats, oldest_wait_ns, 48);
  AT(afflux_sem_stats, acquired_fast, 56);
  AT(afflux_sem_stats, acquired_after_wait, 64);
  AT(afflux_sem_stats, try_failed, 72);
  AT(afflux_sem_stats, released, 80);
  AT(afflux_sem_stats, canceled, 88);
  AT(afflux_sem_stats, timed_out, 96);
  AT(afflux_sem_stats, rejected, 104);
  AT(afflux_sem_stats, dropped, 112);
  AT(afflux_sem_stats, closed_out, 120);
  AT(afflux_sem_stats, resizes, 128);
  AT(afflux_sem_stats, requests_fast, 136);
  AT(afflux_sem_stats, granted, 144);
  AT(afflux_sem_stats, impossible, 152);
  AT(afflux_sem_stats, queued, 160);
  AT(afflux_sem_stats, wait_count, 168);
  AT(afflux_sem_stats, wait_sum_ns, 176);
  AT(afflux_sem_stats, wait_max_ns, 184);
  AT(afflux_sem_stats, hold_count, 192);
  AT(afflux_sem_stats, hold_sum_ns, 200);
  AT(afflux_sem_stats, hold_max_ns, 208);
  AT(afflux_sem_stats, age_ns, 216);
  AT(afflux_sem_stats, peak_held, 224);
  AT(afflux_sem_stats, peak_waiters, 232);
  AT(afflux_sem_stats, shed, 240);
  AT(afflux_sem_stats, later, 248);
}

static void check_histogram(void) {
  SIZE(afflux_histogram, 5024);
  AT(afflux_histogram, struct_size, 0);
  AT(afflux_histogram, reserved, 4);
  AT(afflux_histogram, count, 8);
  AT(afflux_histogram, sum_ns, 16);
  AT(afflux_histogram, max_ns, 24);
  AT(afflux_histogram, buckets, 32);
}

static void check_health_limits(void) {
  SIZE(afflux_health_limits, 40);
  AT(afflux_health_limits, struct_size, 0);
  AT(afflux_health_limits, reserved, 4);
  AT(afflux_health_limits, max_waiters, 8);
  AT(afflux_health_limits, max_queue_bytes, 16);
  AT(afflux_health_limits, max_wait_ns, 24);
  AT(afflux_health_limits, max_still_ns, 32);
}

static void check_health(void) {
  SIZE(afflux_health, 56);
  AT(afflux_health, struct_size, 0);
  AT(afflux_health, healthy, 4);
  AT(afflux_health, reasons, 8);
  AT(afflux_health, reserved, 12);
  AT(afflux_health, waiters, 16);
  AT(afflux_health, queue_bytes, 24);
  AT(afflux_health, oldest_wait_ns, 32);
  AT(afflux_health, still_ns, 40);
  AT(afflux_health, unserved, 48);
}

static void check_client_options(void) {
  SIZE(afflux_client_options, 80);
  AT(afflux_client_options, struct_size, 0);
  AT(afflux_client_options, reserved, 4);
  AT(afflux_client_options, name, 8);
  AT(afflux_client_options, classes, 16);
  AT(afflux_client_options, pipelines, 48);
  AT(afflux_client_options, stall_speed, 64);
  AT(afflux_client_options, stall_after_ns, 72);
}

static void check_client_summary_t(void) {
  SIZE(afflux_client_summary_t, 296);
  AT(afflux_client_summary_t, struct_size, 0);
  AT(afflux_client_summary_t, stalled, 4);
  AT(afflux_client_summary_t, requests, 8);
  AT(afflux_client_summary_t, bytes, 40);
  AT(afflux_client_summary_t, runs, 48);
  AT(afflux_client_summary_t, responses_4xx, 56);
  AT(afflux_client_summary_t, responses_5xx, 64);
  AT(afflux_client_summary_t, responses_other, 72);
  AT(afflux_client_summary_t, reconnections, 80);
  AT(afflux_client_summary_t, timeouts, 88);
  AT(afflux_client_summary_t, lines_read, 96);
  AT(afflux_client_summary_t, lines_dropped, 112);
  AT(afflux_client_summary_t, drop_rate, 128);
  AT(afflux_client_summary_t, peak_drop_rate, 136);
  AT(afflux_client_summary_t, speed, 144);
  AT(afflux_client_summary_t, drift_ns, 152);
  AT(afflux_client_summary_t, max_drift_ns, 160);
  AT(afflux_client_summary_t, acquired, 168);
  AT(afflux_client_summary_t, waits, 176);
  AT(afflux_client_summary_t, wait_sum_ns, 184);
  AT(afflux_client_summary_t, wait_max_ns, 192);
  AT(afflux_client_summary_t, rejected, 200);
  AT(afflux_client_summary_t, timed_out, 208);
  AT(afflux_client_summary_t, canceled, 216);
  AT(afflux_client_summary_t, uptime_ns, 224);
  AT(afflux_client_summary_t, later, 232);
}

static void check_rates(void) {
  SIZE(afflux_rates, 56);
  AT(afflux_rates, acquired, 0);
  AT(afflux_rates, released, 8);
  AT(afflux_rates, queued, 16);
  AT(afflux_rates, refused, 24);
  AT(afflux_rates, requests, 32);
  AT(afflux_rates, bytes, 40);
  AT(afflux_rates, errors, 48);
}

static void check_registry_summary_t(void) {
  SIZE(afflux_registry_summary_t, 752);
  AT(afflux_registry_summary_t, struct_size, 0);
  AT(afflux_registry_summary_t, reserved, 4);
  AT(afflux_registry_summary_t, sems, 8);
  AT(afflux_registry_summary_t, clients, 16);
  AT(afflux_registry_summary_t, sem, 24);
  AT(afflux_registry_summary_t, client, 312);
  AT(afflux_registry_summary_t, min_uptime_ns, 608);
  AT(afflux_registry_summary_t, max_uptime_ns, 616);
  AT(afflux_registry_summary_t, average_uptime_ns, 624);
  AT(afflux_registry_summary_t, since_start, 632);
  AT(afflux_registry_summary_t, since_look, 688);
  AT(afflux_registry_summary_t, looked_at_ns, 744);
}

static void check_export_options(void) {
  SIZE(afflux_export_options, 16);
  AT(afflux_export_options, struct_size, 0);
  AT(afflux_export_options, format, 4);
  AT(afflux_export_options, flags, 8);
  AT(afflux_export_options, tenants, 12);
}

static void check_holder(void) {
  SIZE(afflux_holder, 40);
  AT(afflux_holder, struct_size, 0);
  AT(afflux_holder, reserved, 4);
  AT(afflux_holder, id, 8);
  AT(afflux_holder, permits, 16);
  AT(afflux_holder, held_ns, 24);
  AT(afflux_holder, tag, 32);
}

static void check_control_options(void) {
  SIZE(afflux_control_options, 80);
  AT(afflux_control_options, struct_size, 0);
  AT(afflux_control_options, algorithm, 4);
  AT(afflux_control_options, min, 8);
  AT(afflux_control_options, max, 16);
  AT(afflux_control_options, initial, 24);
  AT(afflux_control_options, seed, 32);
  AT(afflux_control_options, window_ns, 40);
  AT(afflux_control_options, timeout_ns, 48);
  AT(afflux_control_options, probe_interval_ns, 56);
  AT(afflux_control_options, on_change, 64);
  AT(afflux_control_options, ctx, 72);
}

static void check_control_stats(void) {
  SIZE(afflux_control_stats, 224);
  AT(afflux_control_stats, struct_size, 0);
  AT(afflux_control_stats, algorithm, 4);
  AT(afflux_control_stats, paused, 8);
  AT(afflux_control_stats, decision, 12);
  AT(afflux_control_stats, reason, 16);
  AT(afflux_control_stats, reserved, 20);
  AT(afflux_control_stats, limit, 24);
  AT(afflux_control_stats, min, 32);
  AT(afflux_control_stats, max, 40);
  AT(afflux_control_stats, center, 48);
  AT(afflux_control_stats, served, 56);
  AT(afflux_control_stats, dropped, 64);
  AT(afflux_control_stats, ignored, 72);
  AT(afflux_control_stats, missed, 80);
  AT(afflux_control_stats, windows, 88);
  AT(afflux_control_stats, raised, 96);
  AT(afflux_control_stats, lowered, 104);
  AT(afflux_control_stats, window_ns, 112);
  AT(afflux_control_stats, window_served, 120);
  AT(afflux_control_stats, window_dropped, 128);
  AT(afflux_control_stats, window_latency_ns, 136);
  AT(afflux_control_stats, window_in_flight, 144);
  AT(afflux_control_stats, window_throughput, 152);
  AT(afflux_control_stats, later, 160);
}

static void check_tenant_options(void) {
  SIZE(afflux_tenant_options, 40);
  AT(afflux_tenant_options, struct_size, 0);
  AT(afflux_tenant_options, weight, 4);
  AT(afflux_tenant_options, guaranteed, 8);
  AT(afflux_tenant_options, cap, 16);
  AT(afflux_tenant_options, max_waiters, 24);
  AT(afflux_tenant_options, name, 32);
}

static void check_tenant_stats(void) {
  SIZE(afflux_tenant_stats, 216);
  AT(afflux_tenant_stats, struct_size, 0);
  AT(afflux_tenant_stats, weight, 4);
  AT(afflux_tenant_stats, guaranteed, 8);
  AT(afflux_tenant_stats, cap, 16);
  AT(afflux_tenant_stats, max_waiters, 24);
  AT(afflux_tenant_stats, held, 32);
  AT(afflux_tenant_stats, waiting, 40);
  AT(afflux_tenant_stats, hold_ns, 48);
  AT(afflux_tenant_stats, acquired, 56);
  AT(afflux_tenant_stats, requests, 64);
  AT(afflux_tenant_stats, waits, 72);
  AT(afflux_tenant_stats, by_guarantee, 80);
  AT(afflux_tenant_stats, wait_sum_ns, 88);
  AT(afflux_tenant_stats, wait_max_ns, 96);
  AT(afflux_tenant_stats, try_failed, 104);
  AT(afflux_tenant_stats, rejected, 112);
  AT(afflux_tenant_stats, timed_out, 120);
  AT(afflux_tenant_stats, canceled, 128);
  AT(afflux_tenant_stats, ended, 136);
  AT(afflux_tenant_stats, used_permit_seconds, 144);
  AT(afflux_tenant_stats, later, 152);
}

static void check_layout(void) {
  check_slow_wait();
  check_sem_options();
  check_request();
  check_waiter();
  check_port_options();
  check_completion();
  check_fastpath();
  check_permit();
  check_wait_item();
  check_wait_group();
  check_sem_stats_t();
  check_histogram();
  check_health_limits();
  check_health();
  check_client_options();
  check_client_summary_t();
  check_control_options();
  check_control_stats();
  check_tenant_options();
  check_tenant_stats();
  check_rates();
  check_registry_summary_t();
  check_export_options();
  check_holder();
}

/* An initialiser writes a struct of version 0.1, says so in it, and leaves what lies behind. */
#define INITIALISES(function, type) INITIALISES_UP_TO(function, type, sizeof(type))
#define INITIALISES_UP_TO(function, type, end)                      \
  do {                                                              \
    union {                                                         \
      type known;                                                   \
      unsigned char bytes[sizeof(type) + 64];                       \
    } place;                                                        \
    size_t i;                                                       \
    memset(&place, 0xa5, sizeof place);                             \
    expect((size_t)function(&place.known), AFFLUX_OK, #function);   \
    expect(place.known.struct_size, end, #function);                \
    for (i = (end); i < sizeof place.bytes; ++i) {                  \
      expect(place.bytes[i], 0xa5, #function " behind the struct"); \
    }                                                               \
  } while (0)

static void check_initialisers(void) {
  INITIALISES(afflux_sem_options_init, afflux_sem_options);
  INITIALISES(afflux_request_init, afflux_request);
  INITIALISES(afflux_port_options_init, afflux_port_options);
  INITIALISES(afflux_sem_stats_init, afflux_sem_stats);
  INITIALISES_UP_TO(afflux_health_limits_init, afflux_health_limits,
                    offsetof(afflux_health_limits, max_still_ns));
  INITIALISES(afflux_client_options_init, afflux_client_options);
  INITIALISES(afflux_client_summary_init, afflux_client_summary_t);
  INITIALISES(afflux_control_options_init, afflux_control_options);
  INITIALISES(afflux_control_stats_init, afflux_control_stats);
  INITIALISES(afflux_tenant_options_init, afflux_tenant_options);
  INITIALISES(afflux_tenant_stats_init, afflux_tenant_stats);
  INITIALISES(afflux_registry_summary_init, afflux_registry_summary_t);
  INITIALISES(afflux_export_options_init, afflux_export_options);
}

int main(void) {
  if (sizeof(void *) == 8) check_layout();
  check_initialisers();
  return failures != 0;
}
