/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "glue.h"

#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

/* How many of the calls below this thread is inside of: more than one where a completion of another
 * language's, run within a call, has gone into Go again. The innermost that ends takes the list. */
static __thread int calls;
static __thread afflux_go_slot *first, *last;

static void enter(void) { ++calls; }

static afflux_go_result leave(int64_t status, uint64_t number) {
  afflux_go_result result = {first, status, number};
  first = NULL;
  last = NULL;
  --calls;
  return result;
}

static void complete(void *ctx, afflux_status status) {
  afflux_go_slot *slot = ctx;
  slot->status = status;
  slot->next = NULL;
  if (calls == 0) {
    affluxGoComplete(slot);
    return;
  }
  if (first == NULL) {
    first = slot;
  } else {
    last->next = slot;
  }
  last = slot;
}

static afflux_sem *to_sem(uintptr_t sem) { return (afflux_sem *)sem; }

afflux_go_slot *afflux_go_slot_new(uint64_t index) {
  const uintptr_t alignment = 64;
  void *memory = calloc(1, sizeof(afflux_go_slot) + alignment - 1);
  if (memory == NULL) return NULL;
  afflux_go_slot *slot = (afflux_go_slot *)(((uintptr_t)memory + alignment - 1) & ~(alignment - 1));
  slot->memory = memory;
  slot->index = index;
  return slot;
}

void afflux_go_slot_free(uintptr_t slot) { free(((afflux_go_slot *)slot)->memory); }

static afflux_request request_for(afflux_go_slot *slot) {
  slot->group = NULL;
  afflux_request request = {
      .struct_size = sizeof(afflux_request),
      .permits = 1,
      .priority = AFFLUX_PRIORITY_NORMAL,
      .timeout_ns = AFFLUX_FOREVER,
      .wake = complete,
      .ctx = slot,
  };
  return request;
}

void afflux_go_acquire(uintptr_t sem, uint64_t n, uintptr_t slot_address) {
  afflux_go_slot *slot = (afflux_go_slot *)slot_address;
  afflux_request request = request_for(slot);
  request.permits = n;
  enter();
  slot->result = leave(afflux_sem_acquire_async(to_sem(sem), &request, &slot->waiter), 0);
}

afflux_go_result afflux_go_acquire_request(uintptr_t sem, afflux_go_request want,
                                           uintptr_t slot_address) {
  afflux_go_slot *slot = (afflux_go_slot *)slot_address;
  afflux_request request = request_for(slot);
  request.permits = want.permits;
  request.cost_bytes = want.cost_bytes;
  request.timeout_ns = want.timeout_ns;
  request.client = (afflux_client *)want.client;
  request.tenant = (afflux_tenant *)want.tenant;
  request.priority = want.priority;
  request.flags = want.flags;
  enter();
  return leave(afflux_sem_acquire_async(to_sem(sem), &request, &slot->waiter), 0);
}

afflux_go_result afflux_go_wait_idle(uintptr_t sem, uintptr_t slot_address) {
  afflux_go_slot *slot = (afflux_go_slot *)slot_address;
  afflux_request request = request_for(slot);
  enter();
  return leave(afflux_sem_wait_idle_async(to_sem(sem), &request, &slot->waiter), 0);
}

afflux_go_result afflux_go_event_wait(uintptr_t event, uintptr_t slot_address) {
  afflux_go_slot *slot = (afflux_go_slot *)slot_address;
  afflux_request request = request_for(slot);
  enter();
  return leave(afflux_event_wait_async((afflux_event *)event, &request, &slot->waiter), 0);
}

void afflux_go_cancel(uintptr_t slot_address) {
  afflux_go_slot *slot = (afflux_go_slot *)slot_address;
  enter();
  slot->result = leave(slot->group != NULL ? afflux_wait_group_cancel(slot->group)
                                           : afflux_waiter_cancel(&slot->waiter),
                       0);
}

afflux_go_result afflux_go_try_acquire(uintptr_t sem, uint64_t n) {
  enter();
  return leave(afflux_sem_try_acquire(to_sem(sem), n), 0);
}

afflux_go_result afflux_go_try_acquire_up_to(uintptr_t sem, uint64_t min, uint64_t max) {
  uint64_t n = 0;
  enter();
  const afflux_status status = afflux_sem_try_acquire_up_to(to_sem(sem), min, max, &n);
  return leave(status, n);
}

afflux_go_result afflux_go_drain(uintptr_t sem) {
  uint64_t n = 0;
  enter();
  const afflux_status status = afflux_sem_drain(to_sem(sem), &n);
  return leave(status, n);
}

afflux_go_result afflux_go_release(uintptr_t sem, uint64_t n) {
  enter();
  return leave(afflux_sem_release(to_sem(sem), n), 0);
}

afflux_go_result afflux_go_resize(uintptr_t sem, uint64_t permits) {
  enter();
  return leave(afflux_sem_resize(to_sem(sem), permits), 0);
}

afflux_go_result afflux_go_resize_by(uintptr_t sem, int64_t delta) {
  uint64_t limit = 0;
  enter();
  const afflux_status status = afflux_sem_resize_by(to_sem(sem), delta, &limit);
  return leave(status, limit);
}

afflux_go_result afflux_go_close(uintptr_t sem) {
  enter();
  return leave(afflux_sem_close(to_sem(sem)), 0);
}

afflux_go_result afflux_go_unref(uintptr_t sem) {
  enter();
  afflux_sem_unref(to_sem(sem));
  return leave(AFFLUX_OK, 0);
}

afflux_go_result afflux_go_permit_release(afflux_permit_token *permit) {
  enter();
  return leave(afflux_permit_release(permit), 0);
}

afflux_go_result afflux_go_event(uintptr_t address, int32_t what) {
  afflux_event *event = (afflux_event *)address;
  afflux_status status = AFFLUX_OK;
  enter();
  switch (what) {
    case AFFLUX_GO_NOTIFY_ONE:
      status = afflux_event_notify_one(event);
      break;
    case AFFLUX_GO_NOTIFY_ALL:
      status = afflux_event_notify_all(event);
      break;
    case AFFLUX_GO_PULSE:
      status = afflux_event_pulse(event);
      break;
    default:
      afflux_event_unref(event);
      break;
  }
  return leave(status, 0);
}

afflux_go_several *afflux_go_several_new(void) { return calloc(1, sizeof(afflux_go_several)); }

void afflux_go_several_add(afflux_go_several *several, uintptr_t sem, uintptr_t event, uint64_t n) {
  afflux_wait_item *item = &several->items[several->count++];
  item->sem = to_sem(sem);
  item->event = (afflux_event *)event;
  item->permits = n;
}

afflux_go_result afflux_go_several_begin(afflux_go_several *several, int32_t all,
                                         uintptr_t slot_address) {
  afflux_go_slot *slot = (afflux_go_slot *)slot_address;
  afflux_request request = request_for(slot);
  slot->group = &several->group;
  size_t index = 0;
  enter();
  const afflux_status status =
      all ? afflux_acquire_all_async(&several->group, several->items, several->count, &request)
          : afflux_acquire_any_async(&several->group, several->items, several->count, &request,
                                     &index);
  return leave(status, index);
}

static int32_t copy_holder(void *ctx, const afflux_holder *holder) {
  afflux_go_holders *holders = ctx;
  if (holders->count == holders->room) {
    const size_t room = holders->room == 0 ? 64 : 2 * holders->room;
    afflux_go_holder *lines = realloc(holders->lines, room * sizeof(afflux_go_holder));
    if (lines == NULL) {
      holders->status = AFFLUX_ENOMEM;
      return 1;
    }
    holders->lines = lines;
    holders->room = room;
  }
  afflux_go_holder *line = &holders->lines[holders->count++];
  line->id = holder->id;
  line->permits = holder->permits;
  line->held_ns = holder->held_ns;
  strncpy(line->tag, holder->tag, sizeof(line->tag) - 1);
  line->tag[sizeof(line->tag) - 1] = '\0';
  return 0;
}

void afflux_go_holders_read(uintptr_t sem, afflux_go_holders *ret_holders) {
  afflux_go_holders holders = {NULL, 0, 0, 0, AFFLUX_OK};
  const afflux_status status =
      afflux_sem_visit_holders(to_sem(sem), copy_holder, &holders, &holders.untold);
  if (holders.status == AFFLUX_OK) holders.status = status;
  *ret_holders = holders;
}

static void control_changed(void *ctx, uint64_t before, uint64_t after, uint32_t reason) {
  affluxGoControlChange((uint64_t)(uintptr_t)ctx, before, after, reason);
}

afflux_go_result afflux_go_control_create(uintptr_t sem, afflux_go_control_options how,
                                          afflux_control **ret_control) {
  const afflux_control_options options = {
      .struct_size = sizeof(afflux_control_options),
      .algorithm = how.algorithm,
      .min = how.min,
      .max = how.max,
      .initial = how.initial,
      .seed = how.seed,
      .window_ns = how.window_ns,
      .timeout_ns = how.timeout_ns,
      .probe_interval_ns = how.probe_interval_ns,
      .on_change = control_changed,
      .ctx = (void *)(uintptr_t)how.id,
  };
  enter();
  return leave(afflux_control_create(to_sem(sem), &options, ret_control), 0);
}

static afflux_control *to_control(uintptr_t control) { return (afflux_control *)control; }

afflux_go_result afflux_go_control_unref(uintptr_t control) {
  enter();
  afflux_control_unref(to_control(control));
  return leave(AFFLUX_OK, 0);
}

afflux_go_result afflux_go_control_sample(uintptr_t control, int64_t latency_ns, uint32_t outcome) {
  enter();
  return leave(afflux_control_sample(to_control(control), latency_ns, outcome), 0);
}

afflux_go_result afflux_go_control_release(uintptr_t control, afflux_permit_token *permit,
                                           uint32_t outcome) {
  enter();
  return leave(afflux_control_release(to_control(control), permit, outcome), 0);
}

afflux_go_result afflux_go_control_resume(uintptr_t control) {
  enter();
  return leave(afflux_control_resume(to_control(control)), 0);
}

static afflux_tenant *to_tenant(uintptr_t tenant) { return (afflux_tenant *)tenant; }

afflux_go_result afflux_go_tenant_create(uintptr_t sem, const afflux_tenant_options *options,
                                         afflux_tenant **ret_tenant) {
  enter();
  return leave(afflux_tenant_create(to_sem(sem), options, ret_tenant), 0);
}

afflux_go_result afflux_go_tenant_unref(uintptr_t tenant) {
  enter();
  afflux_tenant_unref(to_tenant(tenant));
  return leave(AFFLUX_OK, 0);
}

afflux_go_result afflux_go_tenant_close(uintptr_t tenant) {
  enter();
  return leave(afflux_tenant_close(to_tenant(tenant)), 0);
}

afflux_go_result afflux_go_tenant_set(uintptr_t tenant, const afflux_tenant_options *options) {
  enter();
  return leave(afflux_tenant_set(to_tenant(tenant), options), 0);
}

afflux_go_result afflux_go_tenant_set_default_weight(uintptr_t sem, uint32_t weight) {
  enter();
  return leave(afflux_tenant_set_default_weight(to_sem(sem), weight), 0);
}

afflux_go_result afflux_go_tenant_try_acquire(uintptr_t tenant, uint64_t n) {
  enter();
  return leave(afflux_tenant_try_acquire(to_tenant(tenant), n), 0);
}

afflux_go_result afflux_go_tenant_release(uintptr_t tenant, uint64_t n) {
  enter();
  return leave(afflux_tenant_release(to_tenant(tenant), n), 0);
}

static void slow_wait(void *ctx, const afflux_slow_wait *wait) {
  affluxGoSlowWait((uint64_t)(uintptr_t)ctx, wait->priority, wait->permits, wait->wait_ns);
}

void afflux_go_tell_slow_waits(afflux_sem_options *options, int64_t slow_wait_ns, uint64_t id) {
  options->slow_wait_ns = slow_wait_ns;
  options->slow_wait = slow_wait;
  options->slow_wait_ctx = (void *)(uintptr_t)id;
}
