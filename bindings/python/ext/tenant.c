/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Tenants: callers of one semaphore that cannot starve each other. Their requests go the way of the
 * semaphore's (Terms.tenant), but always by a call: the library has to know whose they are.
 */
#include "afflux_python.h"

#include "fields.h"

#include <stddef.h>
#include <string.h>

#define TENANT(op) (((Tenant *)(op))->tenant)

PyObject *raise_tenant_status(afflux_status status) {
  switch (status) {
    case AFFLUX_ECLOSED:
      PyErr_SetString(error_closed, "the tenant or its semaphore is closed");
      return NULL;
    case AFFLUX_E2BIG:
      PyErr_SetString(error_too_large,
                      "more permits than the semaphore's limit or the tenant's cap");
      return NULL;
    case AFFLUX_EOVERFLOW:
      PyErr_SetString(PyExc_ValueError, "more permits released than the tenant holds");
      return NULL;
    default:
      return raise_status(status);
  }
}

/* ---- The share --------------------------------------------------------------------------------
 */

static int parse_weight(PyObject *value, uint32_t *ret_weight) {
  uint64_t weight;
  if (parse_u64(value, "weight", &weight) < 0) return -1;
  if (weight < 1 || weight > AFFLUX_TENANT_MAX_WEIGHT) {
    PyErr_SetString(PyExc_ValueError, "weight is out of range: 1 to 65,535");
    return -1;
  }
  *ret_weight = (uint32_t)weight;
  return 0;
}

typedef struct {
  PyObject *weight, *guaranteed, *cap, *max_waiters; /* NULL: not given */
} share_arguments;

/* Overwrites what is given. */
static int parse_share(const share_arguments *given, afflux_tenant_options *options) {
  if ((given->weight != NULL && parse_weight(given->weight, &options->weight) < 0) ||
      (given->guaranteed != NULL &&
       parse_u64(given->guaranteed, "guaranteed", &options->guaranteed) < 0) ||
      (given->cap != NULL && parse_u64(given->cap, "cap", &options->cap) < 0) ||
      (given->max_waiters != NULL &&
       parse_u64(given->max_waiters, "max_waiters", &options->max_waiters) < 0)) {
    return -1;
  }
  return 0;
}

static PyObject *share_refused(afflux_status status) {
  switch (status) {
    case AFFLUX_EINVAL:
      PyErr_SetString(PyExc_ValueError, "guaranteed is above cap or 2**42 - 1");
      return NULL;
    case AFFLUX_ENOTSUP:
      PyErr_SetString(PyExc_ValueError,
                      "a semaphore with tenants has fairness='fair', and sheds no request");
      return NULL;
    default:
      return raise_tenant_status(status);
  }
}

/* Between the two calls nothing of Python's runs; another object of the same tenant may come
   between them. */
static afflux_status change_share(PyObject *op, const share_arguments *given,
                                  const afflux_tenant_options *wanted) {
  afflux_tenant_stats now;
  afflux_tenant_stats_init(&now);
  afflux_status status = afflux_tenant_get_stats(TENANT(op), &now);
  if (status != AFFLUX_OK) return status;
  afflux_tenant_options options = *wanted;
  if (given->weight == NULL) options.weight = now.weight;
  if (given->guaranteed == NULL) options.guaranteed = now.guaranteed;
  if (given->cap == NULL) options.cap = now.cap;
  if (given->max_waiters == NULL) options.max_waiters = now.max_waiters;
  COLLECTING(status = afflux_tenant_set(TENANT(op), &options));
  return status;
}

/* ---- Creation and end --------------------------------------------------------------------------
 */

/* Takes over the reference. */
static PyObject *tenant_of(PyTypeObject *type, afflux_tenant *tenant, PyObject *sem) {
  Tenant *self = (Tenant *)type->tp_alloc(type, 0);
  if (self == NULL) {
    COLLECTING(afflux_tenant_unref(tenant));
    return NULL;
  }
  self->tenant = tenant;
  self->sem = (Semaphore *)Py_NewRef(sem);
  return (PyObject *)self;
}

static PyObject *tenant_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"", "name", "weight", "guaranteed", "cap", "max_waiters", NULL};
  PyObject *sem;
  share_arguments given = {NULL};
  afflux_tenant_options options;
  afflux_tenant_options_init(&options);
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|z$OOOO:Tenant", names, &Semaphore_Type, &sem,
                                   &options.name, &given.weight, &given.guaranteed, &given.cap,
                                   &given.max_waiters) ||
      parse_share(&given, &options) < 0) {
    return NULL;
  }
  afflux_tenant *tenant;
  afflux_status status;
  COLLECTING(status = afflux_tenant_create(((Semaphore *)sem)->sem, &options, &tenant));
  return status == AFFLUX_OK ? tenant_of(type, tenant, sem) : share_refused(status);
}

static PyObject *tenant_from_handle(PyObject *type, PyObject *args) {
  PyObject *address, *sem;
  if (!PyArg_ParseTuple(args, "OO!:from_handle", &address, &Semaphore_Type, &sem)) return NULL;
  afflux_tenant *tenant = PyLong_AsVoidPtr(address);
  if (tenant == NULL) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "the handle is NULL");
    return NULL;
  }
  return tenant_of((PyTypeObject *)type, afflux_tenant_ref(tenant), sem);
}

/* A cycle through it goes through the attributes of a subclass, which Python clears. */
static int tenant_traverse(PyObject *op, visitproc visit, void *arg) {
  Py_VISIT((PyObject *)((Tenant *)op)->sem);
  return 0;
}

static void tenant_dealloc(PyObject *op) {
  Tenant *self = (Tenant *)op;
  PyObject_GC_UnTrack(op);
  if (self->weakrefs != NULL) PyObject_ClearWeakRefs(op);
  COLLECTING(afflux_tenant_unref(self->tenant));
  Py_XDECREF((PyObject *)self->sem);
  Py_TYPE(op)->tp_free(op);
}

static PyObject *tenant_set(PyObject *op, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"weight", "guaranteed", "cap", "max_waiters", NULL};
  share_arguments given = {NULL};
  afflux_tenant_options wanted;
  afflux_tenant_options_init(&wanted);
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO:set", names, &given.weight,
                                   &given.guaranteed, &given.cap, &given.max_waiters) ||
      parse_share(&given, &wanted) < 0) {
    return NULL;
  }
  afflux_status status;
  CRITICAL(op, status = change_share(op, &given, &wanted));
  if (status != AFFLUX_OK) return share_refused(status);
  Py_RETURN_NONE;
}

static PyObject *tenant_close(PyObject *op, PyObject *unused) {
  afflux_status status;
  COLLECTING(status = afflux_tenant_close(TENANT(op)));
  if (status != AFFLUX_OK && status != AFFLUX_EALREADY) return raise_tenant_status(status);
  Py_RETURN_NONE;
}

/* ---- Acquire and release ----------------------------------------------------------------------
 */

int tenant_release(Tenant *tenant, uint64_t permits) {
  afflux_status status;
  COLLECTING(status = afflux_tenant_release(tenant->tenant, permits));
  if (status == AFFLUX_OK) return 0;
  raise_tenant_status(status);
  return -1;
}

static Terms terms_of(PyObject *op, enum request_kind kind) {
  Terms terms = TERMS_INIT(kind);
  terms.tenant = op;
  return terms;
}

static PyObject *target_of(PyObject *op) { return (PyObject *)((Tenant *)op)->sem; }

static PyObject *tenant_aenter(PyObject *op, PyObject *unused) {
  const Terms terms = terms_of(op, REQUEST_ENTER);
  return acquire_new(target_of(op), &terms);
}

static PyObject *tenant_aexit(PyObject *op, PyObject *const *args, Py_ssize_t nargs) {
  return tenant_release((Tenant *)op, 1) < 0 ? NULL : Py_NewRef(ready);
}

static PyObject *tenant_enter(PyObject *op, PyObject *unused) {
  const Terms terms = terms_of(op, REQUEST_ENTER);
  return acquire_blocking(target_of(op), &terms);
}

static PyObject *tenant_exit(PyObject *op, PyObject *const *args, Py_ssize_t nargs) {
  if (tenant_release((Tenant *)op, 1) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *tenant_acquire(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames) {
  Terms terms = terms_of(op, REQUEST_PERMIT);
  return parse_acquire(&terms, args, nargs, kwnames) < 0 ? NULL
                                                         : acquire_new(target_of(op), &terms);
}

static PyObject *tenant_acquire_blocking(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                                         PyObject *kwnames) {
  Terms terms = terms_of(op, REQUEST_PERMIT);
  return parse_acquire(&terms, args, nargs, kwnames) < 0 ? NULL
                                                         : acquire_blocking(target_of(op), &terms);
}

static PyObject *tenant_try_acquire(PyObject *op, PyObject *const *args, Py_ssize_t nargs) {
  Tenant *self = (Tenant *)op;
  uint64_t n;
  if (parse_n(args, nargs, &n) < 0) return NULL;
  afflux_status status;
  COLLECTING(status = afflux_tenant_try_acquire(self->tenant, n));
  if (status == AFFLUX_EAGAIN) Py_RETURN_NONE;
  return status == AFFLUX_OK ? held_unless_interrupted(permit_new(self->sem, self, n, NULL))
                             : raise_tenant_status(status);
}

static PyObject *tenant_release_method(PyObject *op, PyObject *const *args, Py_ssize_t nargs) {
  uint64_t n;
  if (parse_n(args, nargs, &n) < 0 || tenant_release((Tenant *)op, n) < 0) return NULL;
  Py_RETURN_NONE;
}

PyObject *semaphore_set_default_weight(PyObject *op, PyObject *arg) {
  uint32_t weight;
  if (parse_weight(arg, &weight) < 0) return NULL;
  afflux_status status;
  COLLECTING(status = afflux_tenant_set_default_weight(((Semaphore *)op)->sem, weight));
  if (status == AFFLUX_ENOTSUP) return share_refused(status);
  if (status != AFFLUX_OK) return raise_status(status);
  Py_RETURN_NONE;
}

/* ---- Observers ---------------------------------------------------------------------------------
 */

#define FIELD(field, kind, count, doc) \
  {#field, doc, offsetof(afflux_tenant_stats, field), kind, count},
static const number_field stats_numbers[] = {AFFLUX_TENANT_STATS(FIELD)};
enum { STATS_NUMBERS = sizeof stats_numbers / sizeof *stats_numbers };

static PyTypeObject *stats_type;
static PyStructSequence_Field stats_fields[STATS_NUMBERS + 2] = {
    {"weight", "of permit-seconds, relative to the other tenants that wait"},
};
static PyStructSequence_Desc stats_desc = {"afflux.TenantStats", "What a tenant has, and has had.",
                                           stats_fields, STATS_NUMBERS + 1};

int tenant_init(void) {
  for (int i = 0; i < STATS_NUMBERS; ++i) {
    stats_fields[i + 1].name = stats_numbers[i].name;
    stats_fields[i + 1].doc = stats_numbers[i].doc;
  }
  stats_type = PyStructSequence_NewType(&stats_desc);
  return stats_type == NULL ? -1 : 0;
}

int tenant_add_types(PyObject *module) {
  return PyModule_AddObjectRef(module, "TenantStats", (PyObject *)stats_type);
}

static int read_stats(PyObject *op, afflux_tenant_stats *ret_stats) {
  afflux_tenant_stats_init(ret_stats);
  const afflux_status status = afflux_tenant_get_stats(TENANT(op), ret_stats);
  if (status == AFFLUX_OK) return 0;
  raise_tenant_status(status);
  return -1;
}

static PyObject *tenant_stats(PyObject *op, PyObject *unused) {
  afflux_tenant_stats stats;
  if (read_stats(op, &stats) < 0) return NULL;
  PyObject *items[STATS_NUMBERS + 1] = {PyLong_FromUnsignedLong(stats.weight)};
  for (int i = 0; i < STATS_NUMBERS; ++i) items[i + 1] = number_of(&stats, &stats_numbers[i]);
  return tuple_of(stats_type, items, STATS_NUMBERS + 1);
}

static PyObject *tenant_get_name(PyObject *op, void *unused) {
  const char *name = afflux_tenant_name(TENANT(op));
  return PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "replace");
}

static PyObject *tenant_get_semaphore(PyObject *op, void *unused) {
  return Py_NewRef(target_of(op));
}

static PyObject *tenant_get_handle(PyObject *op, void *unused) {
  return PyLong_FromVoidPtr(TENANT(op));
}

static PyObject *tenant_repr(PyObject *op) {
  afflux_tenant_stats stats;
  PyObject *name = read_stats(op, &stats) < 0 ? NULL : tenant_get_name(op, NULL);
  if (name == NULL) return NULL;
  PyObject *repr = PyUnicode_FromFormat("<afflux.Tenant %R weight=%u held=%llu waiting=%llu>", name,
                                        (unsigned)stats.weight, (unsigned long long)stats.held,
                                        (unsigned long long)stats.waiting);
  Py_DECREF(name);
  return repr;
}

static PyGetSetDef tenant_getset[] = {
    {"name", tenant_get_name, NULL, "The name given at creation, '' without one."},
    {"semaphore", tenant_get_semaphore, NULL, "The Semaphore that it shares."},
    {"handle", tenant_get_handle, NULL, "The address of the library's afflux_tenant, borrowed."},
    {NULL},
};

#define KEYWORDS (METH_FASTCALL | METH_KEYWORDS)
#define FAST(function) (PyCFunction)(void *)(function)

static PyMethodDef tenant_methods[] = {
    {"acquire", FAST(tenant_acquire), KEYWORDS,
     "acquire($self, n=1, *, priority=1, timeout=None, cost=0, tag=None, "
     "wait_for_resize=False)\n--\n\n"
     "As Semaphore.acquire(), for the tenant: `async with tenant.acquire(n) as permit:`. The\n"
     "Permit goes back to the tenant. The priority is among its own requests.\n\n"
     "Raises TimeoutError, Closed, Rejected (also beyond its max_waiters), TooLarge (also for "
     "more\n"
     "than its cap)."},
    {"acquire_blocking", FAST(tenant_acquire_blocking), KEYWORDS,
     "acquire_blocking($self, n=1, *, priority=1, timeout=None, cost=0, tag=None, "
     "wait_for_resize=False)\n--\n\n"
     "The same for a thread, which sleeps with the GIL released. Not within an event loop:\n"
     "it blocks all of it."},
    {"try_acquire", FAST(tenant_try_acquire), METH_FASTCALL,
     "try_acquire($self, n=1, /)\n--\n\n"
     "A Permit of the tenant, or None if they are not free, others wait, or it would hold more\n"
     "than its cap."},
    {"release", FAST(tenant_release_method), METH_FASTCALL,
     "release($self, n=1, /)\n--\n\n"
     "Give n permits of the tenant back, from any task or thread. ValueError: it holds fewer."},
    {"set", (PyCFunction)(void *)tenant_set, METH_VARARGS | METH_KEYWORDS,
     "set($self, *, weight=..., guaranteed=..., cap=..., max_waiters=...)\n--\n\n"
     "Change its share, from now on; what is not given stays. What it holds beyond a lower cap it\n"
     "keeps; queued requests for more than that raise TooLarge."},
    {"close", tenant_close, METH_NOARGS,
     "close($self)\n--\n\n"
     "Its queued and new requests raise Closed. What it holds may be released. The semaphore is\n"
     "open as before."},
    {"stats", tenant_stats, METH_NOARGS,
     "stats($self)\n--\n\nIts share, what it has and has had, as TenantStats."},
    {"from_handle", tenant_from_handle, METH_VARARGS | METH_CLASS,
     "from_handle($type, address, semaphore, /)\n--\n\n"
     "A tenant of another language in this process, by the address of its afflux_tenant, which\n"
     "must be valid for the call, and the semaphore that it shares. Takes a reference."},
    {"__aenter__", tenant_aenter, METH_NOARGS, NULL},
    {"__aexit__", FAST(tenant_aexit), METH_FASTCALL, NULL},
    {"__enter__", tenant_enter, METH_NOARGS, NULL},
    {"__exit__", FAST(tenant_exit), METH_FASTCALL, NULL},
    {NULL},
};

PyTypeObject Tenant_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux.Tenant",
    .tp_doc =
        "Tenant(semaphore, /, name=None, *, weight=1, guaranteed=0, cap=0, max_waiters=0)\n--\n\n"
        "One of those who share a semaphore and cannot starve each other: a customer, a user, a\n"
        "kind of request. Its requests have a queue of their own. Among tenants that wait,\n"
        "permits times the seconds that they are held are shared by weight. The requests that "
        "name\n"
        "none are together those of one more tenant (Semaphore.set_default_weight()).\n\n"
        "weight: 1 to 65,535, relative to the other tenants that wait.\n"
        "guaranteed: permits that come before all weights; what it does not use is lent to "
        "others.\n"
        "cap: permits that it holds at most; 0: no cap.\n"
        "max_waiters: requests that queue at most, others raise Rejected; 0: the semaphore's "
        "limit.\n\n"
        "It keeps the semaphore alive. When the object, and all that refers to it, has gone, the\n"
        "tenant is closed. Raises Closed; ValueError, also for a semaphore with\n"
        "fairness='throughput' or a shed_target; TypeError.",
    .tp_basicsize = sizeof(Tenant),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .tp_new = tenant_new,
    .tp_dealloc = tenant_dealloc,
    .tp_traverse = tenant_traverse,
    .tp_repr = tenant_repr,
    .tp_weaklistoffset = offsetof(Tenant, weakrefs),
    .tp_getset = tenant_getset,
    .tp_methods = tenant_methods,
};
