/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Clients: what is counted for each tenant, connection or worker process. */
#include "afflux_python.h"

#include "fields.h"

#include <stddef.h>
#include <string.h>

static PyObject *client_of(PyTypeObject *type, afflux_client *client) {
  Client *self = (Client *)type->tp_alloc(type, 0);
  if (self == NULL)
    afflux_client_unref(client);
  else
    self->client = client;
  return (PyObject *)self;
}

/* Up to `max` names out of a sequence of str, the rest stays NULL. The answer keeps them. */
static PyObject *parse_names(PyObject *value, const char *what, const char **ret_names,
                             Py_ssize_t max) {
  if (PyUnicode_Check(value)) { /* a sequence of its letters */
    return PyErr_Format(PyExc_TypeError, "%s must be a sequence of str, not str", what);
  }
  PyObject *names = PySequence_Tuple(value);
  if (names == NULL) return NULL;
  if (PyTuple_GET_SIZE(names) > max) {
    PyErr_Format(PyExc_ValueError, "%s has more than %zd names", what, max);
    Py_CLEAR(names);
  }
  for (Py_ssize_t i = 0; names != NULL && i < PyTuple_GET_SIZE(names); ++i) {
    PyObject *name = PyTuple_GET_ITEM(names, i);
    Py_ssize_t size = 0;
    if (!PyUnicode_Check(name)) {
      PyErr_Format(PyExc_TypeError, "a name in %s must be a str, not %.100s", what,
                   Py_TYPE(name)->tp_name);
    } else if ((ret_names[i] = PyUnicode_AsUTF8AndSize(name, &size)) != NULL &&
               strlen(ret_names[i]) != (size_t)size) {
      PyErr_Format(PyExc_ValueError, "embedded null character in %s", what);
    }
    if (PyErr_Occurred()) Py_CLEAR(names);
  }
  return names;
}

static PyObject *client_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"name", "classes", "pipelines", "stall_speed", "stall_after", NULL};
  PyObject *classes = NULL, *pipelines = NULL, *stall_after = NULL, *result = NULL;
  afflux_client_options o;
  afflux_client_options_init(&o);
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|z$OOdO:Client", names, &o.name, &classes,
                                   &pipelines, &o.stall_speed, &stall_after) ||
      parse_limit_time(stall_after, &o.stall_after_ns) < 0) {
    return NULL;
  }
  if (!(o.stall_speed >= 0)) {
    PyErr_SetString(PyExc_ValueError, "stall_speed is a number from 0 on");
    return NULL;
  }
  if (o.stall_after_ns == AFFLUX_FOREVER) o.stall_speed = 0; /* never */
  if (o.stall_after_ns < 0) o.stall_after_ns = 0;
  PyObject *kept[2] = {NULL, NULL};
  if ((classes == NULL ||
       (kept[0] = parse_names(classes, "classes", o.classes, AFFLUX_CLIENT_CLASSES)) != NULL) &&
      (pipelines == NULL || (kept[1] = parse_names(pipelines, "pipelines", o.pipelines,
                                                   AFFLUX_CLIENT_PIPELINES)) != NULL)) {
    afflux_client *client;
    const afflux_status status = afflux_client_create(&o, &client);
    result = status == AFFLUX_OK ? client_of(type, client) : raise_status(status);
  }
  Py_XDECREF(kept[0]);
  Py_XDECREF(kept[1]);
  return result;
}

static PyObject *client_from_handle(PyObject *type, PyObject *arg) {
  afflux_client *client = PyLong_AsVoidPtr(arg);
  if (client == NULL) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "the handle is NULL");
    return NULL;
  }
  return client_of((PyTypeObject *)type, afflux_client_ref(client));
}

static void client_dealloc(PyObject *op) {
  Client *self = (Client *)op;
  if (self->weakrefs != NULL) PyObject_ClearWeakRefs(op);
  afflux_client_unref(self->client);
  Py_TYPE(op)->tp_free(op);
}

/* ---- Counting ----------------------------------------------------------------------------------
 */

#define CLIENT(op) (((Client *)(op))->client)

static PyObject *counted(afflux_status status, const char *invalid) {
  if (status == AFFLUX_OK) Py_RETURN_NONE;
  if (status != AFFLUX_EINVAL) return raise_status(status);
  PyErr_SetString(PyExc_ValueError, invalid);
  return NULL;
}

static PyObject *count_requests(PyObject *op, PyObject *args) {
  PyObject *class_number, *number = NULL;
  uint32_t request_class;
  uint64_t n = 1;
  if (!PyArg_ParseTuple(args, "O|O:count_requests", &class_number, &number) ||
      parse_u32(class_number, "the class", &request_class) < 0 ||
      (number != NULL && parse_u64(number, "n", &n) < 0)) {
    return NULL;
  }
  return counted(afflux_client_count_requests(CLIENT(op), request_class, n),
                 "the class is out of range: 0 to 3");
}

static PyObject *count_bytes(PyObject *op, PyObject *arg) {
  uint64_t n;
  if (parse_u64(arg, "n", &n) < 0) return NULL;
  return counted(afflux_client_count_bytes(CLIENT(op), n), "");
}

static PyObject *set_run_bytes(PyObject *op, PyObject *arg) {
  uint64_t n;
  if (parse_u64(arg, "n", &n) < 0) return NULL;
  return counted(afflux_client_set_run_bytes(CLIENT(op), n), "");
}

static PyObject *begin_run(PyObject *op, PyObject *unused) {
  return counted(afflux_client_begin_run(CLIENT(op)), "");
}

static PyObject *count_response(PyObject *op, PyObject *arg) {
  uint32_t code;
  if (parse_u32(arg, "code", &code) < 0) return NULL;
  return counted(afflux_client_count_response(CLIENT(op), code), "");
}

static PyObject *count_reconnection(PyObject *op, PyObject *unused) {
  return counted(afflux_client_count_reconnection(CLIENT(op)), "");
}

static PyObject *count_timeout(PyObject *op, PyObject *unused) {
  return counted(afflux_client_count_timeout(CLIENT(op)), "");
}

static PyObject *count_lines(PyObject *op, PyObject *args) {
  PyObject *pipeline_number, *read_number, *dropped_number = NULL;
  uint32_t pipeline;
  uint64_t read, dropped = 0;
  if (!PyArg_ParseTuple(args, "OO|O:count_lines", &pipeline_number, &read_number,
                        &dropped_number) ||
      parse_u32(pipeline_number, "the pipeline", &pipeline) < 0 ||
      parse_u64(read_number, "read", &read) < 0 ||
      (dropped_number != NULL && parse_u64(dropped_number, "dropped", &dropped) < 0)) {
    return NULL;
  }
  return counted(afflux_client_count_lines(CLIENT(op), pipeline, read, dropped),
                 "a pipeline is 0 or 1, and no more lines are dropped than read");
}

static PyObject *set_speed(PyObject *op, PyObject *arg) {
  const double speed = PyFloat_AsDouble(arg);
  if (speed == -1.0 && PyErr_Occurred()) return NULL;
  return counted(afflux_client_set_speed(CLIENT(op), speed), "a speed is a number from 0 on");
}

static PyObject *set_position(PyObject *op, PyObject *arg) {
  const double seconds = PyFloat_AsDouble(arg);
  if (seconds == -1.0 && PyErr_Occurred()) return NULL;
  if (!(seconds >= 0 && seconds < 9.2e9)) {
    PyErr_SetString(PyExc_ValueError, "a position is a number of seconds from 0 on");
    return NULL;
  }
  return counted(afflux_client_set_position(CLIENT(op), (int64_t)(seconds * 1e9)), "");
}

/* ---- Observers ---------------------------------------------------------------------------------
 */

#define FIELD(field, kind, count, doc) \
  {#field, doc, offsetof(afflux_client_summary_t, field), kind, count},
static const number_field summary_numbers[] = {AFFLUX_CLIENT_SUMMARY_T(FIELD)};
enum { SUMMARY_NUMBERS = sizeof summary_numbers / sizeof *summary_numbers };

static PyTypeObject *summary_type;
static PyStructSequence_Field summary_fields[SUMMARY_NUMBERS + 2] = {
    {"stalled", "whether it is slower than stall_speed, for stall_after or longer"},
};
static PyStructSequence_Desc summary_desc = {"afflux.ClientSummary", "What a client has done.",
                                             summary_fields, SUMMARY_NUMBERS + 1};

int client_init(void) {
  for (int i = 0; i < SUMMARY_NUMBERS; ++i) {
    summary_fields[i + 1].name = summary_numbers[i].name;
    summary_fields[i + 1].doc = summary_numbers[i].doc;
  }
  summary_type = PyStructSequence_NewType(&summary_desc);
  return summary_type == NULL ? -1 : 0;
}

int client_add_types(PyObject *module) {
  return PyModule_AddObjectRef(module, "ClientSummary", (PyObject *)summary_type);
}

static PyObject *client_summary(PyObject *op, PyObject *unused) {
  afflux_client_summary_t summary;
  afflux_client_summary_init(&summary);
  const afflux_status status = afflux_client_summary(CLIENT(op), &summary);
  if (status != AFFLUX_OK) return raise_status(status);
  PyObject *items[SUMMARY_NUMBERS + 1] = {PyBool_FromLong(summary.stalled != 0)};
  for (int i = 0; i < SUMMARY_NUMBERS; ++i) items[i + 1] = number_of(&summary, &summary_numbers[i]);
  return tuple_of(summary_type, items, SUMMARY_NUMBERS + 1);
}

static PyObject *client_responses(PyObject *op, PyObject *arg) {
  uint32_t code;
  if (parse_u32(arg, "code", &code) < 0) return NULL;
  return PyLong_FromUnsignedLongLong(afflux_client_responses(CLIENT(op), code));
}

static PyObject *client_get_name(PyObject *op, void *unused) {
  const char *name = afflux_client_name(CLIENT(op));
  return PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "replace");
}

static PyObject *client_get_handle(PyObject *op, void *unused) {
  return PyLong_FromVoidPtr(CLIENT(op));
}

static PyObject *client_repr(PyObject *op) {
  PyObject *name = client_get_name(op, NULL);
  if (name == NULL) return NULL;
  PyObject *repr = PyUnicode_FromFormat("<afflux.Client %R>", name);
  Py_DECREF(name);
  return repr;
}

static PyGetSetDef client_getset[] = {
    {"name", client_get_name, NULL, "The name given at creation, '' without one."},
    {"handle", client_get_handle, NULL, "The address of the library's afflux_client, borrowed."},
    {NULL},
};

static PyMethodDef client_methods[] = {
    {"count_requests", count_requests, METH_VARARGS,
     "count_requests($self, request_class, n=1, /)\n--\n\nCount n requests of a class, 0 to 3."},
    {"count_bytes", count_bytes, METH_O, "count_bytes($self, n, /)\n--\n\nCount n bytes."},
    {"set_run_bytes", set_run_bytes, METH_O,
     "set_run_bytes($self, n, /)\n--\n\n"
     "Set the bytes of the current run, as known from a source that counts from 0 in each run."},
    {"begin_run", begin_run, METH_NOARGS,
     "begin_run($self)\n--\n\nBegin a run: its bytes, speed, position and drift begin at 0."},
    {"count_response", count_response, METH_O,
     "count_response($self, code, /)\n--\n\n"
     "Count a response by its status code. 400 to 599 have a slot each, all others share one."},
    {"count_reconnection", count_reconnection, METH_NOARGS,
     "count_reconnection($self)\n--\n\nCount a reconnection."},
    {"count_timeout", count_timeout, METH_NOARGS, "count_timeout($self)\n--\n\nCount a timeout."},
    {"count_lines", count_lines, METH_VARARGS,
     "count_lines($self, pipeline, read, dropped=0, /)\n--\n\n"
     "Count lines of a pipeline, 0 or 1: `read` that arrived, `dropped` of them that were thrown\n"
     "away."},
    {"set_speed", set_speed, METH_O,
     "set_speed($self, speed, /)\n--\n\n"
     "Set how fast the client runs, 1 being as fast as it should. See stall_speed."},
    {"set_position", set_position, METH_O,
     "set_position($self, seconds, /)\n--\n\n"
     "Set how far the client has come in the current run. The drift is by how much that lags\n"
     "behind the time since the run began."},
    {"responses", client_responses, METH_O,
     "responses($self, code, /)\n--\n\n"
     "How many responses had that code; for one outside of 400 to 599 all such."},
    {"summary", client_summary, METH_NOARGS,
     "summary($self)\n--\n\nWhat it has done, as ClientSummary; exact at rest."},
    {"from_handle", client_from_handle, METH_O | METH_CLASS,
     "from_handle($type, address, /)\n--\n\n"
     "A client of another language in this process, by the address of its afflux_client, which\n"
     "must be valid for the call. Takes a reference."},
    {NULL},
};

PyTypeObject Client_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux.Client",
    .tp_doc =
        "Client(name=None, *, classes=('0', '1', '2', '3'), pipelines=('0', '1'),\n"
        "       stall_speed=0.9, stall_after=5.0)\n--\n\n"
        "Counts for a tenant, a connection or a worker process: what it calls by itself, and what\n"
        "the requests did that name it, acquire(client=…). A speed below stall_speed is a stall\n"
        "once it has lasted for stall_after seconds (None: never).",
    .tp_basicsize = sizeof(Client),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = client_new,
    .tp_dealloc = client_dealloc,
    .tp_repr = client_repr,
    .tp_weaklistoffset = offsetof(Client, weakrefs),
    .tp_getset = client_getset,
    .tp_methods = client_methods,
};
