/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Controls: a semaphore's limit that finds itself. */
#include "afflux_python.h"

#include "fields.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const outcome_names[] = {"served", "dropped", "ignored", NULL};
static const char *const decision_names[] = {"kept", "raised", "lowered", "unknown"};
enum { DECISION_UNKNOWN = 3 };

/* ---- on_change ---------------------------------------------------------------------------------
 *
 * Another language may have a reference to the control, and keep it when the Python object has
 * gone. Then the library still calls, with this: so it is left behind where the handle was asked
 * for.
 */
struct listener {
  _Atomic(PyObject *) call; /* a reference; NULL: there is none any more; or CALLING */
};

static char calling_mark;
#define CALLING ((PyObject *)&calling_mark)

static listener *listener_new(PyObject *call) {
  listener *l = malloc(sizeof *l);
  if (l == NULL) return (listener *)PyErr_NoMemory();
  atomic_init(&l->call, Py_NewRef(call));
  return l;
}

/* acq_rel, here and below: the one who gets the object sees it as it was stored. */
static void listener_drop(listener *l) {
  PyObject *call = atomic_exchange_explicit(&l->call, NULL, memory_order_acq_rel);
  if (call != CALLING) Py_XDECREF(call);
}

static bool is_python_ending(void) {
#if PY_VERSION_HEX >= 0x030d0000
  return !Py_IsInitialized() || Py_IsFinalizing();
#else
  return !Py_IsInitialized() || _Py_IsFinalizing();
#endif
}

static void call_python(PyObject *call, uint64_t before, uint64_t after, uint32_t reason) {
  PyObject *done =
      PyObject_CallFunction(call, "KKs", (unsigned long long)before, (unsigned long long)after,
                            afflux_control_reason_text(reason));
  if (done == NULL) callback_failed(call);
  Py_XDECREF(done);
}

/* The library calls it on the thread that has changed the limit: one of Python's within a call of
   this module, with the GIL, or any other. One call at a time. */
static void tell(void *ctx, uint64_t before, uint64_t after, uint32_t reason) {
  listener *l = ctx;
  if (is_python_ending()) return;
  collect_flush(); /* those that growth has let in need not wait for what Python does now */
  const PyGILState_STATE gil = PyGILState_Ensure();
  PyObject *error[3];
  PyErr_Fetch(&error[0], &error[1], &error[2]);
  PyObject *call = atomic_exchange_explicit(&l->call, CALLING, memory_order_acq_rel);
  if (call != NULL) call_python(call, before, after, reason);
  PyObject *expected = CALLING;
  if (!atomic_compare_exchange_strong_explicit(&l->call, &expected, call, memory_order_acq_rel,
                                               memory_order_relaxed)) {
    Py_XDECREF(call); /* dropped meanwhile */
  }
  PyErr_Restore(error[0], error[1], error[2]);
  PyGILState_Release(gil);
}

/* ---- Creation and end --------------------------------------------------------------------------
 */

/* Takes over the control and the listener, which may be NULL. */
static PyObject *control_of(PyTypeObject *type, afflux_control *control, listener *l,
                            Semaphore *sem) {
  Control *self = (Control *)type->tp_alloc(type, 0);
  if (self == NULL) {
    COLLECTING(afflux_control_unref(control));
    if (l != NULL) listener_drop(l);
    free(l);
    return NULL;
  }
  self->control = control;
  self->listener = l;
  self->sem = (Semaphore *)Py_NewRef((PyObject *)sem);
  /* relaxed: permits acquired meanwhile may be of either kind. From now on they know their time. */
  atomic_store_explicit(&sem->uses_tokens, true, memory_order_relaxed);
  return (PyObject *)self;
}

/* None, or permits from 1 on. */
static int parse_bound(PyObject *value, const char *name, uint64_t *ret_permits) {
  if (value == NULL || value == Py_None) return 0;
  if (parse_u64(value, name, ret_permits) < 0) return -1;
  if (*ret_permits != 0) return 0;
  PyErr_Format(PyExc_ValueError, "%s must be at least 1, or None", name);
  return -1;
}

/* Seconds above 0; None: `none`. */
static int parse_span(PyObject *value, const char *name, int64_t none, int64_t *ret_ns) {
  if (value == NULL) return 0;
  int64_t ns;
  if (parse_timeout(value, &ns) < 0) return -1;
  if (ns == 0) {
    PyErr_Format(PyExc_ValueError, "%s must be above 0, or None", name);
    return -1;
  }
  if (value == Py_None)
    *ret_ns = none;
  else
    *ret_ns = ns == AFFLUX_FOREVER ? INT64_MAX : ns;
  return 0;
}

static int parse_algorithm(PyObject *value, uint32_t *ret_algorithm) {
  if (value == NULL) return 0;
  if (!PyUnicode_Check(value)) {
    PyErr_Format(PyExc_TypeError, "algorithm must be a str, not %.100s", Py_TYPE(value)->tp_name);
    return -1;
  }
  Py_ssize_t size;
  const char *name = PyUnicode_AsUTF8AndSize(value, &size);
  if (name == NULL) return -1;
  if (strlen(name) == (size_t)size &&
      afflux_control_find_algorithm(name, ret_algorithm) == AFFLUX_OK) {
    return 0;
  }
  PyErr_Format(PyExc_ValueError, "algorithm cannot be %R", value);
  return -1;
}

static PyObject *create_failed(afflux_status status) {
  switch (status) {
    case AFFLUX_EBUSY:
      PyErr_SetString(error_base, "another control steers the semaphore");
      return NULL;
    case AFFLUX_EINVAL:
      PyErr_SetString(PyExc_ValueError,
                      "min is above max, initial is not within them, or max is above 2**42 - 1");
      return NULL;
    default:
      return raise_status(status);
  }
}

static PyObject *control_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {
      "",        "algorithm",      "min",       "max", "initial", "seed", "window",
      "timeout", "probe_interval", "on_change", NULL};
  PyObject *sem, *algorithm = NULL, *min = NULL, *max = NULL, *initial = NULL, *seed = NULL,
                 *window = NULL, *timeout = NULL, *probe_interval = NULL, *on_change = Py_None;
  afflux_control_options o;
  afflux_control_options_init(&o);
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|$OOOOOOOOO:Control", names, &Semaphore_Type,
                                   &sem, &algorithm, &min, &max, &initial, &seed, &window, &timeout,
                                   &probe_interval, &on_change) ||
      parse_algorithm(algorithm, &o.algorithm) < 0 || parse_bound(min, "min", &o.min) < 0 ||
      parse_bound(max, "max", &o.max) < 0 || parse_bound(initial, "initial", &o.initial) < 0 ||
      (seed != NULL && parse_u64(seed, "seed", &o.seed) < 0) ||
      parse_span(window, "window", 0, &o.window_ns) < 0 ||
      parse_span(timeout, "timeout", INT64_MAX, &o.timeout_ns) < 0 ||
      parse_span(probe_interval, "probe_interval", INT64_MAX, &o.probe_interval_ns) < 0) {
    return NULL;
  }
  listener *l = NULL;
  if (on_change != Py_None) {
    if (!PyCallable_Check(on_change)) {
      return PyErr_Format(PyExc_TypeError, "on_change must be callable or None, not %.100s",
                          Py_TYPE(on_change)->tp_name);
    }
    l = listener_new(on_change);
    if (l == NULL) return NULL;
    o.on_change = tell;
    o.ctx = l;
  }
  afflux_control *control;
  afflux_status status;
  COLLECTING(status = afflux_control_create(((Semaphore *)sem)->sem, &o, &control));
  if (status == AFFLUX_OK) return control_of(type, control, l, (Semaphore *)sem);
  if (l != NULL) listener_drop(l);
  free(l);
  return create_failed(status);
}

static PyObject *control_from_handle(PyObject *type, PyObject *args) {
  PyObject *address, *sem;
  if (!PyArg_ParseTuple(args, "OO!:from_handle", &address, &Semaphore_Type, &sem)) return NULL;
  afflux_control *control = PyLong_AsVoidPtr(address);
  if (control == NULL) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "the handle is NULL");
    return NULL;
  }
  return control_of((PyTypeObject *)type, afflux_control_ref(control), NULL, (Semaphore *)sem);
}

static int control_traverse(PyObject *op, visitproc visit, void *arg) {
  Control *self = (Control *)op;
  Py_VISIT((PyObject *)self->sem);
  if (self->listener != NULL) {
    /* relaxed: the other threads stand still. While it is called, its caller has it. */
    PyObject *call = atomic_load_explicit(&self->listener->call, memory_order_relaxed);
    if (call != CALLING) Py_VISIT(call);
  }
  return 0;
}

static int control_clear(PyObject *op) {
  Control *self = (Control *)op;
  if (self->listener != NULL) listener_drop(self->listener);
  return 0;
}

static void control_dealloc(PyObject *op) {
  Control *self = (Control *)op;
  PyObject_GC_UnTrack(op);
  if (self->weakrefs != NULL) PyObject_ClearWeakRefs(op);
  COLLECTING(afflux_control_unref(self->control));
  control_clear(op);
  if (!atomic_load_explicit(&self->is_shared, memory_order_relaxed)) free(self->listener);
  Py_XDECREF((PyObject *)self->sem);
  Py_TYPE(op)->tp_free(op);
}

/* ---- Samples -----------------------------------------------------------------------------------
 */

int parse_outcome(PyObject *value, uint32_t *ret_outcome) {
  return parse_choice(value, "outcome", outcome_names, ret_outcome);
}

const char *outcome_name(uint32_t outcome) { return outcome_names[outcome]; }

int control_add_sample(Control *self, int64_t latency_ns, uint32_t outcome) {
  afflux_status status;
  COLLECTING(status = afflux_control_sample(self->control, latency_ns, outcome));
  if (status == AFFLUX_OK) return 0;
  raise_status(status);
  return -1;
}

/* Arguments of sample() and release(): one, and the outcome, which may be a keyword. */
static int parse_sampled(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                         uint32_t *ret_outcome) {
  const Py_ssize_t keywords = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
  *ret_outcome = AFFLUX_CONTROL_SERVED;
  if (nargs < 1 || nargs + keywords > 2) {
    PyErr_Format(PyExc_TypeError, "1 or 2 arguments, the second the outcome (%zd given)",
                 nargs + keywords);
    return -1;
  }
  if (keywords == 1 &&
      PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "outcome") != 0) {
    PyErr_Format(PyExc_TypeError, "unexpected argument %R", PyTuple_GET_ITEM(kwnames, 0));
    return -1;
  }
  return nargs + keywords == 1 ? 0 : parse_outcome(args[1], ret_outcome);
}

static PyObject *control_sample(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames) {
  uint32_t outcome;
  if (parse_sampled(args, nargs, kwnames, &outcome) < 0) return NULL;
  const double seconds = PyFloat_AsDouble(args[0]);
  if (seconds == -1.0 && PyErr_Occurred()) return NULL;
  if (!(seconds >= 0 && seconds < 9.2e9)) {
    PyErr_SetString(PyExc_ValueError, "a latency is a number of seconds from 0 on");
    return NULL;
  }
  if (control_add_sample((Control *)op, (int64_t)(seconds * 1e9), outcome) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *control_release(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames) {
  uint32_t outcome;
  if (parse_sampled(args, nargs, kwnames, &outcome) < 0) return NULL;
  if (!Py_IS_TYPE(args[0], &Permit_Type)) {
    return PyErr_Format(PyExc_TypeError, "can release a Permit only, not %.100s",
                        Py_TYPE(args[0])->tp_name);
  }
  const int released = permit_release_sampled(args[0], ((Control *)op)->control, outcome);
  return released < 0 ? NULL : PyBool_FromLong(released);
}

/* ---- Steering ----------------------------------------------------------------------------------
 */

static PyObject *done_or_before(afflux_status status) {
  if (status == AFFLUX_OK || status == AFFLUX_EALREADY) return PyBool_FromLong(status == AFFLUX_OK);
  return raise_status(status);
}

static PyObject *control_pause(PyObject *op, PyObject *unused) {
  return done_or_before(afflux_control_pause(((Control *)op)->control));
}

static PyObject *control_resume(PyObject *op, PyObject *unused) {
  afflux_status status;
  COLLECTING(status = afflux_control_resume(((Control *)op)->control));
  return done_or_before(status);
}

/* ---- Observers ---------------------------------------------------------------------------------
 */

#define FIELD(field, kind, count, doc) \
  {#field, doc, offsetof(afflux_control_stats, field), kind, count},
static const number_field stats_numbers[] = {AFFLUX_CONTROL_STATS(FIELD)};
enum { STATS_NUMBERS = sizeof stats_numbers / sizeof *stats_numbers, STATS_TEXTS = 4 };

static PyTypeObject *stats_type;
static PyStructSequence_Field stats_fields[STATS_NUMBERS + STATS_TEXTS + 1] = {
    {"algorithm", "its name, as given to Control()"},
    {"paused", "whether the limit is left alone"},
    {"decision", "what the end of the last window did to the limit: 'kept', 'raised', 'lowered'"},
    {"reason", "and why, in words"},
};
static PyStructSequence_Desc stats_desc = {"afflux.ControlStats",
                                           "What a control knows, and what it has done.",
                                           stats_fields, STATS_NUMBERS + STATS_TEXTS};

int control_init(void) {
  for (int i = 0; i < STATS_NUMBERS; ++i) {
    stats_fields[STATS_TEXTS + i].name = stats_numbers[i].name;
    stats_fields[STATS_TEXTS + i].doc = stats_numbers[i].doc;
  }
  stats_type = PyStructSequence_NewType(&stats_desc);
  return stats_type == NULL ? -1 : 0;
}

int control_add_types(PyObject *module) {
  return PyModule_AddObjectRef(module, "ControlStats", (PyObject *)stats_type);
}

static int read_stats(PyObject *op, afflux_control_stats *ret_stats) {
  afflux_control_stats_init(ret_stats);
  const afflux_status status = afflux_control_get_stats(((Control *)op)->control, ret_stats);
  if (status == AFFLUX_OK) return 0;
  raise_status(status);
  return -1;
}

static PyObject *control_stats(PyObject *op, PyObject *unused) {
  afflux_control_stats stats;
  if (read_stats(op, &stats) < 0) return NULL;
  /* The library may be newer than this file. */
  const uint32_t decision = stats.decision < DECISION_UNKNOWN ? stats.decision : DECISION_UNKNOWN;
  PyObject *items[STATS_NUMBERS + STATS_TEXTS] = {
      PyUnicode_FromString(afflux_control_algorithm_name(stats.algorithm)),
      PyBool_FromLong(stats.paused != 0),
      PyUnicode_FromString(decision_names[decision]),
      PyUnicode_FromString(afflux_control_reason_text(stats.reason)),
  };
  for (int i = 0; i < STATS_NUMBERS; ++i) {
    items[STATS_TEXTS + i] = number_of(&stats, &stats_numbers[i]);
  }
  return tuple_of(stats_type, items, STATS_NUMBERS + STATS_TEXTS);
}

static PyObject *control_get_semaphore(PyObject *op, void *unused) {
  return Py_NewRef((PyObject *)((Control *)op)->sem);
}

static PyObject *control_get_handle(PyObject *op, void *unused) {
  Control *self = (Control *)op;
  atomic_store_explicit(&self->is_shared, true, memory_order_relaxed);
  return PyLong_FromVoidPtr(self->control);
}

static PyObject *control_repr(PyObject *op) {
  afflux_control_stats stats;
  if (read_stats(op, &stats) < 0) return NULL;
  return PyUnicode_FromFormat("<afflux.Control '%s' limit=%llu%s>",
                              afflux_control_algorithm_name(stats.algorithm),
                              (unsigned long long)stats.limit, stats.paused != 0 ? " paused" : "");
}

static PyGetSetDef control_getset[] = {
    {"semaphore", control_get_semaphore, NULL, "The Semaphore that it steers."},
    {"handle", control_get_handle, NULL, "The address of the library's afflux_control, borrowed."},
    {NULL},
};

#define KEYWORDS (METH_FASTCALL | METH_KEYWORDS)
#define FAST(function) (PyCFunction)(void *)(function)

static PyMethodDef control_methods[] = {
    {"sample", FAST(control_sample), KEYWORDS,
     "sample($self, latency, /, outcome='served')\n--\n\n"
     "Tell of a request that has ended: its work took `latency` seconds, without the wait for the\n"
     "permit. Before its permits are released. `outcome`: 'served': it was done; 'dropped':\n"
     "overload ended it, such as a time-out; 'ignored': its latency says nothing."},
    {"release", FAST(control_release), KEYWORDS,
     "release($self, permit, /, outcome='served')\n--\n\n"
     "Give a Permit of the semaphore back, and tell of it: how long it was held is the latency.\n"
     "True; False if it was given back before, and nothing is counted. ValueError: it is of\n"
     "another semaphore, or was acquired before the control was made."},
    {"measure", FAST(control_measure), METH_FASTCALL | METH_KEYWORDS,
     "measure($self, *, dropped=TimeoutError)\n--\n\n"
     "A Measure: `with control.measure():` within the permit's block samples what it encloses,\n"
     "in tasks too. `dropped`: an exception class, or a tuple of them, by which overload shows; "
     "an\n"
     "exception group with one of them counts. Any other exception is 'ignored'."},
    {"pause", control_pause, METH_NOARGS,
     "pause($self)\n--\n\n"
     "Leave the limit alone. Samples go on being counted. True; False if it is paused already."},
    {"resume", control_resume, METH_NOARGS,
     "resume($self)\n--\n\n"
     "Go on, with what it knew before the pause. True; False if it is not paused."},
    {"stats", control_stats, METH_NOARGS,
     "stats($self)\n--\n\nWhat it knows, what it has done and why, as ControlStats."},
    {"from_handle", control_from_handle, METH_VARARGS | METH_CLASS,
     "from_handle($type, address, semaphore, /)\n--\n\n"
     "A control of another language in this process, by the address of its afflux_control, which\n"
     "must be valid for the call, and the semaphore that it steers. Takes a reference."},
    {NULL},
};

PyTypeObject Control_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux.Control",
    .tp_doc =
        "Control(semaphore, /, *, algorithm='default', min=None, max=None, initial=None,\n"
        "        seed=1, window=None, timeout=5.0, probe_interval=60.0, on_change=None)\n--\n\n"
        "Finds the semaphore's limit: told of requests that have ended, it moves the limit\n"
        "between min and max. One at a time for a semaphore, which it keeps alive.\n\n"
        "algorithm: 'default', 'aimd', 'vegas', 'gradient2' or 'gradient'.\n"
        "min, max: permits; None: the algorithm's.\n"
        "initial: permits; None: the semaphore's limit, brought within min and max.\n"
        "seed: of the jitter that some algorithms need, 0 to 2**64 - 1.\n"
        "window: seconds; None: what the algorithm takes by itself.\n"
        "timeout: seconds; by 'aimd' what took longer counts as dropped (None: no limit).\n"
        "probe_interval: seconds from probe to probe of 'gradient' (None: never again).\n"
        "on_change: called as on_change(before, after, reason) when the limit has changed, on the\n"
        "thread that closes a window, one call at a time. It may call anything; what it raises\n"
        "goes to sys.unraisablehook.\n\n"
        "Raises Closed, Error if another control steers the semaphore, ValueError, TypeError.",
    .tp_basicsize = sizeof(Control),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .tp_new = control_new,
    .tp_dealloc = control_dealloc,
    .tp_traverse = control_traverse,
    .tp_clear = control_clear,
    .tp_repr = control_repr,
    .tp_weaklistoffset = offsetof(Control, weakrefs),
    .tp_getset = control_getset,
    .tp_methods = control_methods,
};
