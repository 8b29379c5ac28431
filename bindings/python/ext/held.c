/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What waits for several answer: tuples that give all of their permits back at once. */
#include "afflux_python.h"

/* Release the permits among the items, all of them, whatever one raises. 1: at least one was held.
 */
static int release_items(PyObject *tuple) {
  int released = 0;
  PyObject *type = NULL, *value = NULL, *traceback = NULL;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i) {
    PyObject *item = PyTuple_GET_ITEM(tuple, i);
    if (item == NULL || !Py_IS_TYPE(item, &Permit_Type)) continue;
    const int status = permit_release(item);
    if (status > 0) released = 1;
    if (status >= 0) continue;
    if (type == NULL)
      PyErr_Fetch(&type, &value, &traceback);
    else
      PyErr_WriteUnraisable(item);
  }
  if (type == NULL) return released;
  PyErr_Restore(type, value, traceback);
  return -1;
}

static bool is_held(PyObject *object) {
  return Py_IS_TYPE(object, &Permit_Type) || PyTuple_Check(object);
}

int held_release(PyObject *held) {
  return Py_IS_TYPE(held, &Permit_Type) ? permit_release(held) : release_items(held);
}

void held_drop(PyObject *held) {
  if (held == NULL) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (is_held(held) && held_release(held) < 0) PyErr_WriteUnraisable(held);
  Py_DECREF(held);
  PyErr_Restore(type, value, traceback);
}

PyObject *held_unless_interrupted(PyObject *held) {
  if (held == NULL || PyErr_CheckSignals() == 0) return held;
  held_drop(held);
  return NULL;
}

static PyObject *held_release_method(PyObject *op, PyObject *unused) {
  const int released = release_items(op);
  return released < 0 ? NULL : PyBool_FromLong(released);
}

static PyObject *held_enter(PyObject *op, PyObject *unused) { return Py_NewRef(op); }

static PyObject *held_exit(PyObject *op, PyObject *const *args, Py_ssize_t nargs) {
  if (release_items(op) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyMethodDef held_methods[] = {
    {"release", held_release_method, METH_NOARGS,
     "release($self)\n--\n\nGive all permits back. True; False if that was done before."},
    {"__enter__", held_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void *)held_exit, METH_FASTCALL, NULL},
    {NULL},
};

/* Python creates them by tuple's own constructor, with any items. */
static PyObject *taken_get(PyObject *op, void *place) {
  const Py_ssize_t i = (Py_ssize_t)(intptr_t)place;
  if (PyTuple_GET_SIZE(op) > i) return Py_NewRef(PyTuple_GET_ITEM(op, i));
  PyErr_SetString(PyExc_AttributeError, "not what any_of() has answered");
  return NULL;
}

static PyGetSetDef taken_getset[] = {
    {"which", taken_get, NULL, "Which item it is: its place among the arguments.", (void *)0},
    {"permit", taken_get, NULL, "Its Permit; None for an Event.", (void *)1},
    {NULL},
};

PyTypeObject Permits_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux.Permits",
    .tp_doc =
        "What all_of() has acquired: a tuple of the Permits of the semaphores among its items,\n"
        "in their order. Give all back by release(), or use it in `with`.",
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = held_methods,
};

PyTypeObject Taken_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux.Taken",
    .tp_doc =
        "What any_of() has acquired: a tuple (which, permit). Give the permits back by\n"
        "release(), or use it in `with`.",
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = held_methods,
    .tp_getset = taken_getset,
};
