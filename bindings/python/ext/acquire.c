/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The awaitables. One of acquire() is its own iterator and takes free permits in its first step,
 * without a suspension. Else it queues, and awaits a future of its loop as if by `yield from`.
 *
 * It has the methods of a coroutine, so that asyncio.create_task() and wait_for() take it.
 */
#include "afflux_python.h"

#include "fastpath.h"

enum { ACQUIRE_NEW, ACQUIRE_WAITING, ACQUIRE_DONE };

typedef struct {
  PyObject_HEAD PyObject *target; /* as for request_start() */
  Terms terms;                    /* with references to its tag, client and tenant */
  int step;                       /* ACQUIRE_… */
  wait *w;                        /* while ACQUIRE_WAITING; the awaitable's reference */
  PyObject *future_iter;          /* likewise */
  bool is_tracked;                /* all its life: it may be part of a cycle at any time */
  bool keeps_result;              /* of `async with`: __aexit__() gives it back */
  PyObject *held;                 /* within that: the result */
} Acquire;

enum { SPARE_MAX = 64 };
#if KEEPS_SPARES
static Acquire *spare[SPARE_MAX];
static int spare_count;
#endif

/* Whether what it refers to may refer to it: objects of subclasses have attributes. Else it may be
   part of a cycle only while it waits, by its future, and the collector need not know it before. */
static bool may_close_a_cycle(PyObject *target, const Terms *terms) {
  return !(Py_IS_TYPE(target, &Semaphore_Type) || Py_IS_TYPE(target, &Event_Type)) ||
         (terms->tag != NULL && !PyUnicode_CheckExact(terms->tag)) ||
         (terms->client != NULL && !Py_IS_TYPE(terms->client, &Client_Type)) ||
         (terms->tenant != NULL && !Py_IS_TYPE(terms->tenant, &Tenant_Type));
}

PyObject *acquire_new(PyObject *target, const Terms *terms) {
  Acquire *self;
#if KEEPS_SPARES
  if (spare_count > 0) {
    self = spare[--spare_count];
    PyObject_Init((PyObject *)self, &Acquire_Type);
  } else
#endif
  {
    self = PyObject_GC_New(Acquire, &Acquire_Type);
    if (self == NULL) return NULL;
  }
  self->target = Py_NewRef(target);
  self->terms = *terms;
  Py_XINCREF(self->terms.tag);
  Py_XINCREF(self->terms.client);
  Py_XINCREF(self->terms.tenant);
  self->step = ACQUIRE_NEW;
  self->w = NULL;
  self->future_iter = NULL;
  self->keeps_result = false;
  self->held = NULL;
  self->is_tracked = may_close_a_cycle(target, terms);
  if (self->is_tracked) PyObject_GC_Track(self);
  return (PyObject *)self;
}

static void stop_waiting(Acquire *self, bool leave) {
  if (!self->is_tracked) PyObject_GC_UnTrack(self);
  self->step = ACQUIRE_DONE;
  wait *w = self->w;
  self->w = NULL;
  if (w != NULL) {
    if (leave)
      wait_leave(w);
    else
      wait_finish(w);
  }
  Py_CLEAR(self->future_iter);
}

static int acquire_traverse(PyObject *op, visitproc visit, void *arg) {
  Acquire *self = (Acquire *)op;
  Py_VISIT(self->target);
  Py_VISIT(self->terms.tag);
  Py_VISIT(self->terms.client);
  Py_VISIT(self->terms.tenant);
  Py_VISIT(self->future_iter);
  Py_VISIT(self->held);
  /* relaxed: the other threads stand still. */
  if (self->w != NULL) {
    PyObject *future = atomic_load_explicit(&self->w->future, memory_order_relaxed);
    Py_VISIT(future);
  }
  return 0;
}

static int acquire_clear(PyObject *op) {
  Acquire *self = (Acquire *)op;
  if (self->step == ACQUIRE_WAITING) stop_waiting(self, true);
  Py_CLEAR(self->held);
  return 0;
}

static void acquire_dealloc(PyObject *op) {
  Acquire *self = (Acquire *)op;
  PyObject_GC_UnTrack(self);
  if (self->step != ACQUIRE_DONE) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (self->step == ACQUIRE_WAITING) {
      stop_waiting(self, true);
    } else if (self->terms.kind != REQUEST_ENTER) {
      static const char *const calls[] = {
          [REQUEST_PERMIT] = "Semaphore.acquire",
          [REQUEST_EVENT] = "Event.wait",
          [REQUEST_IDLE] = "Semaphore.wait_idle",
          [REQUEST_ANY] = "any_of",
          [REQUEST_ALL] = "all_of",
      };
      const bool of_tenant = self->terms.tenant != NULL;
      if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "afflux.%s() was never awaited",
                           of_tenant ? "Tenant.acquire" : calls[self->terms.kind]) < 0) {
        PyErr_WriteUnraisable(NULL);
      }
    }
    PyErr_Restore(type, value, traceback);
  }
  Py_CLEAR(self->held);
  Py_CLEAR(self->terms.tag);
  Py_CLEAR(self->terms.client);
  Py_CLEAR(self->terms.tenant);
  Py_CLEAR(self->target);
#if KEEPS_SPARES
  if (spare_count < SPARE_MAX) {
    spare[spare_count++] = self;
    return;
  }
#endif
  PyObject_GC_Del(self);
}

static PyObject *result_of(Acquire *self, const request_memory *memory, afflux_status status) {
  self->step = ACQUIRE_DONE;
  PyObject *result = request_result(self->target, &self->terms, memory, status);
  if (self->keeps_result) self->held = Py_XNewRef(result);
  return result;
}

/* The end of a wait whose completion has come. */
static PySendResult complete(Acquire *self, PyObject **ret_result) {
  wait *w = self->w;
  self->w = NULL; /* first: it is this call's now, whatever runs while the result is made */
  stop_waiting(self, false);
  *ret_result = result_of(self, &w->memory, w->status);
  wait_finish(w);
  return *ret_result == NULL ? PYGEN_ERROR : PYGEN_RETURN;
}

/* Pass `value` to the future's iterator. */
static PySendResult resume(Acquire *self, PyObject *value, PyObject **ret_result) {
  PyObject *iter = Py_NewRef(self->future_iter);
  const PySendResult sent = PyIter_Send(iter, value, ret_result);
  Py_DECREF(iter);
  if (sent == PYGEN_NEXT) return sent;
  if (self->step != ACQUIRE_WAITING) { /* close() came within */
    if (sent == PYGEN_ERROR) return sent;
    Py_CLEAR(*ret_result);
    PyErr_SetString(PyExc_RuntimeError, "closed while it waited");
    return PYGEN_ERROR;
  }
  if (sent == PYGEN_RETURN) {
    Py_CLEAR(*ret_result);
    /* acquire, here and below: pairs with wait_wake(); the status is there. */
    if (atomic_load_explicit(&self->w->state, memory_order_acquire) == WAIT_COMPLETED)
      return complete(self, ret_result);
    PyErr_SetString(PyExc_RuntimeError, "the future of this wait was completed by another");
  }
  stop_waiting(self, true);
  return PYGEN_ERROR;
}

static int await_future(Acquire *self, PyObject *box) {
  PyObject *future = mailbox_create_future(box);
  if (future == NULL) return -1;
  /* release: pairs with the exchange of the thread that takes it. */
  atomic_store_explicit(&self->w->future, future, memory_order_release);
  const PyAsyncMethods *methods = Py_TYPE(future)->tp_as_async;
  if (methods == NULL || methods->am_await == NULL) {
    PyErr_Format(PyExc_TypeError, "the loop's future is a %.100s, which cannot be awaited",
                 Py_TYPE(future)->tp_name);
    return -1;
  }
  self->future_iter = methods->am_await(future);
  return self->future_iter == NULL ? -1 : 0;
}

/* Permits were not free: queue. */
static PySendResult start(Acquire *self, PyObject **ret_result) {
  *ret_result = NULL;
  self->step = ACQUIRE_DONE;
  PyObject *box = mailbox_of_running_loop();
  if (box == NULL) return PYGEN_ERROR;
  wait *w = wait_new(mailbox_core(box), self->target, &self->terms);
  if (w == NULL) {
    Py_DECREF(box);
    return PYGEN_ERROR;
  }
  collect collected;
  collect_begin(&collected);
  const afflux_status status = request_start(self->target, &self->terms, wait_wake, w, &w->memory);
  collect_end(&collected);
  PySendResult sent = PYGEN_ERROR;
  if (status != AFFLUX_PENDING) {
    collect_deliver(&collected);
    *ret_result = result_of(self, &w->memory, status);
    wait_discard(w);
    sent = *ret_result == NULL ? PYGEN_ERROR : PYGEN_RETURN;
  } else {
    self->w = w;
    self->step = ACQUIRE_WAITING;
    if (!self->is_tracked) PyObject_GC_Track(self);
    const int awaits = await_future(self, box);
    collect_deliver(&collected); /* the wait itself may be in there */
    if (awaits < 0) stop_waiting(self, true);
    /* Asked now: what ran while the future was made may have delivered to none. */
    else if (atomic_load_explicit(&w->state, memory_order_acquire) == WAIT_COMPLETED)
      sent = complete(self, ret_result);
    else
      sent = resume(self, Py_None, ret_result);
  }
  Py_DECREF(box);
  return sent;
}

static PySendResult send_unguarded(PyObject *op, PyObject *value, PyObject **ret_result) {
  Acquire *self = (Acquire *)op;
  *ret_result = NULL;
  if (self->step == ACQUIRE_WAITING) return resume(self, value, ret_result);
  if (self->step == ACQUIRE_DONE) {
    PyErr_SetString(PyExc_RuntimeError, "cannot reuse an already awaited acquire() or wait()");
    return PYGEN_ERROR;
  }
  /* What a client counts, and a tenant holds, the library has to know. */
  if (self->terms.kind <= REQUEST_PERMIT && self->terms.client == NULL &&
      self->terms.tenant == NULL) {
    Semaphore *sem = (Semaphore *)self->target;
    if (fast_acquire(sem->sem, sem->fast, self->terms.permits)) {
      *ret_result = result_of(self, NULL, AFFLUX_OK);
      return *ret_result == NULL ? PYGEN_ERROR : PYGEN_RETURN;
    }
  }
  return start(self, ret_result);
}

static PySendResult acquire_send(PyObject *op, PyObject *value, PyObject **ret_result) {
  PySendResult sent;
  CRITICAL(op, sent = send_unguarded(op, value, ret_result));
  return sent;
}

static PyObject *as_generator(PySendResult sent, PyObject *result) {
  if (sent == PYGEN_RETURN) {
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
    if (stop == NULL) {
      held_drop(result);
      return NULL;
    }
    PyErr_SetObject(PyExc_StopIteration, stop);
    Py_DECREF(stop);
    Py_CLEAR(result);
  }
  return result;
}

static PyObject *acquire_iternext(PyObject *op) {
  PyObject *result;
  const PySendResult sent = acquire_send(op, Py_None, &result);
  return as_generator(sent, result);
}

static PyObject *acquire_send_method(PyObject *op, PyObject *value) {
  PyObject *result;
  const PySendResult sent = acquire_send(op, value, &result);
  return as_generator(sent, result);
}

static void give_up(Acquire *self) {
  if (self->step == ACQUIRE_WAITING) stop_waiting(self, true);
  self->step = ACQUIRE_DONE;
}

static PyObject *acquire_throw(PyObject *op, PyObject *args) {
  PyObject *type, *value = NULL, *traceback = NULL;
  if (!PyArg_UnpackTuple(args, "throw", 1, 3, &type, &value, &traceback)) return NULL;
  if (traceback == Py_None) traceback = NULL;
  if (traceback != NULL && !PyTraceBack_Check(traceback)) {
    PyErr_SetString(PyExc_TypeError, "throw() third argument must be a traceback object");
    return NULL;
  }
  if (PyExceptionInstance_Check(type)) {
    if (value != NULL && value != Py_None) {
      PyErr_SetString(PyExc_TypeError, "instance exception may not have a separate value");
      return NULL;
    }
    value = type;
    type = PyExceptionInstance_Class(type);
    Py_INCREF(value);
    Py_INCREF(type);
    traceback = traceback != NULL ? Py_NewRef(traceback) : PyException_GetTraceback(value);
  } else if (PyExceptionClass_Check(type)) {
    Py_INCREF(type);
    Py_XINCREF(value);
    Py_XINCREF(traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
  } else {
    PyErr_Format(PyExc_TypeError,
                 "exceptions must be classes or instances deriving from "
                 "BaseException, not %.100s",
                 Py_TYPE(type)->tp_name);
    return NULL;
  }
  CRITICAL(op, give_up((Acquire *)op));
  PyErr_Restore(type, value, traceback);
  return NULL;
}

static PyObject *acquire_close(PyObject *op, PyObject *unused) {
  CRITICAL(op, give_up((Acquire *)op));
  Py_RETURN_NONE;
}

/* ---- async with sem.acquire(…) ----------------------------------------------------------------
 */

/* The result is kept for __aexit__(): step by step the same as the bare awaitable. */
static PyObject *acquire_aenter(PyObject *op, PyObject *unused) {
  Acquire *self = (Acquire *)op;
  const enum request_kind kind = self->terms.kind;
  if (kind != REQUEST_PERMIT && kind != REQUEST_ANY && kind != REQUEST_ALL) {
    PyErr_SetString(PyExc_TypeError,
                    "only acquire(), any_of() and all_of() are context managers; await this");
    return NULL;
  }
  if (self->step != ACQUIRE_NEW || self->keeps_result) {
    PyErr_SetString(PyExc_RuntimeError, "cannot reuse an already awaited acquire()");
    return NULL;
  }
  self->keeps_result = true;
  return Py_NewRef(op);
}

static PyObject *acquire_aexit(PyObject *op, PyObject *const *args, Py_ssize_t nargs) {
  Acquire *self = (Acquire *)op;
  PyObject *held;
  CRITICAL(op, (held = self->held, self->held = NULL));
  if (held != NULL) {
    const int released = held_release(held);
    Py_DECREF(held);
    if (released < 0) return NULL;
  }
  return Py_NewRef(ready);
}

static PyMethodDef acquire_methods[] = {
    {"send", acquire_send_method, METH_O, NULL},
    {"throw", acquire_throw, METH_VARARGS, NULL},
    {"close", acquire_close, METH_NOARGS, NULL},
    {"__aenter__", acquire_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)(void *)acquire_aexit, METH_FASTCALL, NULL},
    {NULL},
};

static PyAsyncMethods acquire_async = {.am_await = PyObject_SelfIter, .am_send = acquire_send};

PyTypeObject Acquire_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux._afflux.Acquire",
    .tp_doc =
        "What acquire(), wait(), any_of() and all_of() return: await it once, or (not wait) use\n"
        "`async with`.",
    .tp_basicsize = sizeof(Acquire),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = acquire_dealloc,
    .tp_traverse = acquire_traverse,
    .tp_clear = acquire_clear,
    .tp_as_async = &acquire_async,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = acquire_iternext,
    .tp_methods = acquire_methods,
};

/* ---- Ready at once ----------------------------------------------------------------------------
 */

static PySendResult ready_send(PyObject *op, PyObject *value, PyObject **ret_result) {
  *ret_result = Py_NewRef(Py_None);
  return PYGEN_RETURN;
}

static PyObject *ready_iternext(PyObject *op) { return NULL; }

static PyAsyncMethods ready_async = {.am_await = PyObject_SelfIter, .am_send = ready_send};

PyTypeObject Ready_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "afflux._afflux._Ready",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_as_async = &ready_async,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = ready_iternext,
};
