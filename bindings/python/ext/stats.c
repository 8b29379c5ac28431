/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a semaphore tells of itself, as named tuples. */
#include "afflux_python.h"

#include "fields.h"

#include <stddef.h>
#include <string.h>

/* ---- Named tuples ------------------------------------------------------------------------------
 */

#define FIELD(field, kind, count, doc) \
  {#field, doc, offsetof(afflux_sem_stats, field), kind, count},
static const number_field stats_numbers[] = {AFFLUX_SEM_STATS(FIELD)};
enum { STATS_NUMBERS = sizeof stats_numbers / sizeof *stats_numbers };

static PyTypeObject *stats_type, *health_type, *times_type, *holder_type;

static PyStructSequence_Field stats_fields[STATS_NUMBERS + 2] = {
    {"statistics", "'off', 'counters' or 'full': what the semaphore counts"},
};

static PyStructSequence_Field health_fields[] = {
    {"healthy", "whether no limit is passed"},
    {"reasons",
     "the limits that are passed: 'waiters', 'queue_bytes', 'wait', 'closed', 'debt' "
     "(no reason to be unhealthy), 'standstill'"},
    {"waiters", "requests queued"},
    {"queue_bytes", "the sum of their costs"},
    {"oldest_wait_ns", "how long the first has waited"},
    {"still_ns", "how long nothing has moved although requests wait"},
    {"unserved", "requests that have come in vain since then"},
    {NULL},
};

static PyStructSequence_Field times_fields[] = {
    {"recorded", "how many"},         {"sum_ns", "their sum"},
    {"max_ns", "the longest"},        {"p50_ns", "the median, to 3.1 %"},
    {"p90_ns", "90th percentile"},    {"p99_ns", "99th percentile"},
    {"p999_ns", "99.9th percentile"}, {NULL},
};

static PyStructSequence_Field holder_fields[] = {
    {"id", "Permit.id"},
    {"permits", "how many it holds"},
    {"held_ns", "since it was acquired"},
    {"tag", "as given to acquire(), cut after 47 bytes"},
    {NULL},
};

static PyStructSequence_Desc health_desc = {"afflux.Health", "How a semaphore is.", health_fields,
                                            7};
static PyStructSequence_Desc times_desc = {"afflux.Times", "A histogram of times in short.",
                                           times_fields, 7};
static PyStructSequence_Desc holder_desc = {"afflux.Holder", "One holder of permits.",
                                            holder_fields, 4};
static PyStructSequence_Desc stats_desc = {"afflux.Stats", "What a semaphore has done.",
                                           stats_fields, STATS_NUMBERS + 1};

static const struct {
  const char *name;
  PyTypeObject **type;
  PyStructSequence_Desc *desc;
} named_tuples[] = {{"Stats", &stats_type, &stats_desc},
                    {"Health", &health_type, &health_desc},
                    {"Times", &times_type, &times_desc},
                    {"Holder", &holder_type, &holder_desc}};
enum { NAMED_TUPLES = sizeof named_tuples / sizeof *named_tuples };

int stats_init(void) {
  for (int i = 0; i < STATS_NUMBERS; ++i) {
    stats_fields[i + 1].name = stats_numbers[i].name;
    stats_fields[i + 1].doc = stats_numbers[i].doc;
  }
  for (size_t i = 0; i < NAMED_TUPLES; ++i) {
    *named_tuples[i].type = PyStructSequence_NewType(named_tuples[i].desc);
    if (*named_tuples[i].type == NULL) return -1;
  }
  return 0;
}

int stats_add_types(PyObject *module) {
  for (size_t i = 0; i < NAMED_TUPLES; ++i) {
    PyObject *type = (PyObject *)*named_tuples[i].type;
    if (PyModule_AddObjectRef(module, named_tuples[i].name, type) < 0) return -1;
  }
  return 0;
}

PyObject *tuple_of(PyTypeObject *type, PyObject **items, Py_ssize_t count) {
  PyObject *tuple = PyStructSequence_New(type);
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (items[i] == NULL) Py_CLEAR(tuple);
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (tuple != NULL)
      PyStructSequence_SetItem(tuple, i, items[i]);
    else
      Py_XDECREF(items[i]);
  }
  return tuple;
}

static PyObject *single_number(const void *at, char kind) {
  switch (kind) {
    case 'u':
      return PyLong_FromUnsignedLongLong(*(const uint64_t *)at);
    case 'i':
      return PyLong_FromLongLong(*(const int64_t *)at);
    default:
      return PyFloat_FromDouble(*(const double *)at);
  }
}

PyObject *number_of(const void *base, const number_field *field) {
  const char *at = (const char *)base + field->offset;
  if (field->count == 1) return single_number(at, field->kind);
  PyObject *tuple = PyTuple_New(field->count);
  for (Py_ssize_t i = 0; tuple != NULL && i < field->count; ++i) {
    PyObject *item = single_number(at + 8 * i, field->kind); /* each kind has 8 bytes */
    if (item == NULL)
      Py_CLEAR(tuple);
    else
      PyTuple_SET_ITEM(tuple, i, item);
  }
  return tuple;
}

/* ---- Statistics ---------------------------------------------------------------------------------
 */

PyObject *semaphore_stats(PyObject *op, PyObject *unused) {
  static const char *const names[] = {"default", "off", "counters", "full"};
  afflux_sem_stats stats;
  afflux_sem_stats_init(&stats);
  const afflux_status status = afflux_sem_get_stats(((Semaphore *)op)->sem, &stats);
  if (status != AFFLUX_OK) return raise_status(status);
  PyObject *items[STATS_NUMBERS + 1];
  items[0] = PyUnicode_FromString(names[stats.statistics & 3]);
  for (int i = 0; i < STATS_NUMBERS; ++i) items[i + 1] = number_of(&stats, &stats_numbers[i]);
  return tuple_of(stats_type, items, STATS_NUMBERS + 1);
}

static PyObject *reasons_of(uint32_t reasons) {
  static const char *const names[] = {"waiters", "queue_bytes", "wait",
                                      "closed",  "debt",        "standstill"};
  PyObject *list = PyList_New(0);
  for (size_t i = 0; list != NULL && i < sizeof names / sizeof *names; ++i) {
    if ((reasons & (1u << i)) == 0) continue;
    PyObject *name = PyUnicode_FromString(names[i]);
    if (name == NULL || PyList_Append(list, name) < 0) Py_CLEAR(list);
    Py_XDECREF(name);
  }
  PyObject *tuple = list == NULL ? NULL : PyList_AsTuple(list);
  Py_XDECREF(list);
  return tuple;
}

PyObject *semaphore_health(PyObject *op, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"max_waiters", "max_queue_bytes", "max_wait", "max_still", NULL};
  PyObject *max_waiters = Py_None, *max_queue_bytes = Py_None, *max_wait = NULL, *max_still = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO:health", names, &max_waiters,
                                   &max_queue_bytes, &max_wait, &max_still)) {
    return NULL;
  }
  afflux_health_limits limits;
  afflux_health_limits_init_sized(&limits, sizeof limits);
  if ((max_waiters != Py_None && parse_u64(max_waiters, "max_waiters", &limits.max_waiters) < 0) ||
      (max_queue_bytes != Py_None &&
       parse_u64(max_queue_bytes, "max_queue_bytes", &limits.max_queue_bytes) < 0) ||
      parse_limit_time(max_wait, &limits.max_wait_ns) < 0 ||
      parse_limit_time(max_still, &limits.max_still_ns) < 0) {
    return NULL;
  }
  afflux_health health = {.struct_size = sizeof health};
  /* Without limits of the caller's: those that the semaphore was created with. */
  const bool own = kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0;
  const afflux_status status =
      afflux_sem_health(((Semaphore *)op)->sem, own ? &limits : NULL, &health);
  if (status != AFFLUX_OK) return raise_status(status);
  PyObject *items[] = {
      PyBool_FromLong(health.healthy != 0),        reasons_of(health.reasons),
      PyLong_FromUnsignedLongLong(health.waiters), PyLong_FromUnsignedLongLong(health.queue_bytes),
      PyLong_FromLongLong(health.oldest_wait_ns),  PyLong_FromLongLong(health.still_ns),
      PyLong_FromUnsignedLongLong(health.unserved)};
  return tuple_of(health_type, items, 7);
}

static PyObject *times_of(PyObject *op,
                          afflux_status (*read)(const afflux_sem *, afflux_histogram *)) {
  afflux_histogram h = {.struct_size = sizeof h};
  const afflux_status status = read(((Semaphore *)op)->sem, &h);
  if (status == AFFLUX_ENOTSUP) {
    PyErr_SetString(PyExc_ValueError, "the semaphore was not created with statistics='full'");
    return NULL;
  }
  if (status != AFFLUX_OK) return raise_status(status);
  PyObject *items[7] = {PyLong_FromUnsignedLongLong(h.count), PyLong_FromUnsignedLongLong(h.sum_ns),
                        PyLong_FromUnsignedLongLong(h.max_ns)};
  static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};
  for (int i = 0; i < 4; ++i) {
    items[3 + i] = PyLong_FromUnsignedLongLong(afflux_histogram_quantile(&h, quantiles[i]));
  }
  return tuple_of(times_type, items, 7);
}

PyObject *semaphore_wait_times(PyObject *op, PyObject *unused) {
  return times_of(op, afflux_sem_wait_times);
}

PyObject *semaphore_hold_times(PyObject *op, PyObject *unused) {
  return times_of(op, afflux_sem_hold_times);
}

/* ---- Holders ------------------------------------------------------------------------------------
 */

static int32_t add_holder(void *ctx, const afflux_holder *holder) {
  PyObject *items[] = {
      PyLong_FromUnsignedLongLong(holder->id), PyLong_FromUnsignedLongLong(holder->permits),
      PyLong_FromLongLong(holder->held_ns),
      PyUnicode_DecodeUTF8(holder->tag, (Py_ssize_t)strlen(holder->tag), "replace")};
  PyObject *tuple = tuple_of(holder_type, items, 4);
  const int failed = tuple == NULL || PyList_Append(ctx, tuple) < 0;
  Py_XDECREF(tuple);
  return failed;
}

PyObject *semaphore_holders(PyObject *op, PyObject *unused) {
  PyObject *list = PyList_New(0);
  if (list == NULL) return NULL;
  const afflux_status status =
      afflux_sem_visit_holders(((Semaphore *)op)->sem, add_holder, list, NULL);
  if (status == AFFLUX_ENOTSUP) {
    PyErr_SetString(PyExc_ValueError, "the semaphore was created without a ledger");
  } else if (status != AFFLUX_OK && !PyErr_Occurred()) {
    raise_status(status);
  }
  /* The number, which grows with time, is the first field. */
  if (PyErr_Occurred() || PyList_Sort(list) < 0) Py_CLEAR(list);
  return list;
}
