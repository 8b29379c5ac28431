/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The module: exceptions, and what requests of semaphores and events have in common. */
#include "afflux_python.h"

#include <string.h>

PyObject *ready;
PyObject *error_base, *error_closed, *error_rejected, *error_too_large;

PyObject *raise_status(afflux_status status) {
  const char *text = afflux_strerror(status);
  switch (status) {
    case AFFLUX_ECLOSED:
      PyErr_SetString(error_closed, "the semaphore is closed");
      break;
    case AFFLUX_EREJECTED:
      PyErr_SetString(error_rejected, "a queue limit refused or dropped the request");
      break;
    case AFFLUX_E2BIG:
      PyErr_SetString(error_too_large, "more permits than the semaphore's limit");
      break;
    case AFFLUX_EAGAIN:
    case AFFLUX_ETIMEDOUT:
      PyErr_SetString(PyExc_TimeoutError, "no permits in time");
      break;
    case AFFLUX_EINVAL:
      PyErr_SetString(PyExc_ValueError, text);
      break;
    case AFFLUX_EOVERFLOW:
      PyErr_SetString(PyExc_ValueError, "more permits released than are held, or too many");
      break;
    case AFFLUX_ENOMEM:
      PyErr_NoMemory();
      break;
    case AFFLUX_EOS: {
      PyObject *args = Py_BuildValue("(is)", (int)afflux_last_os_error(), text);
      if (args != NULL) PyErr_SetObject(PyExc_OSError, args);
      Py_XDECREF(args);
      break;
    }
    default:
      PyErr_SetString(error_base, text);
      break;
  }
  return NULL;
}

afflux_status request_start(PyObject *target, const Terms *terms, afflux_wake_fn wake, void *ctx,
                            afflux_waiter *waiter) {
  afflux_request request;
  afflux_request_init(&request);
  request.permits = terms->permits;
  request.priority = terms->priority;
  request.cost_bytes = terms->cost;
  request.timeout_ns = terms->timeout_ns;
  request.wake = wake;
  request.ctx = ctx;
  if (terms->kind == REQUEST_EVENT) {
    return afflux_event_wait_async(((Event *)target)->event, &request, waiter);
  }
  afflux_sem *sem = ((Semaphore *)target)->sem;
  return terms->kind == REQUEST_IDLE ? afflux_sem_wait_idle_async(sem, &request, waiter)
                                     : afflux_sem_acquire_async(sem, &request, waiter);
}

PyObject *request_result(PyObject *target, const Terms *terms, afflux_status status) {
  if (status == AFFLUX_OK) {
    if (terms->kind == REQUEST_PERMIT) {
      return permit_new((Semaphore *)target, terms->permits, terms->tag);
    }
    return Py_NewRef(terms->kind == REQUEST_EVENT ? Py_True : Py_None);
  }
  if (terms->kind >= REQUEST_EVENT && (status == AFFLUX_EAGAIN || status == AFFLUX_ETIMEDOUT)) {
    PyErr_SetString(PyExc_TimeoutError, "the time ran out");
    return NULL;
  }
  return raise_status(status);
}

void request_undo(PyObject *target, const Terms *terms) {
  if (terms->kind <= REQUEST_PERMIT) {
    COLLECTING(afflux_sem_release(((Semaphore *)target)->sem, terms->permits));
  } else if (terms->kind == REQUEST_EVENT && !((Event *)target)->manual_reset) {
    COLLECTING(afflux_event_notify_one(((Event *)target)->event));
  }
}

static int add_exception(PyObject *module, PyObject **ret_error, const char *name, const char *doc,
                         PyObject *bases) {
  *ret_error = PyErr_NewExceptionWithDoc(name, doc, bases, NULL);
  if (*ret_error == NULL) return -1;
  return PyModule_AddObjectRef(module, strrchr(name, '.') + 1, *ret_error);
}

static int add_exceptions(PyObject *module) {
  if (add_exception(module, &error_base, "afflux.Error", "Base of this package's exceptions.",
                    NULL) < 0) {
    return -1;
  }
  PyObject *both = PyTuple_Pack(2, error_base, PyExc_ValueError);
  if (both == NULL) return -1;
  int failed =
      add_exception(module, &error_closed, "afflux.Closed", "The semaphore is closed.", error_base);
  failed |= add_exception(module, &error_rejected, "afflux.Rejected",
                          "A queue limit refused or dropped the request.", error_base);
  failed |= add_exception(module, &error_too_large, "afflux.TooLarge",
                          "More permits than the limit: the request could never be served.", both);
  Py_DECREF(both);
  return failed;
}

static int module_exec(PyObject *module) {
  PyTypeObject *const types[] = {&Semaphore_Type, &Event_Type,   &Permit_Type,   &Acquire_Type,
                                 &Ready_Type,     &Mailbox_Type, &Registry_Type, NULL};
  for (PyTypeObject *const *type = types; *type != NULL; ++type) {
    if (PyType_Ready(*type) < 0) return -1;
  }
  if (ready == NULL) ready = (PyObject *)PyObject_New(PyObject, &Ready_Type);
  if (ready == NULL || add_exceptions(module) < 0 || stats_init(module) < 0 ||
      mailbox_init(module) < 0) {
    return -1;
  }
  if (PyModule_AddType(module, &Semaphore_Type) < 0 || PyModule_AddType(module, &Event_Type) < 0 ||
      PyModule_AddType(module, &Permit_Type) < 0 || PyModule_AddType(module, &Registry_Type) < 0 ||
      PyModule_AddType(module, &Acquire_Type) < 0) {
    return -1;
  }
  return PyModule_AddStringConstant(module, "__version__", afflux_version_string());
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
#ifdef Py_mod_multiple_interpreters
    /* Its types and mailboxes are the process'. */
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "afflux._afflux",
    .m_doc = "The extension behind afflux.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__afflux(void) { return PyModuleDef_Init(&module_def); }
