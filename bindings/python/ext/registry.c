/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A registry: semaphores and clients that are exported together, for Prometheus. */
#include "afflux_python.h"

typedef struct {
  PyObject_HEAD afflux_registry *registry; /* one reference */
} Registry;

static const char *const format_names[] = {"prometheus", "openmetrics", NULL};

static PyObject *registry_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {NULL};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":Registry", names)) return NULL;
  Registry *self = (Registry *)type->tp_alloc(type, 0);
  if (self == NULL) return NULL;
  const afflux_status status = afflux_registry_create(&self->registry);
  if (status != AFFLUX_OK) {
    Py_DECREF(self);
    return raise_status(status);
  }
  return (PyObject *)self;
}

static void registry_dealloc(PyObject *op) {
  COLLECTING(afflux_registry_unref(((Registry *)op)->registry));
  Py_TYPE(op)->tp_free(op);
}

typedef afflux_status (*change_sem)(afflux_registry *, afflux_sem *);
typedef afflux_status (*change_client)(afflux_registry *, afflux_client *);

static PyObject *registry_change(PyObject *op, PyObject *arg, change_sem sem,
                                 change_client client) {
  afflux_registry *registry = ((Registry *)op)->registry;
  afflux_status status;
  if (PyObject_TypeCheck(arg, &Semaphore_Type)) {
    COLLECTING(status = sem(registry, ((Semaphore *)arg)->sem));
  } else if (PyObject_TypeCheck(arg, &Client_Type)) {
    status = client(registry, ((Client *)arg)->client);
  } else {
    return PyErr_Format(PyExc_TypeError, "expected a Semaphore or a Client, not %.100s",
                        Py_TYPE(arg)->tp_name);
  }
  if (status == AFFLUX_OK || status == AFFLUX_EALREADY) return PyBool_FromLong(status == AFFLUX_OK);
  return raise_status(status);
}

static PyObject *registry_add(PyObject *op, PyObject *arg) {
  return registry_change(op, arg, afflux_registry_add_sem, afflux_registry_add_client);
}

static PyObject *registry_remove(PyObject *op, PyObject *arg) {
  return registry_change(op, arg, afflux_registry_remove_sem, afflux_registry_remove_client);
}

static int32_t append_text(void *ctx, const char *text, size_t size) {
  PyObject *piece = PyBytes_FromStringAndSize(text, (Py_ssize_t)size);
  const int failed = piece == NULL || PyList_Append(ctx, piece) < 0;
  Py_XDECREF(piece);
  return failed;
}

static int parse_format(PyObject *format, uint32_t *ret_format) {
  return format == NULL ? 0 : parse_choice(format, "format", format_names, ret_format);
}

static PyObject *registry_render(PyObject *op, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"format", "clients", NULL};
  PyObject *format = NULL;
  int clients = 0;
  afflux_export_options options;
  afflux_export_options_init(&options);
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$p:render", names, &format, &clients) ||
      parse_format(format, &options.format) < 0) {
    return NULL;
  }
  if (clients != 0) options.flags = AFFLUX_EXPORT_CLIENTS;
  PyObject *pieces = PyList_New(0);
  if (pieces == NULL) return NULL;
  const afflux_status status =
      afflux_registry_write(((Registry *)op)->registry, &options, append_text, pieces);
  PyObject *text = NULL;
  if (status == AFFLUX_OK) {
    PyObject *nothing = PyBytes_FromStringAndSize(NULL, 0);
    PyObject *bytes = nothing == NULL ? NULL : PyObject_CallMethod(nothing, "join", "O", pieces);
    if (bytes != NULL) {
      text = PyUnicode_DecodeUTF8(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes), "replace");
    }
    Py_XDECREF(bytes);
    Py_XDECREF(nothing);
  } else if (!PyErr_Occurred()) {
    raise_status(status);
  }
  Py_DECREF(pieces);
  return text;
}

static PyObject *registry_content_type(PyObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"format", NULL};
  PyObject *name = NULL;
  uint32_t format = AFFLUX_EXPORT_PROMETHEUS;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:content_type", names, &name) ||
      parse_format(name, &format) < 0) {
    return NULL;
  }
  return PyUnicode_FromString(afflux_export_content_type(format));
}

#define KEYWORDS (METH_VARARGS | METH_KEYWORDS)

static PyMethodDef registry_methods[] = {
    {"add", registry_add, METH_O,
     "add($self, semaphore_or_client, /)\n--\n\n"
     "True; False if it is in a registry, this one or another."},
    {"remove", registry_remove, METH_O,
     "remove($self, semaphore_or_client, /)\n--\n\n"
     "True; False if it is not in this registry. What it did stays in the totals."},
    {"render", (PyCFunction)(void *)registry_render, KEYWORDS,
     "render($self, format='prometheus', *, clients=False)\n--\n\n"
     "All of it as text: 'prometheus' or 'openmetrics'. `clients`: each Client has series of its\n"
     "own, too, not only the sums over all."},
    {"content_type", (PyCFunction)(void *)registry_content_type, KEYWORDS | METH_STATIC,
     "content_type(format='prometheus')\n--\n\nThe HTTP header Content-Type of that text."},
    {NULL},
};

PyTypeObject Registry_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux.Registry",
    .tp_doc =
        "Registry()\n--\n\n"
        "Semaphores and clients that are exported together. It keeps them alive.",
    .tp_basicsize = sizeof(Registry),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = registry_new,
    .tp_dealloc = registry_dealloc,
    .tp_methods = registry_methods,
};
