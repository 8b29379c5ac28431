/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Waits for several semaphores and events: any one of them, or all. A request of them is awaited or
 * blocks like any other (acquire.c, blocking.c); what is theirs alone is here.
 */
#include "afflux_python.h"

#include <stddef.h>
#include <stdlib.h>

struct several {
  afflux_wait_group group;
  bool all;
  size_t count;
  size_t index;    /* of any: which was free at once; NOT_YET: the group tells */
  uint64_t manual; /* bit i: item i is an event that stays set by itself */
  /* With a reference of each item: those of the library end with the wait, and what has come may
     have to go back later. */
  afflux_wait_item items[];
};

enum { NOT_YET = AFFLUX_WAIT_ITEMS_MAX };

/* ---- The items --------------------------------------------------------------------------------
 */

/* `arg` as a pair (object, permits): a new reference. */
static PyObject *parse_item(PyObject *arg) {
  PyObject *object = arg, *permits = NULL;
  if (PyTuple_Check(arg)) {
    if (PyTuple_GET_SIZE(arg) != 2) {
      PyErr_SetString(PyExc_TypeError, "an item that is a tuple is (semaphore, permits)");
      return NULL;
    }
    object = PyTuple_GET_ITEM(arg, 0);
    permits = PyTuple_GET_ITEM(arg, 1);
  }
  const bool is_semaphore = PyObject_TypeCheck(object, &Semaphore_Type);
  if (!is_semaphore && (permits != NULL || !PyObject_TypeCheck(object, &Event_Type))) {
    return PyErr_Format(
        PyExc_TypeError,
        permits != NULL ? "only a Semaphore has permits, not %.100s"
                        : "an item is a Semaphore, (Semaphore, permits) or an Event, not %.100s",
        Py_TYPE(object)->tp_name);
  }
  uint64_t n = 1;
  if (permits != NULL && parse_permits(permits, &n) < 0) return NULL;
  return Py_BuildValue("(OK)", object, (unsigned long long)n);
}

/* all_of() takes the signal of an event once. */
static bool names_event_twice(PyObject *pairs) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(pairs); ++i) {
    PyObject *object = PyTuple_GET_ITEM(PyTuple_GET_ITEM(pairs, i), 0);
    if (!PyObject_TypeCheck(object, &Event_Type)) continue;
    for (Py_ssize_t j = 0; j < i; ++j) {
      if (PyTuple_GET_ITEM(PyTuple_GET_ITEM(pairs, j), 0) == object) return true;
    }
  }
  return false;
}

/* The target of a request: a tuple of pairs. */
static PyObject *parse_items(PyObject *const *args, Py_ssize_t nargs, bool all) {
  if (nargs < 1 || nargs > AFFLUX_WAIT_ITEMS_MAX) {
    return PyErr_Format(PyExc_ValueError, "1 to %d items (%zd given)", AFFLUX_WAIT_ITEMS_MAX,
                        nargs);
  }
  PyObject *pairs = PyTuple_New(nargs);
  for (Py_ssize_t i = 0; pairs != NULL && i < nargs; ++i) {
    PyObject *pair = parse_item(args[i]);
    if (pair == NULL)
      Py_CLEAR(pairs);
    else
      PyTuple_SET_ITEM(pairs, i, pair);
  }
  if (pairs != NULL && all && names_event_twice(pairs)) {
    Py_CLEAR(pairs);
    PyErr_SetString(PyExc_ValueError, "all_of() takes an event once");
  }
  return pairs;
}

/* ---- The request ------------------------------------------------------------------------------
 */

several *several_new(PyObject *target, const Terms *terms) {
  const size_t count = (size_t)PyTuple_GET_SIZE(target);
  several *s = malloc(sizeof *s + count * sizeof *s->items);
  if (s == NULL) {
    PyErr_NoMemory();
    return NULL;
  }
  s->all = terms->kind == REQUEST_ALL;
  s->count = count;
  s->index = NOT_YET;
  s->manual = 0;
  for (size_t i = 0; i < count; ++i) {
    PyObject *pair = PyTuple_GET_ITEM(target, i);
    PyObject *object = PyTuple_GET_ITEM(pair, 0);
    afflux_wait_item *item = &s->items[i];
    item->sem = NULL;
    item->event = NULL;
    item->permits = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(pair, 1));
    if (PyObject_TypeCheck(object, &Semaphore_Type)) {
      item->sem = afflux_sem_ref(((Semaphore *)object)->sem);
    } else {
      item->event = afflux_event_ref(((Event *)object)->event);
      if (((Event *)object)->manual_reset) s->manual |= UINT64_C(1) << i;
    }
  }
  return s;
}

void several_free(several *s) {
  for (size_t i = 0; i < s->count; ++i) {
    afflux_sem_unref(s->items[i].sem);
    afflux_event_unref(s->items[i].event);
  }
  free(s);
}

afflux_status several_start(several *s, const afflux_request *request) {
  return s->all ? afflux_acquire_all_async(&s->group, s->items, s->count, request)
                : afflux_acquire_any_async(&s->group, s->items, s->count, request, &s->index);
}

afflux_status several_cancel(several *s) { return afflux_wait_group_cancel(&s->group); }

static size_t index_of(const several *s) {
  return s->index != NOT_YET ? s->index : afflux_wait_group_index(&s->group);
}

static void undo_item(const several *s, size_t i) {
  const afflux_wait_item *item = &s->items[i];
  if (item->sem != NULL)
    afflux_sem_release(item->sem, item->permits);
  else if ((s->manual & UINT64_C(1) << i) == 0)
    afflux_event_notify_one(item->event);
}

static void undo_from(const several *s, size_t first) {
  for (size_t i = first; i < s->count; ++i) undo_item(s, i);
}

void several_undo(const several *s) {
  if (s->all)
    undo_from(s, 0);
  else
    undo_item(s, index_of(s));
}

/* ---- What it answers --------------------------------------------------------------------------
 */

/* A Permit for the permits of item i, or None for an event. NULL: they have been given back. */
static PyObject *take_item(PyObject *target, const Terms *terms, const several *s, size_t i) {
  PyObject *object = PyTuple_GET_ITEM(PyTuple_GET_ITEM(target, (Py_ssize_t)i), 0);
  if (s->items[i].sem == NULL) Py_RETURN_NONE;
  return permit_new((Semaphore *)object, NULL, s->items[i].permits, terms->tag);
}

/* Takes over the tuple. */
static PyObject *as_held(PyTypeObject *type, PyObject *items) {
  PyObject *held = PyObject_CallOneArg((PyObject *)type, items);
  if (held == NULL)
    held_drop(items);
  else
    Py_DECREF(items);
  return held;
}

static PyObject *result_of_any(PyObject *target, const Terms *terms, const several *s) {
  const size_t i = index_of(s);
  PyObject *permit = take_item(target, terms, s, i);
  if (permit == NULL) return NULL;
  PyObject *pair = Py_BuildValue("(nO)", (Py_ssize_t)i, permit);
  if (pair == NULL) {
    held_drop(permit);
    return NULL;
  }
  Py_DECREF(permit);
  return as_held(&Taken_Type, pair);
}

static PyObject *result_of_all(PyObject *target, const Terms *terms, const several *s) {
  Py_ssize_t filled = 0, sems = 0;
  for (size_t i = 0; i < s->count; ++i) sems += s->items[i].sem != NULL;
  PyObject *permits = PyTuple_New(sems);
  size_t taken = 0;
  for (; permits != NULL && taken < s->count; ++taken) {
    if (s->items[taken].sem == NULL) continue;
    PyObject *permit = take_item(target, terms, s, taken);
    if (permit == NULL) {
      ++taken; /* its own have been given back */
      break;
    }
    PyTuple_SET_ITEM(permits, filled++, permit);
  }
  if (permits != NULL && filled == sems) return as_held(&Permits_Type, permits);
  COLLECTING(undo_from(s, taken));
  held_drop(permits);
  return NULL;
}

PyObject *several_result(PyObject *target, const Terms *terms, const several *s) {
  return s->all ? result_of_all(target, terms, s) : result_of_any(target, terms, s);
}

/* ---- The calls --------------------------------------------------------------------------------
 */

static PyObject *several_call(enum request_kind kind, bool blocks, PyObject *const *args,
                              Py_ssize_t nargs, PyObject *kwnames) {
  Terms terms = TERMS_INIT(kind);
  if (parse_several(&terms, args + nargs, kwnames) < 0) return NULL;
  PyObject *target = parse_items(args, nargs, kind == REQUEST_ALL);
  if (target == NULL) return NULL;
  PyObject *result = blocks ? acquire_blocking(target, &terms) : acquire_new(target, &terms);
  Py_DECREF(target);
  return result;
}

#define CALL(name, kind, blocks)                                                   \
  static PyObject *name(PyObject *module, PyObject *const *args, Py_ssize_t nargs, \
                        PyObject *kwnames) {                                       \
    return several_call(kind, blocks, args, nargs, kwnames);                       \
  }
CALL(any_of, REQUEST_ANY, false)
CALL(all_of, REQUEST_ALL, false)
CALL(any_of_blocking, REQUEST_ANY, true)
CALL(all_of_blocking, REQUEST_ALL, true)

#define FAST(function) (PyCFunction)(void *)(function), METH_FASTCALL | METH_KEYWORDS
#define SIGNATURE \
  "(*items, priority=1, timeout=None, cost=0, tag=None, wait_for_resize=False)\n--\n\n"

PyMethodDef several_functions[] = {
    {"any_of", FAST(any_of),
     "any_of" SIGNATURE
     "Await any one of several, or use `async with any_of(…) as taken:`. Answers a Taken.\n\n"
     "An item is a Semaphore (one permit), a pair (Semaphore, permits) or an Event. Exactly one "
     "is\n"
     "taken: the first that is free, else the first that comes. The others are untouched.\n"
     "Raises as Semaphore.acquire(), for any of them; ValueError: no items, or more than 64."},
    {"all_of", FAST(all_of),
     "all_of" SIGNATURE
     "Await all of several, or use `async with all_of(…) as permits:`. Answers a Permits.\n\n"
     "Items are those of any_of(). In the end all are held, or none. They are acquired one after\n"
     "the other in one order for all such calls of the process, so that these never wait for each\n"
     "other in a circle; do not call it while you hold permits that another such call waits for.\n"
     "Raises as any_of(); ValueError also for an Event that is named twice."},
    {"any_of_blocking", FAST(any_of_blocking),
     "any_of_blocking" SIGNATURE "any_of() for a thread, which sleeps with the GIL released."},
    {"all_of_blocking", FAST(all_of_blocking),
     "all_of_blocking" SIGNATURE "all_of() for a thread, which sleeps with the GIL released."},
    {NULL},
};
