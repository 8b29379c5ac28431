/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Python values as the library's numbers, with the errors that Python's users expect. */
#include "afflux_python.h"

#include <math.h>
#include <string.h>

int parse_timeout(PyObject *value, int64_t *ret_ns) {
  if (value == NULL || value == Py_None) {
    *ret_ns = AFFLUX_FOREVER;
    return 0;
  }
  const double seconds = PyFloat_AsDouble(value);
  if (seconds == -1.0 && PyErr_Occurred()) return -1;
  if (isnan(seconds) || seconds < 0) {
    PyErr_SetString(PyExc_ValueError, "a timeout is None, or seconds from 0 on");
    return -1;
  }
  /* More than 292 years do not fit; nor does infinity, which anyio writes for "no limit". A time
     above 0 is never rounded down to 0, which would not wait at all. */
  *ret_ns = seconds >= 9.2e9 ? AFFLUX_FOREVER : (int64_t)ceil(seconds * 1e9);
  return 0;
}

int parse_limit_time(PyObject *value, int64_t *ret_ns) {
  return value == NULL ? 0 : parse_timeout(value, ret_ns);
}

int parse_u64(PyObject *value, const char *name, uint64_t *ret_number) {
  PyObject *number = PyNumber_Index(value);
  if (number == NULL) return -1;
  const unsigned long long n = PyLong_AsUnsignedLongLong(number);
  Py_DECREF(number);
  if (n == (unsigned long long)-1 && PyErr_Occurred()) {
    if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
      PyErr_Format(PyExc_ValueError, "%s is out of range: 0 to 2**64 - 1", name);
    }
    return -1;
  }
  *ret_number = n;
  return 0;
}

int parse_u32(PyObject *value, const char *name, uint32_t *ret_number) {
  uint64_t number;
  if (parse_u64(value, name, &number) < 0) return -1;
  if (number > UINT32_MAX) {
    PyErr_Format(PyExc_ValueError, "%s is out of range: 0 to 2**32 - 1", name);
    return -1;
  }
  *ret_number = (uint32_t)number;
  return 0;
}

int parse_permits(PyObject *value, uint64_t *ret_permits) {
  if (parse_u64(value, "the number of permits", ret_permits) < 0) return -1;
  if (*ret_permits == 0) {
    PyErr_SetString(PyExc_ValueError, "the number of permits must be at least 1");
    return -1;
  }
  return 0;
}

int parse_n(PyObject *const *args, Py_ssize_t nargs, uint64_t *ret_n) {
  *ret_n = 1;
  if (nargs == 0) return 0;
  if (nargs == 1) return parse_permits(args[0], ret_n);
  PyErr_Format(PyExc_TypeError, "at most 1 argument, the permits (%zd given)", nargs);
  return -1;
}

int parse_priority(PyObject *value, uint32_t *ret_priority) {
  const long n = PyLong_AsLong(value);
  if (n == -1 && PyErr_Occurred()) {
    if (PyErr_ExceptionMatches(PyExc_OverflowError))
      PyErr_Clear();
    else
      return -1;
  }
  if (n < AFFLUX_PRIORITY_LOW || n > AFFLUX_PRIORITY_CRITICAL) {
    PyErr_SetString(PyExc_ValueError,
                    "a priority is one of afflux.Priority: 0 (LOW) to 3 (CRITICAL)");
    return -1;
  }
  *ret_priority = (uint32_t)n;
  return 0;
}

int parse_choice(PyObject *value, const char *name, const char *const *names, uint32_t *ret_index) {
  if (!PyUnicode_Check(value)) {
    PyErr_Format(PyExc_TypeError, "%s must be a str, not %.100s", name, Py_TYPE(value)->tp_name);
    return -1;
  }
  for (uint32_t i = 0; names[i] != NULL; ++i) {
    if (PyUnicode_CompareWithASCIIString(value, names[i]) == 0) {
      *ret_index = i;
      return 0;
    }
  }
  PyErr_Format(PyExc_ValueError, "%s cannot be %R", name, value);
  return -1;
}

static int parse_tag(PyObject *value, PyObject **ret_tag) {
  if (value == Py_None) return 0;
  if (!PyUnicode_Check(value)) {
    PyErr_Format(PyExc_TypeError, "tag must be a str or None, not %.100s", Py_TYPE(value)->tp_name);
    return -1;
  }
  /* Now, not after the wait: a lone surrogate has none. The str keeps it. */
  Py_ssize_t size;
  const char *text = PyUnicode_AsUTF8AndSize(value, &size);
  if (text == NULL) return -1;
  if ((size_t)size != strlen(text)) {
    PyErr_SetString(PyExc_ValueError, "embedded null character in tag");
    return -1;
  }
  *ret_tag = value;
  return 0;
}

static int parse_client(PyObject *value, PyObject **ret_client) {
  if (value == Py_None) return 0;
  if (!PyObject_TypeCheck(value, &Client_Type)) {
    PyErr_Format(PyExc_TypeError, "client must be a Client or None, not %.100s",
                 Py_TYPE(value)->tp_name);
    return -1;
  }
  *ret_client = value;
  return 0;
}

/* The keywords that a call takes. */
enum { TAKES_TIMEOUT = 1, TAKES_N = 2, TAKES_TERMS = 4, TAKES_CLIENT = 8 };

static int parse_keyword(Terms *terms, PyObject *name, PyObject *value, unsigned takes) {
#define IS(keyword) (PyUnicode_CompareWithASCIIString(name, keyword) == 0)
  if ((takes & TAKES_TIMEOUT) != 0 && IS("timeout")) {
    return parse_timeout(value, &terms->timeout_ns);
  }
  if ((takes & TAKES_N) != 0 && IS("n")) return parse_permits(value, &terms->permits);
  if ((takes & TAKES_TERMS) != 0) {
    if (IS("priority")) return parse_priority(value, &terms->priority);
    if (IS("cost")) return parse_u64(value, "cost", &terms->cost);
    if (IS("tag")) return parse_tag(value, &terms->tag);
    if (IS("wait_for_resize")) {
      const int is_true = PyObject_IsTrue(value);
      terms->flags = is_true > 0 ? AFFLUX_WAIT_FOR_RESIZE : 0;
      return is_true < 0 ? -1 : 0;
    }
  }
  if ((takes & TAKES_CLIENT) != 0 && IS("client")) return parse_client(value, &terms->client);
#undef IS
  PyErr_Format(PyExc_TypeError, "unexpected or repeated argument %R", name);
  return -1;
}

static int parse_keywords(Terms *terms, PyObject *const *values, PyObject *names, unsigned takes) {
  const Py_ssize_t count = names == NULL ? 0 : PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (parse_keyword(terms, PyTuple_GET_ITEM(names, i), values[i], takes) < 0) return -1;
  }
  return 0;
}

int parse_acquire(Terms *terms, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  if (nargs > 1) {
    PyErr_Format(PyExc_TypeError, "at most 1 positional argument, the permits (%zd given)", nargs);
    return -1;
  }
  if (nargs == 1 && parse_permits(args[0], &terms->permits) < 0) return -1;
  /* A request is accounted to one of the two. */
  const unsigned takes = TAKES_TIMEOUT | TAKES_TERMS | (terms->tenant == NULL ? TAKES_CLIENT : 0);
  return parse_keywords(terms, args + nargs, kwnames, nargs == 0 ? takes | TAKES_N : takes);
}

int parse_wait(Terms *terms, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  if (nargs > 1) {
    PyErr_Format(PyExc_TypeError, "at most 1 positional argument, the timeout (%zd given)", nargs);
    return -1;
  }
  if (nargs == 1 && parse_timeout(args[0], &terms->timeout_ns) < 0) return -1;
  return parse_keywords(terms, args + nargs, kwnames, nargs == 0 ? TAKES_TIMEOUT : 0);
}

int parse_several(Terms *terms, PyObject *const *values, PyObject *kwnames) {
  return parse_keywords(terms, values, kwnames, TAKES_TIMEOUT | TAKES_TERMS);
}
