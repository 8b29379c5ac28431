/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Blocks that are samples of a control: how long they take, and how they end. */
#include "afflux_python.h"

#include <time.h>

enum { OUTCOME_BY_END = -1, NOT_RUNNING = -1 };

typedef struct {
  PyObject_HEAD Control *control;
  PyObject *dropped;     /* an exception class, or a tuple of them */
  _Atomic int64_t begin; /* ns, or NOT_RUNNING */
  atomic_int outcome;    /* AFFLUX_CONTROL_…, or OUTCOME_BY_END */
} Measure;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What `except` takes. */
static int check_dropped(PyObject *dropped) {
  const bool is_tuple = PyTuple_Check(dropped);
  const Py_ssize_t count = is_tuple ? PyTuple_GET_SIZE(dropped) : 1;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (PyExceptionClass_Check(is_tuple ? PyTuple_GET_ITEM(dropped, i) : dropped)) continue;
    PyErr_SetString(PyExc_TypeError, "dropped must be an exception class or a tuple of them");
    return -1;
  }
  return 0;
}

PyObject *control_measure(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames) {
  const Py_ssize_t keywords = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
  if (nargs != 0 || keywords > 1 ||
      (keywords == 1 &&
       PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "dropped") != 0)) {
    PyErr_SetString(PyExc_TypeError, "measure() takes the keyword argument `dropped` only");
    return NULL;
  }
  PyObject *dropped = keywords == 1 ? args[0] : PyExc_TimeoutError;
  if (check_dropped(dropped) < 0) return NULL;
  Measure *self = PyObject_GC_New(Measure, &Measure_Type);
  if (self == NULL) return NULL;
  self->control = (Control *)Py_NewRef(op);
  self->dropped = Py_NewRef(dropped);
  atomic_init(&self->begin, NOT_RUNNING);
  atomic_init(&self->outcome, OUTCOME_BY_END);
  PyObject_GC_Track(self);
  return (PyObject *)self;
}

static int measure_traverse(PyObject *op, visitproc visit, void *arg) {
  Measure *self = (Measure *)op;
  Py_VISIT((PyObject *)self->control);
  Py_VISIT(self->dropped);
  return 0;
}

/* A cycle through it goes through its control's on_change, or through a class: they clear it. */
static void measure_dealloc(PyObject *op) {
  Measure *self = (Measure *)op;
  PyObject_GC_UnTrack(op);
  Py_DECREF((PyObject *)self->control);
  Py_DECREF(self->dropped);
  PyObject_GC_Del(op);
}

static PyObject *measure_enter(PyObject *op, PyObject *unused) {
  Measure *self = (Measure *)op;
  int64_t expected = NOT_RUNNING;
  /* relaxed, here and below: a block begins and ends in one task or thread. */
  if (atomic_compare_exchange_strong_explicit(&self->begin, &expected, now(), memory_order_relaxed,
                                              memory_order_relaxed)) {
    return Py_NewRef(op);
  }
  PyErr_SetString(PyExc_RuntimeError, "this Measure is in use: each block needs one of its own");
  return NULL;
}

/* 1, 0, or -1 with an exception. */
static int is_dropped(Measure *self, PyObject *type, PyObject *value) {
  if (PyErr_GivenExceptionMatches(type, self->dropped)) return 1;
  const int is_group = PyObject_IsInstance(value, PyExc_BaseExceptionGroup);
  if (is_group <= 0) return is_group;
  PyObject *those = PyObject_CallMethod(value, "subgroup", "(O)", self->dropped);
  if (those == NULL) return -1;
  Py_DECREF(those);
  return those != Py_None;
}

static PyObject *measure_exit(PyObject *op, PyObject *const *args, Py_ssize_t nargs) {
  Measure *self = (Measure *)op;
  const int64_t begin = atomic_exchange_explicit(&self->begin, NOT_RUNNING, memory_order_relaxed);
  if (nargs != 3 || begin == NOT_RUNNING) {
    PyErr_SetString(PyExc_RuntimeError, "the block has not begun");
    return NULL;
  }
  const int64_t latency = now() - begin;
  int outcome = atomic_load_explicit(&self->outcome, memory_order_relaxed);
  if (outcome == OUTCOME_BY_END) {
    outcome = AFFLUX_CONTROL_SERVED;
    if (args[0] != Py_None) {
      const int dropped = is_dropped(self, args[0], args[1]);
      if (dropped < 0) return NULL;
      outcome = dropped != 0 ? AFFLUX_CONTROL_DROPPED : AFFLUX_CONTROL_IGNORED;
    }
  }
  if (control_add_sample(self->control, latency, (uint32_t)outcome) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *measure_get_outcome(PyObject *op, void *unused) {
  const int outcome = atomic_load_explicit(&((Measure *)op)->outcome, memory_order_relaxed);
  if (outcome == OUTCOME_BY_END) Py_RETURN_NONE;
  return PyUnicode_FromString(outcome_name((uint32_t)outcome));
}

static int measure_set_outcome(PyObject *op, PyObject *value, void *unused) {
  int outcome = OUTCOME_BY_END;
  if (value == NULL) {
    PyErr_SetString(PyExc_AttributeError, "outcome cannot be deleted");
    return -1;
  }
  if (value != Py_None) {
    uint32_t chosen;
    if (parse_outcome(value, &chosen) < 0) return -1;
    outcome = (int)chosen;
  }
  atomic_store_explicit(&((Measure *)op)->outcome, outcome, memory_order_relaxed);
  return 0;
}

static PyGetSetDef measure_getset[] = {
    {"outcome", measure_get_outcome, measure_set_outcome,
     "'served', 'dropped' or 'ignored', however the block ends; None: by how it ends."},
    {NULL},
};

static PyMethodDef measure_methods[] = {
    {"__enter__", measure_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void *)measure_exit, METH_FASTCALL, NULL},
    {NULL},
};

PyTypeObject Measure_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux.Measure",
    .tp_doc =
        "What Control.measure() returns, for `with`. The block is one sample: 'served' if it ends\n"
        "normally, 'dropped' or 'ignored' by its exception, unless it sets `outcome`.",
    .tp_basicsize = sizeof(Measure),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = measure_dealloc,
    .tp_traverse = measure_traverse,
    .tp_getset = measure_getset,
    .tp_methods = measure_methods,
};
