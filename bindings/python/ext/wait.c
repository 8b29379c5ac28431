/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The wait of a task, from the library's completion to the task's future.
 *
 * A task may go at any moment: it is cancelled, or its coroutine is collected. The state decides by
 * one exchange who gives back what a completed wait has got:
 *
 *   PENDING -> COMPLETED  by the wake function; the task takes it, or if it goes gives it back
 *   PENDING -> ABANDONED  by the task that goes, where a cancel came too late; the wake function,
 *                         which still comes, gives it back on its own thread
 */
#include "afflux_python.h"

#include <stdlib.h>

static _Thread_local collect *current_collect;

void collect_begin(collect *c) {
  c->outer = current_collect;
  c->first = NULL;
  c->last = &c->first;
  PyErr_Fetch(&c->error[0], &c->error[1], &c->error[2]);
  current_collect = c;
}

void collect_end(collect *c) {
  current_collect = c->outer;
  PyErr_Restore(c->error[0], c->error[1], c->error[2]);
}

void collect_deliver(collect *c) {
  if (c->first == NULL) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  mailbox *here = mailbox_here();
  for (wait *w = c->first, *next; w != NULL; w = next) {
    next = w->next;
    if (w->box == here)
      wait_resume(w);
    else
      mailbox_post(w->box, w);
  }
  PyErr_Restore(type, value, traceback);
}

void collect_flush(void) {
  for (collect *c = current_collect; c != NULL; c = c->outer) {
    wait *w = c->first;
    c->first = NULL;
    c->last = &c->first;
    for (wait *next; w != NULL; w = next) {
      next = w->next;
      mailbox_post(w->box, w);
    }
  }
}

wait *wait_new(mailbox *box, PyObject *target, const Terms *terms) {
  wait *w = malloc(sizeof *w);
  if (w == NULL) {
    PyErr_NoMemory();
    return NULL;
  }
  if (request_prepare(&w->memory, target, terms) < 0) {
    free(w);
    return NULL;
  }
  w->box = mailbox_ref(box);
  w->sem = NULL;
  w->event = NULL;
  w->client = terms->client == NULL ? NULL : afflux_client_ref(((Client *)terms->client)->client);
  w->tenant = terms->tenant == NULL ? NULL : afflux_tenant_ref(((Tenant *)terms->tenant)->tenant);
  w->permits = terms->permits;
  if (terms->kind == REQUEST_EVENT) {
    Event *event = (Event *)target;
    /* A manual-reset event stays set by itself. */
    if (!event->manual_reset) w->event = afflux_event_ref(event->event);
  } else if (terms->kind <= REQUEST_PERMIT) {
    w->sem = afflux_sem_ref(((Semaphore *)target)->sem);
  }
  atomic_init(&w->future, NULL);
  atomic_init(&w->state, WAIT_PENDING);
  atomic_init(&w->refs, 2);
  return w;
}

static void wait_free(wait *w) {
  afflux_tenant_unref(w->tenant);
  afflux_sem_unref(w->sem);
  afflux_event_unref(w->event);
  afflux_client_unref(w->client);
  request_free(&w->memory);
  mailbox_unref(w->box);
  free(w);
}

void wait_unref(wait *w) {
  /* acq_rel: what each owner did comes before the end. */
  if (atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) == 1) wait_free(w);
}

void wait_discard(wait *w) { wait_free(w); }

/* What the wait has got, and no task will take. Any thread. */
static void wait_undo(wait *w) {
  if (w->status != AFFLUX_OK) return;
  if (w->tenant != NULL)
    afflux_tenant_release(w->tenant, w->permits);
  else if (w->sem != NULL)
    afflux_sem_release(w->sem, w->permits);
  if (w->event != NULL) afflux_event_notify_one(w->event);
  if (w->memory.group != NULL) several_undo(w->memory.group);
}

/* Any thread, with the GIL or without: it must not touch Python. */
void wait_wake(void *ctx, afflux_status status) {
  wait *w = ctx;
  w->status = status;
  int expected = WAIT_PENDING;
  /* release: publishes the status; acquire: the task has gone. */
  if (!atomic_compare_exchange_strong_explicit(&w->state, &expected, WAIT_COMPLETED,
                                               memory_order_acq_rel, memory_order_acquire)) {
    wait_undo(w);
    wait_unref(w);
    return;
  }
  collect *c = current_collect;
  if (c == NULL) {
    mailbox_post(w->box, w);
    return;
  }
  w->next = NULL;
  *c->last = w;
  c->last = &w->next;
}

/* acq_rel, here and in wait_resume(): the one who gets it sees the object as it was stored. */
static void drop_future(wait *w) {
  Py_XDECREF(atomic_exchange_explicit(&w->future, NULL, memory_order_acq_rel));
}

void wait_finish(wait *w) {
  drop_future(w);
  wait_unref(w);
}

void wait_leave(wait *w) {
  drop_future(w);
  /* acquire, here and below: pairs with wait_wake(). */
  if (atomic_load_explicit(&w->state, memory_order_acquire) != WAIT_COMPLETED) {
    afflux_status status;
    COLLECTING(status = request_cancel(&w->memory));
    if (status == AFFLUX_OK) { /* no completion follows: its reference goes, too */
      wait_free(w);
      return;
    }
    int expected = WAIT_PENDING;
    if (atomic_compare_exchange_strong_explicit(&w->state, &expected, WAIT_ABANDONED,
                                                memory_order_acq_rel, memory_order_acquire)) {
      wait_unref(w);
      return;
    }
  }
  COLLECTING(wait_undo(w));
  wait_unref(w);
}
