/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events: set by a notification, waited for by tasks of any loop and by threads. */
#include "afflux_python.h"

#include <stddef.h>

static const char *const queue_names[] = {"auto", "intrusive", "lockfree", "hybrid", "mutex", NULL};

static PyObject *event_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"manual_reset", "queue", NULL};
  int manual_reset = 1;
  PyObject *queue = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$pO:Event", names, &manual_reset, &queue)) {
    return NULL;
  }
  uint32_t strategy = AFFLUX_QUEUE_AUTO;
  if (queue != NULL && parse_choice(queue, "queue", queue_names, &strategy) < 0) return NULL;
  Event *self = (Event *)type->tp_alloc(type, 0);
  if (self == NULL) return NULL;
  const afflux_status status = afflux_event_create(manual_reset, strategy, &self->event);
  if (status != AFFLUX_OK) {
    Py_DECREF(self);
    return raise_status(status);
  }
  self->manual_reset = manual_reset != 0;
  return (PyObject *)self;
}

static void event_dealloc(PyObject *op) {
  Event *self = (Event *)op;
  if (self->weakrefs != NULL) PyObject_ClearWeakRefs(op);
  if (self->event != NULL) COLLECTING(afflux_event_unref(self->event));
  Py_TYPE(op)->tp_free(op);
}

static PyObject *event_wait(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames) {
  Terms terms = TERMS_INIT(REQUEST_EVENT);
  return parse_wait(&terms, args, nargs, kwnames) < 0 ? NULL : acquire_new(op, &terms);
}

static PyObject *event_wait_blocking(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                                     PyObject *kwnames) {
  Terms terms = TERMS_INIT(REQUEST_EVENT);
  return parse_wait(&terms, args, nargs, kwnames) < 0 ? NULL : acquire_blocking(op, &terms);
}

static PyObject *event_call(PyObject *op, afflux_status (*call)(afflux_event *)) {
  afflux_status status;
  COLLECTING(status = call(((Event *)op)->event));
  if (status != AFFLUX_OK) return raise_status(status);
  Py_RETURN_NONE;
}

static PyObject *event_notify_one(PyObject *op, PyObject *unused) {
  return event_call(op, afflux_event_notify_one);
}

static PyObject *event_notify_all(PyObject *op, PyObject *unused) {
  return event_call(op, afflux_event_notify_all);
}

static PyObject *event_pulse(PyObject *op, PyObject *unused) {
  return event_call(op, afflux_event_pulse);
}

static PyObject *event_clear(PyObject *op, PyObject *unused) {
  return event_call(op, afflux_event_clear);
}

static PyObject *event_is_set(PyObject *op, PyObject *unused) {
  return PyBool_FromLong(afflux_event_is_set(((Event *)op)->event));
}

static PyObject *event_get_waiters(PyObject *op, void *unused) {
  return PyLong_FromUnsignedLongLong(afflux_event_waiters(((Event *)op)->event));
}

static PyObject *event_get_handle(PyObject *op, void *unused) {
  return PyLong_FromVoidPtr(((Event *)op)->event);
}

static PyObject *event_repr(PyObject *op) {
  const afflux_event *event = ((Event *)op)->event;
  return PyUnicode_FromFormat("<afflux.Event %s waiters=%llu>",
                              afflux_event_is_set(event) ? "set" : "unset",
                              (unsigned long long)afflux_event_waiters(event));
}

static PyGetSetDef event_getset[] = {
    {"waiters", event_get_waiters, NULL, "Tasks and threads that wait now."},
    {"handle", event_get_handle, NULL, "The address of the library's afflux_event, borrowed."},
    {NULL},
};

#define KEYWORDS (METH_FASTCALL | METH_KEYWORDS)

static PyMethodDef event_methods[] = {
    {"wait", (PyCFunction)(void *)event_wait, KEYWORDS,
     "wait($self, timeout=None)\n--\n\nAwait until it is set; True. TimeoutError after `timeout` "
     "seconds."},
    {"wait_blocking", (PyCFunction)(void *)event_wait_blocking, KEYWORDS,
     "wait_blocking($self, timeout=None)\n--\n\nThe same for a thread, which sleeps with the GIL "
     "released."},
    {"set", event_notify_all, METH_NOARGS, "set($self)\n--\n\nThe same as notify_all()."},
    {"notify_one", event_notify_one, METH_NOARGS,
     "notify_one($self)\n--\n\nWake the first that waits; without any the event is set. Manual "
     "reset: "
     "as set()."},
    {"notify_all", event_notify_all, METH_NOARGS,
     "notify_all($self)\n--\n\nWake all that wait; without any, or by manual reset, the event is "
     "set."},
    {"pulse", event_pulse, METH_NOARGS,
     "pulse($self)\n--\n\nWake all that wait now, and remember nothing."},
    {"clear", event_clear, METH_NOARGS, "clear($self)\n--\n\nThe event is not set any more."},
    {"is_set", event_is_set, METH_NOARGS, "is_set($self)\n--\n\nWhether it is set at this moment."},
    {NULL},
};

PyTypeObject Event_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux.Event",
    .tp_doc =
        "Event(*, manual_reset=True, queue='auto')\n--\n\n"
        "An event for tasks of any loop and threads at once. With manual_reset=False each "
        "notification\nlets one wait pass.",
    .tp_basicsize = sizeof(Event),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = event_new,
    .tp_dealloc = event_dealloc,
    .tp_repr = event_repr,
    .tp_weaklistoffset = offsetof(Event, weakrefs),
    .tp_getset = event_getset,
    .tp_methods = event_methods,
};
