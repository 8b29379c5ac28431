/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every function of the header once, from strict C99: what an FFI generator or
 * a C program sees. The contract itself is tested by the other files here.
 */
#include <afflux/afflux.h>
#include <stdio.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                               \
    }                                                                           \
  } while (0)

static int completions = 0;
static afflux_status completed_with = AFFLUX_PENDING;

static void on_wake(void *ctx, afflux_status status) {
  CHECK(ctx == &completions);
  ++completions;
  completed_with = status;
}

static void check_library(void) {
  const uint32_t packed =
      AFFLUX_VERSION_MAJOR << 16 | AFFLUX_VERSION_MINOR << 8 | AFFLUX_VERSION_PATCH;
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", AFFLUX_VERSION_MAJOR, AFFLUX_VERSION_MINOR,
           AFFLUX_VERSION_PATCH);
  CHECK(afflux_version() == packed);
  CHECK(strcmp(afflux_version_string(), text) == 0);
  CHECK(strcmp(afflux_strerror(-1000), "unknown status") == 0);
  CHECK(afflux_last_os_error() == 0);
  CHECK(afflux_waiter_size() == sizeof(afflux_waiter));
  CHECK(afflux_waiter_align() != 0);
  CHECK(sizeof(afflux_waiter) == 128);
}

static afflux_sem *create(uint64_t permits) {
  afflux_sem_options options;
  afflux_sem *sem = NULL;
  CHECK(afflux_sem_options_init(&options) == AFFLUX_OK);
  CHECK(options.struct_size == sizeof options);
  options.permits = permits;
  options.name = "smoke";
  CHECK(afflux_sem_create(&options, &sem) == AFFLUX_OK);
  return sem;
}

static void check_calls(afflux_sem *sem) {
  uint64_t drained = 0;
  const afflux_fastpath *fast = afflux_sem_fastpath(sem);
  CHECK(strcmp(afflux_sem_name(sem), "smoke") == 0);
  CHECK(afflux_sem_queue(sem) == AFFLUX_QUEUE_INTRUSIVE);
  CHECK(afflux_sem_try_acquire(sem, 1) == AFFLUX_OK);
  CHECK(afflux_sem_acquire(sem, 1, AFFLUX_FOREVER) == AFFLUX_OK);
  CHECK(afflux_sem_held(sem) == 2);
  CHECK(fast != NULL && fast->layout == 3 && fast->word >> 20 == 2 && fast->limit == 4);
  CHECK(afflux_sem_drain(sem, &drained) == AFFLUX_OK && drained == 2);
  CHECK(afflux_sem_available(sem) == 0);
  CHECK(afflux_sem_try_acquire_up_to(sem, 0, 9, &drained) == AFFLUX_OK && drained == 0);
  CHECK(afflux_sem_wait_idle(sem, 0) == AFFLUX_ETIMEDOUT);
  CHECK(afflux_sem_resize(sem, 5) == AFFLUX_OK);
  CHECK(afflux_sem_limit(sem) == 5);
  CHECK(afflux_sem_resize_by(sem, 0, &drained) == AFFLUX_OK && drained == 5);
  CHECK(afflux_sem_release(sem, 4) == AFFLUX_OK);
  CHECK(afflux_sem_available(sem) == 5);
  CHECK(afflux_sem_wait_idle(sem, AFFLUX_FOREVER) == AFFLUX_OK);
}

static void check_requests(afflux_sem *sem) {
  afflux_request request;
  afflux_waiter granted;
  afflux_waiter late;
  int64_t again = 0;
  memset(&granted, 0, sizeof granted);
  memset(&late, 0, sizeof late);
  CHECK(afflux_request_init(&request) == AFFLUX_OK);
  CHECK(request.struct_size == sizeof request && request.permits == 1);
  request.wake = on_wake;
  request.ctx = &completions;
  CHECK(afflux_sem_try_acquire(sem, 5) == AFFLUX_OK);
  CHECK(afflux_sem_acquire_async(sem, &request, &granted) == AFFLUX_PENDING);

  CHECK(afflux_timers_manual(1) == AFFLUX_OK);
  request.timeout_ns = INT64_C(3600000000000);
  CHECK(afflux_sem_acquire_async(sem, &request, &late) == AFFLUX_PENDING);
  again = afflux_timers_advance();
  CHECK(again > 0);
  CHECK(afflux_sem_waiters(sem) == 2);
  CHECK(afflux_waiter_cancel(&late) == AFFLUX_OK);
  CHECK(afflux_timers_advance() == AFFLUX_FOREVER);
  CHECK(afflux_completions_run() == 0);
  CHECK(afflux_timers_manual(0) == AFFLUX_OK);

  CHECK(afflux_sem_release(sem, 5) == AFFLUX_OK);
  CHECK(completions == 1 && completed_with == AFFLUX_OK);
  CHECK(afflux_waiter_cancel(&granted) == AFFLUX_EALREADY);
  CHECK(afflux_sem_release(sem, 1) == AFFLUX_OK);
}

static void check_permits(afflux_sem *sem) {
  afflux_permit_token permit;
  afflux_permit_token other;
  afflux_request request;
  memset(&permit, 0, sizeof permit);
  memset(&other, 0, sizeof other);
  CHECK(afflux_request_init(&request) == AFFLUX_OK);
  request.permits = 3;
  CHECK(afflux_sem_acquire_permit(sem, &request, 0, &permit) == AFFLUX_OK);
  CHECK(afflux_permit_count(&permit) == 3);
  CHECK(afflux_permit_id(&permit) != 0);
  CHECK(afflux_permit_held_ns(&permit) >= 0);
  CHECK(afflux_permit_split(&permit, 1, &other) == AFFLUX_OK);
  CHECK(afflux_permit_merge(&permit, &other) == AFFLUX_OK);
  CHECK(afflux_permit_release(&permit) == AFFLUX_OK);
  CHECK(afflux_sem_acquire_permit(sem, NULL, 0, &permit) == AFFLUX_OK);
  CHECK(afflux_permit_forget(&permit) == AFFLUX_OK);
  CHECK(afflux_sem_held(sem) == 1);
  CHECK(afflux_permit_adopt(sem, 1, &permit) == AFFLUX_OK);
  CHECK(afflux_permit_count(&permit) == 1);
  CHECK(afflux_permit_forget(&permit) == AFFLUX_OK);
  CHECK(afflux_sem_release(sem, 1) == AFFLUX_OK);
}

static void check_tenants(afflux_sem *sem) {
  afflux_tenant_options options;
  afflux_tenant_stats stats;
  afflux_permit_token permit;
  afflux_tenant *tenant = NULL;
  memset(&permit, 0, sizeof permit);
  CHECK(afflux_tenant_options_init(&options) == AFFLUX_OK);
  CHECK(options.struct_size == sizeof options && options.weight == 1);
  options.name = "gold";
  CHECK(afflux_tenant_create(sem, &options, &tenant) == AFFLUX_OK);
  CHECK(strcmp(afflux_tenant_name(tenant), "gold") == 0);
  CHECK(afflux_tenant_sem(tenant) == sem);
  options.name = NULL;
  options.weight = 2;
  CHECK(afflux_tenant_set(tenant, &options) == AFFLUX_OK);
  CHECK(afflux_tenant_set_default_weight(sem, 3) == AFFLUX_OK);
  CHECK(afflux_tenant_try_acquire(tenant, 1) == AFFLUX_OK);
  CHECK(afflux_tenant_acquire(tenant, 2, AFFLUX_FOREVER) == AFFLUX_OK);
  CHECK(afflux_tenant_adopt(tenant, 2, "smoke", &permit) == AFFLUX_OK);
  CHECK(afflux_permit_release(&permit) == AFFLUX_OK);
  CHECK(afflux_tenant_stats_init(&stats) == AFFLUX_OK);
  CHECK(afflux_tenant_get_stats(tenant, &stats) == AFFLUX_OK);
  CHECK(stats.held == 1 && stats.acquired == 3 && stats.weight == 2);
  CHECK(afflux_tenant_release(tenant, 1) == AFFLUX_OK);
  CHECK(afflux_tenant_ref(tenant) == tenant);
  afflux_tenant_unref(tenant);
  CHECK(afflux_tenant_close(tenant) == AFFLUX_OK);
  CHECK(afflux_tenant_try_acquire(tenant, 1) == AFFLUX_ECLOSED);
  afflux_tenant_unref(tenant);
}

int main(void) {
  afflux_sem *sem = create(4);
  check_library();
  if (sem != NULL) {
    check_calls(sem);
    check_requests(sem);
    check_permits(sem);
    check_tenants(sem);
    CHECK(afflux_sem_ref(sem) == sem);
    afflux_sem_unref(sem);
    CHECK(afflux_sem_is_closed(sem) == 0);
    CHECK(afflux_sem_close(sem) == AFFLUX_OK);
    CHECK(afflux_sem_is_closed(sem) == 1);
    CHECK(afflux_sem_try_acquire(sem, 1) == AFFLUX_ECLOSED);
    afflux_sem_unref(sem);
  }
  if (failures != 0) fprintf(stderr, "%d checks failed\n", failures);
  return failures == 0 ? 0 : 1;
}
