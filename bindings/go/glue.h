/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What Go calls instead of the library where a call may complete requests.
 *
 * A completion that comes on a thread inside one of these calls is put on a list, which the call
 * returns: Go wakes the goroutines when it is back, without a call from C into Go. A completion on
 * any other thread calls into Go.
 *
 * Addresses of C memory come as uintptr_t: cgo then has nothing to check.
 */
#ifndef AFFLUX_GO_GLUE_H
#define AFFLUX_GO_GLUE_H

#include <afflux/afflux.h>

struct afflux_go_slot;

typedef struct afflux_go_result {
  struct afflux_go_slot *done; /* what has completed during the call, in order */
  int64_t status;
  uint64_t number; /* the call's other answer, if it has one */
} afflux_go_result;

/* A request of a goroutine. The waiter comes first: it wants the 64-byte boundary. */
typedef struct afflux_go_slot {
  afflux_waiter waiter;
  struct afflux_go_slot *next; /* in the list of a call */
  afflux_wait_group *group;    /* what a cancel ends; NULL: the waiter */
  uint64_t index;              /* in Go's table of outcomes */
  int32_t status;              /* the outcome, once the slot is on a list or told to Go */
  afflux_go_result result;     /* of afflux_go_acquire() and afflux_go_cancel() */
  void *memory;                /* what to free */
} afflux_go_slot;

typedef struct afflux_go_request {
  uint64_t permits;
  uint64_t cost_bytes;
  int64_t timeout_ns;
  uintptr_t client, tenant; /* one of them at most */
  uint32_t priority;
  uint32_t flags;
} afflux_go_request;

afflux_go_slot *afflux_go_slot_new(uint64_t index);
void afflux_go_slot_free(uintptr_t slot);

/* These two answer in slot->result: cgo is a little quicker with a function that returns nothing.
 */
void afflux_go_acquire(uintptr_t sem, uint64_t n, uintptr_t slot);
void afflux_go_cancel(uintptr_t slot);

afflux_go_result afflux_go_acquire_request(uintptr_t sem, afflux_go_request request,
                                           uintptr_t slot);
afflux_go_result afflux_go_wait_idle(uintptr_t sem, uintptr_t slot);
afflux_go_result afflux_go_event_wait(uintptr_t event, uintptr_t slot);

afflux_go_result afflux_go_try_acquire(uintptr_t sem, uint64_t n);
afflux_go_result afflux_go_try_acquire_up_to(uintptr_t sem, uint64_t min, uint64_t max);
afflux_go_result afflux_go_drain(uintptr_t sem);
afflux_go_result afflux_go_release(uintptr_t sem, uint64_t n);
afflux_go_result afflux_go_resize(uintptr_t sem, uint64_t permits);
afflux_go_result afflux_go_resize_by(uintptr_t sem, int64_t delta);
afflux_go_result afflux_go_close(uintptr_t sem);
afflux_go_result afflux_go_unref(uintptr_t sem);
afflux_go_result afflux_go_permit_release(afflux_permit_token *permit);

enum { AFFLUX_GO_NOTIFY_ONE, AFFLUX_GO_NOTIFY_ALL, AFFLUX_GO_PULSE, AFFLUX_GO_UNREF };
afflux_go_result afflux_go_event(uintptr_t event, int32_t what);

/* Several at once. `all` is 0 for any. The memory of the group is freed by Go. */
typedef struct afflux_go_several {
  afflux_wait_group group;
  size_t count;
  afflux_wait_item items[AFFLUX_WAIT_ITEMS_MAX];
} afflux_go_several;
afflux_go_several *afflux_go_several_new(void);
void afflux_go_several_add(afflux_go_several *several, uintptr_t sem, uintptr_t event, uint64_t n);
afflux_go_result afflux_go_several_begin(afflux_go_several *several, int32_t all, uintptr_t slot);

/* The ledger's lines, copied; the caller frees them. */
typedef struct afflux_go_holder {
  uint64_t id, permits;
  int64_t held_ns;
  char tag[48];
} afflux_go_holder;
typedef struct afflux_go_holders {
  afflux_go_holder *lines;
  size_t count, room;
  uint64_t untold;
  int32_t status;
} afflux_go_holders;
void afflux_go_holders_read(uintptr_t sem, afflux_go_holders *ret_holders);

/* A control. Its changes are told to Go under `id`. */
typedef struct afflux_go_control_options {
  uint64_t min, max, initial, seed;
  int64_t window_ns, timeout_ns, probe_interval_ns;
  uint64_t id;
  uint32_t algorithm;
} afflux_go_control_options;
afflux_go_result afflux_go_control_create(uintptr_t sem, afflux_go_control_options how,
                                          afflux_control **ret_control);
afflux_go_result afflux_go_control_unref(uintptr_t control);
afflux_go_result afflux_go_control_sample(uintptr_t control, int64_t latency_ns, uint32_t outcome);
afflux_go_result afflux_go_control_release(uintptr_t control, afflux_permit_token *permit,
                                           uint32_t outcome);
afflux_go_result afflux_go_control_resume(uintptr_t control);

afflux_go_result afflux_go_tenant_create(uintptr_t sem, const afflux_tenant_options *options,
                                         afflux_tenant **ret_tenant);
afflux_go_result afflux_go_tenant_unref(uintptr_t tenant);
afflux_go_result afflux_go_tenant_close(uintptr_t tenant);
afflux_go_result afflux_go_tenant_set(uintptr_t tenant, const afflux_tenant_options *options);
afflux_go_result afflux_go_tenant_set_default_weight(uintptr_t sem, uint32_t weight);
afflux_go_result afflux_go_tenant_try_acquire(uintptr_t tenant, uint64_t n);
afflux_go_result afflux_go_tenant_release(uintptr_t tenant, uint64_t n);

/* Tells slow waits to Go under `id`. */
void afflux_go_tell_slow_waits(afflux_sem_options *options, int64_t slow_wait_ns, uint64_t id);

#endif
