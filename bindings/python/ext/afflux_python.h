/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the files of the extension share. The data flows one way:
 *
 *   module -> semaphore, tenant, event -> acquire (await), blocking (threads) -> wait -> mailbox
 *   -> loop
 *
 * All of it runs with the GIL held except the wake functions of wait.c and blocking.c: these run on
 * whichever thread completes a request, which may be a thread that Python has never seen. What a
 * control calls on a change of its limit may run on such a thread, too, and takes the GIL first.
 */
#ifndef AFFLUX_PYTHON_H
#define AFFLUX_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <afflux/afflux.h>

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- Objects --------------------------------------------------------------------------------- */

typedef struct {
  PyObject_HEAD afflux_sem *sem; /* one reference */
  /* The fast-path block; NULL: a layout that this file does not know, so make the calls. */
  afflux_fastpath *fast;
  /* A ledger, hold times or a control: permits are tokens of the library. */
  atomic_bool uses_tokens;
  PyObject *weakrefs;
} Semaphore;

typedef struct {
  PyObject_HEAD afflux_event *event; /* one reference */
  bool manual_reset;
  PyObject *weakrefs;
} Event;

typedef struct {
  PyObject_HEAD afflux_client *client; /* one reference */
  PyObject *weakrefs;
} Client;

typedef struct {
  PyObject_HEAD afflux_tenant *tenant; /* one reference */
  Semaphore *sem;
  PyObject *weakrefs;
} Tenant;

typedef struct listener listener;

typedef struct {
  PyObject_HEAD afflux_control *control; /* one reference */
  Semaphore *sem;
  listener *listener;    /* has on_change; NULL: without */
  atomic_bool is_shared; /* other languages may have references of their own */
  PyObject *weakrefs;
} Control;

extern PyTypeObject Semaphore_Type, Event_Type, Permit_Type, Acquire_Type, Ready_Type, Mailbox_Type,
    Registry_Type, Client_Type, Permits_Type, Taken_Type, Control_Type, Measure_Type, Tenant_Type;

/* The awaitable that is ready at once, with None. One object serves all. */
extern PyObject *ready;

extern PyObject *error_base, *error_closed, *error_rejected, *error_too_large;

/* Raise what a failed status means. Returns NULL. */
PyObject *raise_status(afflux_status status);
/* The same for a call that names a tenant. */
PyObject *raise_tenant_status(afflux_status status);
/* What `callable` has raised, where no caller can be told: sys.unraisablehook is. */
void callback_failed(PyObject *callable);

/* What is made once in a process. 0, or -1 with an exception. */
int stats_init(void);
int client_init(void);
int control_init(void);
int tenant_init(void);
int mailbox_init(void);
/* The named tuples. 0, or -1 with an exception. */
int stats_add_types(PyObject *module);
int client_add_types(PyObject *module);
int control_add_types(PyObject *module);
int tenant_add_types(PyObject *module);

/* ---- Arguments: each returns 0, or -1 with an exception ---------------------------------------
 */

/* None, or seconds from 0 on (infinity: as None), as the library's nanoseconds. */
int parse_timeout(PyObject *value, int64_t *ret_ns);
int parse_permits(PyObject *value, uint64_t *ret_permits);
/* The permits of a call that takes `n` as its only argument, 1 without it. */
int parse_n(PyObject *const *args, Py_ssize_t nargs, uint64_t *ret_n);
int parse_u64(PyObject *value, const char *name, uint64_t *ret_number);
int parse_u32(PyObject *value, const char *name, uint32_t *ret_number);
int parse_priority(PyObject *value, uint32_t *ret_priority);
/* The place of the string `value` in the NULL-terminated `names`. */
int parse_choice(PyObject *value, const char *name, const char *const *names, uint32_t *ret_index);
/* Seconds, as parse_timeout(), but for a limit: NULL leaves *ret_ns alone. */
int parse_limit_time(PyObject *value, int64_t *ret_ns);

/* ---- Requests -------------------------------------------------------------------------------- */

enum request_kind {
  REQUEST_ENTER,
  REQUEST_PERMIT,
  REQUEST_EVENT,
  REQUEST_IDLE,
  REQUEST_ANY,
  REQUEST_ALL
};

/* What `acquire` and its siblings ask for, whether a task or a thread waits for it. */
typedef struct {
  enum request_kind kind;
  uint32_t priority;
  uint32_t flags; /* AFFLUX_WAIT_FOR_RESIZE, or 0 */
  uint64_t permits;
  uint64_t cost;
  int64_t timeout_ns;
  PyObject *tag;    /* str that has its UTF-8, or NULL */
  PyObject *client; /* Client, or NULL */
  PyObject *tenant; /* Tenant of the target, which is a Semaphore; or NULL */
} Terms;

#define TERMS_INIT(of_kind)                    \
  ((Terms){.kind = (of_kind),                  \
           .priority = AFFLUX_PRIORITY_NORMAL, \
           .permits = 1,                       \
           .timeout_ns = AFFLUX_FOREVER})

/* Arguments of acquire(n=1, *, priority, timeout, cost, tag, client, wait_for_resize), without
   `client` for a tenant; `terms` borrows tag and client. */
int parse_acquire(Terms *terms, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
/* Arguments of wait(timeout=None). */
int parse_wait(Terms *terms, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
/* The keyword arguments of any_of() and all_of(): those of acquire() but `client`. */
int parse_several(Terms *terms, PyObject *const *values, PyObject *kwnames);

/* A wait for several semaphores and events: several.c. */
typedef struct several several;

/* The memory that the library borrows while a request waits. */
typedef struct {
  afflux_waiter waiter;
  several *group; /* any_of(), all_of(): used in place of the waiter; else NULL */
} request_memory;

/* 0, or -1 with an exception. */
int request_prepare(request_memory *memory, PyObject *target, const Terms *terms);
/* Any thread. The request is not in the library any more. */
void request_free(request_memory *memory);

/*
 * Start the request of `terms`; the memory is borrowed on PENDING. The target is a Semaphore, an
 * Event, or for several a tuple of pairs (Semaphore or Event, permits).
 */
afflux_status request_start(PyObject *target, const Terms *terms, afflux_wake_fn wake, void *ctx,
                            request_memory *memory);
afflux_status request_cancel(request_memory *memory);

/* What a request that ended with `status` answers: a Permit, None and so on, or an exception. On
   failure its permits have been given back. `memory`: for several; else it may be NULL. */
PyObject *request_result(PyObject *target, const Terms *terms, const request_memory *memory,
                         afflux_status status);

/* Give back what a request that ended with AFFLUX_OK holds. */
void request_undo(PyObject *target, const Terms *terms, const request_memory *memory);

several *several_new(PyObject *target, const Terms *terms);
void several_free(several *group);
afflux_status several_start(several *group, const afflux_request *request);
afflux_status several_cancel(several *group);
PyObject *several_result(PyObject *target, const Terms *terms, const several *group);
/* Any thread, with the GIL or without. */
void several_undo(const several *group);
extern PyMethodDef several_functions[];

/* The awaitable of acquire() and wait(). */
PyObject *acquire_new(PyObject *target, const Terms *terms);
/* The same for a thread: block, with the GIL released. */
PyObject *acquire_blocking(PyObject *target, const Terms *terms);

/* A permit object for permits that the caller holds, the tenant's if it is not NULL; on failure
   they have been given back. */
PyObject *permit_new(Semaphore *sem, Tenant *tenant, uint64_t permits, PyObject *tag);
/* 1: given back by this call; 0: it was before; -1: an exception. */
int permit_release(PyObject *permit);
/* The same for what a request answered: a Permit, or a tuple (Permits, Taken) with some. */
int held_release(PyObject *held);
/* As permit_release(), and its hold time is a sample. */
int permit_release_sampled(PyObject *permit, afflux_control *control, uint32_t outcome);
/* Drop a result that cannot be answered, and give its permits back. Keeps a raised exception. */
void held_drop(PyObject *held);
/*
 * For a call that answers `held`, a new reference, to a thread. Python asks for signals when a call
 * has returned; a handler that raises then would lose the permits. So it is asked before: they have
 * been given back, and NULL with the exception.
 */
PyObject *held_unless_interrupted(PyObject *held);

/* Give permits back and deliver what that lets in. 0, or -1 with an exception. */
int semaphore_release(Semaphore *sem, uint64_t permits);
int tenant_release(Tenant *tenant, uint64_t permits);

/* ---- Named tuples: stats.c ------------------------------------------------------------------- */

/* A number in one of the library's structs. The lists of these are made from its headers. */
typedef struct {
  const char *name, *doc;
  size_t offset;
  char kind;     /* 'u': uint64_t, 'i': int64_t, 'd': double */
  uint8_t count; /* above 1: an array, which becomes a tuple */
} number_field;

PyObject *number_of(const void *base, const number_field *field);
/* A named tuple of `count` items, which it takes over; one that is NULL fails it. */
PyObject *tuple_of(PyTypeObject *type, PyObject **items, Py_ssize_t count);

/* What a semaphore tells of itself. */
PyObject *semaphore_stats(PyObject *op, PyObject *unused);
PyObject *semaphore_health(PyObject *op, PyObject *args, PyObject *kwargs);
PyObject *semaphore_wait_times(PyObject *op, PyObject *unused);
PyObject *semaphore_hold_times(PyObject *op, PyObject *unused);
PyObject *semaphore_holders(PyObject *op, PyObject *unused);

/* ---- Controls ---------------------------------------------------------------------------------
 */

int parse_outcome(PyObject *value, uint32_t *ret_outcome);
const char *outcome_name(uint32_t outcome);
/* 0, or -1 with an exception. */
int control_add_sample(Control *self, int64_t latency_ns, uint32_t outcome);
/* The method Control.measure(). */
PyObject *control_measure(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);

/* ---- Tenants ----------------------------------------------------------------------------------
 */

/* The method Semaphore.set_default_weight(). */
PyObject *semaphore_set_default_weight(PyObject *op, PyObject *arg);

/* ---- Threads ---------------------------------------------------------------------------------
 *
 * With the GIL, what happens between two calls of Python happens at once. Without it (a
 * free-threaded build) a critical section of the object makes it so for the methods of one object.
 */
#ifdef Py_GIL_DISABLED
#  define CRITICAL(op, statement)  \
    Py_BEGIN_CRITICAL_SECTION(op); \
    statement;                     \
    Py_END_CRITICAL_SECTION()
#else
#  define CRITICAL(op, statement) statement
#endif

/* Whether freed objects are kept to be used again. Threads without the GIL would share them, and
   they would hide faults from the address sanitizer. */
#if defined(Py_GIL_DISABLED) || defined(__SANITIZE_ADDRESS__)
#  define KEEPS_SPARES 0
#else
#  define KEEPS_SPARES 1
#endif

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
  PyObject *error[3]; /* a raised exception, kept: wake functions of others may run Python */
} collect;

void collect_begin(collect *c);
void collect_end(collect *c);
/* Resume the tasks that collect_begin() … collect_end() has gathered. Keeps a raised exception. */
void collect_deliver(collect *c);

/* This thread is about to sleep, perhaps in a wake function within such calls: others deliver what
   has been gathered so far. */
void collect_flush(void);

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
 * to come or to be delivered. The one that is second frees. Only threads that Python knows touch
 * `future`: the one of the loop and, in a build without the GIL, the one that drops the awaitable.
 */
struct wait {
  request_memory memory; /* a group of several has references of its own */
  wait *next;            /* in a collect, or in a mailbox */
  mailbox *box;          /* a reference: where it is delivered */
  afflux_sem *sem;       /* a reference, or NULL: `permits` go back there if the task has gone */
  afflux_event *event;   /* a reference, or NULL: the notification goes back there likewise */
  afflux_client *client; /* a reference, or NULL */
  afflux_tenant *tenant; /* a reference, or NULL: `permits` go back to it, not to `sem` */
  uint64_t permits;
  /* Resumed by set_result(None). NULL: not made yet, resumed, or the task has gone. The thread that
     exchanges it for NULL has the reference. */
  _Atomic(PyObject *) future;
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
/* A new future of the mailbox's loop, which runs on this thread. */
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
