/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Semaphores. */
#include "afflux_python.h"

#include "fastpath.h"

#include <stddef.h>
#include <string.h>

static const char *const queue_names[] = {"auto", "intrusive", "lockfree", "hybrid", "mutex", NULL};
static const char *const fairness_names[] = {"fair", "throughput", NULL};
static const char *const overflow_names[] = {"suspend", "drop_newest", "drop_oldest", "fail", NULL};
static const char *const statistics_names[] = {"default", "off", "counters", "full", NULL};

static int32_t stop_at_once(void *ctx, const afflux_holder *holder) { return 1; }

/* Takes over the reference. */
static PyObject *semaphore_of(PyTypeObject *type, afflux_sem *sem) {
  Semaphore *self = (Semaphore *)type->tp_alloc(type, 0);
  if (self == NULL) {
    afflux_sem_unref(sem);
    return NULL;
  }
  self->sem = sem;
  self->fast = fast_block(sem);
  afflux_sem_stats stats;
  afflux_sem_stats_init(&stats);
  afflux_sem_get_stats(sem, &stats);
  atomic_init(&self->uses_tokens,
              stats.statistics == AFFLUX_STATS_FULL ||
                  afflux_sem_visit_holders(sem, stop_at_once, NULL, NULL) != AFFLUX_ENOTSUP);
  return (PyObject *)self;
}

/* A time of shedding. None: *ret_ns stays. */
static int parse_shed_time(PyObject *value, const char *name, int64_t *ret_ns) {
  if (value == NULL || value == Py_None) return 0;
  int64_t ns;
  if (parse_timeout(value, &ns) < 0) return -1;
  if (ns == 0) {
    PyErr_Format(PyExc_ValueError, "%s must be above 0, or None", name);
    return -1;
  }
  *ret_ns = ns == AFFLUX_FOREVER ? INT64_MAX : ns;
  return 0;
}

static int parse_shedding(PyObject *target, PyObject *interval, PyObject *adaptive_lifo,
                          afflux_sem_options *o) {
  const int newest_first = adaptive_lifo == NULL ? 0 : PyObject_IsTrue(adaptive_lifo);
  if (newest_first < 0 || parse_shed_time(target, "shed_target", &o->shed_target_ns) < 0 ||
      parse_shed_time(interval, "shed_interval", &o->shed_interval_ns) < 0) {
    return -1;
  }
  const char *wrong = NULL;
  if (o->shed_target_ns == 0) {
    if (newest_first || o->shed_interval_ns != 0) {
      wrong = "shed_interval and adaptive_lifo need a shed_target";
    }
  } else {
    if (o->shed_interval_ns == 0) o->shed_interval_ns = AFFLUX_SHED_INTERVAL_NS;
    if (o->shed_target_ns > o->shed_interval_ns) {
      wrong = "shed_target is above shed_interval (0.1, unless it is given)";
    } else if (newest_first && o->fairness == AFFLUX_THROUGHPUT) {
      wrong = "adaptive_lifo needs fairness='fair'";
    }
    o->adaptive_lifo = (uint32_t)newest_first;
  }
  if (wrong == NULL) return 0;
  PyErr_SetString(PyExc_ValueError, wrong);
  return -1;
}

static PyObject *semaphore_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {
      "permits",         "queue",          "fairness",      "overflow",   "max_waiters",
      "max_queue_bytes", "waiter_timeout", "name",          "statistics", "ledger",
      "shed_target",     "shed_interval",  "adaptive_lifo", NULL};
  PyObject *permits = NULL, *queue = NULL, *fairness = NULL, *overflow = NULL, *max_waiters = NULL,
           *max_queue_bytes = NULL, *waiter_timeout = NULL, *statistics = NULL, *ledger = NULL,
           *shed_target = NULL, *shed_interval = NULL, *adaptive_lifo = NULL;
  afflux_sem_options o;
  afflux_sem_options_init(&o);
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$OOOOOOzOOOOO:Semaphore", names, &permits,
                                   &queue, &fairness, &overflow, &max_waiters, &max_queue_bytes,
                                   &waiter_timeout, &o.name, &statistics, &ledger, &shed_target,
                                   &shed_interval, &adaptive_lifo)) {
    return NULL;
  }
  uint64_t lines = 0;
  if ((permits != NULL && parse_u64(permits, "permits", &o.permits) < 0) ||
      (queue != NULL && parse_choice(queue, "queue", queue_names, &o.queue) < 0) ||
      (fairness != NULL && parse_choice(fairness, "fairness", fairness_names, &o.fairness) < 0) ||
      (overflow != NULL && parse_choice(overflow, "overflow", overflow_names, &o.overflow) < 0) ||
      (max_waiters != NULL && parse_u64(max_waiters, "max_waiters", &o.max_waiters) < 0) ||
      (max_queue_bytes != NULL &&
       parse_u64(max_queue_bytes, "max_queue_bytes", &o.max_queue_bytes) < 0) ||
      (statistics != NULL &&
       parse_choice(statistics, "statistics", statistics_names, &o.statistics) < 0) ||
      (ledger != NULL && parse_u64(ledger, "ledger", &lines) < 0) ||
      parse_limit_time(waiter_timeout, &o.waiter_timeout_ns) < 0 ||
      parse_shedding(shed_target, shed_interval, adaptive_lifo, &o) < 0) {
    return NULL;
  }
  if (o.permits > FAST_PERMITS_MAX) {
    PyErr_SetString(PyExc_ValueError, "permits is out of range: 0 to 2**42 - 1");
    return NULL;
  }
  if (lines > 65536) {
    PyErr_SetString(PyExc_ValueError, "ledger is out of range: 0 to 65,536");
    return NULL;
  }
  if (o.waiter_timeout_ns == 0) {
    PyErr_SetString(PyExc_ValueError, "waiter_timeout must be above 0, or None");
    return NULL;
  }
  o.ledger = (uint32_t)lines;
  afflux_sem *sem;
  const afflux_status status = afflux_sem_create(&o, &sem);
  return status == AFFLUX_OK ? semaphore_of(type, sem) : raise_status(status);
}

static PyObject *semaphore_from_handle(PyObject *type, PyObject *arg) {
  afflux_sem *sem = PyLong_AsVoidPtr(arg);
  if (sem == NULL) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "the handle is NULL");
    return NULL;
  }
  return semaphore_of((PyTypeObject *)type, afflux_sem_ref(sem));
}

static void semaphore_dealloc(PyObject *op) {
  Semaphore *self = (Semaphore *)op;
  if (self->weakrefs != NULL) PyObject_ClearWeakRefs(op);
  if (self->sem != NULL) COLLECTING(afflux_sem_unref(self->sem));
  Py_TYPE(op)->tp_free(op);
}

int semaphore_release(Semaphore *sem, uint64_t permits) {
  if (fast_release(sem->fast, permits)) return 0;
  afflux_status status;
  COLLECTING(status = afflux_sem_release(sem->sem, permits));
  if (status == AFFLUX_OK) return 0;
  raise_status(status);
  return -1;
}

/* ---- Acquire and release ----------------------------------------------------------------------
 */

static PyObject *semaphore_aenter(PyObject *op, PyObject *unused) {
  const Terms terms = TERMS_INIT(REQUEST_ENTER);
  return acquire_new(op, &terms);
}

static PyObject *semaphore_aexit(PyObject *op, PyObject *const *args, Py_ssize_t nargs) {
  return semaphore_release((Semaphore *)op, 1) < 0 ? NULL : Py_NewRef(ready);
}

static PyObject *semaphore_enter(PyObject *op, PyObject *unused) {
  const Terms terms = TERMS_INIT(REQUEST_ENTER);
  return acquire_blocking(op, &terms);
}

static PyObject *semaphore_exit(PyObject *op, PyObject *const *args, Py_ssize_t nargs) {
  if (semaphore_release((Semaphore *)op, 1) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *semaphore_acquire(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                                   PyObject *kwnames) {
  Terms terms = TERMS_INIT(REQUEST_PERMIT);
  return parse_acquire(&terms, args, nargs, kwnames) < 0 ? NULL : acquire_new(op, &terms);
}

static PyObject *semaphore_acquire_blocking(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                                            PyObject *kwnames) {
  Terms terms = TERMS_INIT(REQUEST_PERMIT);
  return parse_acquire(&terms, args, nargs, kwnames) < 0 ? NULL : acquire_blocking(op, &terms);
}

static PyObject *semaphore_try_acquire(PyObject *op, PyObject *const *args, Py_ssize_t nargs) {
  Semaphore *self = (Semaphore *)op;
  uint64_t n;
  if (parse_n(args, nargs, &n) < 0) return NULL;
  if (!fast_acquire(self->sem, self->fast, n)) {
    afflux_status status;
    COLLECTING(status = afflux_sem_try_acquire(self->sem, n));
    if (status == AFFLUX_EAGAIN) Py_RETURN_NONE;
    if (status != AFFLUX_OK) return raise_status(status);
  }
  return held_unless_interrupted(permit_new(self, NULL, n, NULL));
}

static PyObject *semaphore_try_acquire_up_to(PyObject *op, PyObject *args) {
  Semaphore *self = (Semaphore *)op;
  PyObject *low, *high;
  uint64_t min, max, n;
  if (!PyArg_ParseTuple(args, "OO:try_acquire_up_to", &low, &high) ||
      parse_permits(low, &min) < 0 || parse_permits(high, &max) < 0) {
    return NULL;
  }
  if (max < min) {
    PyErr_SetString(PyExc_ValueError, "max is below min");
    return NULL;
  }
  afflux_status status;
  COLLECTING(status = afflux_sem_try_acquire_up_to(self->sem, min, max, &n));
  if (status == AFFLUX_EAGAIN) Py_RETURN_NONE;
  return status == AFFLUX_OK ? held_unless_interrupted(permit_new(self, NULL, n, NULL))
                             : raise_status(status);
}

static PyObject *semaphore_release_method(PyObject *op, PyObject *const *args, Py_ssize_t nargs) {
  uint64_t n;
  if (parse_n(args, nargs, &n) < 0 || semaphore_release((Semaphore *)op, n) < 0) return NULL;
  Py_RETURN_NONE;
}

/* ---- The limit, the end ------------------------------------------------------------------------
 */

static PyObject *semaphore_resize(PyObject *op, PyObject *arg) {
  uint64_t permits;
  if (parse_u64(arg, "permits", &permits) < 0) return NULL;
  afflux_status status;
  COLLECTING(status = afflux_sem_resize(((Semaphore *)op)->sem, permits));
  if (status != AFFLUX_OK) {
    PyErr_SetString(PyExc_ValueError, "permits is out of range: 0 to 2**42 - 1");
    return NULL;
  }
  Py_RETURN_NONE;
}

static PyObject *semaphore_resize_by(PyObject *op, PyObject *arg) {
  PyObject *number = PyNumber_Index(arg);
  if (number == NULL) return NULL;
  int too_large;
  const long long delta = PyLong_AsLongLongAndOverflow(number, &too_large);
  Py_DECREF(number);
  uint64_t limit;
  afflux_status status = AFFLUX_EOVERFLOW;
  if (too_large == 0) {
    COLLECTING(status = afflux_sem_resize_by(((Semaphore *)op)->sem, delta, &limit));
  }
  if (status != AFFLUX_OK) {
    PyErr_SetString(PyExc_ValueError, "the limit would be out of range: 0 to 2**42 - 1");
    return NULL;
  }
  return PyLong_FromUnsignedLongLong(limit);
}

static PyObject *semaphore_close(PyObject *op, PyObject *unused) {
  afflux_status status;
  COLLECTING(status = afflux_sem_close(((Semaphore *)op)->sem));
  if (status != AFFLUX_OK && status != AFFLUX_EALREADY) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *semaphore_wait_idle(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                                     PyObject *kwnames) {
  Terms terms = TERMS_INIT(REQUEST_IDLE);
  return parse_wait(&terms, args, nargs, kwnames) < 0 ? NULL : acquire_new(op, &terms);
}

static PyObject *semaphore_wait_idle_blocking(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                                              PyObject *kwnames) {
  Terms terms = TERMS_INIT(REQUEST_IDLE);
  return parse_wait(&terms, args, nargs, kwnames) < 0 ? NULL : acquire_blocking(op, &terms);
}

static PyObject *semaphore_locked(PyObject *op, PyObject *unused) {
  const afflux_sem *sem = ((Semaphore *)op)->sem;
  return PyBool_FromLong(afflux_sem_available(sem) == 0 || afflux_sem_is_closed(sem));
}

/* ---- Observers ---------------------------------------------------------------------------------
 */

#define SEM(op) (((Semaphore *)(op))->sem)

static PyObject *get_limit(PyObject *op, void *unused) {
  return PyLong_FromUnsignedLongLong(afflux_sem_limit(SEM(op)));
}

static PyObject *get_available(PyObject *op, void *unused) {
  return PyLong_FromUnsignedLongLong(afflux_sem_available(SEM(op)));
}

static PyObject *get_held(PyObject *op, void *unused) {
  return PyLong_FromUnsignedLongLong(afflux_sem_held(SEM(op)));
}

static PyObject *get_waiters(PyObject *op, void *unused) {
  return PyLong_FromUnsignedLongLong(afflux_sem_waiters(SEM(op)));
}

static PyObject *get_closed(PyObject *op, void *unused) {
  return PyBool_FromLong(afflux_sem_is_closed(SEM(op)));
}

static PyObject *get_name(PyObject *op, void *unused) {
  const char *name = afflux_sem_name(SEM(op));
  return PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "replace");
}

static PyObject *get_queue(PyObject *op, void *unused) {
  return PyUnicode_FromString(queue_names[afflux_sem_queue(SEM(op))]);
}

static PyObject *get_handle(PyObject *op, void *unused) { return PyLong_FromVoidPtr(SEM(op)); }

static PyObject *semaphore_repr(PyObject *op) {
  PyObject *name = get_name(op, NULL);
  if (name == NULL) return NULL;
  PyObject *repr =
      PyUnicode_FromFormat("<afflux.Semaphore %R limit=%llu available=%llu waiters=%llu%s>", name,
                           (unsigned long long)afflux_sem_limit(SEM(op)),
                           (unsigned long long)afflux_sem_available(SEM(op)),
                           (unsigned long long)afflux_sem_waiters(SEM(op)),
                           afflux_sem_is_closed(SEM(op)) ? " closed" : "");
  Py_DECREF(name);
  return repr;
}

static PyGetSetDef semaphore_getset[] = {
    {"limit", get_limit, NULL, "Permits that may be held at once."},
    {"available", get_available, NULL, "Permits free now; 0 while a request queues."},
    {"held", get_held, NULL, "Permits held now; above the limit after a shrink."},
    {"waiters", get_waiters, NULL, "Requests queued now, of tasks and threads."},
    {"closed", get_closed, NULL, "Whether close() has been called."},
    {"name", get_name, NULL, "The name given at creation, '' without one."},
    {"queue", get_queue, NULL, "The strategy that is really used, never 'auto'."},
    {"handle", get_handle, NULL, "The address of the library's afflux_sem, borrowed."},
    {NULL},
};

#define KEYWORDS (METH_FASTCALL | METH_KEYWORDS)
#define FAST(function) (PyCFunction)(void *)(function)

static PyMethodDef semaphore_methods[] = {
    {"acquire", FAST(semaphore_acquire), KEYWORDS,
     "acquire($self, n=1, *, priority=1, timeout=None, cost=0, tag=None, client=None, "
     "wait_for_resize=False)\n--\n\n"
     "Await n permits, or use `async with sem.acquire(n) as permit:`. Answers a Permit.\n"
     "`client`: the Client that it is counted for. `wait_for_resize`: wait although n is above\n"
     "the limit, for a resize() is expected; it holds back those behind it.\n\n"
     "Raises TimeoutError after `timeout` seconds (0: at once, unless they are free), Closed,\n"
     "Rejected, or TooLarge for more than the limit."},
    {"acquire_blocking", FAST(semaphore_acquire_blocking), KEYWORDS,
     "acquire_blocking($self, n=1, *, priority=1, timeout=None, cost=0, tag=None, "
     "client=None, wait_for_resize=False)\n--\n\n"
     "The same for a thread, which sleeps with the GIL released. Not within an event loop:\n"
     "it blocks all of it."},
    {"try_acquire", FAST(semaphore_try_acquire), METH_FASTCALL,
     "try_acquire($self, n=1, /)\n--\n\nA Permit, or None if they are not free or others wait."},
    {"try_acquire_up_to", semaphore_try_acquire_up_to, METH_VARARGS,
     "try_acquire_up_to($self, min, max, /)\n--\n\nA Permit for as many as are free, or None if "
     "fewer than "
     "min are."},
    {"release", FAST(semaphore_release_method), METH_FASTCALL,
     "release($self, n=1, /)\n--\n\nGive n permits back, from any task or thread. ValueError: "
     "fewer "
     "are held."},
    {"resize", semaphore_resize, METH_O,
     "resize($self, permits, /)\n--\n\nChange the limit. Growth grants at once; a shrink revokes "
     "nothing."},
    {"resize_by", semaphore_resize_by, METH_O,
     "resize_by($self, delta, /)\n--\n\nChange the limit by a difference; answers the new limit."},
    {"set_default_weight", semaphore_set_default_weight, METH_O,
     "set_default_weight($self, weight, /)\n--\n\n"
     "The weight, 1 to 65,535, of the requests that name no Tenant, against those of Tenants. It "
     "is\n"
     "1 at first."},
    {"close", semaphore_close, METH_NOARGS,
     "close($self)\n--\n\nEvery queued and new request raises Closed. What is held may be "
     "released."},
    {"wait_idle", FAST(semaphore_wait_idle), KEYWORDS,
     "wait_idle($self, timeout=None)\n--\n\nAwait a moment at which nothing is held and nothing "
     "queues."},
    {"wait_idle_blocking", FAST(semaphore_wait_idle_blocking), KEYWORDS,
     "wait_idle_blocking($self, timeout=None)\n--\n\nThe same for a thread."},
    {"locked", semaphore_locked, METH_NOARGS,
     "locked($self)\n--\n\nWhether an acquire of one permit would wait, or raise Closed."},
    {"from_handle", semaphore_from_handle, METH_O | METH_CLASS,
     "from_handle($type, address, /)\n--\n\nA semaphore of another language in this process, by "
     "the address "
     "of its afflux_sem,\nwhich must be valid for the call. Takes a reference."},
    {"__aenter__", semaphore_aenter, METH_NOARGS, NULL},
    {"__aexit__", FAST(semaphore_aexit), METH_FASTCALL, NULL},
    {"__enter__", semaphore_enter, METH_NOARGS, NULL},
    {"__exit__", FAST(semaphore_exit), METH_FASTCALL, NULL},
    {"stats", semaphore_stats, METH_NOARGS,
     "stats($self)\n--\n\nNumbers and totals, as Stats; exact at rest."},
    {"health", (PyCFunction)(void *)semaphore_health, METH_VARARGS | METH_KEYWORDS,
     "health($self, *, max_waiters=None, max_queue_bytes=None, max_wait=None, "
     "max_still=5.0)\n--\n\n"
     "Compare queue, memory, age and movement with limits, as Health. Call it regularly, more\n"
     "often than every max_still seconds."},
    {"wait_times", semaphore_wait_times, METH_NOARGS,
     "wait_times($self)\n--\n\nHow long requests waited, as Times. Needs statistics='full'."},
    {"hold_times", semaphore_hold_times, METH_NOARGS,
     "hold_times($self)\n--\n\nHow long Permits were held, as Times. Needs statistics='full'."},
    {"holders", semaphore_holders, METH_NOARGS,
     "holders($self)\n--\n\nWho holds Permits, a list of Holder, oldest first. Needs a ledger."},
    {NULL},
};

PyTypeObject Semaphore_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux.Semaphore",
    .tp_doc =
        "Semaphore(permits=1, *, queue='auto', fairness='fair', overflow='suspend',\n"
        "          max_waiters=0, max_queue_bytes=0, waiter_timeout=None, name=None,\n"
        "          statistics='counters', ledger=0, shed_target=None, shed_interval=None,\n"
        "          adaptive_lifo=False)\n--\n\n"
        "A limit on work in flight, for tasks of any number of loops and for threads at once.\n\n"
        "With a shed_target, in seconds, 0.005 say, requests that have waited too long are shed:\n"
        "they get Rejected, not permits. Too long is longer than shed_interval (0.1), and longer\n"
        "than shed_target while the queue stands, which is once it has not been empty for\n"
        "shed_interval. With adaptive_lifo the newest of a priority goes first meanwhile. No "
        "timer\n"
        "sheds, but calls that release or queue. A semaphore that sheds has no Tenants.",
    .tp_basicsize = sizeof(Semaphore),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = semaphore_new,
    .tp_dealloc = semaphore_dealloc,
    .tp_repr = semaphore_repr,
    .tp_weaklistoffset = offsetof(Semaphore, weakrefs),
    .tp_getset = semaphore_getset,
    .tp_methods = semaphore_methods,
};
