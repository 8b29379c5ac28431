/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the files of the extension share. The data flows one way:
 *
 *   module -> semaphore, event -> acquire (await), blocking (threads) -> wait -> mailbox -> loop
 *
 * All of it runs with the GIL held except the wake functions of wait.c and blocking.c: these run on
 * whichever thread completes a request, which may be a thread that Python has never seen.
 */
#ifndef AFFLUX_PYTHON_H
#define AFFLUX_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <afflux/afflux.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- Objects --------------------------------------------------------------------------------- */

typedef struct {
  PyObject_HEAD afflux_sem *sem; /* one reference */
  /* The fast-path block; NULL: a layout that this file does not know, so make the calls. */
  afflux_fastpath *fast;
  bool uses_tokens; /* a ledger or hold times: permits are tokens of the library */
  PyObject *weakrefs;
} Semaphore;

typedef struct {
  PyObject_HEAD afflux_event *event; /* one reference */
  bool manual_reset;
  PyObject *weakrefs;
} Event;

extern PyTypeObject Semaphore_Type, Event_Type, Permit_Type, Acquire_Type, Ready_Type, Mailbox_Type,
    Registry_Type;

/* The awaitable that is ready at once, with None. One object serves all. */
extern PyObject *ready;

extern PyObject *error_base, *error_closed, *error_rejected, *error_too_large;

/* Raise what a failed status means. Returns NULL. */
PyObject *raise_status(afflux_status status);

/* Types whose creation needs more than PyType_Ready(). 0, or -1 with an exception. */
int stats_init(PyObject *module);
int mailbox_init(PyObject *module);

/* ---- Arguments: each returns 0, or -1 with an exception ---------------------------------------
 */

/* None, or seconds from 0 on (infinity: as None), as the library's nanoseconds. */
int parse_timeout(PyObject *value, int64_t *ret_ns);
int parse_permits(PyObject *value, uint64_t *ret_permits);
int parse_u64(PyObject *value, const char *name, uint64_t *ret_number);
int parse_priority(PyObject *value, uint32_t *ret_priority);
/* The place of the string `value` in the NULL-terminated `names`. */
int parse_choice(PyObject *value, const char *name, const char *const *names, uint32_t *ret_index);
/* Seconds, as parse_timeout(), but for a limit: NULL leaves *ret_ns alone. */
int parse_limit_time(PyObject *value, int64_t *ret_ns);

/* ---- Requests -------------------------------------------------------------------------------- */

enum request_kind { REQUEST_ENTER, REQUEST_PERMIT, REQUEST_EVENT, REQUEST_IDLE };

/* What `acquire` and its siblings ask for, whether a task or a thread waits for it. */
typedef struct {
  enum request_kind kind;
  uint32_t priority;
  uint64_t permits;
  uint64_t cost;
  int64_t timeout_ns;
  PyObject *tag; /* str, or NULL */
} Terms;

#define TERMS_INIT(of_kind)                    \
  ((Terms){.kind = (of_kind),                  \
           .priority = AFFLUX_PRIORITY_NORMAL, \
           .permits = 1,                       \
           .timeout_ns = AFFLUX_FOREVER})

/* Arguments of acquire(n=1, *, priority, timeout, cost, tag); `terms` borrows the tag. */
int parse_acquire(Terms *terms, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
/* Arguments of wait(*, timeout). */
int parse_wait(Terms *terms, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);

/* Start the request of `terms` on a Semaphore or an Event; `waiter` is borrowed on PENDING. */
afflux_status request_start(PyObject *target, const Terms *terms, afflux_wake_fn wake, void *ctx,
                            afflux_waiter *waiter);

/* What a request that ended with `status` answers: a Permit, None or an exception. On failure its
   permits have been given back. */
PyObject *request_result(PyObject *target, const Terms *terms, afflux_status status);

/* Give back what a request that ended with AFFLUX_OK holds. */
void request_undo(PyObject *target, const Terms *terms);

/* The awaitable of acquire() and wait(). */
PyObject *acquire_new(PyObject *target, const Terms *terms);
/* The same for a thread: block, with the GIL released. */
PyObject *acquire_blocking(PyObject *target, const Terms *terms);

/* A permit object for permits that the caller holds; on failure they have been given back. */
PyObject *permit_new(Semaphore *sem, uint64_t permits, PyObject *tag);
/* 1: given back by this call; 0: it was before; -1: an exception. */
int permit_release(PyObject *permit);

/* Give permits back and deliver what that lets in. 0, or -1 with an exception. */
int semaphore_release(Semaphore *sem, uint64_t permits);

/* What a semaphore tells of itself: stats.c. */
PyObject *semaphore_stats(PyObject *op, PyObject *unused);
PyObject *semaphore_health(PyObject *op, PyObject *args, PyObject *kwargs);
PyObject *semaphore_wait_times(PyObject *op, PyObject *unused);
PyObject *semaphore_hold_times(PyObject *op, PyObject *unused);
PyObject *semaphore_holders(PyObject *op, PyObject *unused);

/* ---- Deliveries -------------------------------------------------------------------------------
 */

typedef struct wait wait;
typedef struct mailbox mailbox;

/*
 * Completions of a call into the library that this thread makes while it holds the GIL. The wake
 * functions that run within the call leave their waits here, and collect_deliver() then resumes the
 * tasks directly: a release on the loop's own thread needs no system call.
 */
typedef struct collect {
  struct collect *outer;
  wait *first, **last;
} collect;

void collect_begin(collect *c);
void collect_end(collect *c);
/* Resume the tasks that collect_begin() … collect_end() has gathered. Keeps a raised exception. */
void collect_deliver(collect *c);

/* Make a call of the library that may complete others, and deliver these. */
#define COLLECTING(call)          \
  do {                            \
    collect collected_;           \
    collect_begin(&collected_);   \
    call;                         \
    collect_end(&collected_);     \
    collect_deliver(&collected_); \
  } while (0)

/*
 * One wait of a task. Two parties have a reference: the awaitable, and the completion that is still
 * to come or to be delivered. The one that is second frees. `future` belongs to the first, and only
 * a thread with the GIL touches it.
 */
struct wait {
  afflux_waiter waiter;
  wait *next;          /* in a collect, or in a mailbox */
  mailbox *box;        /* a reference: where it is delivered */
  afflux_sem *sem;     /* a reference, or NULL: `permits` go back there if the task has gone */
  afflux_event *event; /* a reference, or NULL: the notification goes back there likewise */
  uint64_t permits;
  PyObject *future; /* resumed by set_result(None); NULL: not made yet, or the task has gone */
  atomic_int state; /* WAIT_… */
  atomic_int refs;
  afflux_status status; /* valid once state is WAIT_COMPLETED */
};

enum { WAIT_PENDING, WAIT_COMPLETED, WAIT_ABANDONED };

/* NULL with an exception. For a request of `terms` on `target`, both borrowed. */
wait *wait_new(mailbox *box, PyObject *target, const Terms *terms);
void wait_wake(void *ctx, afflux_status status);
/* For a wait whose request was not queued: there is no completion. */
void wait_discard(wait *w);
/* Drop the awaitable's reference after a completion that it has taken. */
void wait_finish(wait *w);
/* The task no longer waits: take the request back, or give back what it has got. */
void wait_leave(wait *w);
void wait_unref(wait *w);

/* ---- Mailboxes: one for each loop -------------------------------------------------------------
 */

/* The mailbox of the loop that runs on this thread, made and attached to the loop at first. A new
   reference to the Python object, or NULL with an exception. */
PyObject *mailbox_of_running_loop(void);
/* The part of it that threads without the GIL may use. */
mailbox *mailbox_core(PyObject *box);
/* A new future of the mailbox's loop. */
PyObject *mailbox_create_future(PyObject *box);
/* The mailbox of the loop that runs on this thread, borrowed; NULL: none does, or no task of it has
   waited yet. Never raises. */
mailbox *mailbox_here(void);

mailbox *mailbox_ref(mailbox *box);
void mailbox_unref(mailbox *box);
/* Leave a completed wait for the loop's thread, and ring. Any thread, with the GIL or without. */
void mailbox_post(mailbox *box, wait *w);

/* Resume one task: `w` is completed, and its loop runs on this thread. Drops a reference. Never
   raises. */
void wait_resume(wait *w);

#endif
