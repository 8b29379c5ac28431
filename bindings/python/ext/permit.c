/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Permits that know whether they have been given back. Where the semaphore has a ledger, hold times
 * or a control they are a token of the library, else a number.
 *
 * A permit object that goes without a release leaves its permits held, as asyncio.Semaphore does:
 * programs that say `await sem.acquire()` … `sem.release()` drop it at once.
 */
#include "afflux_python.h"

#include <stdlib.h>

typedef struct {
  PyObject_HEAD Semaphore *sem;
  Tenant *tenant;             /* whose they are; NULL: none's */
  _Atomic uint64_t permits;   /* 0: given back, forgotten or merged away; unused with a token */
  afflux_permit_token *token; /* NULL: without */
} Permit;

enum { SPARE_MAX = 64 };
#if KEEPS_SPARES
static Permit *spare[SPARE_MAX];
static int spare_count;
#endif

static Permit *permit_alloc(Semaphore *sem, Tenant *tenant, uint64_t permits,
                            afflux_permit_token *token) {
  Permit *self;
#if KEEPS_SPARES
  if (spare_count > 0) {
    self = spare[--spare_count];
    PyObject_Init((PyObject *)self, &Permit_Type);
  } else
#endif
  {
    self = PyObject_GC_New(Permit, &Permit_Type);
    if (self == NULL) return NULL;
  }
  self->sem = (Semaphore *)Py_NewRef((PyObject *)sem);
  self->tenant = (Tenant *)Py_XNewRef((PyObject *)tenant);
  atomic_init(&self->permits, permits);
  self->token = token;
  /* Only a semaphore or tenant of a subclass may refer to it; the collector need not know the
     others'. */
  if (!Py_IS_TYPE((PyObject *)sem, &Semaphore_Type) ||
      (tenant != NULL && !Py_IS_TYPE((PyObject *)tenant, &Tenant_Type))) {
    PyObject_GC_Track(self);
  }
  return self;
}

static int permit_traverse(PyObject *op, visitproc visit, void *arg) {
  Py_VISIT((PyObject *)((Permit *)op)->sem);
  Py_VISIT((PyObject *)((Permit *)op)->tenant);
  return 0;
}

static afflux_permit_token *adopt(Semaphore *sem, Tenant *tenant, uint64_t permits, PyObject *tag) {
  const char *text = NULL;
  if (tag != NULL) {
    text = PyUnicode_AsUTF8(tag);
    if (text == NULL) return NULL;
  }
  afflux_permit_token *token = calloc(1, sizeof *token);
  if (token == NULL) {
    PyErr_NoMemory();
    return NULL;
  }
  const afflux_status status = tenant == NULL
                                   ? afflux_permit_adopt_tagged(sem->sem, permits, text, token)
                                   : afflux_tenant_adopt(tenant->tenant, permits, text, token);
  if (status == AFFLUX_OK) return token;
  free(token);
  raise_status(status);
  return NULL;
}

PyObject *permit_new(Semaphore *sem, Tenant *tenant, uint64_t permits, PyObject *tag) {
  afflux_permit_token *token = NULL;
  Permit *self = NULL;
  /* relaxed: see control.c. */
  if (!atomic_load_explicit(&sem->uses_tokens, memory_order_relaxed) ||
      (token = adopt(sem, tenant, permits, tag)) != NULL) {
    self = permit_alloc(sem, tenant, permits, token);
    if (self != NULL) return (PyObject *)self;
  }
  if (token != NULL) {
    COLLECTING(afflux_permit_release(token));
    free(token);
  } else if (tenant != NULL) {
    COLLECTING(afflux_tenant_release(tenant->tenant, permits));
  } else {
    COLLECTING(afflux_sem_release(sem->sem, permits));
  }
  return NULL;
}

static void permit_dealloc(PyObject *op) {
  Permit *self = (Permit *)op;
  PyObject_GC_UnTrack(op);
  if (self->token != NULL) {
    afflux_permit_forget(self->token);
    free(self->token);
  }
  Py_DECREF(self->sem);
  Py_XDECREF((PyObject *)self->tenant);
#if KEEPS_SPARES
  if (spare_count < SPARE_MAX) {
    spare[spare_count++] = self;
    return;
  }
#endif
  PyObject_GC_Del(op);
}

/* relaxed, here and below: one thread gets them, and what permits order, the semaphore orders. */
static uint64_t take_all(Permit *self) {
  return atomic_exchange_explicit(&self->permits, 0, memory_order_relaxed);
}

int permit_release(PyObject *op) {
  Permit *self = (Permit *)op;
  if (self->token == NULL) {
    const uint64_t permits = take_all(self);
    if (permits == 0) return 0;
    const int failed = self->tenant == NULL ? semaphore_release(self->sem, permits)
                                            : tenant_release(self->tenant, permits);
    return failed < 0 ? -1 : 1;
  }
  afflux_status status;
  COLLECTING(status = afflux_permit_release(self->token));
  if (status == AFFLUX_OK) return 1;
  if (status == AFFLUX_EALREADY) return 0;
  raise_status(status);
  return -1;
}

int permit_release_sampled(PyObject *op, afflux_control *control, uint32_t outcome) {
  Permit *self = (Permit *)op;
  afflux_status status;
  if (self->token == NULL) {
    /* relaxed: as below. */
    const bool is_empty = atomic_load_explicit(&self->permits, memory_order_relaxed) == 0;
    status = is_empty ? AFFLUX_EALREADY : AFFLUX_EINVAL;
  } else {
    COLLECTING(status = afflux_control_release(control, self->token, outcome));
  }
  if (status == AFFLUX_OK) return 1;
  if (status == AFFLUX_EALREADY) return 0;
  if (status == AFFLUX_EINVAL) {
    PyErr_SetString(PyExc_ValueError,
                    "the permit is of another semaphore, or was acquired before the control");
  } else {
    raise_status(status);
  }
  return -1;
}

static PyObject *permit_release_method(PyObject *op, PyObject *unused) {
  const int released = permit_release(op);
  return released < 0 ? NULL : PyBool_FromLong(released);
}

static PyObject *permit_forget(PyObject *op, PyObject *unused) {
  Permit *self = (Permit *)op;
  const bool forgot =
      self->token == NULL ? take_all(self) != 0 : afflux_permit_forget(self->token) == AFFLUX_OK;
  return PyBool_FromLong(forgot);
}

static uint64_t permit_count(const Permit *self) {
  return self->token == NULL ? atomic_load_explicit(&self->permits, memory_order_relaxed)
                             : afflux_permit_count(self->token);
}

static PyObject *permit_split(PyObject *op, PyObject *arg) {
  Permit *self = (Permit *)op;
  uint64_t n;
  if (parse_permits(arg, &n) < 0) return NULL;
  Permit *other = permit_alloc(self->sem, self->tenant, 0, NULL);
  if (other == NULL) return NULL;
  if (self->token != NULL) {
    other->token = calloc(1, sizeof *other->token);
    if (other->token == NULL) {
      Py_DECREF(other);
      return PyErr_NoMemory();
    }
    if (afflux_permit_split(self->token, n, other->token) == AFFLUX_OK) return (PyObject *)other;
  } else {
    uint64_t has = atomic_load_explicit(&self->permits, memory_order_relaxed);
    while (n < has) {
      if (atomic_compare_exchange_weak_explicit(&self->permits, &has, has - n, memory_order_relaxed,
                                                memory_order_relaxed)) {
        atomic_store_explicit(&other->permits, n, memory_order_relaxed);
        return (PyObject *)other;
      }
    }
  }
  Py_DECREF(other);
  PyErr_Format(PyExc_ValueError, "cannot split %llu permits off %llu: some must stay",
               (unsigned long long)n, (unsigned long long)permit_count(self));
  return NULL;
}

/* Move all of `other`. false: one of both has been given back, perhaps meanwhile by another thread.
 */
static bool merge_counts(Permit *self, Permit *other) {
  uint64_t has = atomic_load_explicit(&self->permits, memory_order_relaxed);
  if (has == 0) return false;
  const uint64_t moved = take_all(other);
  if (moved == 0) return false;
  do {
    if (atomic_compare_exchange_weak_explicit(&self->permits, &has, has + moved,
                                              memory_order_relaxed, memory_order_relaxed)) {
      return true;
    }
  } while (has != 0);
  atomic_fetch_add_explicit(&other->permits, moved, memory_order_relaxed);
  return false;
}

static afflux_tenant *tenant_of(const Permit *self) {
  return self->tenant == NULL ? NULL : self->tenant->tenant;
}

static PyObject *permit_merge(PyObject *op, PyObject *arg) {
  Permit *self = (Permit *)op;
  if (!Py_IS_TYPE(arg, &Permit_Type)) {
    return PyErr_Format(PyExc_TypeError, "can merge a Permit only, not %.100s",
                        Py_TYPE(arg)->tp_name);
  }
  Permit *other = (Permit *)arg;
  if (self == other || self->sem->sem != other->sem->sem || tenant_of(self) != tenant_of(other) ||
      (self->token == NULL) != (other->token == NULL)) {
    PyErr_SetString(PyExc_ValueError,
                    "can merge another permit of the same semaphore and tenant only");
    return NULL;
  }
  afflux_status status;
  if (self->token != NULL)
    status = afflux_permit_merge(self->token, other->token);
  else
    status = merge_counts(self, other) ? AFFLUX_OK : AFFLUX_EALREADY;
  if (status == AFFLUX_OK) Py_RETURN_NONE;
  if (status != AFFLUX_EALREADY) return raise_status(status);
  PyErr_SetString(PyExc_ValueError, "a permit that was given back cannot be merged");
  return NULL;
}

static PyObject *permit_enter(PyObject *op, PyObject *unused) { return Py_NewRef(op); }

static PyObject *permit_exit(PyObject *op, PyObject *const *args, Py_ssize_t nargs) {
  if (permit_release(op) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *permit_get_permits(PyObject *op, void *unused) {
  return PyLong_FromUnsignedLongLong(permit_count((Permit *)op));
}

static PyObject *permit_get_id(PyObject *op, void *unused) {
  const afflux_permit_token *token = ((Permit *)op)->token;
  const uint64_t id = afflux_permit_id(token);
  if (id == 0) Py_RETURN_NONE;
  return PyLong_FromUnsignedLongLong(id);
}

static PyObject *permit_get_held_ns(PyObject *op, void *unused) {
  const afflux_permit_token *token = ((Permit *)op)->token;
  if (afflux_permit_id(token) == 0) Py_RETURN_NONE;
  return PyLong_FromLongLong(afflux_permit_held_ns(token));
}

static PyObject *permit_get_semaphore(PyObject *op, void *unused) {
  return Py_NewRef((PyObject *)((Permit *)op)->sem);
}

static PyObject *permit_get_tenant(PyObject *op, void *unused) {
  Permit *self = (Permit *)op;
  return Py_NewRef(self->tenant == NULL ? Py_None : (PyObject *)self->tenant);
}

static PyObject *permit_repr(PyObject *op) {
  return PyUnicode_FromFormat("<afflux.Permit permits=%llu>",
                              (unsigned long long)permit_count((Permit *)op));
}

static PyGetSetDef permit_getset[] = {
    {"permits", permit_get_permits, NULL, "Permits that it holds; 0 once they were given back."},
    {"id", permit_get_id, NULL,
     "Its number, unique in the process, as in the ledger; None without a ledger, hold times and "
     "a\n"
     "Control."},
    {"held_ns", permit_get_held_ns, NULL,
     "Nanoseconds since it was acquired; None without a ledger, hold times and a Control."},
    {"semaphore", permit_get_semaphore, NULL, "Where it was acquired."},
    {"tenant", permit_get_tenant, NULL,
     "The Tenant whose permits it has; None: they are no Tenant's."},
    {NULL},
};

static PyMethodDef permit_methods[] = {
    {"release", permit_release_method, METH_NOARGS,
     "release($self)\n--\n\nGive all of it back. True; False if that was done before: of any "
     "number of "
     "threads\nexactly one gets True."},
    {"forget", permit_forget, METH_NOARGS,
     "forget($self)\n--\n\nEmpty it without giving back: the permits stay held until "
     "Semaphore.release(n),\nor Tenant.release(n) if they are a tenant's."},
    {"split", permit_split, METH_O,
     "split($self, n, /)\n--\n\nMove n of its permits into a new Permit. ValueError: it has not "
     "more than n."},
    {"merge", permit_merge, METH_O,
     "merge($self, other, /)\n--\n\nMove all permits of another Permit of the same semaphore and "
     "tenant into this one."},
    {"__enter__", permit_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void *)permit_exit, METH_FASTCALL, NULL},
    {NULL},
};

PyTypeObject Permit_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux.Permit",
    .tp_doc = "Permits that were acquired. Give them back by release(), or use it in `with`.",
    .tp_basicsize = sizeof(Permit),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = permit_dealloc,
    .tp_traverse = permit_traverse,
    .tp_repr = permit_repr,
    .tp_getset = permit_getset,
    .tp_methods = permit_methods,
};
