// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Prints a registry that has seen something of everything, for promtool_test.py: "export_text
// FORMAT FLAGS", as numbers of afflux.h.
#include <afflux/afflux.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

void check(afflux_status got, afflux_status wanted, const char* what) {
  if (got == wanted) return;
  std::fprintf(stderr, "%s: %s\n", what, afflux_strerror(got));
  std::exit(EXIT_FAILURE);
}

afflux_sem* make_sem(afflux_registry* all, const char* name, std::uint32_t statistics) {
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  o.permits = 2;
  o.name = name;
  o.statistics = statistics;
  o.overflow = AFFLUX_OVERFLOW_FAIL;
  o.max_waiters = 2;
  afflux_sem* sem = nullptr;
  check(afflux_sem_create(&o, &sem), AFFLUX_OK, "create");
  check(afflux_registry_add_sem(all, sem), AFFLUX_OK, "add");
  return sem;
}

// One is granted after a wait, one times out, one is refused; a token is held for a while.
void use(afflux_sem* sem, afflux_client* client) {
  afflux_request request;
  afflux_request_init(&request);
  request.client = client;
  request.wake = [](void*, afflux_status) {};
  afflux_waiter waiters[3] = {};
  afflux_permit_token token = {};
  check(afflux_sem_acquire_permit(sem, &request, 0, &token), AFFLUX_OK, "token");
  check(afflux_sem_acquire_async(sem, &request, &waiters[0]), AFFLUX_OK, "second");
  for (afflux_waiter* w : {&waiters[0], &waiters[1]}) {
    check(afflux_sem_acquire_async(sem, &request, w), AFFLUX_PENDING, "queued");
  }
  check(afflux_sem_acquire_async(sem, &request, &waiters[2]), AFFLUX_EREJECTED, "refused");
  check(afflux_waiter_cancel(&waiters[1]), AFFLUX_OK, "cancel");
  check(afflux_permit_release(&token), AFFLUX_OK, "release");
  check(afflux_sem_try_acquire(sem, 1), AFFLUX_EAGAIN, "try");
  check(afflux_sem_acquire(sem, 1, 1000 * 1000), AFFLUX_ETIMEDOUT, "time");
  check(afflux_sem_release(sem, 1), AFFLUX_OK, "release");
}

// Tenants, more than are shown one by one. The first one uses most: one waits, and one is refused.
void share(afflux_sem* sem, afflux_tenant* (&tenants)[12]) {
  for (afflux_tenant*& t : tenants) {
    afflux_tenant_options o;
    afflux_tenant_options_init(&o);
    const bool is_first = &t == tenants;
    if (is_first) o.cap = 1;
    o.max_waiters = 1;
    o.name = is_first ? "greedy \xFF" : &t - tenants < 3 ? "twin" : nullptr;
    check(afflux_tenant_create(sem, &o, &t), AFFLUX_OK, "tenant");
  }
  afflux_request request;
  afflux_request_init(&request);
  request.tenant = tenants[0];
  request.wake = [](void*, afflux_status) {};
  afflux_waiter waiters[2] = {};
  check(afflux_sem_acquire_async(sem, &request, &waiters[0]), AFFLUX_OK, "tenant's");
  check(afflux_sem_acquire_async(sem, &request, &waiters[0]), AFFLUX_PENDING, "tenant's second");
  check(afflux_sem_acquire_async(sem, &request, &waiters[1]), AFFLUX_EREJECTED, "tenant's third");
  check(afflux_tenant_release(tenants[0], 1), AFFLUX_OK, "tenant's release");
  check(afflux_tenant_acquire(tenants[0], 1, 1000 * 1000), AFFLUX_ETIMEDOUT, "tenant's time");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return EXIT_FAILURE;
  afflux_registry* all = nullptr;
  check(afflux_registry_create(&all), AFFLUX_OK, "registry");
  afflux_client_options o;
  afflux_client_options_init(&o);
  o.name = "back\\slash \"quoted\"\nline \xFF";
  o.classes[0] = "GET";
  o.classes[1] = "GET";
  o.classes[2] = "\xFE";
  o.classes[3] = "\xFD";
  afflux_client* client = nullptr;
  check(afflux_client_create(&o, &client), AFFLUX_OK, "client");
  check(afflux_registry_add_client(all, client), AFFLUX_OK, "add");
  afflux_client_begin_run(client);
  for (std::uint32_t i = 0; i < 4; ++i) afflux_client_count_requests(client, i, 1u << i);
  for (const std::uint32_t code : {200u, 404u, 404u, 503u}) {
    afflux_client_count_response(client, code);
  }
  afflux_client_count_lines(client, 0, 3, 1);
  afflux_client_set_position(client, 3'600'000'000'000);
  afflux_sem* const sems[] = {make_sem(all, o.name, AFFLUX_STATS_FULL),
                              make_sem(all, "counters", AFFLUX_STATS_COUNTERS),
                              make_sem(all, nullptr, AFFLUX_STATS_OFF)};
  for (afflux_sem* const sem : sems) use(sem, client);
  afflux_sem* const shared = make_sem(all, "shared", AFFLUX_STATS_COUNTERS);
  afflux_tenant* tenants[12];
  share(shared, tenants);
  afflux_control* control = nullptr;
  check(afflux_control_create(sems[0], nullptr, &control), AFFLUX_OK, "control");
  check(afflux_control_sample(control, 2'000'000, AFFLUX_CONTROL_SERVED), AFFLUX_OK, "sample");
  afflux_control_unref(control);  // what it has counted stays

  afflux_export_options options;
  afflux_export_options_init(&options);
  options.format = static_cast<std::uint32_t>(std::atoi(argv[1]));
  options.flags = static_cast<std::uint32_t>(std::atoi(argv[2]));
  check(afflux_registry_write(
            all, &options,
            [](void*, const char* text, std::size_t size) {
              return std::int32_t{std::fwrite(text, 1, size, stdout) == size ? 0 : 1};
            },
            nullptr),
        AFFLUX_OK, "write");
  for (afflux_sem* const sem : sems) afflux_sem_unref(sem);
  for (afflux_tenant* const t : tenants) afflux_tenant_unref(t);
  afflux_sem_unref(shared);
  afflux_client_unref(client);
  afflux_registry_unref(all);
  return EXIT_SUCCESS;
}
