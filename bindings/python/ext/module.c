/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The module: exceptions, and what requests of semaphores and events have in common. */
#include "afflux_python.h"

PyObject *ready;
PyObject *error_base, *error_closed, *error_rejected, *error_too_large;

PyObject *raise_status(afflux_status status) {
  const char *text = afflux_strerror(status);
  switch (status) {
    case AFFLUX_ECLOSED:
      PyErr_SetString(error_closed, "the semaphore is closed");
      break;
    case AFFLUX_EREJECTED:
      PyErr_SetString(error_rejected,
                      "a queue limit refused or dropped the request, or it was shed");
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

void callback_failed(PyObject *callable) {
  if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
    /* Not this call's: as if the signal came when it has returned. */
    PyErr_Clear();
    PyErr_SetInterrupt();
  } else {
    PyErr_WriteUnraisable(callable);
  }
}

int request_prepare(request_memory *memory, PyObject *target, const Terms *terms) {
  memory->group = NULL;
  if (terms->kind < REQUEST_ANY) return 0;
  memory->group = several_new(target, terms);
  return memory->group == NULL ? -1 : 0;
}

void request_free(request_memory *memory) {
  if (memory->group != NULL) several_free(memory->group);
}

afflux_status request_start(PyObject *target, const Terms *terms, afflux_wake_fn wake, void *ctx,
                            request_memory *memory) {
  afflux_request request;
  afflux_request_init(&request);
  request.flags = terms->flags;
  request.permits = terms->permits;
  request.priority = terms->priority;
  request.cost_bytes = terms->cost;
  request.timeout_ns = terms->timeout_ns;
  request.wake = wake;
  request.ctx = ctx;
  if (terms->client != NULL) request.client = ((Client *)terms->client)->client;
  if (terms->tenant != NULL) request.tenant = ((Tenant *)terms->tenant)->tenant;
  switch (terms->kind) {
    case REQUEST_ENTER:
    case REQUEST_PERMIT:
      return afflux_sem_acquire_async(((Semaphore *)target)->sem, &request, &memory->waiter);
    case REQUEST_EVENT:
      return afflux_event_wait_async(((Event *)target)->event, &request, &memory->waiter);
    case REQUEST_IDLE:
      return afflux_sem_wait_idle_async(((Semaphore *)target)->sem, &request, &memory->waiter);
    default:
      return several_start(memory->group, &request);
  }
}

afflux_status request_cancel(request_memory *memory) {
  return memory->group == NULL ? afflux_waiter_cancel(&memory->waiter)
                               : several_cancel(memory->group);
}

PyObject *request_result(PyObject *target, const Terms *terms, const request_memory *memory,
                         afflux_status status) {
  if (status == AFFLUX_OK) {
    switch (terms->kind) {
      case REQUEST_PERMIT:
        return permit_new((Semaphore *)target, (Tenant *)terms->tenant, terms->permits, terms->tag);
      case REQUEST_EVENT:
        Py_RETURN_TRUE;
      case REQUEST_ENTER:
      case REQUEST_IDLE:
        Py_RETURN_NONE;
      default:
        return several_result(target, terms, memory->group);
    }
  }
  const bool timed_out = status == AFFLUX_EAGAIN || status == AFFLUX_ETIMEDOUT;
  if (timed_out && (terms->kind == REQUEST_EVENT || terms->kind == REQUEST_IDLE)) {
    PyErr_SetString(PyExc_TimeoutError, "the time ran out");
    return NULL;
  }
  return terms->tenant == NULL ? raise_status(status) : raise_tenant_status(status);
}

void request_undo(PyObject *target, const Terms *terms, const request_memory *memory) {
  if (terms->tenant != NULL) {
    COLLECTING(afflux_tenant_release(((Tenant *)terms->tenant)->tenant, terms->permits));
  } else if (terms->kind <= REQUEST_PERMIT) {
    COLLECTING(afflux_sem_release(((Semaphore *)target)->sem, terms->permits));
  } else if (terms->kind == REQUEST_EVENT && !((Event *)target)->manual_reset) {
    COLLECTING(afflux_event_notify_one(((Event *)target)->event));
  } else if (memory->group != NULL) {
    COLLECTING(several_undo(memory->group));
  }
}

/* Makes an exception named "afflux.<name>". */
static int make_exception(PyObject **ret_error, const char *name, const char *doc,
                          PyObject *bases) {
  *ret_error = PyErr_NewExceptionWithDoc(name, doc, bases, NULL);
  return *ret_error == NULL ? -1 : 0;
}

static int exceptions_init(void) {
  if (make_exception(&error_base, "afflux.Error", "Base of this package's exceptions.", NULL) < 0) {
    return -1;
  }
  PyObject *both = PyTuple_Pack(2, error_base, PyExc_ValueError);
  if (both == NULL) return -1;
  int failed =
      make_exception(&error_closed, "afflux.Closed", "The semaphore is closed.", error_base);
  failed |=
      make_exception(&error_rejected, "afflux.Rejected",
                     "A queue limit refused or dropped the request, or it was shed.", error_base);
  failed |= make_exception(&error_too_large, "afflux.TooLarge",
                           "More permits than the limit: the request could never be served.", both);
  Py_DECREF(both);
  return failed;
}

static PyTypeObject *const all_types[] = {
    &Semaphore_Type, &Event_Type,   &Permit_Type,  &Permits_Type,  &Taken_Type,
    &Acquire_Type,   &Ready_Type,   &Mailbox_Type, &Registry_Type, &Client_Type,
    &Control_Type,   &Measure_Type, &Tenant_Type,
};
enum { TYPES = sizeof all_types / sizeof *all_types };

/* What belongs to the process: a second import, after a deletion from sys.modules, finds it. */
static int process_init(void) {
  if (ready != NULL) return 0;
  Permits_Type.tp_base = Taken_Type.tp_base = &PyTuple_Type;
  for (size_t i = 0; i < TYPES; ++i) {
    if (PyType_Ready(all_types[i]) < 0) return -1;
  }
  if (exceptions_init() < 0 || stats_init() < 0 || client_init() < 0 || control_init() < 0 ||
      tenant_init() < 0 || mailbox_init() < 0) {
    return -1;
  }
  ready = (PyObject *)PyObject_New(PyObject, &Ready_Type); /* last: all is there */
  return ready == NULL ? -1 : 0;
}

static int module_exec(PyObject *module) {
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_ImportError, "afflux cannot be imported in a sub-interpreter");
    return -1;
  }
  if (process_init() < 0) return -1;
  for (size_t i = 0; i < TYPES; ++i) {
    if (PyModule_AddType(module, all_types[i]) < 0) return -1;
  }
  PyObject *const errors[] = {error_base, error_closed, error_rejected, error_too_large};
  for (size_t i = 0; i < sizeof errors / sizeof *errors; ++i) {
    if (PyModule_AddType(module, (PyTypeObject *)errors[i]) < 0) return -1;
  }
  if (stats_add_types(module) < 0 || client_add_types(module) < 0 ||
      control_add_types(module) < 0 || tenant_add_types(module) < 0) {
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
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "afflux._afflux",
    .m_doc = "The extension behind afflux.",
    .m_methods = several_functions,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__afflux(void) { return PyModuleDef_Init(&module_def); }
